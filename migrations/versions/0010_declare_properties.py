"""declare properties

What a company tells its interactions apart by, and the values seen.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'property',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('pool_id', sa.Integer(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('name', sa.JSON(), nullable=False),
        sa.Column('aliases', sa.JSON(), nullable=False),
        sa.Column('created_at', UtcDateTime(timezone=True), nullable=False),
        sa.Column('retired_at', UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['pool_id'], ['pool.id'], name=op.f('fk_property_pool_id_pool')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_property')),
        sa.UniqueConstraint('pool_id', 'key', name=op.f('uq_property_pool_id_key')),
    )
    op.create_table(
        'property_value',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('property_id', sa.Integer(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('created_at', UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['property_id'], ['property.id'], name=op.f('fk_property_value_property_id_property')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_property_value')),
        sa.UniqueConstraint('property_id', 'key', name=op.f('uq_property_value_property_id_key')),
    )


def downgrade() -> None:
    op.drop_table('property_value')
    op.drop_table('property')
