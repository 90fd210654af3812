"""Which of the further questions a customer is shown, and what of a sent form answers them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from npsapp.surveys.rules import HAS_OPTIONS, SCORE, Kind, Question

Value: TypeAlias = int | str | list[str]
"""A rating, words, or the keys of options."""
More: TypeAlias = dict[str, Value]
"""Question key → answer; a question that was not answered is not there."""
Sent: TypeAlias = Mapping[str, Sequence[str]]
"""Question key → what its fields held, as plain text without control characters."""

WORDS_MAX = 2000  # characters; the fields take no more, whatever else is sent is cut


@dataclass(frozen=True)
class Filled:
    """What one form says: answers to questions that were to be shown, and required ones left out."""

    values: More
    shown: tuple[str, ...]
    missing: tuple[Question, ...]


def applies(question: Question, said: Collection[str]) -> bool:
    """Whether a question is asked after what was said before ("score:detractor", "reason:late")."""
    return not question.when or any(one in said for one in question.when)


def read(questions: Iterable[Question], group: str, sent: Sent) -> Filled:
    """The answers of a form to the version that was shown; whatever does not belong to it is left out.

    `group` is the score's. An answer to a question that is not asked after the others counts as not given, so it
    leads to no further question either.
    """
    said = {f"{SCORE}:{group}"}
    values: More = {}
    shown, missing = [], []
    for question in questions:
        if question.kind is Kind.RECOMMEND or not applies(question, said):
            continue
        shown.append(question.key)
        value = _answer(question, sent.get(question.key, ()))
        if value is not None:
            values[question.key] = value
            said |= {f"{question.key}:{one}" for one in (value if isinstance(value, list) else [value])}
        elif question.required:
            missing.append(question)
    return Filled(values, tuple(shown), tuple(missing))


def _answer(question: Question, sent: Sequence[str]) -> Value | None:
    """The answer in the question's own scale or options; None: nothing that is one."""
    if question.kind is Kind.WORDS:
        return (sent[0].strip()[:WORDS_MAX].strip() or None) if sent else None
    chosen = [value for value in question.values() if value in sent]
    if question.kind is Kind.MANY:
        return chosen or None
    if len(set(sent)) != 1 or not chosen:
        return None
    return int(chosen[0]) if question.kind is Kind.RATING else chosen if question.kind in HAS_OPTIONS else None
