"""Comments read as if people had written them."""

import re
from collections import Counter
from random import Random

import pytest

from npsapp.demo import company, words
from npsapp.demo.history import Happening
from tests.demo.conftest import DRAWN_AT

LANGUAGES = ("ru", "uk", "en")
GROUPS = tuple(company.CHANCES["groups"])
SLOTS = {"<nom>", "<acc>", "<gen>"}
# Letters that exist in one of the two languages only.
ONLY_RUSSIAN, ONLY_UKRAINIAN = set("ыэёъ"), set("іїєґ’")


def _bought(language: str, touchpoint: str, wares: int = 0) -> Happening:
    return Happening(
        DRAWN_AT, touchpoint, "kyiv", "retail", None, language=language, goods=company.GOODS["wares"][wares]
    )


def _comments(language: str, count: int = 1200) -> list[str]:
    chance = Random(5)
    found = []
    for number in range(count):
        one = _bought(language, chance.choice(list(company.TOUCHPOINTS)), chance.randrange(8))
        group = GROUPS[number % 3]
        cause = words.choose_cause(chance, one, group)
        found.append(words.comment(chance, one, group=group, cause=cause))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_at_least_150_different_building_sentences(language):
    sentences = [one for section in company.sections(language).values() for one in section]

    assert len(set(sentences)) >= 150
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_people_give_has_sentences(language):
    causes = {cause for one in company.TOUCHPOINTS.values() for some in one["causes"].values() for cause in some}
    needed = causes | {"context"} | {f"{kind}_{group}" for kind in ("short", "end") for group in GROUPS}

    assert needed == set(company.sections(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_building_sentences_are_well_formed(language):
    for section, sentences in company.sections(language).items():
        for sentence in sentences:
            assert re.fullmatch(r"[^{}]*(\{[^{}]+\}[^{}]*)*", sentence), (section, sentence)
            assert set(re.findall(r"<[^>]*>", sentence)) <= SLOTS, (section, sentence)
            if not section.startswith("short_"):
                assert sentence.endswith((".", "!")), (section, sentence)


@pytest.mark.parametrize("language", LANGUAGES)
def test_comments_contain_no_leftovers_of_the_grammar(language):
    for text in _comments(language):
        assert not set("{}|<>") & set(text), text
        assert "  " not in text, text
        assert text == text.strip(), text


def test_comments_are_in_the_language_they_claim():
    russian = " ".join(text for text in _comments("ru")).lower()
    ukrainian = " ".join(text for text in _comments("uk")).lower()
    english = "".join(text for text in _comments("en"))

    assert not ONLY_UKRAINIAN & set(russian)
    assert not ONLY_RUSSIAN & set(ukrainian)
    assert not re.search("[а-яіїєґ]", english.lower())


def test_comments_speak_of_the_goods_that_were_bought():
    chance, gutters = Random(1), 6
    one = _bought("uk", "delivery", gutters)

    texts = [words.comment(chance, one, group="detractor", cause="broken") for _ in range(300)]

    assert sum("ринв" in text.lower() for text in texts) > 60
    assert not any("плит" in text.lower() for text in texts)


@pytest.mark.parametrize("language", ["ru", "uk"])
def test_managers_have_something_to_note_about_every_complaint(language):
    complaints = {cause for one in company.TOUCHPOINTS.values() for cause in one["causes"]["detractor"]}

    for cause in complaints:
        assert words.note(Random(1), language=language, section=f"reached_{cause}")


def test_goods_and_services_are_described_in_every_language():
    for one in (*company.GOODS["wares"], *company.GOODS["services"]):
        assert set(one["titles"]) == set(one["forms"]) == set(LANGUAGES)
        assert all(len(title) < 100 for titles in one["titles"].values() for title in titles)


def test_most_comments_are_longer_than_a_word():
    lengths = Counter(len(text) > 40 for text in _comments("ru"))

    assert lengths[True] > 3 * lengths[False]
