"""Programs that ask the JSON API at the same moment: the same request twice, the same purchase in two batches."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from npsapp.customers.models import ContactPoint, Customer, Ground, TrustedId
from npsapp.db import db
from npsapp.intake.models import ApiAnswer, ImportBatch, Interaction
from npsapp.organization.models import Unit
from tests.intake.program import CONSENTS, CUSTOMERS, PURCHASES, Program, bought, connect
from tests.races.conftest import AtOnce, count

THREADS = 20


@pytest.fixture
def programs(app: Flask, company: SimpleNamespace, at_now: datetime, monkeypatch: pytest.MonkeyPatch) -> list[Program]:
    """One connection, asked by twenty clients."""
    monkeypatch.setitem(app.config, "API_PER_MINUTE", 0)
    first = connect(app.test_client(), company, at_now)
    return [Program(app.test_client(), first.source_id, first.secret) for _client in range(THREADS)]


def answers(at_once: AtOnce, now: datetime, *asked: Any) -> list[Any]:
    found = at_once(*asked, now=now)
    assert [one for one in found if isinstance(one, Exception)] == []
    return found


@pytest.mark.usefixtures("slow_commits")
def test_one_idempotency_key_from_twenty_threads_has_one_effect_and_one_answer(
    programs: list[Program], at_once: AtOnce, at_now: datetime
) -> None:
    body = [{"happened_at": "2026-11-05", "phone": "0671234567", "unit": "Нова"}] * 2  # without any id: two purchases

    found = answers(at_once, at_now, *[lambda one=one: one.post(PURCHASES, body, key="k") for one in programs])

    assert {one.status_code for one in found} == {200}
    assert len({one.text for one in found}) == 1
    assert found[0].json["accepted"] == 2
    assert (count(Interaction), count(Customer), count(ApiAnswer), count(ImportBatch)) == (2, 1, 1, 1)
    assert db.session.scalar(select(ImportBatch.accepted)) == 2


@pytest.mark.usefixtures("slow_commits")
def test_one_key_for_different_bodies_does_one_of_them(
    programs: list[Program], at_once: AtOnce, at_now: datetime
) -> None:
    asked = [lambda n=n, one=one: one.post(PURCHASES, bought(n), key="k") for n, one in enumerate(programs)]

    found = answers(at_once, at_now, *asked)

    assert sorted(one.status_code for one in found) == [200] + [422] * (THREADS - 1)
    assert count(Interaction) == 1


@pytest.mark.usefixtures("slow_commits")
def test_the_same_purchases_in_two_batches_are_taken_once(
    programs: list[Program], at_once: AtOnce, at_now: datetime
) -> None:
    """In the other order, so that a lock per row would meet itself."""
    body = [bought(n, unit=f"Магазин {n % 7}") for n in range(60)]
    rows = [body, body[::-1]] * 4
    asked = [lambda one=one, sent=sent: one.post(PURCHASES, sent) for one, sent in zip(programs[:8], rows, strict=True)]

    found = answers(at_once, at_now, *asked)

    assert sorted(one.json["accepted"] for one in found) == [0] * 7 + [60]
    assert sum(one.json["unchanged"] for one in found) == 7 * 60
    assert (count(Interaction), count(Customer), count(TrustedId)) == (60, 60, 60)
    assert count(Unit, Unit.name["uk"].as_string().like("Магазин%")) == 7
    batch = db.session.query(ImportBatch).one()
    assert (batch.accepted, batch.unchanged, batch.rows) == (60, 420, 480)


@pytest.mark.usefixtures("slow_commits")
def test_one_customer_put_and_agreeing_from_many_threads_is_one_person(
    programs: list[Program], at_once: AtOnce, at_now: datetime
) -> None:
    person = {"name": "Олена", "emails": ["o@shop.example"]}
    word = {"email": "o@shop.example", "channel": "email", "at": "2026-11-05", "how": "form"}
    asked = [lambda one=one: one.put(CUSTOMERS + "7", person) for one in programs[:6]]
    asked += [lambda one=one: one.post(CONSENTS, word | {"external_id": "7"}) for one in programs[6:12]]

    found = answers(at_once, at_now, *asked)

    assert {one.status_code for one in found} <= {200, 201}
    assert (count(Customer), count(ContactPoint)) == (1, 1)
    kinds = db.session.execute(select(Ground.kind, func.count()).group_by(Ground.kind)).all()
    assert {number for _kind, number in kinds} == {1}
