"""A file that comes again byte for byte is left alone: every row would be found unchanged.

That holds when a file with the same content was taken in whole, when nothing has changed since that decides what is
read or what it means, and when every purchase still stands as its row says.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, literal, literal_column, select, update

from npsapp.customers import erasing
from npsapp.db import db
from npsapp.intake import applying, queries
from npsapp.intake.columns import Layout
from npsapp.intake.models import ImportBatch, Interaction, RejectedRow, Source
from npsapp.intake.staging import Reading

_LOW: ColumnElement[int] = literal_column(str(0xFFFFFFFF))
_HALF: ColumnElement[int] = literal_column("32")
_COUNTS = ("rows", "rejected", "no_address", "unmapped", "columns")


def known(claim: Reading, layout: Layout | None) -> int | None:
    """The import that took in this very file, of which nothing would change; None: the file has to be read."""
    batch = db.session.get_one(ImportBatch, claim.batch_id)
    may = batch.options.get("auto") or batch.options.get("unless_known")
    if not may or batch.columns or queries.comes_later(batch.id) or erasing.under_way():
        return None
    first = next((one for one in queries.same_files(batch) if one.options.get("stands") and one.stored_as), None)
    if first is None or first.options.get("how") != claim.how:
        return None
    if layout and (layout.missing or layout.chosen != first.columns):
        return None
    key, said = first.options["stands"]
    same = key == applying.meaning_of(batch).hex() and [first.rows, said] == _standing(first.id)
    return first.id if same else None


def _standing(batch_id: int) -> Sequence[int]:
    """How many purchases of a batch there are, and the sum of their rows' digests, which SQLite cannot add at once."""
    low, high = Interaction.said.op("&")(_LOW), Interaction.said.op(">>")(_HALF)
    sums = select(func.count(), func.sum(low), func.sum(high)).where(Interaction.batch_id == batch_id)
    count, lows, highs = db.session.execute(sums).one()
    return [count, int(lows or 0) + (int(highs or 0) << 32)]


def leave(claim: Reading, first_id: int, *, now: datetime) -> None:
    """Count every row as unchanged, with what was found wrong the first time, as if the file had been read."""
    batch, first = db.session.get_one(ImportBatch, claim.batch_id), db.session.get_one(ImportBatch, first_id)
    counts = {name: getattr(first, name) for name in _COUNTS} | {"applied": first.rows, "unchanged": first.rows}
    if not claim.hold(now=now, options={**batch.options, "again": first_id}, error="", error_values={}, **counts):
        return
    copied = [column for column in RejectedRow.__table__.c if column.name not in ("id", "batch_id")]
    theirs = select(literal(claim.batch_id), *copied)
    theirs = theirs.where(RejectedRow.batch_id == first_id).order_by(RejectedRow.id)
    names = ["batch_id", *(column.name for column in copied)]
    db.session.execute(insert(RejectedRow).from_select(names, theirs, include_defaults=False))
    db.session.execute(update(Source).where(Source.id == batch.source_id).values(accepted_at=now))
    applying.finish(claim, now=now)
