"""place tags and keep fixed words

Where the answer was given that a tag was derived from; and what pages and letters say to every customer, in languages
that the program does not speak itself.

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'fixed_words',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('language', sa.String(), nullable=False),
        sa.Column('texts', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_fixed_words')),
        sa.UniqueConstraint('language', name=op.f('uq_fixed_words_language')),
    )
    with op.batch_alter_table('tag') as batch:
        batch.add_column(sa.Column('region_id', sa.Integer(), nullable=True))
        batch.create_foreign_key(batch.f('fk_tag_region_id_region'), 'region', ['region_id'], ['id'])
    # Tags of answers so far get their places with the next beat, which recounts their days.
    op.execute(
        'INSERT INTO dirty_day (survey_id, local_date) SELECT DISTINCT survey_id, local_date FROM response '
        "WHERE basis IN ('confirmed', 'promoted') ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    with op.batch_alter_table('tag') as batch:
        batch.drop_constraint(batch.f('fk_tag_region_id_region'), type_='foreignkey')
        batch.drop_column('region_id')
    op.drop_table('fixed_words')
