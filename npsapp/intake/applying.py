"""Applying: staged rows become interactions, in chunks that can be repeated, resumed and raced for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import PROGRAM
from npsapp.customers import services as customers
from npsapp.customers.rules import GroundKind
from npsapp.db import db
from npsapp.delivery.rules import Channel
from npsapp.intake import interactions, queries
from npsapp.intake.interactions import Known
from npsapp.intake.models import BatchState, ImportBatch, RejectedRow, StagedRow
from npsapp.intake.names import Names, Places
from npsapp.intake.rules import InteractionRow, RejectReason

LEASE = timedelta(seconds=120)
CHUNK = 500  # rows per transaction, decisions.md 22
ANOTHER_DAY = timedelta(days=1)


@dataclass
class Counts:
    """What became of some rows."""

    accepted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0


@dataclass
class Claim:
    """A batch this worker applies, until `lease`, with what holds for all its rows."""

    batch_id: int
    lease: datetime
    source_id: int
    brand_id: int
    ids_are_persons: bool
    touchpoint_id: int | None
    currency: str
    grounds: Mapping[Channel, GroundKind]
    """Default ground per channel, set by `grounds_set_by_id`."""
    grounds_set_by_id: int | None


def begin(batch_id: int, *, now: datetime) -> Claim | None:
    """Take a confirmed batch; None when another worker has it or there is nothing to apply."""
    lease = now + LEASE
    taken = db.session.scalar(
        update(ImportBatch)
        .where(
            ImportBatch.id == batch_id,
            ImportBatch.state == BatchState.APPLYING,
            or_(ImportBatch.lease_until.is_(None), ImportBatch.lease_until < now),
        )
        .values(lease_until=lease)
        .returning(ImportBatch.id)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        return None
    batch = db.session.get_one(ImportBatch, batch_id)
    source, options = batch.source, batch.options
    return Claim(
        batch_id=batch_id,
        lease=lease,
        source_id=source.id,
        brand_id=source.brand_id,
        ids_are_persons=source.ids_are_persons,
        touchpoint_id=options.get("touchpoint_id") or source.touchpoint_id,
        currency=source.currency,
        grounds={
            Channel(channel): GroundKind(kind)
            for channel, kind in options.get("grounds", source.grounds).items()
            if kind
        },
        grounds_set_by_id=source.grounds_set_by_id,
    )


def apply_next(claim: Claim, names: Names, *, now: datetime, most: int = CHUNK) -> int | None:
    """Apply the next rows in the order of the file; gives how many, 0 at the end, None when the lease was lost.

    After a rollback the caller must put back `claim.lease`.
    """
    if not _still_mine(claim, now=now):
        return None
    staged = db.session.execute(
        select(StagedRow.line, StagedRow.data)
        .where(StagedRow.batch_id == claim.batch_id)
        .order_by(StagedRow.line)
        .limit(most)
    ).all()
    if not staged:
        return 0
    counts = Counts()
    for wave in waves([InteractionRow.from_json(one.data) for one in staged]):
        _apply(claim, wave, names, counts, now=now)
    _done(claim, counts, rows=len(staged), last_line=staged[-1].line)
    return len(staged)


def reject_next(claim: Claim, *, now: datetime) -> int | None:
    """Reject the next single row, which could not be written for a reason nobody foresaw; as `apply_next`."""
    if not _still_mine(claim, now=now):
        return None
    line = db.session.scalars(
        select(StagedRow.line).where(StagedRow.batch_id == claim.batch_id).order_by(StagedRow.line).limit(1)
    ).one()
    _reject(claim, [(line, RejectReason.NOT_WRITABLE, "")])
    _done(claim, Counts(rejected=1), rows=1, last_line=line)
    return 1


def finish(claim: Claim, *, now: datetime) -> None:
    """The last row is applied: the batch is done, and the planner may look at its interactions."""
    batch = db.session.get_one(ImportBatch, claim.batch_id)
    moved = db.session.scalar(
        update(ImportBatch)
        .where(
            ImportBatch.id == claim.batch_id,
            ImportBatch.state == BatchState.APPLYING,
            ImportBatch.lease_until == claim.lease,
        )
        .values(state=BatchState.DONE, lease_until=None, finished_at=now)
        .returning(ImportBatch.id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        return
    db.session.refresh(batch)
    audit.record(
        Event.IMPORT_APPLIED,
        actor=audit.by_user(batch.created_by_id) if batch.created_by_id else PROGRAM,
        now=now,
        subject=("import_batch", batch.id),
        data={
            "accepted": batch.accepted,
            "updated": batch.updated,
            "unchanged": batch.unchanged,
            "rejected": batch.rejected,
        },
    )


def waves(rows: Sequence[InteractionRow]) -> Iterator[list[InteractionRow]]:
    """The rows in lists in which no interaction occurs twice: a repeated one is applied after the first."""
    rest = list(rows)
    while rest:
        wave: dict[str, InteractionRow] = {}
        later = [row for row in rest if wave.setdefault(row.external_id, row) is not row]
        yield list(wave.values())
        rest = later


def _still_mine(claim: Claim, *, now: datetime) -> bool:
    """Prolong the lease; False when another worker has the batch. Asked before anything is written."""
    lease = now + LEASE
    moved = db.session.scalar(
        update(ImportBatch)
        .where(
            ImportBatch.id == claim.batch_id,
            ImportBatch.state == BatchState.APPLYING,
            ImportBatch.lease_until == claim.lease,
        )
        .values(lease_until=lease)
        .returning(ImportBatch.id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        return False
    claim.lease = lease
    return True


def _done(claim: Claim, counts: Counts, *, rows: int, last_line: int) -> None:
    """Forget the rows that were applied, and move the counters."""
    db.session.execute(
        update(ImportBatch)
        .where(ImportBatch.id == claim.batch_id)
        .values(
            applied=ImportBatch.applied + rows,
            accepted=ImportBatch.accepted + counts.accepted,
            updated=ImportBatch.updated + counts.updated,
            unchanged=ImportBatch.unchanged + counts.unchanged,
            rejected=ImportBatch.rejected + counts.rejected,
        )
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        delete(StagedRow)
        .where(StagedRow.batch_id == claim.batch_id, StagedRow.line <= last_line)
        .execution_options(synchronize_session=False)
    )


def _apply(
    claim: Claim, rows: Sequence[InteractionRow], names: Names, counts: Counts, *, now: datetime
) -> None:
    """Persons, names and interactions of some rows, no interaction twice: a few statements for all of them."""
    earlier = interactions.earlier(claim.source_id, rows)
    emails = queries.emails_of(found.customer_id for found in earlier.values())
    rejects = list(_rejects(claim, rows, earlier, emails))
    _reject(claim, rejects)
    counts.rejected += len(rejects)
    refused = {line for line, _, _ in rejects}
    rows = [row for row in rows if row.line not in refused]
    if not rows:
        return
    places = names.places(rows)
    people = _people(claim, rows, places, now=now)
    known = [
        Known(row, place, person, row.touchpoint_id or claim.touchpoint_id or 0, claim.currency)
        for row, place, person in zip(rows, places, people, strict=True)
    ]
    new = [one for one in known if one.row.external_id not in earlier]
    old = [one for one in known if one.row.external_id in earlier]
    counts.accepted += len(new)
    interactions.add(claim.source_id, claim.batch_id, new, now=now)
    updated = interactions.change(old, earlier, emails, now=now)
    counts.updated += updated
    counts.unchanged += len(old) - updated


def _rejects(
    claim: Claim,
    rows: Iterable[InteractionRow],
    earlier: Mapping[str, Any],
    emails: Mapping[int, frozenset[str]],
) -> Iterator[tuple[int, RejectReason, str]]:
    """Rows that only the database can refuse: no touchpoint, or a number that is another purchase's.

    Tills start their numbers again every day; taken for a change, the second would swallow the first.
    """
    for row in rows:
        if not row.touchpoint_id and not claim.touchpoint_id:
            yield row.line, RejectReason.NO_TOUCHPOINT, ""
            continue
        found = earlier.get(row.external_id)
        if not row.numbered or found is None or not row.email:
            continue
        known = emails.get(found.customer_id, frozenset())
        if known and row.email not in known and abs(found.happened_at - row.happened_at) > ANOTHER_DAY:
            yield row.line, RejectReason.REPEATED_NUMBER, row.number


def _reject(claim: Claim, rejects: Sequence[tuple[int, RejectReason, str]]) -> None:
    if rejects:
        rows = [
            {"batch_id": claim.batch_id, "line": line, "reason": reason.value, "column": "", "value": value}
            for line, reason, value in rejects
        ]
        db.session.execute(insert(RejectedRow), rows)


def _people(
    claim: Claim, rows: Sequence[InteractionRow], places: Sequence[Places], *, now: datetime
) -> list[int | None]:
    """The customers of the rows, in order; None where nobody is known."""
    found: list[int | None] = [None] * len(rows)
    for pool_id in {place.pool_id for place in places}:
        incoming = [
            (at, person)
            for at, (row, place) in enumerate(zip(rows, places, strict=True))
            if place.pool_id == pool_id
            for person in _incoming(claim, row, place)
        ]
        ids = customers.find_or_create(
            [person for _, person in incoming],
            pool_id=pool_id,
            source_id=claim.source_id if claim.ids_are_persons else None,
            now=now,
        )
        for (at, _), id_ in zip(incoming, ids, strict=True):
            found[at] = id_
    return found


def _incoming(claim: Claim, row: InteractionRow, place: Places) -> Iterator[customers.Incoming]:
    """The person of a row: once with what the row itself says, and again if the source's grounds come on top.

    A ground has one author: the file's own column speaks for the customer, the default for an administrator.
    """
    said = {Channel(channel): word for channel, word in row.consents.items()}
    default = {channel: kind for channel, kind in claim.grounds.items() if channel not in said}
    person = customers.Incoming(
        external_id=row.customer_id,
        name=row.customer_name,
        email=row.email,
        phone=row.phone,
        language=row.language or None,
        region_id=place.region_id,
        is_key=row.is_key,
    )
    if said:
        yield replace(
            person,
            grounds={channel: GroundKind.CONSENT for channel, word in said.items() if word},
            refused=frozenset(channel for channel, word in said.items() if not word),
            proof=f"import {claim.batch_id}, consent columns",
        )
    if default or not said:
        yield replace(
            person,
            grounds=default,
            proof=f"import {claim.batch_id}, source default" if default else "",
            set_by_id=claim.grounds_set_by_id,
        )
