"""The inner loop's decisions: what opens a case, its states and outcomes, its clock, and what is due next."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from npsapp.lib.texts import N_
from npsapp.responses.rules import HIGHEST_SCORE, LOWEST_SCORE, Group, classify

# decisions.md 24, in working time of the region.
ACKNOWLEDGE_MINUTES = 120
ATTEMPT_DAYS = 1
CONTACT_DAYS = 2
SETTLE_DAYS = 5
CALL_BACK_GRACE_DAYS = 1
"""A customer who asks for a later call pauses the clock: settling is due this many days after that call."""
HOTTEST_SCORE = 3
"""Up to here a case is due on the same working day (decisions.md 24)."""
NOTE_LENGTH = 5000


class Kind(StrEnum):
    """Why we talk to the customer; one open case per customer and kind."""

    RECOVERY = "recovery"

    @property
    def label(self) -> str:
        """The untranslated wording for people."""
        return _KIND_LABELS[self]


_KIND_LABELS = {Kind.RECOVERY: N_("Win the customer back")}


class State(StrEnum):
    """Where a case stands; the first five are open."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    ATTEMPTED = "attempted"
    CONTACTED = "contacted"
    REOPENED = "reopened"
    SETTLED = "settled"
    CLOSED = "closed"

    @property
    def label(self) -> str:
        """The untranslated wording for people."""
        return _STATE_LABELS[self]


_STATE_LABELS = {
    State.NEW: N_("New"),
    State.ACKNOWLEDGED: N_("Taken on"),
    State.ATTEMPTED: N_("Tried to reach"),
    State.CONTACTED: N_("Spoken to"),
    State.REOPENED: N_("Reopened"),
    State.SETTLED: N_("Settled"),
    State.CLOSED: N_("Closed"),
}

OPEN_STATES = (State.NEW, State.ACKNOWLEDGED, State.ATTEMPTED, State.CONTACTED, State.REOPENED)

ALLOWED: dict[State, frozenset[State]] = {
    State.NEW: frozenset({State.ACKNOWLEDGED, State.ATTEMPTED, State.CONTACTED, State.SETTLED, State.CLOSED}),
    State.ACKNOWLEDGED: frozenset({State.ATTEMPTED, State.CONTACTED, State.SETTLED, State.CLOSED}),
    State.ATTEMPTED: frozenset({State.ATTEMPTED, State.CONTACTED, State.SETTLED, State.CLOSED}),
    State.CONTACTED: frozenset({State.CONTACTED, State.SETTLED, State.CLOSED}),
    State.REOPENED: frozenset(
        {State.ACKNOWLEDGED, State.ATTEMPTED, State.CONTACTED, State.SETTLED, State.CLOSED}
    ),
    State.SETTLED: frozenset({State.REOPENED}),
    State.CLOSED: frozenset({State.REOPENED}),
}


def is_open(state: State) -> bool:
    """Whether somebody still has to do something."""
    return state in OPEN_STATES


def sources_of(wanted: State) -> tuple[State, ...]:
    """The states from which `wanted` may be reached: the condition of the UPDATE that changes a case."""
    return tuple(state for state in State if wanted in ALLOWED[state])


class Result(StrEnum):
    """How an attempt to reach the customer ended."""

    REACHED = "reached"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    LEFT_MESSAGE = "left_message"
    CALL_BACK = "call_back"
    WRONG_NUMBER = "wrong_number"

    @property
    def label(self) -> str:
        """The untranslated wording for people."""
        return _RESULT_LABELS[self]


_RESULT_LABELS = {
    Result.REACHED: N_("Spoke to the customer"),
    Result.NO_ANSWER: N_("No answer"),
    Result.BUSY: N_("Busy"),
    Result.LEFT_MESSAGE: N_("Left a message"),
    Result.CALL_BACK: N_("Asked to call back later"),
    Result.WRONG_NUMBER: N_("Wrong number"),
}


def state_after(state: State, result: Result) -> State:
    """The state an attempt leads to; a customer once spoken to stays spoken to."""
    if state is State.CONTACTED or result is Result.REACHED:
        return State.CONTACTED
    return State.ATTEMPTED


class Outcome(StrEnum):
    """How a case ended."""

    SAVED = "saved"
    NOT_SAVED = "not_saved"
    UNREACHABLE = "unreachable"
    NO_CASE = "no_case"
    SCORE_CHANGED = "score_changed"

    @property
    def label(self) -> str:
        """The untranslated wording for people."""
        return _OUTCOME_LABELS[self]


_OUTCOME_LABELS = {
    Outcome.SAVED: N_("Customer won back"),
    Outcome.NOT_SAVED: N_("Customer not won back"),
    Outcome.UNREACHABLE: N_("Could not be reached"),
    Outcome.NO_CASE: N_("No case: nothing went wrong on our side"),
    Outcome.SCORE_CHANGED: N_("The answer was changed: no call needed"),
}

CHOSEN_OUTCOMES = (Outcome.SAVED, Outcome.NOT_SAVED, Outcome.UNREACHABLE, Outcome.NO_CASE)
"""What a person may choose; `score_changed` is written by the program alone."""

IMPLIES_CONTACT = (Outcome.SAVED, Outcome.NOT_SAVED)


def final_state(outcome: Outcome) -> State:
    """Settled when the loop was gone through, closed when there was nothing to go through."""
    return State.CLOSED if outcome in (Outcome.NO_CASE, Outcome.SCORE_CHANGED) else State.SETTLED


class Objection(StrEnum):
    """Why a case cannot be settled this way yet."""

    NO_ATTEMPT = "no_attempt"
    NO_CAUSE = "no_cause"


def objection_to_settling(outcome: Outcome, *, attempts: int, has_cause: bool) -> Objection | None:
    """The first thing that is missing: every end needs a cause, and "could not be reached" an attempt."""
    if not has_cause:
        return Objection.NO_CAUSE
    if outcome is Outcome.UNREACHABLE and not attempts:
        return Objection.NO_ATTEMPT
    return None


def opens_case(score: int | None) -> bool:
    """Whether an answer with this score needs somebody to call: the detractors'."""
    return score is not None and classify(score) is Group.DETRACTOR


CASE_SCORES = tuple(score for score in range(LOWEST_SCORE, HIGHEST_SCORE + 1) if opens_case(score))
"""The scores that open a case, for conditions in the database."""


def is_hot(score: int | None, *, key_customer: bool) -> bool:
    """Whether the case is due on the same working day: a score of 0-3, or any critic among key customers."""
    return opens_case(score) and (key_customer or (score is not None and score <= HOTTEST_SCORE))


def clock_starts(
    history: Sequence[tuple[datetime, int]], *, key_customer: bool
) -> list[tuple[datetime, bool]]:
    """The moments from which the clock of one answer runs, each with whether it is the hot clock.

    `history`: (moment, score) of the answer's states, oldest first. An answer lowered into a group that matters
    starts then, not when it was first given; one lowered to 0-3 starts a second, hot clock. Empty when the
    answer as it stands now needs nobody.
    """
    ordinary = _since(history, lambda score: opens_case(score))
    hot = _since(history, lambda score: is_hot(score, key_customer=key_customer))
    return [(at, is_the_hot_one) for at, is_the_hot_one in ((ordinary, False), (hot, True)) if at is not None]


def _since(history: Sequence[tuple[datetime, int]], holds: Callable[[int], bool]) -> datetime | None:
    """Since when the condition has held without a break up to the last state."""
    since = None
    for at, score in reversed(history):
        if not holds(score):
            break
        since = at
    return since


class WorkingTime(Protocol):
    """What the deadlines need of a calendar; `cases.calendar.WorkingCalendar` has it."""

    def add_minutes(
        self, moment: datetime, minutes: int, *, outages: Iterable[tuple[datetime, datetime]] = ()
    ) -> datetime: ...

    def add_days(
        self, moment: datetime, days: int, *, outages: Iterable[tuple[datetime, datetime]] = ()
    ) -> datetime: ...

    def end_of_day(
        self, moment: datetime, *, outages: Iterable[tuple[datetime, datetime]] = ()
    ) -> datetime: ...


@dataclass(frozen=True)
class Deadlines:
    """Moments (UTC) until which the acts of a case must have happened, each not before the one above it."""

    acknowledge_by: datetime
    attempt_by: datetime
    contact_by: datetime
    settle_by: datetime


def deadlines(
    started_at: datetime,
    *,
    hot: bool,
    working_time: WorkingTime,
    outages: Iterable[tuple[datetime, datetime]] = (),
    call_back_at: datetime | None = None,
) -> Deadlines:
    """The clock of a case that began to run at `started_at`, the confirmation of the answer.

    A hot one is due for contact until the end of the working day it falls into. The customer's wish to be
    called later (`call_back_at`) is the only pause: contact is due then.
    """
    gaps = tuple(outages)
    contact = working_time.add_days(started_at, CONTACT_DAYS, outages=gaps)
    attempt = working_time.add_days(started_at, ATTEMPT_DAYS, outages=gaps)
    if hot:
        contact = attempt = working_time.end_of_day(started_at, outages=gaps)
    acknowledge = min(working_time.add_minutes(started_at, ACKNOWLEDGE_MINUTES, outages=gaps), attempt)
    settle = working_time.add_days(started_at, SETTLE_DAYS, outages=gaps)
    if call_back_at is not None:
        contact = call_back_at
        settle = max(settle, working_time.add_days(call_back_at, CALL_BACK_GRACE_DAYS, outages=gaps))
    return Deadlines(acknowledge, attempt, contact, settle)


def earliest(clocks: Sequence[Deadlines]) -> Deadlines:
    """The clock of a case with several answers: each deadline is that of the most urgent one."""
    return Deadlines(
        min(clock.acknowledge_by for clock in clocks),
        min(clock.attempt_by for clock in clocks),
        min(clock.contact_by for clock in clocks),
        min(clock.settle_by for clock in clocks),
    )


class Step(StrEnum):
    """The act that is due next."""

    ACKNOWLEDGE = "acknowledge"
    ATTEMPT = "attempt"
    CONTACT = "contact"
    SETTLE = "settle"

    @property
    def label(self) -> str:
        """The untranslated wording for people."""
        return _STEP_LABELS[self]


_STEP_LABELS = {
    Step.ACKNOWLEDGE: N_("Take on"),
    Step.ATTEMPT: N_("First call"),
    Step.CONTACT: N_("Speak to the customer"),
    Step.SETTLE: N_("Settle"),
}

_STEP_OF_STATE = {
    State.NEW: Step.ACKNOWLEDGE,
    State.ACKNOWLEDGED: Step.ATTEMPT,
    State.REOPENED: Step.ATTEMPT,
    State.ATTEMPTED: Step.CONTACT,
    State.CONTACTED: Step.SETTLE,
}


@dataclass(frozen=True)
class Due:
    """The deadline that matters now."""

    step: Step
    at: datetime


def step_due(state: State) -> Step | None:
    """The next act of a case in this state; None when it has ended."""
    return _STEP_OF_STATE.get(state)


def due_now(state: State, clock: Deadlines) -> Due | None:
    """The next deadline of a case; None when it has ended."""
    step = step_due(state)
    if step is None:
        return None
    moments = {
        Step.ACKNOWLEDGE: clock.acknowledge_by,
        Step.ATTEMPT: clock.attempt_by,
        Step.CONTACT: clock.contact_by,
        Step.SETTLE: clock.settle_by,
    }
    return Due(step, moments[step])
