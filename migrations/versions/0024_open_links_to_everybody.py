"""open links to everybody

Addresses for people without an invitation, how often each network answers there, and which answers came by them.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

ASKS = ("nothing", "optional", "required")


def upgrade() -> None:
    op.create_table(
        "open_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("survey_id", sa.Integer(), nullable=False),
        sa.Column("region_id", sa.Integer(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("segment_id", sa.Integer(), nullable=True),
        sa.Column(
            "asks", sa.Enum(*ASKS, name="asks", native_enum=False, create_constraint=True, length=32), nullable=False
        ),
        sa.Column("tablet", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("retired_at", UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("unit_id IS NULL OR region_id IS NULL", name=op.f("ck_open_link_one_place")),
        sa.ForeignKeyConstraint(["created_by_id"], ["user.id"], name=op.f("fk_open_link_created_by_id_user")),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_open_link_region_id_region")),
        sa.ForeignKeyConstraint(["segment_id"], ["segment.id"], name=op.f("fk_open_link_segment_id_segment")),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"], name=op.f("fk_open_link_survey_id_survey")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_open_link_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open_link")),
        sa.UniqueConstraint("token", name=op.f("uq_open_link_token")),
    )
    for column in ("survey_id", "region_id", "unit_id"):
        op.create_index(op.f(f"ix_open_link_{column}"), "open_link", [column])
    op.create_table(
        "open_rate",
        sa.Column("open_link_id", sa.Integer(), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("hour", UtcDateTime(timezone=True), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["open_link_id"], ["open_link.id"], name=op.f("fk_open_rate_open_link_id_open_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("open_link_id", "network", "hour", name=op.f("pk_open_rate")),
    )
    with op.batch_alter_table("response") as batch:
        batch.add_column(sa.Column("open_link_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("open_key", sa.String(), nullable=True))
        batch.add_column(sa.Column("reference", sa.String(), nullable=False, server_default=""))
        batch.alter_column("channel", existing_type=sa.String(32), nullable=True)
        batch.create_foreign_key(op.f("fk_response_open_link_id_open_link"), "open_link", ["open_link_id"], ["id"])
        batch.create_unique_constraint(op.f("uq_response_open_key"), ["open_key"])
        batch.create_index(op.f("ix_response_open_link_id"), ["open_link_id"])


def downgrade() -> None:
    """Answers by open links stay, as if a letter had asked: there is no other word for them before."""
    op.execute("UPDATE response SET channel = 'email' WHERE channel IS NULL")
    with op.batch_alter_table("response") as batch:
        batch.drop_index(op.f("ix_response_open_link_id"))
        batch.drop_constraint(op.f("uq_response_open_key"), type_="unique")
        batch.drop_constraint(op.f("fk_response_open_link_id_open_link"), type_="foreignkey")
        batch.alter_column("channel", existing_type=sa.String(32), nullable=False)
        for column in ("reference", "open_key", "open_link_id"):
            batch.drop_column(column)
    op.drop_table("open_rate")
    op.drop_table("open_link")
