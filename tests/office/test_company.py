"""Setting up one's own company: what the page makes of a few words, the setup link, and what the demo takes along."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update

from npsapp.accounts.models import Duty, User
from npsapp.audit.models import AuditEntry
from npsapp.audit.services import COMMAND
from npsapp.db import db, is_sqlite, transaction
from npsapp.delivery.models import Message, Sender
from npsapp.demo import loader, services as demo
from npsapp.invitations.models import InvitationPolicy
from npsapp.lib import clock
from npsapp.office import founding, removal
from npsapp.office.company import setup_link
from npsapp.organization.models import Brand, Region
from npsapp.permissions import Role
from npsapp.surveys.founding import found_company
from tests import cast, factories
from tests.conftest import CHEAP_HASH
from tests.demo.conftest import DRAWN_AT

WORDS = {
    "title": "Дренолайн",
    "noun": "shop",
    "accent": "#1F5FBF",
    "language": "uk",
    "timezone": "Europe/Kyiv",
    "currency": "UAH",
    "sender": "Hello@Dreno.example",
    "touchpoint": "service",
    "delay_days": "3",
    "regions-0-name": "Полтава",
    "regions-0-manager": "Оксана",
    "regions-0-email": "oksana@dreno.example",
    "regions-1-name": "Суми",
    "regions-1-email": "oksana@dreno.example",
    "admin_name": "Olena",
    "admin_email": "olena@dreno.example",
    "password": "three quiet words",
    "repeat": "three quiet words",
}


@pytest.fixture(scope="session")
def drawn() -> loader.Drawn:
    return loader.draw(now=DRAWN_AT, interactions=300)


@pytest.fixture
def invented(app: Flask, drawn: loader.Drawn) -> User:
    """The demo company in small, and its administrator."""
    with transaction():
        demo.load(drawn, now=DRAWN_AT)
        administrator = db.session.scalars(select(User).where(User.role == Role.ADMINISTRATOR)).one()
        administrator.password_hash, administrator.language = CHEAP_HASH, "en"
    return administrator


def fill(client: FlaskClient, path: str, **words: Any) -> Any:
    token = cast.csrf(client.get(path).get_data(as_text=True))
    return client.post(path, data={**WORDS, **words, "csrf_token": token})


def count(table: str) -> int:
    return db.session.scalar(text(f'SELECT count(*) FROM "{table}"')) or 0  # noqa: S608 - our own table names


def path_of(link: str | None) -> str:
    assert link
    return link[link.index("/setup/") :]


def test_a_few_words_make_a_company_that_can_ask(client: FlaskClient, at_now: Any) -> None:
    answer = fill(client, path_of(setup_link()))

    assert (answer.status_code, answer.location) == (303, "/")
    brand = db.session.scalars(select(Brand)).one()
    assert brand.name == dict.fromkeys(("en", "ru", "uk"), "Дренолайн")
    assert brand.phrase == {"en": "Дренолайн", "ru": "магазин «Дренолайн»", "uk": "магазин «Дренолайн»"}
    sender = db.session.scalars(select(Sender)).one()
    assert (sender.address, sender.reply_to) == ("hello@dreno.example", "hello@dreno.example")
    assert db.session.scalars(select(InvitationPolicy.delay_hours)).all() == [72]
    assert "Your company is set up" in client.get("/?lang=en").get_data(as_text=True)


def test_one_manager_of_two_regions_is_one_person_who_gets_one_letter(client: FlaskClient, at_now: Any) -> None:
    fill(client, path_of(setup_link()))

    owners = db.session.execute(
        select(Region.key, User.email).outerjoin(Duty, Duty.region_id == Region.id).outerjoin(Duty.user)
    ).all()
    assert {email for _key, email in owners} == {"oksana@dreno.example"}
    fallback = db.session.scalars(select(User.email).join(Duty).where(Duty.region_id.is_(None))).all()
    assert fallback == ["olena@dreno.example"]
    assert db.session.scalars(select(Message.to_address)).all() == ["oksana@dreno.example"]
    page = client.get("/company/invitations").get_data(as_text=True)
    assert page.count("/password/reset/") == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"title": ""}, "Name of the company"),
        ({"password": "short", "repeat": "short"}, "Password"),
        ({"repeat": "another one"}, "The two passwords differ."),
        ({"regions-1-name": "полтава"}, "Two regions have the same name."),
        ({"regions-1-name": ""}, "Name the region of each manager."),
        ({"accent": "#FFFF"}, "Accent colour"),
        ({"admin_email": "nobody"}, "Your e-mail"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    client: FlaskClient, at_now: Any, wrong: dict[str, str], words: str
) -> None:
    answer = fill(client, path_of(setup_link()), **wrong)

    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True).split('id="errors"')[1].split("</div>")[0]
    assert count("brand") == count("user") == 0


def test_the_setup_link_works_once_and_for_a_day(client: FlaskClient, at_now: Any) -> None:
    link = path_of(setup_link())
    assert client.get("/setup/nonsense").status_code == 404
    assert fill(client, link).status_code == 303

    assert setup_link() is None
    assert client.get(link).status_code == 404
    assert client.post(link, data=WORDS).status_code in {400, 404}


def test_an_old_setup_link_leads_nowhere(client: FlaskClient, at_now: Any) -> None:
    link = path_of(setup_link())

    with clock.pretend(at_now + timedelta(hours=23)):
        assert client.get(link).status_code == 200
    with clock.pretend(at_now + timedelta(hours=25)):
        assert client.get(link).status_code == 404


def test_a_company_made_by_a_file_is_named_on_the_setup_page(client: FlaskClient, at_now: Any) -> None:
    with transaction():
        made = found_company(actor=COMMAND, now=at_now).id

    fill(client, path_of(setup_link()))

    assert db.session.scalars(select(Brand.id)).all() == [made]


def test_a_company_that_is_set_up_is_not_set_up_again(
    client: FlaskClient, company: SimpleNamespace, login: Any
) -> None:
    assert setup_link() is None
    assert login(client, company.admin).get("/company/new").location == "/settings/"


# ---- the demo --------------------------------------------------------------------------------------------------


def test_the_page_names_what_goes_and_asks_first(client: FlaskClient, invented: User, login: Any) -> None:
    page = login(client, invented).get("/company/new").get_data(as_text=True)
    customers, answers = count("customer"), count("response")
    assert f"Customers: {customers}, answers: {answers}" in page

    answer = fill(client, "/company/new")

    assert answer.status_code == 422
    assert "Tick this" in answer.get_data(as_text=True)
    assert count("customer") == customers


def test_founding_takes_every_row_of_the_demo_along(client: FlaskClient, invented: User, login: Any) -> None:
    login(client, invented)

    assert fill(client, "/company/new", agreed="y").status_code == 303

    kept = {"pool", "brand", "region", "user", "user_region", "user_session", "duty", "sender", "touchpoint", "survey"}
    kept |= {"survey_version", "step_words", "invitation_policy", "cause", "audit_entry", "message", "login_attempt"}
    kept |= {"heartbeat", "outage", "retention"}
    assert {table for table in db.metadata.tables if count(table)} <= kept
    assert not db.session.scalar(select(func.count()).where(Brand.is_demo))
    assert set(db.session.scalars(select(User.email))) == {"olena@dreno.example", "oksana@dreno.example"}
    assert count("audit_entry") < 20
    assert client.get("/").status_code == 200  # signed in as the new administrator
    assert demo.was_removed()
    assert not demo.is_wanted()
    if is_sqlite():
        assert db.session.execute(text("PRAGMA foreign_key_check")).all() == []


def test_a_failure_while_founding_leaves_the_demo_whole(client: FlaskClient, invented: User, login: Any) -> None:
    login(client, invented)
    before = {table: count(table) for table in ("customer", "response", "user", "brand")}

    answer = fill(client, "/company/new", agreed="y", admin_email="kyiv@example.com")

    assert answer.status_code == 422
    assert {table: count(table) for table in before} == before


def test_what_is_not_of_the_demo_stays(app: Flask, invented: User, drawn: loader.Drawn) -> None:
    """A company of one's own in another pool, its cases and notes, even those of the demo's people."""
    with transaction() as session:
        session.execute(update(Region).values(key="demo-" + Region.key))
        own = cast.found(session, password_hash=CHEAP_HASH, now=DRAWN_AT)
        answer = factories.make_response(own, now=DRAWN_AT, score=2)
        answer.read_at, answer.read_by_id = DRAWN_AT, invented.id
    before = {table: count(table) for table in ("response", "customer", "user", "brand", "region", "interaction")}

    with transaction():
        removal.remove_demo(actor=COMMAND, now=DRAWN_AT)

    after = {table: count(table) for table in before}
    assert after == {"response": 1, "customer": 1, "user": 5, "brand": 1, "region": 2, "interaction": 1}
    assert all(before[table] > after[table] for table in before)
    db.session.expire_all()
    assert (answer.score, answer.read_by_id) == (2, None)
    assert demo.was_removed()


def test_only_a_demo_is_removed(company: SimpleNamespace) -> None:
    with pytest.raises(removal.NoDemo), transaction():
        removal.remove_demo(actor=COMMAND, now=DRAWN_AT)

    assert count("brand") == 1


def test_a_brand_that_shares_the_pool_of_the_demo_saves_it(invented: User) -> None:
    with transaction() as session:
        demo_brand = session.scalars(select(Brand)).one()
        session.add(
            Brand(
                pool_id=demo_brand.pool_id,
                key="own",
                name={"en": "Own"},
                phrase={},
                postal_address={},
                created_at=DRAWN_AT,
            )
        )

    with pytest.raises(removal.SharedWithDemo, match="Own"), transaction():
        removal.remove_demo(actor=COMMAND, now=DRAWN_AT)


def test_without_another_administrator_the_demo_stays(invented: User) -> None:
    with pytest.raises(removal.NobodyLeft), transaction():
        removal.remove_demo(actor=COMMAND, now=DRAWN_AT)

    assert removal.counts() == {"customers": count("customer"), "answers": count("response"), "imported": 0}


def test_only_files_of_the_removed_demo_are_deleted(app: Flask, invented: User, tmp_path: Any) -> None:
    with transaction() as session:
        session.execute(update(Region).values(key="demo-" + Region.key))
        own = cast.found(session, password_hash=CHEAP_HASH, now=DRAWN_AT)
        message = factories.make_message(own, now=DRAWN_AT)
    (tmp_path / "outbox").mkdir()
    old = [
        tmp_path / "outbox" / "20200101-000000-000000001.eml",
        tmp_path / "outbox" / f"20261120-100000-{message.id:09d}.eml",
    ]
    for file in old:
        file.write_text("letter")
    removal.forget_files(tmp_path, now=DRAWN_AT)
    assert all(file.exists() for file in old)

    later = clock.utcnow() + timedelta(minutes=1)
    with transaction():
        removal.remove_demo(actor=COMMAND, now=later)
    removal.forget_files(tmp_path, now=later)

    assert [file.exists() for file in old] == [False, True]


def test_the_log_of_the_demo_goes_and_says_that_it_went(invented: User, client: FlaskClient, login: Any) -> None:
    login(client, invented)
    client.get(f"/customers/{db.session.scalar(text('SELECT min(id) FROM customer'))}")

    fill(client, "/company/new", agreed="y")

    events = set(db.session.scalars(select(AuditEntry.event)))
    assert "customer.viewed" not in events
    assert {"demo.loaded", "demo.removed", "company.founded"} <= events
    assert founding.is_open() is False
