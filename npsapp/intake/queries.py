"""Sources, imported files and interactions: what pages, the planner and the heartbeat ask about them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.orm import joinedload

from npsapp.db import db, is_sqlite
from npsapp.intake.models import BatchState, ImportBatch, Interaction, RejectedRow, Source, StagedRow


def sources() -> Sequence[Source]:
    """All sources people may choose from, by name."""
    return db.session.scalars(select(Source).where(Source.is_test.is_(False)).order_by(Source.name)).all()


WITH_SOURCE = select(ImportBatch).options(joinedload(ImportBatch.source).joinedload(Source.brand))


def batch(batch_id: int) -> ImportBatch | None:
    """One imported file with its source and the source's brand."""
    return db.session.scalars(WITH_SOURCE.where(ImportBatch.id == batch_id)).first()


def batches(*, limit: int, offset: int) -> Sequence[ImportBatch]:
    """Imported files, newest first."""
    return db.session.scalars(WITH_SOURCE.order_by(ImportBatch.id.desc()).limit(limit).offset(offset)).all()


def same_file(batch: ImportBatch) -> ImportBatch | None:
    """The latest earlier import of a file with the same content from the same source."""
    same = select(ImportBatch).where(
        ImportBatch.sha256 == batch.sha256,
        ImportBatch.source_id == batch.source_id,
        ImportBatch.id < batch.id,
        ImportBatch.state == BatchState.DONE,
    )
    return db.session.scalars(same.order_by(ImportBatch.id.desc()).limit(1)).first()


def rejects(batch_id: int, *, limit: int | None = None) -> Sequence[RejectedRow]:
    """Rows that were not taken in, in the order of the file."""
    query = select(RejectedRow).where(RejectedRow.batch_id == batch_id)
    return db.session.scalars(query.order_by(RejectedRow.line, RejectedRow.id).limit(limit)).all()


def reject_counts(batch_id: int) -> list[tuple[str, int]]:
    """(reason, how many rows), most frequent first."""
    reasons = select(RejectedRow.reason, func.count()).where(RejectedRow.batch_id == batch_id)
    rows = db.session.execute(reasons.group_by(RejectedRow.reason).order_by(func.count().desc()))
    return [(reason, count) for reason, count in rows]


def first_staged(batch_id: int) -> datetime | None:
    """When the earliest of the waiting rows happened; None when no row is waiting."""
    return db.session.scalar(select(func.min(StagedRow.happened_at)).where(StagedRow.batch_id == batch_id))


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


def old_files(before: datetime) -> list[tuple[int, str]]:
    """(batch, stored name) of files uploaded before a moment and still there."""
    old = ImportBatch.created_at < before, ImportBatch.stored_as != ""
    rows = db.session.execute(select(ImportBatch.id, ImportBatch.stored_as).where(*old))
    return [(id_, name) for id_, name in rows]


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
    model, column = {"source": (Source, Source.name), "import_batch": (ImportBatch, ImportBatch.file_name)}[kind]
    rows = db.session.execute(select(model.id, column).where(model.id.in_(wanted)))
    return {row[0]: row[1] for row in rows}
