"""What a questionnaire is, when it is complete, and how it reads for one customer."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from npsapp.lib.texts import N_, Worded, text_in
from npsapp.surveys.placeholders import EMPTY, Values, fill, fill_line, text_fault

# Every text a customer sees stands in all of these before a survey may go out.
LANGUAGES = ("en", "ru", "uk")
GROUPS = ("detractor", "passive", "promoter")

Texts: TypeAlias = dict[str, str]  # language → text
Field: TypeAlias = tuple[str, str, Texts]  # key of the question (or SURVEY, LETTER), part, texts


class SurveyState(Worded):
    """A survey asks only while it is active; at most one is, for a brand and a touchpoint."""

    DRAFT = "draft", N_("Draft")
    ACTIVE = "active", N_("Asking")
    PAUSED = "paused", N_("Paused")


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
LETTER = "letter"
LETTER_PARTS = ("subject", "before", "after")
PARAGRAPHS = ("before", "after")  # all other parts stand on one line
TEXT_MAX = 600
LONGEST = {
    "naming": 300, "wording": 300, "low": 300, "high": 300, "subject": 120, "before": 1500, "after": 1500,
}  # fmt: skip


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
        questions = tuple(Question(row["key"], Kind(row["kind"]), row["texts"]) for row in document["questions"])
        return cls(questions, document["texts"])

    def to_json(self) -> dict[str, Any]:
        """The JSON form stored with the version."""
        return asdict(self)

    def question(self, kind: Kind) -> Question | None:
        """The first question of that kind."""
        return next((question for question in self.questions if question.kind is kind), None)

    def fields(self) -> Iterator[Field]:
        """Every text as (question key or "survey", part, languages), in the order of the editor."""
        yield SURVEY, "naming", self.texts.get("naming", {})
        for question in self.questions:
            for part in PARTS[question.kind]:
                yield question.key, part, question.texts.get(part, {})
        for part in SURVEY_PARTS[1:]:
            yield SURVEY, part, self.texts.get(part, {})

    def with_texts(self, new: Mapping[tuple[str, str], Texts]) -> "Questionnaire":
        """The same questions with other texts, by (question key or "survey", part)."""

        def renewed(key: str, parts: Iterable[str], old: Mapping[str, Texts]) -> dict[str, Texts]:
            return {part: dict(new.get((key, part), old.get(part, {}))) for part in parts}

        questions = (
            Question(one.key, one.kind, renewed(one.key, PARTS[one.kind], one.texts)) for one in self.questions
        )
        return Questionnaire(tuple(questions), renewed(SURVEY, SURVEY_PARTS, self.texts))


def letter_fields(letter: Mapping[str, Texts]) -> list[Field]:
    """The texts of a letter (part → language → text) in the order of the editor."""
    return [(LETTER, part, letter.get(part, {})) for part in LETTER_PARTS]


@dataclass(frozen=True)
class Fault:
    """Something wrong with one text; `detail` goes into the wording."""

    key: str
    part: str
    language: str
    wording: str
    detail: str = ""


def faults(fields: Iterable[Field]) -> list[Fault]:
    """What is wrong with single texts: missing in a language, too long, placeholders that do not exist."""
    found = []
    for key, part, texts in fields:
        typed = {language: texts.get(language, "").strip() for language in LANGUAGES}
        if (key, part) in MAY_BE_EMPTY and not any(typed.values()):
            continue
        at_most, one_line = LONGEST.get(part, TEXT_MAX), part not in PARAGRAPHS
        for language, text in typed.items():
            fault = text_fault(text, at_most=at_most, one_line=one_line) if text else (EMPTY, "")
            if fault:
                found.append(Fault(key, part, language, *fault))
    return found


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
    return filled(typed(questionnaire, language), values)


def filled(typed: Wording, values: Values) -> Wording:
    """The same texts for one customer."""

    def said(text: str | dict[str, str]) -> Any:
        if isinstance(text, dict):
            return {key: said(one) for key, one in text.items()}
        return fill_line(text, values) if "{" in text else text

    return Wording(**{name: said(text) for name, text in vars(typed).items()})


def typed(questionnaire: Questionnaire, language: str) -> Wording:
    """All texts of a survey page in one language, placeholders and all."""

    def said(kind: Kind, part: str) -> str:
        question = questionnaire.question(kind)
        return _one_line(question.texts.get(part)) if question else ""

    def around(part: str) -> str:
        return _one_line(questionnaire.texts.get(part))

    def _one_line(texts: Texts | None) -> str:
        return " ".join(text_in(texts, language).split())

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


def letter_words(letter: Mapping[str, Texts], *, language: str, values: Values) -> dict[str, str]:
    """The letter (part → language → text) for one customer: part → plain text in one language, placeholders filled."""
    said = {part: text_in(letter.get(part), language) for part in LETTER_PARTS}
    return {part: (fill if part in PARAGRAPHS else fill_line)(text, values) for part, text in said.items()}
