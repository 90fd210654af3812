"""remember API answers

Answers to requests with an Idempotency-Key, repeated for a day.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_api_answer_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_answer")),
        sa.UniqueConstraint("source_id", "key", name=op.f("uq_api_answer_source_id_key")),
    )
    with op.batch_alter_table("api_answer") as batch_op:
        batch_op.create_index(op.f("ix_api_answer_created_at"), ["created_at"], unique=False)


def downgrade() -> None:
    op.drop_table("api_answer")
