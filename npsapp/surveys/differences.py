"""What changed between two texts, word by word. Pure."""

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

from npsapp.surveys.rules import Texts

_PIECE = re.compile(r"\s+|\w+|[^\w\s]")
Piece = tuple[str, str]
"""What became of it ("", "del" or "ins"), and the piece itself."""


def between(old: Mapping[str, Texts], new: Mapping[str, Texts]) -> list[tuple[str, str, list[Piece]]]:
    """The texts that differ: part, language, and the pieces."""
    return [
        (part, language, [*_pieces(was, now)])
        for part in dict.fromkeys([*new, *old])
        for language in sorted({*old.get(part, {}), *new.get(part, {})})
        if (was := old.get(part, {}).get(language, "")) != (now := new.get(part, {}).get(language, ""))
    ]


def _pieces(was: str, now: str) -> Iterator[Piece]:
    old, new = _PIECE.findall(was), _PIECE.findall(now)
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield "", "".join(old[a:b])
            continue
        if a < b:
            yield "del", "".join(old[a:b])
        if c < d:
            yield "ins", "".join(new[c:d])
