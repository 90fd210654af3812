"""The administrator looks after colleagues."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from npsapp.accounts import queries
from npsapp.accounts.models import Duty, User, UserRegion
from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.lib import clock
from npsapp.lib.clock import utcnow
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


@pytest.mark.parametrize(
    "path", ["/users/", "/users/new", "/users/duties", "/users/roles", "/users/1", "/users/1/leave"]
)
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


def test_the_last_administrator_is_not_demoted(admin, company):
    answer = post(admin, f"/users/{company.admin.id}", name="Olena", role="analyst", language="en")

    assert answer.status_code < 500
    assert fresh(company.admin).role is Role.ADMINISTRATOR


def test_who_never_set_a_password_is_no_second_administrator(admin, company):
    add(admin, role="administrator")

    post(admin, f"/users/{company.admin.id}", name="Olena", role="analyst", language="en")

    assert fresh(company.admin).role is Role.ADMINISTRATOR


def test_name_language_and_clock_are_changed_and_the_audit_names_the_fields(admin, company):
    fields = {"name": "Petro P.", "role": "support", "language": "ru", "timezone": "Europe/Warsaw"}

    assert post(admin, f"/users/{company.support.id}", **fields).status_code == 303
    assert post(admin, f"/users/{company.support.id}", **(fields | {"timezone": "Mars/Base"})).status_code == 422

    user = fresh(company.support)
    assert (user.name, user.language, user.timezone) == ("Petro P.", "ru", "Europe/Warsaw")
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.event == Event.USER_CHANGED)).one()
    assert entry.data["fields"] == ["language", "name", "timezone"]


def test_an_administrator_sees_where_a_colleague_is_signed_in_and_ends_it(app, admin, company, login):
    phone, laptop = (login(app.test_client(), company.support) for _ in range(2))
    page = f"/users/{company.support.id}"
    newest = queries.sessions(company.support.id, now=utcnow())[0]

    assert admin.get(page).text.count("Sign out there") == 2
    post(admin, page, f"{page}/sessions", session=newest.id)
    assert sorted(one.get("/profile").status_code for one in (phone, laptop)) == [200, 302]

    post(admin, page, f"{page}/sessions")
    assert [one.get("/profile").status_code for one in (phone, laptop)] == [302, 302]
    assert admin.get("/profile").status_code == 200
    entries = db.session.scalars(select(AuditEntry).where(AuditEntry.event == Event.SESSION_REVOKED)).all()
    assert [(one.actor_id, one.subject_id) for one in entries] == [(company.admin.id, company.support.id)] * 2


def test_without_a_mail_server_the_page_says_that_the_link_is_in_the_outbox(admin, company):
    add(admin)

    user = db.session.scalars(select(User).where(User.email == "new@vodolad.example")).one()
    assert "copy the link from the letter in the outbox" in admin.get(f"/users/{user.id}").text


def test_the_table_of_roles_says_what_each_may_do(admin, company):
    page = admin.get("/users/roles").text

    row = re.search(r"see which letters left[\s\S]*?</tr>", page).group(0)
    assert [cell.strip() for cell in re.findall(r"<td data-label[^>]*>([^<]*)", row)] == ["yes", "yes", "–", "–"]


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


@pytest.mark.parametrize(
    "url", ["/users/new", "/users/5", "/users/5/letter", "/users/5/leave", "/users/5/return", "/users/duties"]
)
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
