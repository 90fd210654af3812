"""What a rule would do: to what is already planned, and to last month's purchases. Writes nothing."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from npsapp.customers import queries as customers
from npsapp.db import db, within
from npsapp.delivery import queries as delivery
from npsapp.delivery.parts import count_parts
from npsapp.delivery.rules import Channel
from npsapp.intake import selections
from npsapp.intake.models import Interaction, Source
from npsapp.invitations.candidates import Gathered, first_channel, first_seen, gather
from npsapp.invitations.chains import FIRST
from npsapp.invitations.criteria import Criteria
from npsapp.invitations.models import Invitation
from npsapp.invitations.policies import BY_POLICY
from npsapp.invitations.promises import Promises
from npsapp.invitations.rules import InvitationState, Policy
from npsapp.lib.tokens import CODE_LENGTH
from npsapp.permissions import EVERYTHING, Scope
from npsapp.surveys import queries as surveys, texts
from npsapp.surveys.letters import short_message

MOST = 1_500  # decided about one by one for a page: about half a second
MOST_LOOKED_AT = 100_000
LINK = "https://nps.example.com/s/" + "a" * CODE_LENGTH  # as long as most
MONTH = timedelta(days=30)


@dataclass(frozen=True)
class Effects:
    """What becomes of planned letters under another rule; `every`: estimated from every n-th of them."""

    move: int = 0
    held: int = 0
    stay: int = 0
    come: int = 0
    """Held back until now, and asked under the new rule."""
    every: int = 1
    sms: int = 0
    """How many SMS there may be at most: those that follow go only to the silent."""
    cost: Decimal | None = None
    """What they may cost at most; None: the price is unknown."""
    currency: str = ""

    @property
    def any(self) -> bool:
        """Whether something would change."""
        return bool(self.move or self.held or self.come)


def of_policy(
    survey_id: int, policy: Policy, *, without_mail: Collection[int], now: datetime, scope: Scope = EVERYTHING
) -> Effects:
    """Decide about all that a survey planned, and its rule held back, in the scope, as if this were its rule."""
    planned = Invitation.state == InvitationState.PLANNED
    recent = Invitation.reason.in_(BY_POLICY) & (Invitation.decided_at > now - policy.delay - policy.latest)
    here = Invitation.survey_id == survey_id, within(Invitation.region_id, scope)
    which = *here, Invitation.handed_over_at.is_(None), or_(planned, recent)
    total = db.session.scalar(select(func.count()).where(*which)) or 0
    every = max(-(-total // MOST), 1)
    rows = select(Invitation.interaction_id, Invitation.send_at).where(*which, Invitation.id % every == 0)
    was = {row.interaction_id: row.send_at for row in db.session.execute(rows)}
    found: Counter[str] = Counter()
    sms = 0
    promises = Promises()
    trying: dict[int | None, Policy] = {survey_id: policy}
    for one in gather(list(was), count_planned=True, without_mail=without_mail, now=now, trying=trying):
        about = {"who": one.customer_id or -one.interaction.id, "survey_id": one.survey_id}
        decision = promises.decide(one.candidate, one.policy, **about, now=now)
        found[_compared(was[one.interaction.id], decision.send_at, now)] += every
        sms += _short_messages(one) * every if decision.yes else 0
    found.pop("out", None)
    counts: dict[str, Any] = {**found, **(_cost(survey_id, policy, sms) if sms else {})}
    return Effects(**counts, every=every, sms=sms)


def _short_messages(one: Gathered) -> int:
    """How many SMS the chain may send to somebody."""
    steps = [one.channel, *(step.channel for step in one.policy.steps if step.number != FIRST)]
    way = one.ways.get(Channel.SMS)
    return steps.count(Channel.SMS) if way and way.address else 0


def _cost(survey_id: int, policy: Policy, messages: int) -> dict[str, Any]:
    """What so many messages cost at most: words in the brand's language, in parts, at the gateway's price."""
    survey = surveys.survey(survey_id)
    gateway = delivery.gateways().get(survey.brand_id) if survey else None
    if survey is None or gateway is None:
        return {}
    language = survey.brand.language
    steps = {FIRST, *(step.number for step in policy.steps if step.channel is Channel.SMS)}
    said = [surveys.letter(survey_id, step, Channel.SMS) for step in steps]
    values = texts.sample_values(survey, language, day="")
    words = [short_message(one, language=language, values=values, link=LINK) for one in said]
    parts = max(1, *(count_parts(one).parts for one in words))
    return {"cost": gateway.cost(parts * messages), "currency": gateway.currency}


def _compared(before: datetime | None, after: datetime | None, now: datetime) -> str:
    if before is None:
        return "come" if after else "out"
    if after is None:
        return "held"
    return "stay" if after == max(before, now) or after == before else "move"


def matches(
    brand_id: int, touchpoint_id: int, criteria: Criteria, *, now: datetime, scope: Scope = EVERYTHING
) -> tuple[int, int]:
    """How many of last month's purchases of the scope meet the criteria, and of how many."""
    rows = _last_month(brand_id, touchpoint_id, now, scope)
    columns = (
        *(Interaction.customer_id, Interaction.happened_at, Interaction.amount, Interaction.properties),
        *(Interaction.segment_id, Interaction.region_id, Interaction.unit_id),
    )
    found = db.session.execute(select(*columns).where(*rows)).all()
    person: dict[int, int] = {}
    since: dict[int, datetime] = {}
    if criteria.acquaintance or criteria.selections:
        person = customers.families({row.customer_id for row in found if row.customer_id})
        since = first_seen(person)
    inside = selections.memberships(criteria.selections, person, now=now)

    def is_meant(row: Any) -> bool:
        who = person.get(row.customer_id, 0)
        new = row.happened_at <= since.get(who, row.happened_at)
        return criteria.met_by(row, is_new=new, inside=inside.get(who, ()))

    return sum(map(is_meant, found)), len(found)


def _last_month(brand_id: int, touchpoint_id: int, now: datetime, scope: Scope) -> tuple[ColumnElement[bool], ...]:
    newest = db.session.scalar(select(func.max(Interaction.id))) or 0
    real = Interaction.source_id.in_(select(Source.id).where(Source.is_test.is_(False)))
    asked = Interaction.brand_id == brand_id, Interaction.touchpoint_id == touchpoint_id, real
    here = *asked, within(Interaction.region_id, scope)
    in_time = Interaction.happened_at > now - MONTH, Interaction.happened_at <= now
    return (Interaction.id > newest - MOST_LOOKED_AT, *here, *in_time, Interaction.cancelled_at.is_(None))


def would_have_asked(
    brand_id: int, rules: Sequence[tuple[int, Policy]], *, now: datetime, scope: Scope = EVERYTHING
) -> list[int]:
    """About how many customers each rule (touchpoint, policy) would have asked about last month's purchases.

    By the planner's own rule with today's addresses, stops and holds, over purchases of the scope; every purchase is
    looked at on its own day. What is known of them is gathered once for all rules, of one company and without criteria.
    """
    sampled = {point: _sample(brand_id, point, now, scope) for point in {point for point, _policy in rules}}
    steps = tuple(dict.fromkeys(step for _point, policy in rules for step in policy.steps))
    wide, active = Policy(steps=steps, mobile_sms=True, care=rules[0][1].care), surveys.active_map()
    trying = {getattr(active.get((brand_id, point)), "id", None): wide for point in sampled}
    ids = [id_ for some, _every in sampled.values() for id_ in some]
    found = gather(ids, count_planned=False, without_mail=(), now=now, trying=trying)
    here = {point: [one for one in found if one.interaction.touchpoint_id == point] for point in sampled}
    return [_yeses(here[point], policy) * sampled[point][1] for point, policy in rules]


def _sample(brand_id: int, touchpoint_id: int, now: datetime, scope: Scope) -> tuple[Sequence[int], int]:
    """Every n-th of last month's purchases, few enough for a page that asks about several rules; and n."""
    ids = db.session.scalars(select(Interaction.id).where(*_last_month(brand_id, touchpoint_id, now, scope))).all()
    every = max(-(-len(ids) // (MOST // 10)), 1)
    return ids[::every], every


def _yeses(people: Sequence[Gathered], policy: Policy) -> int:
    """To how many of them a rule says yes, if all that a survey needs to be sent were there."""
    promises, asked = Promises(), 0
    there: Any = dict.fromkeys(("live", "after_live_day", "can_send", "has_survey", "has_channels"), True)
    for one in people:
        candidate = replace(one.on(first_channel(policy, one.ways)).candidate, **there, contacts=())
        who = one.customer_id or -one.interaction.id
        asked += promises.decide(candidate, policy, who=who, survey_id=None, now=candidate.happened_at).yes
    return asked
