"""One link, many browsers, one moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select

from npsapp import schedule
from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.cases.models import Case, CaseResponse
from npsapp.customers.models import ContactFact
from npsapp.customers.rules import FactKind
from npsapp.db import db, transaction
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState
from npsapp.lib.clock import utcnow
from npsapp.reports.models import DailyTally
from npsapp.responses import rules
from npsapp.responses.models import DirtyDay, DisputedAnswer, Response, ResponseRevision
from tests.factories import make_invitation
from tests.journeys.conftest import Visitor
from tests.races.conftest import AtOnce, count, rows
from tests.responses.visitor import Page


@pytest.fixture
def link(company: Any) -> str:
    """An open link of a letter that left an hour ago."""
    with transaction():
        return f"/r/{make_invitation(company, now=utcnow()).steps[0].token}"


def press_together(server: str, link: str, posts: list[dict[str, str]], ending: str = "") -> list[Page]:
    """Open a page for each post, wait for one another, then press all the buttons at once."""
    together = Barrier(len(posts))

    def visit(fields: dict[str, str]) -> Page:
        visitor = Visitor(server)
        page = Page(200, visitor.open(f"{link}/{fields.get('score', '5')}?lang=en"), {})
        form = page.form(fields.get("_form", ending))
        together.wait(60)
        given = {name: value for name, value in fields.items() if not name.startswith("_")}
        html = visitor.send(form.action, **{**form.fields, **given})
        return Page(visitor.status, html, visitor.headers)

    with ThreadPoolExecutor(len(posts)) as pool:
        return list(pool.map(visit, posts))


def test_the_same_score_fifty_times_at_once_is_one_answer_and_everybody_goes_on(server: str, link: str) -> None:
    pages = press_together(server, link, [{"score": "9"}] * 50)

    assert {page.status for page in pages} == {200}
    assert all("What did you like most?" in page.text for page in pages)
    assert (count(Response), count(ResponseRevision), count(DirtyDay), count(DisputedAnswer)) == (1, 1, 2, 0)


def test_fifty_different_answers_at_once_are_one_answer_one_case_and_one_in_the_tallies(
    server: str, link: str, at_once: AtOnce
) -> None:
    posts = [{"score": str(number % 11), "comment": f"words {number}"} for number in range(50)]

    pages = press_together(server, link, posts)

    assert {page.status for page in pages} == {200}
    (answer,) = rows(Response)
    (thanked,) = [page for page in pages if "Thank you" in page.text]
    assert answer.comment == posts[pages.index(thanked)]["comment"]
    assert sum("is kept apart and does not count yet" in page.text for page in pages) == 49
    assert count(DisputedAnswer) == rules.DISPUTES_KEPT
    assert (answer.revision, count(ResponseRevision)) == (1, 1)
    assert count(ContactFact, ContactFact.kind == FactKind.ANSWERED) == 1
    said_once = (Event.RESPONSE_RECEIVED, Event.RESPONSE_FINISHED)
    assert [count(AuditEntry, AuditEntry.event == event) for event in said_once] == [1, 1]

    beat = schedule.Beat()
    at_once(*[lambda: (schedule.open_cases(beat), schedule.recount(beat))] * 3)

    assert count(Case) == count(CaseResponse) == (answer.score <= 6)
    db.session.rollback()
    (tally,) = db.session.execute(select(func.sum(DailyTally.n), func.sum(DailyTally.__table__.c[f"s{answer.score}"])))
    assert tuple(tally) == (1, 1)
    assert count(DirtyDay) == 0


def test_twenty_pages_with_the_right_to_edit_leave_a_history_without_gaps(server: str, link: str) -> None:
    first = Visitor(server)
    first.open(f"{link}/5?lang=en")
    first.send(link, **Page(200, first.page, {}).form().fields)
    right = Page(200, first.page, {}).form().fields["edit"]

    def edit(number: int) -> dict[str, str]:
        return {"score": str(number % 11), "comment": f"words {number}", "edit": right, "_form": "/change"}

    together = Barrier(20)

    def send(number: int) -> int:
        visitor = Visitor(server)
        together.wait(60)
        visitor.send(link, **{name: value for name, value in edit(number).items() if name != "_form"}, final="1")
        return visitor.status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(send, range(20)))

    assert set(statuses) == {200}
    (answer,) = rows(Response)
    history = sorted(rows(ResponseRevision), key=lambda one: one.number)
    assert [one.number for one in history] == list(range(1, answer.revision + 1))
    assert answer.revision == 21
    assert (history[-1].score, history[-1].comment) == (answer.score, answer.comment)
    assert {one.comment for one in history[1:]} == {f"words {number}" for number in range(20)}
    assert count(DisputedAnswer) == 0
    assert count(AuditEntry, AuditEntry.event == Event.RESPONSE_CHANGED) == 20
    assert count(AuditEntry, AuditEntry.event == Event.RESPONSE_FINISHED) == 1


def test_not_my_purchase_and_an_answer_at_once_never_leave_an_answer_that_counts(
    server: str, company: Any, slow_commits: None
) -> None:
    """Whoever comes second meets a link that is no longer the same."""
    with transaction():
        links = [f"/r/{make_invitation(company, now=utcnow()).steps[0].token}" for _ in range(6)]

    for link in links:
        press_together(server, link, [{"_form": "/not-mine"}, {"score": "2"}, {"_form": "/not-mine"}, {"score": "9"}])

    for invitation in rows(Invitation):
        counted = rows(Response, Response.invitation_id == invitation.id, Response.voided_at.is_(None))
        assert bool(counted) == (invitation.state is InvitationState.ANSWERED), invitation.state
