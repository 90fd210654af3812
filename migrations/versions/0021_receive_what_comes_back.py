"""receive what comes back

Where letters are returned to, the mailboxes that are read for it, what people send back to letters, and why somebody
was put on the stop list or released from it by hand.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None

ADDED = (('sender', 'bounce_address'), ('suppression', 'note'), ('suppression', 'lifted_note'))
KINDS = ('failed', 'delayed', 'delivered', 'complaint', 'unsubscribe', 'automatic', 'reply')


def upgrade() -> None:
    op.create_table(
        'incoming',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column(
            'kind', sa.Enum(*KINDS, name='kind', native_enum=False, create_constraint=True, length=32), nullable=False
        ),
        sa.Column('at', UtcDateTime(timezone=True), nullable=False),
        sa.Column('digest', sa.String(), nullable=False),
        sa.Column('message_id', sa.Integer(), nullable=False),
        sa.Column('region_id', sa.Integer(), nullable=True),
        sa.Column('sender', sa.String(), nullable=False),
        sa.Column('subject', sa.String(), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('attachments', sa.Integer(), nullable=False),
        sa.Column('read_at', UtcDateTime(timezone=True), nullable=True),
        sa.Column('read_by_id', sa.Integer(), nullable=True),
        sa.Column('noted_at', UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_incoming')),
        sa.UniqueConstraint('digest', name=op.f('uq_incoming_digest')),
    )
    op.create_index('ix_incoming_list', 'incoming', ['kind', 'id'])
    op.create_index('ix_incoming_message', 'incoming', ['message_id'])
    for name, column, where in (('open', 'id', 'noted_at IS NULL'), ('unread', 'region_id', 'read_at IS NULL')):
        few = {'sqlite_where': sa.text(where), 'postgresql_where': sa.text(where)}
        op.create_index(f'ix_incoming_{name}', 'incoming', [column], **few)
    op.create_table(
        'return_box',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column(
            'way',
            sa.Enum('imap', 'pop3', name='way', native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column('host', sa.String(), nullable=False),
        sa.Column('port', sa.Integer(), nullable=False),
        sa.Column('plain', sa.Boolean(), nullable=False),
        sa.Column('user', sa.String(), nullable=False),
        sa.Column('password', sa.String(), nullable=False),
        sa.Column('folder', sa.String(), nullable=False),
        sa.Column('tidy', sa.Boolean(), nullable=False),
        sa.Column('done', sa.String(), nullable=False),
        sa.Column('position', sa.String(), nullable=False),
        sa.Column('looked_at', UtcDateTime(timezone=True), nullable=True),
        sa.Column('said', sa.String(), nullable=False),
        sa.Column('count', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_return_box')),
    )
    for name, column in ADDED:
        op.add_column(name, sa.Column(column, sa.String(), nullable=False, server_default=''))
    op.create_index('ix_suppression_reason', 'suppression', ['reason', 'id'])
    op.create_index(
        'ix_suppression_begins', 'suppression', ['address', 'id'], postgresql_ops={'address': 'text_pattern_ops'}
    )


def downgrade() -> None:
    op.drop_index('ix_suppression_begins', 'suppression')
    op.drop_index('ix_suppression_reason', 'suppression')
    for name, column in reversed(ADDED):
        with op.batch_alter_table(name) as batch:
            batch.drop_column(column)
    op.drop_table('return_box')
    for name in ('unread', 'open', 'message', 'list'):
        op.drop_index(f'ix_incoming_{name}', 'incoming')
    op.drop_table('incoming')
