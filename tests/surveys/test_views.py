"""Surveys are written, previewed and published on pages."""

import html
import re
from datetime import datetime
from io import BytesIO
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select

from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.organization.models import Brand
from npsapp.surveys import fixed, queries, services
from npsapp.surveys.models import Survey, Touchpoint
from npsapp.surveys.rules import SurveyState
from tests.cast import csrf
from tests.factories import make_invitation


@pytest.fixture
def analyst(client: FlaskClient, company: SimpleNamespace, login) -> FlaskClient:
    return login(client, company.analyst)


@pytest.fixture
def url(company: SimpleNamespace) -> str:
    return f"/surveys/{company.survey.id}/"


def filled(client: FlaskClient, url: str) -> dict[str, str]:
    """What the page's form would send."""
    return fields(client.get(url).get_data(as_text=True))


def fields(page: str) -> dict[str, str]:
    form = page[page.index('<form class="form') :]
    texts = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\r?\n?(.*?)</textarea>', form, re.DOTALL)
    found = {name: html.unescape(text) for name, text in texts}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and not ('type="checkbox"' in tag and " checked" not in tag):
            found[name[1]] = html.unescape(value[1]) if value else ""
    return found


def test_the_list_leads_to_texts_letter_and_policy(analyst: FlaskClient, company: SimpleNamespace, url: str) -> None:
    page = analyst.get("/surveys/").get_data(as_text=True)

    assert "Purchase" in page
    assert "Asking" in page
    for link in (url, f"{url}letter", f"{url}policy"):
        assert f'href="{link}"' in page


@pytest.mark.parametrize("path", ["", "letter", "versions", "preview", "letter/preview"])
@pytest.mark.parametrize("who", ["manager_kyiv", "support"])
def test_managers_and_support_do_not_write_surveys(
    client: FlaskClient, company: SimpleNamespace, login, url: str, who: str, path: str
) -> None:
    assert login(client, getattr(company, who)).get(url + path).status_code == 403


def test_a_text_is_changed_in_one_language(analyst: FlaskClient, company: SimpleNamespace, url: str) -> None:
    data = filled(analyst, url)
    data["recommend__wording__ru"] = "Порекомендуете ли вы {company}?"

    answer = analyst.post(url, data=data)

    assert answer.status_code == 303
    assert "Saved." in analyst.get(url).get_data(as_text=True)
    version = company.survey.draft
    assert queries.questionnaire(version).questions[0].texts["wording"]["ru"] == "Порекомендуете ли вы {company}?"


def test_saving_without_a_change_says_so(analyst: FlaskClient, url: str) -> None:
    analyst.post(url, data=filled(analyst, url))

    assert "Nothing was changed." in analyst.get(url).get_data(as_text=True)


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("recommend__wording__uk", "", "This text is missing."),
        ("recommend__wording__uk", "Як {nmae}?", "There is no placeholder {nmae}."),
        ("survey__naming__en", "Your purchase [of {date}", "A bracket is not closed"),
        ("survey__promise__en", "", "This text is missing."),
        ("why__passive__en", "x" * 601, "at most 600 characters"),
    ],
)
def test_a_fault_stands_at_its_field_and_nothing_is_saved(
    analyst: FlaskClient, company: SimpleNamespace, url: str, field: str, text: str, words: str
) -> None:
    before = dict(company.survey.version.content)

    answer = analyst.post(url, data=filled(analyst, url) | {field: text})

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert words in page
    assert f'href="#{field}"' in page
    assert company.survey.version.content == before


def test_a_version_customers_saw_is_kept(
    analyst: FlaskClient, company: SimpleNamespace, url: str, now: datetime
) -> None:
    assert "Customers are asked with version 1." in analyst.get(url).get_data(as_text=True)

    analyst.post(url, data=filled(analyst, url) | {"contact__wording__en": "Call me"})

    page = analyst.get(f"{url}versions").get_data(as_text=True)
    assert "Version 2" in page
    assert "Vira" in page
    old = analyst.get(f"{url}versions/{company.version.id}?show=en").get_data(as_text=True)
    assert "Please contact me" in old
    assert "Call me" in analyst.get(f"{url}preview?show=en").get_data(as_text=True)


def test_somebody_elses_change_meanwhile_is_not_lost(
    analyst: FlaskClient, company: SimpleNamespace, url: str, now: datetime
) -> None:
    late = filled(analyst, url)
    analyst.post(url, data=late | {"contact__wording__en": "Call me"})

    answer = analyst.post(url, data=late | {"contact__wording__en": "Write to me"})

    assert answer.status_code in (302, 303, 409)
    words = queries.questionnaire(company.survey.draft).questions[2].texts["wording"]["en"]
    assert words == "Call me"


def test_the_preview_shows_what_is_typed_and_saves_nothing(
    analyst: FlaskClient, company: SimpleNamespace, url: str
) -> None:
    data = filled(analyst, url) | {"recommend__wording__uk": "Чи порадите ви {company}? <b>"}

    answer = analyst.post(f"{url}preview?show=uk", data=data)

    page = answer.get_data(as_text=True)
    assert "Чи порадите ви компанію «Водолад»? &lt;b&gt;" in page
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    words = queries.questionnaire(company.survey.version).questions[0].texts["wording"]["uk"]
    assert words.startswith("Наскільки")


def test_the_preview_shows_sentences_without_name_and_title(analyst: FlaskClient, url: str, at_now: datetime) -> None:
    assert "Ваша покупка от 6 ноября, Одесса, пример покупки" in analyst.get(f"{url}preview?show=ru").get_data(
        as_text=True
    )

    bare = analyst.get(f"{url}preview?show=ru&bare=1").get_data(as_text=True)

    assert '<span class="about">Ваша покупка от 6 ноября</span>' in bare


def test_the_letter_is_changed_and_previewed(analyst: FlaskClient, company: SimpleNamespace, url: str) -> None:
    data = filled(analyst, f"{url}letter")
    data["letter__subject__ru"] = "Один вопрос о заказе {number}"

    typed = analyst.post(f"{url}letter/preview?show=ru&as=text", data=data).get_data(as_text=True)
    answer = analyst.post(f"{url}letter", data=data)

    assert "Один вопрос о заказе 48-1203" in typed
    assert answer.status_code == 303
    assert "Saved." in analyst.get(f"{url}letter").get_data(as_text=True)
    assert queries.letter(company.survey.id)["subject"]["ru"] == "Один вопрос о заказе {number}"


def test_a_letter_without_a_subject_is_refused(analyst: FlaskClient, url: str) -> None:
    data = filled(analyst, f"{url}letter") | {"letter__subject__en": " "}

    assert analyst.post(f"{url}letter", data=data).status_code == 422


def test_the_letters_preview_has_the_scale(analyst: FlaskClient, url: str) -> None:
    answer = analyst.get(f"{url}letter/preview?show=uk")
    page = answer.get_data(as_text=True)

    assert "компанію «Водолад»" in page
    assert "/r/preview/10" in page
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_new_survey_starts_as_a_draft_with_a_new_touchpoint(analyst: FlaskClient, company: SimpleNamespace) -> None:
    token = csrf(analyst.get("/surveys/new").get_data(as_text=True))
    data = {
        "name": "After the delivery", "brand": str(company.brand.id), "touchpoint": "new",
        "start": "why", "touchpoint_name_en": "Delivery", "touchpoint_name_uk": "Доставка", "csrf_token": token,
    }  # fmt: skip

    answer = analyst.post("/surveys/new", data=data)

    survey = db.session.scalars(select(Survey).where(Survey.name == "After the delivery")).one()
    touchpoint = db.session.get_one(Touchpoint, survey.touchpoint_id)
    assert answer.status_code == 303
    assert survey.state is SurveyState.DRAFT
    assert touchpoint.key == "delivery"
    assert touchpoint.name == {"en": "Delivery", "uk": "Доставка"}
    page = analyst.get(f"/surveys/{survey.id}/").get_data(as_text=True)
    assert "Publish" in page


def test_a_new_survey_shows_the_default_rule_and_keeps_a_changed_one(
    analyst: FlaskClient, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        draft = services.create_survey(
            brand_id=company.brand.id, touchpoint_id=company.touchpoint.id, name="New", actor=PROGRAM, now=now
        )
        url = f"/surveys/{draft.id}/policy"

    shown = fields(analyst.get(url).get_data(as_text=True))
    assert (shown["delay_days"], shown["window_from"], shown["window_until"]) == ("14", "10:00", "19:00")
    assert (shown["latest_days"], shown["valid_days"]) == ("14", "30")

    analyst.post(url, data=shown | {"weekdays": list("12345"), "delay_days": "7"})

    assert fields(analyst.get(url).get_data(as_text=True))["delay_days"] == "7"


def test_a_new_touchpoint_needs_a_name(analyst: FlaskClient, company: SimpleNamespace) -> None:
    token = csrf(analyst.get("/surveys/new").get_data(as_text=True))
    data = {"name": "X", "brand": str(company.brand.id), "touchpoint": "new", "csrf_token": token}

    assert analyst.post("/surveys/new", data=data).status_code == 422


def test_a_survey_is_paused_and_published_again(analyst: FlaskClient, company: SimpleNamespace, url: str) -> None:
    token = csrf(analyst.get(url).get_data(as_text=True))

    for path, state in (("pause", SurveyState.PAUSED), ("resume", SurveyState.ACTIVE)):
        assert analyst.post(url + path, data={"csrf_token": token}).status_code == 303
        assert company.survey.state is state


def test_opening_pages_changes_nothing(analyst: FlaskClient, company: SimpleNamespace, url: str) -> None:
    for path in ("publish", "pause"):
        assert analyst.get(url + path).status_code == 405


def test_a_survey_that_does_not_exist_is_not_found(analyst: FlaskClient) -> None:
    for path in ("", "letter", "versions", "preview", "letter/preview"):
        assert analyst.get(f"/surveys/999/{path}").status_code == 404


# ---- questions, drafts, copies, the archive ----------------------------------------------------------------------


def newest(company: SimpleNamespace) -> list[tuple[str, str]]:
    db.session.rollback()
    db.session.refresh(company.survey)
    return [(one.key, one.kind.value) for one in queries.questionnaire(company.survey.newest).questions]


def press(client: FlaskClient, url: str, deed: str, **typed: str):
    """Press one of the editor's buttons."""
    return client.post(url, data=filled(client, url) | {"do": deed} | typed)


def test_buttons_add_move_and_remove_questions_and_keep_what_was_typed(
    analyst: FlaskClient, company: SimpleNamespace, url: str
) -> None:
    answer = press(analyst, url, "add", kind="stars", contact__wording__en="Call me")
    assert answer.headers["Location"].endswith("#add")
    press(analyst, url, "add", kind="many")
    press(analyst, url, "option:many1")
    press(analyst, url, "up:many1")
    press(analyst, url, "drop:many1:option2")

    assert newest(company) == [
        ("recommend", "recommend"), ("why", "text"), ("many1", "many"), ("stars1", "rating"), ("contact", "contact"),
    ]  # fmt: skip
    document = queries.questionnaire(company.survey.draft)
    assert document.by_key("contact").texts["wording"]["en"] == "Call me"
    assert [option.key for option in document.by_key("many1").options] == ["option1", "option3"]


def test_a_question_that_was_asked_keeps_its_key_for_itself(
    analyst: FlaskClient, company: SimpleNamespace, url: str
) -> None:
    press(analyst, url, "add", kind="stars")
    analyst.post(f"{url}publish", data={"csrf_token": csrf(analyst.get(url).get_data(as_text=True))})
    press(analyst, url, "remove:stars1")
    press(analyst, url, "add", kind="stars")

    assert newest(company)[-2] == ("stars2", "rating")


@pytest.mark.parametrize("deed", ["add", "up:recommend", "remove:recommend", "down:nothing", "explode"])
def test_a_button_that_is_not_there_changes_nothing(
    analyst: FlaskClient, company: SimpleNamespace, url: str, deed: str
) -> None:
    before = newest(company)

    press(analyst, url, deed, kind="recommend")

    assert newest(company) == before


def test_conditions_and_requirements_are_saved(analyst: FlaskClient, company: SimpleNamespace, url: str) -> None:
    press(analyst, url, "add", kind="faces")

    typed = {"faces1__required": "y", "faces1__when": ["score:detractor", "score:passive"], "contact__details": "y"}
    answer = analyst.post(url, data=filled(analyst, url) | typed)

    assert answer.status_code == 303
    db.session.rollback()
    document = queries.questionnaire(company.survey.newest)
    faces, contact = document.by_key("faces1"), document.by_key("contact")
    assert (faces.required, faces.when, contact.details) == (True, ("score:detractor", "score:passive"), True)
    shown = fields(analyst.get(url).get_data(as_text=True))
    assert shown["faces1__required"] == "y"


def test_a_condition_on_a_question_that_came_later_is_refused_at_its_place(
    analyst: FlaskClient, company: SimpleNamespace, url: str
) -> None:
    press(analyst, url, "add", kind="faces")
    press(analyst, url, "add", kind="stars")
    press(analyst, url, "keep", stars1__when="faces1:1")
    press(analyst, url, "up:stars1", stars1__when="faces1:1")

    answer = analyst.post(url, data=filled(analyst, url))

    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 422
    assert "The condition names a question that comes later." in page
    assert 'href="#stars1__when' in page


def test_an_unfinished_draft_is_kept_but_not_published(
    analyst: FlaskClient, company: SimpleNamespace, url: str
) -> None:
    press(analyst, url, "add", kind="one")
    press(analyst, url, "keep", one1__wording__en="Was it late?")

    page = analyst.get(url).get_data(as_text=True)
    assert "Texts still missing:" in page
    assert "Publish the draft" not in page
    analyst.post(f"{url}publish", data={"csrf_token": csrf(page)})
    db.session.refresh(company.survey)
    assert company.survey.version.number == 1


def test_a_survey_is_copied_to_another_touchpoint(analyst: FlaskClient, company: SimpleNamespace, url: str) -> None:
    press(analyst, url, "add", kind="stars")
    shown = fields(analyst.get(f"{url}copy").get_data(as_text=True))
    data = {"brand": str(company.brand.id), "touchpoint": "new", "touchpoint_name_en": "Delivery"}

    analyst.post(f"{url}copy", data=shown | data)

    made = db.session.scalars(select(Survey).where(Survey.name == "Copy of Purchase")).one()
    assert (made.state, made.touchpoint.key, made.version.number) == (SurveyState.DRAFT, "delivery", 1)
    assert queries.questionnaire(made.version).by_key("stars1")
    assert queries.letter(made.id) == queries.letter(company.survey.id)


def test_an_asking_survey_is_not_archived_and_a_paused_one_comes_back(
    analyst: FlaskClient, company: SimpleNamespace, url: str
) -> None:
    token = {"csrf_token": csrf(analyst.get(url).get_data(as_text=True))}

    def state(deed: str) -> SurveyState:
        analyst.post(url + deed, data=token)
        db.session.refresh(company.survey)
        return company.survey.state

    assert state("archive") is SurveyState.ACTIVE
    assert state("pause") is SurveyState.PAUSED
    assert state("archive") is SurveyState.ARCHIVED
    assert f'href="{url}"' not in analyst.get("/surveys/").get_data(as_text=True)
    assert f'href="{url}"' in analyst.get("/surveys/?show=archived").get_data(as_text=True)
    assert state("resume") is SurveyState.ARCHIVED
    assert state("take-back") is SurveyState.PAUSED
    assert state("resume") is SurveyState.ACTIVE


def test_a_discarded_draft_shows_what_asks(analyst: FlaskClient, company: SimpleNamespace, url: str) -> None:
    press(analyst, url, "add", kind="stars")

    analyst.post(f"{url}discard", data={"csrf_token": csrf(analyst.get(url).get_data(as_text=True))})

    assert [key for key, _kind in newest(company)] == ["recommend", "why", "contact"]
    assert "discarded" in analyst.get(f"{url}versions").get_data(as_text=True)


def test_a_new_survey_may_start_with_three_questions(analyst: FlaskClient, company: SimpleNamespace) -> None:
    token = csrf(analyst.get("/surveys/new").get_data(as_text=True))
    about = {"brand": str(company.brand.id), "touchpoint": str(company.touchpoint.id), "start": "three"}

    analyst.post("/surveys/new", data={"name": "Three", "csrf_token": token, **about})

    survey = db.session.scalars(select(Survey).where(Survey.name == "Three")).one()
    kinds = [one.kind.value for one in queries.questionnaire(survey.version).questions]
    assert kinds == ["recommend", "rating", "text", "contact"]
    assert services.faults_of(survey) == []


def test_a_survey_has_a_colour_of_its_own(analyst: FlaskClient, company: SimpleNamespace, url: str) -> None:
    assert analyst.post(url, data=filled(analyst, url) | {"accent": "red"}).status_code == 422

    analyst.post(url, data=filled(analyst, url) | {"accent": "#7a1f1f"})

    db.session.refresh(company.survey)
    assert company.survey.draft.content["accent"] == "#7A1F1F"
    assert "/r/style/7A1F1F-preview.css" in analyst.get(f"{url}preview").get_data(as_text=True)


# ---- languages of customers ----------------------------------------------------------------------------------------


def test_a_further_language_is_asked_for_and_then_spoken(
    analyst: FlaskClient, company: SimpleNamespace, url: str, now: datetime
) -> None:
    with transaction():
        company.brand.languages = ["uk", "pl"]

    page = analyst.get(url).get_data(as_text=True)
    assert re.search(r"Polski \d+", page)
    assert "recommend__wording__en" not in page
    polish = {name: "Po polsku" for name in filled(analyst, url) if name.endswith("__pl")}
    letter = {"letter__subject__pl": "Po polsku", "letter__body__pl": "Po polsku\n\n[scale]"}
    assert analyst.post(url, data=filled(analyst, url)).status_code == 422
    assert analyst.post(url, data=filled(analyst, url) | polish).status_code == 303
    assert analyst.post(f"{url}letter", data=filled(analyst, f"{url}letter") | letter).status_code == 303
    with transaction():
        words = {one.key: one.original for one in fixed.asked("pl")}
        fixed.save("pl", words, actor=PROGRAM, now=now)

    assert "Texts still missing" not in analyst.get(url).get_data(as_text=True)
    assert "Po polsku" in analyst.get(f"{url}preview?show=pl").get_data(as_text=True)
    db.session.rollback()
    kept = queries.questionnaire(company.survey.newest).questions[0].texts["wording"]
    assert kept["en"].startswith("How likely")  # a language taken off the list keeps its words


# ---- a picture of its own ----------------------------------------------------------------------------------------


def send_picture(analyst: FlaskClient, url: str, content: bytes | None) -> str:
    data = {"csrf_token": csrf(analyst.get(url).get_data(as_text=True))}
    data |= {"picture": (BytesIO(content), "own.png")} if content else {}
    answer = analyst.post(f"{url}picture", data=data, headers={"Referer": f"http://localhost{url}"})
    assert answer.status_code == 303
    return analyst.get(url).get_data(as_text=True)


def png() -> bytes:
    written = BytesIO()
    Image.new("RGB", (600, 200), "#7A1F1F").save(written, "PNG")
    return written.getvalue()


def test_a_survey_shows_a_picture_of_its_own_or_the_logo_of_the_brand(
    analyst: FlaskClient, company: SimpleNamespace, url: str, now: datetime
) -> None:
    with transaction():
        db.session.get_one(Brand, company.brand.id).logo = "brand.png"
        token = make_invitation(company, now=now).steps[0].token
    shown = {f"{url}preview", f"{url}letter/preview", f"/r/{token}/9"}
    assert all("/logos/brand.png" in analyst.get(one).get_data(as_text=True) for one in shown)

    send_picture(analyst, url, png())
    draft = db.session.get_one(Survey, company.survey.id, populate_existing=True).newest
    name = draft.content["picture"]
    assert all(
        f"/logos/{name}" in analyst.get(f"{url}{one}").get_data(as_text=True) for one in ("preview", "letter/preview")
    )
    assert "/logos/brand.png" in analyst.get(f"/r/{token}/9").get_data(as_text=True)
    analyst.post(f"{url}publish", data={"csrf_token": csrf(analyst.get(url).get_data(as_text=True))})
    with transaction():
        fresh = make_invitation(company, now=now, version_id=draft.id).steps[0].token
    assert f"/logos/{name}" in analyst.get(f"/r/{fresh}/9").get_data(as_text=True)

    send_picture(analyst, url, None)
    again = db.session.get_one(Survey, company.survey.id, populate_existing=True).newest
    assert "picture" not in again.content


def test_what_is_no_picture_is_refused(analyst: FlaskClient, company: SimpleNamespace, url: str) -> None:
    page = send_picture(analyst, url, b"<svg onload='alert(1)'/>")

    assert "export it as PNG" in page
    assert db.session.get_one(Survey, company.survey.id, populate_existing=True).draft is None
