"""The clock: read once per door, passed on as `now`; local days and zones are computed here."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_pretended: ContextVar[datetime | None] = ContextVar("pretended", default=None)


def utcnow() -> datetime:
    """The present moment, aware, in UTC. For doors only; everything below them gets `now`."""
    return _pretended.get() or datetime.now(UTC)


@contextmanager
def pretend(moment: datetime) -> Iterator[None]:
    """Let `utcnow()` give `moment` inside the block, in this thread or task only."""
    if moment.tzinfo is None:
        raise ValueError("a pretended moment needs a time zone")
    token = _pretended.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _pretended.reset(token)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The time zone called `name`; an unknown one raises ValueError naming it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone: {name!r}") from error


def local_date(moment: datetime, zone_name: str) -> date:
    """The calendar day on which `moment` falls in that zone."""
    return moment.astimezone(zone(zone_name)).date()


@lru_cache(maxsize=4096)
def at_local(day: date, at: time, zone_name: str) -> datetime:
    """That wall-clock time of that day as UTC; a time skipped by summer time moves forward by the gap."""
    return datetime.combine(day, at, tzinfo=zone(zone_name)).astimezone(UTC)


def day_bounds(day: date, zone_name: str) -> tuple[datetime, datetime]:
    """Half-open `[start, end)` of a local day, in UTC; 23 or 25 hours long when the clock is changed."""
    return at_local(day, time(0), zone_name), at_local(day + timedelta(days=1), time(0), zone_name)
