"""tally invitations

Invitations by the day of their sending, so that a response rate need not read every one.

Revision ID: 0030
Revises: 0029
"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime
from npsapp.lib.clock import day_bounds, local_date

revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None

KIND = sa.Enum('answers', 'invitations', name='tallied', native_enum=False, create_constraint=True, length=32)
ASKED = sa.table(
    'invitation',
    *(sa.column(name, sa.Integer) for name in ('interaction_id', 'survey_id', 'brand_id', 'segment_id')),
    sa.column('state', sa.String),
    sa.column('sent_at', UtcDateTime),
    sa.column('sent_on', sa.Date),
)
BOUGHT = sa.table('interaction', sa.column('id', sa.Integer), sa.column('segment_id', sa.Integer))
BRAND = sa.table('brand', sa.column('id', sa.Integer), sa.column('timezone', sa.String))


def upgrade() -> None:
    ids = ('id', 'survey_id', 'region_id', 'brand_id', 'touchpoint_id', 'segment_id', 'n', 'answered')
    op.create_table(
        'invited_tally',
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ids),
        sa.Column('local_date', sa.Date(), nullable=False),
        sa.Column('open_until', UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_invited_tally')),
    )
    op.create_index('ix_invited_tally_day', 'invited_tally', ['survey_id', 'local_date'])
    op.create_index('ix_invited_tally_region', 'invited_tally', ['region_id', 'local_date'])
    _marks(sa.Column('tallied', KIND, nullable=False))
    op.add_column('invitation', sa.Column('segment_id', sa.Integer(), nullable=True))
    op.add_column('invitation', sa.Column('sent_on', sa.Date(), nullable=True))
    _tell_days()
    op.drop_index('ix_invitation_sent', 'invitation')
    there = sa.text('sent_on IS NOT NULL')
    op.create_index(
        'ix_invitation_sent', 'invitation', ['survey_id', 'sent_on'], sqlite_where=there, postgresql_where=there
    )
    # Days so far are counted with the next beats; until then reports read the invitations of marked days themselves.
    op.execute(
        "INSERT INTO dirty_day (survey_id, local_date, tallied) SELECT DISTINCT survey_id, sent_on, 'invitations' "
        'FROM invitation WHERE sent_on IS NOT NULL AND survey_id IS NOT NULL AND NOT test'
    )


def _tell_days() -> None:
    """On which day each invitation was sent in the zone of its brand, day by day, and the segment of its purchase."""
    connection = op.get_bind()
    segment = sa.select(BOUGHT.c.segment_id).where(BOUGHT.c.id == ASKED.c.interaction_id).scalar_subquery()
    waits = ASKED.c.sent_at.is_(None), ASKED.c.state.in_(('planned', 'waiting', 'handed_over'))
    connection.execute(sa.update(ASKED).where(*waits).values(segment_id=segment))
    spans = sa.select(ASKED.c.survey_id, ASKED.c.brand_id, sa.func.min(ASKED.c.sent_at), sa.func.max(ASKED.c.sent_at))
    by_brand = spans.where(ASKED.c.sent_at.is_not(None)).group_by(ASKED.c.survey_id, ASKED.c.brand_id)
    zones = {row.id: row.timezone for row in connection.execute(sa.select(BRAND))}
    for survey_id, brand_id, first, last in connection.execute(by_brand).all():
        day, zone = local_date(first, zones[brand_id]), zones[brand_id]
        theirs = ASKED.c.survey_id == survey_id, ASKED.c.brand_id == brand_id
        while day <= local_date(last, zone):
            begin, end = day_bounds(day, zone)
            sent = sa.update(ASKED).where(*theirs, ASKED.c.sent_at >= begin, ASKED.c.sent_at < end)
            connection.execute(sent.values(sent_on=day, segment_id=segment))
            day += timedelta(days=1)


def _marks(*columns: sa.Column) -> None:
    """Make the table of marks anew, with these columns in its key besides survey and day."""
    kept = sa.table('dirty_day', sa.column('survey_id', sa.Integer), sa.column('local_date', sa.Date))
    rows = [row._asdict() for row in op.get_bind().execute(sa.select(kept).distinct())]
    op.drop_table('dirty_day')
    key = 'survey_id', 'local_date', *(column.name for column in columns)
    op.create_table(
        'dirty_day',
        sa.Column('survey_id', sa.Integer(), nullable=False),
        sa.Column('local_date', sa.Date(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(['survey_id'], ['survey.id'], name=op.f('fk_dirty_day_survey_id_survey')),
        sa.PrimaryKeyConstraint(*key, name=op.f('pk_dirty_day')),
    )
    if rows:
        names = [*kept.c.keys(), *(column.name for column in columns)]
        marks = sa.table("dirty_day", *(sa.column(name) for name in names))
        op.bulk_insert(marks, [row | {column.name: 'answers' for column in columns} for row in rows])


def downgrade() -> None:
    op.execute("DELETE FROM dirty_day WHERE tallied = 'invitations'")
    _marks()
    op.drop_index('ix_invitation_sent', 'invitation')
    op.drop_column('invitation', 'sent_on')
    op.drop_column('invitation', 'segment_id')
    op.create_index('ix_invitation_sent', 'invitation', ['survey_id', 'sent_at'])
    op.drop_table('invited_tally')
