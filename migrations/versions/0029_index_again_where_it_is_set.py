"""index again_at where it is set

Few invitations are held back for a time; all others were written into this index whenever their state changed.

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

THERE = sa.text("again_at IS NOT NULL")


def upgrade() -> None:
    op.drop_index("ix_invitation_again", "invitation")
    op.create_index(
        "ix_invitation_again", "invitation", ["again_at"], sqlite_where=THERE, postgresql_where=THERE
    )


def downgrade() -> None:
    op.drop_index("ix_invitation_again", "invitation")
    op.create_index("ix_invitation_again", "invitation", ["state", "again_at"])
