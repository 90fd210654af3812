"""Invented people and firms: names in three languages, forms of address, addresses nobody has."""

import re
from random import Random

from npsapp.demo.company import sections

_NAMES = sections("names")
_LATIN = str.maketrans({letter: latin for letter, _, latin in (row.partition(" ") for row in _NAMES["latin"])})

MAIL_DOMAINS = ("example.com", "example.org", "example.net")
"""Reserved for examples (RFC 2606): a letter to them reaches nobody."""

MOBILE_CODES = ("50", "63", "66", "67", "68", "73", "93", "95", "96", "97", "98", "99")
"""Codes of mobile networks; all numbers of the demo continue with 000, which no network hands out."""


def person(chance: Random, language: str) -> tuple[str, str]:
    """Somebody's name as written and as spoken to: Ukrainians in the vocative, both politely by patronymic."""
    if language == "en":
        first = chance.choice(_NAMES["english_names"])
        return f"{first} {chance.choice(_NAMES['english_surnames'])}", first
    sex = chance.choice(("men", "women"))
    uk, called, ru = chance.choice(_NAMES[sex]).split()
    father_uk, father_called, father_ru = chance.choice(_NAMES[f"fathers_of_{sex}"]).split()
    surname_uk, surname_ru = chance.choice(_NAMES["surnames"]).split()
    if language == "ru":
        return f"{surname_ru} {ru} {father_ru}", f"{ru} {father_ru}"
    return f"{surname_uk} {uk} {father_uk}", f"{called} {father_called}"


def firm(chance: Random, language: str, segment: str) -> tuple[str, str]:
    """A firm of that segment, never spoken to by name; in English its name stays Ukrainian."""
    russian = language == "ru"
    parts = [chance.choice(_NAMES[part]).split()[russian] for part in ("firm_heads", "firm_tails")]
    return chance.choice(_NAMES[f"{segment}_{'ru' if russian else 'uk'}"]).format("".join(parts)), ""


def email(name: str, number: int) -> str:
    """An address made from a name, lower case; `number` makes it the only one."""
    words = re.findall("[a-z]+", name.lower().translate(_LATIN))
    return f"{'.'.join(words[:2])}{number}@{MAIL_DOMAINS[number % len(MAIL_DOMAINS)]}"


def phone(number: int) -> str:
    """+380 CC 000 xx xx, another one for each `number` from 1 to 100,000."""
    tail, code = divmod(number + len(MOBILE_CODES), len(MOBILE_CODES))
    # 7919 and 10000 have no common divisor: the tails look mixed and never repeat.
    return f"+380{MOBILE_CODES[code]}000{tail * 7919 % 10_000:04d}"
