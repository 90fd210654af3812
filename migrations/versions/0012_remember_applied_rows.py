"""remember applied rows

Rows that wait to be applied lie together, and an interaction remembers the row it stands as.

Revision ID: 0012
Revises: 0011
"""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

AT_ONCE = 1_000
FIELDS = (
    "line", "external_id", "happened_at", "numbered", "number", "brand_id", "touchpoint_id", "unit", "region",
    "performers", "segment", "title", "product_group", "partner", "amount", "currency", "customer_id", "customer_name",
    "email", "phone", "language", "consents", "is_key", "cancelled", "kind", "basis", "state", "status_raw", "version",
    "properties", "person_kind", "grounds",
)  # fmt: skip
EMPTY = {
    **dict.fromkeys(FIELDS, ""), "numbered": False, "brand_id": None, "touchpoint_id": None, "performers": [],
    "consents": {}, "is_key": None, "cancelled": None, "properties": {}, "grounds": {},
}  # fmt: skip
BATCH = "fk_staged_{}_batch_id_import_batch"
ROWS = sa.table(
    "staged_row", sa.column("id"), sa.column("batch_id"), sa.column("line"), sa.column("data", sa.JSON()),
    sa.column("happened_at", UtcDateTime(timezone=True)), sa.column("email"), sa.column("phone"),
)  # fmt: skip
PARTS = sa.table(
    "staged_part", sa.column("id"), sa.column("batch_id"), sa.column("rows"), sa.column("count"), sa.column("done"),
    sa.column("first_at", UtcDateTime(timezone=True)), sa.column("last_at", UtcDateTime(timezone=True)),
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "staged_part",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("rows", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("first_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=BATCH.format("part"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staged_part")),
    )
    op.create_index(op.f("ix_staged_part_batch_id"), "staged_part", ["batch_id"], unique=False)
    for part in _parts():
        op.execute(PARTS.insert().values(part))
    op.drop_table("staged_row")
    op.add_column("interaction", sa.Column("said", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("source", sa.Column("meanings", sa.Integer(), server_default="0", nullable=False))


def _parts() -> Iterator[dict[str, Any]]:
    for batch_id, ids in _ids_by_batch(ROWS, ROWS.c.batch_id, ROWS.c.line):
        for start in range(0, len(ids), AT_ONCE):
            some = sa.select(ROWS).where(ROWS.c.id.in_(ids[start : start + AT_ONCE])).order_by(ROWS.c.line)
            rows = op.get_bind().execute(some).all()
            lines = [f"{row.email}\t{json.dumps(list({**EMPTY, **row.data}.values()))}" for row in rows]
            moments = [row.happened_at for row in rows]
            yield {
                "batch_id": batch_id, "rows": "\n".join([json.dumps(FIELDS), *lines]), "count": len(rows), "done": 0,
                "first_at": min(moments), "last_at": max(moments),
            }  # fmt: skip


def _ids_by_batch(table: Any, *order: Any) -> Iterator[tuple[int, list[int]]]:
    found = op.get_bind().execute(sa.select(table.c.batch_id, table.c.id).order_by(*order)).all()
    for batch_id, rows in groupby(found, key=lambda row: row.batch_id):
        yield batch_id, [row.id for row in rows]


def downgrade() -> None:
    op.create_table(
        "staged_row",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("happened_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=BATCH.format("row"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staged_row")),
        sa.UniqueConstraint("batch_id", "line", name=op.f("uq_staged_row_batch_id")),
    )
    for _batch_id, ids in _ids_by_batch(PARTS, PARTS.c.batch_id, PARTS.c.id):
        for id_ in ids:
            part = op.get_bind().execute(sa.select(PARTS).where(PARTS.c.id == id_)).one()
            op.bulk_insert(ROWS, list(_rows(part)))
    op.drop_table("staged_part")
    with op.batch_alter_table("source") as batch_op:
        batch_op.drop_column("meanings")
    with op.batch_alter_table("interaction") as batch_op:
        batch_op.drop_column("said")


def _rows(part: Any) -> Iterator[dict[str, Any]]:
    names, *lines = part.rows.split("\n")
    for line in lines[part.done :]:
        data = dict(zip(json.loads(names), json.loads(line.partition("\t")[2]), strict=True))
        known = {name: value for name, value in data.items() if name in EMPTY and value != EMPTY[name]}
        yield {
            "batch_id": part.batch_id, "line": data["line"], "data": known, "email": data["email"],
            "phone": data["phone"], "happened_at": datetime.fromisoformat(data["happened_at"]),
        }  # fmt: skip
