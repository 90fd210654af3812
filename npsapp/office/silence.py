"""The silence alarm: a connection that stopped sending is noticed, and its administrators are told once."""

from datetime import datetime

from npsapp.accounts import queries as accounts
from npsapp.db import db, reading
from npsapp.intake import counts, queries as intake, silence
from npsapp.intake.connections import KINDS
from npsapp.intake.models import Source
from npsapp.intake.silence import Alarm
from npsapp.lib.clock import local_date
from npsapp.office import alarms
from npsapp.organization import queries as organization

WEEKEND = 6  # ISO weekday


def watched() -> list[int]:
    """Connections that could fall silent."""
    with reading():
        return [one.id for one in intake.sources() if one.kind in KINDS and one.retired_at is None]


def look(source_id: int, *, public_url: str, now: datetime) -> bool:
    """See whether a connection is well; true when it just fell silent, which its administrators are told by letter.

    It is said once, until the connection is well again. Needs a transaction.
    """
    source = db.session.get_one(Source, source_id)
    found = _alarm(source, now)
    if found == source.alarm:
        return False
    source.alarm = found
    db.session.flush()
    if found:
        _tell(source, public_url=public_url, now=now)
    return bool(found)


def _alarm(source: Source, now: datetime) -> str:
    holidays = organization.holidays(None)
    return silence.alarm(
        counts.days_with_records(source, since=now - silence.LOOK_BACK),
        counts.addresses(source.id, newest=silence.LAST + silence.BEFORE),
        today=local_date(now, source.timezone),
        works=lambda day: day.isoweekday() < WEEKEND and day not in holidays,
    )


def _tell(source: Source, *, public_url: str, now: datetime) -> None:
    for user in accounts.administrators():
        told = alarms.tell(
            user,
            "office/mail/connection_alarm",
            brand_id=source.brand_id,
            now=now,
            connection=source.name,
            words=Alarm(source.alarm).label,
            link=f"{public_url}/connections/{source.id}",
        )
        if not told:
            return  # no brand can write yet; the start page says it
