"""connect other programs

Connections with their secrets, words and exchanges; documents behind an interaction.

Revision ID: 0007
Revises: 0006
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLD_KINDS = "kind IN ('file', 'demo')"
KINDS = "kind IN ('file', 'demo', 'onec', 'api', 'bitrix24', 'amocrm', 'webhook', 'folder', 'mailbox')"
TEXTS = ("login", "secret_digest", "sealed", "link_template", "country", "alarm")
MOMENTS = ("retired_at", "heard_at", "accepted_at")
DOCUMENT = ("kind", "basis", "state", "words")
VALUE_KIND = sa.Enum(
    "region",
    "unit",
    "touchpoint",
    "segment",
    "performer",
    "status",
    "property",
    name="kind",
    native_enum=False,
    create_constraint=True,
    length=32,
)
REASONS = (
    "'in_trial', 'before_live', 'no_mail_server', 'no_survey', 'cancelled', 'no_address', 'no_ground', 'suppressed', "
    "'not_mine', 'undeliverable', 'on_hold', 'quarantine', 'too_old', 'withdrawn'"
)
HAS_BASIS = sa.text("basis <> ''")


def upgrade() -> None:
    _widen_source()
    with op.batch_alter_table("interaction") as batch_op:
        for name in DOCUMENT:
            batch_op.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("documents", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.create_index(
            "ix_interaction_basis", ["source_id", "basis"], sqlite_where=HAS_BASIS, postgresql_where=HAS_BASIS
        )
    with op.batch_alter_table("invitation") as batch_op:
        batch_op.drop_constraint(op.f("ck_invitation_reason"), type_="check")
        batch_op.create_check_constraint(op.f("ck_invitation_reason"), f"reason IN ({REASONS}, 'not_completed')")
    _create_tables()


def _widen_source() -> None:
    with op.batch_alter_table("source") as batch_op:
        batch_op.drop_constraint(op.f("ck_source_kind"), type_="check")
        batch_op.create_check_constraint(op.f("ck_source_kind"), KINDS)
        batch_op.add_column(sa.Column("key", sa.String(), nullable=True))
        for name in TEXTS:
            batch_op.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))
        for name in MOMENTS:
            batch_op.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("settings", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("ask_completed", sa.Boolean(), nullable=False, server_default=sa.false()))
    source = sa.table("source", sa.column("id", sa.Integer), sa.column("key", sa.String))
    connection = op.get_bind()
    for (id_,) in connection.execute(sa.select(source.c.id)).all():
        key = secrets.token_urlsafe(18)
        connection.execute(sa.update(source).where(source.c.id == id_).values(key=key))
    with op.batch_alter_table("source") as batch_op:
        batch_op.alter_column("key", existing_type=sa.String(), nullable=False)
        batch_op.create_unique_constraint(op.f("uq_source_key"), ["key"])


def _create_tables() -> None:
    op.create_table(
        "source_value",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("kind", VALUE_KIND, nullable=False),
        sa.Column("raw", sa.String(), nullable=False),
        sa.Column("shown", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=True),
        sa.Column("meaning", sa.String(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_source_value_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_value")),
        sa.UniqueConstraint("source_id", "kind", "raw", name=op.f("uq_source_value_source_id_kind_raw")),
    )
    op.create_table(
        "exchange",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("error_values", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_exchange_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange")),
    )
    with op.batch_alter_table("exchange") as batch_op:
        batch_op.create_index("ix_exchange_source", ["source_id", "id"])


def downgrade() -> None:
    op.execute("UPDATE invitation SET reason = 'cancelled' WHERE reason = 'not_completed'")
    with op.batch_alter_table("invitation") as batch_op:
        batch_op.drop_constraint(op.f("ck_invitation_reason"), type_="check")
        batch_op.create_check_constraint(op.f("ck_invitation_reason"), f"reason IN ({REASONS})")
    for name in ("exchange", "source_value"):
        op.drop_table(name)
    with op.batch_alter_table("interaction") as batch_op:
        batch_op.drop_index("ix_interaction_basis")
        for name in (*DOCUMENT, "documents"):
            batch_op.drop_column(name)
    op.execute(f"UPDATE source SET kind = 'file' WHERE NOT ({OLD_KINDS})")  # noqa: S608 - no words of others
    with op.batch_alter_table("source") as batch_op:
        batch_op.drop_constraint(op.f("ck_source_kind"), type_="check")
        batch_op.create_check_constraint(op.f("ck_source_kind"), OLD_KINDS)
        batch_op.drop_constraint(op.f("uq_source_key"), type_="unique")
        for name in ("key", *TEXTS, *MOMENTS, "settings", "ask_completed"):
            batch_op.drop_column(name)
