"""Counting what a connection sent: how much of it can be asked about, and on which days it came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from npsapp.customers.models import ContactPoint
from npsapp.db import db, one_of, pairs
from npsapp.intake import queries
from npsapp.intake.models import ImportBatch, Interaction, RejectedRow, Source, SourceValue, ValueKind
from npsapp.lib.clock import local_date

NEWEST = 1_000  # interactions whose addresses are counted


@dataclass(frozen=True)
class Counts:
    """What became of all records of a connection, and how reachable the newest are."""

    accepted: int
    updated: int
    unchanged: int
    rejected: int
    newest: int
    """How many of the newest the next three tell about."""
    surveyable: int
    anonymous: int
    no_address: int


def of(source_id: int) -> Counts:
    """Counts of a connection; accepted and the like of all times, addresses of the newest 1,000."""
    columns = [ImportBatch.accepted, ImportBatch.updated, ImportBatch.unchanged, ImportBatch.rejected]
    sums = select(*(func.coalesce(func.sum(column), 0).label(column.key) for column in columns))
    batches = db.session.execute(sums.where(ImportBatch.source_id == source_id)).mappings().one()
    people = _newest_people(source_id, NEWEST)
    reachable = _reachable(people)
    return Counts(
        **{name: int(count) for name, count in batches.items()},
        newest=len(people),
        surveyable=sum(one in reachable for one in people),
        anonymous=people.count(None),
        no_address=sum(one is not None and one not in reachable for one in people),
    )


def addresses(source_id: int, *, newest: int) -> list[bool]:
    """Whether the newest interactions have anybody with an address, newest first."""
    people = _newest_people(source_id, newest)
    reachable = _reachable(people)
    return [one in reachable for one in people]


def _newest_people(source_id: int, most: int) -> list[int | None]:
    mine = select(Interaction.customer_id).where(Interaction.source_id == source_id)
    return list(db.session.scalars(mine.order_by(Interaction.id.desc()).limit(most)))


def _reachable(people: Sequence[int | None]) -> set[int | None]:
    ids = {one for one in people if one is not None}
    theirs = one_of(ContactPoint.customer_id, ids), ContactPoint.fault == ""
    return set(db.session.scalars(select(ContactPoint.customer_id).where(*theirs)))


def days_with_records(source: Source, *, since: datetime) -> list[date]:
    """Local days on which records were taken in, in order."""
    taken_in = ImportBatch.accepted + ImportBatch.updated + ImportBatch.unchanged > 0
    mine = ImportBatch.source_id == source.id, ImportBatch.created_at >= since, taken_in
    moments = db.session.scalars(select(ImportBatch.created_at).where(*mine))
    return sorted({local_date(moment, source.timezone) for moment in moments})


def unsaid(source_ids: Sequence[int]) -> dict[int, int]:
    """How many words of connections stand for nothing yet: regions, statuses, touchpoints and extra fields."""
    kinds = ValueKind.REGION, ValueKind.STATUS, ValueKind.TOUCHPOINT, ValueKind.PROPERTY
    open_words = SourceValue.kind.in_(kinds), SourceValue.target_id.is_(None), SourceValue.meaning == ""
    mine = select(SourceValue.source_id, func.count()).where(SourceValue.source_id.in_(source_ids), *open_words)
    return pairs(mine.group_by(SourceValue.source_id))


def values(source_id: int, *, limit: int | None = None, offset: int = 0) -> Sequence[SourceValue]:
    """Words of a connection: what nobody said a meaning for first, then the most frequent."""
    said = SourceValue.target_id.is_not(None) | (SourceValue.meaning != "")
    mine = select(SourceValue).where(SourceValue.source_id == source_id).limit(limit).offset(offset)
    return db.session.scalars(mine.order_by(said, SourceValue.count.desc(), SourceValue.raw)).all()


def rejects(source_id: int, *, limit: int) -> Sequence[RejectedRow]:
    """The newest records that were not taken in."""
    mine = select(RejectedRow).join(ImportBatch, ImportBatch.id == RejectedRow.batch_id)
    return db.session.scalars(
        mine.where(ImportBatch.source_id == source_id, ~queries.REMARK).order_by(RejectedRow.id.desc()).limit(limit)
    ).all()
