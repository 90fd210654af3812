"""Two people and one case; two workers and one customer."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.cases import handling, services
from npsapp.cases.models import Case, CaseAttempt, CaseNote, CaseResponse, StaffLetter
from npsapp.cases.rules import Result, State
from npsapp.db import transaction
from npsapp.lib.clock import utcnow
from tests.cases.stories import answered, case_of, cause_id, opened
from tests.factories import make_customer
from tests.journeys.conftest import Visitor
from tests.races.conftest import AtOnce, count, rows


@pytest.fixture
def case(company: SimpleNamespace) -> Case:
    """A case of Kyiv that just opened."""
    return opened(company, now=utcnow())


@pytest.fixture
def pair(visit: Callable[[str], Visitor], case: Case) -> tuple[Visitor, Visitor]:
    """Two colleagues who look at the same case."""
    both = visit("manager_kyiv"), visit("support")
    for one in both:
        one.open(f"/cases/{case.id}")
    return both


def told(pages: list[str], words: str) -> int:
    return sum(words in page for page in pages)


def test_of_two_who_settle_one_case_one_does_and_the_other_is_told_by_whom(
    pair: tuple[Visitor, Visitor], case: Case, at_once: AtOnce, slow_commits: None
) -> None:
    chosen = {"outcome": "saved", "cause": str(cause_id()), "summary": "new grating"}

    pages = at_once(*(lambda one=one: one.fill("/settle", **chosen) for one in pair))

    assert sorted(one.status for one in pair) == [200, 409]
    assert told(pages, "The case is settled.") == 1
    (settled,) = rows(Case)
    assert told(pages, f"{settled.settled_by.name} has settled this case meanwhile.") == 1
    assert count(AuditEntry, AuditEntry.event == Event.CASE_SETTLED) == 1
    assert count(CaseAttempt) == 1
    assert rows(CaseAttempt)[0].by_id == settled.settled_by_id


def test_of_two_who_take_one_case_on_one_does(
    pair: tuple[Visitor, Visitor], case: Case, at_once: AtOnce, slow_commits: None
) -> None:
    pages = at_once(*(lambda one=one: one.fill("/acknowledge") for one in pair))

    assert sorted(one.status for one in pair) == [200, 409]
    assert told(pages, "This case has been changed meanwhile. Look at it again.") == 1
    assert count(AuditEntry, AuditEntry.event == Event.CASE_ACKNOWLEDGED) == 1


def test_of_two_who_give_one_case_away_one_does(
    company: SimpleNamespace, visit: Callable[[str], Visitor], case: Case, at_once: AtOnce, slow_commits: None
) -> None:
    givers = visit("manager_kyiv"), visit("admin")
    takers = company.support.id, company.admin.id
    for one in givers:
        one.open(f"/cases/{case.id}")

    deeds = [lambda one=one, to=to: one.fill("/owner", owner=str(to)) for one, to in zip(givers, takers, strict=True)]
    pages = at_once(*deeds)

    assert sorted(one.status for one in givers) == [200, 409]
    assert told(pages, "This case has been changed meanwhile. Look at it again.") == 1
    (left,) = rows(Case)
    handed = [one.data for one in rows(AuditEntry, AuditEntry.event == Event.CASE_ASSIGNED) if "from" in one.data]
    assert [one["to"] for one in handed] == [left.owner_id]
    assert count(CaseNote) == 1


def test_the_wish_for_a_later_call_is_not_lost_to_a_colleague_who_calls_at_the_same_moment(
    company: SimpleNamespace, at_once: AtOnce, slow_commits: None
) -> None:
    now = utcnow()
    for number in range(4):
        case = opened(company, now=now)
        later = now + timedelta(days=2, minutes=number)
        wish = {"result": Result.CALL_BACK, "call_back_at": later, "by_id": company.manager_kyiv.id}
        call = {"result": Result.NO_ANSWER, "by_id": company.support.id}

        at_once(*(lambda said=said, id_=case.id: attempt(id_, now=now, **said) for said in (wish, call)))

        assert count(CaseAttempt, CaseAttempt.case_id == case.id) == 2
        (case,) = rows(Case, Case.id == case.id)
        assert (case.call_back_at, case.contact_by, case.state) == (later, later, State.ATTEMPTED)


def attempt(case_id: int, **said: Any) -> None:
    with transaction():
        handling.record_attempt(case_id, **said)


def test_a_case_taken_on_while_its_answer_is_looked_at_stays_with_its_owner(
    company: SimpleNamespace, at_once: AtOnce, slow_commits: None
) -> None:
    """A raised score closes a case nobody touched, and only that."""
    now, owner_id = utcnow(), company.manager_kyiv.id
    for _round in range(4):
        response_id = answered(company, now=now)
        look(response_id)
        case = case_of(response_id)
        with transaction():
            case.answer.score, case.answer.revision = 9, 2

        taken, _looked = at_once(lambda id_=case.id: acknowledge(id_, owner_id), lambda id_=response_id: look(id_))

        (case,) = rows(Case, Case.id == case.id)
        assert case.state is (State.CLOSED if isinstance(taken, Exception) else State.ACKNOWLEDGED)


def acknowledge(case_id: int, by_id: int) -> None:
    with transaction():
        handling.acknowledge(case_id, by_id=by_id, now=utcnow())


def look(response_id: int) -> None:
    with transaction():
        services.look_at(response_id, now=utcnow())


def test_two_answers_of_one_customer_looked_at_by_two_workers_are_one_case(
    company: SimpleNamespace, at_once: AtOnce, slow_commits: None
) -> None:
    now = utcnow()
    with transaction():
        customer = make_customer(company, now=now)
    ids = [answered(company, now=now, score=score, customer=customer) for score in (1, 4)]

    failed = at_once(*(lambda id_=id_: look(id_) for id_ in (*ids, *ids)))

    assert failed == [None] * 4
    assert (count(Case), count(CaseResponse)) == (1, 2)
    assert count(AuditEntry, AuditEntry.event == Event.CASE_OPENED) == 1
    assert rows(Case)[0].score == 1


def test_an_owner_gets_one_letter_from_two_workers(
    company: SimpleNamespace, case: Case, at_once: AtOnce, slow_commits: None
) -> None:
    owner = case.owner_id

    sent = at_once(*[lambda: tell(owner)] * 3)

    assert sorted(sent) == [False, False, True]
    assert count(StaffLetter) == 1


def tell(user_id: int) -> bool:
    with transaction():
        return services.tell_owner(user_id, public_url="https://nps.example", now=utcnow())
