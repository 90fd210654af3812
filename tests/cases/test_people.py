"""Customers with open cases are found to be one person, and two after all."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.audit.services import by_user
from npsapp.cases import handling, people, queries, services
from npsapp.cases.models import Case, CaseNote, CaseResponse
from npsapp.cases.rules import Outcome, Result, State
from npsapp.customers import merging
from npsapp.customers.models import Customer
from npsapp.db import db, transaction
from tests.cases.stories import answered, case_of, cause_id, look
from tests.factories import make_customer

HOUR = timedelta(hours=1)


@pytest.fixture
def two(company: SimpleNamespace, now) -> SimpleNamespace:
    """Two customers, each with an open case; the other's is older and was tried."""
    with transaction():
        kept, other = (make_customer(company, now=now).id for _ in range(2))
    found = SimpleNamespace(kept=kept, other=other, now=now, company=company, by=company.manager_kyiv.id)
    found.older = _case(found, other, now, score=5)
    with transaction():
        handling.record_attempt(found.older, result=Result.NO_ANSWER, by_id=found.by, now=now + HOUR, note="nobody")
    found.case = _case(found, kept, now + 2 * HOUR, score=6)
    return found


def _case(two: SimpleNamespace, customer_id: int, at, score: int) -> int:
    """The case of an answer this customer gives."""
    given = answered(two.company, now=at, score=score, customer=db.session.get(Customer, customer_id))
    look(at)
    return case_of(given).id


def merge(two: SimpleNamespace) -> int:
    at = two.now + 3 * HOUR
    with transaction():
        made = merging.merge(two.other, two.kept, reason="one voice", actor=by_user(two.by), now=at)
        people.become_one(two.kept, now=at)
    return made


def unmerge(two: SimpleNamespace, made: int) -> None:
    at = two.now + 5 * HOUR
    with transaction():
        merging.unmerge(made, reason="two voices", actor=by_user(two.by), now=at)
        people.become_two(two.other, two.kept, now=at)


def case(id_: int) -> Case:
    return db.session.get(Case, id_, populate_existing=True)


def answers(id_: int) -> int:
    return len(db.session.scalars(select(CaseResponse).where(CaseResponse.case_id == id_)).all())


def test_two_open_cases_of_one_person_become_one_with_the_older_clock(two: SimpleNamespace):
    clock = case(two.older).clock_from

    merge(two)

    kept, older = case(two.case), case(two.older)
    assert (older.state, older.outcome, older.joined_id) == (State.CLOSED, Outcome.JOINED, kept.id)
    assert (kept.state, kept.score, kept.clock_from, answers(kept.id)) == (State.ATTEMPTED, 5, clock, 2)
    assert kept.first_attempt_at == two.now + HOUR
    assert kept.owner_told_at is None
    notes = dict(db.session.execute(select(CaseNote.case_id, CaseNote.text)).all())
    assert notes == {kept.id: f"one_person:{older.id}", older.id: f"goes_on:{kept.id}"}


def test_the_page_shows_what_was_done_before_and_leads_from_one_to_the_other(
    two: SimpleNamespace, client: FlaskClient, login: Any, at_now: Any
):
    merge(two)
    login(client, two.company.manager_kyiv)

    page, ended = (client.get(f"/cases/{id_}").get_data(as_text=True) for id_ in (two.case, two.older))

    assert "nobody" in page
    assert f'href="/cases/{two.older}"' in page
    assert f'href="/cases/{two.case}"' in ended
    assert "Goes on in another case of the same person" in ended


def test_an_answer_while_they_are_one_joins_the_open_case_whosever_it_is(two: SimpleNamespace):
    with transaction():
        handling.settle(
            two.case, outcome=Outcome.NOT_SAVED, cause_id=cause_id(), by_id=two.by, now=two.now + 3 * HOUR, text=""
        )
    merge(two)

    late = _case(two, two.kept, two.now + 4 * HOUR, score=2)

    assert late == two.older
    assert (case(two.older).is_open, answers(two.older)) == (True, 2)


def test_two_after_all_each_go_on_with_the_own_answers(two: SimpleNamespace):
    made = merge(two)
    _case(two, two.other, two.now + 4 * HOUR, score=3)
    assert answers(two.case) == 3

    unmerge(two, made)

    kept, older = case(two.case), case(two.older)
    assert (older.state, older.joined_id, older.outcome) == (State.REOPENED, None, None)
    assert (answers(kept.id), answers(older.id)) == (1, 2)
    assert (kept.score, older.score) == (6, 3)
    assert queries.open_case_of(two.other).id == older.id
    assert look(two.now + 6 * HOUR) == 0


def test_what_was_settled_for_both_stays_settled(two: SimpleNamespace):
    made = merge(two)
    with transaction():
        handling.settle(
            two.case, outcome=Outcome.SAVED, cause_id=cause_id(), by_id=two.by, now=two.now + 4 * HOUR, text="done"
        )

    unmerge(two, made)

    assert (case(two.older).state, answers(two.older), answers(two.case)) == (State.CLOSED, 1, 1)
    assert look(two.now + 6 * HOUR) == 0
    assert services.queries.open_ids() == []


def test_an_answer_without_a_case_to_go_back_to_gets_its_own(two: SimpleNamespace):
    with transaction():
        handling.settle(
            two.older, outcome=Outcome.NOT_SAVED, cause_id=cause_id(), by_id=two.by, now=two.now + 3 * HOUR, text=""
        )
    made = merge(two)
    assert _case(two, two.other, two.now + 4 * HOUR, score=1) == two.case

    unmerge(two, made)

    assert look(two.now + 6 * HOUR) == 1
    own = queries.open_case_of(two.other)
    assert (own.id not in (two.case, two.older), own.score, answers(two.case)) == (True, 1, 1)
