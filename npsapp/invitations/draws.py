"""The daily draw: of the customers who wait, the lot takes as many as the quotas need. Needs a transaction."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import alone, db, insert_many, one_of, pairs, table, write
from npsapp.intake.models import PLANNING, Interaction
from npsapp.invitations import pace, quotas
from npsapp.invitations.candidates import Gathered, gather, policies
from npsapp.invitations.models import Invitation
from npsapp.invitations.quota_models import Quota, QuotaDraw, QuotaRule
from npsapp.invitations.quotas import Counted, Place
from npsapp.invitations.rules import Decision, InvitationState, Policy, Reason, decide, sending_time
from npsapp.lib.clock import day_bounds, local_date
from npsapp.lib.tokens import keyed
from npsapp.surveys import queries as surveys
from npsapp.surveys.models import Survey

_TABLE = table(Invitation)
_SETTLED = "state", "reason", "send_at", "latest_at", "again_at", "stratum_id", "drawn_on", "draw_rank", "probability"
_SETTLE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("line"), _TABLE.c.state == InvitationState.WAITING)
    .values({name: bindparam(f"new_{name}") for name in (*_SETTLED, "chance", "decided_at")})
)
LATEST_SHARE = timedelta(days=7)
MOMENT = timedelta(microseconds=1)  # what is due now is due


@dataclass(frozen=True)
class Line:
    """One customer who waits."""

    id: int
    survey_id: int
    interaction_id: int
    customer_id: int | None
    order: str
    """Number of the order the interaction belongs to, or empty."""
    place_id: int | None
    send_at: datetime
    latest_at: datetime | None
    chance: float | None
    probability: float | None


# ---- the lot, pure ---------------------------------------------------------------------------------------------


def ranked(key: str, survey_id: int, day: date, ids: Iterable[int]) -> list[int]:
    """The ids of interactions in the order of the lot: without the key nobody foresees it, with it it repeats."""
    return sorted(ids, key=lambda id_: keyed(key, "quota draw", f"{survey_id}|{day}|{id_}"))


def chosen(key: str, needs: Mapping[int, float]) -> tuple[int, float]:
    """One of these interactions, the likelier the greater its need, and with which probability it was chosen."""
    ids = sorted(needs)
    total = math.fsum(needs.values())
    chances = [needs[id_] / total if total else 1 / len(ids) for id_ in ids]
    point = int(keyed(key, "quota choice", "|".join(map(str, ids))), 16) / 16**64
    for id_, chance in zip(ids, chances, strict=True):
        if point < chance:
            return id_, chance
        point -= chance
    likeliest = max(range(len(ids)), key=lambda at: chances[at])  # the sum fell short of 1 by rounding
    return ids[likeliest], chances[likeliest]


# ---- which draws are due ---------------------------------------------------------------------------------------


def due(now: datetime) -> list[int]:
    """Quotas whose local day has opened its sending hours and whose draw was not made yet."""
    return [quota.id for _survey, _rule, found in _open(now) for _place, quota, _day in found]


def _open(now: datetime) -> list[tuple[Survey, QuotaRule, list[tuple[Place, Quota, date]]]]:
    found = []
    with_quotas = {survey_id for survey_id, _month in quotas.months()}
    for survey in surveys.surveys():
        if survey.id in with_quotas:
            rule = quotas.rule(survey.id)
            found.append((survey, rule, _undrawn(survey, rule, now)))
    return found


def _undrawn(survey: Survey, rule: QuotaRule, now: datetime) -> list[tuple[Place, Quota, date]]:
    policy = policies().get(survey.id, Policy())
    today = {
        place: local_date(now, place.zone)
        for place in quotas.places(survey, rule.kind)
        if _opened(policy, place.zone, now)
    }
    wanted = {month: quotas.in_month(survey.id, rule.kind, month) for month in map(quotas.month_of, {*today.values()})}
    found = [
        (place, quota, day) for place, day in today.items() if (quota := wanted[quotas.month_of(day)].get(place.id))
    ]
    drawn = quotas.draws_on([quota for _place, quota, _day in found], today.values())
    return [one for one in found if (one[1].id, one[2]) not in drawn]


def _opened(policy: Policy, zone: str, now: datetime) -> bool:
    """Whether today's sending hours have begun, or there are none today."""
    begin, end = day_bounds(local_date(now, zone), zone)
    opens = sending_time(begin, policy, zone)
    return now >= opens or opens >= end


# ---- drawing ---------------------------------------------------------------------------------------------------


def draw(quota_ids: Collection[int], *, key: str, without_mail: Collection[int], now: datetime) -> int:
    """Make the draws of these quotas that are due and were not made yet; gives the number of customers drawn.

    1. Nobody else plans or draws meanwhile.
    2. Everything may have changed since the customers began to wait: the rule decides again.
    3. Of several lines of one person, or of one order, one stays: chosen by lot, weighted by need.
    4. The planner says how many to take of each place; the lot says whom.
    """
    alone(PLANNING)
    drawn = 0
    for survey, rule, found in _open(now):
        here = [one for one in found if one[1].id in quota_ids]
        for month in {quota.month for _place, quota, _day in here}:
            of_month = [one for one in here if one[1].month == month]
            drawn += _Draw(survey, rule, key=key, now=now).make(of_month, without_mail)
    return drawn


def release(*, now: datetime) -> int:
    """Plan whoever waits at a place that has no quota: all of them are asked. Gives their number."""
    alone(PLANNING)
    due = Invitation.state == InvitationState.WAITING, Invitation.send_at < now + MOMENT
    changed = 0
    for survey_id in db.session.scalars(select(Invitation.survey_id).where(*due).distinct()).all():
        survey, rule = surveys.survey(survey_id or 0), quotas.rule(survey_id or 0)
        if survey:
            changed += _Draw(survey, rule, key="", now=now).release()
    return changed


class _Draw:
    """The draws of one survey at one moment."""

    def __init__(self, survey: Survey, rule: QuotaRule, *, key: str, now: datetime) -> None:
        self.survey, self.rule, self.key, self.now = survey, rule, key, now
        self.changes: dict[int, dict[str, Any]] = {}
        self.chances: dict[int, float] = {}

    def make(self, here: Sequence[tuple[Place, Quota, date]], without_mail: Collection[int]) -> int:
        ends = {place.id: day_bounds(day, place.zone)[1] for place, _quota, day in here}
        lines = [one for one in _waiting(self.survey.id, self.rule, max(ends.values())) if one.place_id in ends]
        lines = [one for one in lines if one.send_at < ends[one.place_id or 0]]
        yes = self._still_yes(lines, ends, without_mail)
        one_each = self._one_each([one for one in lines if one.id in yes], max(ends.values()))
        pools: dict[int | None, list[Line]] = defaultdict(list)
        for line in one_each:
            pools[line.place_id].append(line)
        counted = quotas.count(self.survey, [place for place, _quota, _day in here], month=here[0][1].month)
        came = quotas.delays(self.survey, self.rule, day=here[0][2])
        rests = _rests([quota.id for _place, quota, _day in here])
        rows = []
        for place, quota, day in here:
            pool = pools[place.id]
            row = self._planned(quota, day, counted.get(place.id, Counted()), came, rests.get(quota.id, 0.0), len(pool))
            self._take(pool, row["drawn"], place, day, yes)
            rows.append(row)
        self._write()
        insert_many(QuotaDraw, rows, at=self.now)
        return sum(row["drawn"] for row in rows)

    def release(self) -> int:
        """Plan those who are due at places without a quota in their month."""
        zones = {place.id: place.zone for place in quotas.places(self.survey, self.rule.kind)}
        for line in _waiting(self.survey.id, self.rule, self.now + MOMENT):
            day = local_date(self.now, zones.get(line.place_id or 0, self.survey.brand.timezone))
            if line.place_id not in quotas.in_month(self.survey.id, self.rule.kind, quotas.month_of(day)):
                asked = {"stratum_id": line.place_id, "drawn_on": day, "probability": self._chance(line) or 1.0}
                self._change(line, InvitationState.PLANNED, send_at=line.send_at, latest_at=line.latest_at, **asked)
        self._write()
        return len(self.changes)

    def _still_yes(
        self, lines: Sequence[Line], ends: Mapping[int, datetime], without_mail: Collection[int]
    ) -> dict[int, tuple[Gathered, Decision]]:
        """Those who may be asked today, by line; the others say why not, or wait for a later day."""
        by_interaction = {one.interaction_id: one for one in lines}
        yes = {}
        for one in gather(list(by_interaction), count_planned=True, without_mail=without_mail, now=self.now):
            line, decision = by_interaction[one.interaction.id], decide(one.candidate, one.policy, now=self.now)
            if decision.send_at and decision.send_at < ends[line.place_id or 0]:
                yes[line.id] = one, decision
            else:
                state = InvitationState.WAITING if decision.yes else InvitationState.EXCLUDED
                self._change(line, state, **{name: getattr(decision, name) for name in _DECIDED})
        return yes

    def _one_each(self, lines: Sequence[Line], end: datetime) -> list[Line]:
        """Of the lines that belong together one; the others are not drawn, whenever their day would be."""
        due, kept = {one.id for one in lines}, []
        for together in _together(lines, end):
            mine, winner = [one for one in together if one.id in due], None
            if len(together) > 1:
                winner = self._winner(together)
                for loser in together:
                    if loser.id != winner:
                        self._change(loser, InvitationState.EXCLUDED, reason=Reason.NOT_DRAWN)
            kept += [one for one in mine if winner in (None, one.id)]
        return kept

    def _winner(self, together: Sequence[Line]) -> int:
        """The line that may ask: what was chosen earlier stays chosen."""
        for line in together:
            if line.chance is not None:
                return line.id
        shares = _shares(together, self.now)
        needs = {one.interaction_id: shares.get((one.survey_id, one.place_id), 1.0) for one in together}
        interaction_id, chance = chosen(self.key, needs)
        winner = next(one.id for one in together if one.interaction_id == interaction_id)
        self.chances[winner] = chance
        return winner

    def _planned(
        self, quota: Quota, day: date, counted: Counted, came: Sequence[float], rest: float, pool: int
    ) -> dict[str, Any]:
        """The day's row: how many to take, and whether the target can still be reached."""
        settings = self.rule.settings
        asked = quotas.situation(counted, target=quota.target, day=day, today=pool, delays=came, settings=settings)
        plan = pace.plan(asked)
        number, rest = pace.whole(plan.invitations, rest, pool=pool, settings=settings)
        known = max(quotas.seen(counted, day), default=0) >= quotas.KNOWN_DAYS
        return {
            "quota_id": quota.id, "day": day, "pool": pool, "drawn": number, "rest": rest, "share": plan.share,
            "attainable": plan.attainable or not known,
        }  # fmt: skip

    def _take(
        self, pool: Sequence[Line], number: int, place: Place, day: date, yes: Mapping[int, tuple[Gathered, Decision]]
    ) -> None:
        """The lot of one place."""
        lines = {one.interaction_id: one for one in pool}
        for rank, id_ in enumerate(ranked(self.key, self.survey.id, day, lines), start=1):
            line = lines[id_]
            one, decision = yes[line.id]
            drawn = {
                "stratum_id": place.id, "drawn_on": day, "draw_rank": rank,
                "probability": self._probability(line, number / len(pool)), "latest_at": decision.latest_at,
            }  # fmt: skip
            tomorrow = day_bounds(day, place.zone)[1]
            waited = day - local_date((decision.latest_at or tomorrow) - one.policy.latest, place.zone)
            if rank <= number:
                self._change(line, InvitationState.PLANNED, send_at=decision.send_at, **drawn)
            elif waited < timedelta(days=self.rule.carry_days):
                self._change(line, InvitationState.WAITING, send_at=tomorrow, **drawn)
            else:
                self._change(line, InvitationState.EXCLUDED, reason=Reason.NOT_DRAWN, **drawn)

    def _probability(self, line: Line, share: float) -> float:
        """Of being asked at all: drawn in an earlier draw, or left over there and drawn now."""
        chance, before = self._chance(line) or 1.0, line.probability or 0.0
        return before + (chance - before) * share

    def _chance(self, line: Line) -> float | None:
        return self.chances.get(line.id, line.chance)

    def _change(self, line: Line, state: InvitationState, **values: Any) -> None:
        nothing = dict.fromkeys((*_SETTLED, "chance"))
        self.changes[line.id] = {**nothing, **values, "state": state, "chance": self._chance(line)}

    def _write(self) -> None:
        """Chosen lines whose day is still to come keep waiting, with their chance."""
        later = [{"line": id_, "new": chance} for id_, chance in self.chances.items() if id_ not in self.changes]
        if later:
            write(update(_TABLE).where(_TABLE.c.id == bindparam("line")).values(chance=bindparam("new")), later)
        rows = [
            {"line": id_, "new_decided_at": self.now, **{f"new_{name}": value for name, value in values.items()}}
            for id_, values in self.changes.items()
        ]
        if rows:
            write(_SETTLE, rows)
        _record(self.changes.values(), now=self.now)


_DECIDED = "reason", "send_at", "latest_at", "again_at"


def _record(changes: Iterable[Mapping[str, Any]], *, now: datetime) -> None:
    states = Counter(one["state"] for one in changes)
    if count := states[InvitationState.PLANNED]:
        audit.record(Event.INVITATION_PLANNED, actor=audit.PROGRAM, now=now, data={"count": count})
    held_back = Counter(one["reason"].value for one in changes if one["reason"])
    if held_back:
        audit.record(Event.INVITATION_HELD_BACK, actor=audit.PROGRAM, now=now, data={"reasons": dict(held_back)})


def _lines(kind: Any) -> Any:
    order = func.coalesce(func.nullif(Interaction.basis, ""), Interaction.number)
    return (
        select(
            Invitation.id,
            Invitation.survey_id,
            Invitation.interaction_id,
            Invitation.customer_id,
            order.label("order"),
            quotas.place_of(kind).label("place_id"),
            Invitation.send_at,
            Invitation.latest_at,
            Invitation.chance,
            Invitation.probability,
        )
        .join(Interaction, Interaction.id == Invitation.interaction_id)
        .where(Invitation.state == InvitationState.WAITING)
    )


def _waiting(survey_id: int, rule: QuotaRule, end: datetime) -> list[Line]:
    rows = _lines(rule.kind).where(Invitation.survey_id == survey_id, Invitation.send_at < end)
    return [Line(*row) for row in db.session.execute(rows.order_by(Invitation.id))]


def _together(lines: Sequence[Line], end: datetime) -> list[list[Line]]:
    """These lines with those of the same people that cannot be asked as well: due by `end`, or of the same order."""
    theirs: dict[int | None, list[Line]] = defaultdict(list)
    with_quotas = {survey_id: quotas.rule(survey_id).kind for survey_id, _month in quotas.months()}
    for kind in {*with_quotas.values()}:
        surveys_of_kind = [survey_id for survey_id, its in with_quotas.items() if its is kind]
        rows = _lines(kind).where(
            one_of(Invitation.customer_id, {one.customer_id for one in lines}),
            Invitation.survey_id.in_(surveys_of_kind),
        )
        for row in db.session.execute(rows.order_by(Invitation.id)):
            theirs[row.customer_id].append(Line(*row))
    mine: dict[int | None, list[Line]] = defaultdict(list)
    for line in lines:
        mine[line.customer_id].append(line)
    found = []
    for person, due in mine.items():
        known, orders = {one.id for one in due}, {one.order for one in due if one.order}
        others = [one for one in theirs[person] if one.id not in known]
        found.append([*due, *(one for one in others if one.send_at < end or one.order in orders)])
    return found


def _shares(lines: Sequence[Line], now: datetime) -> dict[tuple[int, int | None], float]:
    """(Survey, place) → the share its newest draw took: how much it needs each customer."""
    rows = (
        select(Quota.survey_id, Quota.place_id, QuotaDraw.share)
        .join(QuotaDraw, QuotaDraw.quota_id == Quota.id)
        .where(one_of(Quota.place_id, {one.place_id for one in lines if one.place_id}))
        .where(Quota.survey_id.in_({one.survey_id for one in lines}), QuotaDraw.day > (now - LATEST_SHARE).date())
        .order_by(QuotaDraw.day)
    )
    return {(row.survey_id, row.place_id): row.share for row in db.session.execute(rows)}


def _rests(quota_ids: Iterable[int]) -> dict[int, float]:
    """Part of an invitation each quota's newest draw left over."""
    rows = select(QuotaDraw.quota_id, QuotaDraw.rest).where(one_of(QuotaDraw.quota_id, quota_ids))
    return pairs(rows.order_by(QuotaDraw.day))
