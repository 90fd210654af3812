"""How names from files are matched, which accent colours can be read, and how a brand is named in a sentence."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from npsapp.lib.texts import N_, text_in

WHITE = "#FFFFFF"
ON_FILL = "#0E141B"  # the dark text on fills, design.md
MIN_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3
DEFAULT_ACCENT = "#1F5FBF"

# Apostrophes are left out and not unified: "Слов’янськ", "Слов'янськ" and "Словянськ" are one town in files.
_QUOTES = str.maketrans("", "", "«»„“”\"'’‘ʼ`´′")
_DASHES = re.compile(r"\s*[-‐‑‒–—−]\s*")
_SPACES = re.compile(r"\s+")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def fold(name: str | None) -> str:
    """The form in which two spellings of one name are equal; an empty string matches nothing.

    Case, ё and е, quotes and apostrophes, kinds of dashes, and spaces do not count; letters of two alphabets
    that only look alike do.
    """
    text = unicodedata.normalize("NFKC", name or "").casefold().translate(_QUOTES).replace("ё", "е")
    return _SPACES.sub(" ", _DASHES.sub("-", text)).strip()


def make_key(name: str) -> str:
    """A proposal for the stable key of a thing with this name: Latin letters, digits and dashes, at most 40."""
    latin = "".join(_LATIN.get(char, char) for char in fold(name))
    plain = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-") or "item"


_LATIN = dict(
    zip(
        "абвгґдеєжзиіїйклмнопрстуфхцчшщъыьэюя",
        [
            "a", "b", "v", "g", "g", "d", "e", "ie", "zh", "z", "i", "i", "i", "i", "k", "l", "m", "n", "o", "p",
            "r", "s", "t", "u", "f", "kh", "ts", "ch", "sh", "shch", "", "y", "", "e", "iu", "ia",
        ],
        strict=True,
    )
)  # fmt: skip


class ColourFault(StrEnum):
    """What is wrong with an accent colour."""

    NOT_A_COLOUR = "not_a_colour"
    UNREADABLE = "unreadable"

    @property
    def label(self) -> str:
        return _COLOUR_FAULTS[self]


_COLOUR_FAULTS = {
    ColourFault.NOT_A_COLOUR: N_(
        "Write the colour as # and six digits or letters A to F, for example #1F5FBF."
    ),
    ColourFault.UNREADABLE: N_(
        "Neither white nor dark text can be read on this colour. Choose a darker or a lighter one."
    ),
}


@dataclass(frozen=True)
class Accent:
    """An accent colour with the text colour that can be read on it, and their contrast (1 to 21)."""

    fill: str
    text: str
    contrast: float


def accent(colour: str) -> Accent | ColourFault:
    """The accent with its readable text colour, or what is wrong with it."""
    if not _HEX.fullmatch(colour.strip()):
        return ColourFault.NOT_A_COLOUR
    fill = colour.strip().upper()
    text = max((WHITE, ON_FILL), key=lambda candidate: contrast(fill, candidate))
    reached = contrast(fill, text)
    return Accent(fill, text, reached) if reached >= MIN_CONTRAST else ColourFault.UNREADABLE


def readable_accent(colour: str | None) -> Accent:
    """The accent for a page: the brand's own, or the program's if that one cannot be used."""
    own = accent(colour or "")
    return own if isinstance(own, Accent) else Accent(DEFAULT_ACCENT, WHITE, contrast(DEFAULT_ACCENT, WHITE))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours `#RRGGBB`, 1 to 21 (WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# "… порекомендуете компанию «…»": where nothing was typed, the name goes into a phrase whose case is right.
_PHRASES = {"ru": "компанию «{name}»", "uk": "компанію «{name}»"}


def company_phrase(language: str, *, names: dict[str, str] | None, phrases: dict[str, str] | None) -> str:
    """The brand in the accusative, as the question needs it: "компанию «…»", "магазин «…»", in English the name."""
    typed = (phrases or {}).get(language, "").strip()
    if typed:
        return typed
    return _PHRASES.get(language, "{name}").replace("{name}", text_in(names, language))


def zone_exists(name: str) -> bool:
    """Whether the computer knows this time zone ("Europe/Kyiv")."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return bool(name)


# The zones offered first; any other may be typed. Names as of tzdata 2022b (Europe/Kyiv).
COMMON_ZONES = (
    "Europe/Kyiv", "Europe/Warsaw", "Europe/Berlin", "Europe/London", "Europe/Chisinau", "Europe/Minsk",
    "Europe/Kaliningrad", "Europe/Moscow", "Europe/Samara", "Asia/Yekaterinburg", "Asia/Omsk", "Asia/Krasnoyarsk",
    "Asia/Irkutsk", "Asia/Yakutsk", "Asia/Vladivostok", "Asia/Magadan", "Asia/Kamchatka", "Asia/Almaty",
    "Asia/Tashkent", "Asia/Tbilisi", "America/New_York", "America/Chicago", "America/Los_Angeles", "UTC",
)  # fmt: skip

# How the columns that people change are called on the pages that say what was saved.
FIELD_NAMES = {
    "name": N_("name"),
    "phrase": N_("words in the question"),
    "postal_address": N_("postal address"),
    "accent": N_("accent colour"),
    "group_colours": N_("colours of the numbers"),
    "language": N_("language"),
    "timezone": N_("time zone"),
    "currency": N_("currency"),
    "contact_email": N_("e-mail address for customers"),
    "aliases": N_("other spellings"),
    "parent_id": N_("place in the tree"),
    "region_id": N_("region"),
    "workdays": N_("working days"),
    "work_from": N_("beginning of work"),
    "work_until": N_("end of work"),
    "confirmed": N_("confirmed"),
}
