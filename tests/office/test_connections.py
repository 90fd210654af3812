"""The pages of connections: added with a secret shown once, tested, mapped, taken live, closed; and the alarm."""

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.audit.services import COMMAND
from npsapp.cases import services as cases
from npsapp.cases.models import Case
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.intake import connections, exchanges, tasks
from npsapp.intake.models import ImportBatch, Interaction, Source, SourceKind, SourceValue, ValueKind
from npsapp.lib.refusals import Refused
from npsapp.office import silence
from npsapp.organization.models import Performer, Region
from npsapp.permissions import ApiScope
from npsapp.responses.models import DirtyDay, Response
from tests import factories as make
from tests.cast import csrf

URL = "https://nps.example"


class Browser:
    """Olena, signed in."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, url: str) -> str:
        db.session.rollback()
        answer = self.client.get(url)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, url: str, page: str = "/connections/new", **fields: object) -> TestResponse:
        token = csrf(self.get(page))
        return self.client.post(url, data={"csrf_token": token, **fields})


@pytest.fixture
def browser(company: SimpleNamespace, client: FlaskClient, login: Callable, at_now: datetime) -> Browser:
    return Browser(login(client, company.admin))


@pytest.fixture
def source(company: SimpleNamespace, now: datetime) -> Source:
    """A connection of a 1C base in trial."""
    with transaction():
        return connections.add(SourceKind.ONEC, "1C Kyiv", actor=COMMAND, now=now)[0]


def _fresh(source: Source) -> Source:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Source, source.id)


def _records(company: SimpleNamespace, source: Source, now: datetime, *days_ago: int) -> None:
    for ago in days_ago:
        db.session.add(
            ImportBatch(
                source_id=source.id, file_name="x", stored_as="", sha256="", size=0, columns={}, options={},
                unmapped={}, error_values={}, accepted=1, created_at=now - timedelta(days=ago),
            )
        )  # fmt: skip
    db.session.flush()


def test_a_connection_is_added_and_its_secret_is_shown_once(browser: Browser) -> None:
    answer = browser.post("/connections/new", kind="onec", name="1C Kyiv")

    made = db.session.scalars(db.select(Source)).one()
    secret = answer.text.split('id="fact-3">')[1].split("<")[0]
    assert connections.secret_fits(made, secret)
    assert answer.headers["Cache-Control"] == "no-store"
    assert f"/1c/exchange/{made.key}" in answer.text
    page = browser.get(f"/connections/{made.id}")
    assert secret not in page
    assert made.login in page
    assert "in trial" in browser.get("/connections/")


@pytest.mark.parametrize(("fields", "fault"), [
    ({"kind": "demo", "name": "x"}, "Not a valid choice"),
    ({"kind": "api", "name": " "}, "Give the"),
    ({"kind": "api", "name": "1C Kyiv"}, "There is a connection with this name already"),
])  # fmt: skip
def test_what_cannot_be_added_is_said(browser: Browser, source: Source, fields: dict[str, str], fault: str) -> None:
    answer = browser.post("/connections/new", **fields)

    assert answer.status_code == 422
    assert fault in answer.text


@pytest.mark.parametrize("kind", connections.KINDS)
def test_every_kind_says_what_to_do(
    browser: Browser, company: SimpleNamespace, now: datetime, kind: SourceKind
) -> None:
    with transaction():
        made, _secret = connections.add(kind, "one", actor=COMMAND, now=now)

    page = browser.get(f"/connections/{made.id}")

    assert "What to enter on the other side" in page
    assert "<li>" in page
    browser.get(f"/connections/{made.id}/settings")


def test_a_changed_secret_is_shown_and_the_old_one_is_dead(browser: Browser, source: Source, now: datetime) -> None:
    with transaction():
        old = connections.rotate(source.id, actor=COMMAND, now=now)

    answer = browser.post(f"/connections/{source.id}/rotate", page=f"/connections/{source.id}")

    new = answer.text.split('id="fact-3">')[1].split("<")[0]
    assert connections.secret_fits(_fresh(source), new)
    assert not connections.secret_fits(_fresh(source), old)


def test_settings_are_kept_and_strange_links_refused(
    browser: Browser, source: Source, company: SimpleNamespace
) -> None:
    place = f"/connections/{source.id}/settings"
    typed = {
        "name": "1C Odesa", "brand_id": company.brand.id, "touchpoint_id": company.touchpoint.id,
        "timezone": "Europe/Warsaw", "currency": "EUR", "country": "PL", "ask_completed": "y", "trigger": "paid",
        "encoding": "utf-8", "version": "3.1", "ground_email": "contract",
    }  # fmt: skip
    refused = browser.post(place, page=place, **typed, link_template="javascript:alert(1)")
    assert refused.status_code == 422

    answer = browser.post(place, page=place, **typed, link_template="https://shop.example/orders/{number}")

    assert answer.status_code == 303
    kept = _fresh(source)
    assert (kept.name, kept.timezone, kept.currency, kept.country) == ("1C Odesa", "Europe/Warsaw", "EUR", "PL")
    assert kept.settings == {"trigger": "paid", "encoding": "utf-8", "version": "3.1"}
    assert kept.grounds == {"email": "contract"}
    assert not kept.ids_are_persons


def _settings(browser: Browser, source: Source, **over: object) -> TestResponse:
    """Save the page of settings with some of them changed."""
    place, brand = f"/connections/{source.id}/settings", source.brand_id
    usual = {"name": source.name, "brand_id": brand, "timezone": source.timezone, "currency": source.currency}
    return browser.post(place, page=place, **usual, **over)


def _changed() -> dict:
    newest = db.select(AuditEntry).where(AuditEntry.event == Event.SETTING_CHANGED).order_by(AuditEntry.id.desc())
    db.session.rollback()
    return db.session.scalars(newest).first().data


def test_a_right_taken_from_a_key_is_refused_at_once(
    browser: Browser, client: FlaskClient, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        source, secret = connections.add(SourceKind.API, "Shop", actor=COMMAND, now=now)

    def send() -> TestResponse:
        word = {"email": "olena@shop.example", "channel": "email", "given": True}
        return client.post("/api/v1/consents", json=word, headers={"Authorization": f"Bearer {secret}"})

    assert browser.get(f"/connections/{source.id}/settings").count(" checked") >= len(ApiScope)
    assert send().status_code == 200
    assert _settings(browser, source, scopes=[]).status_code == 422

    assert _settings(browser, source, scopes=["interactions:write"]).status_code == 303

    refused = send()
    assert (refused.status_code, refused.mimetype) == (403, "application/problem+json")
    assert (refused.json["code"], "consents:write" in refused.json["detail"]) == ("no_scope", True)
    assert "scopes" in _changed()["fields"]
    assert _changed()["scopes"] == ["interactions:write"]


def test_settings_of_1c_hold_from_the_next_request_on(browser: Browser, client: FlaskClient, source: Source) -> None:
    with transaction():
        secret = connections.rotate(source.id, actor=COMMAND, now=source.created_at)
    password = b64encode(f"{source.login}:{secret}".encode()).decode()

    def ask(query: str) -> TestResponse:
        return client.get(f"/1c/exchange/{source.key}?{query}", headers={"Authorization": f"Basic {password}"})

    assert "windows-1251" in ask("type=sale&mode=nothing").content_type
    _settings(browser, source, trigger="shipment", encoding="utf-8", version="3.1")

    assert "utf-8" in ask("type=sale&mode=nothing").content_type
    assert "version=3.1" in ask("type=sale&mode=init&version=3.1").text
    assert _changed()["fields"] == ["ask_completed", "encoding", "version"]


def test_a_test_says_in_words_what_it_found(browser: Browser, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_source: Source) -> tuple[str, dict[str, str]]:
        raise Refused("The portal does not know the address.")

    place = f"/connections/{source.id}"
    assert "Test the connection" not in browser.get(place)
    monkeypatch.setitem(tasks.TESTERS, SourceKind.ONEC, refuses)
    assert "Test the connection" in browser.get(place)

    browser.post(f"{place}/test", page=place)

    assert "The portal does not know the address." in browser.get(place)


def test_the_page_shows_exchanges_counts_and_rejects(
    browser: Browser, source: Source, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        exchanges.note(source.id, "Checked in", now=now)
        exchanges.note(source.id, "Sent a file", Refused("The file has no end. Send it again."), now=now)
        _records(company, source, now, 0)
        make.make_interaction(company, now=now, source=source)
        make.make_interaction(company, now=now, source=source, customer_id=None)

    page = browser.get(f"/connections/{source.id}")

    assert "The file has no end. Send it again." in page
    assert "Anonymous</dt><dd>1" in page
    assert "Can be asked</dt><dd>1" in page


def test_going_live_says_first_how_many_letters_leave(
    browser: Browser, source: Source, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        make.make_interaction(company, now=now, source=source)
    place = f"/connections/{source.id}"
    assert "Letters that would leave today: " in browser.get(place)

    counted = browser.post(f"{place}/live", page=place, live_from=str(now.date()), deed="count")
    assert "Letters that would leave today: 0, within a week: 0" in counted.text
    assert _fresh(source).in_trial
    browser.post(f"{place}/live", page=place, live_from="2026-11-01", first_day_cap="20", deed="go_live")

    assert not _fresh(source).in_trial
    assert _fresh(source).first_day_cap == 20


def test_a_closed_connection_has_no_secret_to_change(browser: Browser, source: Source) -> None:
    place = f"/connections/{source.id}"
    browser.post(f"{place}/retire", page=place)

    assert "This connection is closed" in browser.get(place)
    assert browser.post(f"{place}/rotate").status_code == 404
    assert "Closed" in browser.get("/connections/")


def test_words_are_mapped_and_purchases_repaired(
    browser: Browser, source: Source, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        value = SourceValue(
            source_id=source.id, kind=ValueKind.REGION, raw="обл", shown="Обл.", first_at=now, last_at=now
        )
        db.session.add(value)
        db.session.flush()
        make.make_interaction(company, now=now, source=source, region_id=None, words=f",{value.id},")
    place = f"/connections/{source.id}/words"
    assert "Обл." in browser.get(place)

    browser.post(place, page=place, **{f"value-{value.id}": str(company.regions.odesa.id)})

    assert "1 purchase was repaired" in browser.get(place)
    db.session.expire_all()
    assert db.session.scalars(db.select(Interaction)).one().region_id == company.regions.odesa.id
    browser.post(place, page=place, **{f"value-{value.id}": "999"})
    assert db.session.get_one(SourceValue, value.id).target_id == company.regions.odesa.id


def test_words_stand_on_pages_with_what_nobody_said_first(browser: Browser, source: Source, now: datetime) -> None:
    with transaction():
        for number in range(60):
            said = {"raw": f"{number:02}", "shown": f"word {number:02}", "meaning": "ignore" if number < 20 else ""}
            db.session.add(
                SourceValue(
                    source_id=source.id, kind=ValueKind.PROPERTY, count=number, **said, first_at=now, last_at=now
                )
            )
    place = f"/connections/{source.id}/words"

    first, second = browser.get(place), browser.get(f"{place}?page=2")

    assert re.findall(r'class="lead">word (\d+)', first) == [
        f"{one:02}" for one in [*range(59, 19, -1), *range(19, 9, -1)]
    ]
    assert re.findall(r'class="lead">word (\d+)', second) == [f"{one:02}" for one in range(9, -1, -1)]


def test_among_many_employees_a_name_is_typed(
    browser: Browser, source: Source, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        for number in range(10_000):
            name = "Олена Коваль" if number in (7, 8) else f"Працівник {number:05}"
            db.session.add(Performer(brand_id=company.brand.id, key=f"e{number}", name=name, role="", created_at=now))
        words = [
            SourceValue(source_id=source.id, kind=ValueKind.PERFORMER, raw=raw, shown=raw, first_at=now, last_at=now)
            for raw in ("Коваль О.", "Працівн. 9000")
        ]
        db.session.add_all(words)
    place, (one, other) = f"/connections/{source.id}/words", words
    ids = {row.key: row.id for row in db.session.scalars(db.select(Performer))}

    page = browser.get(place)
    assert len(page) < 60_000
    assert f'<option value="Олена Коваль #{ids["e7"]}">' in page

    typed = {f"name-{one.id}": "олена коваль", f"name-{other.id}": "Працівник 09000"}
    refused = browser.post(place, page=place, **typed)
    text = refused.get_data(as_text=True)
    assert refused.status_code == 422
    assert f"Олена Коваль #{ids['e7']} or Олена Коваль #{ids['e8']}" in text
    assert f'aria-describedby="name-{one.id}-error"' in text
    assert 'value="Працівник 09000"' in text
    refused = browser.post(place, page=place, **typed | {f"name-{one.id}": "Ніхто"})
    assert "There is nothing of this name here" in refused.get_data(as_text=True)
    db.session.expire_all()
    assert db.session.get_one(SourceValue, other.id).target_id is None

    browser.post(place, page=place, **typed | {f"name-{one.id}": f"Олена Коваль #{ids['e8']}"})
    db.session.expire_all()
    assert db.session.get_one(SourceValue, one.id).target_id == ids["e8"]
    assert db.session.get_one(SourceValue, other.id).target_id == ids["e9000"]
    assert f'value="Олена Коваль #{ids["e8"]}"' in browser.get(place)


def test_a_word_for_something_retired_stays_when_others_are_said(
    browser: Browser, source: Source, company: SimpleNamespace, now: datetime
) -> None:
    odesa = company.regions.odesa.id
    with transaction():
        said = {"source_id": source.id, "kind": ValueKind.REGION, "first_at": now, "last_at": now}
        value = SourceValue(raw="обл", shown="Обл.", target_id=odesa, **said)
        db.session.add(value)
        db.session.get_one(Region, odesa).retired_at = now
    place = f"/connections/{source.id}/words"

    browser.post(place, page=place, **{f"value-{value.id}": ""})

    db.session.expire_all()
    assert db.session.get_one(SourceValue, value.id).target_id == odesa


def test_answers_and_cases_move_with_their_repaired_purchase(
    browser: Browser, source: Source, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        said = {"kind": ValueKind.REGION, "raw": "обл", "shown": "Обл."}
        value = SourceValue(source_id=source.id, **said, first_at=now, last_at=now)
        db.session.add(value)
        db.session.flush()
        bought = make.make_interaction(company, now=now, source=source, region_id=None, words=f",{value.id},")
        answer = make.make_response(company, now=now, score=2, interaction=bought)
        answer.region_id = None
    with transaction():
        cases.look_at(answer.id, now=now)
    place = f"/connections/{source.id}/words"

    browser.post(place, page=place, **{f"value-{value.id}": str(company.regions.odesa.id)})

    db.session.expire_all()
    odesa = company.regions.odesa.id
    assert db.session.scalars(db.select(Response.region_id)).all() == [odesa]
    assert db.session.scalars(db.select(Case.region_id)).all() == [odesa]
    assert db.session.scalars(db.select(DirtyDay.local_date)).all() == [answer.local_date]


def test_only_administrators_see_connections(
    company: SimpleNamespace, client: FlaskClient, login: Callable, source: Source
) -> None:
    login(client, company.manager_kyiv)

    assert client.get("/connections/").status_code == 403
    assert client.get(f"/connections/{source.id}").status_code == 403


# ---- silence ----------------------------------------------------------------------------------------------------


def test_a_silent_connection_is_told_once_and_on_the_start_page(
    browser: Browser, source: Source, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        _records(company, source, now, *range(10, 20))
        assert silence.look(source.id, public_url=URL, now=now)
    with transaction():
        assert not silence.look(source.id, public_url=URL, now=now + timedelta(hours=1))

    letter = db.session.scalars(db.select(Message)).one()
    assert letter.to_address == company.admin.email
    assert f"{URL}/connections/{source.id}" in letter.body
    assert "1C Kyiv: It has sent nothing" in browser.get("/")
    with transaction():
        _records(company, source, now, 0)
        assert not silence.look(source.id, public_url=URL, now=now)
    assert _fresh(source).alarm == ""
    assert "It has sent nothing" not in browser.get("/")


def test_a_lively_or_new_or_closed_connection_raises_no_alarm(
    source: Source, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        assert not silence.look(source.id, public_url=URL, now=now)
        _records(company, source, now, 1, 2, 3, 4)
        assert not silence.look(source.id, public_url=URL, now=now)
        connections.retire(source.id, actor=COMMAND, now=now)

    assert silence.watched() == []


# ---- the shell --------------------------------------------------------------------------------------------------


def test_connections_are_added_listed_and_changed_from_the_shell(app: Flask, company: SimpleNamespace) -> None:
    shell = app.test_cli_runner()
    added = shell.invoke(args=["connection", "add", "till", "--kind", "api"])
    assert added.exit_code == 0, added.output
    first = added.output.split("Key: ")[1].split("\n")[0]
    assert "till\tapi\ttrial" in shell.invoke(args=["connection", "list"]).output

    changed = shell.invoke(args=["connection", "rotate", "till"])

    made = db.session.scalars(db.select(Source)).one()
    second = changed.output.split("Key: ")[1].split("\n")[0]
    assert connections.secret_fits(made, second)
    assert not connections.secret_fits(made, first)
    assert shell.invoke(args=["connection", "add", "till", "--kind", "api"]).exit_code == 1
    assert shell.invoke(args=["connection", "rotate", "nobody"]).exit_code == 1
