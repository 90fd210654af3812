"""Sources, imported files and interactions: what pages, the planner and the heartbeat ask about them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, func, or_, select, text, tuple_
from sqlalchemy.orm import aliased, joinedload

from npsapp.customers import queries as customers
from npsapp.customers.rules import AddressFault
from npsapp.db import db, is_sqlite, pairs
from npsapp.intake.models import BatchState, ImportBatch, Interaction, RejectedRow, Source, SourceKind, StagedPart


def sources() -> Sequence[Source]:
    """All sources people may choose from, by name."""
    return db.session.scalars(select(Source).where(Source.is_test.is_(False)).order_by(Source.name)).all()


MANY = 2_000  # rows read at a time


def in_use(kind: SourceKind) -> Sequence[int]:
    """Ids of the connections of a kind that are not retired."""
    return db.session.scalars(select(Source.id).where(Source.kind == kind, Source.retired_at.is_(None))).all()


def alarmed() -> Sequence[Source]:
    """Connections that something is wrong with."""
    return db.session.scalars(select(Source).where(Source.alarm != "").order_by(Source.name)).all()


WITH_SOURCE = select(ImportBatch).options(joinedload(ImportBatch.source).joinedload(Source.brand))


def batch(batch_id: int) -> ImportBatch | None:
    """One imported file with its source and the source's brand."""
    return db.session.scalars(WITH_SOURCE.where(ImportBatch.id == batch_id)).first()


def batches(*, limit: int, offset: int) -> Sequence[ImportBatch]:
    """Imported files, newest first."""
    return db.session.scalars(WITH_SOURCE.order_by(ImportBatch.id.desc()).limit(limit).offset(offset)).all()


def same_files(batch: ImportBatch) -> Sequence[ImportBatch]:
    """Earlier imports of files with the same content from the same source, oldest first; at most 100."""
    same = select(ImportBatch).where(
        ImportBatch.sha256 == batch.sha256,
        ImportBatch.source_id == batch.source_id,
        ImportBatch.id < batch.id,
        ImportBatch.state == BatchState.DONE,
    )
    return db.session.scalars(same.order_by(ImportBatch.id).limit(100)).all()


REMARK = RejectedRow.reason.in_(list(AddressFault))


def rejects(batch_id: int, *, reason: str = "", limit: int | None = None, offset: int = 0) -> Sequence[RejectedRow]:
    """Rows that were not taken in, in the order of the file; all, or those with one reason."""
    query = select(RejectedRow).where(RejectedRow.batch_id == batch_id, ~REMARK)
    query = query.where(RejectedRow.reason == reason) if reason else query
    return db.session.scalars(query.order_by(RejectedRow.line, RejectedRow.id).limit(limit).offset(offset)).all()


def remarks(batch_id: int, *, limit: int) -> Sequence[RejectedRow]:
    """What is mistyped in rows that were taken in, in the order of the file."""
    query = select(RejectedRow).where(RejectedRow.batch_id == batch_id, REMARK)
    return db.session.scalars(query.order_by(RejectedRow.line, RejectedRow.id).limit(limit)).all()


def every_reject(batch_id: int, *, remarks: bool = False) -> Iterator[Any]:
    """All of them by and by, for a file may hold a million: rows with `line`, `reason`, `column` and `value`."""
    last = (-1, 0)
    query = select(*RejectedRow.__table__.c).where(RejectedRow.batch_id == batch_id, REMARK if remarks else ~REMARK)
    query = query.order_by(RejectedRow.line, RejectedRow.id).limit(MANY)
    while rows := db.session.execute(query.where(tuple_(RejectedRow.line, RejectedRow.id) > last)).all():
        last = (rows[-1].line, rows[-1].id)
        yield from rows


def reject_counts(batch_id: int) -> list[tuple[str, int]]:
    """(reason, how many rows), most frequent first."""
    reasons = select(RejectedRow.reason, func.count()).where(RejectedRow.batch_id == batch_id, ~REMARK)
    rows = db.session.execute(reasons.group_by(RejectedRow.reason).order_by(func.count().desc()))
    return [(reason, count) for reason, count in rows]


def first_staged(batch_id: int) -> datetime | None:
    """When the earliest of the waiting rows happened; None when no row is waiting."""
    return db.session.scalar(select(func.min(StagedPart.first_at)).where(StagedPart.batch_id == batch_id))


def undecided(limit: int, *, after: int = 0) -> Sequence[int]:
    """Ids above `after` of interactions about which nothing has been decided yet, oldest first.

    Those of a file that is still being imported wait until it is done (decisions.md 22).
    """
    # As text, with the index named: SQLite would walk through all that is decided.
    index = "INDEXED BY ix_interaction_undecided" if is_sqlite() else ""
    still_coming = "SELECT id FROM import_batch WHERE state = 'applying'"
    statement = text(
        f"SELECT id FROM interaction {index} WHERE undecided AND id > :after "  # noqa: S608 - no words of others
        f"AND (batch_id IS NULL OR batch_id NOT IN ({still_coming})) ORDER BY id LIMIT :limit"
    )
    return db.session.scalars(statement, {"after": after, "limit": limit}).all()


def standing_still(now: datetime, *, patience: timedelta) -> list[tuple[int, BatchState]]:
    """Batches nobody works on although somebody should: their job was lost, or its worker died.

    An uploaded file that waits longer than `patience` has lost its job.
    """
    free = or_(ImportBatch.lease_until.is_(None), ImportBatch.lease_until < now)
    lost = or_(
        and_(ImportBatch.state == BatchState.UPLOADED, ImportBatch.created_at < now - patience),
        and_(ImportBatch.state.in_((BatchState.STAGING, BatchState.APPLYING)), free),
    )
    rows = db.session.execute(select(ImportBatch.id, ImportBatch.state).where(lost).order_by(ImportBatch.id))
    return [(id_, state) for id_, state in rows]


def comes_later(batch_id: int) -> bool:
    """Whether an older batch of its source is not applied yet: what is newer must be written last.

    Files that wait for a person hold nobody up.
    """
    on_their_way = ImportBatch.state.in_((BatchState.UPLOADED, BatchState.STAGING, BatchState.APPLYING))
    older = ImportBatch.source_id == _source_of(batch_id), on_their_way, ImportBatch.id < batch_id
    return bool(db.session.scalar(select(exists().where(*older))))


def size_of(batch_id: int) -> int:
    """Bytes of a batch's file; 0 when there is none with this number."""
    return db.session.scalar(select(ImportBatch.size).where(ImportBatch.id == batch_id)) or 0


def following(batch_id: int) -> int | None:
    """The next confirmed batch of the same source."""
    waiting = ImportBatch.source_id == _source_of(batch_id), ImportBatch.state == BatchState.APPLYING
    return db.session.scalar(select(func.min(ImportBatch.id)).where(*waiting, ImportBatch.id > batch_id))


def _source_of(batch_id: int) -> ScalarSelect[int]:
    of_batch = aliased(ImportBatch)
    return select(of_batch.source_id).where(of_batch.id == batch_id).scalar_subquery()


def old_files(before: datetime) -> list[tuple[int, str]]:
    """(batch, stored name) of files uploaded before a moment and still there."""
    old = ImportBatch.created_at < before, ImportBatch.stored_as != ""
    rows = db.session.execute(select(ImportBatch.id, ImportBatch.stored_as).where(*old))
    return [(id_, name) for id_, name in rows]


def story(customer_id: int) -> Sequence[Interaction]:
    """What happened between a customer and us, newest first, with touchpoint and unit."""
    return db.session.scalars(
        select(Interaction)
        .options(joinedload(Interaction.touchpoint), joinedload(Interaction.unit), joinedload(Interaction.source))
        .where(Interaction.customer_id.in_(customers.members(customer_id)))
        .order_by(Interaction.happened_at.desc(), Interaction.id.desc())
    ).all()


def numbered(text: str) -> ColumnElement[bool]:
    """The condition that an interaction has this number, or one that begins so, as people write it."""
    bare = text.removeprefix("№").removeprefix("#").strip()
    same = (Interaction.number.startswith(one, autoescape=True) for one in {bare, bare.upper(), bare.lower()})
    return and_(Interaction.number != "", or_(*same))


def labels(kind: str, ids: Iterable[int | None]) -> dict[int, str]:
    """Names for the audit log: `source` → its name, `import_batch` → the file's name."""
    wanted = sorted({id_ for id_ in ids if id_ is not None})
    model, column = {"source": (Source, Source.name), "import_batch": (ImportBatch, ImportBatch.file_name)}[kind]
    return pairs(select(model.id, column).where(model.id.in_(wanted)))
