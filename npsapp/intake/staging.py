"""Staging: a whole file is read and checked before anything of it is applied."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, delete, insert, or_, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.intake.checks import Checker, Setting, plain_text
from npsapp.intake.columns import Layout
from npsapp.intake.models import BatchState, ImportBatch, RejectedRow, StagedRow
from npsapp.intake.readers.sheet import Sheet
from npsapp.intake.rules import InteractionRow, Rejection
from npsapp.lib.clock import zone
from npsapp.lib.refusals import Refused
from npsapp.lib.tables import FileRefused
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.organization.rules import fold
from npsapp.surveys import queries as surveys

STAGED = cast(Table, StagedRow.__table__)  # written without the mapper, which costs more than the database
LEASE = timedelta(seconds=120)
PART = 2_000  # rows written at once
SAMPLE_ROWS = 5
MOST_UNMAPPED = 200  # values of one kind that are listed


@dataclass
class Claim:
    """A batch this worker has, until `lease`; the lease also tells it from a worker that was believed dead."""

    batch_id: int
    lease: datetime
    stored_as: str
    known: Mapping[str, str]
    """Columns chosen before: title → field."""
    setting: Setting
    regions: Mapping[str, int]
    unknown_regions: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    rejected: int = 0
    no_address: int = 0
    sample: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """Some rows of the file, as they are written."""

    rows: list[dict[str, Any]]
    rejects: list[dict[str, Any]]


def begin(batch_id: int, *, now: datetime) -> Claim | None:
    """Take a batch for reading, from its first row; None when another worker has it or it is past that."""
    lease = now + LEASE
    taken = db.session.scalar(
        update(ImportBatch)
        .where(
            ImportBatch.id == batch_id,
            ImportBatch.state.in_((BatchState.UPLOADED, BatchState.STAGING)),
            or_(ImportBatch.lease_until.is_(None), ImportBatch.lease_until < now),
        )
        .values(state=BatchState.STAGING, lease_until=lease, rows=0, rejected=0, no_address=0)
        .returning(ImportBatch.id)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        return None
    forget(batch_id)
    batch = db.session.get_one(ImportBatch, batch_id)
    pool_id = batch.source.brand.pool_id
    setting = Setting(
        zone=zone(batch.source.timezone),
        now=now,
        brands=organization.brand_lookup(),
        touchpoints=surveys.touchpoint_lookup(pool_id),
    )
    return Claim(
        batch_id,
        lease,
        batch.stored_as,
        batch.columns or batch.source.mapping,
        setting,
        organization.region_lookup(pool_id),
    )


def parts(sheet: Sheet, claim: Claim) -> Iterator[Part]:
    """The checked rows of a sheet. Refuses a heading row without the required columns before the first."""
    rows = sheet.data()
    first = list(itertools.islice(rows, SAMPLE_ROWS))
    claim.sample = [[plain_text(cell)[:80] for cell in cells] for _, cells in first]
    if sheet.layout.missing:
        raise missing_columns(sheet.layout)
    checker = Checker(sheet.layout.columns, len(sheet.layout.titles), claim.setting)
    part = Part([], [])
    for line, cells in itertools.chain(first, rows):
        checked = checker.check(line, cells)
        if isinstance(checked, Rejection):
            part.rejects.append(_reject(claim, checked))
        else:
            part.rows.append(_staged(claim, checked))
        if len(part.rows) + len(part.rejects) >= PART:
            yield part
            part = Part([], [])
    yield part


def missing_columns(layout: Layout) -> FileRefused:
    """The refusal of a table without the columns that every purchase needs."""
    return FileRefused(
        N_(
            "Row %(line)d has headings, but no column for: %(missing)s. Rename a column, or choose it on the "
            "page of the import."
        ),
        code="missing_columns",
        line=layout.line,
        missing="; ".join(layout.missing),
    )


def write(claim: Claim, part: Part, *, now: datetime) -> bool:
    """Write some rows; False when another worker has taken the batch over."""
    claim.rows += len(part.rows)
    claim.rejected += len(part.rejects)
    lease = now + LEASE
    if not _still_mine(
        claim, lease_until=lease, rows=claim.rows, rejected=claim.rejected, no_address=claim.no_address
    ):
        return False
    claim.lease = lease
    if part.rows:
        db.session.execute(insert(STAGED), part.rows)
    if part.rejects:
        db.session.execute(insert(RejectedRow), part.rejects)
    return True


def finish(claim: Claim, layout: Layout) -> bool:
    """The whole file is read: it waits for its confirmation. Refuses a table without a single row."""
    if claim.rows + claim.rejected == 0:
        raise FileRefused(
            N_("There are no rows below the headings in row %(line)d."), code="no_rows", line=layout.line
        )
    batch = db.session.get_one(ImportBatch, claim.batch_id)
    return _still_mine(
        claim,
        state=BatchState.STAGED,
        lease_until=None,
        columns=layout.chosen,
        options={**batch.options, "sample": claim.sample},
        unmapped={"region": dict(claim.unknown_regions.most_common(MOST_UNMAPPED))},
        error="",
        error_values={},
    )


def refuse(claim: Claim, refusal: Refused, layout: Layout | None, *, actor: Actor, now: datetime) -> None:
    """The file cannot be taken in: keep the reason, drop what was read of it."""
    batch = db.session.get_one(ImportBatch, claim.batch_id)
    mine = _still_mine(
        claim,
        state=BatchState.REFUSED,
        lease_until=None,
        columns=layout.chosen if layout else {},
        options={**batch.options, "sample": claim.sample},
        error=refusal.wording,
        error_values=refusal.values,
        rows=0,
        rejected=0,
        no_address=0,
        finished_at=now,
    )
    if not mine:
        return
    forget(claim.batch_id)
    audit.record(
        Event.IMPORT_REFUSED,
        actor=actor,
        now=now,
        subject=("import_batch", claim.batch_id),
        data={"code": refusal.code},
    )


def forget(batch_id: int) -> None:
    """Delete what was read of a file."""
    db.session.execute(delete(StagedRow).where(StagedRow.batch_id == batch_id))
    db.session.execute(delete(RejectedRow).where(RejectedRow.batch_id == batch_id))


def _still_mine(claim: Claim, **values: Any) -> bool:
    changed = db.session.scalar(
        update(ImportBatch)
        .where(
            ImportBatch.id == claim.batch_id,
            ImportBatch.state == BatchState.STAGING,
            ImportBatch.lease_until == claim.lease,
        )
        .values(**values)
        .returning(ImportBatch.id)
        .execution_options(synchronize_session=False)
    )
    return changed is not None


def _staged(claim: Claim, row: InteractionRow) -> dict[str, Any]:
    if not row.email and not row.phone:
        claim.no_address += 1
    if row.region and fold(row.region) not in claim.regions:
        claim.unknown_regions[row.region] += 1
    return {
        "batch_id": claim.batch_id,
        "line": row.line,
        "data": row.to_json(),
        "happened_at": row.happened_at,
        "email": row.email,
        "phone": row.phone,
    }


def _reject(claim: Claim, rejection: Rejection) -> dict[str, Any]:
    return {
        "batch_id": claim.batch_id,
        "line": rejection.line,
        "reason": rejection.reason.value,
        "column": rejection.column,
        "value": rejection.value,
    }
