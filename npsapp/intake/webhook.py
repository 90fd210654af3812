"""Bodies of any program: where in them our fields stand, as people wrote it down, and the records that come of it.

A place is written `order.customer.phones[0]`; `a | b` takes the first that says something, `a + b` joins them with a
blank, and `"UAH"` in quotation marks stands for itself.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from npsapp.lib import brackets
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_

MOST_ITEMS = 1_000
LONGEST_PLACE = 300
DEEPEST = 50  # json.loads gives up at about 1,000; nobody writes down where such a thing stands

Record = dict[str, Any]
"""One interaction in the words of the API: field → value."""

_STEP = re.compile(r"([^.\[\]]+)?((?:\[\d{1,4}\])*)")
_INDEX = re.compile(r"\[(\d+)\]")
_FIXED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_MASKED = re.compile(r"\0\d+")
_SUM = re.compile(r"\s+\+\s+")


class NotReadable(Refused):
    """A body is neither JSON nor a form."""

    wording = N_("The body can be read neither as JSON nor as a form.")


class NoPlace(Refused):
    """What was written down is no place in a body."""

    wording = N_(
        "“%(place)s” cannot be read. Write the place like order.customer.phones[0], or a fixed value in quotes."
    )


class NoItems(Refused):
    """The list of items is not where it should be."""

    wording = N_("There is no object and no list of objects at “%(place)s”.")


class TooManyItems(Refused):
    """One body brings more than a program sends at once."""

    wording = N_("The body has more than %(most)d items. Send them in parts.")


def tree(body: str, content_type: str = "") -> Any:
    """A received body as nested objects and lists, JSON or a form.

    :raise NotReadable: when it is neither.
    """
    text = body.strip().removeprefix("\ufeff")
    try:
        if "json" in content_type or text[:1] in ("{", "["):
            return json.loads(text)
        return brackets.parse(text)
    except (ValueError, RecursionError, brackets.NotAForm) as error:
        raise NotReadable() from error


def records(found: Any, places: Mapping[str, str], *, items: str = "") -> list[Record]:
    """What the fields say for each item of a body; `items`: where the list of items stands, empty: the body itself.

    :raise NoItems, TooManyItems, NoPlace: when the body is not as it was written down.
    """
    listed = list(items_of(found, items))
    if len(listed) > MOST_ITEMS:
        raise TooManyItems(most=MOST_ITEMS)
    return [mapped(item, places) for item in listed]


def mapped(item: Any, places: Mapping[str, str]) -> Record:
    """What the fields say for one object; those about which it says nothing are left out."""
    return {field: value for field, place in places.items() if (value := said(item, place))}


def said(item: Any, place: str) -> str:
    """What stands at a place, as text; several values of a list with semicolons between; empty when nothing does.

    :raise NoPlace: when it is none.
    """
    for terms in _alternatives(place):
        if value := " ".join(
            filter(None, (term if isinstance(term, str) else _text(_at(item, term)) for term in terms))
        ):
            return value
    return ""


def check(place: str) -> None:
    """Whether people wrote down a place as it is meant.

    :raise NoPlace: when they did not.
    """
    _alternatives(place)


def leaves(found: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The places of a body with what stands there, for people to choose from."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for name, value in inner:
        place = f"{prefix}[{name}]" if isinstance(found, list) else f"{prefix}.{name}".lstrip(".")
        if not isinstance(value, (dict, list)):
            yield place, _text(value)
        elif depth < DEEPEST:
            yield from leaves(value, place, depth + 1)


def items_of(found: Any, place: str) -> Iterator[Any]:
    """The objects of the list at a place; an empty place is the body itself.

    :raise NoItems, NoPlace: when there are none.
    """
    at = _at(found, _steps(place)) if place.strip() else found
    at = at if isinstance(at, list) else [at]
    if not at or not all(isinstance(one, dict) for one in at):
        raise NoItems(place=place or "/")
    return iter(at)


Steps = tuple[str | int, ...]


@lru_cache(maxsize=1_000)
def _alternatives(place: str) -> list[list[str | Steps]]:
    """What is tried one after the other: texts that stand for themselves, and the steps to others, to be joined."""
    fixed: list[str] = []

    def keep(found: re.Match[str]) -> str:
        fixed.append(found[1] or found[2] or "")
        return f"\0{len(fixed) - 1}"

    masked = _FIXED.sub(keep, place.replace("\0", ""))
    return [
        [fixed[int(term[1:])] if _MASKED.fullmatch(term) else _steps(term) for term in _SUM.split(part.strip())]
        for part in masked.split("|")
    ]


def _steps(place: str) -> Steps:
    """The names and numbers that lead to a plain place."""
    steps: list[str | int] = []
    for part in place.strip().split("."):
        read = _STEP.fullmatch(part)
        if not read or not part or "\0" in part:
            raise NoPlace(place=place[:80])
        steps += [read[1].strip()] if read[1] else []
        steps += map(int, _INDEX.findall(read[2]))
    if len(place) > LONGEST_PLACE or len(steps) > DEEPEST:
        raise NoPlace(place=place[:80])
    return tuple(steps)


def _at(found: Any, steps: Steps) -> Any:
    """What stands there; None when nothing does."""
    for step in steps:
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and step < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "; ".join(filter(None, map(_text, (one for one in value if not isinstance(one, (dict, list))))))
    return "" if value is None or isinstance(value, dict) else str(value).strip()
