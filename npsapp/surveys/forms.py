"""What a person may type about a survey: its texts and its letter in three languages, a new survey."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from npsapp.i18n import LANGUAGES
from npsapp.organization.forms import Choices, LanguageForm, in_languages, options, stripped
from npsapp.surveys.rules import LETTER_PARTS, Fault, Kind, Questionnaire, Texts

NAME_MAX = 120
NEW_TOUCHPOINT = "new"
TYPED_MAX = 5000  # characters read at all; the rules say how long each text may be

# The words for each text of the questionnaire, by (kind of question or None, part).
PART_LABELS = {
    (None, "naming"): _l("Line that names the purchase"),
    (Kind.RECOMMEND, "wording"): _l("The question"),
    (Kind.RECOMMEND, "low"): _l("Under the 0"),
    (Kind.RECOMMEND, "high"): _l("Under the 10"),
    (Kind.TEXT, "detractor"): _l("Why, after 0 to 6"),
    (Kind.TEXT, "passive"): _l("Why, after 7 or 8"),
    (Kind.TEXT, "promoter"): _l("Why, after 9 or 10"),
    (Kind.CONTACT, "wording"): _l("Offer to be contacted"),
    (Kind.CONTACT, "decline"): _l("Answer “no call”"),
    (None, "thanks_detractor"): _l("Thanks, after 0 to 6"),
    (None, "thanks_passive"): _l("Thanks, after 7 or 8"),
    (None, "thanks_promoter"): _l("Thanks, after 9 or 10"),
    (None, "promise"): _l("What happens if contact was asked for"),
}
LETTER_LABELS = {
    "subject": _l("Subject"),
    "before": _l("Text before the scale"),
    "after": _l("Text after the scale"),
}


def _one_line(value: str | None) -> str:
    return " ".join((value or "").split())


def _lines(value: str | None) -> str:
    return "\n".join(line.rstrip() for line in (value or "").splitlines()).strip()


class TextsForm(FlaskForm):
    """A form whose fields are texts by key, part and language; subclasses are made by `texts_form`."""

    based_on = HiddenField()
    parts: tuple[tuple[str, str, Any], ...] = ()
    """(question key, part, label) in the order of the page."""

    def show(self, texts: Mapping[tuple[str, str], Texts]) -> None:
        """Fill the fields."""
        for (key, part), by_language in texts.items():
            for code in LANGUAGES:
                self[field_name(key, part, code)].data = by_language.get(code, "")

    def texts(self) -> dict[tuple[str, str], Texts]:
        """What was typed."""
        return {
            (key, part): {code: self[field_name(key, part, code)].data or "" for code in LANGUAGES}
            for key, part, _label in self.parts
        }

    def put_faults(self, faults: list[Fault]) -> None:
        """Say at each field what the rules found wrong with its text."""
        for fault in faults:
            field = self[field_name(fault.key, fault.part, fault.language)]
            field.errors = [*field.errors, _(fault.label, detail=fault.detail)]

    def rows(self) -> list[list[Any]]:
        """The fields of the three languages of each text, in the order of the page."""
        return [[self[field_name(key, part, code)] for code in LANGUAGES] for key, part, _label in self.parts]


def field_name(key: str, part: str, language: str) -> str:
    """The name of a text's field."""
    return f"{key}__{part}__{language}"


def texts_form(questionnaire: Questionnaire) -> type[TextsForm]:
    """The form for the texts of this questionnaire."""
    kinds = {question.key: question.kind for question in questionnaire.questions}
    parts = tuple(
        (key, part, PART_LABELS[kinds.get(key), part]) for key, part, _texts in questionnaire.fields()
    )
    return _form_of(parts, _page_field)


def letter_form() -> type[TextsForm]:
    """The form for the texts of a letter."""
    parts = tuple(("letter", part, LETTER_LABELS[part]) for part in LETTER_PARTS)
    return _form_of(parts, _letter_field)


_LIMITS = [Length(max=TYPED_MAX)]


def _page_field(label: Any, _part: str) -> Any:
    return TextAreaField(label, filters=[_one_line], validators=_LIMITS, render_kw={"rows": 2})


def _letter_field(label: Any, part: str) -> Any:
    if part == "subject":
        return StringField(label, filters=[_one_line], validators=_LIMITS)
    return TextAreaField(label, filters=[_lines], validators=_LIMITS, render_kw={"rows": 6})


def _form_of(parts: tuple[tuple[str, str, Any], ...], field: Any) -> type[TextsForm]:
    made = type("Texts", (TextsForm,), {"parts": parts})
    for key, part, label in parts:
        for code, language in LANGUAGES.items():
            words = _l("%(text)s (%(language)s)", text=label, language=language)
            setattr(made, field_name(key, part, code), field(words, part))
    return made


class NewSurveyForm(LanguageForm):
    """A new survey: for which brand and touchpoint."""

    name = StringField(
        _l("Name for you and your colleagues"),
        filters=[stripped],
        validators=[DataRequired(), Length(max=NAME_MAX)],
    )
    brand = SelectField(_l("Brand"), validators=[DataRequired()])
    touchpoint = SelectField(_l("Asks after"), validators=[DataRequired()])

    def offer(self, *, brands: Choices, touchpoints: Choices) -> None:
        """What there is to choose from; a new touchpoint may be named on the same page."""
        new = SelectChoice(NEW_TOUCHPOINT, _("something new, named below"))
        self.brand.choices = options(brands)
        self.touchpoint.choices = [*options(touchpoints), new]

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """All fields; a new touchpoint needs a name."""
        valid = bool(super().validate(extra_validators))
        if self.touchpoint.data == NEW_TOUCHPOINT:
            return self.need_one("touchpoint_name") and valid
        return valid


in_languages(
    NewSurveyForm,
    "touchpoint_name",
    lambda language: StringField(
        _l("Name of the new kind of contact (%(language)s)", language=language),
        validators=[Length(max=NAME_MAX)],
    ),
)


class RenameForm(FlaskForm):
    """Another name for a survey."""

    name = StringField(
        _l("Name for you and your colleagues"),
        filters=[stripped],
        validators=[DataRequired(), Length(max=NAME_MAX)],
    )
