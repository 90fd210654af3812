"""ask more questions

Drafts and an archive of surveys, answers to further questions, languages of a brand's customers.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

STATES = "'draft', 'active', 'paused'"


def upgrade() -> None:
    with op.batch_alter_table("survey") as batch_op:
        batch_op.add_column(sa.Column("draft_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_survey_draft_id_survey_version"), "survey_version", ["draft_id"], ["id"])
        batch_op.drop_constraint(op.f("ck_survey_state"), type_="check")
        batch_op.create_check_constraint(op.f("ck_survey_state"), f"state IN ({STATES}, 'archived')")
    op.add_column("brand", sa.Column("languages", sa.JSON(), nullable=False, server_default='["en", "ru", "uk"]'))
    for table in ("response_revision", "disputed_answer"):
        op.add_column(table, sa.Column("more", sa.JSON(), nullable=True))
    op.create_table(
        "answer_value",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("response_id", sa.Integer(), nullable=False),
        sa.Column("question_key", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("option", sa.String(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "coalesce(CAST(number AS TEXT), option, text) IS NOT NULL", name=op.f("ck_answer_value_says_something")
        ),
        sa.ForeignKeyConstraint(
            ["response_id"], ["response.id"], name=op.f("fk_answer_value_response_id_response"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_value")),
    )
    op.create_index("ix_answer_value_response", "answer_value", ["response_id", "question_key"])


def downgrade() -> None:
    op.drop_table("answer_value")
    for table in ("disputed_answer", "response_revision"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_column("more")
    with op.batch_alter_table("brand") as batch_op:
        batch_op.drop_column("languages")
    op.execute("UPDATE survey SET state = 'paused' WHERE state = 'archived'")
    with op.batch_alter_table("survey") as batch_op:
        batch_op.drop_constraint(op.f("ck_survey_state"), type_="check")
        batch_op.create_check_constraint(op.f("ck_survey_state"), f"state IN ({STATES})")
        batch_op.drop_constraint(op.f("fk_survey_draft_id_survey_version"), type_="foreignkey")
        batch_op.drop_column("draft_id")
