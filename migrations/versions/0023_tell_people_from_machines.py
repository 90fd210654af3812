"""tell people from machines

Why an answer was not believed at once, sweeps of links, rulings of the staff, networks of stores, marks set aside.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

BASES = "'confirmed', 'promoted', 'provisional', 'imported'"
ACTS = "'opened', 'prefetched'"
DOUBTS = ("scanner", "sweep", "soon", "fast", "scanned", "opened")
DOUBTED = sa.text("doubt IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("response") as batch:
        batch.add_column(sa.Column("doubt", sa.String(32), nullable=True))
        batch.add_column(sa.Column("page_at", UtcDateTime(timezone=True), nullable=True))
        batch.drop_constraint(op.f("ck_response_basis"), type_="check")
        batch.create_check_constraint(op.f("ck_response_basis"), f"basis IN ({BASES}, 'dropped')")
        batch.create_check_constraint(op.f("ck_response_doubt"), f"doubt IN {DOUBTS}")
    op.create_index(
        "ix_response_doubted", "response", ["basis", "local_date"], sqlite_where=DOUBTED, postgresql_where=DOUBTED
    )
    with op.batch_alter_table("link_event") as batch:
        batch.drop_constraint(op.f("ck_link_event_act"), type_="check")
        batch.create_check_constraint(
            op.f("ck_link_event_act"), f"act IN ({ACTS}, 'posted', 'gesture', 'left', 'refused')"
        )
    op.add_column("user_session", sa.Column("network", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "sweep",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invitation_id", sa.Integer(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweep")),
    )
    op.create_index("ix_sweep_domain", "sweep", ["domain", "at"])
    op.create_index("ix_sweep_invitation", "sweep", ["invitation_id", "at"])
    op.create_table(
        "ruling",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("response_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["user.id"], name=op.f("fk_ruling_by_id_user")),
        sa.ForeignKeyConstraint(
            ["response_id"], ["response.id"], name=op.f("fk_ruling_response_id_response"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ruling")),
    )
    op.create_index(op.f("ix_ruling_response_id"), "ruling", ["response_id"])
    op.create_table(
        "place_network",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["unit.id"], name=op.f("fk_place_network_unit_id_unit"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("unit_id", "network", name=op.f("pk_place_network")),
    )
    op.create_table(
        "set_aside",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["user.id"], name=op.f("fk_set_aside_by_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_set_aside")),
        sa.UniqueConstraint("kind", "key", name=op.f("uq_set_aside_kind_key")),
    )


def downgrade() -> None:
    for name in ("set_aside", "place_network"):
        op.drop_table(name)
    op.drop_index(op.f("ix_ruling_response_id"), "ruling")
    op.drop_table("ruling")
    op.drop_index("ix_sweep_invitation", "sweep")
    op.drop_index("ix_sweep_domain", "sweep")
    op.drop_table("sweep")
    with op.batch_alter_table("user_session") as batch:
        batch.drop_column("network")
    op.execute("DELETE FROM link_event WHERE act NOT IN ('opened', 'prefetched')")
    with op.batch_alter_table("link_event") as batch:
        batch.drop_constraint(op.f("ck_link_event_act"), type_="check")
        batch.create_check_constraint(op.f("ck_link_event_act"), f"act IN ({ACTS})")
    # The old program shows an answer that is neither counted nor waiting as one that waits.
    op.execute("UPDATE response SET basis = 'provisional' WHERE basis = 'dropped'")
    op.drop_index("ix_response_doubted", "response")
    with op.batch_alter_table("response") as batch:
        batch.drop_constraint(op.f("ck_response_doubt"), type_="check")
        batch.drop_constraint(op.f("ck_response_basis"), type_="check")
        batch.create_check_constraint(op.f("ck_response_basis"), f"basis IN ({BASES})")
        batch.drop_column("page_at")
        batch.drop_column("doubt")
