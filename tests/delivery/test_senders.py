"""The sender of a brand's letters and its mail server are entered by an administrator, and tried before they count."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.audit.models import AuditEntry
from npsapp.db import db, transaction
from npsapp.delivery.channels.mail import brands_without_server
from npsapp.delivery.models import Sender
from npsapp.delivery.tasks import send_next, start_sending
from npsapp.organization.models import Brand
from npsapp.worker import collecting
from tests import factories
from tests.cast import csrf
from tests.mailserver import MailServer, free_port, make_certificate

LOGIN = ("nps", "s3cret-word")
DATA = {"name_uk": "Водолад", "address": "NPS@new.example", "reply_to": "shop@new.example", "port": "587"}
DATA |= {"security": "starttls", "host": "", "username": "", "password": ""}


@pytest.fixture
def url(company: SimpleNamespace) -> str:
    return f"/senders/{company.brand.id}"


@pytest.fixture
def admin(client: FlaskClient, company: SimpleNamespace, login: Callable[..., FlaskClient]) -> FlaskClient:
    return login(client, company.admin)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(params=["tls", "starttls"])
def server(
    request: pytest.FixtureRequest, app: Flask, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimpleNamespace]:
    """A mail server that wants a password and speaks TLS, and what one types to use it."""
    running = MailServer(login=LOGIN, certificate=certificate, starttls=request.param == "starttls").start()
    monkeypatch.setitem(app.config, "MAIL_CA_FILE", str(certificate))
    monkeypatch.setitem(app.config, "MAIL_TIMEOUT", 3.0)
    typed = {"host": "localhost", "port": str(running.port), "security": request.param}
    yield SimpleNamespace(running=running, typed=typed | {"username": LOGIN[0], "password": LOGIN[1]})
    running.stop()


def save(client: FlaskClient, url: str, **over: str) -> tuple[int, str]:
    token = csrf(client.get(url).get_data(as_text=True))
    answer = client.post(url, data=DATA | over | {"csrf_token": token})
    return answer.status_code, answer.get_data(as_text=True)


def stored() -> Sender:
    return db.session.scalars(select(Sender).execution_options(populate_existing=True)).one()


def test_the_sender_is_changed_in_place(admin: FlaskClient, url: str) -> None:
    assert save(admin, url)[0] == 303

    sender = stored()
    assert (sender.address, sender.reply_to, sender.name) == ("nps@new.example", "shop@new.example", {"uk": "Водолад"})


def test_a_brand_without_a_sender_gets_one(admin: FlaskClient, company: SimpleNamespace, url: str) -> None:
    with transaction():
        db.session.delete(company.sender)

    assert save(admin, url)[0] == 303

    assert stored().brand_id == company.brand.id


@pytest.mark.parametrize(
    "over",
    [
        {"address": "nobody"},
        {"reply_to": ""},
        {"name_uk": ""},
        {"address": "a@b.c\r\nBcc: x@y.z"},
        {"host": "smtp example.com"},
        {"host": "localhost", "port": "0"},
        {"host": "localhost", "port": ""},
        {"host": "localhost", "security": "perhaps"},
        {"host": "localhost", "password": "without a user"},
        {"per_minute": "-1"},
        {"connections": "0"},
    ],
)
def test_a_faulty_sender_is_refused(admin: FlaskClient, url: str, over: dict[str, str]) -> None:
    assert save(admin, url, **over)[0] == 422
    assert stored().address == "nps@vodolad.example"


def test_only_administrators_choose_the_sender(
    client: FlaskClient, company: SimpleNamespace, login: Callable[..., FlaskClient], url: str
) -> None:
    login(client, company.analyst)

    assert [client.get(page).status_code for page in (url, "/senders/")] == [403, 403]


def test_letters_leave_through_the_senders_own_server_without_a_restart(
    app: Flask, admin: FlaskClient, company: SimpleNamespace, url: str, server: SimpleNamespace, at_now: datetime
) -> None:
    assert brands_without_server() == {company.brand.id}
    assert 'href="/outbox/"' in admin.get(url).text

    assert save(admin, url, **server.typed)[0] == 303
    with transaction():
        message = factories.make_message(company, now=at_now)
    with collecting() as run_jobs:
        send_next(message.sender_id)
        run_jobs()

    assert [letter["From"] for letter in server.running.letters] == ["Водолад <nps@new.example>"]
    assert brands_without_server() == frozenset()
    page = admin.get(url).text
    assert 'href="/outbox/"' not in page
    assert "No mail server" not in page
    assert admin.get("/outbox/").status_code == 404


def test_the_password_is_sealed_never_shown_and_kept_when_left_empty(
    admin: FlaskClient, url: str, server: SimpleNamespace
) -> None:
    save(admin, url, **server.typed)
    sealed = stored().password

    page = admin.get(url).text
    status, _page = save(admin, url, **(server.typed | {"password": ""}))

    assert status == 303, "the stored password still opens the server"
    assert stored().password == sealed
    assert LOGIN[1] not in sealed
    assert LOGIN[1] not in page
    assert "A password is stored" in page
    lines = db.session.scalars(select(AuditEntry).where(AuditEntry.subject_type == "sender")).all()
    assert "password" in lines[0].data["fields"]
    assert LOGIN[1] not in str([line.data for line in lines])


def test_a_stored_password_goes_to_no_other_server(admin: FlaskClient, url: str, server: SimpleNamespace) -> None:
    save(admin, url, **server.typed)
    seen = len(server.running.logins)

    status, page = save(admin, url, **(server.typed | {"password": "", "host": "127.0.0.1"}))

    assert status == 422
    assert "letters cannot leave like this" in page
    assert LOGIN not in server.running.logins[seen:]
    assert stored().host == "localhost"


def test_a_password_sealed_with_a_lost_key_is_asked_for_anew(
    app: Flask, admin: FlaskClient, url: str, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(admin, url, **server.typed)
    monkeypatch.setitem(app.config, "SECRET_KEYS", ("another key, 1234567890",))

    status, page = save(admin, url, **(server.typed | {"password": ""}))

    assert status == 422
    assert "cannot be read with this secret key" in page


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"password": "wrong"}, "535"),
        ({"host": "no-such-host.invalid"}, "gaierror"),
        ({"host": "x" * 70}, "Error"),
        ({"port": str(free_port())}, "ConnectionRefusedError"),
        ({"username": "", "password": ""}, ""),
    ],
)
def test_a_server_that_does_not_let_us_in_is_not_saved_except_on_purpose(
    admin: FlaskClient, url: str, server: SimpleNamespace, over: dict[str, str], words: str
) -> None:
    wrong = server.typed | over
    status, page = save(admin, url, **wrong)
    if not words:  # signing in is asked of nobody without a name
        assert status == 303
        return

    assert status == 422
    assert words in page
    assert stored().host == ""

    assert save(admin, url, **wrong, anyway="y")[0] == 303
    assert stored().host == wrong["host"]


def test_a_certificate_nobody_vouches_for_is_named(
    app: Flask, admin: FlaskClient, url: str, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "MAIL_CA_FILE", "")

    status, page = save(admin, url, **server.typed)

    assert status == 422
    assert "CERTIFICATE_VERIFY_FAILED" in page
    assert server.running.logins == []


def test_a_test_letter_goes_to_oneself_on_the_customers_way(
    admin: FlaskClient, url: str, server: SimpleNamespace, at_now: datetime
) -> None:
    save(admin, url, **server.typed)

    with collecting() as run_jobs:
        admin.post(f"{url}/test", data={"csrf_token": csrf(admin.get(url).text)})
        run_jobs()

    assert [letter["To"] for letter in server.running.letters] == ["Olena <olena@vodolad.example>"]


def test_two_brands_have_two_servers_and_two_paces(
    app: Flask, company: SimpleNamespace, at_now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, own = MailServer().start(), MailServer().start()
    monkeypatch.setitem(app.config, "MAIL_SERVER", "127.0.0.1")
    monkeypatch.setitem(app.config, "MAIL_PORT", settings.port)
    with transaction() as session:
        second = Brand(
            pool_id=company.pool.id,
            key="second",
            name={"en": "Second"},
            phrase={},
            postal_address={},
            created_at=at_now,
        )
        session.add(second)
        session.flush()
        sender = Sender(
            brand_id=second.id, channel=company.sender.channel, name={"en": "Second"}, address="b@second.example",
            reply_to="b@second.example", host="127.0.0.1", port=own.port, security="none", per_minute=3,
        )  # fmt: skip
        session.add(sender)
        session.flush()
        sender_ids = (company.sender.id, sender.id)
        for _number in range(5):
            for brand in (company.brand.id, second.id):
                factories.make_message(
                    SimpleNamespace(brand=SimpleNamespace(id=brand), regions=company.regions), now=at_now
                )

    with collecting() as run_jobs:
        for sender_id in sender_ids:
            start_sending(sender_id)
        run_jobs()

    assert len(settings.letters) == 5
    assert len(own.letters) == 3, "three a minute"
    assert {letter["From"] for letter in own.letters} == {"Second <b@second.example>"}
    settings.stop()
    own.stop()
