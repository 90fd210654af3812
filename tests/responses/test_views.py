"""Staff pages of answers: who sees what, filters in the address, marks, voiding, export."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.db import db, transaction
from npsapp.responses.models import DisputedAnswer, Response
from tests.cast import csrf
from tests.factories import make_customer, make_interaction, make_invitation, make_response


@pytest.fixture
def answers(company, now):
    """Five answers: three in Kyiv, two in Odesa; the newest first in each region."""

    def make(score, comment, region, minutes, **over):
        place = {"region_id": getattr(company.regions, region).id, "unit_id": getattr(company.units, region).id}
        customer = make_customer(company, now=now, name="Тарас Шевченко", name_key="тарас шевченко")
        interaction = make_interaction(company, now=now, undecided=False, customer=customer, **place)
        invitation = make_invitation(company, now=now, interaction=interaction)
        at = now - timedelta(minutes=minutes)
        return make_response(company, now=at, score=score, comment=comment, invitation=invitation, **over).id

    with transaction():
        return {
            "kyiv_bad": make(2, "Решітка зламана", "kyiv", 1),
            "kyiv_silent": make(9, "", "kyiv", 2),
            "kyiv_passive": make(7, "Нормально", "kyiv", 3),
            "odesa_bad": make(0, "=cmd|' /C calc'!A0", "odesa", 4),
            "odesa_good": make(10, "Чудово", "odesa", 5),
        }


def ids(client, query=""):
    page = client.get(f"/answers/{query}").get_data(as_text=True)
    return [int(part.split('"')[0]) for part in page.split('href="/answers/')[1:] if part.split('"')[0].isdigit()]


def test_nobody_sees_answers_without_signing_in(client, answers):
    assert client.get("/answers/").status_code in (302, 401)
    assert client.get("/answers/export.csv").status_code in (302, 401)


def test_an_administrator_sees_all_newest_first(client, login, company, answers):
    login(client, company.admin)

    assert ids(client) == list(answers.values())


def test_a_manager_sees_the_own_region_only(client, login, company, answers):
    login(client, company.manager_odesa)

    assert ids(client) == [answers["odesa_bad"], answers["odesa_good"]]
    assert ids(client, f"?region={company.regions.kyiv.id}") == []
    assert client.get(f"/answers/{answers['kyiv_bad']}").status_code == 404
    assert "Решітка" not in client.get("/answers/export.csv").get_data(as_text=True)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?group=detractor", ["kyiv_bad", "odesa_bad"]),
        ("?group=passive", ["kyiv_passive"]),
        ("?group=promoter", ["kyiv_silent", "odesa_good"]),
        ("?comment=without", ["kyiv_silent"]),
        ("?comment=with&group=promoter", ["odesa_good"]),
        ("?q=РЕШІТКА", ["kyiv_bad"]),
        ("?q=чудово", ["odesa_good"]),
        ("?q=шевченко+чудово", ["odesa_good"]),
        ("?q=100%25", []),
        ("?from=2026-11-21", []),
        ("?from=2026-11-20&to=2026-11-20&group=passive", ["kyiv_passive"]),
        ("?read=read", []),
        ("?score=7", ["kyiv_passive"]),
        ("?segment=0", []),
        (
            "?group=nonsense&region=x&from=yesterday&comment=with",
            ["kyiv_bad", "kyiv_passive", "odesa_bad", "odesa_good"],
        ),
    ],
)
def test_filters_stand_in_the_address(client, login, company, answers, query, expected):
    login(client, company.admin)

    assert ids(client, query) == [answers[name] for name in expected]


def test_filters_by_region_segment_and_touchpoint(client, login, company, answers):
    login(client, company.admin)

    assert ids(client, f"?region={company.regions.odesa.id}") == [answers["odesa_bad"], answers["odesa_good"]]
    assert len(ids(client, f"?segment={company.segment.id}&touchpoint={company.touchpoint.id}")) == 5
    assert len(ids(client, f"?survey={company.survey.id}&brand={company.brand.id}")) == 5
    assert ids(client, "?segment=999999") == ids(client, "?brand=999999") == []
    assert "No segment" in client.get("/answers/?segment=0").get_data(as_text=True)


def test_pages_follow_one_another_without_gaps_or_repeats(client, login, company, now):
    with transaction():
        made = [make_response(company, now=now - timedelta(minutes=n // 3)).id for n in range(120)]
    login(client, company.admin)

    seen, query = [], ""
    while True:
        page = client.get(f"/answers/{query}").get_data(as_text=True)
        seen += ids(client, query)
        if 'rel="next"' not in page:
            break
        query = "?" + page.split('rel="next" href="')[1].split('"')[0].split("?")[1].replace("&amp;", "&")
    assert sorted(seen) == sorted(made)
    assert len(seen) == 120


def test_a_broken_page_key_shows_the_first_page(client, login, company, answers):
    login(client, company.admin)

    for after in ("x", "2026~x", "2026-11-20~1~2", "2026-11-20T10:00:00~1", "%00"):
        assert len(ids(client, f"?after={after}")) == 5


def test_marking_one_and_all_on_the_page_as_read(client, login, company, answers):
    login(client, company.support)
    token = csrf(client.get("/answers/").get_data(as_text=True))
    ids_ = ",".join(str(answers[name]) for name in ("kyiv_bad", "odesa_bad"))

    sent = client.post(
        "/answers/read", data={"csrf_token": token, "ids": ids_, "state": "read", "back": "group=detractor"}
    )
    assert sent.headers["Location"] == "/answers/?group=detractor"
    assert ids(client, "?read=read") == [answers["kyiv_bad"], answers["odesa_bad"]]

    client.post("/answers/read", data={"csrf_token": token, "ids": str(answers["kyiv_bad"]), "state": "unread"})
    assert ids(client, "?read=read") == [answers["odesa_bad"]]


def test_marking_goes_back_to_this_list_only(client, login, company, answers):
    login(client, company.support)
    token = csrf(client.get("/answers/").get_data(as_text=True))

    for back in ("//evil.example/\r\nX: y", "next=//evil.example", "q=a%0d%0ab&_external=1&_scheme=ftp"):
        data = {"csrf_token": token, "ids": "1;2", "state": "read", "back": back}
        assert client.post("/answers/read", data=data).headers["Location"].startswith("/answers/")


def test_reading_a_page_marks_nothing(client, login, company, answers):
    login(client, company.admin)
    client.get(f"/answers/{answers['kyiv_bad']}")

    db.session.rollback()
    assert not db.session.scalars(select(Response.id).where(Response.read_at.is_not(None))).all()


def test_the_page_of_an_answer_shows_words_history_and_disputed_answers(client, login, company, answers, now):
    with transaction():
        db.session.add(DisputedAnswer(response_id=answers["kyiv_bad"], at=now, score=10, comment="Не вірте"))
    login(client, company.admin)

    page = client.get(f"/answers/{answers['kyiv_bad']}").get_data(as_text=True)
    assert "Решітка зламана" in page
    assert "Не вірте" in page
    assert ids(client, "?state=disputed") == [answers["kyiv_bad"]]


def test_an_administrator_voids_with_a_reason_and_restores(client, login, company, answers):
    login(client, company.admin)
    path = f"/answers/{answers['kyiv_bad']}"
    token = csrf(client.get(path).get_data(as_text=True))

    assert client.post(f"{path}/void", data={"csrf_token": token, "reason": "  "}).status_code == 422
    assert client.post(f"{path}/void", data={"csrf_token": token, "reason": "A test order"}).status_code == 303
    assert "A test order" in client.get(path).get_data(as_text=True)
    assert ids(client, "?state=voided") == [answers["kyiv_bad"]]
    assert ids(client, "?state=counted&group=detractor") == [answers["odesa_bad"]]
    assert client.post(f"{path}/restore", data={"count-csrf_token": token}).status_code == 422
    restored = client.post(f"{path}/restore", data={"count-csrf_token": token, "count-reason": "It was theirs"})
    assert restored.status_code == 303
    assert "It was theirs" in client.get(path).get_data(as_text=True)
    assert ids(client, "?state=voided") == []


def test_others_cannot_void(client, login, company, answers):
    login(client, company.manager_kyiv)
    path = f"/answers/{answers['kyiv_bad']}"
    token = csrf(client.get(path).get_data(as_text=True))

    assert client.post(f"{path}/void", data={"csrf_token": token, "reason": "bad for us"}).status_code == 403
    assert "/void" not in client.get(path).get_data(as_text=True)


def rows(client, query=""):
    text = client.get(f"/answers/export.csv{query}").get_data(as_text=True)
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_the_export_has_the_filtered_answers_and_no_formulas(client, login, company, answers):
    login(client, company.admin)

    found = rows(client, "?group=detractor")
    assert [row["Score"] for row in found] == ["2", "0"]
    assert found[1]["Comment"] == "'=cmd|' /C calc'!A0"
    assert found[0]["Region"] == "Kyiv"
    assert found[0]["Customer"] == "Тарас Шевченко"


def test_an_export_is_longer_than_one_chunk_and_complete(client, login, company, now):
    with transaction():
        source = make_response(company, now=now)
        values = {
            column.key: getattr(source, column.key)
            for column in Response.__table__.columns
            if column.key not in ("id", "invitation_id")
        }
        db.session.execute(Response.__table__.insert(), [{**values, "invitation_id": None} for _ in range(1200)])
    login(client, company.admin)

    assert len({row["No."] for row in rows(client)}) == 1201


def test_an_export_stands_in_the_log_without_typed_words(client, login, company, answers):
    login(client, company.admin)
    rows(client, "?group=detractor&q=Шевченко")

    db.session.rollback()
    entry = db.session.scalar(select(AuditEntry).where(AuditEntry.event == Event.ANSWERS_EXPORTED))
    assert entry.data == {"group": "detractor"}
    assert entry.actor_id == company.admin.id


def test_an_analyst_exports_without_names_and_support_exports_nothing(client, login, company, answers):
    login(client, company.analyst)
    assert "Customer" not in rows(client)[0]
    client.post("/logout", data={"csrf_token": csrf(client.get("/answers/").get_data(as_text=True))})

    login(client, company.support)
    assert client.get("/answers/export.csv").status_code == 403


def test_an_empty_list_explains_how_it_fills(client, login, company):
    login(client, company.admin)

    assert "Answers appear here when customers reply to a letter." in client.get("/answers/").get_data(as_text=True)
