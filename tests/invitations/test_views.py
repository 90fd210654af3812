"""The schedule and the policy page, as the people who use them see them."""

from datetime import datetime, timedelta
from types import SimpleNamespace

from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.db import db, transaction
from npsapp.delivery.models import Pause
from npsapp.delivery.rules import Channel
from npsapp.invitations import ledger, services
from npsapp.invitations.models import Invitation, InvitationPolicy
from npsapp.invitations.rules import Reason
from npsapp.permissions import EVERYTHING
from tests import factories as make
from tests.cast import csrf


def planned(company: SimpleNamespace, now: datetime, **over: object) -> Invitation:
    with transaction():
        interaction = make.make_interaction(company, now=now, happened_at=now - timedelta(days=10), **over)
        services.plan([interaction.id], without_mail=(), now=now)
    return db.session.scalars(select(Invitation).where(Invitation.interaction_id == interaction.id)).one()


def test_an_empty_schedule_says_how_it_fills(client: FlaskClient, company: SimpleNamespace, login) -> None:
    page = login(client, company.admin).get("/schedule/").get_data(as_text=True)

    assert "Nothing is planned" in page
    assert "/imports/" in page


def test_the_schedule_shows_what_leaves_when(
    client: FlaskClient, company: SimpleNamespace, login, at_now: datetime
) -> None:
    invitation = planned(company, at_now)

    page = login(client, company.admin).get("/schedule/").get_data(as_text=True)

    assert invitation.customer.name in page
    assert "24 Nov 2026" in page
    assert "1 letter is planned." in page


def test_held_back_customers_have_a_reason(
    client: FlaskClient, company: SimpleNamespace, login, at_now: datetime
) -> None:
    with transaction():
        customer = make.make_customer(company, now=at_now, email="")
    held = planned(company, at_now, customer=customer)
    assert held.reason is Reason.NO_ADDRESS

    page = login(client, company.admin).get("/schedule/ledger/?reason=no_address").get_data(as_text=True)

    assert "no usable e-mail address" in page
    assert customer.name in page


def test_a_manager_sees_only_the_own_region(
    client: FlaskClient, company: SimpleNamespace, login, at_now: datetime
) -> None:
    own = planned(company, at_now)
    other = planned(company, at_now, region_id=company.regions.odesa.id, unit_id=company.units.odesa.id)

    page = login(client, company.manager_kyiv).get("/schedule/").get_data(as_text=True)

    assert own.customer.name in page
    assert other.customer.name not in page
    assert "1 letter is planned." in page


def test_taking_one_customer_out(client: FlaskClient, company: SimpleNamespace, login, at_now: datetime) -> None:
    invitation = planned(company, at_now)
    token = csrf(login(client, company.admin).get("/schedule/").get_data(as_text=True))

    client.post(f"/schedule/{invitation.id}/withdraw", data={"csrf_token": token})

    assert db.session.get_one(Invitation, invitation.id).reason is Reason.WITHDRAWN
    with transaction():
        services.plan([invitation.interaction_id], without_mail=(), now=at_now)
    assert db.session.scalars(select(Invitation.reason)).all() == [Reason.WITHDRAWN]


def test_the_kill_switch_and_back(client: FlaskClient, company: SimpleNamespace, login, at_now: datetime) -> None:
    token = csrf(login(client, company.admin).get("/schedule/").get_data(as_text=True))

    page = client.post("/schedule/pause", data={"csrf_token": token}, follow_redirects=True)
    assert "Sending to customers is paused" in page.get_data(as_text=True)
    pause = db.session.scalars(select(Pause)).one()
    client.post(f"/schedule/resume/{pause.id}", data={"csrf_token": token})

    assert db.session.scalars(select(Pause.lifted_at)).one() == at_now


def test_analysts_cannot_press_the_kill_switch(
    client: FlaskClient, company: SimpleNamespace, login, at_now: datetime
) -> None:
    token = csrf(login(client, company.analyst).get("/schedule/").get_data(as_text=True))

    assert client.post("/schedule/pause", data={"csrf_token": token}).status_code == 403


POLICY = {
    "delay_days": "3",
    "delay_more_hours": "12",
    "window_from": "09:00",
    "window_until": "20:00",
    "weekdays": ["1", "2"],
    "first_channel": "email",
    "latest_days": "7",
    "valid_days": "10",
}


def test_the_policy_is_changed_on_its_page(client: FlaskClient, company: SimpleNamespace, login) -> None:
    address = f"/surveys/{company.survey.id}/policy"
    token = csrf(login(client, company.analyst).get(address).get_data(as_text=True))

    answer = client.post(address, data=POLICY | {"csrf_token": token})

    assert answer.status_code == 303
    policy = db.session.get_one(InvitationPolicy, company.survey.id)
    assert (policy.delay_hours, policy.weekdays, policy.latest_days) == (84, "12", 7)


def test_a_wrong_policy_is_refused_at_its_field(client: FlaskClient, company: SimpleNamespace, login) -> None:
    address = f"/surveys/{company.survey.id}/policy"
    token = csrf(login(client, company.admin).get(address).get_data(as_text=True))

    answer = client.post(
        address, data=POLICY | {"delay_days": "-1", "weekdays": [], "window_from": "25:00", "csrf_token": token}
    )

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Enter a whole number from 0 to 365." in page
    assert "Choose at least one day." in page
    assert db.session.get_one(InvitationPolicy, company.survey.id).delay_hours == 14 * 24


def test_the_days_ahead_count_what_is_overdue_for_today(company: SimpleNamespace, now: datetime) -> None:
    invitation = planned(company, now)
    with transaction():
        services.postpone(invitation.id, until=now - timedelta(days=2))

    days, channels = ledger.calendar(now, days=14, scope=EVERYTHING)

    assert (len(days), days[now.date()], sum(days.values())) == (14, 1, 1)
    assert channels == {Channel.EMAIL: 1}
