"""Staging: an uploaded file is kept, then read and checked as a whole before anything of it is applied."""

import hashlib
import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import phonenumbers
from sqlalchemy import delete, or_, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import PROGRAM
from npsapp.customers import erasing
from npsapp.db import change, db, insert_many
from npsapp.intake import exchanges, words
from npsapp.intake.checking import Checker
from npsapp.intake.columns import Expected, Layout, plain_text
from npsapp.intake.models import BatchState, ImportBatch, RejectedRow, Source, StagedPart, ValueKind
from npsapp.intake.readers import Sheet
from npsapp.intake.rules import SHOWN_VALUE, InteractionRow, Rejection, Setting, packed
from npsapp.lib.clock import zone
from npsapp.lib.refusals import Refused
from npsapp.lib.tables import MEGABYTE, FileRefused
from npsapp.lib.texts import N_
from npsapp.lib.tokens import digest, new_token
from npsapp.organization import queries as organization
from npsapp.organization.rules import fold
from npsapp.surveys import queries as surveys

PART = 1_000  # rows written at once
SAMPLE_ROWS = 5
MOST_UNMAPPED = 200  # values of one kind that are listed
_STORED_NAME = re.compile(r"[A-Za-z0-9_-]{20,60}")


# The file itself: in `instance/uploads/` under a random name, readable by its owner only


class UnknownColumns(Refused):
    """A table that came by itself and whose columns nobody has explained yet; it is kept for whoever does."""

    wording = N_(
        "The columns of the file are not known. Open the file under Imports, say what its columns mean and confirm it: "
        "later files of this kind are then read by themselves."
    )


@dataclass(frozen=True)
class StoredFile:
    """A file as it lies in the folder; size in bytes."""

    name: str
    sha256: str
    size: int


def store(stream: BinaryIO, folder: Path, *, most_bytes: int) -> StoredFile:
    """Copy a stream into the folder. Refuses what is larger than `most_bytes`, leaving nothing behind."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name, digest, size = new_token(), hashlib.sha256(), 0
    handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            while piece := stream.read(MEGABYTE):
                size += len(piece)
                if size > most_bytes:
                    raise too_large(most_bytes)
                digest.update(piece)
                file.write(piece)
    except BaseException:
        (folder / name).unlink(missing_ok=True)
        raise
    return StoredFile(name, digest.hexdigest(), size)


def too_large(most_bytes: int) -> FileRefused:
    """The refusal of a file that is larger than this installation reads."""
    return FileRefused(
        N_("The file is larger than %(most)d MB. Split it into parts."),
        code="file_too_large",
        most=most_bytes // MEGABYTE,
    )


def path_of(folder: Path, stored_as: str) -> Path:
    """Where a stored file lies; refuses names that cannot be ours and files that are gone."""
    path = folder / stored_as
    if not _STORED_NAME.fullmatch(stored_as) or not path.is_file():
        raise FileRefused(N_("The file is no longer stored. Upload it again."), code="file_gone")
    return path


# One worker at a time


@dataclass
class Claim:
    """A batch this worker has, until `lease`, which also tells it from a worker that was believed dead."""

    batch_id: int
    state: BatchState
    lease: datetime
    patience: timedelta
    """How long others wait for a sign of life."""

    def hold(self, *, now: datetime, **values: Any) -> bool:
        """Change the batch and prolong the lease; False when another worker has taken it over."""
        values = {"lease_until": now + self.patience, **values}
        mine = change(
            update(ImportBatch)
            .where(
                ImportBatch.id == self.batch_id, ImportBatch.state == self.state, ImportBatch.lease_until == self.lease
            )
            .values(values)
        )
        self.lease = values["lease_until"] or self.lease
        return mine == 1


def take(batch_id: int, *states: BatchState, now: datetime, patience: timedelta, **values: Any) -> ImportBatch | None:
    """Lease a batch in one of these states; None when another worker has it or it is past them."""
    taken = change(
        update(ImportBatch)
        .where(
            ImportBatch.id == batch_id,
            ImportBatch.state.in_(states),
            or_(ImportBatch.lease_until.is_(None), ImportBatch.lease_until < now),
        )
        .values(lease_until=now + patience, **values)
    )
    return db.session.get_one(ImportBatch, batch_id) if taken else None


# Reading


@dataclass
class Reading(Claim):
    """A batch this worker reads, with what was seen of it."""

    stored_as: str
    format: str
    auto: bool
    """Nobody confirms it: it is applied as soon as it is read."""
    expected: Expected
    """What is known of a table's columns."""
    setting: Setting
    regions: Mapping[str, int]
    unknown_regions: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=lambda: Counter(rows=0, rejected=0, no_address=0))
    sample: list[list[str]] = field(default_factory=list)
    passing: bool = False
    """Whether it holds for this moment only what was read."""

    @property
    def how(self) -> str:
        """Stands for everything besides the file and its columns that decides what is read; empty: the moment does."""
        one = self.setting
        known = sorted(one.brands.items()), sorted(one.touchpoints.items()), sorted(one.settings.items())
        decisive = version("npsapp"), phonenumbers.__version__, self.format, one.zone.key, one.country, known
        return "" if self.passing or one.ahead else digest(repr(decisive))


class Reader(Protocol):
    """Reads what a connection sent, in one format: documents out, one at a time, in constant memory.

    Raises `FileRefused` when nothing can be read of it, also halfway: nothing is applied before the last row.
    """

    def __call__(self, path: Path, setting: Setting) -> Iterator[InteractionRow | Rejection]: ...


@dataclass(frozen=True)
class Part:
    """Some rows of the file, as they are written."""

    rows: list[InteractionRow] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[dict[str, Any]] = field(default_factory=list)
    """The same of what is mistyped in accepted rows."""


def begin(batch_id: int, *, now: datetime, patience: timedelta) -> Reading | None:
    """Take a batch for reading, from its first row; None when there is nothing to do."""
    waiting = (BatchState.UPLOADED, BatchState.STAGING)
    batch = take(batch_id, *waiting, now=now, patience=patience, state=BatchState.STAGING)
    if batch is None:
        return None
    forget(batch_id)
    pool_id = batch.source.brand.pool_id
    return Reading(
        batch_id,
        BatchState.STAGING,
        now + patience,
        patience,
        stored_as=batch.stored_as,
        format=batch.options.get("format", ""),
        auto=bool(batch.options.get("auto")),
        expected=Expected(batch.columns or batch.source.mapping, organization.property_lookup(pool_id)),
        setting=setting_of(batch.source, batch.options, now=now),
        regions=organization.region_lookup(pool_id) | words.said(batch.source_id, ValueKind.REGION),
    )


def setting_of(source: Source, options: Mapping[str, Any], *, now: datetime) -> Setting:
    """What is known of a source's rows before the first of them."""
    return Setting(
        zone=zone(source.timezone),
        now=now,
        brands=organization.brand_lookup(),
        touchpoints=surveys.touchpoint_lookup(source.brand.pool_id),
        country=source.country,
        settings=source.settings,
        options=options,
    )


def table_rows(sheet: Sheet, claim: Reading) -> Iterator[InteractionRow | Rejection]:
    """The checked rows of a sheet. Refuses a heading row without the required columns before the first."""
    rows = sheet.data()
    first = list(itertools.islice(rows, SAMPLE_ROWS))
    claim.sample = [[plain_text(cell)[:80] for cell in cells] for _, cells in first]
    if sheet.layout.missing:
        raise FileRefused(
            N_(
                "Row %(line)d has headings, but no column for: %(missing)s. Rename a column, or choose it on the "
                "page of the import."
            ),
            code="missing_columns",
            line=sheet.layout.line,
            missing="; ".join(sheet.layout.missing),
        )
    checker = Checker(sheet.layout.columns, len(sheet.layout.titles), claim.setting, sheet.layout.properties)
    for line, cells in itertools.chain(first, rows):
        yield checker.check(line, cells)


def parts(checked: Iterator[InteractionRow | Rejection], claim: Reading) -> Iterator[Part]:
    """What a reader gives, in pieces to be written."""
    while piece := list(itertools.islice(checked, PART)):
        part = Part()
        for one in piece:
            _add(part, one, claim)
        yield part


def _add(part: Part, checked: InteractionRow | Rejection, claim: Reading) -> None:
    if isinstance(checked, Rejection):
        reject = {"reason": checked.reason.value, "column": checked.column, "value": checked.value}
        part.rejects.append({"line": checked.line} | reject)
        return
    if not checked.email and not checked.phone:
        claim.counts["no_address"] += 1
    claim.passing = claim.passing or checked.undated
    for kind, written in checked.wrong:
        remark = {"reason": kind, "column": kind, "value": written[:SHOWN_VALUE]}
        part.remarks.append({"line": checked.line} | remark)
    if checked.region and fold(checked.region) not in claim.regions:
        claim.unknown_regions[checked.region] += 1
    part.rows.append(checked)


def write(claim: Reading, part: Part, *, now: datetime) -> bool:
    """Write some rows; False when another worker has taken the batch over. Nobody who is just being erased is kept."""
    if about := erasing.under_way():
        claim.passing = True
        part.rows[:] = [row for row in part.rows if not about(packed([row]))]
    claim.counts.update(rows=len(part.rows), rejected=len(part.rejects))
    if not claim.hold(now=now, **claim.counts):
        return False
    if part.rows:
        moments = [row.happened_at for row in part.rows]
        staged = {"rows": packed(part.rows), "count": len(moments), "first_at": min(moments), "last_at": max(moments)}
        insert_many(StagedPart, [staged], batch_id=claim.batch_id)
    insert_many(RejectedRow, part.rejects + part.remarks, batch_id=claim.batch_id)
    return True


def finish(claim: Reading, layout: Layout | None, *, now: datetime) -> None:
    """The whole file is read: it waits for its confirmation, or is applied. Refuses a table without a single row."""
    if layout and claim.counts["rows"] + claim.counts["rejected"] == 0:
        raise FileRefused(N_("There are no rows below the headings in row %(line)d."), code="no_rows", line=layout.line)
    unknown = {"region": dict(claim.unknown_regions.most_common(MOST_UNMAPPED))}
    state = BatchState.APPLYING if claim.auto else BatchState.STAGED
    _finish(claim, layout, state, now=now, unmapped=unknown, error="", error_values={})


def refuse(claim: Reading, refusal: Refused, layout: Layout | None, *, now: datetime) -> None:
    """The file cannot be taken in: keep the reason, drop what was read of it."""
    why = {"error": refusal.wording, "error_values": refusal.values, "finished_at": now}
    nothing = dict.fromkeys(claim.counts, 0)
    if not _finish(claim, layout, BatchState.REFUSED, now=now, **why, **nothing):
        return
    forget(claim.batch_id)
    if claim.auto:
        source_id = db.session.get_one(ImportBatch, claim.batch_id).source_id
        said = UnknownColumns() if refusal.code == "missing_columns" else refusal
        exchanges.note(source_id, N_("Records refused"), said, now=now)
    subject, data = ("import_batch", claim.batch_id), {"code": refusal.code}
    audit.record(Event.IMPORT_REFUSED, actor=PROGRAM, now=now, subject=subject, data=data)


def _finish(claim: Reading, layout: Layout | None, state: BatchState, *, now: datetime, **values: Any) -> bool:
    batch = db.session.get_one(ImportBatch, claim.batch_id)
    options = {**batch.options, "sample": claim.sample, "how": claim.how}
    columns = layout.chosen if layout else {}
    return claim.hold(now=now, state=state, lease_until=None, columns=columns, options=options, **values)


def forget(batch_id: int) -> None:
    """Delete what was read of a file."""
    db.session.execute(delete(StagedPart).where(StagedPart.batch_id == batch_id))
    db.session.execute(delete(RejectedRow).where(RejectedRow.batch_id == batch_id))
