"""add tests and notes

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

CONTACT_POINT = {'existing_type': sa.Integer()}


def upgrade() -> None:
    op.add_column('user', sa.Column('is_demo', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('source', sa.Column('is_test', sa.Boolean(), nullable=False, server_default=sa.false()))
    # The demo company's people, of an installation that was made before they were marked.
    op.execute(
        "UPDATE \"user\" SET is_demo = true WHERE email LIKE '%@example.com' "
        "AND EXISTS (SELECT 1 FROM brand WHERE is_demo)"
    )
    with op.batch_alter_table('invitation_step') as batch:
        batch.alter_column('contact_point_id', nullable=True, **CONTACT_POINT)
    op.create_table(
        'customer_note',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('customer_id', sa.Integer(), nullable=False),
        sa.Column('at', UtcDateTime(timezone=True), nullable=False),
        sa.Column('by_id', sa.Integer(), nullable=True),
        sa.Column('text', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_customer_note_customer_id_customer')),
        sa.ForeignKeyConstraint(['by_id'], ['user.id'], name=op.f('fk_customer_note_by_id_user')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_note')),
    )
    op.create_index('ix_customer_note_customer', 'customer_note', ['customer_id', 'at'])


def downgrade() -> None:
    op.drop_table('customer_note')
    # Tests have no address of a customer, and the older program does not know such letters.
    tests = 'SELECT id FROM invitation WHERE test'
    steps = f'SELECT id FROM invitation_step WHERE invitation_id IN ({tests})'
    op.execute(f'DELETE FROM link_event WHERE step_id IN ({steps})')
    op.execute(f'DELETE FROM response WHERE invitation_id IN ({tests})')
    op.execute(f'DELETE FROM invitation_step WHERE invitation_id IN ({tests})')
    op.execute('DELETE FROM invitation WHERE test')
    with op.batch_alter_table('invitation_step') as batch:
        batch.alter_column('contact_point_id', nullable=False, **CONTACT_POINT)
    op.execute('DELETE FROM interaction WHERE source_id IN (SELECT id FROM source WHERE is_test)')
    op.execute('DELETE FROM source WHERE is_test')
    with op.batch_alter_table('source') as batch:
        batch.drop_column('is_test')
    with op.batch_alter_table('user') as batch:
        batch.drop_column('is_demo')
