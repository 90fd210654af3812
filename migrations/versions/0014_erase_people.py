"""Erase people for good.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keyed hashes of the addresses and ids of erased people."""
    op.create_table(
        "erased",
        sa.Column("pool_id", sa.Integer(), sa.ForeignKey("pool.id", name="fk_erased_pool_id_pool"), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pool_id", "digest", name="pk_erased"),
    )


def downgrade() -> None:
    """Whoever was erased may be taken in again."""
    op.drop_table("erased")
