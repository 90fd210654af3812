"""What the regional managers did about the critics: calls, notes, causes, outcomes, and what they left lying."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from npsapp.cases import calendar, rules
from npsapp.cases.calendar import WorkingCalendar
from npsapp.cases.rules import Outcome, Result, State
from npsapp.demo import words
from npsapp.demo.company import CHANCES, REGIONS, ZONE, happens, pick
from npsapp.demo.history import Answer, Customer, Happening, Past

CALENDAR = WorkingCalendar(ZONE)


@dataclass(eq=False)
class Work:
    """One case as it stands at the end of the history; attributes are called as the columns."""

    first: Happening
    cause_of_anger: str
    opened_at: datetime
    clock_from: datetime
    hot: bool
    score: int
    clock: calendar.Deadlines
    answered: list[int]
    """Interactions whose answers are in the case."""
    state: State = State.NEW
    acknowledged_at: datetime | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    """Rows of `case_attempt` and `case_note`."""
    contacted_at: datetime | None = None
    call_back_at: datetime | None = None
    settled_at: datetime | None = None
    cause: str | None = None
    outcome: Outcome | None = None
    outcome_text: str = ""

    @property
    def due_at(self) -> datetime:
        """The next deadline; of an ended case the last one."""
        return rules.due(self.state, self.clock)


class Desk:
    """Lets every critic's answer become a case, or join the customer's open one, and works on it until now."""

    def __init__(self, chance: Random, past: Past) -> None:
        self.chance, self.now = chance, past.now
        self.works: list[Work] = []
        latest: dict[Customer, Work] = {}
        answered = [(one.answer, one, one.customer) for one in past.happenings if one.answer and one.customer]
        for answer, one, customer in sorted(answered, key=lambda found: found[0].confirmed_at):
            if not rules.opens_case(answer.score):
                continue
            known = latest.get(customer)
            if known and (rules.is_open(known.state) or (known.settled_at or self.now) > answer.confirmed_at):
                _join(known, one, answer)
            else:
                latest[customer] = self._open(one, answer, customer)
                self.works.append(latest[customer])

    def _open(self, one: Happening, answer: Answer, customer: Customer) -> Work:
        hot = rules.is_hot(answer.score, key_customer=customer.is_key)
        work = Work(
            first=one,
            cause_of_anger=answer.cause,
            opened_at=answer.finished_at + timedelta(seconds=self.chance.randint(10, 60)),
            clock_from=answer.confirmed_at,
            hot=hot,
            score=answer.score,
            clock=calendar.deadlines(answer.confirmed_at, hot=hot, working_time=CALENDAR),
            answered=[one.serial],
        )
        self._work_on(work)
        return work

    # ---- one case -------------------------------------------------------------------------------

    def _work_on(self, work: Work) -> None:
        """Acts in order of time; the first that would lie in the future, or is left lying, ends it."""
        slow = 1 if self.chance.random() < REGIONS[work.first.region]["diligence"] else CHANCES["slowness"]
        acts = self._acts_done(work)
        at = self._later(work.opened_at, 8, 100, slow)
        if acts < 1 or at > self.now:
            return
        work.state, work.acknowledged_at = State.ACKNOWLEDGED, at
        if acts < 2 or not self._call(work, at, slow, patience=self.chance.choice(CHANCES["attempts"])):
            return
        at = self._later(work.contacted_at or work.attempts[-1]["at"], 5, 60, 1)
        if happens(self.chance, "remark") and at <= self.now:
            work.notes.append({"at": at, "by": work.first.region, "text": self._words(work, "remark")})
        at = self._later(at, 60, 2300, slow)
        if acts > 2 and at <= self.now:
            self._settle(work, at)

    def _acts_done(self, work: Work) -> int:
        """3: everything is done in its time; 0-2: after so many acts nobody went on."""
        age = (self.now - work.opened_at).days
        share = next((share for days, share in CHANCES["left_lying"] if age <= days), 0.0)
        return self.chance.choice((0, 1, 1, 2, 2, 2)) if self.chance.random() < share else 3

    def _later(self, moment: datetime, soonest: int, latest: int, slow: int) -> datetime:
        """Some working minutes later."""
        return CALENDAR.add_minutes(moment, self.chance.randint(soonest, latest) * slow)

    def _call(self, work: Work, at: datetime, slow: int, *, patience: int) -> bool:
        """Call until somebody answers; False when that is still open."""
        for _ in range(patience):
            at = self._later(at, 40, 600, slow)
            if at > self.now:
                return False
            result = Result(pick(self.chance, CHANCES["results"]))
            section = f"reached_{work.cause_of_anger}" if result is Result.REACHED else result.value
            note = self._words(work, section) if happens(self.chance, "note_on_attempt") else ""
            work.attempts.append({"at": at, "by": work.first.region, "result": result, "note": note})
            work.state = rules.state_after(work.state, result)
            if result is Result.REACHED:
                work.contacted_at, work.call_back_at = at, None
                return True
            if result is Result.CALL_BACK:
                work.call_back_at = at = self._later(at, 180, 700, 1)
                work.clock = calendar.deadlines(work.clock_from, hot=work.hot, working_time=CALENDAR, call_back_at=at)
        return True

    def _settle(self, work: Work, at: datetime) -> None:
        outcome = Outcome(pick(self.chance, CHANCES["outcomes"])) if work.contacted_at else Outcome.UNREACHABLE
        work.outcome, work.settled_at, work.state = outcome, at, rules.final_state(outcome)
        work.outcome_text = self._words(work, f"outcome_{outcome.value}")
        root_causes = CHANCES["root_causes"][work.cause_of_anger]
        work.cause = root_causes["service" if work.first.touchpoint == "service" else "usual"]
        if outcome is Outcome.NO_CASE:
            work.cause = self.chance.choice(("other.misunderstanding", "other.not_ours"))

    def _words(self, work: Work, section: str) -> str:
        return words.note(self.chance, language=REGIONS[work.first.region]["notes_in"], section=section)


def _join(work: Work, one: Happening, answer: Answer) -> None:
    """A further answer of the customer comes into the case and moves its clock up."""
    work.answered.append(one.serial)
    work.score = min(work.score, answer.score)
    work.clock = calendar.earliest(
        (work.clock, calendar.deadlines(answer.confirmed_at, hot=False, working_time=CALENDAR))
    )
    text = rules.remark(rules.Remark.JOINED, answer.score)
    work.notes.append({"at": answer.finished_at, "by": None, "text": text})
