"""Sources, imported files and interactions: what pages, the planner and the heartbeat ask about them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, exists, func, or_, select, text
from sqlalchemy.orm import joinedload

from npsapp.customers.models import ContactPoint
from npsapp.customers.rules import ContactKind
from npsapp.db import db
from npsapp.intake.models import BatchState, ImportBatch, Interaction, RejectedRow, Source, StagedRow

WAITS_FOR_JOB = timedelta(minutes=1)  # a batch that waits longer has lost its job
KEEP_FILES = timedelta(days=90)  # decisions.md 15


def sources() -> Sequence[Source]:
    """All sources people may choose from, by name."""
    return db.session.scalars(select(Source).order_by(Source.name)).all()


def source(source_id: int) -> Source | None:
    """One source."""
    return db.session.get(Source, source_id)


def source_by_name(name: str) -> Source | None:
    """The source with exactly this name."""
    return db.session.scalars(select(Source).where(Source.name == name)).first()


def batch(batch_id: int) -> ImportBatch | None:
    """One imported file with its source and the source's brand."""
    return db.session.scalars(_with_source().where(ImportBatch.id == batch_id)).first()


def batches(*, limit: int, offset: int) -> Sequence[ImportBatch]:
    """Imported files, newest first."""
    query = _with_source().order_by(ImportBatch.id.desc()).limit(limit).offset(offset)
    return db.session.scalars(query).all()


def _with_source() -> Select[ImportBatch]:
    return select(ImportBatch).options(joinedload(ImportBatch.source).joinedload(Source.brand))


def same_file(sha256: str, source_id: int, before: int) -> ImportBatch | None:
    """The earlier file of this source with the same content, newest first."""
    return db.session.scalars(
        select(ImportBatch)
        .where(
            ImportBatch.sha256 == sha256,
            ImportBatch.source_id == source_id,
            ImportBatch.id < before,
            ImportBatch.state == BatchState.DONE,
        )
        .order_by(ImportBatch.id.desc())
        .limit(1)
    ).first()


def rejects(batch_id: int, *, limit: int | None = None) -> Sequence[RejectedRow]:
    """Rows that were not taken in, in the order of the file."""
    query = select(RejectedRow).where(RejectedRow.batch_id == batch_id)
    return db.session.scalars(query.order_by(RejectedRow.line, RejectedRow.id).limit(limit)).all()


def reject_counts(batch_id: int) -> list[tuple[str, int]]:
    """(reason, how many rows), most frequent first."""
    rows = db.session.execute(
        select(RejectedRow.reason, func.count())
        .where(RejectedRow.batch_id == batch_id)
        .group_by(RejectedRow.reason)
        .order_by(func.count().desc(), RejectedRow.reason)
    )
    return [(reason, count) for reason, count in rows]


@dataclass(frozen=True)
class Span:
    """The first and last moment of a file's rows; None when no row is waiting."""

    first: datetime | None
    last: datetime | None


def staged_span(batch_id: int) -> Span:
    """From when to when the waiting rows happened."""
    first, last = db.session.execute(
        select(func.min(StagedRow.happened_at), func.max(StagedRow.happened_at)).where(
            StagedRow.batch_id == batch_id
        )
    ).one()
    return Span(first, last)


def undecided(limit: int) -> Sequence[int]:
    """Ids of interactions about which nothing has been decided yet, oldest first.

    Those of a file that is still being imported wait until it is done (decisions.md 22).
    """
    still_coming = exists().where(
        ImportBatch.id == Interaction.batch_id, ImportBatch.state == BatchState.APPLYING
    )
    return db.session.scalars(
        # As text: SQLite takes the partial index only for the very words of its condition.
        select(Interaction.id).where(text("undecided"), ~still_coming).order_by(Interaction.id).limit(limit)
    ).all()


def standing_still(now: datetime) -> list[tuple[int, BatchState]]:
    """Batches nobody works on although somebody should: their job was lost, or its worker died."""
    waiting = ImportBatch.created_at < now - WAITS_FOR_JOB
    free = or_(ImportBatch.lease_until.is_(None), ImportBatch.lease_until < now)
    rows = db.session.execute(
        select(ImportBatch.id, ImportBatch.state)
        .where(
            or_(
                and_(ImportBatch.state == BatchState.UPLOADED, waiting),
                and_(ImportBatch.state.in_((BatchState.STAGING, BatchState.APPLYING)), free),
            )
        )
        .order_by(ImportBatch.id)
    )
    return [(id_, state) for id_, state in rows]


def old_files(now: datetime) -> list[tuple[int, str]]:
    """(batch, stored name) of files kept long enough."""
    rows = db.session.execute(
        select(ImportBatch.id, ImportBatch.stored_as).where(
            ImportBatch.created_at < now - KEEP_FILES, ImportBatch.stored_as != ""
        )
    )
    return [(id_, name) for id_, name in rows]


def emails_of(customer_ids: Iterable[int | None]) -> dict[int, frozenset[str]]:
    """The e-mail addresses of customers who have any."""
    wanted = sorted({id_ for id_ in customer_ids if id_ is not None})
    if not wanted:
        return {}
    rows = db.session.execute(
        select(ContactPoint.customer_id, ContactPoint.value).where(
            ContactPoint.customer_id.in_(wanted), ContactPoint.kind == ContactKind.EMAIL
        )
    )
    found: dict[int, set[str]] = {}
    for row in rows:
        found.setdefault(row.customer_id, set()).add(row.value)
    return {customer_id: frozenset(values) for customer_id, values in found.items()}


def story(customer_id: int) -> Sequence[Interaction]:
    """What happened between a customer and us, newest first, with touchpoint and unit."""
    return db.session.scalars(
        select(Interaction)
        .options(joinedload(Interaction.touchpoint), joinedload(Interaction.unit))
        .where(Interaction.customer_id == customer_id)
        .order_by(Interaction.happened_at.desc(), Interaction.id.desc())
    ).all()


def labels(kind: str, ids: Iterable[int | None]) -> dict[int, str]:
    """Names for the audit log: `source` → its name, `import_batch` → the file's name."""
    wanted = sorted({id_ for id_ in ids if id_ is not None})
    model, column = {
        "source": (Source, Source.name),
        "import_batch": (ImportBatch, ImportBatch.file_name),
    }[kind]
    rows = db.session.execute(select(model.id, column).where(model.id.in_(wanted)))  # type: ignore[attr-defined]
    return {row[0]: row[1] for row in rows}
