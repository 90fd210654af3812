"""index only what is there

Most answers came neither from a file of old ones nor by an open link: what says so stands in no index any more, which
each new answer had to be written into.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

KEYS = ("old_key", "open_key")
IDS = ("old_import_id", "open_link_id")


def upgrade() -> None:
    with op.batch_alter_table("response") as batch_op:
        for name in KEYS:
            batch_op.drop_constraint(op.f(f"uq_response_{name}"), type_="unique")
        for name in IDS:
            batch_op.drop_index(op.f(f"ix_response_{name}"))
    for name in (*KEYS, *IDS):
        there = sa.text(f"{name} IS NOT NULL")
        only = {"sqlite_where": there, "postgresql_where": there}
        op.create_index(f"ix_response_{name}", "response", [name], unique=name in KEYS, **only)


def downgrade() -> None:
    for name in (*KEYS, *IDS):
        op.drop_index(f"ix_response_{name}", "response")
    with op.batch_alter_table("response") as batch_op:
        for name in KEYS:
            batch_op.create_unique_constraint(op.f(f"uq_response_{name}"), [name])
        for name in IDS:
            batch_op.create_index(op.f(f"ix_response_{name}"), [name])
