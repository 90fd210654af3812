"""keep what arrives

Mistyped addresses with their reason, by which names documents are known, and which case a case was joined to.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OUTCOMES = "'saved', 'not_saved', 'unreachable', 'no_case', 'score_changed'"


def upgrade() -> None:
    with op.batch_alter_table("contact_point", schema=None) as batch_op:
        batch_op.add_column(sa.Column("fault", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("joined_id", sa.Integer(), nullable=True))
        batch_op.create_index(op.f("ix_case_joined_id"), ["joined_id"], unique=False)
        batch_op.create_foreign_key(op.f("fk_case_joined_id_case"), "case", ["joined_id"], ["id"])
        batch_op.drop_constraint(op.f("ck_case_outcome"), type_="check")
        batch_op.create_check_constraint(op.f("ck_case_outcome"), f"outcome IN ({OUTCOMES}, 'joined')")
    op.create_table(
        "document_name",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("interaction_id", sa.Integer(), nullable=True),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("waiting", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_document_name_source_id_source")),
        sa.ForeignKeyConstraint(
            ["interaction_id"],
            ["interaction.id"],
            name=op.f("fk_document_name_interaction_id_interaction"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_name")),
    )
    op.create_index("ix_document_name", "document_name", ["source_id", "name"], unique=False)
    op.create_index(op.f("ix_document_name_interaction_id"), "document_name", ["interaction_id"], unique=False)
    op.create_index(
        "ix_document_name_waiting",
        "document_name",
        ["source_id"],
        unique=False,
        sqlite_where=sa.text("interaction_id IS NULL"),
        postgresql_where=sa.text("interaction_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("document_name")
    op.execute("UPDATE \"case\" SET outcome = 'no_case' WHERE outcome = 'joined'")
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_case_outcome"), type_="check")
        batch_op.create_check_constraint(op.f("ck_case_outcome"), f"outcome IN ({OUTCOMES})")
        batch_op.drop_constraint(op.f("fk_case_joined_id_case"), type_="foreignkey")
        batch_op.drop_index(op.f("ix_case_joined_id"))
        batch_op.drop_column("joined_id")
    # Older programs would write to what is mistyped.
    op.execute("DELETE FROM contact_point WHERE fault <> ''")
    with op.batch_alter_table("contact_point", schema=None) as batch_op:
        batch_op.drop_column("fault")
