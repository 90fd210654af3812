"""The invented company as its data files tell it, and choosing by weight."""

import json
from collections.abc import Mapping
from datetime import time, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from npsapp.invitations.rules import Policy

_DATA = files("npsapp.demo")


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(_DATA.joinpath(f"{name}.json").read_text("utf-8"))
    return read


COMPANY = _read("company")
"""Brand, regions, units, performers, segments, touchpoints, colleagues. No firm of this name is meant."""

GOODS = _read("goods")
"""What is sold, as `wares` and `services`: prices in hryvnia, titles, plural forms for building sentences."""

CHANCES = _read("chances")
"""How the year goes, how people answer and what becomes of a complaint, mostly as weights.

`shares`: how often something happens; careless: typed on a phone, a small first letter and no full stop.
`left_lying`: up to this age in days such a share of cases is left lying, somewhere between unread and spoken to.
`attempts`: how often a manager tries before giving up. `slowness`: a case not handled in good time takes so many
times as long. `storm_days`: these last days it pours and trucks are late, in Kyiv most of all: the managers have
something to do.
"""

REGIONS, UNITS, SEGMENTS = COMPANY["regions"], COMPANY["units"], COMPANY["segments"]
TOUCHPOINTS = COMPANY["touchpoints"]
ZONE: str = COMPANY["brand"]["timezone"]

POLICIES = {
    key: Policy(
        delay=timedelta(hours=one["delay_hours"]),
        window_from=time(one["window"][0]),
        window_until=time(one["window"][1]),
    )
    for key, one in TOUCHPOINTS.items()
}
"""Two weeks after a purchase, a day after a delivery or visit, at once and at any hour after a pick-up."""

WORSE_STORE = "odesa-tairova"
"""Changed its manager and got worse in the last months: enough answers to be sure."""

LUCKY_STORE = "vinnytsia-zamostia"
"""New and small: its few answers look splendid, and prove nothing."""


@cache
def sections(book: str) -> dict[str, tuple[str, ...]]:
    """The lines of words/<book>.txt by section; empty lines and comments do not count."""
    found: dict[str, list[str]] = {}
    section: list[str] = []
    for line in _DATA.joinpath("words", f"{book}.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            section.append(line)
    return {name: tuple(lines) for name, lines in found.items()}


def happens(chance: Random, what: str) -> bool:
    """Whether this time it is so; as often as its share says."""
    share: float = CHANCES["shares"][what]
    return chance.random() < share


def pick(chance: Random, weights: Mapping[str, float]) -> str:
    """One of the keys, as often as its weight says."""
    return chance.choices(list(weights), list(weights.values()))[0]


def pick_by(chance: Random, table: Mapping[str, Any], column: str) -> str:
    """One of the keys of a table whose rows name their weight in `column`."""
    return pick(chance, {key: row[column] for key, row in table.items()})
