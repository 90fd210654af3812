"""What a person may type about a survey: its texts and its letter in three languages, a new survey."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, TextAreaField
from wtforms.validators import DataRequired, Length

from npsapp.i18n import LANGUAGES
from npsapp.lib.texts import N_
from npsapp.organization.forms import NAME_MAX, Choices, LanguageForm, in_languages, line, options
from npsapp.surveys.rules import LETTER, LETTER_PARTS, PARAGRAPHS, Field, Kind, Questionnaire, Texts, faults

NEW_TOUCHPOINT = "new"
TYPED_MAX = 5000  # characters read at all; the rules say how long each text may be

# The words for each text of page and letter, by (kind of question or None, part).
LABELS = {
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
    (None, "subject"): _l("Subject"),
    (None, "before"): _l("Text before the scale"),
    (None, "after"): _l("Text after the scale"),
}


def _one_line(value: str | None) -> str:
    return " ".join((value or "").split())


def _lines(value: str | None) -> str:
    return "\n".join(line.rstrip() for line in (value or "").splitlines()).strip()


class TextsForm(FlaskForm):
    """A form whose fields are texts by key, part and language; subclasses are made by `texts_form`."""

    based_on = HiddenField()
    parts: tuple[tuple[str, str], ...] = ()
    """(key, part) in the order of the page."""

    def show(self, fields: Iterable[Field]) -> None:
        """Put these texts into the form."""
        for key, part, texts in fields:
            for code in LANGUAGES:
                self[_name(key, part, code)].data = texts.get(code, "")

    def texts(self) -> dict[tuple[str, str], Texts]:
        """What was typed."""
        return {
            (key, part): {code: self[_name(key, part, code)].data or "" for code in LANGUAGES}
            for key, part in self.parts
        }

    def has_no_fault(self) -> bool:
        """Whether the texts may be saved; otherwise every fault stands at its field."""
        valid = bool(self.validate_on_submit())
        found = faults((key, part, texts) for (key, part), texts in self.texts().items())
        for fault in found:
            field = self[_name(fault.key, fault.part, fault.language)]
            field.errors = [*field.errors, _(fault.wording, detail=fault.detail)]
        return valid and not found

    def rows(self) -> list[list[Any]]:
        """The fields of the three languages of each text, in the order of the page."""
        return [[self[_name(key, part, code)] for code in LANGUAGES] for key, part in self.parts]


def _name(key: str, part: str, language: str) -> str:
    return f"{key}__{part}__{language}"


def page_form(questionnaire: Questionnaire) -> type[TextsForm]:
    """The form for the texts of a survey page."""
    kinds = {question.key: question.kind for question in questionnaire.questions}
    return _texts_form({(key, part): LABELS[kinds.get(key), part] for key, part, _t in questionnaire.fields()})


def letter_form() -> type[TextsForm]:
    """The form for the texts of a letter."""
    return _texts_form({(LETTER, part): LABELS[None, part] for part in LETTER_PARTS})


def _texts_form(labels: Mapping[tuple[str, str], Any]) -> type[TextsForm]:
    made = type("Texts", (TextsForm,), {"parts": tuple(labels)})
    for (key, part), label in labels.items():
        tidy, rows = (_lines, 6) if part in PARAGRAPHS else (_one_line, 2)
        for code, language in LANGUAGES.items():
            words = _l("%(text)s (%(language)s)", text=label, language=language)
            field = TextAreaField(words, filters=[tidy], validators=[Length(max=TYPED_MAX)], render_kw={"rows": rows})
            setattr(made, _name(key, part, code), field)
    return made


class NewSurveyForm(LanguageForm):
    """A new survey: for which brand and touchpoint."""

    name = line(_l("Name for you and your colleagues"), DataRequired(), Length(max=NAME_MAX))
    brand = SelectField(_l("Brand"), validators=[DataRequired()])
    touchpoint = SelectField(_l("Asks after"), validators=[DataRequired()])

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


in_languages(NewSurveyForm, "touchpoint_name", NAME_MAX, N_("Name of the new kind of contact (%(language)s)"))
