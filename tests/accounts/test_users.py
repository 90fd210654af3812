"""The administrator looks after colleagues."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from npsapp.accounts.models import Duty, User, UserRegion
from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.lib import clock
from npsapp.organization.models import Region
from npsapp.permissions import Role
from tests.cast import csrf


@pytest.fixture
def admin(client, company, login):
    return login(client, company.admin)


def post(client, page, url=None, **data):
    token = csrf(client.get(page).get_data(as_text=True))
    return client.post(url or page, data=data | {"csrf_token": token})


def fresh(user):
    return db.session.get(User, user.id, populate_existing=True)


def add(client, **over):
    fields = {"email": "new@vodolad.example", "name": "Марія", "role": "support", "language": "uk"}
    return post(client, "/users/new", **(fields | over))


@pytest.mark.parametrize("path", ["/users/", "/users/new", "/users/duties", "/users/1"])
def test_only_administrators_look_after_colleagues(app, company, login, path):
    for user in (company.analyst, company.manager_kyiv, company.support):
        client = login(app.test_client(), user)
        assert client.get(path).status_code == 403, user.role


def test_a_new_colleague_gets_a_letter_and_sets_the_password(app, admin, company):
    answer = add(admin)

    user = db.session.scalars(select(User).where(User.email == "new@vodolad.example")).one()
    letter = db.session.scalars(select(Message)).one()
    assert answer.location == f"/users/{user.id}"
    assert letter.to_address == "new@vodolad.example"
    link = re.search(r"https?://[^/\s]+(/password/reset/\S+)", letter.body).group(1)
    visitor = app.test_client()
    post(visitor, link, password="drainage channel", repeat="drainage channel")
    signed_in = post(visitor, "/login", email="new@vodolad.example", password="drainage channel")
    assert signed_in.status_code == 302


@pytest.mark.parametrize(
    "email", ["olena@vodolad.example", "OLENA@vodolad.example", "no address", "a@b", "noemail@x.y"]
)
def test_an_address_that_is_taken_or_wrong_is_refused(admin, email):
    before = db.session.scalar(select(func.count()).select_from(User))

    answer = add(admin, email=email)

    assert answer.status_code == 422
    assert db.session.scalar(select(func.count()).select_from(User)) == before


def test_a_new_manager_takes_on_regions_that_have_no_manager_yet(admin, company, now):
    with transaction():
        lviv = Region(pool_id=company.pool.id, key="lviv", name={"en": "Lviv"}, aliases=[], created_at=now)
        db.session.add(lviv)
        db.session.flush()
        lviv_id = lviv.id

    add(admin, role="manager", region_ids=[lviv_id, company.regions.kyiv.id])

    user = db.session.scalars(select(User).where(User.email == "new@vodolad.example")).one()
    owners = dict(db.session.execute(select(Duty.region_id, Duty.user_id)).all())
    assert owners[lviv_id] == user.id
    assert owners[company.regions.kyiv.id] == company.manager_kyiv.id
    assert {own.region_id for own in user.regions} == {lviv_id, company.regions.kyiv.id}


def test_a_manager_without_a_region_is_refused(admin):
    assert add(admin, role="manager").status_code == 422


def test_role_and_regions_are_changed(admin, company):
    post(
        admin,
        f"/users/{company.manager_odesa.id}",
        name="Ivan",
        role="support",
        language="ru",
        region_ids=[company.regions.odesa.id],
    )

    user = fresh(company.manager_odesa)
    assert (user.role, user.language) == (Role.SUPPORT, "ru")
    assert db.session.scalar(select(Duty.id).where(Duty.user_id == user.id)) is None, "no manager any more"
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.event == Event.USER_CHANGED)).one()
    assert entry.data == {"fields": ["language", "role"], "role": "support"}


def test_the_page_of_a_colleague_shows_the_regions_as_they_are(admin, company):
    page = admin.get(f"/users/{company.manager_odesa.id}").get_data(as_text=True)

    ticked = re.findall(r"<input[^>]* checked[^>]* value=\"(\d+)\"", page)
    assert ticked == [str(company.regions.odesa.id)]


def test_a_colleague_without_a_password_may_take_a_week_to_set_one(app, admin, at_now):
    add(admin)
    letter = db.session.scalars(select(Message)).one()
    link = re.search(r"https?://[^/\s]+(/password/reset/\S+)", letter.body).group(1)

    with clock.pretend(at_now + timedelta(days=6)):
        assert app.test_client().get(link).status_code == 200
    with clock.pretend(at_now + timedelta(days=8)):
        assert app.test_client().get(link).status_code == 410


def test_the_last_administrator_can_neither_be_blocked_nor_demoted(admin, company):
    post(admin, f"/users/{company.admin.id}", name="Olena", role="analyst", language="en")
    post(admin, f"/users/{company.admin.id}", name="Olena", role="administrator", language="en", blocked="y")

    user = fresh(company.admin)
    assert user.role is Role.ADMINISTRATOR
    assert user.is_active


def test_with_a_second_administrator_the_first_may_go(admin, company):
    post(admin, f"/users/{company.analyst.id}", name="Vira", role="administrator", language="en")
    post(admin, f"/users/{company.admin.id}", name="Olena", role="administrator", language="en", blocked="y")

    assert not fresh(company.admin).is_active


def test_a_blocked_colleague_is_out_and_can_come_back(app, admin, company, login):
    theirs = login(app.test_client(), company.support)
    page = f"/users/{company.support.id}"

    post(admin, page, name="Petro", role="support", language="en", blocked="y")
    assert theirs.get("/profile").status_code == 302

    post(admin, page, name="Petro", role="support", language="en")
    login(theirs, company.support)
    assert theirs.get("/profile").status_code == 200


@pytest.mark.parametrize(
    "forged", [{"region": "999999"}, {"region": "x"}, {"user": "999999"}, {"user": "x"}, {"pool": "999999"}]
)
def test_a_duty_for_what_does_not_exist_changes_nothing(admin, company, forged):
    before = sorted(db.session.execute(select(Duty.region_id, Duty.user_id)).all(), key=str)
    fields = {"pool": company.pool.id, "region": company.regions.kyiv.id, "user": company.support.id}

    answer = post(admin, "/users/duties", **(fields | forged))

    assert answer.status_code < 500
    assert sorted(db.session.execute(select(Duty.region_id, Duty.user_id)).all(), key=str) == before


def test_who_manages_a_region_is_said_on_the_page_of_duties(admin, company):
    kyiv, pool = company.regions.kyiv.id, company.pool.id

    post(admin, "/users/duties", pool=pool, region=kyiv, user=company.support.id)
    assert db.session.scalar(select(Duty.user_id).where(Duty.region_id == kyiv)) == company.support.id

    post(admin, "/users/duties", pool=pool, region=kyiv, user="")
    assert db.session.scalar(select(Duty.user_id).where(Duty.region_id == kyiv)) is None
    assert "Kyiv" in admin.get("/users/").get_data(as_text=True), "the list warns"


def test_there_is_one_fallback_owner(admin, company):
    post(admin, "/users/duties", pool=company.pool.id, region="", user=company.analyst.id)

    owners = db.session.scalars(select(Duty.user_id).where(Duty.region_id.is_(None))).all()
    assert owners == [company.analyst.id]


def test_without_a_sender_the_page_says_what_to_do(admin, company, now):
    with transaction():
        company.sender.retired_at = now
        db.session.merge(company.sender)

    add(admin)

    user = db.session.scalars(select(User).where(User.email == "new@vodolad.example")).one()
    assert "The brand has no sender address" in admin.get(f"/users/{user.id}").get_data(as_text=True)


@pytest.mark.parametrize("url", ["/users/new", "/users/5", "/users/5/letter", "/users/duties"])
def test_deeds_need_the_token(admin, company, url):
    assert admin.post(url, data={"blocked": "y"}).status_code == 400


def test_names_are_escaped(admin, company):
    with transaction():
        db.session.get(User, company.support.id).name = "<script>alert(1)</script>"

    page = admin.get("/users/").get_data(as_text=True)

    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_a_regions_manager_page_lists_regions_of_a_user(admin, company):
    page = admin.get("/users/").get_data(as_text=True)

    assert "Odesa" in page
    assert db.session.scalar(select(func.count()).select_from(UserRegion)) == 2
