"""Whom the demo company asked and what came back: every decision is made by the program's own rules."""

import heapq
from collections.abc import Callable
from datetime import datetime, time, timedelta
from itertools import count
from math import log
from random import Random

from npsapp.demo import company, words
from npsapp.demo.company import CHANCES, REGIONS, SEGMENTS, TOUCHPOINTS, UNITS, ZONE, happens
from npsapp.demo.history import UNDECIDED_FOR, Answer, Customer, Happening, Past
from npsapp.invitations.rules import Candidate, Contact, Decision, InvitationState, Reason, decide
from npsapp.lib.clock import at_local, local_date
from npsapp.responses.rules import Group, classify

_MINUTE = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(days=26)
_UNSUBSCRIBED_AFTER = timedelta(hours=3)
_LONG_COMMENT = 30
"""From so many characters on nobody writes what somebody else wrote."""


class Correspondence:
    """Goes through the history in the order of time: decide, send, answer. Writes into the happenings."""

    def __init__(self, chance: Random, past: Past) -> None:
        self.chance, self.now = chance, past.now
        self.storm_from = self.now - timedelta(days=CHANCES["storm_days"])
        self._comments: set[str] = set()
        self._lucky_scores = iter(CHANCES["lucky"]["scores"])
        self._order = count()
        self._queue: list[tuple[datetime, int, Callable[[Happening, datetime], None], Happening]] = []
        for one in past.happenings:
            if one.accepted_at < self.now - UNDECIDED_FOR:
                self._later((one.cancelled_at or one.accepted_at) + _MINUTE, self._decide, one)
        while self._queue and self._queue[0][0] <= self.now:
            at, _, act, one = heapq.heappop(self._queue)
            act(one, at)

    def _later(self, at: datetime, act: Callable[[Happening, datetime], None], one: Happening) -> None:
        heapq.heappush(self._queue, (at, next(self._order), act, one))

    # ---- whether and when -----------------------------------------------------------------------

    def _decide(self, one: Happening, at: datetime) -> None:
        self._note(one, _decision(one, at, count_planned=True), at)
        if one.send_at and one.customer:
            self._later(one.send_at, self._send, one)
            one.customer.planned[one.serial] = (one.send_at, one.touchpoint)

    def _note(self, one: Happening, decision: Decision, at: datetime) -> None:
        one.decided_at = at
        one.state = InvitationState.PLANNED if decision.yes else InvitationState.EXCLUDED
        vars(one).update(vars(decision))
        if decision.again_at:
            self._later(decision.again_at, self._decide, one)

    # ---- the letter -----------------------------------------------------------------------------

    def _send(self, one: Happening, at: datetime) -> None:
        if one.customer is None:
            return
        one.customer.planned.pop(one.serial, None)
        decision = _decision(one, at, count_planned=False)
        if not decision.yes:
            self._note(one, decision, at)
            return
        sent_at = at + timedelta(seconds=self.chance.randint(20, 75))
        one.sent_at = one.customer.claimed_at = sent_at
        one.valid_until = sent_at + company.POLICIES[one.touchpoint].valid
        # An answer may still come, below.
        over = one.valid_until <= self.now
        one.state = InvitationState.EXPIRED if over else InvitationState.HANDED_OVER
        one.customer.contacts.append((sent_at, one.touchpoint))
        self._receive(one, one.customer, sent_at)

    def _receive(self, one: Happening, customer: Customer, sent_at: datetime) -> None:
        if happens(self.chance, "bounced"):
            one.bounced, customer.bounced_at = True, sent_at
        elif sent_at + _UNSUBSCRIBED_AFTER < self.now and happens(self.chance, "unsubscribed"):
            customer.unsubscribed_at = sent_at + _UNSUBSCRIBED_AFTER
        elif self.chance.random() < self._answer_rate(one, sent_at):
            self._later(self._answer_time(sent_at), self._answer, one)

    def _answer_rate(self, one: Happening, sent_at: datetime) -> float:
        rate: float = TOUCHPOINTS[one.touchpoint]["answers"] * SEGMENTS[one.segment]["answers"]
        if one.unit == company.LUCKY_STORE:
            rate *= CHANCES["lucky"]["answers"]
        if sent_at > self.storm_from:
            rate *= REGIONS[one.region]["storm"]["answers"]
        return rate

    def _answer_time(self, sent_at: datetime) -> datetime:
        """Half within six hours, some after a week; at night people sleep."""
        at = sent_at + min(timedelta(hours=self.chance.lognormvariate(log(6), 1.4)), _LONGEST_WAIT)
        return max(at, at_local(local_date(at, ZONE), time(7, self.chance.randint(0, 59)), ZONE))

    # ---- the answer -----------------------------------------------------------------------------

    def _answer(self, one: Happening, at: datetime) -> None:
        if at > self.now - timedelta(minutes=30):
            return
        chance = self.chance
        score = self._score(one, at)
        group = classify(score)
        habits = CHANCES["groups"][group]
        cause = words.choose_cause(chance, one, group)
        comment = self._comment(one, group, cause) if chance.random() < habits["comments"] else ""
        yes, no = habits["wants_contact"]
        luck = chance.random()
        wanted = True if luck < yes else False if luck < yes + no and comment else None
        finished_at = at + timedelta(seconds=chance.randint(15, 60) + 3 * len(comment) // 4)
        one.state = InvitationState.ANSWERED
        one.answer = Answer(score, comment, cause, wanted, confirmed_at=at, finished_at=finished_at)

    def _comment(self, one: Happening, group: Group, cause: str) -> str:
        """Something nobody wrote before, or a few words, in which people do repeat each other."""
        while True:
            text = words.comment(self.chance, one, group=group, cause=cause)
            if len(text) < _LONG_COMMENT or text not in self._comments:
                self._comments.add(text)
                return text

    def _score(self, one: Happening, at: datetime) -> int:
        if one.unit == company.LUCKY_STORE:
            return next(self._lucky_scores, 8)
        mood = self._mood(one, at) + self.chance.gauss(0, 0.1)
        critics = min(max(0.155 - 0.19 * mood, 0.02), 0.6)
        fans = min(max(0.575 + 0.28 * mood, 0.1), 0.92 - critics)
        shares = {"detractor": critics, "promoter": fans, "passive": 1 - critics - fans}
        group = company.pick(self.chance, shares)
        return int(company.pick(self.chance, CHANCES["groups"][group]["scores"]))

    def _mood(self, one: Happening, at: datetime) -> float:
        """Around 0; +1 would make almost everybody a promoter."""
        mood: float = TOUCHPOINTS[one.touchpoint]["mood"] + UNITS[one.unit]["quality"]
        mood += sum(who["quality"] for who in one.performers) / max(len(one.performers), 1)
        if one.unit == company.WORSE_STORE and at > self.now - timedelta(days=CHANCES["worse"]["days"]):
            mood += CHANCES["worse"]["mood"]
        if at > self.storm_from:
            mood += REGIONS[one.region]["storm"]["mood"]
        return mood


def _decision(one: Happening, at: datetime, *, count_planned: bool) -> Decision:
    customer = one.customer
    known = [*customer.contacts, *(customer.planned.values() if count_planned else ())] if customer else []
    candidate = Candidate(
        one.happened_at,
        ZONE,
        cancelled=one.cancelled_at is not None,
        stop=_stop(customer),
        contacts=tuple(Contact(moment, about == one.touchpoint) for moment, about in known),
    )
    return decide(candidate, company.POLICIES[one.touchpoint], now=at)


def _stop(customer: Customer | None) -> Reason | None:
    if customer is None or customer.email is None:
        return Reason.NO_ADDRESS
    if customer.bounced_at or customer.unsubscribed_at:
        return Reason.SUPPRESSED
    return None if customer.grounded else Reason.NO_GROUND
