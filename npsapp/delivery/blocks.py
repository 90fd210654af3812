"""The notation of letters: plain text in which a line of its own may be a heading, the scale, a picture, a button or
the signature. Pure.

- `# Words` is a heading.
- `[scale]` is the question with its eleven numbers.
- `[picture: file | words for those who do not see it]`
- `[button: words | https://…]`
- `[signature: name | position]`, one line for each part; `[signature]` alone is the name of the brand.

All other lines are text; an empty line begins a new paragraph. Parts are cut at a bar with spaces around it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

_BLOCK = re.compile(r"\[(scale|picture|button|signature)(?::\s*(.*?))?\s*\]")
_BAR = re.compile(r"\s+\|\s+")


class Kind(StrEnum):
    """What a piece of a letter is."""

    TEXT = "text"
    HEADING = "heading"
    SCALE = "scale"
    PICTURE = "picture"
    BUTTON = "button"
    SIGNATURE = "signature"


@dataclass(frozen=True)
class Block:
    """One piece of a letter; `words` in the order of the notation, a paragraph with its line breaks."""

    kind: Kind
    words: tuple[str, ...] = ()

    def said(self, fill: Callable[[str], str]) -> "Block":
        """The same with its words filled in; file names and addresses stay as they are."""
        kept = _KEPT.get(self.kind)
        return replace(self, words=tuple(one if at == kept else fill(one) for at, one in enumerate(self.words)))

    @property
    def texts(self) -> tuple[str, ...]:
        """The words in which placeholders may stand."""
        kept = _KEPT.get(self.kind)
        return tuple(one for at, one in enumerate(self.words) if at != kept)


_KEPT = {Kind.PICTURE: 0, Kind.BUTTON: 1}


@dataclass(frozen=True)
class Words:
    """What a letter to a customer says, filled in: plain text. With `html` the layout is the writer's own."""

    subject: str
    blocks: tuple[Block, ...]
    html: str = ""


def parse(text: str) -> list[Block]:
    """The pieces of a letter in their order."""
    return [*_pieces(text.splitlines())]


def _pieces(lines: list[str]) -> Iterator[Block]:
    paragraph: list[str] = []
    for line in (*(line.strip() for line in lines), ""):
        block = _block(line)
        if line and block is None:
            paragraph.append(line)
            continue
        if paragraph:
            yield Block(Kind.TEXT, ("\n".join(paragraph),))
            paragraph = []
        if block:
            yield block


def _block(line: str) -> Block | None:
    """What a line is by itself; None: text."""
    if line.startswith("# ") and line[2:].strip():
        return Block(Kind.HEADING, (line[2:].strip(),))
    found = _BLOCK.fullmatch(line)
    if found is None:
        return None
    return Block(Kind(found[1]), tuple(filter(None, _BAR.split(found[2] or ""))))
