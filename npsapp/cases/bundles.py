"""When a letter about cases leaves for a member of staff, so that nobody gets one per case (decisions.md 24)."""

from datetime import datetime, time, timedelta
from enum import StrEnum

from npsapp.lib.clock import zone


class LetterKind(StrEnum):
    """Why a letter about cases leaves for a member of staff."""

    HOT = "hot"
    BUNDLE = "bundle"
    MORNING = "morning"


# decisions.md 24: at once only for hot cases, else one letter an hour and a list in the morning.
BUNDLE_EVERY = timedelta(hours=1)
MORNING_FROM = time(8, 30)
MORNING_UNTIL = time(12, 0)
"""A worker that starts later than this sends no morning list any more."""


def letter_now(
    *, untold: int, untold_hot: int, last_letter_at: datetime | None, now: datetime
) -> LetterKind | None:
    """Whether a letter about new cases leaves for one person now, and why; None: not yet, or nothing to say."""
    if untold_hot:
        return LetterKind.HOT
    if untold and (last_letter_at is None or now - last_letter_at >= BUNDLE_EVERY):
        return LetterKind.BUNDLE
    return None


def is_morning(now: datetime, *, zone_name: str, workdays: str) -> bool:
    """Whether it is time for the morning list: a working day (ISO weekdays, "12345"), 8:30 to noon, local."""
    local = now.astimezone(zone(zone_name))
    return str(local.isoweekday()) in workdays and MORNING_FROM <= local.time() < MORNING_UNTIL
