"""What other programs sent and what is still to be done with it; how far portals were asked for changes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, exists, select, update

from npsapp.db import added, change, db, insert_unless_there, pairs
from npsapp.intake.models import Interaction, ReceivedBody, Source, SourceKind, SourcePoll, SourceValue, ValueKind
from npsapp.intake.rules import DocumentState, ReceivedState
from npsapp.intake.webhook import Record
from npsapp.lib.refusals import Refused
from npsapp.lib.tokens import digest

PORTALS = (SourceKind.BITRIX24, SourceKind.AMOCRM)
CALLED = (*PORTALS, SourceKind.WEBHOOK)
"""Kinds of connections whose other side calls us."""
TOGETHER = timedelta(seconds=3)  # a CRM calls for every change of a deal: what comes within is read once
LEASE = timedelta(minutes=5)  # longer than AT_ONCE bodies can take
AT_ONCE = 200
ATTEMPTS = 12  # 1, 2, 4 … 60 minutes apart: half a day
POLL_EVERY = timedelta(minutes=15)
OVERLAP = timedelta(minutes=10)
LOOK_BACK = timedelta(days=30)
MOST_SEEN = 500  # deals of the last changes


@dataclass(frozen=True)
class Taken:
    """A body that this worker has."""

    id: int
    at: datetime
    content_type: str
    body: str
    attempts: int


@dataclass
class Outcome:
    """What became of some bodies: their ids by state, those that failed with the reason, those to be tried again."""

    done: list[int] = field(default_factory=list)
    ignored: list[int] = field(default_factory=list)
    failed: dict[int, Refused] = field(default_factory=dict)
    again: dict[Taken, tuple[Refused, timedelta]] = field(default_factory=dict)

    @property
    def reason(self) -> Refused | None:
        """Why something did not go well."""
        return next(iter((*self.failed.values(), *(why for why, _wait in self.again.values()))), None)


def keep(source_id: int, *, content_type: str, body: str, now: datetime) -> bool:
    """Keep a body as it came; True when nothing else of this connection waits, so that a job is to be made."""
    fresh = ReceivedBody.source_id == source_id, ReceivedBody.state == ReceivedState.RECEIVED
    waits = db.session.scalar(select(exists().where(*fresh, ReceivedBody.at > now - TOGETHER)))
    said = {"content_type": content_type[:100], "body": body.replace("\0", "")}
    added(ReceivedBody(source_id=source_id, at=now, due_at=now + TOGETHER, **said))
    return not waits


def due(now: datetime) -> Sequence[int]:
    """Connections with bodies whose time has come: their job was lost, its worker died, or the portal was away."""
    waits = ReceivedBody.state == ReceivedState.RECEIVED, ReceivedBody.due_at <= now, Source.retired_at.is_(None)
    return db.session.scalars(select(ReceivedBody.source_id).join(Source).where(*waits).distinct()).all()


def take(source_id: int, *, now: datetime) -> list[Taken]:
    """Lease what waits of a connection, also what came a moment ago, oldest first; at most 200."""
    due_soon = ReceivedBody.due_at <= now + TOGETHER
    mine = ReceivedBody.source_id == source_id, ReceivedBody.state == ReceivedState.RECEIVED, due_soon
    oldest = select(ReceivedBody.id).where(*mine).order_by(ReceivedBody.id).limit(AT_ONCE)
    columns = (getattr(ReceivedBody, name) for name in Taken.__dataclass_fields__)
    taking = update(ReceivedBody).where(ReceivedBody.id.in_(oldest), due_soon).values(due_at=now + LEASE)
    rows = db.session.execute(taking.returning(*columns).execution_options(synchronize_session=False))
    return sorted((Taken(*row) for row in rows), key=lambda one: one.id)


def settle(outcome: Outcome, *, now: datetime) -> None:
    """Write down what became of bodies; what failed too often is not tried again."""
    _move(outcome.done, state=ReceivedState.DONE, error="")
    _move(outcome.ignored, state=ReceivedState.IGNORED, error="")
    for id_, refusal in outcome.failed.items():
        _move([id_], state=ReceivedState.FAILED, **_why(refusal))
    for one, (refusal, wait) in outcome.again.items():
        attempts = one.attempts + 1
        state = ReceivedState.RECEIVED if attempts < ATTEMPTS else ReceivedState.FAILED
        wait = max(wait, timedelta(minutes=min(2**one.attempts, 60)))
        _move([one.id], state=state, attempts=attempts, due_at=now + wait, **_why(refusal))


def _why(refusal: Refused) -> dict[str, Any]:
    return {"error": refusal.wording, "error_values": refusal.values}


def _move(ids: Iterable[int], **values: Any) -> None:
    change(update(ReceivedBody).where(ReceivedBody.id.in_(list(ids))).values(**values))


def again(received_id: int, *, now: datetime) -> None:
    """Let a body be worked through again from its beginning."""
    _move([received_id], state=ReceivedState.RECEIVED, due_at=now, attempts=0, error="")


def listed(source_id: int, *, limit: int, offset: int) -> Sequence[ReceivedBody]:
    """What a connection sent, newest first."""
    mine = select(ReceivedBody).where(ReceivedBody.source_id == source_id).order_by(ReceivedBody.id.desc())
    return db.session.scalars(mine.limit(limit).offset(offset)).all()


def old(before: datetime) -> Select[int]:
    """Ids of bodies that came before a moment."""
    return select(ReceivedBody.id).where(ReceivedBody.at < before)


def forget(before: datetime, *, limit: int) -> int:
    """Delete bodies that came before a moment; how many."""
    oldest = old(before).order_by(ReceivedBody.at).limit(limit)
    return change(delete(ReceivedBody).where(ReceivedBody.id.in_(oldest)).execution_options(synchronize_session=False))


def meanings(source_id: int) -> dict[str, str]:
    """What people said about the stages of a portal: folded stage → state."""
    said = SourceValue.source_id == source_id, SourceValue.kind == ValueKind.STATUS, SourceValue.meaning != ""
    return pairs(select(SourceValue.raw, SourceValue.meaning).where(*said))


def deleted(source_id: int, ids: Iterable[int]) -> dict[int, Record]:
    """Deals that were deleted over there and were taken in here: they are cancelled, on the day they have."""
    ours = Interaction.source_id == source_id, Interaction.external_id.in_([str(id_) for id_ in ids])
    rows = db.session.execute(select(Interaction.external_id, Interaction.happened_at).where(*ours))
    cancelled = {"state": DocumentState.CANCELLED.value}
    return {int(id_): {"external_id": id_, "happened_at": at.isoformat(), **cancelled} for id_, at in rows}


# Asking portals for what changed


def polls_due(now: datetime) -> list[int]:
    """Portals whose time has come; their next time is set, so that each is asked once. Needs a transaction."""
    portals = Source.kind.in_(PORTALS), Source.sealed != "", Source.retired_at.is_(None)
    asked = select(SourcePoll.source_id)
    for source_id in db.session.scalars(select(Source.id).where(*portals, Source.id.not_in(asked))):
        new = {"source_id": source_id, "due_at": now, "looked_to": now - LOOK_BACK}
        db.session.execute(insert_unless_there(SourcePoll).on_conflict_do_nothing(), new)
    ready = SourcePoll.due_at <= now, SourcePoll.source_id.in_(select(Source.id).where(*portals))
    moving = update(SourcePoll).where(*ready).values(due_at=now + POLL_EVERY).returning(SourcePoll.source_id)
    return list(db.session.scalars(moving.execution_options(synchronize_session=False)))


def since(source_id: int, stages: str, *, now: datetime) -> tuple[datetime, dict[str, str]]:
    """From which moment on (by the portal's own clock) it is asked, and the versions of deals known since then.

    From further back, and knowing nothing, when its stages mean something else than before.
    """
    poll = db.session.get_one(SourcePoll, source_id)
    usual = poll.looked_to - OVERLAP
    if poll.stages in ("", stages):
        return usual, poll.seen
    return min(usual, now - LOOK_BACK), {}


def looked(source_id: int, *, to: datetime, seen: dict[str, str], stages: str = "") -> None:
    """A portal told what changed up to a moment of its clock; `seen` are deals with their versions."""
    poll = db.session.get_one(SourcePoll, source_id)
    poll.looked_to = max(to, poll.looked_to)
    poll.seen = dict([*poll.seen.items(), *seen.items()][-MOST_SEEN:])
    poll.stages = stages or poll.stages


def stages_digest(meant: dict[str, str]) -> str:
    """Stands for what the stages of a portal mean now."""
    return digest(json.dumps(meant, sort_keys=True))
