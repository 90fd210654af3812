"""When a gap between two heartbeats is an outage, and when the heart stands still."""

from datetime import datetime, timedelta

OUTAGE_AFTER = timedelta(minutes=10)
"""The beat runs every minute; a gap longer than this means that the program did not run."""

SILENT_AFTER = timedelta(minutes=3)
"""From then on `/healthz` reports the heart as standing still (decisions.md 32)."""


def outage_between(last: datetime | None, now: datetime) -> tuple[datetime, datetime] | None:
    """The outage [from, to) that ended with the beat at `now`, or None; the first beat ever ends none."""
    if last is None or now - last <= OUTAGE_AFTER:
        return None
    return last, now


def is_silent(last: datetime | None, now: datetime) -> bool:
    """Whether the last beat is too long ago, or never was."""
    return last is None or now - last > SILENT_AFTER
