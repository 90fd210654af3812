"""Filters, sorting and paging of list pages: the address is the state, wrong values count as not given."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from flask import request, url_for

from npsapp.lib.clock import day_bounds

Row = TypeVar("Row")
Choice = TypeVar("Choice", bound=StrEnum)

PAGE_SIZE = 50
LAST_PAGE = 2_000  # further pages are reached by filters; deep offsets would let one address keep the database busy
LONGEST_WORD = 200  # characters of a search
YEARS = range(1970, 2200)  # days beyond them have no day before or after in every time zone
PAGING = ("page", "after")


@dataclass(frozen=True)
class Window:
    """Which part of a list is asked for; `limit` is one more than shown, to see if there is a next page."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def limit(self) -> int:
        return self.size + 1


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list; `total` is None when counting would cost more than it tells."""

    items: Sequence[Row]
    number: int = 1
    has_next: bool = False
    total: int | None = None
    next_key: str | None = None
    by_key: bool = False

    def next_url(self) -> str:
        """The address of the next page with all other arguments kept."""
        if self.by_key:
            return url_with(page=self.number + 1, after=self.next_key)
        return url_with(page=self.number + 1)

    def previous_url(self) -> str:
        """The address of the page before; of the first one when pages go by key (keys point forward only)."""
        return url_with(page=None if self.by_key or self.number == 2 else self.number - 1)


@dataclass(frozen=True)
class Sorting:
    """By which column the list stands, and whether from the largest down."""

    key: str
    down: bool = False

    def turned(self, key: str) -> str:
        """The `sort` argument after pressing the heading `key`: the same column turns round."""
        return f"-{key}" if key == self.key and not self.down else key


def window(*, size: int = PAGE_SIZE) -> Window:
    """The part asked for by `?page=`, from 1 on."""
    return Window(number=_page_number(), size=size)


def page(rows: Sequence[Row], part: Window, *, total: int | None = None) -> Page[Row]:
    """A page from the rows found with `limit=part.limit, offset=part.offset`."""
    shown = rows[: part.size]
    return Page(shown, number=part.number, has_next=len(rows) > part.size and part.number < LAST_PAGE, total=total)


def after() -> tuple[str, ...] | None:
    """The key of the last row before this page, as `page_by_key` wrote it; None on the first page."""
    given = request.args.get("after", "")
    return tuple(given.split("~")) if given and len(given) <= LONGEST_WORD else None


def page_by_key(
    rows: Sequence[Row], *, size: int = PAGE_SIZE, key: Callable[[Row], Iterable[Any]], total: int | None = None
) -> Page[Row]:
    """A page from up to `size + 1` rows found behind `after()`; `key` gives where the next one begins."""
    shown = rows[:size]
    more = len(rows) > size
    return Page(
        shown,
        number=_page_number() if after() else 1,
        has_next=more,
        total=total,
        next_key="~".join(str(part) for part in key(shown[-1])) if more else None,
        by_key=True,
    )


def sorting(allowed: Collection[str], *, default: str) -> Sorting:
    """The order from `?sort=key` or `?sort=-key`; `default` is written the same way."""
    asked = request.args.get("sort", "")
    chosen = asked if asked.removeprefix("-") in allowed else default
    return Sorting(chosen.removeprefix("-"), down=chosen.startswith("-"))


def word(name: str) -> str:
    """A typed word or sentence, trimmed and cut to a sane length; empty when not given."""
    return " ".join(request.args.get(name, "").replace("\0", "").split())[:LONGEST_WORD]


def one_of(name: str, choices: type[Choice]) -> Choice | None:
    """The member of an enum that was chosen, or None."""
    try:
        return choices(request.args.get(name, ""))
    except ValueError:
        return None


def picked(name: str, allowed: Collection[str], default: str = "") -> str:
    """The chosen word out of `allowed`, else `default`."""
    given = request.args.get(name, "")
    return given if given in allowed else default


def whole(name: str) -> int | None:
    """A chosen id or count, 0 … 2**31 - 1, or None."""
    given = request.args.get(name, "").strip()
    if not (given.isascii() and given.isdigit() and len(given) <= 10):
        return None
    number = int(given)
    return number if number < 2**31 else None


def day(name: str) -> date | None:
    """A calendar day of `YEARS` written as 2026-11-03, or None."""
    try:
        given = date.fromisoformat(request.args.get(name, "").strip())
    except ValueError:
        return None
    return given if given.year in YEARS else None


def since(name: str, zone: str, *, days: int = 0) -> datetime | None:
    """The beginning of that day in a zone, or of a day after; None when no day was chosen."""
    chosen = day(name)
    return day_bounds(chosen + timedelta(days=days), zone)[0] if chosen else None


def tick(name: str) -> bool:
    """Whether a box is ticked."""
    return request.args.get(name, "") in ("1", "on", "true", "yes")


def url_with(**changes: Any) -> str:
    """The address of this page with changed arguments; None removes one; a change starts again at page 1."""
    arguments: dict[str, Any] = {
        name: values for name, values in request.args.lists() if name not in PAGING and any(values)
    }
    arguments.update({name: value for name, value in changes.items() if value is not None})
    for name in [name for name, value in changes.items() if value is None]:
        arguments.pop(name, None)
    return url_for(request.endpoint or "", **{**(request.view_args or {}), **arguments})


def active_filters(filters: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs (argument, words) → pairs (words, address without it) for those that stand in the address."""
    return [(words, url_with(**{name: None})) for name, words in filters if request.args.get(name) and words]


def _page_number() -> int:
    return min(max(whole("page") or 1, 1), LAST_PAGE)
