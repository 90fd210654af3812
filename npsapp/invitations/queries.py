"""Reading the plan: what is due, what is held back and why, and what a link leads to."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import joinedload

from npsapp.customers import queries as customers
from npsapp.customers.models import Hold
from npsapp.db import Base, UtcDateTime, db, pairs, table, within
from npsapp.delivery import queries as delivery
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, PauseKind, State
from npsapp.intake.models import Interaction, Source, SourceKind
from npsapp.invitations.chains import READY
from npsapp.invitations.models import ContactPolicy, Invitation, InvitationPolicy, InvitationStep
from npsapp.invitations.rules import InvitationState, StepState, first_days_cap
from npsapp.lib.clock import day_bounds, local_date
from npsapp.permissions import Scope

PAUSED_BY: dict[PauseKind, Any] = {
    PauseKind.BRAND: Invitation.brand_id,
    PauseKind.REGION: Invitation.region_id,
    PauseKind.SURVEY: Invitation.survey_id,
}
_SHOWN = (
    *(
        joinedload(Invitation.interaction).joinedload(shown)
        for shown in (Interaction.unit, Interaction.region, Interaction.touchpoint)
    ),
    joinedload(Invitation.customer),
)


def due(now: datetime, *, limit: int) -> list[int]:
    """Planned invitations whose moment has come, of brands that can write, oldest first."""
    rows = (
        select(Invitation.id, Invitation.brand_id)
        .where(Invitation.state == InvitationState.PLANNED, Invitation.send_at <= now)
        .order_by(Invitation.send_at, Invitation.id)
        .limit(limit)
    )
    texting = delivery.gateways()
    return [row.id for row in db.session.execute(rows) if delivery.sender_of(row.brand_id) or row.brand_id in texting]


def follow_ups_due(now: datetime, *, limit: int) -> list[int]:
    """Planned follow-ups whose moment has come, of people who were asked and have not answered, oldest first."""
    rows = (
        select(InvitationStep.id, InvitationStep.channel, Invitation.brand_id)
        .join(Invitation, Invitation.id == InvitationStep.invitation_id)
        .where(InvitationStep.state == StepState.PLANNED, InvitationStep.due_at <= now)
        .where(Invitation.state == InvitationState.HANDED_OVER)
        .order_by(InvitationStep.due_at, InvitationStep.id)
        .limit(limit)
    )
    found = db.session.execute(rows).all()
    own = {Channel.EMAIL, Channel.SMS}
    return [row.id for row in found if row.channel not in own or delivery.sender_of(row.brand_id, row.channel)]


def token_of(short_code: str) -> str | None:
    """The token of the link with that short code; None: there is no such link."""
    return db.session.scalar(select(InvitationStep.token).where(InvitationStep.short_code == short_code))


def ready(brand_id: int) -> frozenset[Channel]:
    """Channels on which messages of a brand can leave."""
    return READY | {Channel.SMS} if brand_id in delivery.gateways() else READY


def external_due(now: datetime, *, limit: int, brand_id: int) -> Sequence[InvitationStep]:
    """Steps of a brand that another program shall send now, oldest first, with invitations, purchases, customers.

    A step is here from its moment on until `followups.settle_external`, an answer, a hold or the link's end; not
    while its brand, region or survey is paused.
    """
    open_now = Invitation.state == InvitationState.HANDED_OVER, Invitation.valid_until > now
    held = exists().where(Hold.customer_id == Invitation.customer_id, customers.in_force(now))
    stopped = {(one.kind, one.ref_id) for one in delivery.pauses(now)}
    shown = joinedload(InvitationStep.invitation)
    steps = (
        select(InvitationStep)
        .join(Invitation, Invitation.id == InvitationStep.invitation_id)
        .where(InvitationStep.channel == Channel.EXTERNAL, InvitationStep.state == StepState.HANDED_OVER)
        .where(InvitationStep.due_at <= now, *open_now, ~held, Invitation.brand_id == brand_id)
        .options(shown.joinedload(Invitation.interaction), shown.joinedload(Invitation.customer))
        .order_by(InvitationStep.due_at, InvitationStep.id)
    )
    for kind, column in PAUSED_BY.items():
        if refs := [ref_id for stop, ref_id in stopped if stop is kind]:
            steps = steps.where(or_(column.is_(None), column.not_in(refs)))
    if (PauseKind.EVERYTHING, None) in stopped:
        return []
    return db.session.scalars(steps.limit(limit)).all()


def external_step(step_id: int, *, brand_id: int) -> InvitationStep | None:
    """A step of that brand which another program sends."""
    its = InvitationStep.channel == Channel.EXTERNAL, Invitation.brand_id == brand_id
    step = select(InvitationStep).join(Invitation, Invitation.id == InvitationStep.invitation_id)
    return db.session.scalars(step.where(InvitationStep.id == step_id, *its)).one_or_none()


def capped_sources(now: datetime) -> list[tuple[int, int, datetime]]:
    """Sources in their first days: (source, letters still allowed today, start of its next day)."""
    found = []
    capped = select(Source).where(Source.first_day_cap.is_not(None), Source.live_at > now - timedelta(days=31))
    for source in db.session.scalars(capped):
        today = local_date(now, source.timezone)
        begin, tomorrow = day_bounds(today, source.timezone)
        days = (today - local_date(source.live_at or now, source.timezone)).days
        gone = select(func.count(Invitation.id)).join(Interaction, Interaction.id == Invitation.interaction_id)
        gone = gone.where(Interaction.source_id == source.id, Invitation.handed_over_at >= begin)
        left = first_days_cap(source.first_day_cap or 0, days) - (db.session.scalar(gone) or 0)
        found.append((source.id, max(left, 0), tomorrow))
    return found


def sources_of(invitation_ids: Iterable[int]) -> dict[int, int]:
    """Invitation → source of its interaction."""
    rows = select(Invitation.id, Interaction.source_id).join(Interaction, Interaction.id == Invitation.interaction_id)
    return pairs(rows.where(Invitation.id.in_(list(invitation_ids))))


def policy(survey_id: int) -> InvitationPolicy:
    """The rule of a survey; one without a row of its own goes by the defaults."""
    return db.session.get(InvitationPolicy, survey_id) or InvitationPolicy(
        survey_id=survey_id, criteria={}, **_usual(InvitationPolicy)
    )


def contact_policy(pool_id: int) -> ContactPolicy:
    """How a company leaves people alone; one without a row of its own goes by the defaults."""
    row = db.session.get(ContactPolicy, pool_id)
    return row or ContactPolicy(pool_id=pool_id, staff=[], **_usual(ContactPolicy))


def _usual(model: type[Base]) -> dict[str, Any]:
    defaults = {column.name: column.default for column in table(model).c if column.default}
    return {name: default.arg for name, default in defaults.items() if default.is_scalar}  # type: ignore[attr-defined]


def planned(day: date | None, *, scope: Scope, limit: int, offset: int) -> Sequence[Invitation]:
    """Planned lines in the user's regions by moment, of one day (in UTC) if one is given."""
    rows = select(Invitation).where(
        Invitation.state == InvitationState.PLANNED, Invitation.test.is_(False), within(Invitation.region_id, scope)
    )
    if day:
        start = datetime.combine(day, datetime.min.time(), tzinfo=UTC)
        rows = rows.where(Invitation.send_at >= start, Invitation.send_at < start + timedelta(days=1))
    rows = rows.options(*_SHOWN).order_by(Invitation.send_at, Invitation.id).limit(limit).offset(offset)
    return db.session.scalars(rows).all()


def planned_count(*, scope: Scope) -> int:
    """All planned letters."""
    rows = select(func.count()).where(Invitation.state == InvitationState.PLANNED, within(Invitation.region_id, scope))
    return db.session.scalar(rows) or 0


def visible(invitation_id: int, scope: Scope) -> Invitation | None:
    """One line, if it lies in the user's regions."""
    return db.session.scalar(
        select(Invitation).where(Invitation.id == invitation_id, within(Invitation.region_id, scope))
    )


def in_doubt(since: datetime) -> dict[tuple[int | None, date], list[int]]:
    """Letters that were due before a moment and wait, by survey and day (in UTC), oldest first."""
    waits = exists().where(
        InvitationStep.invitation_id == Invitation.id,
        Message.id == InvitationStep.message_id,
        Message.state == State.QUEUED,
        Message.due_at <= since,
    )
    planned = and_(Invitation.state == InvitationState.PLANNED, Invitation.send_at <= since)
    at = func.coalesce(Invitation.handed_over_at, Invitation.send_at, type_=UtcDateTime)
    handed_over = and_(Invitation.state == InvitationState.HANDED_OVER, Invitation.sent_at.is_(None), waits)
    rows = select(Invitation.id, Invitation.survey_id, at.label("at")).where(or_(planned, handed_over))
    found: dict[tuple[int | None, date], list[int]] = {}
    for row in db.session.execute(rows.order_by(at, Invitation.id)):
        found.setdefault((row.survey_id, row.at.date()), []).append(row.id)
    return found


def real_letters_wait() -> bool:
    """Whether a letter to somebody who is not of the demo company is planned or waits."""
    unsent = Invitation.state.in_((InvitationState.WAITING, InvitationState.PLANNED, InvitationState.HANDED_OVER))
    real = (
        select(Invitation.id)
        .join(Interaction, Interaction.id == Invitation.interaction_id)
        .join(Source, Source.id == Interaction.source_id)
        .where(unsent, Invitation.sent_at.is_(None), Source.kind != SourceKind.DEMO)
    )
    return db.session.scalar(real.limit(1)) is not None


def story(customer_id: int) -> Sequence[Invitation]:
    """A customer's lines with steps and messages, newest first."""
    shown = (
        joinedload(Invitation.interaction).joinedload(Interaction.touchpoint),
        joinedload(Invitation.steps).joinedload(InvitationStep.message),
    )
    theirs = Invitation.customer_id.in_(customers.members(customer_id))
    lines = select(Invitation).where(theirs).order_by(Invitation.id.desc())
    return db.session.scalars(lines.options(*shown)).unique().all()
