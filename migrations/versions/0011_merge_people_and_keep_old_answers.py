"""merge people and keep old answers

Who was found to be whom, files of previous programs, and what came of them.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BASES = "'confirmed', 'promoted', 'provisional'"
STATES = ("uploaded", "staging", "staged", "applying", "done", "refused", "undone")


def upgrade() -> None:
    op.create_table(
        "customer_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("into_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("last_fact_id", sa.Integer(), nullable=False),
        sa.Column("last_hold_id", sa.Integer(), nullable=False),
        sa.Column("undone_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        sa.Column("undone_reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["user.id"], name=op.f("fk_customer_merge_by_id_user")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_customer_merge_customer_id_customer")),
        sa.ForeignKeyConstraint(["into_id"], ["customer.id"], name=op.f("fk_customer_merge_into_id_customer")),
        sa.ForeignKeyConstraint(["undone_by_id"], ["user.id"], name=op.f("fk_customer_merge_undone_by_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_merge")),
    )
    op.create_index(op.f("ix_customer_merge_into_id"), "customer_merge", ["into_id"], unique=False)
    op.create_index(
        "uq_customer_merge_open",
        "customer_merge",
        ["customer_id"],
        unique=True,
        sqlite_where=sa.text("undone_at IS NULL"),
        postgresql_where=sa.text("undone_at IS NULL"),
    )
    op.create_table(
        "old_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("holds", sa.String(), nullable=False),
        sa.Column("survey_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("stored_as", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(*STATES, name="state", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("error_values", sa.JSON(), nullable=False),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by_id"], ["user.id"], name=op.f("fk_old_import_created_by_id_user")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_old_import_source_id_source")),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"], name=op.f("fk_old_import_survey_id_survey")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_old_import")),
    )
    for table in ("contact_fact", "suppression"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(sa.Column("source", sa.String(), server_default="", nullable=False))
    with op.batch_alter_table("response") as batch_op:
        batch_op.add_column(sa.Column("old_import_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("old_key", sa.String(), nullable=True))
        batch_op.drop_constraint(op.f("ck_response_basis"), type_="check")
        batch_op.create_check_constraint(op.f("ck_response_basis"), f"basis IN ({BASES}, 'imported')")
        batch_op.create_foreign_key(
            op.f("fk_response_old_import_id_old_import"), "old_import", ["old_import_id"], ["id"]
        )
        batch_op.create_unique_constraint(op.f("uq_response_old_key"), ["old_key"])
        batch_op.create_index(op.f("ix_response_old_import_id"), ["old_import_id"], unique=False)


def downgrade() -> None:
    op.execute("DELETE FROM response WHERE basis = 'imported'")
    with op.batch_alter_table("response") as batch_op:
        batch_op.drop_index(op.f("ix_response_old_import_id"))
        batch_op.drop_constraint(op.f("uq_response_old_key"), type_="unique")
        batch_op.drop_constraint(op.f("fk_response_old_import_id_old_import"), type_="foreignkey")
        batch_op.drop_constraint(op.f("ck_response_basis"), type_="check")
        batch_op.create_check_constraint(op.f("ck_response_basis"), f"basis IN ({BASES})")
        batch_op.drop_column("old_key")
        batch_op.drop_column("old_import_id")
    for table in ("suppression", "contact_fact"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_column("source")
    op.drop_table("old_import")
    op.drop_table("customer_merge")
