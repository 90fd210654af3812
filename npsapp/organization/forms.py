"""What a person may type about the company: brands, regions, units, holidays."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    Field,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    TimeField,
    ValidationError,
)
from wtforms.validators import DataRequired, Email, InputRequired, Length, Optional, Regexp
from wtforms.widgets import CheckboxInput, ListWidget

from npsapp.i18n import LANGUAGES
from npsapp.lib.clock import zone
from npsapp.organization import rules

NAME_MAX = 120
PHRASE_MAX = 160
ADDRESS_MAX = 300
EMAIL_MAX = 254

WEEKDAYS = [
    ("1", _l("Monday")),
    ("2", _l("Tuesday")),
    ("3", _l("Wednesday")),
    ("4", _l("Thursday")),
    ("5", _l("Friday")),
    ("6", _l("Saturday")),
    ("7", _l("Sunday")),
]
Choices = Iterable[tuple[str, Any]]
"""(value, words), as queries and views give them."""


def options(choices: Choices) -> list[SelectChoice]:
    """The choices as WTForms wants them."""
    return [SelectChoice(value, words) for value, words in choices]


def stripped(value: str | None) -> str | None:
    """Filter: text without white space around it."""
    return value.strip() if value else value


def whole(value: Any) -> int | None:
    """Coerce the value of a selection of ids; empty means none."""
    return int(value) if value else None


def _or_none(value: str | None) -> str | None:
    return stripped(value) or None


def in_languages(form: type[FlaskForm], name: str, longest: int, label: Callable[[str], Any]) -> None:
    """Give a form one text field per language: `name_en`, `name_ru`, `name_uk`. `label` gets the language's name."""
    for code, language in LANGUAGES.items():
        setattr(form, f"{name}_{code}", StringField(label(language), validators=[Length(max=longest)]))


class LanguageForm(FlaskForm):
    """A form with texts in every language."""

    def texts(self, name: str) -> dict[str, str]:
        """What was typed, by language; languages left empty are left out."""
        typed = {code: (self[f"{name}_{code}"].data or "").strip() for code in LANGUAGES}
        return {code: text for code, text in typed.items() if text}

    def put_texts(self, name: str, texts: Mapping[str, str] | None) -> None:
        """Show these texts in the fields."""
        for code in LANGUAGES:
            self[f"{name}_{code}"].data = (texts or {}).get(code, "")

    def need_one(self, name: str) -> bool:
        """Whether at least one language was filled in; otherwise the fault stands at the first."""
        if self.texts(name):
            return True
        first = self[f"{name}_{next(iter(LANGUAGES))}"]
        first.errors = [*first.errors, _("Write the name in at least one language.")]
        return False


class RowForm(LanguageForm):
    """A form whose fields are columns of one row, which has a name in at least one language."""

    IN_LANGUAGES: tuple[str, ...] = ("name",)

    def show(self, row: Any) -> None:
        """Put the row's texts into their fields; the others take their values by `obj=`."""
        for name in self.IN_LANGUAGES:
            self.put_texts(name, getattr(row, name))

    def columns(self) -> dict[str, Any]:
        """What was typed, by column."""
        parts = {f"{name}_{code}" for name in self.IN_LANGUAGES for code in LANGUAGES}
        plain = {name: value for name, value in self.data.items() if name not in {*parts, "csrf_token"}}
        return plain | {name: self.texts(name) for name in self.IN_LANGUAGES}

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """All fields, and a name in at least one language."""
        return super().validate(extra_validators) and self.need_one("name")


in_languages(RowForm, "name", NAME_MAX, lambda language: _l("Name (%(language)s)", language=language))


class SpellingsField(TextAreaField):
    """One spelling per line; the data is the list of folded spellings, each once."""

    def _value(self) -> str:
        return "\n".join(self.data or [])

    def process_formdata(self, valuelist: list[str]) -> None:
        """Fold what was typed."""
        lines = [rules.fold(line) for text in valuelist for line in text.splitlines()]
        self.data = list(dict.fromkeys(line for line in lines if line))


def _spellings() -> SpellingsField:
    return SpellingsField(
        _l("Other spellings in files"), description=_l("One per line. Case, quotes and ё do not matter.")
    )


def _existing_zone(_form: FlaskForm, field: Field) -> None:
    try:
        zone(field.data or "UTC")
    except ValueError as error:
        raise ValidationError(_("There is no such time zone. Example: Europe/Kyiv.")) from error


def _readable(_form: FlaskForm, field: Field) -> None:
    if fault := rules.accent_fault(field.data or ""):
        raise ValidationError(_(fault))


def _upper(value: str | None) -> str | None:
    return value.strip().upper() if value else value


class BrandForm(RowForm):
    """A brand: how it is called, how it looks, in which language and zone it speaks."""

    IN_LANGUAGES = ("name", "phrase", "postal_address")

    accent = StringField(
        _l("Accent colour"),
        filters=[_upper],
        validators=[DataRequired(), _readable],
        description=_l("For the chosen number and the button of the survey page, for example #1F5FBF."),
    )
    group_colours = BooleanField(
        _l("Colour the numbers by group"),
        description=_l("Neutral is better: colours tell the customer which answers are “bad”."),
    )
    language = SelectField(_l("Language of customers who have none of their own"), choices=options(LANGUAGES.items()))
    timezone = StringField(_l("Time zone"), filters=[stripped], validators=[DataRequired(), _existing_zone])
    currency = StringField(
        _l("Currency"),
        filters=[_upper],
        validators=[DataRequired(), Regexp(r"^[A-Z]{3}$", message=_l("Three letters, for example UAH."))],
    )
    contact_email = StringField(
        _l("E-mail address for customers"),
        filters=[stripped],
        validators=[Optional(), Email(), Length(max=EMAIL_MAX)],
        description=_l("Shown where a survey is closed and on the privacy page."),
    )


in_languages(BrandForm, "phrase", PHRASE_MAX, lambda language: _l("In the question (%(language)s)", language=language))
in_languages(
    BrandForm, "postal_address", ADDRESS_MAX, lambda language: _l("Postal address (%(language)s)", language=language)
)


class RegionForm(RowForm):
    """A region: its name, where it lies in the tree, and when people work there."""

    aliases = _spellings()
    parent_id = SelectField(_l("Belongs to"), coerce=whole)
    timezone = StringField(
        _l("Time zone"),
        filters=[_or_none],
        validators=[Optional(), _existing_zone],
        description=_l("Empty: the brand's."),
    )
    language = SelectField(
        _l("Language of customers who have none of their own"),
        choices=options([("", _l("the brand's")), *LANGUAGES.items()]),
        coerce=_or_none,
    )
    workdays = SelectMultipleField(
        _l("Working days"),
        choices=options(WEEKDAYS),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validators=[InputRequired(_l("Choose at least one day."))],
    )
    work_from = TimeField(_l("Work begins"), validators=[InputRequired()])
    work_until = TimeField(_l("Work ends"), validators=[InputRequired()])

    def offer(self, regions: Choices) -> None:
        """The regions this one may belong to."""
        self.parent_id.choices = options([("", _("no other region")), *regions])

    def validate_work_until(self, field: Field) -> None:
        """The day must have an hour in which somebody works."""
        if field.data and self.work_from.data and field.data <= self.work_from.data:
            raise ValidationError(_("The end must be later than the beginning."))

    def columns(self) -> dict[str, Any]:
        """What was typed, by column; working days as the row has them: "12345"."""
        return super().columns() | {"workdays": "".join(sorted(self.workdays.data or []))}


class UnitForm(RowForm):
    """A store, warehouse or branch, often made from a file's words and waiting to be looked at."""

    aliases = _spellings()
    region_id = SelectField(_l("Region"), coerce=whole)

    def offer(self, regions: Choices) -> None:
        """The regions to choose from."""
        self.region_id.choices = options([("", _("none")), *regions])

    def columns(self) -> dict[str, Any]:
        """What was typed, by column; saving confirms the unit."""
        return super().columns() | {"confirmed": True}


class HolidayForm(FlaskForm):
    """A day on which nobody works."""

    day = DateField(_l("Day"), validators=[InputRequired()])
    name = StringField(_l("Name of the holiday"), filters=[stripped], validators=[DataRequired(), Length(max=NAME_MAX)])
    region = SelectField(_l("Region"), coerce=whole)

    def offer(self, regions: Choices) -> None:
        """The regions to choose from; none means everywhere."""
        self.region.choices = options([("", _("everywhere")), *regions])
