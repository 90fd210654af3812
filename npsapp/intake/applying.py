"""Applying: staged rows become interactions, in chunks that can be repeated, resumed and raced for."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select, text, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import PROGRAM
from npsapp.customers import services as customers
from npsapp.customers.queries import families
from npsapp.customers.rules import GroundKind
from npsapp.db import alone, db, insert_many, is_sqlite
from npsapp.delivery.rules import Channel
from npsapp.intake import belonging, documents, exchanges, interactions, queries
from npsapp.intake.interactions import Known, Names
from npsapp.intake.models import PLANNING, BatchState, ImportBatch, RejectedRow, Source, StagedPart
from npsapp.intake.rules import DocumentKind, InteractionRow, RejectReason, unpacked
from npsapp.intake.staging import Claim, take
from npsapp.intake.words import Words, parted
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization

CHUNK = 1_000  # rows per transaction, decisions.md 22
GROWN = 1, 4, 16, 64  # chunks after which PostgreSQL looks at tables that have grown: else it plans for empty ones …
LOOK = text("ANALYZE contact_point, customer, ground, interaction, trusted_id")  # … until it vacuums, a minute later
ANOTHER_DAY = timedelta(days=1)

Reject = tuple[int, RejectReason, str]
"""Line, reason, the cell."""


@dataclass
class Applying(Claim):
    """A batch this worker applies, with what holds for all its rows."""

    source_id: int
    ids_are_persons: bool
    touchpoint_id: int | None
    currency: str
    grounds: Mapping[Channel, GroundKind]
    """Default ground per channel, set by `grounds_set_by_id`."""
    grounds_set_by_id: int | None
    names: Names
    key: bytes = b""
    """Stands for what rows mean just now, see `unpacked`; empty: they have no digests."""
    written: int = 0
    """How often others had written to SQLite when it was last asked."""
    chunks: int = 0
    """How many this worker has applied."""
    said: int | None = None
    """Sum of the digests of all rows; None: not all of them were applied by this worker."""


Row = TypeVar("Row")
Outcomes = dict[int, str | RejectReason]
"""Line → accepted, updated, unchanged, or why it was rejected."""


def begin(batch_id: int, *, now: datetime, patience: timedelta) -> Applying | None:
    """Take a confirmed batch; None when another worker has it or there is nothing to apply.

    What a connection sends by itself is applied in the order in which it came; None when an older one goes first.
    """
    waiting = db.session.get(ImportBatch, batch_id)
    if waiting and waiting.options.get("auto") and queries.comes_later(batch_id):
        return None
    batch = take(batch_id, BatchState.APPLYING, now=now, patience=patience)
    if batch is None:
        return None
    claim = claim_of(batch, BatchState.APPLYING, now=now, patience=patience)
    claim.key, claim.said = meaning_of(batch), None if batch.applied else 0
    return claim


def meaning_of(batch: ImportBatch) -> bytes:
    """A digest of everything besides a row itself that decides what it means, and that people may change."""
    source, pool_id = batch.source, batch.source.brand.pool_id
    decisive = (
        *(source.brand_id, source.ids_are_persons, source.currency, source.grounds_set_by_id, source.meanings),
        *(batch.touchpoint_id, sorted(batch.grounds.items())),
        sorted(organization.region_lookup(pool_id).items()),
        sorted(organization.property_lookup(pool_id).items()),
    )
    return hashlib.blake2b(repr(decisive).encode()).digest()


def claim_of(batch: ImportBatch, state: BatchState, *, now: datetime, patience: timedelta) -> Applying:
    """What holds for all rows of a batch."""
    source = batch.source
    return Applying(
        batch.id,
        state,
        now + patience,
        patience,
        source_id=source.id,
        ids_are_persons=source.ids_are_persons,
        touchpoint_id=batch.touchpoint_id,
        currency=source.currency,
        grounds={Channel(channel): GroundKind(kind) for channel, kind in batch.grounds.items()},
        grounds_set_by_id=source.grounds_set_by_id,
        names=Names(
            brand_id=source.brand_id, touchpoint_id=batch.touchpoint_id, words=Words(source.id, now=now), now=now
        ),
    )


def apply_next(claim: Applying, *, now: datetime, most: int = CHUNK) -> int | None:
    """Apply the next rows in the order of the file; gives how many, 0 at the end, None when the lease was lost."""
    alone(PLANNING)
    if not claim.hold(now=now):
        return None
    part = _next(claim)
    if part is None:
        return 0
    rows = unpacked(part.rows, key=claim.key)[part.done : part.done + most]
    if claim.chunks in GROWN and not is_sqlite():
        db.session.execute(LOOK)
    claim.chunks += 1
    if claim.said is not None:
        claim.said += sum(row.said for row in rows)
    outcomes = apply_rows(claim, rows, now=now)
    _done(claim, part, counts_of(outcomes), now=now)
    return len(rows)


def apply_rows(claim: Applying, rows: Sequence[InteractionRow], *, now: datetime) -> Outcomes:
    """Apply rows, in the order of their source; needs `alone(PLANNING)`. Gives what became of each."""
    here = interactions.standing(claim.source_id, rows)
    same = [row for row in rows if row.said and here.get(row.external_id) == row.said]
    outcomes: Outcomes = {row.line: "unchanged" for row in same}
    rows = [row for row in rows if row.line not in outcomes]
    for number, wave in enumerate(waves(rows, documents.purchase(rows))):
        outcomes |= _apply(claim, wave, None if number else here, now)
    if any(not isinstance(one, RejectReason) for one in outcomes.values()):
        db.session.execute(update(Source).where(Source.id == claim.source_id).values(accepted_at=now))
    return outcomes


def counts_of(outcomes: Outcomes) -> Counter[str]:
    """How the counters of a batch move."""
    words = ("rejected" if isinstance(one, RejectReason) else one for one in outcomes.values())
    return Counter(words) + Counter(applied=len(outcomes))


def reject_next(claim: Applying, *, now: datetime) -> int | None:
    """Reject the next single row, which could not be written for a reason nobody foresaw; as `apply_next`."""
    if not claim.hold(now=now):
        return None
    part = _next(claim)
    if part is None:
        return 0
    _reject(claim, [(unpacked(part.rows)[part.done].line, RejectReason.NOT_WRITABLE, "")])
    _done(claim, part, Counter(applied=1, rejected=1), now=now)
    return 1


def finish(claim: Claim, *, now: datetime) -> None:
    """The last row is applied: the batch is done, and the planner may look at its interactions. See also `again`."""
    if not claim.hold(now=now, state=BatchState.DONE, lease_until=None, finished_at=now):
        return
    batch = db.session.get_one(ImportBatch, claim.batch_id, populate_existing=True)
    if isinstance(claim, Applying) and claim.said is not None and batch.accepted == batch.rows > 0:
        batch.options = {**batch.options, "stands": [claim.key.hex(), claim.said]}
    if batch.options.get("auto"):
        count = batch.accepted + batch.updated + batch.unchanged
        exchanges.note(batch.source_id, N_("Records taken in"), now=now, count=count)
    audit.record(
        Event.IMPORT_APPLIED,
        actor=audit.by_user(batch.created_by_id) if batch.created_by_id else PROGRAM,
        now=now,
        subject=("import_batch", batch.id),
        data={name: getattr(batch, name) for name in ("accepted", "updated", "unchanged", "rejected")},
    )


def _next(claim: Applying) -> StagedPart | None:
    parts = select(StagedPart).where(StagedPart.batch_id == claim.batch_id)
    return db.session.scalars(parts.order_by(StagedPart.id).limit(1)).first()


def waves(rows: Sequence[Row], about: Callable[[Row], Any]) -> Iterator[list[Row]]:
    """The rows in lists in which nothing occurs twice that they are `about`: a repeated one comes after the first."""
    rest = list(rows)
    while rest:
        wave: dict[Any, Row] = {}
        later = [row for row in rest if wave.setdefault(about(row), row) is not row]
        yield list(wave.values())
        rest = later


def _done(claim: Applying, part: StagedPart, counts: Counter[str], *, now: datetime) -> None:
    """Move the counters; a part whose last row was applied goes."""
    claim.hold(now=now, **{name: getattr(ImportBatch, name) + count for name, count in counts.items()})
    part.done += counts["applied"]
    if part.done == part.count:
        db.session.delete(part)
    db.session.flush()


def _apply(claim: Applying, rows: Sequence[InteractionRow], here: Collection[str] | None, now: datetime) -> Outcomes:
    """Persons, names and interactions of some rows, no interaction twice: a few statements for all of them.

    `here`: see `belonging.earlier`.
    """
    earlier = belonging.earlier(claim.source_id, rows, here)
    emails = interactions.emails_of(found.customer_id for found in earlier.values())
    rejects = {row.line: reject for row in rows if (reject := _refused(claim, row, earlier, emails))}
    _reject(claim, list(rejects.values()))
    waiting = {line for line, reason, _ in rejects.values() if reason is RejectReason.PURCHASE_UNKNOWN}
    if waiting:
        belonging.let_wait(claim.source_id, [row for row in rows if row.line in waiting])
    late = {row.line for row in rows if (one := earlier.get(row.external_id)) and documents.older(row, one.documents)}
    left_out = rejects.keys() | late
    rows = [row for row in rows if row.line not in left_out]
    for row in rows:
        if row.undated:
            row.happened_at = earlier[row.external_id].happened_at
    known = claim.names.known(rows)
    for one in known:
        if before := earlier.get(one.row.external_id):
            one.customer_id = before.customer_id
    belonging.take_back(claim.source_id, ((one.row, one.documents) for one in known))
    for pool_id in {one.pool_id for one in known}:
        _find_people(claim, [one for one in known if one.pool_id == pool_id], pool_id, emails, now=now)
    new = [one for one in known if one.row.external_id not in earlier]
    old = [one for one in known if one.row.external_id in earlier]
    interactions.add(claim.source_id, claim.batch_id, new, currency=claim.currency, now=now)
    _count_words(claim.names.words, new, old, earlier)
    changed = interactions.change(old, earlier, emails, now=now) if old else ()
    outcomes: Outcomes = {line: reason for line, reason, _cell in rejects.values()}
    outcomes |= dict.fromkeys(late - rejects.keys(), "unchanged") | {one.row.line: "accepted" for one in new}
    return outcomes | {one.row.line: "updated" if one.row.external_id in changed else "unchanged" for one in old}


def _count_words(words: Words, new: Sequence[Known], old: Sequence[Known], earlier: Mapping[str, Any]) -> None:
    words.count(id_ for one in new for id_ in one.words)
    for one in old:
        words.count(one.words - parted(earlier[one.row.external_id].words))
    words.write_counts()


def _refused(
    claim: Applying, row: InteractionRow, earlier: Mapping[str, Any], emails: Mapping[int, set[str]]
) -> Reject | None:
    """Why only the database can refuse a row: no touchpoint, or a number that is another purchase's.

    Tills start their numbers again every day; taken for a change, the second would swallow the first.
    """
    if not row.touchpoint_id and not claim.touchpoint_id:
        return row.line, RejectReason.NO_TOUCHPOINT, ""
    found = earlier.get(row.external_id)
    if found is None and row.kind == DocumentKind.PAYMENT:
        return row.line, RejectReason.NO_SALE, row.number
    if found is None and documents.takes_back(row):
        return row.line, RejectReason.PURCHASE_UNKNOWN, row.basis
    if found is None and row.undated:
        return row.line, RejectReason.NO_DATE, row.number or row.external_id
    if not row.numbered or found is None or not row.email:
        return None
    known = emails.get(found.customer_id, ())
    if known and row.email not in known and abs(found.happened_at - row.happened_at) > ANOTHER_DAY:
        return row.line, RejectReason.REPEATED_NUMBER, row.number
    return None


def _reject(claim: Applying, rejects: Sequence[Reject]) -> None:
    rows = [{"line": line, "reason": reason.value, "column": "", "value": value} for line, reason, value in rejects]
    insert_many(RejectedRow, rows, batch_id=claim.batch_id)


def _find_people(
    claim: Applying, known: Sequence[Known], pool_id: int, emails: Mapping[int, set[str]], *, now: datetime
) -> None:
    """Say for every row who its customer is; nobody where nothing is given to know a person by.

    `emails`: of those whom the rows were about before; whoever has none may be given one.
    """
    before = [one.customer_id for one in known]
    incoming = [(one, person) for one in known for person in _incoming(claim, one, emails)]
    ids = customers.find_or_create(
        [person for _, person in incoming],
        pool_id=pool_id,
        source_id=claim.source_id if claim.ids_are_persons else None,
        now=now,
    )
    for (one, _), customer_id in zip(incoming, ids, strict=True):
        one.customer_id = customer_id
    moved = [(one, was) for one, was in zip(known, before, strict=True) if was and was != one.customer_id]
    standing = families(was for _, was in moved) if moved else {}
    for one, was in moved:
        if standing[was] == one.customer_id:
            one.customer_id = was  # merged people keep the own history: they may be told apart again


def _incoming(claim: Applying, one: Known, emails: Mapping[int, set[str]]) -> Iterator[customers.Incoming]:
    """The person of a row: with the source's grounds, and again with what the file's own columns say.

    A ground has one author: the column speaks for the customer, the default for an administrator.
    """
    row, default, ground = one.row, claim.grounds, "source default"
    if row.grounds:
        ground = "given with the row"
        default = {**default, **{Channel(channel): GroundKind(kind) for channel, kind in row.grounds.items()}}
    if row.consents:
        default = {channel: kind for channel, kind in default.items() if channel.value not in row.consents}
    person = customers.Incoming(
        external_id=row.customer_id,
        name=row.customer_name,
        **row.reached,
        language=row.language or None,
        region_id=one.region_id,
        is_key=row.is_key,
        grounds=default,
        proof=f"import {claim.batch_id}, {ground}" if default else "",
        set_by_id=claim.grounds_set_by_id,
        is_company={"company": True, "person": False}.get(row.person_kind),
        before_id=one.customer_id if one.customer_id not in emails else None,
    )
    yield person
    if row.consents:
        said = {Channel(channel): word for channel, word in row.consents.items()}
        yield replace(
            person,
            grounds={channel: GroundKind.CONSENT for channel, word in said.items() if word},
            refused=frozenset(channel for channel, word in said.items() if not word),
            proof=f"import {claim.batch_id}, consent columns",
            set_by_id=None,
        )
