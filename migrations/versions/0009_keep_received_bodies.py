"""keep received bodies

What CRMs and other programs sent, and how far portals were asked for changes.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATE = sa.Enum(
    "received", "done", "ignored", "failed", name="state", native_enum=False, create_constraint=True, length=32
)
WAITS = sa.text("state = 'received'")


def upgrade() -> None:
    op.create_table(
        "received_body",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("error_values", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_received_body_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_received_body")),
    )
    with op.batch_alter_table("received_body") as batch_op:
        batch_op.create_index("ix_received_body_source", ["source_id", "id"])
        batch_op.create_index("ix_received_body_at", ["at"])
        batch_op.create_index("ix_received_body_due", ["due_at"], sqlite_where=WAITS, postgresql_where=WAITS)
    op.create_table(
        "source_poll",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("stages", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_source_poll_source_id_source")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_source_poll")),
    )


def downgrade() -> None:
    op.drop_table("source_poll")
    op.drop_table("received_body")
