"""index what waits

Few invitations are held back for a time; all others were written into that index whenever their state changed. Letters
that have not left yet are looked for without the state, because some are answered before they are noted as sent.

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

AGAIN = "again_at IS NOT NULL"
UNSENT, UNSENT_BEFORE = "sent_at IS NULL AND handed_over_at IS NOT NULL", "state = 'handed_over' AND sent_at IS NULL"


def upgrade() -> None:
    _index("again", ["again_at"], AGAIN)
    _index("unsent", ["id"], UNSENT)


def downgrade() -> None:
    _index("again", ["state", "again_at"])
    _index("unsent", ["id"], UNSENT_BEFORE)


def _index(name: str, columns: list[str], condition: str | None = None) -> None:
    where = sa.text(condition) if condition else None
    op.drop_index(f"ix_invitation_{name}", "invitation")
    op.create_index(f"ix_invitation_{name}", "invitation", columns, sqlite_where=where, postgresql_where=where)
