"""Whom the demo company asked and what came back: every decision is made by the program's own rules."""

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from math import log
from random import Random

from npsapp.demo import places, words
from npsapp.demo.history import UNDECIDED_FOR, Customer, Happening, Past
from npsapp.invitations.rules import (
    Candidate,
    Contact,
    Decision,
    InvitationState,
    Policy,
    Reason,
    decide,
)
from npsapp.lib.clock import at_local, local_date
from npsapp.responses.rules import Group, classify

POLICIES = {
    "purchase": Policy(delay=timedelta(days=14)),
    "delivery": Policy(delay=timedelta(days=1)),
    "service": Policy(delay=timedelta(days=1)),
    "warehouse": Policy(delay=timedelta(0), window_from=time(0), window_until=time(0)),
}
"""Two weeks after a purchase, a day after a delivery or visit, at once and at any hour after a pick-up."""

_ANSWER_RATE = {"purchase": 0.232, "delivery": 0.28, "service": 0.345, "warehouse": 0.205}
_SEGMENT_RATE = {"retail": 1.06, "contractors": 0.92, "design": 0.86}
_LUCKY_RATE = 1.7

_COMMENT_RATE = {Group.DETRACTOR: 0.80, Group.PASSIVE: 0.52, Group.PROMOTER: 0.48}
_SCORES = {
    Group.DETRACTOR: ((0, 1, 2, 3, 4, 5, 6), (12, 5, 8, 13, 12, 25, 25)),
    Group.PASSIVE: ((7, 8), (38, 62)),
    Group.PROMOTER: ((9, 10), (37, 63)),
}
_MOOD = {"purchase": 0.06, "delivery": -0.06, "service": 0.12, "warehouse": -0.12}
_WORSE_FOR = timedelta(days=150)
_WORSE_BY = 1.2
_STORM_DAYS = timedelta(days=6)
_STORM = {"kyiv": 1.5}
_STORM_ELSEWHERE = 0.7
_STORM_RATE = {"kyiv": 2.8}
_STORM_RATE_ELSEWHERE = 1.6
"""These days it pours and trucks are late, in Kyiv most of all: the managers have something to do."""

# What the few customers of the new store happened to say.
_LUCKY_SCORES = (10, 9, 10, 8, 10, 10, 9, 7, 10, 9, 5, 10, 8, 6, 9, 10, 7, 10, 4, 9)

_BOUNCED = 0.006
_UNSUBSCRIBED = 0.008
_LONGEST_WAIT = timedelta(days=26)


@dataclass(slots=True)
class Answer:
    """What one customer said; `cause` is the section of words the comment was made of."""

    score: int
    comment: str
    cause: str
    contact_wanted: bool | None
    confirmed_at: datetime
    finished_at: datetime

    @property
    def group(self) -> Group:
        """Promoter, passive or detractor."""
        return classify(self.score)


@dataclass(slots=True)
class Asking:
    """The line about one interaction, as it stands at the end of the history."""

    happening: Happening
    decided_at: datetime
    state: InvitationState = InvitationState.PLANNED
    reason: Reason | None = None
    again_at: datetime | None = None
    send_at: datetime | None = None
    latest_at: datetime | None = None
    sent_at: datetime | None = None
    bounced: bool = False
    answer: Answer | None = None

    @property
    def valid_until(self) -> datetime | None:
        """Until when the link takes answers."""
        return self.sent_at + POLICIES[self.happening.touchpoint].valid if self.sent_at else None


@dataclass(slots=True)
class Standing:
    """What the company knows of one customer besides the purchases."""

    contacts: list[tuple[datetime, str]] = field(default_factory=list)
    planned: dict[int, tuple[datetime, str]] = field(default_factory=dict)
    """Letters that wait for their day, by number of the interaction: they keep others away as well."""
    bounced_at: datetime | None = None
    unsubscribed_at: datetime | None = None


class Correspondence:
    """Goes through the history in the order of time: decide, send, answer."""

    def __init__(self, chance: Random, past: Past) -> None:
        self.chance, self.past, self.now = chance, past, past.now
        self.askings: list[Asking] = []
        self.standings: dict[int, Standing] = defaultdict(Standing)
        self._commenter = words.Commenter()
        self._lucky = iter(_LUCKY_SCORES)
        self._queue: list[tuple[datetime, int, Callable[[Asking, datetime], None], Asking]] = []
        self._order = 0
        for happening in past.happenings:
            if happening.accepted_at < self.now - UNDECIDED_FOR:
                asking = Asking(happening, happening.accepted_at)
                self.askings.append(asking)
                self._later(happening.accepted_at + timedelta(minutes=1), self._decide, asking)
                if happening.cancelled_at:
                    self._later(happening.cancelled_at + timedelta(minutes=1), self._cancel, asking)
        self._run()

    def _later(self, at: datetime, act: Callable[[Asking, datetime], None], asking: Asking) -> None:
        self._order += 1
        heapq.heappush(self._queue, (at, self._order, act, asking))

    def _run(self) -> None:
        while self._queue and self._queue[0][0] <= self.now:
            at, _, act, asking = heapq.heappop(self._queue)
            act(asking, at)

    # ---- whether and when -----------------------------------------------------------------------

    def _decide(self, asking: Asking, at: datetime) -> None:
        decision = self._decision(asking, at, count_planned=True)
        self._note(asking, decision, at)
        if decision.send_at:
            self._later(decision.send_at, self._send, asking)
            if asking.happening.customer:
                planned = self.standings[asking.happening.customer.number].planned
                planned[asking.happening.number] = (decision.send_at, asking.happening.touchpoint)

    def _cancel(self, asking: Asking, at: datetime) -> None:
        """A beat takes out what is planned for a purchase that is not one any more."""
        if asking.state is InvitationState.PLANNED and asking.happening.customer:
            self.standings[asking.happening.customer.number].planned.pop(asking.happening.number, None)
            self._note(asking, self._decision(asking, at, count_planned=False), at)

    def _note(self, asking: Asking, decision: Decision, at: datetime) -> None:
        asking.decided_at = at
        asking.reason, asking.latest_at = decision.reason, decision.latest_at
        asking.send_at, asking.again_at = decision.send_at, decision.again_at
        asking.state = InvitationState.PLANNED if decision.yes else InvitationState.EXCLUDED
        if decision.again_at:
            self._later(decision.again_at, self._decide, asking)

    def _decision(self, asking: Asking, at: datetime, *, count_planned: bool) -> Decision:
        happening, customer = asking.happening, asking.happening.customer
        policy = POLICIES[happening.touchpoint]
        if customer is None:
            nobody = Candidate(happening.happened_at, places.ZONE, stop=Reason.NO_ADDRESS)
            return decide(nobody, policy, now=at)
        standing = self.standings[customer.number]
        known = [*standing.contacts, *(standing.planned.values() if count_planned else ())]
        candidate = Candidate(
            happening.happened_at,
            places.ZONE,
            cancelled=bool(happening.cancelled_at and happening.cancelled_at <= at),
            stop=_stop(customer, standing),
            contacts=tuple(
                Contact(moment, asked_about == happening.touchpoint) for moment, asked_about in known
            ),
        )
        return decide(candidate, policy, now=at)

    # ---- the letter -----------------------------------------------------------------------------

    def _send(self, asking: Asking, at: datetime) -> None:
        customer = asking.happening.customer
        if customer is None or asking.state is not InvitationState.PLANNED:
            return
        standing = self.standings[customer.number]
        standing.planned.pop(asking.happening.number, None)
        decision = self._decision(asking, at, count_planned=False)
        if not decision.yes:
            self._note(asking, decision, at)
            return
        asking.state = InvitationState.HANDED_OVER
        asking.sent_at = at + timedelta(seconds=self.chance.randint(20, 75))
        standing.contacts.append((asking.sent_at, asking.happening.touchpoint))
        self._receive(asking, asking.sent_at, standing)

    def _receive(self, asking: Asking, sent_at: datetime, standing: Standing) -> None:
        chance, happening = self.chance, asking.happening
        if sent_at + POLICIES[happening.touchpoint].valid <= self.now:
            asking.state = InvitationState.EXPIRED  # unless an answer comes, below
        luck = chance.random()
        if luck < _BOUNCED:
            asking.bounced, standing.bounced_at = True, sent_at
            return
        if luck < _BOUNCED + _UNSUBSCRIBED and sent_at + timedelta(hours=3) < self.now:
            standing.unsubscribed_at = sent_at + timedelta(hours=3)
            return
        rate = _ANSWER_RATE[happening.touchpoint] * _SEGMENT_RATE[happening.segment]
        if happening.unit.key == places.LUCKY_STORE:
            rate *= _LUCKY_RATE
        if sent_at > self.now - _STORM_DAYS:
            rate *= _STORM_RATE.get(happening.region, _STORM_RATE_ELSEWHERE)
        if chance.random() < rate:
            self._later(self._answer_time(sent_at), self._answer, asking)

    def _answer_time(self, sent_at: datetime) -> datetime:
        """Half within six hours, some after a week; at night people sleep."""
        wait = timedelta(hours=self.chance.lognormvariate(log(6), 1.4))
        at = sent_at + min(wait, _LONGEST_WAIT)
        day = local_date(at, places.ZONE)
        waking = at_local(day, time(7, self.chance.randint(0, 59)), places.ZONE)
        return at if at >= waking else waking

    # ---- the answer -----------------------------------------------------------------------------

    def _answer(self, asking: Asking, at: datetime) -> None:
        if at > self.now - timedelta(minutes=30):
            return
        chance, happening = self.chance, asking.happening
        score = self._score(happening, at)
        group = classify(score)
        cause = words.choose_cause(chance, group=group, touchpoint=happening.touchpoint)
        comment = ""
        if chance.random() < _COMMENT_RATE[group]:
            language = happening.customer.language if happening.customer else "uk"
            comment = self._commenter.write(
                chance,
                language=language,
                group=group,
                touchpoint=happening.touchpoint,
                cause=cause,
                goods=happening.bought.goods.forms[language],
            )
        asking.state = InvitationState.ANSWERED
        asking.answer = Answer(
            score=score,
            comment=comment,
            cause=cause,
            contact_wanted=self._contact_wanted(group, comment),
            confirmed_at=at,
            finished_at=at + timedelta(seconds=chance.randint(15, 60) + 3 * len(comment) // 4),
        )

    def _contact_wanted(self, group: Group, comment: str) -> bool | None:
        chances = {Group.DETRACTOR: (0.34, 0.16), Group.PASSIVE: (0.05, 0.12), Group.PROMOTER: (0.01, 0.05)}
        yes, no = chances[group]
        luck = self.chance.random()
        return True if luck < yes else False if luck < yes + no and comment else None

    def _score(self, happening: Happening, at: datetime) -> int:
        if happening.unit.key == places.LUCKY_STORE:
            return next(self._lucky, 8)
        mood = self._mood(happening, at) + self.chance.gauss(0, 0.1)
        critic = min(max(0.155 - 0.19 * mood, 0.02), 0.6)
        fan = min(max(0.575 + 0.28 * mood, 0.1), 0.92 - critic)
        luck = self.chance.random()
        group = Group.DETRACTOR if luck < critic else Group.PROMOTER if luck < critic + fan else Group.PASSIVE
        scores, weights = _SCORES[group]
        return self.chance.choices(scores, weights)[0]

    def _mood(self, happening: Happening, at: datetime) -> float:
        """Around 0; +1 would make almost everybody a promoter."""
        mood = _MOOD[happening.touchpoint] + happening.unit.quality
        mood += sum(one.quality for one in happening.performers) / max(len(happening.performers), 1)
        if happening.touchpoint in ("delivery", "warehouse") and happening.happened_at.month in (4, 5, 6):
            mood -= 0.22  # too few trucks in the high season
        if happening.unit.key == places.WORSE_STORE and at > self.now - _WORSE_FOR:
            mood -= _WORSE_BY
        if at > self.now - _STORM_DAYS:
            mood -= _STORM.get(happening.region, _STORM_ELSEWHERE)
        return mood


def _stop(customer: Customer, standing: Standing) -> Reason | None:
    if customer.email is None:
        return Reason.NO_ADDRESS
    if standing.bounced_at or standing.unsubscribed_at:
        return Reason.SUPPRESSED
    return None if customer.grounded else Reason.NO_GROUND
