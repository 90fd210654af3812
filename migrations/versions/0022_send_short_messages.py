"""send short messages

Gateways for SMS, under which id they know a message, and short addresses of links.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

KINDS = ("kannel", "http")
HAS_REF = sa.text("gateway_ref <> ''")
WAITS = sa.text("channel = 'sms' AND state = 'sent'")


def upgrade() -> None:
    op.create_table(
        "gateway",
        sa.Column("sender_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Enum(*KINDS, name="kind", native_enum=False, length=32), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("price", sa.Numeric(10, 4), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("hours_from", sa.Time(), nullable=False),
        sa.Column("hours_until", sa.Time(), nullable=False),
        sa.CheckConstraint("kind IN ('kannel', 'http')", name=op.f("ck_gateway_kind")),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name=op.f("fk_gateway_sender_id_sender")),
        sa.PrimaryKeyConstraint("sender_id", name=op.f("pk_gateway")),
    )
    op.add_column("message", sa.Column("gateway_ref", sa.String(), nullable=False, server_default=""))
    op.create_index(
        "ix_message_gateway_ref", "message", ["gateway_ref"], sqlite_where=HAS_REF, postgresql_where=HAS_REF
    )
    op.create_index("ix_message_unreported", "message", ["sent_at"], sqlite_where=WAITS, postgresql_where=WAITS)
    op.add_column("invitation_step", sa.Column("short_code", sa.String(), nullable=True))
    op.create_index("ix_invitation_step_short_code", "invitation_step", ["short_code"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_invitation_step_short_code", "invitation_step")
    with op.batch_alter_table("invitation_step") as batch:
        batch.drop_column("short_code")
    op.drop_index("ix_message_unreported", "message")
    op.drop_index("ix_message_gateway_ref", "message")
    with op.batch_alter_table("message") as batch:
        batch.drop_column("gateway_ref")
    op.drop_table("gateway")
