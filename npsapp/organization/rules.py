"""How names from files are matched, which accent colours can be read, and how a brand is named in a sentence."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import available_timezones

from npsapp.lib.texts import N_, Worded, text_in

WHITE = "#FFFFFF"
ON_FILL = "#0E141B"  # the dark text on fills, design.md
MIN_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3
DEFAULT_ACCENT = "#1F5FBF"
# Roles of performers are free text from files; the usual ones are shown in the reader's language.
USUAL_ROLES = (N_("seller"), N_("courier"), N_("assembler"), N_("engineer"), N_("operator"))


class StaffLetters(Worded):
    """How much letters to colleagues tell of a customer: mailboxes are read by more people than one thinks."""

    FULL = "full", N_("everything")
    NO_CONTACT = "no_contact", N_("no e-mail address and no phone number")
    LINK = "link", N_("only the number of the case, the score and a link")


# Apostrophes are left out and not unified: "Слов’янськ", "Слов'янськ" and "Словянськ" are one town in files.
_QUOTES = str.maketrans("", "", "«»„“”\"'’‘ʼ`´′")
_DASHES = re.compile(r"\s*[-‐‑‒–—−]\s*")
_SPACES = re.compile(r"\s+")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@lru_cache(maxsize=20_000)
def fold(name: str | None) -> str:
    """The form in which two spellings of one name are equal; an empty string matches nothing.

    Case, ё and е, quotes and apostrophes, kinds of dashes, and spaces do not count; letters of two alphabets
    that only look alike do.
    """
    text = unicodedata.normalize("NFKC", name or "").casefold().translate(_QUOTES).replace("ё", "е")
    return _SPACES.sub(" ", _DASHES.sub("-", text)).strip()


def upwards(id_: int | None, parents: Mapping[int, int | None]) -> list[int]:
    """What lies in others, what that lies in, and so on, as far as it is known; ends at a circle made by mistake."""
    path: list[int] = []
    while id_ is not None and id_ in parents and id_ not in path:
        path.append(id_)
        id_ = parents[id_]
    return path


def lookup(rows: Iterable[tuple[int, Sequence[Iterable[str]]]]) -> dict[str, int]:
    """Folded word → id, from (id, words by rank); a word of an earlier rank outweighs one of a later."""
    known = list(rows)
    found: dict[str, int] = {}
    for rank in range(max((len(ranks) for _, ranks in known), default=0)):
        for id_, ranks in known:
            for word in ranks[rank]:
                found.setdefault(fold(word), id_)
    found.pop("", None)
    return found


def make_key(name: str) -> str:
    """A proposal for the stable key of a thing with this name: Latin letters, digits and dashes, at most 40."""
    latin = "".join(_LATIN.get(char, char) for char in fold(name))
    plain = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-") or "item"


_LATIN: dict[str, str] = json.loads(Path(__file__).with_name("latin.json").read_text("utf-8"))


NOT_A_COLOUR = N_("Write the colour as # and six digits or letters A to F, for example #1F5FBF.")
UNREADABLE = N_(
    "Text on this colour has a contrast of %(ratio)s to 1; it needs 4.5 to 1 to be read. "
    "The next readable colour is %(proposal)s."
)


@dataclass(frozen=True)
class Accent:
    """An accent colour with the text colour that can be read on it."""

    fill: str
    text: str


def accent_fault(colour: str) -> tuple[str, dict[str, str]] | None:
    """What is wrong with an accent colour: the wording and its values; or None."""
    if not _HEX.fullmatch(colour):
        return NOT_A_COLOUR, {}
    ratio = contrast(colour, _text_on(colour))
    if ratio >= MIN_CONTRAST:
        return None
    # Rounded down: 4.48 is not enough and must not be shown as 4.5.
    return UNREADABLE, {"ratio": f"{int(ratio * 10) / 10}", "proposal": shade(colour, on=WHITE, towards=ON_FILL)}


def shade(colour: str, *, on: str, towards: str) -> str:
    """`colour`, moved in steps of a tenth towards another one until it can be read on `on`."""
    for tenth in range(11):
        mixed = _mixed(colour, towards, tenth / 10)
        if contrast(mixed, on) >= MIN_CONTRAST:
            return mixed
    return towards


def _mixed(one: str, other: str, share: float) -> str:
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def readable_accent(colour: str | None) -> Accent:
    """The accent for a page: the brand's own, or the program's if that one cannot be used."""
    fill = DEFAULT_ACCENT if accent_fault(colour or "") else (colour or "").upper()
    return Accent(fill, _text_on(fill))


def _text_on(fill: str) -> str:
    return max((WHITE, ON_FILL), key=lambda text: contrast(fill, text))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours `#RRGGBB`, 1 to 21 (WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# "… порекомендуете компанию «…»": where nothing was typed, the name goes into a phrase whose case is right.
_INNER = str.maketrans("«»", "„“")
_PHRASES = {"ru": "компанию «{name}»", "uk": "компанію «{name}»"}


def company_phrase(language: str, *, names: dict[str, str] | None, phrases: dict[str, str] | None) -> str:
    """The brand in the accusative, as the question needs it: "компанию «…»", "магазин «…»", in English the name."""
    typed = (phrases or {}).get(language, "").strip()
    if typed:
        return typed
    return with_name(_PHRASES.get(language, "{name}"), text_in(names, language))


def with_name(phrase: str, name: str) -> str:
    """The phrase with the name in it; inside quotation marks its own become inner ones: «Кав’ярня „Зерно“»."""
    return phrase.replace("{name}", name.translate(_INNER) if "«" in phrase else name)


# The zones offered first; any other may be typed. Names as of tzdata 2022b (Europe/Kyiv).
COMMON_ZONES = tuple(Path(__file__).with_name("zones.txt").read_text("utf-8").split())
_CONTINENTS = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


@cache
def zones() -> tuple[str, ...]:
    """All zones to choose from: the usual ones first, then the others by name."""
    others = sorted(name for name in available_timezones() if name.startswith(_CONTINENTS))
    return (*COMMON_ZONES, *(name for name in others if name not in COMMON_ZONES))
