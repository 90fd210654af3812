"""How to address somebody, proposed from the name in a file; empty wherever a proposal could be wrong.

Russian addresses politely by first name and patronymic, Ukrainian in the vocative. A firm, initials, or a
name that does not show which word is the first name give an empty proposal: the sentence then goes without.
"""

import json
import re
from functools import lru_cache
from pathlib import Path

_DATA = json.loads(Path(__file__).with_name("names.json").read_text("utf-8"))
_FIRM_WORDS, _RU_NAMES, _UK_NAMES, _EN_NAMES = (
    frozenset(" ".join(_DATA[kind]).split()) for kind in ("firms", "ru", "uk", "en")
)
_FOREIGN = _RU_NAMES - _UK_NAMES
_NAMES = {"ru": _RU_NAMES, "uk": _UK_NAMES, "en": _EN_NAMES}
# Vocatives that the endings below do not give (Ukrainian orthography 2019, sections on the vocative case).
_VOCATIVES: dict[str, str] = _DATA["vocatives"]

_QUOTED = re.compile('[«»„“”"]')
_WORD = re.compile(r"[^\W\d_]+(?:[’'ʼ-][^\W\d_]+)*")

_RU_PATRONYMIC = re.compile(r".{2,}(?:ович|евич|ьич|овна|евна|инична|ична)|(?:ильич|фомич|кузьмич|лукич|ильинична)")
_UK_PATRONYMIC = re.compile(r".{2,}(?:ович|йович|івна|ївна)|(?:ілліч|іллівна|яківна|лукич|луківна|кузьмич|хомич)")
# A surname may end like a patronymic (Абрамович, Іванович): a patronymic then stands after the first name.
_RU_ONLY = re.compile("[ыэёъ]")
_UK_ONLY = re.compile("[іїєґ’'ʼ]")


@lru_cache(maxsize=5_000)
def is_firm(name: str) -> bool:
    """Whether a name looks like a firm or an entrepreneur's trade name (ООО, ТОВ, ФОП, Ltd, a name in quotes)."""
    words = {word.casefold() for word in _WORD.findall(name)}
    return bool(_QUOTED.search(name)) or not _FIRM_WORDS.isdisjoint(words)


@lru_cache(maxsize=5_000)
def propose_address(name: str, *, language: str) -> str:
    """How to address this person in that language, or an empty string when the name does not show it."""
    words = [_plain(word) for word in _WORD.findall(name)]
    if not 1 <= len(words) <= 4 or is_firm(name) or any(len(word) < 2 for word in words):
        return ""
    if language == "ru":
        return _russian(words)
    if language == "uk":
        return _ukrainian(words)
    return _only_first_name(words, "en")


def _plain(word: str) -> str:
    return word.casefold().replace("'", "ʼ").replace("’", "ʼ")


def _russian(words: list[str]) -> str:
    if any(_UK_ONLY.search(word) for word in words):
        return ""
    first, patronymic = _first_and_patronymic(words, _RU_PATRONYMIC)
    if first and patronymic:
        return f"{_title(first)} {_title(patronymic)}"
    return _only_first_name(words, "ru")


def _ukrainian(words: list[str]) -> str:
    if any(_RU_ONLY.search(word) or word in _FOREIGN for word in words):
        return ""
    first, patronymic = _first_and_patronymic(words, _UK_PATRONYMIC)
    if first and patronymic:
        return f"{_title(_vocative(first))} {_title(_vocative_of_patronymic(patronymic))}"
    known = _only_first_name(words, "uk")
    return _title(_vocative(known.casefold().replace("’", "ʼ"))) if known else ""


def _first_and_patronymic(words: list[str], pattern: re.Pattern[str]) -> tuple[str, str]:
    """In "Family First Patronymic" and "First Patronymic Family" alike the first name stands before it."""
    for before, word in zip(words, words[1:], strict=False):
        known = before in _RU_NAMES or before in _UK_NAMES
        if pattern.fullmatch(word) and (known or len(words) > 2) and not pattern.fullmatch(before):
            return before, word
    return "", ""


def _only_first_name(words: list[str], language: str) -> str:
    known = [word for word in words if word in _NAMES[language]]
    return _title(known[0]) if len(known) == 1 and len(words) <= 3 else ""


def _vocative(first: str) -> str:
    if first in _VOCATIVES:
        return _VOCATIVES[first]
    for ending, change in (("ія", "іє"), ("ʼя", "ʼє"), ("я", "ю"), ("ко", "ку"), ("а", "о"), ("о", "е")):
        if first.endswith(ending):
            return first.removesuffix(ending) + change
    if first.endswith(("й", "ь")):
        return first[:-1] + "ю"
    return first + "е"


def _vocative_of_patronymic(patronymic: str) -> str:
    return patronymic[:-1] + "о" if patronymic.endswith("а") else patronymic + "у"


def _title(word: str) -> str:
    return "-".join(part[:1].upper() + part[1:] for part in word.replace("ʼ", "’").split("-"))
