"""How a survey page reads and looks: the frozen words for one customer, and the brand's one stylesheet."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import current_app
from markupsafe import Markup, escape

from npsapp.i18n import LANGUAGES, speaking
from npsapp.invitations import rendering as letters
from npsapp.lib import tokens
from npsapp.lib.clock import local_date
from npsapp.organization.rules import ON_FILL, WHITE, readable_accent, shade
from npsapp.responses.queries import Link
from npsapp.responses.rules import COMMENT_MAX
from npsapp.surveys.placeholders import spoken_day
from npsapp.surveys.rules import Questionnaire, Wording, filled, typed

DARK_PAPER = "#11161D"
_FOCUS = "a:focus-visible,button:focus-visible,textarea:focus-visible,.check input:focus-visible"


def wording_of(link: Link, language: str) -> Wording:
    """The words of the version this customer was invited with, whatever the survey says today."""
    values = letters.values_of(
        language,
        name=link.address_as if link.address_as and not link.is_firm else "",
        purchase=link,
        zone_name=link.zone,
        place=link.unit_name or link.region_name,
        brand=link.brand_name,
        phrase=link.brand_phrase,
    )
    return filled(_typed(link.content or '{"questions": [], "texts": {}}', language), values)


@lru_cache(maxsize=256)
def _typed(content: str, language: str) -> Wording:
    """The texts of a version, kept by its JSON: reading that costs more than the page."""
    return typed(Questionnaire.from_json(json.loads(content)), language)


def page(template: str, parts: Mapping[str, Mapping[str, Any]], said: Mapping[str, str]) -> str:
    """A survey page: `parts` (page, form, wording) and `said` are what its template calls by these names.

    The template itself runs once for all pages that differ in nothing but texts, which are put in afterwards. So a
    template may ask whether a text is there, and compare those in `DECIDING` only.
    """
    values = {f"{part}.{name}": value for part, fields in parts.items() for name, value in fields.items()}
    values.update(said)
    for name in DICTIONARIES.intersection(values):
        values |= {f"{name}.{group}": text for group, text in values.pop(name).items()}
    shape = tuple((name, _decides(name, value)) for name, value in values.items())
    pieces = list(_skeleton(template, shape))
    pieces[1::2] = [escape(values[name]) for name in pieces[1::2]]
    return "".join(pieces)


DECIDING = {"form.score", "form.contact", "page.language", "state", "group"}
DICTIONARIES = {"wording.why", "wording.thanks"}
_TEXT, _MARK = object(), "\0"


def _decides(name: str, value: Any) -> Any:
    """What of a value the shape of a page depends on: itself, or that there is some text."""
    if not isinstance(value, str) or (name in DECIDING and len(value) < 10):
        return value
    return _TEXT if value else ""


@lru_cache(maxsize=512)
def _skeleton(template: str, shape: tuple[tuple[str, Any], ...]) -> tuple[str, ...]:
    """The pieces of a page: every second one is the name of a text to be put in.

    Rendered without Flask's context processors: they would ask who is signed in and touch the session.
    """
    values: dict[str, Any] = {"limit": COMMENT_MAX, "page": {}}
    for name, value in shape:
        *path, last = name.split(".")
        place = values
        for step in path:
            place = place.setdefault(step, {})
        place[last] = Markup(f"{_MARK}{name}{_MARK}") if value is _TEXT else value  # noqa: S704 - a name of ours
    values["page"]["languages"] = LANGUAGES
    with speaking(values["page"]["language"]):
        text = current_app.jinja_env.get_template(f"responses/{template}.html").render(values)
    return tuple(text.split(_MARK))


def last_day(link: Link, language: str, *, now: datetime) -> str:
    """Until when the answer may be changed, as people say a day; empty when there is no end."""
    if link.valid_until is None:
        return ""
    today = local_date(now, link.zone)
    return spoken_day(local_date(link.valid_until, link.zone), language, today=today)


@dataclass(frozen=True)
class Stylesheet:
    """What browsers load, and a hash of it."""

    text: str
    fingerprint: str


@lru_cache(maxsize=64)
def stylesheet(file: str, changed_at: int, colour: str) -> Stylesheet:
    """survey.css followed by the rules of one accent colour, kept until the file changes (`changed_at`).

    No custom properties: old browsers show nothing else.
    """
    accent = readable_accent(colour)
    light = shade(accent.fill, on=WHITE, towards=ON_FILL)
    dark = shade(accent.fill, on=DARK_PAPER, towards=WHITE)
    in_light = _colours(fill=accent.fill, text=accent.text, edge=light)
    in_dark = _colours(fill=dark, text=ON_FILL, edge=dark)
    text = f"{Path(file).read_text()}{in_light}@media (prefers-color-scheme:dark){{{in_dark}}}"
    return Stylesheet(text, tokens.digest(text)[:12])


def _colours(*, fill: str, text: str, edge: str) -> str:
    return (
        f"a,.link{{color:{edge}}}"
        f".cell input:checked+span,.button{{border-color:{edge};background-color:{fill};color:{text}}}"
        f".check input{{accent-color:{edge}}}"
        f".cell input:focus+span,{_FOCUS}{{outline-color:{edge}}}"
    )
