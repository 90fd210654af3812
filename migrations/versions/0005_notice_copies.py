"""notice copies

Where this database was last used, and pauses that begin by themselves after a restore or a move.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CAUSE = sa.Enum("by_hand", "restored", "moved", name="cause", native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    with op.batch_alter_table("heartbeat") as batch_op:
        batch_op.add_column(sa.Column("public_url", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("pause") as batch_op:
        batch_op.add_column(sa.Column("cause", CAUSE, nullable=False, server_default="by_hand"))
        batch_op.add_column(sa.Column("known_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("pause") as batch_op:
        batch_op.drop_constraint(op.f("ck_pause_cause"), type_="check")
        batch_op.drop_column("known_until")
        batch_op.drop_column("cause")
    with op.batch_alter_table("heartbeat") as batch_op:
        batch_op.drop_column("public_url")
