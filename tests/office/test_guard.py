"""Marks on answers: what is marked, for whom, and how a mark is set aside."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from npsapp.accounts.models import UserPerformer, UserSession
from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.cases import services as cases
from npsapp.cases.models import Case
from npsapp.db import db, transaction
from npsapp.intake.models import InteractionPerformer
from npsapp.lib.networks import network_from
from npsapp.organization.models import Performer
from npsapp.permissions import EVERYTHING, Scope
from npsapp.responses import guard
from npsapp.responses.guard import Kind
from npsapp.responses.models import LinkAct, LinkEvent, PlaceNetwork, Response, ResponseRevision, SetAside
from tests.cast import PASSWORD, csrf
from tests.factories import make_invitation, make_response

MINUTE, NET = timedelta(minutes=1), "203.0.113.0/24"


def posted(company, at, *, network=NET, **over):
    """An answer and the act of the link that gave it."""
    response = make_response(company, now=at, **over)
    act = {"act": LinkAct.POSTED, "network": network, "agent": "phone", "score": response.score}
    db.session.add(LinkEvent(invitation_id=response.invitation_id, step_id=1, at=at, **act))
    db.session.flush()
    return response


def kinds(scope=EVERYTHING, now=None):
    db.session.rollback()
    return [mark.kind for mark in guard.marks(scope, now=now)]


def words(client, path="/marks/"):
    page = client.get(path)
    assert page.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", page.get_data(as_text=True)).split())


@pytest.mark.parametrize(("gap", "count", "marked"), [(10, 5, True), (16, 5, False), (10, 4, False)])
def test_five_customers_of_a_unit_from_one_network_within_an_hour_are_marked(company, now, gap, count, marked):
    with transaction():
        for number in range(count):
            posted(company, now + number * gap * MINUTE)

    assert kinds(now=now + timedelta(hours=2)) == ([Kind.BURST] if marked else [])


def test_one_customer_several_networks_and_tests_are_no_burst(company, now):
    with transaction():
        first = posted(company, now)
        for number in range(6):
            posted(company, now, network=f"198.51.{number}.0/24")
            posted(company, now, test=True)
            db.session.add(
                LinkEvent(
                    invitation_id=first.invitation_id, step_id=1, at=now, act=LinkAct.POSTED, network=NET, agent="phone"
                )
            )

    assert kinds(now=now) == []


def test_answers_from_the_stores_network_and_from_where_colleagues_sign_in_are_marked(company, now, client):
    with transaction():
        posted(company, now)
        db.session.add(PlaceNetwork(unit_id=company.units.kyiv.id, network=NET))
        posted(company, now - MINUTE, network="127.0.0.0/24")
        posted(company, now - MINUTE, network="192.0.2.0/24")
    token = csrf(client.get("/login").get_data(as_text=True))
    client.post("/login", data={"email": company.admin.email, "password": PASSWORD, "csrf_token": token})
    with transaction():
        assert db.session.scalars(select(UserSession.network)).one() == "127.0.0.0/24"

    found = guard.marks(EVERYTHING, now=now)
    assert [(mark.kind, mark.values["network"]) for mark in found] == [(Kind.PLACE, NET), (Kind.PLACE, "127.0.0.0/24")]


def test_marks_of_other_regions_and_older_than_ninety_days_are_not_shown(company, now):
    with transaction():
        for number in range(5):
            posted(company, now + number * MINUTE)

    odesa = Scope(frozenset({company.regions.odesa.id}))
    assert kinds(odesa, now=now) == []
    assert kinds(now=now + timedelta(days=91)) == []


@pytest.mark.usefixtures("at_now")
def test_a_score_raised_after_a_call_is_marked_and_one_raised_before_is_not(company, now, client, login):
    with transaction():
        for raised in (2 * MINUTE, 20 * MINUTE):
            response = make_response(company, now=now, score=2)
            cases.look_at(response.id, now=now)
            more = {"comment": "", "score": 9, "contact_wanted": None}
            db.session.add(ResponseRevision(response_id=response.id, number=2, at=now + raised, **more))
        for case in db.session.scalars(select(Case)):
            case.first_attempt_at = now + 10 * MINUTE

    said = words(login(client, company.admin))
    assert said.count("Score raised after a colleague's call from 2 to 9") == 1


def test_a_mark_is_set_aside_with_a_reason_and_found_again(company, now, at_now, client, login):
    with transaction():
        for number in range(5):
            posted(company, now - number * MINUTE)
    page = login(client, company.admin).get("/marks/").get_data(as_text=True)
    fields = {"csrf_token": csrf(page), "mark": re.search(r'name="mark" value="(\w+)"', page)[1]}

    assert client.post("/marks/", data=fields).status_code == 422
    assert client.post("/marks/", data={**fields, "mark": "other", "reason": "x"}).status_code == 404
    assert client.post("/marks/", data={**fields, "reason": "A class of pupils"}).status_code == 302 + 1
    assert "No marks" in words(client)
    assert "A class of pupils" in words(client, "/marks/?show=aside")
    assert db.session.scalars(select(AuditEntry.data).filter_by(event=Event.MARK_SET_ASIDE)).one()["kind"] == "burst"
    assert db.session.scalars(select(SetAside.by_id)).one() == company.admin.id


def test_networks_of_stores_are_entered_and_removed(company, client, login):
    page = login(client, company.admin).get("/marks/networks").get_data(as_text=True)
    fields = {"csrf_token": csrf(page), "unit": company.units.kyiv.id}

    assert client.post("/marks/networks", data={**fields, "network": "10.0.0.0/8"}).status_code == 422
    assert client.post("/marks/networks", data={**fields, "network": "203.0.113.77"}).status_code == 303
    assert db.session.scalars(select(PlaceNetwork.network)).all() == [NET]
    assert client.post("/marks/networks/remove", data={**fields, "network": NET}).status_code == 303
    assert db.session.scalars(select(PlaceNetwork.network)).all() == []


@pytest.mark.parametrize(
    ("typed", "network"),
    [
        ("203.0.113.7", NET),
        (" 203.0.113.0/24 ", NET),
        ("203.0.113.64/26", NET),
        ("203.0.0.0/16", ""),
        ("2001:db8:1:2::5", "2001:db8:1::/48"),
        ("store", ""),
    ],
)
def test_a_typed_address_becomes_a_prefix(typed, network):
    assert network_from(typed) == network


# ---- the own work ------------------------------------------------------------------------------------------------


@pytest.fixture
def served(company, now):
    """A link about work of the manager of Kyiv."""
    with transaction():
        invitation = make_invitation(company, now=now)
        performer = Performer(brand_id=company.brand.id, key="andriy", name="Andriy", created_at=now)
        db.session.add(performer)
        db.session.flush()
        place = {"interaction_id": invitation.interaction_id, "performer_id": performer.id}
        db.session.add(InteractionPerformer(**place))
        db.session.add(UserPerformer(performer_id=performer.id, user_id=company.manager_kyiv.id))
        return f"/r/{invitation.steps[0].token}"


def test_whoever_served_the_customer_is_refused_and_marked(company, at_now, served, app, login):
    theirs = login(app.test_client(), company.manager_kyiv)
    with theirs.get(f"{served}/10?lang=en") as page:
        assert page.status_code == 403
        assert "This question is about your own work." in page.get_data(as_text=True)
    nonce = re.search(r'name="nonce" value="([^"]+)"', app.test_client().get(f"{served}/10").get_data(as_text=True))[1]
    assert theirs.post(served, data={"score": "10", "nonce": nonce}).status_code == 403
    assert db.session.scalars(select(Response)).all() == []

    admin = login(app.test_client(), company.admin)
    assert "A colleague tried to answer about the own work It was refused." in words(admin)


def test_other_colleagues_and_customers_may_answer(company, at_now, served, app, login):
    assert login(app.test_client(), company.admin).get(f"{served}/10").status_code == 200
    assert app.test_client().get(f"{served}/10").status_code == 200
