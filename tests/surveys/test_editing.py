"""Questions are added, moved and removed by pure steps; what is wrong with the whole is named."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from npsapp.responses.rules import classify
from npsapp.surveys import editing, filling, wording
from npsapp.surveys.editing import NoSuchStep, all_faults, structure_faults
from npsapp.surveys.rules import LANGUAGES, Kind, Option, Question, Questionnaire, Scale, typed

START = wording.default_questionnaire("purchase")
RECOMMEND, WHY, CONTACT = START.questions


def words(text: str) -> dict[str, str]:
    return dict.fromkeys(LANGUAGES, text)


def one(key: str = "one1", *options: str, **over: object) -> Question:
    made = tuple(Option(f"option{place}", words(text)) for place, text in enumerate(options or ("Yes", "No"), 1))
    return Question(key, Kind.ONE, {"wording": words("Was it late?")}, options=made, **over)


def asking(*questions: Question) -> Questionnaire:
    return replace(START, questions=questions)


RATING = wording.new_question("stars", "stars1")


@pytest.mark.parametrize("start", wording.STARTS)
def test_what_a_survey_may_start_with_is_complete_and_survives_being_stored(start: str) -> None:
    made = wording.default_questionnaire("service", start)

    assert all_faults(made) == []
    assert Questionnaire.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_documents_stored_before_there_were_more_kinds_still_read() -> None:
    row = {"key": "why", "kind": "text", "texts": {"detractor": {"en": "Why?"}}}

    assert Questionnaire.from_json({"questions": [row], "texts": {}}).questions == (
        Question("why", Kind.TEXT, {"detractor": {"en": "Why?"}}),
    )


@pytest.mark.parametrize(
    ("questions", "key", "part", "fault"),
    [
        ((), "", "", editing.RECOMMENDATIONS),
        ((RECOMMEND, replace(RECOMMEND, key="again")), "recommend", "", editing.RECOMMENDATIONS),
        ((WHY, RECOMMEND), "recommend", "", editing.RECOMMENDATION_FIRST),
        ((RECOMMEND, WHY, replace(WHY, key="why2")), "why2", "", editing.TWICE),
        ((RECOMMEND, CONTACT, WHY), "contact", "", editing.CONTACT_LAST),
        ((RECOMMEND, replace(one(), options=())), "one1", "", editing.NO_OPTIONS),
        ((RECOMMEND, one("one1", "Yes")), "one1", "", editing.NO_OPTIONS),
        ((RECOMMEND, one("one1", "Yes", " yes ")), "one1", "option-option2", editing.SAME_OPTION),
        ((RECOMMEND, one(when=("stars1:1",))), "one1", "when", editing.ABSENT),
        ((RECOMMEND, one(when=("stars1:1",)), RATING), "one1", "when", editing.LATER),
        ((RECOMMEND, one(when=("one1:option1",))), "one1", "when", editing.LATER),
        ((RECOMMEND, RATING, one(when=("stars1:6",))), "one1", "when", editing.ABSENT),
        ((RECOMMEND, RATING, RATING), "stars1", "", editing.SAME_KEY),
        ((RECOMMEND, replace(RATING, scale=None)), "stars1", "", editing.NO_SCALE),
    ],
)
def test_what_is_wrong_with_the_questions_is_named_with_its_place(
    questions: tuple[Question, ...], key: str, part: str, fault: str
) -> None:
    found = structure_faults(asking(*questions))

    assert (key, part, fault) in [(one.key, one.part, one.wording) for one in found]


def test_a_condition_on_an_earlier_answer_or_a_group_is_no_fault() -> None:
    questions = (RECOMMEND, RATING, one(when=("stars1:1", "score:detractor")), WHY, CONTACT)

    assert all_faults(asking(*questions)) == []


def test_a_missing_language_of_an_option_is_named() -> None:
    option = Option("option1", {"en": "Yes", "ru": "Да", "uk": ""})
    found = all_faults(asking(RECOMMEND, one(), replace(one("one2"), options=(option, Option("option2", words("x"))))))

    assert [(one.key, one.part, one.language) for one in found] == [("one2", "option-option1", "uk")]


def test_a_further_language_asks_for_every_text() -> None:
    texts = {(key, part) for key, part, _texts in START.fields()}

    found = all_faults(START, (*LANGUAGES, "pl"))

    assert {(one.key, one.part) for one in found} == texts - {("survey", "promise")} | {("survey", "promise")}
    assert {one.language for one in found} == {"pl"}


# ---- steps -----------------------------------------------------------------------------------------------------

DEEDS = st.one_of(
    st.sampled_from([f"add:{what}" for what in wording.ADDABLE]),
    st.builds(
        "{}:{}".format,
        st.sampled_from(["up", "down", "remove", "option"]),
        st.sampled_from(["recommend", "why", "contact", "stars1", "one1", "many1", "nothing"]),
    ),
    st.builds("drop:one1:option{}".format, st.integers(1, 4)),
)


@given(st.lists(DEEDS, max_size=25))
def test_no_row_of_steps_breaks_the_order_or_gives_a_key_twice(deeds: list[str]) -> None:
    questionnaire, ever = START, {one.key for one in START.questions}
    for deed in deeds:
        try:
            after = editing.step(deed, ever, wording.new_question)(questionnaire)
        except NoSuchStep:
            continue
        new = {one.key for one in after.questions} - {one.key for one in questionnaire.questions}
        assert not new & ever
        ever |= new | {option.key for one in after.questions for option in one.options}
        questionnaire = after

    found = {one.wording for one in structure_faults(questionnaire)}
    assert found <= {editing.NO_OPTIONS}
    assert len(questionnaire.questions) <= editing.MOST_QUESTIONS


@pytest.mark.parametrize(
    "deed", ["", "up", "explode:why", "remove:recommend", "up:why", "down:contact", "up:contact", "down:why",
             "add:text", "option:why", "remove:nothing"],
)  # fmt: skip
def test_a_step_that_makes_no_sense_is_refused(deed: str) -> None:
    with pytest.raises(NoSuchStep):
        editing.step(deed, (), wording.new_question)(START)


def test_a_moved_question_changes_places_with_its_neighbour() -> None:
    before = asking(RECOMMEND, RATING, one(), CONTACT)

    after = editing.move(before, "one1", -1)

    assert [question.key for question in after.questions] == ["recommend", "one1", "stars1", "contact"]
    assert editing.changed(before, after) == ["order"]


# ---- what a form says ------------------------------------------------------------------------------------------

CHAIN = (
    RECOMMEND,
    one("late", when=("score:detractor",)),
    Question("how", Kind.MANY, {}, options=(Option("a", {}), Option("b", {})), when=("late:option1",)),
    Question("words", Kind.WORDS, {}, when=("how:b",), required=True),
    RATING,
)
SENT = st.dictionaries(
    st.sampled_from(["late", "how", "words", "stars1", "recommend", "other"]),
    st.lists(st.sampled_from(["option1", "option2", "a", "b", "1", "5", "6", "", " text "]), max_size=3),
)


@given(st.integers(0, 10), SENT)
def test_only_questions_that_are_shown_are_answered_in_their_own_scale(score: int, sent: dict[str, list[str]]) -> None:
    filled = filling.read(CHAIN, classify(score), sent)

    assert set(filled.values) <= set(filled.shown)
    assert ("late" in filled.shown) is (score <= 6)
    assert ("how" in filled.shown) is (filled.values.get("late") == ["option1"])
    assert ("words" in filled.shown) is ("b" in filled.values.get("how", ()))
    assert filled.values.get("stars1", 1) in range(1, 6)
    assert bool(filled.missing) is ("words" in filled.shown and "words" not in filled.values)


@given(st.integers(0, 10), SENT)
def test_reading_the_same_form_with_only_what_was_kept_gives_the_same(score: int, sent: dict[str, list[str]]) -> None:
    first = filling.read(CHAIN, classify(score), sent)
    kept = {key: value if isinstance(value, list) else [str(value)] for key, value in first.values.items()}

    assert filling.read(CHAIN, classify(score), kept) == first


def test_faces_and_stars_go_to_five_and_the_long_scale_to_ten() -> None:
    assert [scale.highest for scale in Scale] == [10, 5, 5, 5]


def test_further_questions_are_read_with_their_placeholders() -> None:
    named = replace(RATING, texts=RATING.texts | {"wording": words("How was {title}?")})

    (asked,) = typed(asking(RECOMMEND, named), "en").further

    assert (asked.wording, asked.low, asked.after_why) == ("How was {title}?", "very bad", False)
