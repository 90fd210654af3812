"""Deciding about letters that may have left from another copy of the database. Needs a transaction."""

from contextlib import suppress
from datetime import date, datetime

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.invitations import letters, queries
from npsapp.lib.refusals import Refused


def settle(*, since: datetime, survey_id: int | None, day: date, send: bool, actor: Actor, now: datetime) -> int:
    """Send the letters of one survey and day once sending goes on, or never again. Gives how many it decided about."""
    ids = queries.in_doubt(since).get((survey_id, day), [])
    for id_ in ids:
        if send:
            letters.send_after_all(id_, now=now)
            continue
        with suppress(Refused):  # it was held back meanwhile: nothing leaves
            letters.take_as_sent(id_, actor=actor, now=now)
    audit.record(Event.SENDING_SETTLED, actor=actor, now=now, data={"count": len(ids), "sent": send})
    return len(ids)
