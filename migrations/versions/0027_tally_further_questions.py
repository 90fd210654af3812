"""tally further questions

Answers to further questions by day, so that a report of them need not read every one; indexes for lists of cases.

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None

CASES = {
    'ix_case_opened': ['opened_at', 'id'],
    'ix_case_settled': ['settled_at', 'id'],
}


def upgrade() -> None:
    ids = ('id', 'survey_id', 'region_id', 'brand_id', 'touchpoint_id', 'segment_id', 'n', 'answered')
    op.create_table(
        'question_tally',
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ids),
        sa.Column('local_date', sa.Date(), nullable=False),
        sa.Column('question_key', sa.String(), nullable=False),
        sa.Column('value', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_question_tally')),
    )
    op.create_index('ix_question_tally_day', 'question_tally', ['survey_id', 'local_date'])
    for name, columns in CASES.items():
        op.create_index(name, 'case', columns)
    # Days so far are counted with the next beats; until then reports read the answers of marked days themselves.
    op.execute(
        'INSERT INTO dirty_day (survey_id, local_date) SELECT DISTINCT survey_id, local_date FROM response r '
        'WHERE EXISTS (SELECT 1 FROM answer_value v WHERE v.response_id = r.id) ON CONFLICT DO NOTHING'
    )


def downgrade() -> None:
    for name in CASES:
        op.drop_index(name, 'case')
    op.drop_index('ix_question_tally_day', 'question_tally')
    op.drop_table('question_tally')
