"""What colleagues do on a customer's page, and how it shows in the one timeline."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from npsapp import schedule
from npsapp.audit.models import AuditEntry
from npsapp.customers.models import Customer, CustomerNote, Ground, Hold
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.intake.models import Interaction
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.responses.models import ResponseRevision
from tests import cast, factories


@pytest.fixture
def customer(company: SimpleNamespace, at_now: datetime) -> Customer:
    """Somebody from Kyiv whose letter is planned for tomorrow."""
    with transaction():
        found: Customer = factories.make_customer(company, now=at_now, region_id=company.regions.kyiv.id)
        interaction = factories.make_interaction(company, now=at_now, customer=found, undecided=False)
        factories.make_invitation(
            company,
            now=at_now,
            interaction=interaction,
            state="planned",
            send_at=at_now + timedelta(days=1),
            sent_at=None,
            valid_until=None,
            handed_over_at=None,
        )
        db.session.execute(delete(InvitationStep))  # nothing of it has left
    return found


def press(client: FlaskClient, customer: Customer, deed: str, **words: str) -> Any:
    token = cast.csrf(client.get("/profile").get_data(as_text=True))
    return client.post(f"/customers/{customer.id}/{deed}", data={"csrf_token": token, **words})


def page(client: FlaskClient, customer: Customer) -> str:
    return client.get(f"/customers/{customer.id}").get_data(as_text=True)


def test_a_note_is_read_by_colleagues(client: FlaskClient, company: SimpleNamespace, customer: Customer, login: Any):
    login(client, company.support)

    press(client, customer, "note", text="  Prefers calls after six  ")
    press(client, customer, "note", text="   ")

    assert db.session.scalars(select(CustomerNote.text)).all() == ["Prefers calls after six"]
    assert "Prefers calls after six" in page(client, customer)
    assert "Petro" in page(client, customer)
    assert "Prefers" not in str(db.session.scalars(select(AuditEntry.data)).all())


def test_who_is_not_to_be_asked_gets_nothing_that_waits(
    client: FlaskClient, company: SimpleNamespace, customer: Customer, login: Any
):
    with transaction():
        interaction = db.session.scalars(select(Interaction)).one()
        factories.make_invitation(
            company,
            now=interaction.accepted_at,
            interaction=factories.make_interaction(company, now=interaction.accepted_at, customer=customer),
            sent_at=None,
        )
        waiting = factories.make_message(company, now=interaction.accepted_at)
        db.session.scalars(select(Invitation).order_by(Invitation.id.desc())).first().steps[0].message_id = waiting.id
    login(client, company.manager_kyiv)

    press(client, customer, "hold")
    schedule.run_steps(schedule.Beat(budget_s=None))

    assert {one.value for one in db.session.scalars(select(Invitation.reason))} == {"on_hold"}
    assert db.session.scalars(select(Message.state).where(Message.id == waiting.id)).all() == ["cancelled"]
    assert "Not to be asked" in page(client, customer)


def test_a_pause_ends_by_itself_or_by_hand(
    client: FlaskClient, company: SimpleNamespace, customer: Customer, login: Any
):
    login(client, company.manager_kyiv)

    press(client, customer, "hold", until="2026-11-25")
    until = db.session.scalars(select(Hold.until)).one()
    press(client, customer, "release")

    assert until is not None
    assert until.isoformat() == "2026-11-25T22:00:00+00:00"  # the day ends in Kyiv
    assert db.session.scalars(select(Hold.lifted_at)).one() is not None
    assert "Do not ask this customer" in page(client, customer)


def test_a_withdrawn_ground_stays_as_proof(
    client: FlaskClient, company: SimpleNamespace, customer: Customer, login: Any
):
    login(client, company.support)
    ground = db.session.scalars(select(Ground).where(Ground.channel == "email")).one()

    press(client, customer, f"grounds/{ground.id}/withdraw")
    schedule.run_steps(schedule.Beat(budget_s=None))

    assert db.session.scalars(select(Invitation.reason)).one() == "no_ground"
    assert "withdrawn" in page(client, customer)
    assert press(client, customer, f"grounds/{ground.id}/withdraw").status_code == 404


def test_a_corrected_name_is_found_by_the_new_one(
    client: FlaskClient, company: SimpleNamespace, customer: Customer, login: Any
):
    login(client, company.support)

    press(client, customer, "correct", name="Ґалаґан Ніна", address_as="Ніно", language="ru")

    db.session.refresh(customer)
    assert (customer.name_key, customer.address_as, customer.language) == ("ґалаґан ніна", "Ніно", "ru")
    assert "Ґалаґан" in client.get("/customers/?q=ҐАЛАҐАН").get_data(as_text=True)


def test_other_regions_and_other_roles_do_nothing(app: Any, company: SimpleNamespace, customer: Customer, login: Any):
    stranger, analyst = login(app.test_client(), company.manager_odesa), login(app.test_client(), company.analyst)

    for deed in ("note", "hold", "release", "correct", "grounds/1/withdraw"):
        assert press(stranger, customer, deed, text="x", name="x").status_code == 404
        assert press(analyst, customer, deed, text="x", name="x").status_code == 403
    assert db.session.scalars(select(Hold)).all() == []


def test_an_answer_is_shown_with_what_it_was_before(
    client: FlaskClient, company: SimpleNamespace, customer: Customer, login: Any, now: datetime
):
    with transaction() as session:
        answer = factories.make_response(company, now=now, score=2, customer_id=customer.id)
        session.add(ResponseRevision(response_id=answer.id, number=2, at=now, score=9, comment="Gut"))
        answer.score, answer.comment, answer.revision = 9, "Gut", 2

    assert "Before: 2" in page(login(client, company.support), customer)


def test_a_long_story_has_pages(
    client: FlaskClient, company: SimpleNamespace, customer: Customer, login: Any, now: datetime
):
    with transaction() as session:
        moments = [now + timedelta(minutes=at) for at in range(40)]
        session.add_all(
            CustomerNote(customer_id=customer.id, at=at, text=f"note {number}.") for number, at in enumerate(moments)
        )
    login(client, company.support)

    first = page(client, customer)
    second = client.get(f"/customers/{customer.id}?page=2").get_data(as_text=True)

    assert "note 39." in first
    assert "note 3." in second
    assert "note 3." not in first


def test_a_case_is_found_by_its_number(app: Any, company: SimpleNamespace, login: Any, now: datetime):
    with transaction():
        factories.make_response(company, now=now - timedelta(hours=1), score=1)
    schedule.run_steps(schedule.Beat(budget_s=None))
    number = db.session.scalar(select(db.metadata.tables["case"].c.id))

    mine = login(app.test_client(), company.manager_kyiv).get(f"/customers/?q=%23{number}").get_data(as_text=True)
    theirs = login(app.test_client(), company.manager_odesa).get(f"/customers/?q={number}").get_data(as_text=True)

    assert f'href="/cases/{number}"' in mine
    assert f'href="/cases/{number}"' not in theirs
