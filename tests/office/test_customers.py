"""Finding a customer and reading the page of one."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.customers.models import Customer, Hold
from npsapp.customers.rules import HoldReason
from npsapp.db import db, transaction
from npsapp.invitations.rules import InvitationState, Reason
from tests import factories


@pytest.fixture
def petro(company, now):
    with transaction():
        customer = factories.make_customer(
            company,
            now=now,
            name="Петро Їжак",
            name_key="петро їжак",
            email="petro.izhak@example.com",
            phone="+380671112233",
            region_id=company.regions.kyiv.id,
        )
        interaction = factories.make_interaction(company, now=now, customer=customer, number="БУ00-004711")
        db.session.flush()
        return customer.id, interaction.id


def found(client, q):
    page = client.get("/customers/", query_string={"q": q}).get_data(as_text=True)
    return "Петро Їжак" in page


@pytest.mark.parametrize(
    "q",
    [
        "Їжак", "ЇЖАК петро", "петро", "їжа", "petro.izhak@example.com", "PETRO.IZHAK@example.com", "petro.iz",
        "petro.izhak@", "+380671112233", "067 111-22-33", "1112233", "БУ00-004711", "бу00-004711", "№ БУ00-004711",
        "БУ00-0047",
    ],
)  # fmt: skip
def test_a_customer_is_found_by_name_address_phone_and_number(client, company, login, petro, q):
    assert found(login(client, company.support), q)


@pytest.mark.parametrize("q", ["", "п", "Іван", "other@example.com", "0671112234", "БУ00-004712", "%", "__", "%%%"])
def test_others_are_not(client, company, login, petro, q):
    assert not found(login(client, company.support), q)


def test_a_manager_finds_customers_of_the_own_region_only(app, company, login, petro):
    kyiv = login(app.test_client(), company.manager_kyiv)
    odesa = login(app.test_client(), company.manager_odesa)

    assert found(kyiv, "Їжак")
    assert not found(odesa, "Їжак")
    assert not found(odesa, "БУ00-004711")
    assert kyiv.get(f"/customers/{petro[0]}").status_code == 200
    assert odesa.get(f"/customers/{petro[0]}").status_code == 404


def test_a_purchase_in_the_own_region_is_enough_but_shows_no_other_regions(client, company, login, petro, now):
    with transaction():
        customer = db.session.get(Customer, petro[0])
        factories.make_interaction(
            company, now=now, customer=customer, region_id=company.regions.odesa.id, number="ОД-1", title="решітка"
        )
    odesa = login(client, company.manager_odesa)

    assert found(odesa, "Їжак")
    page = odesa.get(f"/customers/{petro[0]}").get_data(as_text=True)
    assert "ОД-1" in page
    assert "БУ00-004711" not in page


def test_analysts_do_not_see_customers(client, company, login, petro):
    analyst = login(client, company.analyst)

    assert analyst.get("/customers/?q=Їжак").status_code == 403
    assert analyst.get(f"/customers/{petro[0]}").status_code == 403


def test_searching_and_opening_are_audited_without_the_words(client, company, login, petro):
    support = login(client, company.support)
    support.get("/customers/?q=Їжак")
    support.get(f"/customers/{petro[0]}")
    support.get("/customers/")

    about = select(AuditEntry).where(AuditEntry.subject_type == "customer").order_by(AuditEntry.id)
    rows = db.session.scalars(about).all()
    assert [(row.event, row.actor_id, row.subject_id, row.data) for row in rows] == [
        (Event.CUSTOMER_SEARCHED, company.support.id, None, {}),
        (Event.CUSTOMER_VIEWED, company.support.id, petro[0], {}),
    ]


def test_a_page_of_somebody_out_of_reach_is_not_audited(client, company, login, petro):
    login(client, company.manager_odesa).get(f"/customers/{petro[0]}")

    assert db.session.scalar(select(AuditEntry.id).where(AuditEntry.event == Event.CUSTOMER_VIEWED)) is None


def test_the_page_tells_the_whole_story(client, company, login, petro, now):
    with transaction():
        customer = db.session.get(Customer, petro[0])
        interaction = factories.make_interaction(company, now=now, customer=customer, title="дренажний колодязь")
        invitation = factories.make_invitation(company, now=now, interaction=interaction)
        factories.make_response(company, now=now, invitation=invitation, score=2)
        invitation.steps[0].message = factories.make_message(company, now=now, subject="Як Вам покупка?")
        db.session.add(Hold(customer_id=petro[0], reason=HoldReason.LATER, since=now, until=now + timedelta(days=180)))
    page = login(client, company.support).get(f"/customers/{petro[0]}").get_data(as_text=True)

    for words in (
        "дренажний колодязь",
        "БУ00-004711",
        "Решітка приїхала зламана.",
        "Як Вам покупка?",
        "asked not to be asked for six months",
        "petro.izhak@example.com",
        "tel:+380671112233",
        "contract",
    ):
        assert words in page, words


def test_the_page_says_why_somebody_was_not_asked(client, company, login, petro, now):
    with transaction():
        interaction = factories.make_interaction(company, now=now, customer=db.session.get(Customer, petro[0]))
        invitation = factories.make_invitation(company, now=now, interaction=interaction)
        invitation.state, invitation.reason = InvitationState.EXCLUDED, Reason.QUARANTINE
        invitation.again_at = now + timedelta(days=20)

    page = login(client, company.support).get(f"/customers/{petro[0]}").get_data(as_text=True)

    assert "asked or answered not long ago" in page
    assert "10 December 2026" in page


def test_a_customers_words_are_escaped(client, company, login, petro, now):
    with transaction():
        customer = db.session.get(Customer, petro[0])
        customer.name = '"><script>alert(1)</script>'
        interaction = factories.make_interaction(company, now=now, customer=customer)
        invitation = factories.make_invitation(company, now=now, interaction=interaction)
        factories.make_response(company, now=now, invitation=invitation, comment="<img src=x onerror=alert(1)>")
    support = login(client, company.support)

    for page in (support.get(f"/customers/{petro[0]}"), support.get("/customers/?q=петро")):
        assert "<script>alert" not in page.get_data(as_text=True)
        assert "<img src=x" not in page.get_data(as_text=True)


def test_somebody_merged_leads_to_the_one_who_stands(client, company, login, petro, now):
    with transaction():
        other = factories.make_customer(company, now=now, merged_into_id=petro[0])
        other_id = other.id
    support = login(client, company.support)

    assert support.get(f"/customers/{other_id}").location == f"/customers/{petro[0]}"


def test_a_long_list_goes_page_by_page_without_repeating(client, company, login, now):
    with transaction():
        for number in range(30):
            factories.make_customer(company, now=now, name=f"Тарас {number:02}", name_key=f"тарас {number:02}")
    support = login(client, company.support)

    first = support.get("/customers/?q=тарас").get_data(as_text=True)
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = support.get(following).get_data(as_text=True)

    assert first.count("Тарас ") == 25
    assert second.count("Тарас ") == 5
