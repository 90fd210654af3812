"""Questionnaires: complete or not, and how they read."""

import json
from dataclasses import replace

import pytest

from npsapp.surveys import letters, placeholders, rules, wording
from npsapp.surveys.rules import Kind, Questionnaire

TOUCHPOINTS = ["purchase", "delivery", "service", "warehouse", "something_else"]
DEFAULT = wording.default_questionnaire("purchase")
RECOMMEND = DEFAULT.questions[0]


def facts(language: str, **over: str) -> dict[str, str]:
    brand = {"en": "Vodolad", "ru": "Водолад", "uk": "Водолад"}[language]
    company = {"en": "Vodolad", "ru": "компанию «Водолад»", "uk": "компанію «Водолад»"}[language]
    day = {"en": "3 November", "ru": "3 ноября", "uk": "3 листопада"}[language]
    return {"brand": brand, "company": company, "date": day} | wording.SAMPLES[language] | over


@pytest.mark.parametrize("touchpoint", TOUCHPOINTS)
def test_the_default_survey_is_complete(touchpoint: str) -> None:
    assert rules.faults(wording.default_questionnaire(touchpoint).fields()) == []


def test_a_questionnaire_survives_being_stored() -> None:
    stored = json.loads(json.dumps(DEFAULT.to_json()))

    assert Questionnaire.from_json(stored) == DEFAULT


def test_a_missing_language_is_named_at_its_field() -> None:
    texts = {**RECOMMEND.texts["wording"], "uk": " "}

    faults = rules.faults(DEFAULT.with_texts({("recommend", "wording"): texts}).fields())

    assert [(fault.key, fault.part, fault.language, fault.wording) for fault in faults] == [
        ("recommend", "wording", "uk", placeholders.EMPTY)
    ]


def test_the_promise_may_be_left_out_but_not_in_one_language_only() -> None:
    nothing = DEFAULT.with_texts({("survey", "promise"): {"en": "", "ru": "", "uk": ""}})
    half = DEFAULT.with_texts({("survey", "promise"): {"en": "You will be called.", "ru": "", "uk": ""}})

    assert rules.faults(nothing.fields()) == []
    assert {fault.language for fault in rules.faults(half.fields())} == {"ru", "uk"}


def test_an_unknown_placeholder_is_named() -> None:
    texts = dict.fromkeys(rules.LANGUAGES, "How is {brnad}?")

    faults = rules.faults(DEFAULT.with_texts({("recommend", "wording"): texts}).fields())

    assert {fault.detail for fault in faults} == {"{brnad}"}


@pytest.mark.parametrize(
    ("language", "question", "low"),
    [
        ("en", "How likely are you to recommend Vodolad to a friend or colleague?", "0 – would never recommend"),
        (
            "ru",
            "С какой вероятностью вы порекомендуете компанию «Водолад» друзьям или коллегам?",
            "0 — ни за что не порекомендую",
        ),
        (
            "uk",
            "Наскільки ймовірно, що ви порекомендуєте компанію «Водолад» друзям чи колегам?",
            "0 — нізащо не порекомендую",
        ),
    ],
)
def test_the_question_reads_as_designed(language: str, question: str, low: str) -> None:
    said = rules.wording(DEFAULT, language=language, values=facts(language))

    assert said.question == question
    assert said.low == low
    assert said.why.keys() == {"detractor", "passive", "promoter"}


@pytest.mark.parametrize("language", rules.LANGUAGES)
@pytest.mark.parametrize("touchpoint", TOUCHPOINTS)
@pytest.mark.parametrize(
    "missing", [("name",), ("title",), ("place", "name"), ("date",), ("name", "title", "date", "place")]
)
def test_no_sentence_breaks_when_facts_are_missing(touchpoint: str, language: str, missing: tuple[str, ...]) -> None:
    known = facts(language, **dict.fromkeys(missing, ""))
    page = rules.wording(wording.default_questionnaire(touchpoint), language=language, values=known)
    said = letters.said(wording.default_letter(touchpoint), language=language, values=known)
    sms = letters.short_message(wording.default_short_message(), language=language, values=known, link="https://a/b")

    for text in (page.naming, page.question, said.subject, sms, *(words for one in said.blocks for words in one.words)):
        assert text
        assert text[0].isupper()
        for broken in ("  ", " ,", " .", " :", ",,", ", .", "..", "«»", "()", "{", "[", "|"):
            assert broken not in text, (broken, text)


def test_a_survey_without_a_language_falls_back_to_english() -> None:
    only_english = DEFAULT.with_texts({("recommend", "wording"): {"en": "Would you recommend {brand}?"}})

    assert rules.wording(only_english, language="uk", values=facts("uk")).question == "Would you recommend Водолад?"


def test_a_survey_without_an_offer_of_a_call_has_no_words_for_it() -> None:
    short = replace(DEFAULT, questions=(RECOMMEND,))

    said = rules.wording(short, language="en", values=facts("en"))

    assert (said.contact, said.no_call, said.why["promoter"]) == ("", "", "")


def test_kinds_of_questions_have_parts() -> None:
    assert set(rules.PARTS) == set(Kind)
