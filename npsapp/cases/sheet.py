"""One case with everything its page shows: purchase, words, what happened so far, who the customer is to us."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from npsapp.accounts import queries as accounts
from npsapp.cases import lines, remarks
from npsapp.cases.lines import Line
from npsapp.cases.models import Case, CaseAttempt, CaseNote, CaseResponse
from npsapp.cases.remarks import Worded
from npsapp.cases.rules import Outcome, Result
from npsapp.customers.models import ContactPoint
from npsapp.customers.rules import ContactKind
from npsapp.db import db, within
from npsapp.intake.models import Interaction, InteractionPerformer
from npsapp.organization.models import Performer
from npsapp.permissions import Scope
from npsapp.responses.models import Response

Row = TypeVar("Row", CaseAttempt, CaseNote)


class Happening(StrEnum):
    """What a line of the timeline tells."""

    PURCHASE = "purchase"
    ANSWER = "answer"
    OPENED = "opened"
    TAKEN_ON = "taken_on"
    ATTEMPT = "attempt"
    NOTE = "note"
    REMARK = "remark"
    ENDED = "ended"


@dataclass(frozen=True)
class Entry:
    """One line of the timeline."""

    at: datetime
    what: Happening
    who: str = ""
    text: str = ""
    title: str = ""
    score: int | None = None
    result: Result | None = None
    outcome: Outcome | None = None
    remark: Worded | None = None


@dataclass(frozen=True)
class Sheet:
    """A case and its story; `answers` newest first, `timeline` newest first."""

    case: Case
    answers: Sequence[Response]
    phones: list[str]
    emails: list[str]
    performers: list[tuple[str, str]]
    timeline: list[Entry]
    earlier_answers: Sequence[Response]
    earlier_cases: list[Line]
    names: dict[int, str] = field(default_factory=dict)

    @property
    def answer(self) -> Response | None:
        """The newest answer of the case."""
        return self.answers[0] if self.answers else None

    @property
    def interaction(self) -> Interaction | None:
        """What the newest answer is about."""
        return self.answer.interaction if self.answer else None


def of(case: Case, user_id: int, scope: Scope) -> Sheet:
    """The sheet of a case that was found visible; earlier answers and cases only as far as the user may see them."""
    answers = _answers(case.id)
    attempts = _rows(CaseAttempt, case.id)
    notes = _rows(CaseNote, case.id)
    names = _names(case, attempts, notes)
    return Sheet(
        case=case,
        answers=answers,
        phones=_addresses(case, ContactKind.PHONE),
        emails=_addresses(case, ContactKind.EMAIL),
        performers=_performers(answers),
        timeline=_timeline(case, answers, attempts, notes, names),
        earlier_answers=_earlier(case, answers, scope),
        earlier_cases=_other_cases(case, user_id, scope),
        names=names,
    )


def _answers(case_id: int) -> Sequence[Response]:
    asked = (
        select(Response)
        .join(CaseResponse, CaseResponse.response_id == Response.id)
        .where(CaseResponse.case_id == case_id)
        .options(joinedload(Response.interaction), joinedload(Response.touchpoint), joinedload(Response.unit))
        .order_by(Response.id.desc())
    )
    return db.session.scalars(asked).all()


def _rows(model: type[Row], case_id: int) -> Sequence[Row]:
    return db.session.scalars(
        select(model).where(model.case_id == case_id).order_by(model.at, model.id)
    ).all()


def _names(case: Case, attempts: Iterable[CaseAttempt], notes: Iterable[CaseNote]) -> dict[int, str]:
    """Everybody who appears on the page."""
    people = {case.settled_by_id} | {row.by_id for row in attempts}
    for note in notes:
        people.add(note.by_id)
        worded = remarks.read(note.text) if note.by_id is None else None
        people.add(worded.user_id if worded else None)
    return accounts.labels(id_ for id_ in people if id_ is not None)


def _addresses(case: Case, kind: ContactKind) -> list[str]:
    if case.customer_id is None:
        return []
    asked = (
        select(ContactPoint.value)
        .where(
            ContactPoint.customer_id == case.customer_id,
            ContactPoint.kind == kind,
            ContactPoint.not_mine_at.is_(None),
        )
        .order_by(ContactPoint.id)
    )
    return list(db.session.scalars(asked))


def _performers(answers: Sequence[Response]) -> list[tuple[str, str]]:
    """(role, name) of those who served the customer."""
    if not answers or answers[0].interaction_id is None:
        return []
    asked = (
        select(InteractionPerformer.role, Performer.name)
        .join(Performer, Performer.id == InteractionPerformer.performer_id)
        .where(InteractionPerformer.interaction_id == answers[0].interaction_id)
        .order_by(Performer.id)
    )
    return [(row.role, row.name) for row in db.session.execute(asked)]


def _earlier(case: Case, answers: Sequence[Response], scope: Scope) -> Sequence[Response]:
    """Other answers of the customer, newest first."""
    if case.customer_id is None:
        return []
    here = [answer.id for answer in answers]
    asked = (
        select(Response)
        .where(
            Response.customer_id == case.customer_id,
            Response.id.not_in(here),
            Response.voided_at.is_(None),
            within(Response.region_id, scope),
        )
        .options(joinedload(Response.interaction), joinedload(Response.touchpoint))
        .order_by(Response.confirmed_at.desc(), Response.id.desc())
        .limit(20)
    )
    return db.session.scalars(asked).all()


def _other_cases(case: Case, user_id: int, scope: Scope) -> list[Line]:
    if case.customer_id is None:
        return []
    asked = (
        lines.lines()
        .where(Case.customer_id == case.customer_id, Case.id != case.id, lines.visible(user_id, scope))
        .order_by(Case.opened_at.desc(), Case.id.desc())
        .limit(20)
    )
    return [lines.line_of(row) for row in db.session.execute(asked)]


def _timeline(
    case: Case,
    answers: Iterable[Response],
    attempts: Iterable[CaseAttempt],
    notes: Iterable[CaseNote],
    names: dict[int, str],
) -> list[Entry]:
    """What happened, newest first; what stands at the same moment keeps the order in which it is caused."""
    found: list[Entry] = []
    for answer in answers:
        if answer.interaction:
            title = answer.interaction.title
            found.append(Entry(answer.interaction.happened_at, Happening.PURCHASE, title=title))
        found.append(Entry(answer.confirmed_at, Happening.ANSWER, text=answer.comment, score=answer.score))
    found.append(Entry(case.opened_at, Happening.OPENED))
    if case.acknowledged_at:
        found.append(Entry(case.acknowledged_at, Happening.TAKEN_ON))
    found += [
        Entry(row.at, Happening.ATTEMPT, who=names.get(row.by_id, ""), text=row.note, result=row.result)
        for row in attempts
    ]
    found += [_of_note(note, names) for note in notes]
    if case.settled_at and case.outcome:
        who = names.get(case.settled_by_id or 0, "")
        found.append(
            Entry(case.settled_at, Happening.ENDED, who=who, text=case.outcome_text, outcome=case.outcome)
        )
    return sorted(found, key=lambda entry: entry.at)[::-1]


def _of_note(note: CaseNote, names: dict[int, str]) -> Entry:
    worded = remarks.read(note.text) if note.by_id is None else None
    if worded is None:
        return Entry(note.at, Happening.NOTE, who=names.get(note.by_id or 0, ""), text=note.text)
    return Entry(note.at, Happening.REMARK, who=names.get(worded.user_id or 0, ""), remark=worded)
