"""What is said in the call, in each language, with and without a name."""

import pytest

from npsapp.cases import script
from npsapp.cases.script import ScriptStep


def said(language, address_as):
    return {line.step: line.say for line in script.script(language, address_as)}


@pytest.mark.parametrize(
    ("language", "name", "greeting", "question"),
    [
        (
            "en",
            "Olena",
            "Good day, Olena. How are you?",
            "Tell me, Olena, what has to be done so that we can go on working together?",
        ),
        (
            "ru",
            "Ольга",
            "Ольга, здравствуйте! Как у вас дела?",
            "Подскажите, Ольга, что необходимо сделать, чтобы мы могли продолжить наше сотрудничество?",
        ),
        (
            "uk",
            "Олено Петрівно",
            "Олено Петрівно, добрий день! Як ваші справи?",
            "Підкажіть, Олено Петрівно, що потрібно зробити, щоб ми могли співпрацювати далі?",
        ),
    ],
)
def test_the_customer_is_greeted_and_asked_by_name_in_the_own_language(language, name, greeting, question):
    assert said(language, name)[ScriptStep.GREET] == greeting
    assert said(language, name)[ScriptStep.RETURN] == question


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
@pytest.mark.parametrize("empty", ["", "  "])
def test_without_a_name_the_sentences_go_without_one(language, empty):
    for sentence in said(language, empty).values():
        assert "{" not in sentence
        assert not sentence.startswith((",", " "))
        assert ", ," not in sentence
        assert ",," not in sentence


def test_a_name_with_braces_is_only_a_name():
    assert said("en", "{name}")[ScriptStep.GREET] == "Good day, {name}. How are you?"


def test_a_language_we_do_not_speak_is_spoken_to_in_english():
    assert said("pl", "")[ScriptStep.GREET] == "Good day. How are you?"


def test_every_step_has_a_heading_and_something_to_mind():
    lines = script.script("uk", "")

    assert [line.step for line in lines] == list(ScriptStep)
    assert all(line.heading and line.mind for line in lines)
