"""The pages of imports: upload, preview, confirmation, report."""

import io
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.audit.services import by_user
from npsapp.customers.models import ContactPoint, Ground
from npsapp.db import db, transaction
from npsapp.delivery.models import Gateway, Sender
from npsapp.delivery.queries import brands_without_server
from npsapp.delivery.rules import Channel, GatewayKind
from npsapp.intake import queries as intake
from npsapp.intake.models import BatchState, ImportBatch, Interaction, Source, SourceValue
from npsapp.invitations import policies, preview, services as invitations
from npsapp.invitations.criteria import Acquaintance, Criteria
from npsapp.invitations.models import Invitation
from npsapp.invitations.quota_models import Quota, Stratum
from npsapp.invitations.rules import Reason
from npsapp.organization.models import Holiday
from npsapp.surveys.models import Survey
from npsapp.surveys.rules import SurveyState
from npsapp.worker import collecting
from tests.cast import csrf
from tests.factories import make_customer, make_interaction, make_invitation
from tests.intake.files import CSV_1C, HEADING, XLSX_1C, csv_file, purchases, workbook


class Browser:
    """Somebody signed in, whose jobs run at once."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, url: str) -> TestResponse:
        db.session.rollback()
        return self.client.get(url)

    def post(self, url: str, page: str = "/imports/new", **fields: object) -> TestResponse:
        token = csrf(self.get(page).text)
        with collecting() as run_all:
            answer = self.client.post(url, data={"csrf_token": token, **fields}, content_type="multipart/form-data")
            run_all()
        return answer

    def upload(self, path: Path, source: str = "Каса") -> str:
        with path.open("rb") as stream:
            answer = self.post("/imports/new", source=source, file=(io.BytesIO(stream.read()), path.name))
        assert answer.status_code == 302, answer.text
        return answer.location


@pytest.fixture
def browser(company: SimpleNamespace, client: FlaskClient, login, at_now: datetime) -> Browser:
    return Browser(login(client, company.admin))


def _batch() -> ImportBatch:
    db.session.rollback()
    db.session.expire_all()
    return db.session.query(ImportBatch).order_by(ImportBatch.id.desc()).first()


def test_a_file_is_uploaded_previewed_confirmed_and_reported(browser: Browser, company: SimpleNamespace):
    page = browser.upload(CSV_1C)
    preview = browser.get(page).text

    assert "Will be asked:" in preview
    assert "Номер документа" in preview
    assert "olena.testova@example.com" in preview
    assert "in trial" in preview
    assert db.session.query(Interaction).count() == 0

    touchpoint = company.touchpoint.id
    answer = browser.post(f"{page}/confirm", page, touchpoint=touchpoint, ground_email="contract")

    report = browser.get(page).text
    assert answer.status_code == 302
    assert db.session.query(Interaction).count() == 3
    assert _batch().state is BatchState.DONE
    assert "Київська обл." in report
    assert db.session.query(Source).one().in_trial


def test_importing_and_going_live_needs_numbers_that_were_seen(browser: Browser, company: SimpleNamespace):
    page = browser.upload(XLSX_1C)
    chosen = {"touchpoint": company.touchpoint.id, "ground_email": "contract", "live_from": "2026-11-04"}
    live = {"first_day_cap": "50", "outbox": "y", "deed": "go_live"}

    browser.post(f"{page}/confirm", page, **chosen, **live)
    assert "Look at the new numbers" in browser.get(page).text
    assert db.session.query(Source).one().in_trial

    browser.post(f"{page}/confirm", page, **chosen, **live)
    db.session.expire_all()
    source = db.session.query(Source).one()
    assert not source.in_trial
    assert (source.live_from.isoformat(), source.first_day_cap) == ("2026-11-04", 50)
    assert source.outbox_confirmed_at is not None
    assert db.session.query(AuditEntry).filter_by(event=Event.SOURCE_WENT_LIVE).count() == 1


def test_the_report_of_a_source_in_trial_leads_to_where_it_goes_live(browser: Browser, company: SimpleNamespace):
    page = browser.upload(CSV_1C)
    browser.post(f"{page}/confirm", page, touchpoint=company.touchpoint.id)

    report = browser.get(page).text
    assert "The source is in trial" in report
    place = f"/connections/{db.session.query(Source).one().id}"
    assert f'href="{place}"' in report
    assert "Letters that would leave today: 0, within a week: 0." in browser.get(place).text
    browser.post(f"{place}/live", place, live_from="2026-11-01", first_day_cap="", deed="go_live")

    assert not db.session.query(Source).one().in_trial
    assert "The source is in trial" not in browser.get(page).text


def test_what_a_source_in_trial_would_ask_is_counted_by_the_planners_rule(
    browser: Browser, company: SimpleNamespace, at_now: datetime
):
    page = browser.upload(CSV_1C)
    browser.post(f"{page}/confirm", page, touchpoint=company.touchpoint.id, ground_email="contract")
    with transaction():
        invitations.plan(intake.undecided(10), without_mail=brands_without_server(), now=at_now)

    place = f"/connections/{db.session.query(Source).one().id}"
    assert "Letters that would leave today: 2, within a week: 2." in browser.get(place).text


TELLING = (
    "A;03.11.2026;new@b.example;Лівий берег;Київ;500;Олег",
    "B;04.11.2026;new@b.example;Лівий берег;Київ;500;Олег",
    "C;03.11.2026;odesa@b.example;Порт;Одеса;500;Іван",
    "D;03.11.2026;cheap@b.example;Новий;Київ;50;Ганна",
    "E;03.11.2026;boss@staff.example;Лівий берег;Київ;500;Олена",
    "F;03.11.2026;known@b.example;Лівий берег;;500;Петро",
    "G;03.11.2026;refused@b.example;Лівий берег;Київ;500;Марія",
    "H;03.11.2026;;Лівий берег;Київ;500;Степан",
)
BY_PHONE = (
    "I;03.11.2026;;Лівий берег;Київ;500;Юлія;+380501112233",
    "J;04.11.2026;;Лівий берег;Київ;500;Юлія;+380501112233",
    "K;03.11.2026;;Лівий берег;Київ;500;Рома;+380501112244",
    "L;04.11.2026;;Лівий берег;Київ;500;Рома;+380501112244",
)
CHOSEN = Criteria(amount_from=Decimal(100), acquaintance=Acquaintance.NEW)


@pytest.mark.parametrize(
    ("rule", "care"),
    [
        ({}, {"staff": ["@staff.example"]}),
        ({"criteria": CHOSEN.to_json()}, {}),
        ({"first_channel": Channel.EXTERNAL}, {}),
        ({"mobile_sms": True}, {}),
        ({}, {"consent_only": True}),
    ],
)
def test_the_preview_of_a_file_says_what_planning_will_do(
    browser: Browser, company: SimpleNamespace, at_now: datetime, tmp_path: Path, rule: dict, care: dict
):
    who = {"actor": by_user(company.admin.id), "now": at_now}
    with transaction():
        known = make_customer(company, now=at_now, email="known@b.example")
        make_interaction(company, now=at_now, customer=known, undecided=False)
        make_customer(company, now=at_now, email="julia@b.example", phone="+380501112233")
        refused = make_customer(company, now=at_now, email="refused@b.example")
        for ground in db.session.scalars(select(Ground).join(ContactPoint).filter_by(customer_id=refused.id)):
            ground.withdrawn_at = at_now
        db.session.add(Holiday(region_id=company.regions.kyiv.id, day=at_now.date(), name={"en": "Day off"}))
        criteria = Criteria.from_json(rule.get("criteria", {}))
        kyiv = replace(criteria, regions=frozenset({company.regions.kyiv.id})).to_json()
        survey = db.session.get_one(Survey, company.survey.id)
        survey.state = SurveyState.PAUSED  # what asks cannot be given a channel that is not there
        policies.change_policy(survey.id, rule | {"criteria": kyiv}, **who)
        policies.change_care(company.pool.id, care, **who)
        survey.state = SurveyState.ACTIVE
    rows = [*(f"{line};" for line in TELLING), *BY_PHONE]
    page = browser.upload(csv_file(tmp_path, rows, heading=f"{HEADING};Телефон"))
    choices = {"touchpoint": company.touchpoint.id, "ground_email": "contract", "live_from": "2026-11-01"}
    browser.post(f"{page}/confirm", page, **choices, deed="count")
    before = preview.would_ask(_batch(), live_from=date(2026, 11, 1), now=at_now)
    assert db.session.query(SourceValue).count() == 0

    browser.post(f"{page}/confirm", page, **choices, first_day_cap="", outbox="y", deed="go_live")
    source_id = _batch().source_id
    with transaction():
        invitations.plan(intake.undecided(100), without_mail=(), now=at_now)
    lines = select(Invitation).join(Interaction).where(Interaction.source_id == source_id)
    planned = db.session.scalars(lines).all()

    assert Counter(line.reason for line in planned if line.reason) == before.reasons
    moments = [line.send_at for line in planned if line.send_at]
    assert (before.asked, before.this_week) == (len(moments), len(moments))
    assert before.today == sum(moment < at_now + timedelta(days=1) for moment in moments)
    assert len(planned) == len(rows)


def test_with_a_quota_the_preview_says_at_most(browser: Browser, company: SimpleNamespace, tmp_path: Path):
    with transaction():
        for month in (date(2026, 11, 1), date(2026, 12, 1)):
            about = {"survey_id": company.survey.id, "kind": Stratum.UNIT, "place_id": company.units.kyiv.id}
            db.session.add(Quota(**about, month=month, target=5))
    page = browser.upload(csv_file(tmp_path, TELLING[:1]))
    choices = {"touchpoint": company.touchpoint.id, "ground_email": "contract", "live_from": "2026-11-01"}

    browser.post(f"{page}/confirm", page, **choices, deed="count")

    assert "Will be asked: at most 1." in browser.get(page).text


def test_counting_again_keeps_the_choices_and_changes_nothing_else(browser: Browser, company: SimpleNamespace):
    page = browser.upload(CSV_1C)
    before = browser.get(page).text

    browser.post(
        f"{page}/confirm",
        page,
        touchpoint=company.touchpoint.id,
        ground_email="contract",
        live_from="2026-11-01",
        deed="count",
    )
    after = browser.get(page).text

    assert "Will be asked: 0." in before
    assert "Will be asked: 2." in after
    assert db.session.query(Interaction).count() == 0
    assert _batch().state is BatchState.STAGED


def test_columns_are_assigned_anew(browser: Browser, company: SimpleNamespace, tmp_path: Path):
    path = csv_file(tmp_path, ["A;03.11.2026;a@b.co"], heading="Ключ;Дата;E-mail")
    page = browser.upload(path)

    browser.post(f"{page}/columns", page, **{"column-0": "external_id", "column-1": "happened_at", "column-2": "email"})
    browser.post(f"{page}/confirm", page, touchpoint=company.touchpoint.id)

    assert db.session.query(Interaction).one().external_id == "A"


def test_a_file_without_the_needed_columns_says_so_and_can_be_read_with_chosen_ones(browser: Browser, tmp_path: Path):
    rows = [["Магазин", "Сумма", "Когда", "E-mail"], ["К", 10, "03.11.2026", "a@b.co"]]
    page = browser.upload(workbook(tmp_path / "a.xlsx", rows))
    refused = browser.get(page).text

    assert "Row 1 has headings, but no column for: the date of the purchase" in refused
    assert "Nothing of the file was imported" in refused
    assert "a@b.co" in refused

    chosen = {"column-0": "unit", "column-1": "amount", "column-2": "happened_at", "column-3": "email"}
    browser.post(f"{page}/columns", page, **chosen)

    assert _batch().state is BatchState.STAGED
    assert _batch().rows == 1


def test_the_name_of_a_file_may_be_cyrillic_or_hostile(browser: Browser, tmp_path: Path):
    path = csv_file(tmp_path, purchases(1))
    browser.upload(path)
    assert _batch().file_name == "Продажі за листопад.csv"

    hostile = tmp_path / "<script>alert(1)<&script>.csv"
    hostile.write_bytes(path.read_bytes())
    page = browser.upload(hostile)

    assert "<script>alert" not in browser.get(page).text


def test_rejected_rows_are_downloaded_safe_from_formulas(browser: Browser, tmp_path: Path):
    lines = [*purchases(2), 'X;=HYPERLINK("http://evil");a@b.co;;;;']
    page = browser.upload(csv_file(tmp_path, lines))

    answer = browser.get(f"{page}/rejects.csv")

    assert answer.mimetype == "text/csv"
    text = answer.data.decode("utf-8-sig")
    assert text.splitlines()[0] == "line,reason,column,value"
    assert text.splitlines()[1].startswith("4,The date cannot be read.")
    assert "'=HYPERLINK" in text
    assert db.session.query(AuditEntry).filter_by(event=Event.REJECTS_EXPORTED).count() == 1


def test_an_import_is_undone_from_its_page(browser: Browser, company: SimpleNamespace):
    page = browser.upload(CSV_1C)
    browser.post(f"{page}/confirm", page, touchpoint=company.touchpoint.id)

    browser.post(f"{page}/undo", page)

    assert db.session.query(Interaction).count() == 0
    assert _batch().state is BatchState.UNDONE
    assert "undone" in browser.get(page).text


def test_an_import_because_of_which_a_letter_left_is_not_undone(
    browser: Browser, company: SimpleNamespace, at_now: datetime
):
    page = browser.upload(CSV_1C)
    browser.post(f"{page}/confirm", page, touchpoint=company.touchpoint.id)
    db.session.rollback()
    with transaction():
        asked = db.session.query(Interaction).filter_by(number="БУ00-000101").one()
        make_invitation(company, now=at_now, interaction=asked, handed_over_at=at_now)

    shown = browser.get(page).text
    browser.post(f"{page}/undo", page)

    assert "Undo this import" not in shown
    assert db.session.query(Interaction).count() == 3
    assert _batch().state is BatchState.DONE


def test_a_planned_line_does_not_stand_in_the_way_of_undoing(
    browser: Browser, company: SimpleNamespace, at_now: datetime
):
    page = browser.upload(CSV_1C)
    browser.post(f"{page}/confirm", page, touchpoint=company.touchpoint.id, ground_email="contract")
    db.session.rollback()
    with transaction():
        invitations.plan(intake.undecided(10), without_mail=brands_without_server(), now=at_now)

    browser.post(f"{page}/undo", page)

    assert db.session.query(Interaction).count() == 0


def test_a_waiting_file_is_dropped(browser: Browser):
    page = browser.upload(CSV_1C)

    answer = browser.post(f"{page}/discard", page)

    assert answer.location.endswith("/imports/")
    assert _batch().state is BatchState.UNDONE


def test_a_file_above_the_limit_gets_a_sentence_with_the_limit(app: Flask, browser: Browser, monkeypatch):
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 10_000)
    monkeypatch.setitem(app.config, "UPLOAD_MEGABYTES", 1)

    answer = browser.post("/imports/new", source="Каса", file=(io.BytesIO(b"x" * 20_000), "a.csv"))

    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.text
    assert db.session.query(ImportBatch).count() == 0


@pytest.mark.parametrize("fields", [{}, {"source": "Каса"}, {"file": (b"", "")}])
def test_an_upload_without_file_or_source_says_what_is_missing(browser: Browser, fields: dict):
    sent = {name: (io.BytesIO(one[0]), one[1]) if name == "file" else one for name, one in fields.items()}
    answer = browser.post("/imports/new", **sent)

    assert answer.status_code == 422
    assert db.session.query(ImportBatch).count() == 0


def test_a_file_that_is_being_read_shows_how_far_it_is(browser: Browser):
    page = browser.upload(CSV_1C)
    with transaction():
        batch = db.session.query(ImportBatch).one()
        batch.state, batch.applied = BatchState.APPLYING, 2

    assert "2 of 3 rows are imported." in browser.get(page).text


def test_the_list_shows_every_file_and_explains_itself_when_empty(browser: Browser):
    assert "No file was imported yet" in browser.get("/imports/").text

    browser.upload(CSV_1C)

    assert CSV_1C.name in browser.get("/imports/").text


@pytest.mark.parametrize("who", ["analyst", "manager_kyiv", "support"])
def test_only_administrators_import(company: SimpleNamespace, client: FlaskClient, login, who: str):
    login(client, getattr(company, who))

    assert client.get("/imports/").status_code == 403
    assert client.get("/imports/new").status_code == 403


def test_a_file_that_does_not_exist_is_not_found(browser: Browser):
    for tail in ("", "/rejects.csv"):
        assert browser.get(f"/imports/999{tail}").status_code == 404


def test_every_deed_needs_the_forms_token(browser: Browser):
    page = browser.upload(CSV_1C)

    for deed in ("confirm", "columns", "discard", "undo"):
        assert browser.client.post(f"{page}/{deed}").status_code == 400
    assert _batch().state is BatchState.STAGED


def test_the_preview_counts_those_who_will_get_an_sms(
    browser: Browser, company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    with transaction() as session:
        sender = Sender(brand_id=company.brand.id, channel=Channel.SMS, name={}, address="NPS", reply_to="")
        session.add(sender)
        session.flush()
        hours = {"hours_from": time(9), "hours_until": time(20)}
        session.add(Gateway(sender_id=sender.id, kind=GatewayKind.KANNEL, url="http://127.0.0.1:9/", **hours))
        session.flush()
        who = {"actor": by_user(company.admin.id), "now": at_now}
        policies.change_policy(company.survey.id, {"mobile_sms": True}, **who)
    heading = "external_id;happened_at;email;unit;region;amount;customer_name;phone"
    place = "Лівий берег;Київ;500"
    people = ("067 123 45 01", "044 234 56 78", "", "067 123 45 04")
    lines = [
        f"S{n};03.11.2026;{'d@b.example' if n == 3 else ''};{place};Клієнт {n};{people[n]}" for n in range(len(people))
    ]
    page = browser.upload(csv_file(tmp_path, lines, heading=heading))
    choices = {"touchpoint": company.touchpoint.id, "ground_email": "contract", "live_from": "2026-11-01"}
    choices |= {"ground_sms": "consent"}
    browser.post(f"{page}/confirm", page, **choices, deed="count")
    before = preview.would_ask(_batch(), live_from=date(2026, 11, 1), now=at_now)

    browser.post(f"{page}/confirm", page, **choices, first_day_cap="", outbox="y", deed="go_live")
    with transaction():
        invitations.plan(intake.undecided(100), without_mail=(), now=at_now)
    planned = db.session.scalars(select(Invitation)).all()

    assert Counter(line.reason for line in planned if line.reason) == before.reasons == {Reason.NO_ADDRESS: 2}
    assert before.asked == 2
