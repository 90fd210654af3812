"""The stop list as an administrator works with it: finding, entering, importing, releasing, taking out."""

from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import xlsxwriter
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from npsapp.audit.models import AuditEntry
from npsapp.db import db, insert_many, transaction
from npsapp.delivery import queries, suppressions
from npsapp.delivery.models import Suppression
from npsapp.delivery.rules import Channel, SuppressionReason
from npsapp.delivery.suppressions import Wanted
from tests.cast import csrf

PAGE = "/suppressions/"


@pytest.fixture
def admin(
    client: FlaskClient, company: SimpleNamespace, login: Callable[..., FlaskClient], at_now: datetime
) -> FlaskClient:
    return login(client, company.admin)


def stop(now: datetime, address: str, reason: SuppressionReason = SuppressionReason.BOUNCED, **over: Any) -> int:
    with transaction() as session:
        values = {"channel": Channel.EMAIL, "address": address, "reason": reason, "since": now} | over
        row = Suppression(**values)
        session.add(row)
        session.flush()
        return row.id


def shown(client: FlaskClient, query: str = "") -> str:
    return client.get(f"{PAGE}{query}").get_data(as_text=True)


def post(client: FlaskClient, path: str, **data: Any) -> Any:
    data |= {"csrf_token": csrf(client.get(f"{PAGE}new").get_data(as_text=True))}
    return client.post(f"{PAGE}{path}", data=data, content_type="multipart/form-data")


def add(client: FlaskClient, **data: Any) -> Any:
    return post(client, "new", **{"reason": "by_hand", "brand": "", "note": "", "until": ""} | data)


def stopped(*addresses: str, now: datetime, channel: Channel = Channel.EMAIL) -> set[str]:
    db.session.rollback()
    return queries.suppressed(channel, addresses, brand_id=None, now=now)


def events() -> list[str]:
    db.session.rollback()
    rows = db.session.scalars(select(AuditEntry.event).where(AuditEntry.event.startswith("suppression")))
    return list(rows)


# ---- finding ---------------------------------------------------------------------------------------------------


def test_the_list_is_narrowed_by_address_reason_channel_and_brand(
    admin: FlaskClient, company: SimpleNamespace, at_now: datetime
) -> None:
    stop(at_now, "petro@example.com")
    stop(at_now, "petr_x@example.com", SuppressionReason.COMPLAINT, brand_id=company.brand.id)
    stop(at_now, "+380671234567", SuppressionReason.BY_HAND, channel=Channel.SMS)
    stop(at_now, "gone@example.com", lifted_at=at_now, lifted_note="wrote to us")
    stop(at_now, "over@example.com", until=at_now)
    by_query = {
        "": {"petro@", "petr_x@", "+380671234567"},
        "?q=PETR": {"petro@", "petr_x@"},
        "?q=petr_": {"petr_x@"},
        "?q=067+123+45+67": {"+380671234567"},
        "?q=%25": set(),
        "?reason=complaint": {"petr_x@"},
        "?channel=sms": {"+380671234567"},
        f"?brand={company.brand.id}": {"petr_x@"},
        "?show=released": {"gone@"},
    }

    for query, expected in by_query.items():
        page = shown(admin, query)
        assert {one for one in ("petro@", "petr_x@", "+380671234567", "gone@", "over@") if one in page} == expected, (
            query
        )
    assert "wrote to us" in shown(admin, "?show=released")


def asked(deed: Callable[[], str]) -> tuple[int, str]:
    """How many statements a deed costs, and what it gives."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    given = deed()
    event.remove(db.engine, "before_cursor_execute", note)
    return len(seen), given


def test_a_page_costs_the_same_however_long_the_list_is(admin: FlaskClient, at_now: datetime) -> None:
    same = {"channel": Channel.EMAIL, "reason": SuppressionReason.BOUNCED, "since": at_now, "brand_id": None}
    costs = []
    for start, count in ((0, 60), (60, 3000)):
        with transaction():
            rows = [{"address": f"a{number}@example.com"} for number in range(start, start + count)]
            insert_many(Suppression, rows, until=None, lifted_at=None, **same)
        statements, page = asked(lambda: shown(admin))
        costs.append((statements, page.count("@example.com</span>")))

    assert costs[0] == costs[1]
    assert costs[0][1] == 50
    assert 'rel="next"' in page


@pytest.mark.sqlite_only
def test_finding_by_the_beginning_of_an_address_uses_the_index(
    app: Flask, company: SimpleNamespace, now: datetime
) -> None:
    where = list(suppressions._conditions(Wanted(q="petro"), now))
    sql = select(Suppression.id).where(*where).compile(db.engine, compile_kwargs={"literal_binds": True})
    plan = str(db.session.execute(db.text(f"EXPLAIN QUERY PLAN {sql}")).all())

    assert "ix_suppression_begins" in plan


@pytest.mark.sqlite_only  # the database has no part in it
def test_only_administrators_see_the_list(
    client: FlaskClient, company: SimpleNamespace, login: Callable[..., FlaskClient]
) -> None:
    login(client, company.manager_kyiv)

    assert [client.get(PAGE + path).status_code for path in ("", "new", "export.csv")] == [403] * 3


def test_the_export_holds_what_is_shown_and_no_formulas(admin: FlaskClient, at_now: datetime) -> None:
    stop(at_now, "petro@example.com", note="=HYPERLINK(1)")
    stop(at_now, "maria@example.com", SuppressionReason.COMPLAINT)

    answer = admin.get(f"{PAGE}export.csv?reason=bounced")

    lines = answer.get_data(as_text=True).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("petro@example.com,e-mail,letters come back,")
    assert lines[1].endswith("'=HYPERLINK(1)")
    assert events() == ["suppressions.exported"]


# ---- entering --------------------------------------------------------------------------------------------------


def test_a_few_typed_addresses_are_stopped_at_once(admin: FlaskClient, at_now: datetime) -> None:
    answer = add(admin, text="Petro@Example.com\n067 123 45 67\n", note="by phone", until="2026-12-31")

    assert answer.status_code == 303
    assert stopped("petro@example.com", now=at_now) == {"petro@example.com"}
    for channel in (Channel.SMS, Channel.PHONE):
        assert stopped("+380671234567", now=at_now, channel=channel)
    row = db.session.scalars(select(Suppression).limit(1)).one()
    assert (row.note, f"{row.until:%Y-%m-%d %H}") == ("by phone", "2026-12-31 22")  # midnight in Kyiv
    assert add(admin, text="petro@example.com").status_code == 303
    assert len(db.session.scalars(select(Suppression).where(Suppression.channel == Channel.EMAIL)).all()) == 1
    assert events() == ["suppressions.imported"]


@pytest.mark.sqlite_only  # the database has no part in it
@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"text": ""}, "Type an address, or choose a file."),
        ({"text": "nobody"}, "There is no address in it."),
        ({"text": "a@b.example", "until": "2026-11-19"}, "This day is over."),
    ],
)
def test_what_cannot_be_is_refused_in_words(admin: FlaskClient, data: dict[str, str], said: str) -> None:
    answer = add(admin, **data)

    assert answer.status_code == 422
    assert said in answer.get_data(as_text=True)


def workbook() -> bytes:
    file = BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(
            [("E-mail", "Reason"), ("a@one.example", "x"), ("nobody", "y"), ("b@two.example", "")]
        ):
            sheet.write_row(at, 0, row)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b'E-mail;Reason\na@one.example;x\nnobody;y\n"b@two.example";\n',
        "Адреса,Причина\na@one.example,x\nnobody,y\nb@two.example,\na@one.example,twice".encode("cp1251"),
        workbook(),
    ],
    ids=["csv", "cp1251", "xlsx"],
)
def test_a_file_is_shown_before_it_counts(admin: FlaskClient, app: Flask, at_now: datetime, content: bytes) -> None:
    stop(at_now, "b@two.example")

    answer = add(admin, file=(BytesIO(content), "stops.csv"), reason="unsubscribed")
    page = admin.get(answer.headers["Location"]).get_data(as_text=True)

    assert "1 address is new." in page
    assert "1 stands on the list already." in page
    assert "1 line without an address is left out." in page
    assert "nobody" in page
    assert stopped("a@one.example", now=at_now) == set()

    assert post(admin, answer.headers["Location"].removeprefix(PAGE)).status_code == 303

    assert stopped("a@one.example", now=at_now) == {"a@one.example"}
    assert admin.get(answer.headers["Location"]).status_code == 404
    assert list(Path(app.instance_path, "stops").iterdir()) == []


@pytest.mark.sqlite_only  # the database has no part in it
@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04 damaged", b"\0\1\2" * 100])
def test_what_is_no_table_is_refused_and_nothing_stays(admin: FlaskClient, app: Flask, content: bytes) -> None:
    assert add(admin, file=(BytesIO(content), "stops.xlsx")).status_code == 422
    assert list(Path(app.instance_path, "stops").iterdir()) == []


@pytest.mark.sqlite_only  # the database has no part in it
def test_a_preview_that_is_not_there_is_not_found(admin: FlaskClient) -> None:
    for token in ("x" * 24, "..%2F..%2Fetc%2Fpasswd", "short"):
        assert admin.get(f"{PAGE}new/{token}").status_code == 404


# ---- releasing -------------------------------------------------------------------------------------------------


def test_an_address_is_released_with_a_reason(admin: FlaskClient, at_now: datetime) -> None:
    entry = stop(at_now, "petro@example.com")
    assert post(admin, f"{entry}/release", note=" ").status_code in (303, 409, 422)
    assert stopped("petro@example.com", now=at_now)

    assert post(admin, f"{entry}/release", note="the mailbox works again").status_code == 303

    assert stopped("petro@example.com", now=at_now) == set()
    assert events() == ["suppression.lifted"]
    assert post(admin, f"{entry}/release", note="again").status_code == 404


@pytest.mark.parametrize("reason", suppressions.SURE)
def test_what_the_customer_wanted_needs_a_confirmation(
    admin: FlaskClient, at_now: datetime, reason: SuppressionReason
) -> None:
    entry = stop(at_now, "petro@example.com", reason)

    page = post(admin, f"{entry}/release", note="he called")
    assert stopped("petro@example.com", now=at_now)
    assert page.status_code in (303, 409, 422)

    post(admin, f"{entry}/release", note="he called", sure="1")
    assert stopped("petro@example.com", now=at_now) == set()
