"""What answers are narrowed to on pages: read from the address, offered in forms, said in words. Reports use it too."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask_babel import gettext as _

from npsapp.customers import tags
from npsapp.intake import selections
from npsapp.lib.clock import utcnow
from npsapp.organization import queries as organization
from npsapp.permissions import Scope
from npsapp.responses import open_queries, queries
from npsapp.responses.queries import PROPERTY, Asked
from npsapp.responses.rules import CHOICES, score_or_none
from npsapp.web import listing
from npsapp.web.filters import day, spoken

IDS = ("brand", "touchpoint", "survey", "region", "segment")
NAMES = (*IDS, *CHOICES, "selection", "tag", "score", "from", "to", "q")
NOBODY = 0
"""The id that stands for "without one", for answers that may have none."""

Options = dict[str, dict[Any, str]]
"""Argument in the address → value → word."""


def asked(scope: Scope) -> dict[str, Any]:
    """The filters in the address; wrong values count as not given."""
    found: dict[str, Any] = {name: listing.whole(name) for name in (*IDS, *properties())}
    found |= {name: listing.picked(name, values) or None for name, values in CHOICES.items()}
    found |= {"score": score_or_none(listing.word("score")), "q": listing.word("q") or None}
    found |= {"from": listing.day("from"), "to": listing.day("to")}
    found |= {"selection": listing.whole("selection"), "tag": listing.word("tag") or None}
    found["who"] = queries.who(found["selection"], found["tag"], scope, now=utcnow())
    return {name: value for name, value in found.items() if value is not None}


def options(scope: Scope) -> Options:
    """What may be chosen, things with names in the order of the alphabet."""
    found: Options = {name: {key: _(word) for key, word in words.items()} for name, words in CHOICES.items()}
    for name, named in queries.choices(scope).items():
        words = {key: text if isinstance(text, str) else spoken(text) for key, text in named.items()}
        found[name] = dict(sorted(words.items(), key=lambda pair: pair[1].casefold()))
    found["region"][NOBODY], found["segment"][NOBODY] = _("No region"), _("No segment")
    if not queries.has_old():
        found["old"] = {}
    if not open_queries.there_are_any():
        found["open"] = {}
    found["selection"] = {one.id: one.name for one in selections.saved()}
    found["tag"] = {name: name for name in tags.names(scope)}
    declared = properties()
    found |= {name: {} for name in declared}
    for value in organization.property_values(int(name[1:]) for name in declared):
        found[f"{PROPERTY}{value.property_id}"][value.id] = value.name
    for name, called in declared.items():
        found[name][NOBODY] = _("%(property)s: none", property=called)
    return found


def properties() -> dict[str, str]:
    """Argument in the address of each declared property, and what it is called."""
    return {f"{PROPERTY}{one.id}": spoken(one.name) for one in organization.properties()}


def names() -> tuple[str, ...]:
    """All arguments that narrow answers."""
    return (*NAMES, *properties())


def in_words(asked: Asked, options: Options) -> Iterable[tuple[str, str]]:
    """The filters in use: argument, and what it says."""
    for name, value in asked.items():
        if name in options:
            yield name, options[name].get(value, str(value))
        elif name == "score":
            yield name, _("Score: %(score)s", score=value)
        elif isinstance(value, date):
            ends = {"from": _("from %(date)s", date=day(value)), "to": _("until %(date)s", date=day(value))}
            yield name, ends[name]
        elif isinstance(value, str):
            yield name, value


def active(asked: Asked, options: Options) -> list[tuple[str, str]]:
    """The same in the order of the address: words, and the page without that filter."""
    return listing.active_filters(in_words(asked, options))
