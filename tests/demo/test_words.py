"""Comments read as if people had written them."""

import re
from collections import Counter
from random import Random

import pytest

from npsapp.demo import goods, words

LANGUAGES = ("ru", "uk", "en")
SLOTS = {"<nom>", "<acc>", "<gen>"}
# Letters that exist in one of the two languages only.
ONLY_RUSSIAN, ONLY_UKRAINIAN = set("ыэёъ"), set("іїєґ’")


def _comments(language: str, count: int = 1200) -> list[tuple[str, str, str]]:
    chance, commenter = Random(5), words.Commenter()
    found = []
    for number in range(count):
        group = ("detractor", "passive", "promoter")[number % 3]
        touchpoint = chance.choice(("purchase", "delivery", "service", "warehouse"))
        cause = words.choose_cause(chance, group=group, touchpoint=touchpoint)
        bought = goods.buy(chance, language=language, service=touchpoint == "service", volume=1.0)
        text = commenter.write(
            chance,
            language=language,
            group=group,
            touchpoint=touchpoint,
            cause=cause,
            goods=bought.goods.forms[language],
        )
        found.append((group, cause, text))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_at_least_150_different_building_sentences(language):
    sentences = [one for section in words.sentences(language).values() for one in section]

    assert len(set(sentences)) >= 150
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_people_give_has_sentences(language):
    causes = {c for by_touchpoint in words.CAUSES.values() for some in by_touchpoint.values() for c in some}
    needed = causes | {"context"} | {f"{kind}_{group}" for kind in ("short", "end") for group in words.CAUSES}

    assert needed == set(words.sentences(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_building_sentences_are_well_formed(language):
    for section, sentences in words.sentences(language).items():
        for sentence in sentences:
            assert re.fullmatch(r"[^{}]*(\{[^{}]+\}[^{}]*)*", sentence), (section, sentence)
            assert set(re.findall(r"<[^>]*>", sentence)) <= SLOTS, (section, sentence)
            if not section.startswith("short_"):
                assert sentence.endswith((".", "!")), (section, sentence)


@pytest.mark.parametrize("language", LANGUAGES)
def test_comments_contain_no_leftovers_of_the_grammar(language):
    for _, _, text in _comments(language):
        assert not set("{}|<>") & set(text), text
        assert "  " not in text, text
        assert text == text.strip(), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_long_comments_never_repeat(language):
    longer = [text for _, _, text in _comments(language) if len(text) >= words.Commenter.LONG]

    assert len(longer) > 700
    assert len(set(longer)) == len(longer)


def test_comments_are_in_the_language_they_claim():
    russian = " ".join(text for _, _, text in _comments("ru")).lower()
    ukrainian = " ".join(text for _, _, text in _comments("uk")).lower()
    english = "".join(text for _, _, text in _comments("en"))

    assert not ONLY_UKRAINIAN & set(russian)
    assert not ONLY_RUSSIAN & set(ukrainian)
    assert not re.search("[а-яіїєґ]", english.lower())


def test_comments_speak_of_the_goods_that_were_bought():
    chance = Random(1)
    forms = next(one for one in goods.GOODS if one.key == "gutters").forms["uk"]

    texts = [
        words.comment(
            chance, language="uk", group="detractor", touchpoint="delivery", cause="broken", goods=forms
        )
        for _ in range(300)
    ]

    assert sum("ринв" in text.lower() for text in texts) > 60
    assert not any("плит" in text.lower() for text in texts)


@pytest.mark.parametrize("language", ["ru", "uk"])
def test_managers_have_something_to_note_about_every_complaint(language):
    complaints = {cause for some in words.CAUSES["detractor"].values() for cause in some}

    for cause in complaints:
        assert words.note(Random(1), language=language, section=f"reached_{cause}")


def test_titles_name_the_goods_in_the_customers_language():
    titles = {
        language: goods.buy(Random(3), language=language, service=False, volume=1.0).title
        for language in LANGUAGES
    }

    assert len(set(titles.values())) == 3
    assert all(len(title) <= 120 for title in titles.values())


def test_volume_scales_the_amount():
    small = [goods.buy(Random(seed), language="uk", service=False, volume=0.5).amount for seed in range(200)]
    large = [goods.buy(Random(seed), language="uk", service=False, volume=5.0).amount for seed in range(200)]

    assert sum(large) > 5 * sum(small)


def test_most_comments_are_longer_than_a_word():
    lengths = Counter(len(text) > 40 for _, _, text in _comments("ru"))

    assert lengths[True] > 3 * lengths[False]
