"""select and tag people

Tags on people, selections of customers under a name, what made somebody a key customer, and asking by hand.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'tag',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('customer_id', sa.Integer(), nullable=False),
        sa.Column('survey_id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('at', UtcDateTime(timezone=True), nullable=False),
        sa.Column('by_id', sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(['by_id'], ['user.id'], name=op.f('fk_tag_by_id_user')),
        sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_tag_customer_id_customer')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_tag')),
        sa.UniqueConstraint('customer_id', 'survey_id', 'name', name=op.f('uq_tag_customer_id_survey_id_name')),
    )
    op.create_index('ix_tag_name', 'tag', ['name', 'customer_id'])
    op.create_table(
        'selection',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('rule', sa.JSON(), nullable=False),
        sa.Column('makes_key', sa.Boolean(), nullable=False),
        sa.Column('created_at', UtcDateTime(timezone=True), nullable=False),
        sa.Column('created_by_id', sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(['created_by_id'], ['user.id'], name=op.f('fk_selection_created_by_id_user')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_selection')),
        sa.UniqueConstraint('name', name=op.f('uq_selection_name')),
    )
    op.add_column('customer', sa.Column('key_by', sa.String(), nullable=False, server_default=''))
    op.add_column('interaction', sa.Column('asked_because', sa.String(), nullable=False, server_default=''))
    # Answers so far tag their customers with the next beat, which recounts their days.
    op.execute(
        'INSERT INTO dirty_day (survey_id, local_date) SELECT DISTINCT survey_id, local_date FROM response '
        "WHERE basis IN ('confirmed', 'promoted') ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    for name, column in (('interaction', 'asked_because'), ('customer', 'key_by')):
        with op.batch_alter_table(name) as batch:
            batch.drop_column(column)
    op.drop_table('selection')
    op.drop_index('ix_tag_name', 'tag')
    op.drop_table('tag')
