"""write letters in blocks

The texts of a step become one row for all languages, kept with every save; the two texts around the scale become one
text with a line that says where the scale stands. A step of an invitation remembers which text it got.

Revision ID: 0019
Revises: 0018
"""

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None

SCALE = '[scale]'
CURRENT, LOT = sa.text('replaced_at IS NULL'), sa.text('against_id IS NOT NULL')
WHICH = ['survey_id', 'step', 'channel', 'variant']


def _one_of(name: str, *codes: str) -> sa.Enum:
    return sa.Enum(*codes, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    words = op.create_table(
        'step_words',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('survey_id', sa.Integer(), nullable=False),
        sa.Column('step', sa.Integer(), nullable=False),
        sa.Column('channel', _one_of('channel', 'email', 'sms', 'phone', 'external'), nullable=False),
        sa.Column('variant', _one_of('variant', 'a', 'b'), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('texts', sa.JSON(), nullable=False),
        sa.Column('share', sa.Integer(), nullable=False),
        sa.Column('saved_at', UtcDateTime(timezone=True), nullable=False),
        sa.Column('saved_by_id', sa.Integer(), nullable=True),
        sa.Column('replaced_at', UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['saved_by_id'], ['user.id'], name=op.f('fk_step_words_saved_by_id_user')),
        sa.ForeignKeyConstraint(['survey_id'], ['survey.id'], name=op.f('fk_step_words_survey_id_survey')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_step_words')),
        sa.UniqueConstraint(*WHICH, 'number', name=op.f('uq_step_words_survey_id_step_channel_variant_number')),
    )
    only = {'sqlite_where': CURRENT, 'postgresql_where': CURRENT}
    op.create_index('uq_step_words_current', 'step_words', WHICH, unique=True, **only)
    _carry_up(words)
    op.drop_table('step_text')
    # Plain ids: with foreign keys SQLite would copy a table of millions.
    op.add_column('invitation_step', sa.Column('words_id', sa.Integer(), nullable=True))
    op.add_column('invitation_step', sa.Column('against_id', sa.Integer(), nullable=True))
    only = {'sqlite_where': LOT, 'postgresql_where': LOT}
    op.create_index('ix_invitation_step_lot', 'invitation_step', ['words_id', 'against_id'], **only)


def _carry_up(words: sa.Table) -> None:
    old = sa.text(
        'SELECT t.survey_id, t.step, t.channel, t.language, t.subject, t.before, t.after, s.created_at '
        'FROM step_text t JOIN survey s ON s.id = t.survey_id ORDER BY t.survey_id, t.step, t.channel, t.language'
    ).columns(created_at=UtcDateTime(timezone=True))
    found: dict[tuple, dict] = defaultdict(lambda: defaultdict(dict))
    for row in op.get_bind().execute(old):
        texts = found[row.survey_id, row.step, row.channel, row.created_at]
        if row.channel == 'sms':
            texts['sms'][row.language] = row.before
            continue
        texts['subject'][row.language] = row.subject
        texts['body'][row.language] = '\n\n'.join(part for part in (row.before, SCALE, row.after) if part)
    rows = [
        {'survey_id': survey, 'step': step, 'channel': channel, 'variant': 'a', 'number': 1, 'share': 0}
        | {'texts': {part: dict(one) for part, one in texts.items()}, 'saved_at': at}
        for (survey, step, channel, at), texts in found.items()
    ]
    if rows:
        op.bulk_insert(words, rows)


def downgrade() -> None:
    old = op.create_table(
        'step_text',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('survey_id', sa.Integer(), nullable=False),
        sa.Column('step', sa.Integer(), nullable=False),
        sa.Column('channel', _one_of('channel', 'email', 'sms', 'phone', 'external'), nullable=False),
        sa.Column('language', sa.String(), nullable=False),
        sa.Column('subject', sa.String(), nullable=False),
        sa.Column('before', sa.String(), nullable=False),
        sa.Column('after', sa.String(), nullable=False),
        sa.ForeignKeyConstraint(['survey_id'], ['survey.id'], name=op.f('fk_step_text_survey_id_survey')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_step_text')),
        sa.UniqueConstraint(
            'survey_id', 'step', 'channel', 'language', name=op.f('uq_step_text_survey_id_step_channel_language')
        ),
    )
    _carry_down(old)
    op.drop_index('ix_invitation_step_lot', 'invitation_step')
    with op.batch_alter_table('invitation_step') as batch:
        batch.drop_column('against_id')
        batch.drop_column('words_id')
    op.drop_index('uq_step_words_current', 'step_words')
    op.drop_table('step_words')


def _carry_down(old: sa.Table) -> None:
    """Of what is sent now: the text before and after the scale. HTML of one's own and texts B are not known there."""
    words = sa.table(
        'step_words',
        *(sa.column(name) for name in ('id', 'survey_id', 'step', 'channel', 'variant', 'replaced_at')),
        sa.column('texts', sa.JSON()),
    )
    current = sa.select(words).where(words.c.replaced_at.is_(None), words.c.variant == 'a').order_by(words.c.id)
    rows = []
    for row in op.get_bind().execute(current):
        for language in dict.fromkeys(code for texts in row.texts.values() for code in texts):
            said = {part: texts.get(language, '') for part, texts in row.texts.items()}
            before, _scale, after = said.get('body', said.get('sms', '')).partition(SCALE)
            about = {'survey_id': row.survey_id, 'step': row.step, 'channel': row.channel, 'language': language}
            rows.append(about | {'subject': said.get('subject', ''), 'before': before.strip(), 'after': after.strip()})
    if rows:
        op.bulk_insert(old, rows)
