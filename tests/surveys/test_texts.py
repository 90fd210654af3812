"""Words of steps: every save is kept, an old text comes back, two texts are compared, a heavy letter is refused."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from npsapp.audit.models import AuditEntry
from npsapp.audit.services import by_user
from npsapp.db import db, transaction
from npsapp.delivery.rules import Channel
from npsapp.surveys import differences, queries, services, texts
from npsapp.surveys.letters import Variant
from npsapp.surveys.models import StepWords

FIRST = {"step": 1, "channel": Channel.EMAIL}
ROW = '<tr><td style="padding:8px">Рядок листа, який додає йому ваги</td></tr>\n'
HEAVY = '{{ scale }} <a href="{{ unsubscribe }}">x</a>' + ROW * 400


@pytest.fixture
def who(company: SimpleNamespace, now: datetime) -> dict[str, Any]:
    return {"actor": by_user(company.admin.id), "now": now}


def edit(company: SimpleNamespace, who: dict[str, Any], said: dict[str, dict[str, str]], **over: Any) -> list[str]:
    with transaction():
        return texts.edit(company.survey.id, said, **who, **over)


def history(company: SimpleNamespace) -> list[tuple[str, int, bool]]:
    rows = queries.words_history(company.survey.id, **FIRST)
    return [(row.variant.value, row.number, row.replaced_at is None) for row in rows]


def test_every_save_is_a_version_with_who_and_when(company: SimpleNamespace, who: dict[str, Any]) -> None:
    assert edit(company, who, {"subject": {"ru": "Один вопрос"}}) == ["subject.ru"]
    assert edit(company, who, {"subject": {"ru": "Один вопрос"}}) == []

    newest = queries.words_history(company.survey.id, **FIRST)[0]
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert history(company) == [("a", 2, True), ("a", 1, False)]
    assert (newest.saved_by_id, newest.saved_at) == (company.admin.id, who["now"])
    assert newest.texts["subject"]["uk"] == "Ваше замовлення[ від {date}]: одне запитання"
    assert entry.data == {"fields": ["letter.subject.ru"]}


def test_an_old_version_comes_back_as_a_new_one(company: SimpleNamespace, who: dict[str, Any]) -> None:
    old = queries.words(company.survey.id)[Variant.A]
    edit(company, who, {"body": {"en": "[scale]"}})

    with transaction():
        assert texts.restore(old.id, **who) == ["body.en"]

    assert history(company) == [("a", 3, True), ("a", 2, False), ("a", 1, False)]
    assert queries.letter(company.survey.id) == old.texts


def test_two_people_do_not_overwrite_each_others_letter(company: SimpleNamespace, who: dict[str, Any]) -> None:
    seen = texts.stamp(queries.words(company.survey.id)[Variant.A])
    edit(company, who, {"subject": {"en": "One"}}, based_on=seen)

    with pytest.raises(texts.ChangedMeanwhile):
        edit(company, who, {"subject": {"en": "Two"}}, based_on=seen)


def test_text_b_starts_as_a_copy_and_may_become_the_text(company: SimpleNamespace, who: dict[str, Any]) -> None:
    survey_id = company.survey.id
    with transaction():
        for _twice in range(2):
            texts.compare(survey_id, **FIRST, **who)
    edit(company, who, {"subject": {"en": "B"}}, variant=Variant.B, share=20)

    assert [(row.variant.value, row.share) for row in queries.words(survey_id).values()] == [("a", 0), ("b", 20)]
    with transaction():
        texts.take_b(survey_id, **FIRST, **who)
    assert history(company) == [("a", 2, True), ("b", 2, False), ("b", 1, False), ("a", 1, False)]
    assert queries.letter(survey_id)["subject"]["en"] == "B"


def test_an_old_text_b_comes_back_as_the_text(company: SimpleNamespace, who: dict[str, Any]) -> None:
    survey_id = company.survey.id
    with transaction():
        texts.compare(survey_id, **FIRST, **who)
    edit(company, who, {"subject": {"en": "B"}}, variant=Variant.B)
    old = queries.words(survey_id)[Variant.B].id
    with transaction():
        texts.keep_a(survey_id, **FIRST, **who)
        assert queries.letter(survey_id)["subject"]["en"] != "B"
        texts.restore(old, **who)

    assert list(queries.words(survey_id)) == [Variant.A]
    assert queries.letter(survey_id)["subject"]["en"] == "B"


def test_the_words_of_every_step_are_asked_for_before_publishing(
    company: SimpleNamespace, who: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    survey = company.survey
    monkeypatch.setattr(texts, "CHAINS", [lambda _id: [(1, Channel.EMAIL), (2, Channel.SMS), (3, Channel.PHONE)]])

    assert texts.steps(survey.id) == [(1, Channel.EMAIL), (2, Channel.SMS)]
    assert [(fault.part, fault.language) for fault in services.faults_of(survey)] == [
        ("sms", language) for language in survey.brand.languages
    ]
    with transaction():
        texts.start_words(survey.id, 2, Channel.SMS, **who)
    assert services.faults_of(survey) == []


def test_a_letter_over_60_kb_is_refused_in_a_clear_sentence(company: SimpleNamespace, app: Flask) -> None:
    letter = queries.letter(company.survey.id)
    light = letter | {"html": {"uk": HEAVY[: len(HEAVY) // 3]}}
    heavy = letter | {"html": {"uk": HEAVY}}

    assert texts.faults(company.survey, light, Channel.EMAIL) == []
    (fault,) = texts.faults(company.survey, heavy, Channel.EMAIL)
    assert (fault.part, fault.language) == ("html", "uk")
    assert "would weigh" in fault.wording % {"detail": fault.detail}
    assert 60 < int(fault.detail) < 100


def test_the_longest_letter_in_blocks_is_light_enough(company: SimpleNamespace) -> None:
    full = {"subject": dict.fromkeys(("en", "ru", "uk"), "Щ" * 120)}
    full["body"] = dict.fromkeys(("en", "ru", "uk"), "Щ" * 3900 + "\n\n[scale]")

    assert texts.faults(company.survey, full, Channel.EMAIL) == []


def test_differences_are_shown_word_by_word() -> None:
    old = {"subject": {"en": "One question", "uk": "Одне"}, "body": {"en": "Good day, {name}.\n\n[scale]"}}
    new = {"subject": {"en": "One question", "uk": "Одне"}, "body": {"en": "Hello, {name}.\n\n[scale]"}}

    ((part, language, pieces),) = differences.between(old, new)

    assert (part, language) == ("body", "en")
    assert pieces == [("del", "Good day"), ("ins", "Hello"), ("", ", {name}.\n\n[scale]")]


def test_a_copy_has_the_words_but_not_the_comparison(company: SimpleNamespace, who: dict[str, Any]) -> None:
    with transaction():
        texts.compare(company.survey.id, **FIRST, **who)
        to = {"brand_id": company.brand.id, "touchpoint_id": company.touchpoint.id, "name": "copy"}
        made = services.copy(company.survey.id, **to, **who)

    rows = db.session.scalars(select(StepWords).where(StepWords.survey_id == made.id)).all()
    assert [(row.variant, row.number) for row in rows] == [(Variant.A, 1)]
