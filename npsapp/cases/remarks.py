"""What the program itself notes in a case: stored as a code with values, worded for each reader."""

from dataclasses import dataclass
from enum import StrEnum

from npsapp.cases.rules import Outcome
from npsapp.lib.texts import N_

SEPARATOR = ":"


class Remark(StrEnum):
    """What happened to a case without anybody writing about it."""

    SCORE_CHANGED = "score_changed"
    WORDS_ADDED = "words_added"
    ANSWER_DROPPED = "answer_dropped"
    JOINED = "joined"
    ASSIGNED = "assigned"
    REOPENED = "reopened"
    SETTLED = "settled"


_WORDINGS = {
    Remark.SCORE_CHANGED: N_("The customer changed the score from %(first)s to %(second)s."),
    Remark.WORDS_ADDED: N_("The customer added words to the answer."),
    Remark.ANSWER_DROPPED: N_("The answer does not count any more."),
    Remark.JOINED: N_("Another answer of the customer joined this case: %(first)s."),
    Remark.ASSIGNED: N_("Handed over to %(name)s."),
    Remark.REOPENED: N_("Reopened."),
    Remark.SETTLED: N_("Ended: %(outcome)s."),
}


@dataclass(frozen=True)
class Worded:
    """A remark for people: an untranslated wording and its values; `user_id` and `outcome` still need words."""

    wording: str
    first: str = ""
    second: str = ""
    user_id: int | None = None
    outcome: Outcome | None = None


def write(remark: Remark, *values: object) -> str:
    """The text that is stored for a remark."""
    return SEPARATOR.join([remark.value, *map(str, values)])


def read(text: str) -> Worded | None:
    """What a stored remark says; None for a text that somebody wrote."""
    code, *values = text.split(SEPARATOR)
    if code not in set(Remark):
        return None
    remark = Remark(code)
    first, second = (*values, "", "")[:2]
    return Worded(
        _WORDINGS[remark],
        first,
        second,
        user_id=int(first) if remark is Remark.ASSIGNED and first.isdigit() else None,
        outcome=Outcome(first) if remark is Remark.SETTLED and first in set(Outcome) else None,
    )
