"""The pages of cases: who sees what, what the buttons do, what the export holds."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from npsapp.audit.models import AuditEntry
from npsapp.cases import handling
from npsapp.cases.models import Case, CaseNote
from npsapp.cases.rules import Outcome, Result, State
from npsapp.db import db, transaction
from tests import cast
from tests.cases.stories import cause_id, opened
from tests.factories import make_response

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def andriy(company, client, login, at_now):
    """The browser of the manager of Kyiv."""
    return login(client, company.manager_kyiv)


def page(client, path, status=200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def send(client, case_id, deed, *, follow=True, **fields):
    token = cast.csrf(client.get(f"/cases/{case_id}").get_data(as_text=True))
    return client.post(f"/cases/{case_id}/{deed}", data={"csrf_token": token} | fields, follow_redirects=follow)


def again(case: Case) -> Case:
    """The case as the browser left it."""
    db.session.rollback()
    return db.session.get_one(Case, case.id)


# ---- who sees what


def test_nobody_sees_cases_without_signing_in(company, client, now):
    case = opened(company, now=now)

    assert client.get("/cases/").status_code == 302
    assert client.get(f"/cases/{case.id}").status_code == 302


def test_a_manager_sees_only_the_own_regions(company, andriy, now):
    mine = opened(company, now=now, person={"name": "Марія Київська"})
    foreign = opened(company, now=now, region=company.regions.odesa, person={"name": "Іван Одеський"})

    listed = page(andriy, "/cases/?tab=all")
    assert "Марія Київська" in listed
    assert "Іван Одеський" not in listed
    page(andriy, f"/cases/{mine.id}")
    page(andriy, f"/cases/{foreign.id}", 404)
    page(andriy, "/cases/987654", 404)


def test_an_owner_sees_the_case_wherever_it_is(company, andriy, now):
    case = opened(company, now=now, region=company.regions.odesa, person={"name": "Іван Одеський"})
    with transaction() as session:
        session.get_one(Case, case.id).owner_id = company.manager_kyiv.id

    assert "Іван Одеський" in page(andriy, "/cases/")
    page(andriy, f"/cases/{case.id}")


@pytest.mark.parametrize(
    ("deed", "fields"),
    [
        ("acknowledge", {}),
        ("attempt", {"result": "reached"}),
        ("note", {"note": "hello"}),
        ("settle", {"outcome": "saved", "cause": "1"}),
        ("owner", {"owner": "1"}),
        ("reopen", {"reason": "x"}),
    ],
)
def test_a_strangers_case_cannot_be_touched(company, andriy, now, deed, fields):
    mine = opened(company, now=now)
    foreign = opened(company, now=now, region=company.regions.odesa)
    token = cast.csrf(page(andriy, f"/cases/{mine.id}"))

    answer = andriy.post(f"/cases/{foreign.id}/{deed}", data={"csrf_token": token} | fields)

    assert answer.status_code == 404
    assert again(foreign).state is State.NEW


def test_an_analyst_reads_cases_without_addresses_and_changes_nothing(company, client, login, at_now, now):
    case = opened(company, now=now)
    analyst = login(client, company.analyst)

    text = page(analyst, f"/cases/{case.id}")

    assert "tel:" not in text
    assert "mailto:" not in text
    assert "Settle the case" not in text
    assert analyst.post(f"/cases/{case.id}/note", data={"csrf_token": cast.csrf(text)}).status_code == 403


def test_from_an_answer_to_its_case(company, andriy, now):
    case = opened(company, now=now)
    foreign = opened(company, now=now, region=company.regions.odesa)
    with transaction():
        happy = make_response(company, now=now, score=10).id

    found = andriy.get(f"/cases/answer/{case.answers[0].id}")

    assert (found.status_code, found.location) == (302, f"/cases/{case.id}")
    page(andriy, f"/cases/answer/{foreign.answers[0].id}", 404)
    page(andriy, f"/cases/answer/{happy}", 404)
    page(andriy, "/cases/answer/987654", 404)


# ---- the list


def test_the_most_urgent_case_comes_first(company, andriy, now):
    opened(company, now=now - HOUR, score=6, person={"name": "Second"})
    opened(company, now=now - 20 * DAY, score=6, person={"name": "First"})
    opened(company, now=now - HOUR, score=6, person={"name": "Third"})
    opened(company, now=now - HOUR, score=4, person={"name": "Lower"})
    opened(company, now=now - HOUR, score=6, person={"name": "Important", "is_key": True})

    text = page(andriy, "/cases/")

    names = ["First", "Lower", "Important", "Second", "Third"]
    assert sorted(names, key=text.index) == names
    assert "Overdue" in text


def test_the_tabs_split_waiting_overdue_and_ended(company, andriy, now):
    opened(company, now=now - 20 * DAY, person={"name": "Late"})
    opened(company, now=now, person={"name": "Fresh"})
    done = opened(company, now=now, person={"name": "Done"})
    cause = cause_id()
    with transaction():
        handling.settle(done.id, outcome=Outcome.SAVED, cause_id=cause, by_id=company.admin.id, now=now)

    seen = {
        tab: {name for name in ("Late", "Fresh", "Done") if name in page(andriy, f"/cases/?tab={tab}")}
        for tab in ("waiting", "overdue", "settled", "all", "nonsense")
    }

    assert seen == {
        "waiting": {"Late", "Fresh"},
        "overdue": {"Late"},
        "settled": {"Done"},
        "all": {"Late", "Fresh", "Done"},
        "nonsense": {"Late", "Fresh"},
    }


def test_cases_are_found_by_name_phone_order_and_number(company, andriy, now):
    wanted = opened(
        company, now=now, person={"name": "Ірина Wanted", "name_key": "ірина wanted", "phone": "+380501112233"}
    )
    opened(company, now=now, person={"name": "Somebody Else", "name_key": "somebody else"})

    for word in ("ІРИНА", "501112233", "(050) 111-22-33", f"#{wanted.id}"):
        text = andriy.get("/cases/", query_string={"q": word}).get_data(as_text=True)
        assert "Ірина Wanted" in text, word
        assert "Somebody Else" not in text, word


def test_a_page_of_the_list_costs_the_same_few_statements_however_long_it_is(company, andriy, now):
    def statements() -> int:
        seen: list[str] = []

        def note(_connection, _cursor, statement, *_rest):
            seen.append(statement)

        event.listen(db.engine, "after_cursor_execute", note)
        page(andriy, "/cases/")
        event.remove(db.engine, "after_cursor_execute", note)
        return len(seen)

    opened(company, now=now)
    page(andriy, "/cases/")
    one = statements()
    for _number in range(8):
        opened(company, now=now)

    assert statements() == one


def test_filters_of_several_owners_are_shown_only_when_there_are_several(company, andriy, now):
    opened(company, now=now)
    assert 'name="owner"' not in page(andriy, "/cases/")

    case = opened(company, now=now)
    with transaction() as session:
        session.get_one(Case, case.id).owner_id = company.support.id

    assert 'name="owner"' in page(andriy, "/cases/")
    assert f"/cases/{case.id}" not in page(andriy, f"/cases/?owner={company.manager_kyiv.id}")


def test_an_empty_list_says_how_it_fills(company, andriy):
    assert "A case opens by itself" in page(andriy, "/cases/")
    assert "Nothing is overdue" in page(andriy, "/cases/?tab=overdue")


# ---- the case


def test_the_case_shows_the_number_to_dial_the_purchase_the_words_and_the_script(company, andriy, now):
    case = opened(
        company, now=now, person={"name": "Олена Петренко", "address_as": "Олено Петрівно", "phone": "+380671234567"}
    )

    text = page(andriy, f"/cases/{case.id}")

    assert 'href="tel:+380671234567"' in text
    assert "лоток водовідвідний" in text
    assert "Решітка приїхала зламана." in text
    assert "Олено Петрівно, добрий день! Як ваші справи?" in text
    assert "Підкажіть, Олено Петрівно, що потрібно зробити" in text


def test_without_a_way_to_address_the_customer_the_script_has_no_name(company, andriy, now):
    nameless = opened(company, now=now)
    firm = opened(company, now=now, person={"is_firm": True, "address_as": "ТОВ Дренаж"})

    for case in (nameless, firm):
        text = page(andriy, f"/cases/{case.id}")
        assert ">Добрий день! Як ваші справи?" in text
        assert "ТОВ Дренаж, " not in text


def test_words_of_customers_are_shown_as_they_are_and_run_nothing(company, andriy, now):
    case = opened(company, now=now, comment='<img src=x onerror="alert(1)">')

    text = page(andriy, f"/cases/{case.id}")

    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_the_whole_way_from_taking_on_to_settled(company, andriy, now):
    case = opened(company, now=now)
    cause = cause_id()

    assert "You have taken this case on." in send(andriy, case.id, "acknowledge").get_data(as_text=True)
    send(andriy, case.id, "attempt", result="no_answer", call_back_at="", said="не бере слухавку")
    send(andriy, case.id, "attempt", result="reached", said="просить замінити решітку")
    send(andriy, case.id, "note", note="замовлено на складі")
    text = send(andriy, case.id, "settle", outcome="saved", cause=str(cause), summary="замінили").get_data(as_text=True)

    case = again(case)
    assert (case.state, case.outcome, case.cause_id) == (State.SETTLED, Outcome.SAVED, cause)
    for words in ("не бере слухавку", "просить замінити решітку", "замовлено на складі", "замінили", "Came late"):
        assert words in text
    assert "Settle the case" not in text
    assert "Reopen the case" in text


def test_a_call_back_is_read_on_the_managers_own_clock(company, andriy, now):
    case = opened(company, now=now)

    send(andriy, case.id, "attempt", result="call_back", call_back_at="2026-11-25T15:30")

    assert again(case).call_back_at.isoformat() == "2026-11-25T13:30:00+00:00"


@pytest.mark.parametrize(
    ("deed", "fields", "words"),
    [
        ("attempt", {}, "Choose how the call ended."),
        ("attempt", {"result": "nonsense"}, "Not a valid choice"),
        ("attempt", {"result": "reached", "said": "x" * 5001}, "At most 5000 characters."),
        ("note", {"note": "   "}, "Write the note first."),
        ("settle", {"outcome": "saved"}, "Choose the root cause."),
        ("settle", {"cause": "1"}, "Choose the outcome."),
        ("settle", {"outcome": "score_changed", "cause": "1"}, "Not a valid choice"),
    ],
)
def test_what_is_missing_is_said_at_the_field_and_nothing_is_saved(company, andriy, now, deed, fields, words):
    case = opened(company, now=now)

    answer = send(andriy, case.id, deed, **fields)

    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)
    assert again(case).state is State.NEW


def test_a_later_call_needs_its_time_and_what_was_typed_stays(company, andriy, now):
    case = opened(company, now=now)

    answer = send(andriy, case.id, "attempt", result="call_back", call_back_at="", said="просить пізніше")

    assert answer.status_code == 409
    assert "Enter when the customer wants to be called" in answer.get_data(as_text=True)
    assert "просить пізніше</textarea>" in answer.get_data(as_text=True)
    assert again(case).state is State.NEW


def test_who_comes_second_reads_who_settled_and_keeps_the_own_words(company, andriy, now):
    case = opened(company, now=now)
    cause = cause_id()
    token = cast.csrf(page(andriy, f"/cases/{case.id}"))
    with transaction():
        handling.settle(case.id, outcome=Outcome.SAVED, cause_id=cause, by_id=company.admin.id, now=now)

    answer = andriy.post(
        f"/cases/{case.id}/settle",
        data={"csrf_token": token, "outcome": "not_saved", "cause": str(cause), "summary": "mine"},
    )

    assert answer.status_code == 409
    assert "Olena has settled this case meanwhile" in answer.get_data(as_text=True)
    assert again(case).outcome is Outcome.SAVED


def test_reopening_needs_a_reason(company, andriy, now):
    case = opened(company, now=now)
    with transaction():
        handling.record_attempt(case.id, result=Result.NO_ANSWER, by_id=company.admin.id, now=now)
    cause = cause_id()
    send(andriy, case.id, "settle", outcome="unreachable", cause=str(cause))

    assert send(andriy, case.id, "reopen", reason="").status_code == 422
    text = send(andriy, case.id, "reopen", reason="передзвонила сама").get_data(as_text=True)

    assert again(case).state is State.REOPENED
    assert "передзвонила сама" in text
    assert "Ended: Could not be reached." in text


def test_handing_over_offers_only_those_who_may_take_the_case(company, andriy, now):
    case = opened(company, now=now)
    text = page(andriy, f"/cases/{case.id}")

    assert f'value="{company.support.id}">Petro<' in text
    assert f'value="{company.manager_odesa.id}">Ivan<' not in text
    assert f'value="{company.manager_kyiv.id}">Andriy<' not in text
    assert send(andriy, case.id, "owner", owner=str(company.manager_odesa.id)).status_code == 422
    text = send(andriy, case.id, "owner", owner=str(company.support.id)).get_data(as_text=True)
    assert again(case).owner_id == company.support.id
    assert "Handed over to Petro." in text


def test_a_changed_score_stands_in_the_timeline_in_words(company, andriy, now):
    case = opened(company, now=now)
    with transaction() as session:
        session.add(CaseNote(case_id=case.id, at=now, by_id=None, text="score_changed:5:9"))

    assert "The customer changed the score from 5 to 9." in page(andriy, f"/cases/{case.id}")


def test_reading_changes_nothing(company, andriy, now):
    case = opened(company, now=now)
    before = db.session.scalars(select(AuditEntry.id)).all()

    page(andriy, f"/cases/{case.id}")
    page(andriy, "/cases/")
    db.session.rollback()

    assert db.session.scalars(select(AuditEntry.id)).all() == before
    assert again(case).state is State.NEW
    for deed in ("acknowledge", "attempt", "note", "settle", "reopen", "owner"):
        assert andriy.get(f"/cases/{case.id}/{deed}").status_code == 405


def test_without_the_token_of_the_form_nothing_is_done(company, andriy, now):
    case = opened(company, now=now)

    assert andriy.post(f"/cases/{case.id}/acknowledge").status_code == 400
    assert again(case).state is State.NEW


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
def test_the_pages_speak_every_language(company, andriy, now, language):
    case = opened(company, now=now)

    page(andriy, f"/cases/?lang={language}")
    page(andriy, f"/cases/{case.id}?lang={language}")


# ---- the export


def test_the_export_holds_the_filtered_cases_harmless_for_spreadsheets_and_is_audited(company, andriy, now):
    case = opened(company, now=now, person={"name": "=cmd|' /C calc'!A0"}, comment="+380 не дзвоніть")
    opened(company, now=now, region=company.regions.odesa, person={"name": "Іван Одеський"})

    answer = andriy.get("/cases/export.csv?tab=waiting")
    text = answer.get_data().decode("utf-8-sig")
    db.session.rollback()

    assert answer.mimetype == "text/csv"
    assert len(text.strip().splitlines()) == 2
    assert "'=cmd" in text
    assert "'+380 не дзвоніть" in text
    assert "Іван Одеський" not in text
    assert text.splitlines()[1].startswith(f"{case.id},New,5,")
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.event == "cases.exported")).one()
    assert (entry.actor_id, entry.data["tab"]) == (company.manager_kyiv.id, "waiting")
