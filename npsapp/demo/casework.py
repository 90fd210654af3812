"""What the regional managers did about the critics: calls, notes, causes, outcomes, and what they left lying."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from npsapp.cases.calendar import WorkingCalendar
from npsapp.cases.rules import (
    Deadlines,
    Outcome,
    Result,
    State,
    deadlines,
    due_now,
    earliest,
    final_state,
    is_hot,
    is_open,
    opens_case,
    state_after,
)
from npsapp.demo import places, words
from npsapp.demo.asking import Asking

CALENDAR = WorkingCalendar(places.ZONE)

RUSSIAN_SPEAKING = frozenset({"odesa", "kharkiv"})
"""Regions whose managers write their notes in Russian."""

# Share of cases handled in good time; the others take four times as long.
_DILIGENCE = {"kyiv": 0.92, "lviv": 0.97, "odesa": 0.80, "dnipro": 0.90, "kharkiv": 0.94, "vinnytsia": 0.88}
_SLOW = 4

_RESULTS = {
    Result.REACHED: 48,
    Result.NO_ANSWER: 29,
    Result.BUSY: 6,
    Result.LEFT_MESSAGE: 8,
    Result.CALL_BACK: 7,
    Result.WRONG_NUMBER: 2,
}
_ATTEMPTS = (3, 4, 5, 5)
"""How often a manager tries before giving up."""
_OUTCOMES = {Outcome.SAVED: 70, Outcome.NOT_SAVED: 22, Outcome.NO_CASE: 8}

# Up to this age in days such a share is left lying, somewhere between unread and spoken to.
_LEFT_LYING = ((1, 0.0), (8, 0.18), (21, 0.34), (60, 0.10), (150, 0.02))

# Root cause by what the customer complained about; the second one where craftsmen were at work.
_CAUSES = {
    "delay": ("delivery.late", "works.late"),
    "broken": ("delivery.damaged", "goods.defect"),
    "rude": ("staff.rude", "staff.rude"),
    "wrong_item": ("order.wrong", "order.wrong"),
    "price": ("price.different", "price.high"),
    "no_call": ("staff.unreachable", "staff.promise"),
    "documents": ("order.documents", "order.documents"),
    "workmanship": ("works.quality", "works.quality"),
    "queue": ("staff.waiting", "staff.waiting"),
    "stock": ("goods.stock", "goods.stock"),
}


@dataclass(slots=True)
class Attempt:
    """One call."""

    at: datetime
    result: Result
    note: str


@dataclass(slots=True)
class Work:
    """One case as it stands at the end of the history; `askings` are its answers, the first one opened it."""

    askings: list[Asking]
    opened_at: datetime
    clock_from: datetime
    hot: bool
    clock: Deadlines
    state: State = State.NEW
    acknowledged_at: datetime | None = None
    attempts: list[Attempt] = field(default_factory=list)
    remarks: list[tuple[datetime, str]] = field(default_factory=list)
    joined: list[tuple[datetime, int]] = field(default_factory=list)
    """When further answers came into the case, and their scores."""
    contacted_at: datetime | None = None
    call_back_at: datetime | None = None
    settled_at: datetime | None = None
    cause: str | None = None
    outcome: Outcome | None = None
    outcome_text: str = ""

    @property
    def score(self) -> int:
        """The lowest score of its answers."""
        return min(asking.answer.score for asking in self.askings if asking.answer)

    @property
    def due_at(self) -> datetime:
        """The next deadline; of an ended case the last one."""
        due = due_now(self.state, self.clock)
        return due.at if due else self.clock.settle_by


class Desk:
    """Lets every critic's answer become a case, or join the customer's open one, and works on it until `now`."""

    def __init__(self, chance: Random, askings: list[Asking], *, now: datetime) -> None:
        self.chance, self.now = chance, now
        self.works: list[Work] = []
        latest: dict[int, Work] = {}
        answered = [(asking.answer, asking) for asking in askings if asking.answer]
        for answer, asking in sorted(answered, key=lambda pair: pair[0].confirmed_at):
            customer = asking.happening.customer
            if customer is None or not opens_case(answer.score):
                continue
            known = latest.get(customer.number)
            if known and (is_open(known.state) or (known.settled_at or self.now) > answer.confirmed_at):
                self._join(known, asking, answer.confirmed_at)
                continue
            latest[customer.number] = work = self._open(asking, answer.confirmed_at, answer.finished_at)
            self.works.append(work)

    def _open(self, asking: Asking, confirmed_at: datetime, finished_at: datetime) -> Work:
        customer, answer = asking.happening.customer, asking.answer
        hot = is_hot(answer.score if answer else None, key_customer=bool(customer and customer.is_key))
        work = Work(
            askings=[asking],
            opened_at=finished_at + timedelta(seconds=self.chance.randint(10, 60)),
            clock_from=confirmed_at,
            hot=hot,
            clock=deadlines(confirmed_at, hot=hot, working_time=CALENDAR),
        )
        self._work_on(work, asking)
        return work

    def _join(self, work: Work, asking: Asking, confirmed_at: datetime) -> None:
        work.askings.append(asking)
        own = deadlines(confirmed_at, hot=False, working_time=CALENDAR)
        work.clock = earliest((work.clock, own))
        if asking.answer:
            work.joined.append((asking.answer.finished_at, asking.answer.score))

    # ---- one case -------------------------------------------------------------------------------

    def _work_on(self, work: Work, asking: Asking) -> None:
        """Acts in order of time; the first that would lie in the future, or is left lying, ends it."""
        region = asking.happening.region
        slow = 1 if self.chance.random() < _DILIGENCE[region] else _SLOW
        acts_left = self._acts_left(work)
        at = self._later(work.opened_at, 8, 100, slow)
        if at > self.now or acts_left < 1:
            return
        work.state, work.acknowledged_at = State.ACKNOWLEDGED, at
        if acts_left < 2 or not self._call(work, asking, at, slow, patience=self.chance.choice(_ATTEMPTS)):
            return
        if self.chance.random() < 0.3 and work.contacted_at:
            self._remark(work, self._later(work.contacted_at, 5, 60, 1), region)
        if acts_left >= 3:
            self._settle(work, asking, slow)

    def _acts_left(self, work: Work) -> int:
        """3: everything is done in its time; 0-2: after so many acts nobody went on."""
        age = (self.now - work.opened_at).days
        share = next((share for days, share in _LEFT_LYING if age <= days), 0.0)
        return self.chance.choice((0, 1, 1, 2, 2, 2)) if self.chance.random() < share else 3

    def _later(self, moment: datetime, soonest: int, latest: int, slow: int) -> datetime:
        """Some working minutes later."""
        return CALENDAR.add_minutes(moment, self.chance.randint(soonest, latest) * slow)

    def _call(self, work: Work, asking: Asking, at: datetime, slow: int, *, patience: int) -> bool:
        """Call until somebody answers; False when that is still open."""
        for number in range(patience):
            at = self._later(at, 40, 420 if number == 0 else 700, slow)
            if at > self.now:
                return False
            result = self.chance.choices(list(_RESULTS), list(_RESULTS.values()))[0]
            work.attempts.append(Attempt(at, result, self._attempt_note(result, asking)))
            work.state = state_after(work.state, result)
            if result is Result.REACHED:
                work.contacted_at, work.call_back_at = at, None
                return True
            if result is Result.CALL_BACK:
                work.call_back_at = at = CALENDAR.add_minutes(at, self.chance.randint(180, 700))
                work.clock = deadlines(
                    work.clock_from, hot=work.hot, working_time=CALENDAR, call_back_at=work.call_back_at
                )
        return True

    def _attempt_note(self, result: Result, asking: Asking) -> str:
        language = _staff_language(asking.happening.region)
        cause = asking.answer.cause if asking.answer else ""
        section = f"reached_{cause}" if result is Result.REACHED else result.value
        wordy = result is Result.REACHED or self.chance.random() < 0.6
        return words.note(self.chance, language=language, section=section) if wordy else ""

    def _remark(self, work: Work, at: datetime, region: str) -> None:
        if at <= self.now:
            text = words.note(self.chance, language=_staff_language(region), section="remark")
            work.remarks.append((at, text))

    def _settle(self, work: Work, asking: Asking, slow: int) -> None:
        at = self._later(work.contacted_at or work.attempts[-1].at, 60, 2300, slow)
        if at > self.now:
            return
        outcome = Outcome.UNREACHABLE
        if work.contacted_at:
            outcome = self.chance.choices(list(_OUTCOMES), list(_OUTCOMES.values()))[0]
        work.outcome, work.settled_at, work.state = outcome, at, final_state(outcome)
        work.cause = self._cause(outcome, asking)
        language = _staff_language(asking.happening.region)
        work.outcome_text = words.note(self.chance, language=language, section=f"outcome_{outcome.value}")

    def _cause(self, outcome: Outcome, asking: Asking) -> str:
        if outcome is Outcome.NO_CASE:
            return self.chance.choice(("other.misunderstanding", "other.not_ours"))
        if outcome is Outcome.UNREACHABLE and not (asking.answer and asking.answer.comment):
            return "other.unknown"
        usual, at_service = _CAUSES[asking.answer.cause if asking.answer else "rude"]
        return at_service if asking.happening.touchpoint == "service" else usual


def _staff_language(region: str) -> str:
    return "ru" if region in RUSSIAN_SPEAKING else "uk"
