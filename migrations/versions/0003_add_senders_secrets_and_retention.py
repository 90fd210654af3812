"""add senders, secrets and retention

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

SECURITY = "security IN ('none', 'starttls', 'tls')"
KINDS = "kind IN ('persons', 'letters', 'links', 'files')"


def upgrade() -> None:
    with op.batch_alter_table('sender', schema=None) as batch_op:
        batch_op.add_column(sa.Column('host', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('port', sa.Integer(), nullable=False, server_default='587'))
        batch_op.add_column(sa.Column('security', sa.String(length=32), nullable=False, server_default='starttls'))
        batch_op.add_column(sa.Column('username', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('password', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('per_minute', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('connections', sa.Integer(), nullable=True))
        batch_op.create_check_constraint(op.f('ck_sender_security'), SECURITY)
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.add_column(sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table('customer', schema=None) as batch_op:
        batch_op.add_column(sa.Column('emptied_at', sa.DateTime(timezone=True), nullable=True))
    op.create_table('retention',
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('amount', sa.Integer(), nullable=False),
    sa.Column('done_on', sa.Date(), nullable=True),
    sa.CheckConstraint(KINDS, name=op.f('ck_retention_kind')),
    sa.PrimaryKeyConstraint('kind', name=op.f('pk_retention'))
    )


def downgrade() -> None:
    op.drop_table('retention')
    with op.batch_alter_table('customer', schema=None) as batch_op:
        batch_op.drop_column('emptied_at')
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.drop_column('retired_at')
    with op.batch_alter_table('sender', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_sender_security'), type_='check')
        for name in ('connections', 'per_minute', 'password', 'username', 'security', 'port', 'host'):
            batch_op.drop_column(name)
