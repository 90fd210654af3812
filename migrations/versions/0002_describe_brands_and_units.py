"""describe brands and say which user a performer is

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    known = sa.CheckConstraint("staff_letters IN ('full', 'no_contact', 'link')", name=op.f('ck_brand_staff_letters'))
    with op.batch_alter_table('brand', schema=None) as batch_op:
        batch_op.add_column(sa.Column('public_url', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('public_url_checked_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('privacy', sa.JSON(), nullable=False, server_default='{}'))
        batch_op.add_column(sa.Column('staff_letters', sa.String(32), known, nullable=False, server_default='full'))

    op.create_table('user_performer',
    sa.Column('performer_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['performer_id'], ['performer.id'], name=op.f('fk_user_performer_performer_id_performer'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_user_performer_user_id_user'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('performer_id', name=op.f('pk_user_performer'))
    )
    with op.batch_alter_table('user_performer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_user_performer_user_id'), ['user_id'], unique=False)


def downgrade() -> None:
    op.drop_table('user_performer')
    with op.batch_alter_table('brand', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_brand_staff_letters'), type_='check')
        batch_op.drop_column('staff_letters')
        batch_op.drop_column('privacy')
        batch_op.drop_column('public_url_checked_at')
        batch_op.drop_column('public_url')
