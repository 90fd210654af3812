"""How a survey page reads and looks: the frozen words for one customer, and the brand's one stylesheet."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import current_app
from markupsafe import escape

from npsapp.db import Texts
from npsapp.i18n import speaking
from npsapp.invitations import rendering as letters
from npsapp.lib import tokens
from npsapp.lib.clock import local_date
from npsapp.lib.texts import text_in
from npsapp.organization.rules import ON_FILL, WHITE, readable_accent, shade
from npsapp.responses.queries import Link
from npsapp.responses.rules import COMMENT_MAX
from npsapp.surveys.placeholders import STOPS, spoken_day
from npsapp.surveys.rules import Question, Questionnaire, Wording, filled, is_further, typed

DARK_PAPER = "#11161D"


def purchase_of(link: Link, language: str) -> dict[str, str]:
    """What the placeholders about one customer's purchase stand for, each on one line."""
    if link.happened_at is None:  # whoever comes by an open link is asked about the place
        place = text_in(_texts(link.unit_name or link.region_name or "{}"), language)
        return dict.fromkeys(("name", "title", "number", "date"), "") | {"place": place}
    values = letters.about_purchase(
        language,
        name=link.address_as if link.address_as and not link.is_firm else "",
        purchase=link,
        zone_name=link.zone,
        place=_texts(link.unit_name or link.region_name or "{}"),
    )
    return {name: " ".join(value.split()) for name, value in values.items()}


def wording_of(link: Link, language: str) -> Wording:
    """The words of the version this customer was invited with, whatever the survey says today."""
    about = purchase_of(link, language)
    return worded(link.content, language, link.brand_name, link.brand_phrase, tuple(about.items()))


def worded(
    content: str | None, language: str, brand: str, phrase: str, purchase: tuple[tuple[str, str], ...]
) -> Wording:
    """The same from single facts: JSON as the database has it, and what is known of the purchase."""
    known = dict(purchase)
    about = letters.about_brand(language, names=_texts(brand), phrases=_texts(phrase))
    words = filled(_typed(content or NOTHING, language), known | about)
    return replace(words, naming=known["place"]) if known.get("date") == "" else words


NOTHING = '{"questions": [], "texts": {}}'


@lru_cache(maxsize=256)
def further_of(content: str) -> tuple[Question, ...]:
    """What a version asks besides score, why and plain offer of contact, kept by its JSON."""
    return tuple(filter(is_further, Questionnaire.from_json(json.loads(content or NOTHING)).questions))


@lru_cache(maxsize=256)
def _typed(content: str, language: str) -> Wording:
    """The texts of a version, kept by its JSON: reading that costs more than the page."""
    return typed(Questionnaire.from_json(json.loads(content)), language)


@lru_cache(maxsize=4096)
def _texts(stored: str) -> Texts:
    """A text in all languages as the database has it, or none."""
    texts: Texts = json.loads(stored) or {}
    return texts


@lru_cache(maxsize=256)
def listed(stored: str) -> tuple[str, ...]:
    """A list as the database has it."""
    return tuple(json.loads(stored))


def said_in(stored: str, language: str) -> str:
    """As `text_in`, for texts as the database has them."""
    return text_in(_texts(stored), language)


# ---- pages put together from pieces ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Frame:
    """What a page says alike to many visitors: those of a brand, a version and a language. One object for all."""

    page: Mapping[str, Any]
    wording: Any = None


def page(template: str, frame: Frame, values: Mapping[str, Mapping[str, Any]]) -> str:
    """A survey page. `values` are what its template calls `page`, `form` and, under "said", by their bare names.

    The template itself runs once for all pages of a frame that differ in nothing but texts, which are put in
    afterwards. So it may ask whether a text is there, and compare those in `DECIDING` only.
    """
    # What of a value the shape of a page depends on: itself, or that there is some text.
    shape = [
        (part, name, value)
        if not isinstance(value, str) or (name in DECIDING and len(value) < 10)
        else (part, name, _TEXT if value else "")
        for part, some in values.items()
        for name, value in some.items()
    ]
    pieces, holes, needed = _skeleton(template, frame, tuple(shape))
    texts = {}
    for hole in needed:
        text = values[hole[0]][hole[1]]
        texts[hole] = escape(text) if _SPECIAL.search(text) else text
    whole = list(pieces)
    whole[1::2] = [texts[hole] for hole in holes]
    return "".join(whole)


DECIDING = {"score", "contact", "state", "group"}
_SPECIAL = re.compile("[&<>'\"]")
_TEXT = object()
_PURCHASE, _END = "purchase", "\0"
_HOLE = re.compile("\0([a-z]+)[.]([a-z_]+)[\0…]")


def marks(purchase: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A hole for each text about a purchase; one that ends a sentence by itself is followed by no full stop."""
    return tuple(
        [
            (name, value and f"\0{_PURCHASE}.{name}{'…' if value.endswith(STOPS) else _END}")
            for name, value in purchase.items()
        ]
    )


@lru_cache(maxsize=512)
def _skeleton(
    template: str, frame: Frame, shape: tuple[tuple[str, str, Any], ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...], frozenset[tuple[str, str]]]:
    """The pieces of a page, which texts go between them, and these without repetition.

    Rendered without Flask's context processors: they would ask who is signed in and touch the session.
    """
    parts: dict[str, dict[str, Any]] = {"page": dict(frame.page), "form": {}, "said": {}}
    for part, name, value in shape:
        parts.setdefault(part, {})[name] = f"\0{part}.{name}\0" if value is _TEXT else value
    said = {"limit": COMMENT_MAX, "wording": frame.wording, **parts, **parts["said"]}
    with speaking(frame.page["language"]):
        text = current_app.jinja_env.get_template(f"responses/{template}.html").render(said)
    pieces = _HOLE.split(text)
    holes = tuple(zip(pieces[1::3], pieces[2::3], strict=True))
    return tuple(piece for at, piece in enumerate(pieces) if at % 3 != 1), holes, frozenset(holes)


def last_day(link: Link, language: str, *, now: datetime) -> str:
    """Until when the answer may be changed, as people say a day; empty when there is no end."""
    if link.valid_until is None:
        return ""
    today = local_date(now, link.zone)
    return spoken_day(local_date(link.valid_until, link.zone), language, today=today)


@dataclass(frozen=True)
class Loaded:
    """What browsers load, and a hash of it."""

    text: str
    fingerprint: str


@lru_cache(maxsize=64)
def stylesheet(file: str, changed_at: int, colour: str) -> Loaded:
    """survey.css followed by the rules of one accent colour, kept until the file changes (`changed_at`).

    No custom properties: old browsers show nothing else.
    """
    accent = readable_accent(colour)
    light = shade(accent.fill, on=WHITE, towards=ON_FILL)
    dark = shade(accent.fill, on=DARK_PAPER, towards=WHITE)
    in_light = _colours(fill=accent.fill, text=accent.text, edge=light)
    in_dark = _colours(fill=dark, text=ON_FILL, edge=dark)
    own, _accent = Path(file).read_text().rsplit("/*", 1)
    plain = _BETWEEN.sub(r"\1", _REMARKS.sub("", own)).replace(";}", "}").strip()
    text = f"{plain}{in_light}@media (prefers-color-scheme:dark){{{in_dark}}}"
    return Loaded(text, tokens.digest(text)[:12])


@lru_cache(maxsize=4)
def script(file: str, changed_at: int) -> Loaded:
    """survey.js without remarks and without the blanks that say nothing, kept until the file changes."""
    lines = (_JS_REMARK.sub("", line).strip() for line in Path(file).read_text().splitlines())
    text = _JS_BLANKS.sub(lambda found: found[1] or found[2], "\n".join(filter(None, lines))).replace(";}", "}")
    text = _JS_ONE.sub(r"\1=>", text)
    return Loaded(text, tokens.digest(text)[:12])


_JS_ONE = re.compile(r"(?<!\w)\((\w+)\)=>")
_JS_REMARK = re.compile(r"(?:^|\s)//.*$|^/\*.*\*/$")
_JS_BLANKS = re.compile(r'("[^"\n]*")|\s*([{}()\[\];,:?=<>+*&|!-])\s*')  # texts stay as they are


_REMARKS, _BETWEEN = re.compile(r"/\*.*?\*/", re.S), re.compile(r"\s*([{};,])\s*|(?<=:)\s+")  # bytes that say nothing


def _colours(*, fill: str, text: str, edge: str) -> str:
    return (
        f"a,.link{{color:{edge}}}"
        f".cell input:checked+span,.button{{border-color:{edge};background-color:{fill};color:{text}}}"
        f".check input{{accent-color:{edge}}}"
        f".cell input:focus+span,:focus-visible{{outline-color:{edge}}}"
    )
