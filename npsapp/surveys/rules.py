"""What a questionnaire is, when it is complete, and how it reads for one customer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from npsapp.lib.texts import N_, text_in
from npsapp.surveys.placeholders import TextFault, Values, text_fault
from npsapp.surveys.placeholders import fill as fill
from npsapp.surveys.placeholders import fill_line as fill_line

# Every text a customer sees stands in all of these before a survey may go out.
LANGUAGES = ("en", "ru", "uk")
GROUPS = ("detractor", "passive", "promoter")

Texts: TypeAlias = dict[str, str]  # language → text


class SurveyState(StrEnum):
    """A survey asks only while it is active; at most one is, for a brand and a touchpoint."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"

    @property
    def label(self) -> str:
        return _STATES[self]


_STATES = {SurveyState.DRAFT: N_("Draft"), SurveyState.ACTIVE: N_("Asking"), SurveyState.PAUSED: N_("Paused")}


class Kind(StrEnum):
    """What a question asks for."""

    RECOMMEND = "recommend"
    TEXT = "text"
    CONTACT = "contact"


# The texts each kind of question consists of. Part of the document's format: never rename one.
PARTS: dict[Kind, tuple[str, ...]] = {
    Kind.RECOMMEND: ("wording", "low", "high"),
    Kind.TEXT: GROUPS,
    Kind.CONTACT: ("wording", "decline"),
}
SURVEY = "survey"  # stands where a question's key stands, for the texts around the questions
SURVEY_PARTS = ("naming", "thanks_detractor", "thanks_passive", "thanks_promoter", "promise")
# A firm that promises no call leaves the promise empty, then in all languages.
MAY_BE_EMPTY = frozenset({(SURVEY, "promise")})
QUESTION_MAX = 300
TEXT_MAX = 600


@dataclass(frozen=True)
class Question:
    """One question: its key is stable over all versions, reports go by it."""

    key: str
    kind: Kind
    texts: Mapping[str, Texts]


@dataclass(frozen=True)
class Questionnaire:
    """The content of one version of a survey: the questions in order and the texts around them."""

    questions: tuple[Question, ...]
    texts: Mapping[str, Texts] = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Questionnaire":
        """Read what `to_json` wrote; an unknown kind of question is a ValueError."""
        questions = tuple(
            Question(
                row["key"], Kind(row["kind"]), {part: dict(texts) for part, texts in row["texts"].items()}
            )
            for row in document["questions"]
        )
        return cls(questions, {part: dict(texts) for part, texts in document["texts"].items()})

    def to_json(self) -> dict[str, Any]:
        """The JSON form stored with the version."""
        questions = [
            {
                "key": q.key,
                "kind": q.kind.value,
                "texts": {part: dict(texts) for part, texts in q.texts.items()},
            }
            for q in self.questions
        ]
        return {"questions": questions, "texts": {part: dict(texts) for part, texts in self.texts.items()}}

    def question(self, kind: Kind) -> Question | None:
        """The first question of that kind."""
        return next((question for question in self.questions if question.kind is kind), None)

    def fields(self) -> Iterator[tuple[str, str, Texts]]:
        """Every text as (question key or "survey", part, languages), in the order of the editor."""
        yield SURVEY, "naming", self.texts.get("naming", {})
        for question in self.questions:
            for part in PARTS[question.kind]:
                yield question.key, part, question.texts.get(part, {})
        for part in SURVEY_PARTS[1:]:
            yield SURVEY, part, self.texts.get(part, {})

    def with_texts(self, new: Mapping[tuple[str, str], Texts]) -> "Questionnaire":
        """The same questions with other texts, by (question key or "survey", part)."""
        questions = tuple(
            Question(
                q.key,
                q.kind,
                {part: dict(new.get((q.key, part), q.texts.get(part, {}))) for part in PARTS[q.kind]},
            )
            for q in self.questions
        )
        texts = {part: dict(new.get((SURVEY, part), self.texts.get(part, {}))) for part in SURVEY_PARTS}
        return Questionnaire(questions, texts)


@dataclass(frozen=True)
class Fault:
    """Something wrong with one text; `label` is its wording, `detail` goes into it."""

    key: str
    part: str
    language: str
    code: TextFault
    detail: str = ""

    @property
    def label(self) -> str:
        return self.code.label


class ShapeFault(StrEnum):
    """Something wrong with the set of questions."""

    NO_RECOMMEND = "no_recommend"
    SEVERAL_RECOMMEND = "several_recommend"
    SEVERAL_CONTACT = "several_contact"
    SAME_KEY = "same_key"

    @property
    def label(self) -> str:
        return _SHAPES[self]


_SHAPES = {
    ShapeFault.NO_RECOMMEND: N_("The survey needs the question from 0 to 10."),
    ShapeFault.SEVERAL_RECOMMEND: N_("The question from 0 to 10 may stand in a survey once only."),
    ShapeFault.SEVERAL_CONTACT: N_("The offer of a call may stand in a survey once only."),
    ShapeFault.SAME_KEY: N_("Two questions have the same key."),
}


def shape_faults(questionnaire: Questionnaire) -> list[ShapeFault]:
    """What is wrong with the questions as a set; empty when nothing is."""
    kinds = [question.kind for question in questionnaire.questions]
    keys = {question.key for question in questionnaire.questions}
    found = {
        ShapeFault.NO_RECOMMEND: Kind.RECOMMEND not in kinds,
        ShapeFault.SEVERAL_RECOMMEND: kinds.count(Kind.RECOMMEND) > 1,
        ShapeFault.SEVERAL_CONTACT: kinds.count(Kind.CONTACT) > 1,
        ShapeFault.SAME_KEY: len(keys) < len(kinds) or SURVEY in keys,
    }
    return [fault for fault, present in found.items() if present]


def text_faults(questionnaire: Questionnaire) -> list[Fault]:
    """What is wrong with single texts: missing in a language, too long, placeholders that do not exist."""
    faults = []
    for key, part, texts in questionnaire.fields():
        optional = (key, part) in MAY_BE_EMPTY and not any(texts.get(lang, "").strip() for lang in LANGUAGES)
        at_most = QUESTION_MAX if part in ("wording", "low", "high", "naming") else TEXT_MAX
        faults += [] if optional else _faults_of(key, part, texts, at_most=at_most, one_line=True)
    return faults


def _faults_of(key: str, part: str, texts: Mapping[str, str], *, at_most: int, one_line: bool) -> list[Fault]:
    faults = []
    for language in LANGUAGES:
        text = texts.get(language, "").strip()
        found = text_fault(text, at_most=at_most, one_line=one_line) if text else (TextFault.EMPTY, "")
        if found:
            faults.append(Fault(key, part, language, *found))
    return faults


# ---- letters -------------------------------------------------------------------------------------------------

LETTER_PARTS = ("subject", "before", "after")
LETTER_MAX = {"subject": 120, "before": 1500, "after": 1500}
LETTER = "letter"


def letter_faults(letter: Mapping[str, Texts]) -> list[Fault]:
    """What is wrong with the texts of one letter: part → language → text. All parts are needed everywhere."""
    faults = []
    for part in LETTER_PARTS:
        faults += _faults_of(
            LETTER, part, letter.get(part, {}), at_most=LETTER_MAX[part], one_line=part == "subject"
        )
    return faults


# ---- how it reads ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wording:
    """A questionnaire as one customer reads it: plain text, placeholders filled. Dictionaries go by group."""

    naming: str
    question: str
    low: str
    high: str
    why: dict[str, str]
    contact: str
    no_call: str
    thanks: dict[str, str]
    promise: str


def wording(questionnaire: Questionnaire, *, language: str, values: Values) -> Wording:
    """All texts of a survey page in one language. A part that does not exist is an empty string."""

    def said(kind: Kind, part: str) -> str:
        question = questionnaire.question(kind)
        return fill_line(text_in(dict(question.texts.get(part, {})), language), values) if question else ""

    def around(part: str) -> str:
        return fill_line(text_in(dict(questionnaire.texts.get(part, {})), language), values)

    return Wording(
        naming=around("naming"),
        question=said(Kind.RECOMMEND, "wording"),
        low=said(Kind.RECOMMEND, "low"),
        high=said(Kind.RECOMMEND, "high"),
        why={group: said(Kind.TEXT, group) for group in GROUPS},
        contact=said(Kind.CONTACT, "wording"),
        no_call=said(Kind.CONTACT, "decline"),
        thanks={group: around(f"thanks_{group}") for group in GROUPS},
        promise=around("promise"),
    )


@dataclass(frozen=True)
class LetterWords:
    """The texts of one letter for one customer, plain text; `before` and `after` may have several lines."""

    subject: str
    before: str
    after: str


def letter_words(letter: Mapping[str, str], *, values: Values) -> LetterWords:
    """The letter's texts in one language (part → text) with the placeholders filled."""
    return LetterWords(
        subject=fill_line(letter.get("subject", ""), values),
        before=fill(letter.get("before", ""), values),
        after=fill(letter.get("after", ""), values),
    )


def changed_fields(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> list[str]:
    """The names of the entries that differ, sorted: what the audit may remember of an edited text."""
    return sorted(str(key) for key in old.keys() | new.keys() if old.get(key) != new.get(key))
