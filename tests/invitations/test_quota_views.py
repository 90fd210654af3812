"""Pages of quotas: setting targets in bulk and from a spreadsheet, and how places stand."""

from datetime import date, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
import xlsxwriter
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.audit.models import AuditEntry
from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.invitations import targets
from npsapp.invitations.quota_models import Quota, QuotaRule, Stratum
from npsapp.invitations.rules import InvitationState
from tests import factories as make
from tests.cast import csrf

MONTH = date(2026, 11, 1)


@pytest.fixture
def admin(client: FlaskClient, company: SimpleNamespace, login: Any, at_now: datetime) -> FlaskClient:
    return login(client, company.admin)


def address(company: SimpleNamespace, page: str) -> str:
    return f"/schedule/quotas/{company.survey.id}/{page}"


def send(client: FlaskClient, path: str, **fields: Any) -> Any:
    token = csrf(client.get(path if not path.endswith(("copy", "alike")) else "/profile").text)
    return client.post(path, data={"csrf_token": token, **fields}, content_type="multipart/form-data")


def wanted() -> dict[tuple[int, str], int]:
    db.session.rollback()
    return {(one.place_id, f"{one.month:%Y-%m}"): one.target for one in db.session.scalars(select(Quota))}


def test_targets_are_typed_into_a_grid_of_places_and_months(admin: FlaskClient, company: SimpleNamespace) -> None:
    kyiv, odesa = company.units.kyiv.id, company.units.odesa.id

    typed = {f"{kyiv}-2026-11": "120", f"{kyiv}-2026-12": "1 000", f"{odesa}-2026-11": "", f"{odesa}-2027-01": "0"}

    answer = send(admin, address(company, "targets"), **{f"t-{place}": text for place, text in typed.items()})

    assert answer.status_code == 303
    assert wanted() == {(kyiv, "2026-11"): 120, (kyiv, "2026-12"): 1000, (odesa, "2027-01"): 0}
    audited = db.session.scalars(select(AuditEntry.data).where(AuditEntry.event == "setting.changed")).all()
    assert {"changed": ["targets"]} in audited
    assert 'value="120"' in admin.get(address(company, "targets")).text


@pytest.mark.parametrize("typed", ["-1", "1.5", "many", "100001", "٣"])
def test_what_is_no_number_is_refused_with_its_place(admin: FlaskClient, company: SimpleNamespace, typed: str) -> None:
    kyiv, odesa = company.units.kyiv.id, company.units.odesa.id

    answer = send(
        admin, address(company, "targets"), **{f"t-{kyiv}-2026-11": typed, f"t-{odesa}-2026-11": "7"}
    )  # fmt: skip

    assert answer.status_code == 422
    assert f'href="#t-{kyiv}-2026-11"' in answer.text
    assert f'value="{typed}"' in answer.text
    assert wanted() == {}


def test_targets_are_copied_from_the_month_before_and_set_alike_for_all(
    admin: FlaskClient, company: SimpleNamespace
) -> None:
    kyiv, odesa = company.units.kyiv.id, company.units.odesa.id

    send(admin, address(company, "alike"), month="2026-10", target="40")
    assert wanted() == {(kyiv, "2026-10"): 40, (odesa, "2026-10"): 40}
    send(admin, address(company, "copy"), month="2026-11")
    assert wanted() == {(one, month): 40 for one in (kyiv, odesa) for month in ("2026-10", "2026-11")}
    send(admin, address(company, "alike"), month="2026-10", target="", q="порт")

    assert (odesa, "2026-10") not in wanted()
    assert (kyiv, "2026-10") in wanted()


def test_a_spreadsheet_is_looked_at_before_it_is_saved(admin: FlaskClient, company: SimpleNamespace) -> None:
    file = "Магазин;11.2026;2026-12\nЛівий Берег;100;110\nПорт;;20\n".encode("cp1251")

    page = send(admin, address(company, "import"), file=(BytesIO(file), "targets.csv"))
    assert page.status_code == 200
    assert wanted() == {}
    assert "3 targets would change" in page.text

    rows = page.text.split('name="rows" value="')[1].split('"')[0].replace("&#34;", '"')
    send(admin, address(company, "import"), rows=rows)

    kyiv, odesa = company.units.kyiv.id, company.units.odesa.id
    assert wanted() == {(kyiv, "2026-11"): 100, (kyiv, "2026-12"): 110, (odesa, "2026-12"): 20}
    again = send(admin, address(company, "import"), file=(BytesIO(file), "targets.csv"))
    assert "changes nothing" in again.text


def test_a_workbook_in_three_columns_is_read_too(admin: FlaskClient, company: SimpleNamespace) -> None:
    stream = BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True, "default_date_format": "mm.yyyy"})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["Unit", "Month", "Answers"])
    sheet.write(1, 0, "порт")
    sheet.write_datetime(1, 1, datetime(2026, 11, 1), book.add_format({"num_format": "mm.yyyy"}))  # noqa: DTZ001
    sheet.write(1, 2, 55)
    book.close()

    page = send(admin, address(company, "import"), file=(BytesIO(stream.getvalue()), "targets.xlsx"))

    assert "1 target would change" in page.text
    assert ">55<" in page.text


def test_unknown_places_and_wrong_numbers_are_named_with_their_line(
    admin: FlaskClient, company: SimpleNamespace
) -> None:
    file = "Unit,Month,Answers\nПорт,2026-11,5\nNowhere,2026-11,7\nПорт,soon,7\nПорт,2026-11,6\nПорт,2026-12,x\n"

    page = send(admin, address(company, "import"), file=(BytesIO(file.encode()), "t.csv"))

    assert "4 places in the file cannot be used" in page.text
    for line, value in ((3, "Nowhere"), (4, "soon"), (5, "6"), (6, "x")):
        assert f'<td class="num">{line}</td><td>{value}</td>' in page.text
    assert 'name="rows"' not in page.text
    refused = send(admin, address(company, "import"), file=(BytesIO(b"%PDF-1.4"), "t.pdf"))
    assert refused.status_code == 422


@pytest.mark.parametrize("rows", ["[", '[["a"]]', "{}", '[[1,"2026-11",-5]]', "[[[],0,0]]"])
def test_rows_that_nobody_was_shown_save_nothing(admin: FlaskClient, company: SimpleNamespace, rows: str) -> None:
    assert send(admin, address(company, "import"), rows=rows).status_code in (303, 400)
    assert wanted() == {}


def test_the_planner_s_settings_are_changed_on_their_page(admin: FlaskClient, company: SimpleNamespace) -> None:
    fields = {
        "kind": "region", "safety": "1.3", "most_share": "50", "most_a_day": "", "carry_days": "3", "curve": "sms",
        "prior_rate": "12", "prior_weight": "30", "discount": "90",
    }  # fmt: skip

    page = admin.get(address(company, "rule")).text
    assert [page.count(f'value="{percent}"') for percent in (15, 95, 100)] == [1, 1, 1]

    assert send(admin, address(company, "rule"), **fields).status_code == 303
    rule = db.session.get(QuotaRule, company.survey.id)
    assert (rule.kind, rule.safety, rule.most_share, rule.prior_rate) == (Stratum.REGION, 1.3, 0.5, 0.12)
    assert (rule.most_a_day, rule.carry_days, rule.discount, rule.curve) == (None, 3, 0.9, "sms")
    assert send(admin, address(company, "rule"), **{**fields, "carry_days": "4"}).status_code == 422
    assert send(admin, address(company, "rule"), **{**fields, "kind": "planet"}).status_code == 422


@pytest.fixture
def with_targets(company: SimpleNamespace, now: datetime) -> SimpleNamespace:
    """Kyiv wants 100 answers and has 3; Odesa wants 5."""
    with transaction():
        for day in range(3):
            make.make_invitation(
                company, now=now, state=InvitationState.ANSWERED, sent_at=now - timedelta(days=day + 1), answered_at=now
            )
        places = {(company.units.kyiv.id, MONTH): 100, (company.units.odesa.id, MONTH): 5}
        targets.set_targets(company.survey, places, actor=PROGRAM, now=now)
    return company


def test_the_page_shows_how_each_place_stands(admin: FlaskClient, with_targets: SimpleNamespace) -> None:
    page = admin.get("/schedule/quotas/").text

    assert "Лівий берег" in page
    assert "Порт" in page
    assert 'data-label="Target">100<' in page
    assert 'data-label="Answers">3<' in page
    assert "Порт" not in admin.get("/schedule/quotas/?q=лівий").text
    assert "No targets in this month" in admin.get("/schedule/quotas/?month=2026-12").text


def test_managers_see_their_own_places_only(
    client: FlaskClient, with_targets: SimpleNamespace, login: Any, at_now: datetime
) -> None:
    manager = login(client, with_targets.manager_kyiv)

    page = manager.get("/schedule/quotas/").text
    file = manager.get("/schedule/quotas/export").get_data(as_text=True)

    assert "Лівий берег" in page
    assert "Порт" not in page
    assert "Лівий берег,2026-11,100,3" in file
    assert "Порт" not in file
    assert manager.get(f"/schedule/quotas/{with_targets.survey.id}/targets").status_code == 403


def test_survey_and_month_go_along_from_page_to_page(admin: FlaskClient, company: SimpleNamespace) -> None:
    survey = company.survey.id

    grid = admin.get(f"{address(company, 'targets')}?month=2027-02").text
    assert f"/schedule/quotas/?survey={survey}&amp;month=2027-02" in grid
    assert "/schedule/quotas/?month=2035-01" in admin.get("/schedule/?day=2035-01-05").text
