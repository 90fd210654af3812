"""Users from the shell."""

import re

import pytest
from sqlalchemy import delete, select

from npsapp.accounts.models import Duty, User, UserSession
from npsapp.db import db, transaction
from npsapp.permissions import Role
from tests.cast import csrf


@pytest.fixture
def run(app):
    def invoke(*args, stdin=""):
        return app.test_cli_runner().invoke(args=["user", *args], input=stdin)

    return invoke


def by_email(email):
    return db.session.scalars(select(User).where(User.email == email).execution_options(populate_existing=True)).one()


def sign_in(app, email, password):
    client = app.test_client()
    token = csrf(client.get("/login").get_data(as_text=True))
    return client.post("/login", data={"email": email, "password": password, "csrf_token": token}).status_code == 302


def test_the_first_user_is_added_to_an_empty_database(app, run):
    result = run("add", "Boss@Example.com", "--role", "administrator", stdin="a long first password\n")

    assert result.exit_code == 0, result.output
    assert by_email("boss@example.com").role is Role.ADMINISTRATOR
    assert sign_in(app, "boss@example.com", "a long first password")


def test_a_password_is_made_and_printed_once_when_none_is_piped(app, company, run):
    result = run("add", "boss@example.com", "--role", "analyst")

    password = re.search(r"shown only now\): (\S+)", result.output).group(1)
    assert by_email("boss@example.com").name == "boss@example.com"
    assert sign_in(app, "boss@example.com", password)


@pytest.mark.parametrize("name", ["kyiv", "Киев", "КИЇВ", "Kyiv", "київ"])
def test_regions_are_known_by_key_and_by_name_in_any_language(company, run, name):
    result = run("add", "m@example.com", "--role", "manager", "--region", name)

    assert result.exit_code == 0, result.output
    assert [own.region_id for own in by_email("m@example.com").regions] == [company.regions.kyiv.id]


def test_a_manager_takes_only_regions_that_are_free(company, run):
    with transaction():
        db.session.execute(delete(Duty).where(Duty.region_id == company.regions.odesa.id))

    run("add", "m@example.com", "--role", "manager", "--region", "kyiv", "--region", "odesa")

    owners = dict(db.session.execute(select(Duty.region_id, Duty.user_id)).all())
    assert owners[company.regions.odesa.id] == by_email("m@example.com").id
    assert owners[company.regions.kyiv.id] == company.manager_kyiv.id


def test_an_unknown_region_lists_the_known_ones_and_adds_nobody(company, run):
    result = run("add", "m@example.com", "--role", "manager", "--region", "Atlantis")

    assert result.exit_code != 0
    assert "Atlantis" in result.output
    assert "odesa" in result.output
    assert "Одесса" in result.output
    assert db.session.scalar(select(User.id).where(User.email == "m@example.com")) is None


@pytest.mark.parametrize(
    "args",
    [
        ("olena@vodolad.example", "--role", "support"),
        ("not an address", "--role", "support"),
        ("m@example.com", "--role", "king"),
        ("m@example.com",),
    ],
)
def test_nonsense_is_refused_with_a_sentence(company, run, args):
    result = run("add", *args)

    assert result.exit_code != 0
    assert "Traceback" not in result.output


def test_a_forgotten_password_is_set_from_the_shell_and_ends_sessions(app, client, company, login, run):
    login(client, company.admin)

    result = run("password", company.admin.email, stdin="entirely new words")

    assert result.exit_code == 0
    assert "entirely" not in result.output, "what was piped in is not echoed"
    assert db.session.scalars(select(UserSession)).all() == []
    assert client.get("/profile").status_code == 302
    assert sign_in(app, company.admin.email, "entirely new words")


def test_the_password_of_nobody_cannot_be_set(company, run):
    result = run("password", "nobody@example.com", stdin="entirely new words")

    assert result.exit_code != 0
    assert "nobody@example.com" in result.output
