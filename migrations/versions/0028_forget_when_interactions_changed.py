"""forget when interactions changed

Nobody ever read it.

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column('interaction', 'changed_at')


def downgrade() -> None:
    op.add_column('interaction', sa.Column('changed_at', UtcDateTime(timezone=True), nullable=True))
    op.execute('UPDATE interaction SET changed_at = accepted_at')
    with op.batch_alter_table('interaction') as batch:
        batch.alter_column('changed_at', existing_type=UtcDateTime(timezone=True), nullable=False)
