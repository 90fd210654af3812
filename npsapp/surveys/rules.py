"""What a questionnaire is, when it is complete, and how it reads for one customer."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

from npsapp.lib.texts import N_, Worded, text_in
from npsapp.surveys.placeholders import EMPTY, Values, fill_line, text_fault

# What customers are asked in unless their brand has a list of its own. Every text a customer sees stands in all
# languages of the brand before a survey may go out.
LANGUAGES = ("en", "ru", "uk")
GROUPS = ("detractor", "passive", "promoter")

Texts: TypeAlias = dict[str, str]  # language → text
Field: TypeAlias = tuple[str, str, Texts]  # key of the question (or SURVEY, letters.LETTER), part, texts


class SurveyState(Worded):
    """A survey asks only while it is active; at most one is, for a brand and a touchpoint."""

    DRAFT = "draft", N_("Draft")
    ACTIVE = "active", N_("Asking")
    PAUSED = "paused", N_("Paused")
    ARCHIVED = "archived", N_("Archived")


class Kind(Worded):
    """What a question asks for."""

    RECOMMEND = "recommend", N_("Recommendation, 0 to 10")
    RATING = "rating", N_("Rating")
    ONE = "one", N_("One of several")
    MANY = "many", N_("Any of several")
    WORDS = "words", N_("Free text")
    TEXT = "text", N_("Why, worded by group")
    CONTACT = "contact", N_("Please contact me")


class Scale(Worded):
    """What a rating is given on; a question keeps its scale for ever."""

    TEN = "ten", N_("1 to 10")
    FIVE = "five", N_("1 to 5")
    STARS = "stars", N_("Five stars")
    FACES = "faces", N_("Five faces")

    @property
    def highest(self) -> int:
        """The best rating; the worst is 1."""
        return 10 if self is Scale.TEN else 5


# The texts each kind of question consists of. Part of the document's format: never rename one.
PARTS: dict[Kind, tuple[str, ...]] = {
    Kind.RECOMMEND: ("wording", "low", "high"),
    Kind.RATING: ("wording", "low", "high"),
    Kind.ONE: ("wording",),
    Kind.MANY: ("wording",),
    Kind.WORDS: ("wording",),
    Kind.TEXT: GROUPS,
    Kind.CONTACT: ("wording", "decline"),
}
HAS_OPTIONS = (Kind.ONE, Kind.MANY)
OPTION = "option-"  # before the key of an option, where the part of a text is named
FURTHER = (Kind.RATING, Kind.ONE, Kind.MANY, Kind.WORDS)  # their answers are kept by question key
SCORE = "score"  # stands for the group of the recommendation in conditions: "score:detractor"
SURVEY = "survey"  # stands where a question's key stands, for the texts around the questions
SURVEY_PARTS = ("naming", "thanks_detractor", "thanks_passive", "thanks_promoter", "promise")
# A firm that promises no call leaves the promise empty, then in all languages.
MAY_BE_EMPTY = frozenset({(SURVEY, "promise")})
TEXT_MAX = 600
LONGEST = {"naming": 300, "wording": 300, "low": 300, "high": 300, "option": 120}


@dataclass(frozen=True)
class Option:
    """One of the answers to choose from; its key is stable over all versions."""

    key: str
    texts: Texts


@dataclass(frozen=True)
class Question:
    """One question: its key is stable over all versions, reports go by it."""

    key: str
    kind: Kind
    texts: Mapping[str, Texts]
    required: bool = False
    scale: Scale | None = None
    options: tuple[Option, ...] = ()
    when: tuple[str, ...] = ()
    """Shown when one of these was answered before, "question:value" each; empty: always."""
    details: bool = False
    """Whether the offer to be contacted asks for number or address and a convenient time."""

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Question":
        """Read what `to_json` wrote; versions made before there were further kinds have the first three columns."""
        return cls(
            key=row["key"],
            kind=Kind(row["kind"]),
            texts=row["texts"],
            required=row.get("required", False),
            scale=Scale(row["scale"]) if row.get("scale") else None,
            options=tuple(Option(**one) for one in row.get("options", ())),
            when=tuple(row.get("when", ())),
            details=row.get("details", False),
        )

    def to_json(self) -> dict[str, Any]:
        """The JSON form, without what is not said: every visit of a customer reads it."""
        said = {"key", "kind", "texts"}
        return {name: value for name, value in asdict(self).items() if value or name in said}

    def values(self) -> tuple[str, ...]:
        """The answers that a condition may name, in their order."""
        if self.kind is Kind.RECOMMEND:
            return GROUPS
        if self.scale:
            return tuple(str(number) for number in range(1, self.scale.highest + 1))
        return tuple(option.key for option in self.options)

    @property
    def spoken_of(self) -> str:
        """How conditions call the question."""
        return SCORE if self.kind is Kind.RECOMMEND else self.key

    def fields(self) -> Iterator[Field]:
        """Its texts, those of its options last."""
        yield from ((self.key, part, self.texts.get(part, {})) for part in PARTS[self.kind])
        yield from ((self.key, f"{OPTION}{one.key}", one.texts) for one in self.options)

    def with_texts(self, new: Mapping[tuple[str, str], Texts]) -> "Question":
        """The same question with other texts."""
        parts = {part: dict(new.get((self.key, part), self.texts.get(part, {}))) for part in PARTS[self.kind]}
        options = (Option(one.key, dict(new.get((self.key, f"{OPTION}{one.key}"), one.texts))) for one in self.options)
        return replace(self, texts=parts, options=tuple(options))


LOOK = ("accent", "picture")  # what one survey may have of its own, in place of the brand's


@dataclass(frozen=True)
class Questionnaire:
    """The content of one version of a survey: the questions in order and the texts around them."""

    questions: tuple[Question, ...]
    texts: Mapping[str, Texts] = field(default_factory=dict)
    accent: str = ""
    """The colour of this survey's page; empty: the brand's."""
    picture: str = ""
    """File name in instance/logos/; empty: the brand's logo."""

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Questionnaire":
        """Read what `to_json` wrote; an unknown kind of question is a ValueError."""
        questions = tuple(map(Question.from_json, document["questions"]))
        return cls(questions, document["texts"], document.get("accent", ""), document.get("picture", ""))

    def to_json(self) -> dict[str, Any]:
        """The JSON form stored with the version."""
        look = {name: value for name in LOOK if (value := getattr(self, name))}
        return {"questions": [one.to_json() for one in self.questions], "texts": dict(self.texts), **look}

    def question(self, kind: Kind) -> Question | None:
        """The first question of that kind."""
        return next((question for question in self.questions if question.kind is kind), None)

    def by_key(self, key: str) -> Question | None:
        """The question of that key."""
        return next((question for question in self.questions if question.key == key), None)

    def fields(self) -> Iterator[Field]:
        """Every text as (question key or "survey", part, languages), in the order of the editor."""
        yield SURVEY, "naming", self.texts.get("naming", {})
        for question in self.questions:
            yield from question.fields()
        for part in SURVEY_PARTS[1:]:
            yield SURVEY, part, self.texts.get(part, {})

    def with_texts(self, new: Mapping[tuple[str, str], Texts]) -> "Questionnaire":
        """The same questions with other texts, by (question key or "survey", part)."""
        around = {part: dict(new.get((SURVEY, part), self.texts.get(part, {}))) for part in SURVEY_PARTS}
        return replace(self, questions=tuple(one.with_texts(new) for one in self.questions), texts=around)


@dataclass(frozen=True)
class Fault:
    """Something wrong with one text; `detail` goes into the wording."""

    key: str
    part: str
    language: str
    wording: str
    detail: str = ""


def faults(fields: Iterable[Field], languages: Sequence[str] = LANGUAGES) -> list[Fault]:
    """What is wrong with single texts: missing in a language, too long, placeholders that do not exist."""
    found = []
    for key, part, texts in fields:
        typed = {language: texts.get(language, "").strip() for language in languages}
        if (key, part) in MAY_BE_EMPTY and not any(typed.values()):
            continue
        at_most = LONGEST.get(part.partition("-")[0], TEXT_MAX)
        for language, text in typed.items():
            fault = text_fault(text, at_most=at_most, one_line=True) if text else (EMPTY, "")
            if fault:
                found.append(Fault(key, part, language, *fault))
    return found


# ---- how it reads ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A further question as one customer reads it."""

    question: Question
    wording: str = ""
    low: str = ""
    high: str = ""
    decline: str = ""
    options: tuple[tuple[str, str], ...] = ()
    """Key and words."""
    after_why: bool = False


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
    accent: str = ""
    picture: str = ""
    further: tuple[Asked, ...] = ()


def wording(questionnaire: Questionnaire, *, language: str, values: Values) -> Wording:
    """All texts of a survey page in one language. A part that does not exist is an empty string."""
    return filled(typed(questionnaire, language), values)


def filled(typed: Wording, values: Values) -> Wording:
    """The same texts for one customer."""

    def said(text: str | dict[str, str]) -> Any:
        if isinstance(text, dict):
            return {key: said(one) for key, one in text.items()}
        return fill_line(text, values) if "{" in text else text

    plain = {name: said(text) for name, text in vars(typed).items() if name != "further"}
    return Wording(**plain, further=tuple(_asked(one, said) for one in typed.further))


def _asked(one: Asked, said: Callable[[str], str]) -> Asked:
    texts: dict[str, Any] = {name: said(getattr(one, name)) for name in ("wording", "low", "high", "decline")}
    return replace(one, **texts, options=tuple((key, said(text)) for key, text in one.options))


def typed(questionnaire: Questionnaire, language: str) -> Wording:
    """All texts of a survey page in one language, placeholders and all."""

    def said(kind: Kind, part: str) -> str:
        question = questionnaire.question(kind)
        return _one_line(question.texts.get(part)) if question and not is_further(question) else ""

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
        accent=questionnaire.accent,
        picture=questionnaire.picture,
        further=tuple(_further_typed(questionnaire, language)),
    )


def is_further(question: Question) -> bool:
    """Whether it is asked by a block of its own; the plain offer to be contacted stands under the "why"."""
    return question.kind in FURTHER or (question.kind is Kind.CONTACT and bool(question.details or question.when))


def _further_typed(questionnaire: Questionnaire, language: str) -> Iterator[Asked]:
    after_why = False
    for question in questionnaire.questions:
        after_why = after_why or question.kind is Kind.TEXT
        if is_further(question):
            words = {
                part: " ".join(text_in(texts, language).split()) for part, texts in question.texts.items() if texts
            }
            options = tuple((one.key, " ".join(text_in(one.texts, language).split())) for one in question.options)
            yield Asked(question, **words, options=options, after_why=after_why)
