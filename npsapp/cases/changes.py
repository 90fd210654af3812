"""What looking at a new or changed answer leads to (decisions.md 21)."""

from dataclasses import dataclass
from enum import StrEnum

from npsapp.cases.rules import Outcome, State, is_open, opens_case


class Look(StrEnum):
    """What looking at a new or changed answer leads to (decisions.md 21)."""

    OPEN = "open"
    JOIN = "join"
    REOPEN = "reopen"
    CLOSE = "close"
    TELL = "tell"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Answer:
    """One answer as it stands now; `counts` is false while it is provisional, disputed or void."""

    score: int | None
    words: bool
    counts: bool = True


@dataclass(frozen=True)
class Known:
    """The case that already holds this answer, and what it knew of the answer at the last look."""

    state: State
    score: int | None
    words: bool
    outcome: Outcome | None = None
    others_matter: bool = False
    """Whether another answer in the same case still needs somebody to call."""


def look_at(answer: Answer, known: Known | None, *, open_case: bool) -> Look:
    """What to do about an answer; `open_case`: another answer of this customer has an open case of this kind.

    A raised score closes a case that nobody touched, and is only told to the owner of one that was taken on.
    """
    matters = answer.counts and opens_case(answer.score)
    if known is None:
        return Look.NOTHING if not matters else Look.JOIN if open_case else Look.OPEN
    if not is_open(known.state):
        return _look_at_ended(answer, known, matters=matters, open_case=open_case)
    if not matters and known.state is State.NEW and not known.others_matter:
        return Look.CLOSE
    return Look.TELL if _differs(answer, known) else Look.NOTHING


def _look_at_ended(answer: Answer, known: Known, *, matters: bool, open_case: bool) -> Look:
    if matters and known.outcome is Outcome.SCORE_CHANGED:
        return Look.JOIN if open_case else Look.REOPEN
    return Look.TELL if matters and _differs(answer, known) else Look.NOTHING


def _differs(answer: Answer, known: Known) -> bool:
    return answer.score != known.score or (answer.words and not known.words)
