"""What a person may type about a survey: its questions, its letter in the brand's languages, a new survey."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, NumberRange, Optional, ValidationError

from npsapp.delivery.rules import Channel
from npsapp.i18n import language_name
from npsapp.lib.texts import N_, text_in
from npsapp.lib.tokens import digest
from npsapp.organization.forms import (
    NAME_MAX,
    Choices,
    LanguageForm,
    in_languages,
    line,
    options,
    readable,
    ticks,
    upper,
)
from npsapp.surveys import fixed
from npsapp.surveys.letters import LETTER, PARAGRAPHS, PARTS
from npsapp.surveys.own_html import HTML_MAX
from npsapp.surveys.rules import FURTHER, OPTION, Fault, Field, Kind, Question, Questionnaire, Texts, faults
from npsapp.surveys.wording import STARTS, WHY

NEW_TOUCHPOINT = "new"
SHORT = ("low", "high", "decline")  # texts of a few words
TYPED_MAX = 5000  # characters read at all; the rules say how long each text may be

# The words for each text of page and letter, by (kind of question or None, part).
LABELS = {
    (None, "naming"): _l("Line that names the purchase"),
    (Kind.RECOMMEND, "wording"): _l("The question"),
    (Kind.RECOMMEND, "low"): _l("Under the 0"),
    (Kind.RECOMMEND, "high"): _l("Under the 10"),
    (Kind.RATING, "low"): _l("Under the lowest"),
    (Kind.RATING, "high"): _l("Under the highest"),
    (Kind.TEXT, "detractor"): _l("Why, after 0 to 6"),
    (Kind.TEXT, "passive"): _l("Why, after 7 or 8"),
    (Kind.TEXT, "promoter"): _l("Why, after 9 or 10"),
    (Kind.CONTACT, "wording"): _l("Offer to be contacted"),
    (Kind.CONTACT, "decline"): _l("Answer “no call”"),
    (None, "thanks_detractor"): _l("Thanks, after 0 to 6"),
    (None, "thanks_passive"): _l("Thanks, after 7 or 8"),
    (None, "thanks_promoter"): _l("Thanks, after 9 or 10"),
    (None, "promise"): _l("What happens if contact was asked for"),
    (None, "subject"): _l("Subject"),
    (None, "body"): _l("Letter"),
    (None, "html"): _l("HTML of your own"),
    (None, "sms"): _l("SMS"),
}
_PARTS = {"wording": _l("The question")}
_AFTER = {"detractor": N_("After 0 to 6"), "passive": N_("After 7 or 8"), "promoter": N_("After 9 or 10")}


def _one_line(value: str | None) -> str:
    return " ".join((value or "").split())


def _lines(value: str | None) -> str:
    return "\n".join(line.rstrip() for line in (value or "").splitlines()).strip()


class TextsForm(FlaskForm):
    """A form whose fields are texts by key, part and language; subclasses are made by `_texts_form`."""

    based_on = HiddenField()
    parts: tuple[tuple[str, str], ...] = ()
    """(key, part) in the order of the page."""
    languages: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    """Keys of the questions."""

    def show(self, fields: Iterable[Field]) -> None:
        """Put these texts into the form."""
        for key, part, texts in fields:
            for code in self.languages:
                self[_name(key, part, code)].data = texts.get(code, "")

    def texts(self) -> dict[tuple[str, str], Texts]:
        """What was typed."""
        return {
            (key, part): {code: self[_name(key, part, code)].data or "" for code in self.languages}
            for key, part in self.parts
        }

    def has_no_fault(self) -> bool:
        """Whether the texts may be saved; otherwise every fault stands at its field."""
        typed = [(key, part, texts) for (key, part), texts in self.texts().items()]
        return self.names_no_fault(faults(typed, self.languages))

    def names_no_fault(self, found: Iterable[Fault]) -> bool:
        """Put faults at their fields, those of a whole question above the form; whether all may be saved."""
        valid = bool(self.validate_on_submit())
        for fault in found:
            words, valid = _(fault.wording, detail=fault.detail), False
            field = self._fields.get(_name(fault.key, fault.part, fault.language).rstrip("_"))
            if field is not None:
                field.errors = [*field.errors, words]
                continue
            number = self.order.index(fault.key) + 1 if fault.key in self.order else ""
            words = _("Question %(number)s: %(fault)s", number=number, fault=words) if number else words
            self.form_errors.append(words)
        return valid

    def rows(self, key: str | None = None) -> list[list[Any]]:
        """The fields of the languages of each text, in the order of the page; of one question, or of all."""
        return [
            [self[_name(one, part, code)] for code in self.languages] for one, part in self.parts if key in (None, one)
        ]


class PageForm(TextsForm):
    """The texts of a survey page with what else can be said about each question, and the page's look."""

    accent = line(
        _l("Accent colour"),
        *(Optional(), readable),
        help=_l("Only for this survey, for example #1F5FBF. Empty: the brand's."),
        tidy=upper,
    )

    def show_page(self, questionnaire: Questionnaire) -> None:
        """Put a questionnaire into the form."""
        self.show(questionnaire.fields())
        self.accent.data = questionnaire.accent
        for question in questionnaire.questions:
            for name in _ABOUT:
                if field := self._fields.get(f"{question.key}__{name}"):
                    value = getattr(question, name)
                    field.data = list(value) if name == "when" else value

    def typed(self, questionnaire: Questionnaire) -> Questionnaire:
        """The questionnaire as it stands in the form; languages that are not asked for keep their words."""
        old = {(key, part): texts for key, part, texts in questionnaire.fields()}
        written = questionnaire.with_texts({at: old.get(at, {}) | texts for at, texts in self.texts().items()})
        questions = tuple(replace(one, **self._about(one)) for one in written.questions)
        return replace(written, questions=questions, accent=self.accent.data or "")

    def _about(self, question: Question) -> dict[str, Any]:
        about = {name: self._fields.get(f"{question.key}__{name}") for name in _ABOUT}
        said = {name: field.data for name, field in about.items() if field is not None}
        return said | ({"when": tuple(said["when"] or ())} if "when" in said else {})


_ABOUT = ("required", "details", "when")


def _name(key: str, part: str, language: str) -> str:
    return f"{key}__{part}__{language}"


def page_form(questionnaire: Questionnaire, languages: Sequence[str], language: str) -> type[PageForm]:
    """The form for a survey page; `language` is the reader's, for the words of conditions."""
    questions = {question.key: question for question in questionnaire.questions}
    labels = {(key, part): _label(questions.get(key), part) for key, part, _t in questionnaire.fields()}
    made = _texts_form(PageForm, labels, languages)
    made.order = tuple(questions)
    for place, question in enumerate(questionnaire.questions):
        for name, field in _about_fields(question, questionnaire.questions[:place], language):
            setattr(made, f"{question.key}__{name}", field)
    return made


def _label(question: Question | None, part: str) -> Any:
    if question and part.startswith(OPTION):
        return _l("Option")
    return LABELS.get((question.kind if question else None, part)) or _PARTS[part]


def _about_fields(question: Question, before: Sequence[Question], language: str) -> Iterator[tuple[str, Any]]:
    if question.kind in FURTHER:
        yield "required", BooleanField(_l("An answer is required"))
    if question.kind is Kind.CONTACT:
        yield "details", BooleanField(_l("Ask for number or address and a convenient time"))
    conditions = [pair for one in before for pair in _conditions(one, language)]
    if question.kind in (*FURTHER, Kind.CONTACT):
        # What is chosen stays a choice when its question has gone or moved: then it is a fault with words of its own.
        known = {value for value, _words in conditions}
        conditions += [(value, value) for value in question.when if value not in known]
        field = ticks(_l("Only after"), help=_l("Nothing ticked: always."))
        field.kwargs["choices"] = options(conditions)
        yield "when", field


def _conditions(question: Question, language: str) -> Iterator[tuple[str, str]]:
    words = {option.key: text_in(option.texts, language) for option in question.options}
    named = text_in(question.texts.get("wording"), language)
    for value in question.values():
        said = _(_AFTER[value]) if question.kind is Kind.RECOMMEND else f"{named} {words.get(value, value)}"
        yield f"{question.spoken_of}:{value}", said


class WordsForm(TextsForm):
    """The texts of a step's message, and of text B how many get it."""

    share = IntegerField(
        _l("Of 100 messages text B gets"), validators=[Optional(), NumberRange(5, 95)], render_kw={"class": "short"}
    )

    def typed(self) -> dict[str, Texts]:
        """What was typed: part → language → text."""
        return {part: texts for (_key, part), texts in self.texts().items()}


def words_form(languages: Sequence[str], channel: Channel) -> type[WordsForm]:
    """The form for the texts of a step's message."""
    return _texts_form(WordsForm, {(LETTER, part): LABELS[None, part] for part in PARTS[channel]}, languages)


def _texts_form(base: type[Any], labels: Mapping[tuple[str, str], Any], languages: Sequence[str]) -> type[Any]:
    made = type("Texts", (base,), {"parts": tuple(labels), "languages": tuple(languages)})
    for (key, part), label in labels.items():
        tidy, rows = (_lines, PARAGRAPHS[part]) if part in PARAGRAPHS else (_one_line, 2)
        kind = StringField if part in SHORT or part.startswith(OPTION) else TextAreaField
        for code in languages:
            words = _l("%(text)s (%(language)s)", text=label, language=language_name(code))
            look = {"rows": rows} if kind is TextAreaField else {}
            longest = HTML_MAX if part == "html" else TYPED_MAX
            field = kind(words, filters=[tidy], validators=[Length(max=longest)], render_kw=look)
            setattr(made, _name(key, part, code), field)
    return made


class FixedForm(FlaskForm):
    """The fixed words of one language; subclasses are made by `fixed_form`."""

    names: dict[str, str] = {}  # noqa: RUF012 - never changed
    """Key of a text → name of its field."""

    def texts(self) -> dict[str, str]:
        """What was typed, by key."""
        return {key: self[name].data or "" for key, name in self.names.items()}


def fixed_form(language: str) -> type[FixedForm]:
    """The form for the fixed words of one language, each labelled with its original."""
    made: type[Any] = type("Fixed", (FixedForm,), {})
    made.names = {one.key: f"f{digest(one.key)[:12]}" for one in fixed.asked(language)}
    for one in fixed.asked(language):
        label = _l("%(text)s (with %(number)s)", text=one.original, number=one.count) if one.plural else one.original
        checks = [Length(max=fixed.LONGEST), _kept(one.original)]
        look = {"rows": 2, "lang": language}
        setattr(made, made.names[one.key], TextAreaField(label, filters=[_one_line], validators=checks, render_kw=look))
    return made


def _kept(original: str) -> Any:
    """Validator: has the placeholders of the original, and nothing that a page would take for its own."""
    wanted = fixed.placeholders(original)

    def check(_form: FlaskForm, field: Any) -> None:
        if field.data and fixed.placeholders(field.data) != wanted:
            raise ValidationError(_(fixed.WRONG, detail=", ".join(wanted) or "–"))

    return check


class NewSurveyForm(LanguageForm):
    """A new survey: for which brand and touchpoint."""

    name = line(_l("Name for you and your colleagues"), DataRequired(), Length(max=NAME_MAX))
    brand = SelectField(_l("Brand"), validators=[DataRequired()])
    touchpoint = SelectField(_l("Asks after"), validators=[DataRequired()])
    start = RadioField(
        _l("Starts with"), choices=options((key, _l(words)) for key, words in STARTS.items()), default=WHY
    )

    def offer(self, *, brands: Choices, touchpoints: Choices) -> None:
        """What there is to choose from; a new touchpoint may be named on the same page."""
        self.brand.choices = options(brands)
        self.touchpoint.choices = options([*touchpoints, (NEW_TOUCHPOINT, _("something new, named below"))])

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """All fields; a new touchpoint needs a name."""
        valid = bool(super().validate(extra_validators))
        if self.touchpoint.data == NEW_TOUCHPOINT:
            return self.need_one("touchpoint_name") and valid
        return valid


class CopyForm(NewSurveyForm):
    """A copy of a survey, for the same or another brand and touchpoint."""

    start = None


in_languages(NewSurveyForm, "touchpoint_name", NAME_MAX, N_("Name of the new kind of contact (%(language)s)"))
