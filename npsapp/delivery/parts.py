"""How many parts a short message takes, by its letters (3GPP TS 23.038); pure."""

from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€\f")
"""Letters of the GSM table that take two places: an escape and their own."""
ONE_OF_GSM, MORE_OF_GSM = 160, 153
ONE_OF_UCS2, MORE_OF_UCS2 = 70, 67
BEYOND_UCS2 = 0xFFFF
"""Letters above take two places of UTF-16."""


@dataclass(frozen=True)
class Parts:
    """What a text costs on the way: `parts` messages; `characters` counts places, not letters."""

    parts: int
    characters: int
    unicode: bool
    """One letter outside of the GSM table makes the whole message UCS-2, with less than half the room."""


def count_parts(text: str) -> Parts:
    """Parts, places used and alphabet of a text as it travels. No letter of two places is cut in two; "" has none."""
    unicode = not BASIC.union(EXTENDED).issuperset(text)
    places = [1 + (ord(one) > BEYOND_UCS2 if unicode else one in EXTENDED) for one in text]
    alone, several = (ONE_OF_UCS2, MORE_OF_UCS2) if unicode else (ONE_OF_GSM, MORE_OF_GSM)
    used = sum(places)
    if used <= alone:
        return Parts(int(used > 0), used, unicode)
    parts, room = 1, several
    for one in places:
        if one > room:
            parts, room = parts + 1, several
        room -= one
    return Parts(parts, used, unicode)
