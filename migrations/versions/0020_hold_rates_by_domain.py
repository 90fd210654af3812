"""hold rates by domain

The pace of a sender towards each recipient's domain, why it stopped there, what a refusal meant, and when a letter was
over.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None

WAITS = "state = 'queued' AND NOT recheck"
INDEXES = (
    ('ix_message_lane', ['sender_id', 'lane', 'due_at', 'id', 'domain'], WAITS),
    ('ix_message_urgent', ['sender_id', 'due_at'], f"{WAITS} AND purpose IN ('staff','password','test')"),
    ('ix_message_ended', ['state', 'ended_at'], None),
    ('ix_message_refused', ['to_address', 'ended_at'], "state IN ('failed','bounced')"),
)
SAME = {
    'gmail.com': ('googlemail.com',),
    'outlook.com': ('hotmail.com', 'live.com', 'msn.com'),
    'mail.ru': ('bk.ru', 'inbox.ru', 'list.ru'),
    'yandex.ru': ('ya.ru', 'yandex.com', 'yandex.ua'),
}


def upgrade() -> None:
    for name in ('domain', 'lane', 'status'):
        op.add_column('message', sa.Column(name, sa.String(), nullable=False, server_default=''))
    op.add_column('message', sa.Column('ended_at', UtcDateTime(timezone=True), nullable=True))
    _fill()
    for name, columns, where in INDEXES:
        only = {'sqlite_where': sa.text(where), 'postgresql_where': sa.text(where)} if where else {}
        op.create_index(name, 'message', columns, **only)
    op.drop_index('ix_message_sender_id', 'message')
    op.add_column('sender', sa.Column('selectors', sa.String(), nullable=False, server_default=''))
    causes = sa.Enum('slow', 'reputation', 'errors', name='cause', native_enum=False, create_constraint=True, length=32)
    with op.batch_alter_table('sender_rate') as batch:
        batch.add_column(sa.Column('per_minute', sa.Integer(), nullable=True))
        for name in ('faults', 'stops'):
            batch.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default='0'))
        for name in ('last_domain', 'words'):
            batch.add_column(sa.Column(name, sa.String(), nullable=False, server_default=''))
        for name in ('stopped_until', 'told_at'):
            batch.add_column(sa.Column(name, UtcDateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column('probing', sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column('cause', causes, nullable=True))


def _fill() -> None:
    """What can be told of letters made so far."""
    sqlite = op.get_bind().dialect.name == 'sqlite'
    domain = "substr(to_address, instr(to_address, '@') + 1)" if sqlite else "split_part(to_address, '@', 2)"
    op.execute(f"UPDATE message SET domain = lower({domain}) WHERE to_address LIKE '%@%'")  # noqa: S608
    for first, others in SAME.items():
        names = ', '.join(f"'{one}'" for one in others)
        op.execute(f"UPDATE message SET domain = '{first}' WHERE domain IN ({names})")  # noqa: S608
    over = "'sent', 'failed', 'expired', 'delivered', 'bounced'"
    op.execute(f'UPDATE message SET ended_at = coalesce(sent_at, due_at) WHERE state IN ({over})')  # noqa: S608
    op.execute("UPDATE message SET status = '5.0.0' WHERE state = 'failed' AND error LIKE '5%'")


def downgrade() -> None:
    with op.batch_alter_table('sender_rate') as batch:
        batch.drop_constraint(op.f('ck_sender_rate_cause'), type_='check')
        for name in ('cause', 'probing', 'told_at', 'stopped_until', 'words', 'last_domain', 'stops', 'faults'):
            batch.drop_column(name)
        batch.drop_column('per_minute')
    with op.batch_alter_table('sender') as batch:
        batch.drop_column('selectors')
    for name, _columns, _where in INDEXES:
        op.drop_index(name, 'message')
    with op.batch_alter_table('message') as batch:
        batch.create_index('ix_message_sender_id', ['sender_id'])
        for name in ('ended_at', 'status', 'lane', 'domain'):
            batch.drop_column(name)
