"""Chain the steps of a policy.

Criteria, follow-ups and waves of a survey's policy, one contact policy for each company, steps that other programs
send, and letters that refer to an earlier one.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

KINDS = "'file', 'demo', 'onec', 'api', 'bitrix24', 'amocrm', 'webhook', 'folder', 'mailbox'"
CHANNELS = "'email', 'sms', 'phone'"
STEP_STATES = "'planned', 'handed_over', 'cancelled'"
REASONS = (
    "'in_trial', 'before_live', 'no_mail_server', 'no_survey', 'cancelled', 'not_completed', 'no_address', "
    "'no_ground', 'suppressed', 'not_mine', 'undeliverable', 'on_hold', 'quarantine', 'too_old', 'withdrawn'"
)
CHECKS = (
    ("invitation", "reason", REASONS, "'staff', 'not_meant', 'no_channel'"),
    ("invitation_step", "channel", CHANNELS, "'external'"),
    ("invitation_step", "state", STEP_STATES, "'sent', 'failed'"),
    ("response", "channel", CHANNELS, "'external'"),
    ("step_text", "channel", CHANNELS, "'external'"),
    ("source", "kind", KINDS, "'wave'"),
)
"""Columns that take more values: table, column, values before, values that come."""
NOT_NEGATIVE = "same_invited_days >= 0 AND same_answered_days >= 0 AND other_days >= 0 AND refused_days >= 0"
ADDED = {
    "weekend_from": (sa.Time, None),
    "weekend_until": (sa.Time, None),
    "on_holidays": (sa.Boolean, sa.false()),
    "criteria": (sa.JSON, "{}"),
    "mobile_sms": (sa.Boolean, sa.false()),
    "first_channel": (lambda: sa.String(length=32), "email"),
    "wave": (sa.Boolean, sa.false()),
    "wave_month": (sa.String, ""),
    "wave_done_id": (sa.Integer, "0"),
}
"""New columns of a policy: name → type, value in the rows that are there (None: none)."""
FIRST_CHANNEL = f"first_channel IN ({CHANNELS}, 'external')"
PLANNED, EXTERNAL = sa.text("state = 'planned'"), sa.text("state = 'handed_over' AND channel = 'external'")
OF_POOL = "FROM invitation_policy JOIN survey ON survey.id = survey_id JOIN brand ON brand.id = survey.brand_id"
MINE = (
    "SELECT {column} FROM contact_policy JOIN brand ON brand.pool_id = contact_policy.pool_id "
    "JOIN survey ON survey.brand_id = brand.id WHERE survey.id = invitation_policy.survey_id"
)


def upgrade() -> None:
    op.create_table(
        "contact_policy",
        sa.Column("pool_id", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("same_invited_days", "same_answered_days", "other_days", "refused_days")
        ),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("ask_later", "mind_cases", "consent_only")),
        sa.Column("staff", sa.JSON(), nullable=False),
        sa.CheckConstraint(NOT_NEGATIVE, name=op.f("ck_contact_policy_not_negative")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_contact_policy_pool_id_pool")),
        sa.PrimaryKeyConstraint("pool_id", name=op.f("pk_contact_policy")),
    )
    # The most careful survey of a company speaks for all of them.
    op.execute(
        "INSERT INTO contact_policy SELECT brand.pool_id, max(same_survey_days), max(same_survey_days), "
        f"max(other_days), 365, true, true, false, '[]' {OF_POOL} GROUP BY brand.pool_id"
    )
    with op.batch_alter_table("invitation_policy") as batch_op:
        for name, (kind, value) in ADDED.items():
            batch_op.add_column(sa.Column(name, kind(), nullable=value is None, server_default=value))
        batch_op.drop_constraint(op.f("ck_invitation_policy_quarantine_not_negative"), type_="check")
        batch_op.create_check_constraint(op.f("ck_invitation_policy_first_channel"), FIRST_CHANNEL)
        batch_op.drop_column("same_survey_days")
        batch_op.drop_column("other_days")
    op.create_table(
        "policy_step",
        sa.Column("survey_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                *("email", "sms", "phone", "external"),
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("delay_hours", sa.Integer(), nullable=False),
        sa.CheckConstraint("number BETWEEN 2 AND 4", name=op.f("ck_policy_step_number_of_a_follow_up")),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["invitation_policy.survey_id"], name=op.f("fk_policy_step_survey_id_invitation_policy")
        ),
        sa.PrimaryKeyConstraint("survey_id", "number", name=op.f("pk_policy_step")),
    )
    for table, column, before, more in CHECKS:
        _allow(table, column, f"{before}, {more}")
    with op.batch_alter_table("invitation") as batch_op:
        batch_op.add_column(sa.Column("followed", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("message") as batch_op:
        batch_op.add_column(sa.Column("refers_to", sa.String(), nullable=False, server_default=""))
    for name, condition in (("due", PLANNED), ("external", EXTERNAL)):
        op.create_index(
            f"ix_invitation_step_{name}",
            "invitation_step",
            ["due_at"],
            sqlite_where=condition,
            postgresql_where=condition,
        )


def downgrade() -> None:
    op.drop_index("ix_invitation_step_external", "invitation_step")
    op.drop_index("ix_invitation_step_due", "invitation_step")
    with op.batch_alter_table("message") as batch_op:
        batch_op.drop_column("refers_to")
    with op.batch_alter_table("invitation") as batch_op:
        batch_op.drop_column("followed")
    # An older program knows none of these: what comes nearest stays, so that no row is lost.
    op.execute("UPDATE invitation SET reason = 'withdrawn' WHERE reason IN ('staff', 'not_meant', 'no_channel')")
    op.execute("UPDATE invitation_step SET state = 'handed_over' WHERE state IN ('sent', 'failed')")
    op.execute("UPDATE source SET kind = 'file' WHERE kind = 'wave'")
    op.execute("DELETE FROM step_text WHERE channel = 'external'")
    for table in ("invitation_step", "response"):
        op.execute(f"UPDATE {table} SET channel = 'email' WHERE channel = 'external'")  # noqa: S608
    for table, column, before, _more in CHECKS:
        _allow(table, column, before)
    op.drop_table("policy_step")
    with op.batch_alter_table("invitation_policy") as batch_op:
        batch_op.add_column(sa.Column("same_survey_days", sa.Integer(), nullable=False, server_default="90"))
        batch_op.add_column(sa.Column("other_days", sa.Integer(), nullable=False, server_default="30"))
        batch_op.drop_constraint(op.f("ck_invitation_policy_first_channel"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_invitation_policy_quarantine_not_negative"), "same_survey_days >= 0 AND other_days >= 0"
        )
        for name in ADDED:
            batch_op.drop_column(name)
    for column, source in (("same_survey_days", "same_invited_days"), ("other_days", "contact_policy.other_days")):
        mine = MINE.format(column=source)
        op.execute(f"UPDATE invitation_policy SET {column} = coalesce(({mine}), {column})")  # noqa: S608
    op.drop_table("contact_policy")


def _allow(table: str, column: str, values: str) -> None:
    name = op.f(f"ck_{table}_{column}")
    with op.batch_alter_table(table) as batch_op:
        batch_op.drop_constraint(name, type_="check")
        batch_op.create_check_constraint(name, f"{column} IN ({values})")
