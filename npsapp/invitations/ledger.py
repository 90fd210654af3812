"""The ledger: for every interaction one line, invited or held back and why; searched, narrowed, counted by month."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, extract, func, or_, select
from sqlalchemy.orm import joinedload

from npsapp.customers import queries as customers
from npsapp.customers.models import Customer
from npsapp.db import db, within
from npsapp.delivery.rules import Channel
from npsapp.intake import queries as intake
from npsapp.intake.models import Interaction
from npsapp.invitations.models import Invitation, InvitationPolicy, InvitationStep
from npsapp.invitations.rules import InvitationState, Reason, StepState
from npsapp.permissions import Scope

SHORTEST_WORD = 2  # characters of a search
_SHOWN = (
    *(
        joinedload(Invitation.interaction).joinedload(shown)
        for shown in (Interaction.unit, Interaction.region, Interaction.touchpoint)
    ),
    joinedload(Invitation.customer),
    joinedload(Invitation.survey),
)


@dataclass(frozen=True)
class Asked:
    """What the ledger is narrowed to; None and empty: nothing. Decided in `since` to `until`, half-open."""

    state: InvitationState | None = None
    reason: Reason | None = None
    survey_id: int | None = None
    region_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    word: str = ""


def lines(asked: Asked, scope: Scope, *, limit: int, before: int | None = None) -> Sequence[Invitation]:
    """Lines of the scope, newest first; `before` is the id of the last one of the page before."""
    rows = select(Invitation.id).where(*_conditions(asked), within(Invitation.region_id, scope))
    if before:
        rows = rows.where(Invitation.id < before)
    # The ids first: else all that fit are joined to everything that is shown, before most are left out.
    ids = db.session.scalars(rows.order_by(Invitation.id.desc()).limit(limit)).all()
    shown = select(Invitation).where(Invitation.id.in_(ids)).options(*_SHOWN)
    return db.session.scalars(shown.order_by(Invitation.id.desc())).all()


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    same: dict[Any, Any] = {Invitation.state: asked.state, Invitation.reason: asked.reason}
    same |= {Invitation.survey_id: asked.survey_id, Invitation.region_id: asked.region_id}
    found = [Invitation.test.is_(False), *(column == value for column, value in same.items() if value)]
    if asked.since:
        found.append(Invitation.decided_at >= asked.since)
    if asked.until:
        found.append(Invitation.decided_at < asked.until)
    if len(asked.word) >= SHORTEST_WORD:
        found.append(_named(asked.word))
    return found


def _named(word: str) -> ColumnElement[bool]:
    """By the customer, also one who was merged, or by the number of the purchase."""
    people = select(Customer.id).where(or_(*customers.known_as(word)))
    bought = select(Interaction.id).where(intake.numbered(word))
    return or_(Invitation.customer_id.in_(people), Invitation.interaction_id.in_(bought))


def by_month(since: datetime, scope: Scope) -> dict[Reason, dict[date, int]]:
    """How many lines are held back, by reason and month of deciding (in UTC), the most frequent reason first."""
    month = extract("year", Invitation.decided_at), extract("month", Invitation.decided_at)
    held = Invitation.state == InvitationState.EXCLUDED, Invitation.decided_at >= since, Invitation.test.is_(False)
    rows = select(Invitation.reason, *month, func.count()).where(*held, within(Invitation.region_id, scope))
    found: dict[Reason, dict[date, int]] = {}
    for reason, year, number, count in db.session.execute(rows.group_by(Invitation.reason, *month)):
        if reason:
            found.setdefault(reason, {})[date(int(year), int(number), 1)] = count
    return dict(sorted(found.items(), key=lambda item: -sum(item[1].values())))


def calendar(now: datetime, *, days: int, scope: Scope) -> tuple[dict[date, int], dict[Channel, int]]:
    """Messages planned for the next days (in UTC; what is due counts for today): by day, and by channel."""
    by_day = {now.date() + timedelta(days=offset): 0 for offset in range(days)}
    by_channel: dict[Channel, int] = {}
    for said, channel, count in _planned(now + timedelta(days=days), scope):
        day = max(said if isinstance(said, date) else date.fromisoformat(str(said)), now.date())
        by_day[day] = by_day.get(day, 0) + count
        by_channel[channel] = by_channel.get(channel, 0) + count
    return dict(sorted(by_day.items())), by_channel


def _planned(until: datetime, scope: Scope) -> Iterable[Any]:
    """Rows of day, channel and how many: first messages and later steps of chains."""
    channel = func.coalesce(InvitationPolicy.first_channel, Channel.EMAIL, type_=InvitationPolicy.first_channel.type)
    first = (
        select(func.date(Invitation.send_at).label("day"), channel.label("channel"))
        .outerjoin(InvitationPolicy, InvitationPolicy.survey_id == Invitation.survey_id)
        .where(Invitation.state == InvitationState.PLANNED, Invitation.send_at < until)
        .where(within(Invitation.region_id, scope))
    )
    later = (
        select(func.date(InvitationStep.due_at), InvitationStep.channel)
        .join(Invitation, Invitation.id == InvitationStep.invitation_id)
        .where(InvitationStep.state == StepState.PLANNED, InvitationStep.due_at < until)
        .where(Invitation.state == InvitationState.HANDED_OVER, within(Invitation.region_id, scope))
    )
    both = first.union_all(later).subquery()
    return db.session.execute(select(both.c.day, both.c.channel, func.count()).group_by(both.c.day, both.c.channel))
