"""The inner loop's decisions: what opens a case, its states and ends, what is due next, what a changed answer does."""

from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum

from npsapp.lib.clock import zone
from npsapp.lib.texts import N_, Worded
from npsapp.responses.rules import Group, classify

HOTTEST_SCORE = 3
"""Up to here a case is due on the same working day (decisions.md 24)."""
NOTE_LENGTH = 5000

# decisions.md 24: letters leave at once only for hot cases, else one an hour and a list in the morning.
BUNDLE_EVERY = timedelta(hours=1)
MORNING_FROM = time(8, 30)
MORNING_UNTIL = time(12, 0)
"""A worker that starts later than this sends no morning list any more."""


class Kind(StrEnum):
    """Why we talk to the customer; one open case per customer and kind."""

    RECOVERY = "recovery"


class LetterKind(StrEnum):
    """Why a letter about cases leaves for a member of staff."""

    HOT = "hot"
    BUNDLE = "bundle"
    MORNING = "morning"


class State(Worded):
    """Where a case stands; the first five are open."""

    NEW = "new", N_("New")
    ACKNOWLEDGED = "acknowledged", N_("Taken on")
    ATTEMPTED = "attempted", N_("Tried to reach")
    CONTACTED = "contacted", N_("Spoken to")
    REOPENED = "reopened", N_("Reopened")
    SETTLED = "settled", N_("Settled")
    CLOSED = "closed", N_("Closed")


ENDED_STATES = (State.SETTLED, State.CLOSED)
OPEN_STATES = tuple(state for state in State if state not in ENDED_STATES)

PROGRESS = (State.NEW, State.REOPENED, State.ACKNOWLEDGED, State.ATTEMPTED, State.CONTACTED)
"""How far an open case is: of two that become one the further state holds."""

COMES_FROM: dict[State, tuple[State, ...]] = {
    State.ACKNOWLEDGED: (State.NEW, State.REOPENED),
    State.ATTEMPTED: (State.NEW, State.ACKNOWLEDGED, State.ATTEMPTED, State.REOPENED),
    State.CONTACTED: OPEN_STATES,
    State.SETTLED: OPEN_STATES,
    State.CLOSED: OPEN_STATES,
    State.REOPENED: ENDED_STATES,
}
"""The states from which one may be reached: the condition of the UPDATE that changes a case."""


class Step(Worded):
    """The act that is due next; its value is the column that says until when."""

    ACKNOWLEDGE = "acknowledge_by", N_("Take on")
    ATTEMPT = "attempt_by", N_("First call")
    CONTACT = "contact_by", N_("Speak to the customer")
    SETTLE = "settle_by", N_("Settle")


STEP_DUE = {
    State.NEW: Step.ACKNOWLEDGE,
    State.ACKNOWLEDGED: Step.ATTEMPT,
    State.REOPENED: Step.ATTEMPT,
    State.ATTEMPTED: Step.CONTACT,
    State.CONTACTED: Step.SETTLE,
}
"""The next act of an open case."""


def due(state: State, clock: object) -> datetime:
    """The deadline that counts in this state, of a case or of bare deadlines; of an ended case the last one."""
    moment: datetime = getattr(clock, STEP_DUE.get(state, Step.SETTLE).value)
    return moment


class Result(Worded):
    """How an attempt to reach the customer ended."""

    REACHED = "reached", N_("Spoke to the customer")
    NO_ANSWER = "no_answer", N_("No answer")
    BUSY = "busy", N_("Busy")
    LEFT_MESSAGE = "left_message", N_("Left a message")
    CALL_BACK = "call_back", N_("Asked to call back later")
    WRONG_NUMBER = "wrong_number", N_("Wrong number")


class Outcome(Worded):
    """How a case ended; the last two are written by the program alone."""

    SAVED = "saved", N_("Customer won back")
    NOT_SAVED = "not_saved", N_("Customer not won back")
    UNREACHABLE = "unreachable", N_("Could not be reached")
    NO_CASE = "no_case", N_("No case: nothing went wrong on our side")
    SCORE_CHANGED = "score_changed", N_("The answer was changed: no call needed")
    JOINED = "joined", N_("Goes on in another case of the same person")


CHOSEN_OUTCOMES = tuple(Outcome)[:-2]
IMPLIES_CONTACT = (Outcome.SAVED, Outcome.NOT_SAVED)


class Remark(Worded):
    """What the program itself notes in a case: stored as a code with values, worded for each reader."""

    SCORE_CHANGED = "score_changed", N_("The customer changed the score from %(first)s to %(second)s.")
    WORDS_ADDED = "words_added", N_("The customer added words to the answer.")
    ANSWER_DROPPED = "answer_dropped", N_("The answer does not count any more.")
    JOINED = "joined", N_("Another answer of the customer joined this case: %(first)s.")
    ASSIGNED = "assigned", N_("Handed over to %(name)s.")
    REOPENED = "reopened", N_("Reopened.")
    SETTLED = "settled", N_("Ended: %(outcome)s.")
    ONE_PERSON = "one_person", N_("Both customers are one person: case #%(first)s goes on here.")
    GOES_ON = "goes_on", N_("Both customers are one person: this case goes on in #%(first)s.")
    TWO_PEOPLE = "two_people", N_("They are two people after all: case #%(first)s stands for itself again.")


def remark(kind: Remark, *values: object) -> str:
    """The text that is stored for a remark."""
    return ":".join([kind.value, *map(str, values)])


def is_open(state: State) -> bool:
    """Whether somebody still has to do something."""
    return state in OPEN_STATES


def state_after(state: State, result: Result) -> State:
    """The state an attempt leads to; a customer once spoken to stays spoken to."""
    if state is State.CONTACTED or result is Result.REACHED:
        return State.CONTACTED
    return State.ATTEMPTED


def final_state(outcome: Outcome) -> State:
    """Settled when the loop was gone through, closed when there was nothing to go through."""
    return State.CLOSED if outcome in (Outcome.NO_CASE, Outcome.SCORE_CHANGED) else State.SETTLED


def opens_case(score: int, contact_wanted: bool | None = None) -> bool:
    """Whether somebody has to call: a detractor, or whoever asked to be contacted."""
    return contact_wanted is True or classify(score) is Group.DETRACTOR


def is_hot(score: int, contact_wanted: bool | None = None, *, key_customer: bool) -> bool:
    """Whether the case is due on the same working day: a score of 0-3, or any case of a key customer."""
    return score <= HOTTEST_SCORE or (key_customer and opens_case(score, contact_wanted))


Stand = tuple[datetime, int, bool | None]
"""One state of an answer: since when, its score, and whether the customer asked for contact."""


def clock_starts(history: Sequence[Stand], *, key_customer: bool) -> list[tuple[datetime, bool]]:
    """The moments from which the clock of one answer runs, each with whether it is the hot clock.

    `history`: the answer's states, oldest first. An answer lowered into a group that matters starts then, not
    when it was first given; one lowered to 0-3 starts a second, hot clock. Empty when the answer as it stands
    now needs nobody.
    """
    ordinary = _since(history, opens_case)
    hot = _since(history, lambda score, wanted: is_hot(score, wanted, key_customer=key_customer))
    return [(at, is_the_hot_one) for at, is_the_hot_one in ((ordinary, False), (hot, True)) if at is not None]


def _since(history: Sequence[Stand], holds: Callable[[int, bool | None], bool]) -> datetime | None:
    """Since when the condition has held without a break up to the last state."""
    since = None
    for at, score, contact_wanted in reversed(history):
        if not holds(score, contact_wanted):
            break
        since = at
    return since


class Look(StrEnum):
    """What looking at a new or changed answer leads to (decisions.md 21)."""

    OPEN = "open"
    JOIN = "join"
    REOPEN = "reopen"
    CLOSE = "close"
    TELL = "tell"
    NOTHING = "nothing"


def look_at_new(*, matters: bool, open_case: bool) -> Look:
    """What an answer without a case does; `open_case`: the customer has an open one."""
    if not matters:
        return Look.NOTHING
    return Look.JOIN if open_case else Look.OPEN


def look_again(
    state: State, outcome: Outcome | None, *, matters: bool, changed: bool, others_matter: bool, open_case: bool
) -> Look:
    """What an answer does to the case it is in; `open_case`: another one of the customer is open.

    `changed`: another score, or words where there were none. `others_matter`: a further answer in the case
    still needs a call. A raised score closes a case that nobody touched, and is only told to the owner of one
    that was taken on.
    """
    if not is_open(state):
        if matters and outcome is Outcome.SCORE_CHANGED:
            return Look.JOIN if open_case else Look.REOPEN
        return Look.TELL if matters and changed else Look.NOTHING
    if not matters and state is State.NEW and not others_matter:
        return Look.CLOSE
    return Look.TELL if changed else Look.NOTHING


def is_morning(now: datetime, *, zone_name: str, workdays: str) -> bool:
    """Whether it is time for the morning list: a working day (ISO weekdays, "12345"), 8:30 to noon, local."""
    local = now.astimezone(zone(zone_name))
    return str(local.isoweekday()) in workdays and MORNING_FROM <= local.time() < MORNING_UNTIL
