"""What a person may type about the company: brands, regions, units, holidays."""

from collections.abc import Callable, Mapping
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
from npsapp.organization import rules

NAME_MAX = 120
PHRASE_MAX = 160
ADDRESS_MAX = 300
EMAIL_MAX = 254
ALIASES_MAX = 2000

WEEKDAYS = [
    SelectChoice("1", _l("Monday")),
    SelectChoice("2", _l("Tuesday")),
    SelectChoice("3", _l("Wednesday")),
    SelectChoice("4", _l("Thursday")),
    SelectChoice("5", _l("Friday")),
    SelectChoice("6", _l("Saturday")),
    SelectChoice("7", _l("Sunday")),
]
LANGUAGE_CHOICES = [SelectChoice(code, name) for code, name in LANGUAGES.items()]
Choices = list[tuple[str, str]]
"""(value, words), as queries and views give them."""


def options(choices: Choices) -> list[SelectChoice]:
    """The choices as WTForms wants them."""
    return [SelectChoice(value, words) for value, words in choices]


def stripped(value: str | None) -> str | None:
    """Filter: text without white space around it."""
    return value.strip() if value else value


def in_languages(form: type[FlaskForm], name: str, field: Callable[[str], Field]) -> None:
    """Give a form one field per language: `name_en`, `name_ru`, `name_uk`. `field` gets the language's name."""
    for code, language in LANGUAGES.items():
        setattr(form, f"{name}_{code}", field(language))


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


def _existing_zone(_form: FlaskForm, field: Field) -> None:
    if field.data and not rules.zone_exists(field.data):
        raise ValidationError(_("There is no such time zone. Example: Europe/Kyiv."))


def _readable(_form: FlaskForm, field: Field) -> None:
    found = rules.accent(field.data or "")
    if isinstance(found, rules.ColourFault):
        raise ValidationError(_(found.label))


class BrandForm(LanguageForm):
    """A brand: how it is called, how it looks, in which language and zone it speaks."""

    accent = StringField(
        _l("Accent colour"),
        filters=[stripped],
        validators=[DataRequired(), _readable],
        description=_l("For the chosen number and the button of the survey page, for example #1F5FBF."),
    )
    group_colours = BooleanField(
        _l("Colour the numbers by group"),
        description=_l("Neutral is better: colours tell the customer which answers are “bad”."),
    )
    language = SelectField(_l("Language of customers who have none of their own"), choices=LANGUAGE_CHOICES)
    timezone = StringField(_l("Time zone"), filters=[stripped], validators=[DataRequired(), _existing_zone])
    currency = StringField(
        _l("Currency"),
        filters=[stripped, lambda value: value.upper() if value else value],
        validators=[
            DataRequired(),
            Regexp(r"^[A-Z]{3}$", message=_l("Three letters, for example UAH.")),
        ],
    )
    contact_email = StringField(
        _l("E-mail address for customers"),
        filters=[stripped],
        validators=[Optional(), Email(), Length(max=EMAIL_MAX)],
        description=_l("Shown where a survey is closed and on the privacy page."),
    )

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """All fields, and a name in at least one language."""
        return super().validate(extra_validators) and self.need_one("name")


in_languages(
    BrandForm,
    "name",
    lambda language: StringField(
        _l("Name (%(language)s)", language=language), validators=[Length(max=NAME_MAX)]
    ),
)
in_languages(
    BrandForm,
    "phrase",
    lambda language: StringField(
        _l("In the question (%(language)s)", language=language), validators=[Length(max=PHRASE_MAX)]
    ),
)
in_languages(
    BrandForm,
    "postal",
    lambda language: StringField(
        _l("Postal address (%(language)s)", language=language), validators=[Length(max=ADDRESS_MAX)]
    ),
)


class RegionForm(LanguageForm):
    """A region: its name, where it lies in the tree, and when people work there."""

    aliases = TextAreaField(
        _l("Other spellings in files"),
        validators=[Length(max=ALIASES_MAX)],
        description=_l("One per line. Case, quotes and ё do not matter."),
    )
    parent = SelectField(_l("Belongs to"), validators=[Optional()])
    timezone = StringField(
        _l("Time zone"),
        filters=[stripped],
        validators=[Optional(), _existing_zone],
        description=_l("Empty: the brand's."),
    )
    language = SelectField(
        _l("Language of customers who have none of their own"),
        choices=[SelectChoice("", _l("the brand's")), *LANGUAGE_CHOICES],
        validators=[Optional()],
    )
    workdays = SelectMultipleField(
        _l("Working days"),
        choices=WEEKDAYS,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validators=[InputRequired(_l("Choose at least one day."))],
    )
    work_from = TimeField(_l("Work begins"), validators=[InputRequired()])
    work_until = TimeField(_l("Work ends"), validators=[InputRequired()])

    def offer_parents(self, regions: Choices) -> None:
        """The regions this one may belong to."""
        self.parent.choices = [SelectChoice("", _("no other region")), *options(regions)]

    def validate_work_until(self, field: Field) -> None:
        """The day must have an hour in which somebody works."""
        if field.data and self.work_from.data and field.data <= self.work_from.data:
            raise ValidationError(_("The end must be later than the beginning."))

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """All fields, and a name in at least one language."""
        return super().validate(extra_validators) and self.need_one("name")

    @property
    def alias_list(self) -> list[str]:
        """The spellings, folded, each once."""
        lines = (rules.fold(line) for line in (self.aliases.data or "").splitlines())
        return list(dict.fromkeys(line for line in lines if line))


in_languages(
    RegionForm,
    "name",
    lambda language: StringField(
        _l("Name (%(language)s)", language=language), validators=[Length(max=NAME_MAX)]
    ),
)


class UnitForm(LanguageForm):
    """A store, warehouse or branch, often made from a file's words and waiting to be looked at."""

    aliases = TextAreaField(
        _l("Other spellings in files"),
        validators=[Length(max=ALIASES_MAX)],
        description=_l("One per line. Case, quotes and ё do not matter."),
    )
    region = SelectField(_l("Region"), validators=[Optional()])

    def offer_regions(self, regions: Choices) -> None:
        """The regions to choose from."""
        self.region.choices = [SelectChoice("", _("none")), *options(regions)]

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """All fields, and a name in at least one language."""
        return super().validate(extra_validators) and self.need_one("name")

    @property
    def alias_list(self) -> list[str]:
        """The spellings, folded, each once."""
        lines = (rules.fold(line) for line in (self.aliases.data or "").splitlines())
        return list(dict.fromkeys(line for line in lines if line))


in_languages(
    UnitForm,
    "name",
    lambda language: StringField(
        _l("Name (%(language)s)", language=language), validators=[Length(max=NAME_MAX)]
    ),
)


class HolidayForm(FlaskForm):
    """A day on which nobody works."""

    day = DateField(_l("Day"), validators=[InputRequired()])
    name = StringField(_l("Name"), filters=[stripped], validators=[DataRequired(), Length(max=NAME_MAX)])
    region = SelectField(_l("Region"), validators=[Optional()])

    def offer_regions(self, regions: Choices) -> None:
        """The regions to choose from; none means everywhere."""
        self.region.choices = [SelectChoice("", _("everywhere")), *options(regions)]
