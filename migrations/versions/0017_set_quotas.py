"""Set quotas.

Targets, the planner's settings and the draws; what an invitation keeps of its draw.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

from npsapp.db import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STATES = "'planned', 'excluded', 'handed_over', 'answered', 'expired', 'withdrawn', 'not_mine'"
REASONS = (
    "'in_trial', 'before_live', 'no_mail_server', 'no_survey', 'cancelled', 'not_completed', 'no_address', "
    "'no_ground', 'suppressed', 'not_mine', 'undeliverable', 'on_hold', 'quarantine', 'too_old', 'withdrawn', "
    "'staff', 'not_meant', 'no_channel'"
)
WAITING, PROBABLE = "ck_invitation_waiting_has_a_time", "ix_invitation_quota"
COUNTED = sa.text("stratum_id IS NOT NULL")
COLUMNS = {
    "stratum_id": sa.Integer(),
    "drawn_on": sa.Date(),
    "draw_rank": sa.Integer(),
    "chance": sa.Double(),
    "probability": sa.Double(),
}


def upgrade() -> None:
    with op.batch_alter_table("invitation") as batch_op:
        for name, kind in COLUMNS.items():
            batch_op.add_column(sa.Column(name, kind, nullable=True))
        _allow(batch_op, STATES + ", 'waiting'", REASONS + ", 'not_drawn'")
        batch_op.create_check_constraint(op.f(WAITING), "state <> 'waiting' OR send_at IS NOT NULL")
        batch_op.create_index(
            PROBABLE,
            ["survey_id", "stratum_id", "drawn_on", "state", "answered_at"],
            sqlite_where=COUNTED,
            postgresql_where=COUNTED,
        )
    op.create_table(
        "quota_rule",
        sa.Column("survey_id", sa.Integer(), nullable=False),
        sa.Column("kind", _kind(), nullable=False),
        sa.Column("curve", _words("curve", "email", "reminder", "sms", "phone"), nullable=False),
        *(
            sa.Column(name, sa.Double(), nullable=False)
            for name in ("prior_rate", "prior_weight", "safety", "discount", "most_share")
        ),
        sa.Column("most_a_day", sa.Integer(), nullable=True),
        sa.Column("carry_days", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "prior_rate > 0 AND prior_rate <= 1 AND most_share > 0 AND most_share <= 1",
            name=op.f("ck_quota_rule_shares"),
        ),
        sa.CheckConstraint(
            "prior_weight > 0 AND safety >= 0 AND discount > 0 AND discount <= 1", name=op.f("ck_quota_rule_parameters")
        ),
        sa.CheckConstraint("carry_days BETWEEN 0 AND 3", name=op.f("ck_quota_rule_carried_three_days_at_most")),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"], name=op.f("fk_quota_rule_survey_id_survey")),
        sa.PrimaryKeyConstraint("survey_id", name=op.f("pk_quota_rule")),
    )
    op.create_table(
        "quota",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("survey_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("kind", _kind(), nullable=False),
        sa.Column("place_id", sa.Integer(), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("told_at", UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("target >= 0", name=op.f("ck_quota_target_not_negative")),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"], name=op.f("fk_quota_survey_id_survey")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota")),
        sa.UniqueConstraint(
            "survey_id", "month", "kind", "place_id", name=op.f("uq_quota_survey_id_month_kind_place_id")
        ),
    )
    op.create_table(
        "quota_draw",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("quota_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("pool", sa.Integer(), nullable=False),
        sa.Column("drawn", sa.Integer(), nullable=False),
        sa.Column("rest", sa.Double(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("attainable", sa.Boolean(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["quota_id"], ["quota.id"], name=op.f("fk_quota_draw_quota_id_quota"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_draw")),
        sa.UniqueConstraint("quota_id", "day", name=op.f("uq_quota_draw_quota_id_day")),
    )


def downgrade() -> None:
    op.drop_table("quota_draw")
    op.drop_table("quota")
    op.drop_table("quota_rule")
    op.execute("UPDATE invitation SET state = 'planned' WHERE state = 'waiting'")
    op.execute("UPDATE invitation SET reason = 'withdrawn' WHERE reason = 'not_drawn'")
    with op.batch_alter_table("invitation") as batch_op:
        batch_op.drop_index(PROBABLE)
        batch_op.drop_constraint(op.f(WAITING), type_="check")
        _allow(batch_op, STATES, REASONS)
        for name in COLUMNS:
            batch_op.drop_column(name)


def _allow(batch_op, states: str, reasons: str) -> None:
    for column, values in (("state", states), ("reason", reasons)):
        batch_op.drop_constraint(op.f(f"ck_invitation_{column}"), type_="check")
        batch_op.create_check_constraint(op.f(f"ck_invitation_{column}"), f"{column} IN ({values})")


def _words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _kind() -> sa.Enum:
    return _words("kind", "unit", "region", "performer")
