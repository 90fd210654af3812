"""What a person may type about the company: brands, regions, units, holidays."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from werkzeug.datastructures import FileStorage
from wtforms import Field, SelectChoice, ValidationError, fields
from wtforms.validators import DataRequired, Email, InputRequired, Length, NumberRange, Optional, Regexp
from wtforms.widgets import CheckboxInput, ListWidget

from npsapp.i18n import LANGUAGES, exists
from npsapp.lib.clock import zone
from npsapp.lib.texts import N_
from npsapp.organization import logos, rules

NAME_MAX = 120
PHRASE_MAX = 160
ADDRESS_MAX = 300
EMAIL_MAX = 254
PRIVACY_MAX = 4000

Choices = Iterable[tuple[Any, Any]]
"""(value, words), as queries and views give them."""
Look = Mapping[str, str] | None


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


def _or_empty(value: str | None) -> str:
    return stripped(value) or ""


def in_languages(form: type[FlaskForm], name: str, longest: int, label: str, kind: Any = fields.StringField) -> None:
    """Give a form one text field per language: `name_en`, `name_ru`, `name_uk`. `label` is a msgid."""
    for code, language in LANGUAGES.items():
        words = _l(label, language=language)
        setattr(form, f"{name}_{code}", kind(words, validators=[Length(max=longest)]))


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


class SettingForm(LanguageForm):
    """A form whose fields are columns of one row."""

    IN_LANGUAGES: tuple[str, ...] = ()
    ELSEWHERE: tuple[str, ...] = ()
    """Fields that are no columns of the row: other rooms keep them, or they are worked on first."""

    def show(self, row: Any) -> None:
        """Put the row's texts into their fields; the others take their values by `obj=`."""
        for name in self.IN_LANGUAGES:
            self.put_texts(name, getattr(row, name))

    def columns(self) -> dict[str, Any]:
        """What was typed, by column."""
        parts = {f"{name}_{code}" for name in self.IN_LANGUAGES for code in LANGUAGES}
        others = {*parts, *self.ELSEWHERE, "owner", "csrf_token"}
        plain = {name: value for name, value in self.data.items() if name not in others}
        return plain | {name: self.texts(name) for name in self.IN_LANGUAGES}

    def let_choose(self, name: str, choices: Choices, *, none: Any = None) -> None:
        """What a field may be chosen from; `none` are the words for choosing nothing, where that is allowed."""
        self[name].choices = options([*([("", none)] if none is not None else []), *choices])


class RowForm(SettingForm):
    """The form of a row that has a name in at least one language."""

    IN_LANGUAGES: tuple[str, ...] = ("name",)

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """All fields, and a name in at least one language."""
        return super().validate(extra_validators) and self.need_one("name")


in_languages(RowForm, "name", NAME_MAX, N_("Name (%(language)s)"))


class SpellingsField(fields.TextAreaField):
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


def existing_zone(_form: FlaskForm, field: Field) -> None:
    """Validator: a zone of this name exists."""
    try:
        zone(field.data or "UTC")
    except ValueError as error:
        raise ValidationError(_("There is no such time zone. Example: Europe/Kyiv.")) from error


def readable(_form: FlaskForm, field: Field) -> None:
    """Validator: an accent colour on which text can be read."""
    if fault := rules.accent_fault(field.data or ""):
        raise ValidationError(_(fault[0], **fault[1]))


def upper(value: str | None) -> str | None:
    """Filter: text without white space around it, in capital letters."""
    return value.strip().upper() if value else value


def _bare_address(value: str | None) -> str | None:
    return value.strip().lower().rstrip("/") if value else value


def line(
    label: Any, *validators: Any, help: Any = "", tidy: Callable[..., Any] = stripped, look: Look = None
) -> fields.StringField:
    """A text on one line, without white space around it; `look`: attributes of the field."""
    return fields.StringField(label, filters=[tidy], validators=validators, description=help, render_kw=look)


def ticks(label: Any, *validators: Any, help: Any = "", **more: Any) -> fields.SelectMultipleField:
    """Several of a list, each with a box to tick."""
    looks = {"widget": ListWidget(prefix_label=False), "option_widget": CheckboxInput()}
    return fields.SelectMultipleField(label, validators=validators, description=help, **looks, **more)


def number(
    label: Any, low: int, high: int, *, help: Any = "", optional: bool = False, look: Look = None, **more: Any
) -> fields.IntegerField:
    """A whole number within limits, which the browser is told, too; `look`: further attributes of the field."""
    message = _l("Enter a whole number from %(low)s to %(high)s.", low=low, high=high)
    valid = [Optional() if optional else InputRequired(message), NumberRange(low, high, message)]
    shown = {"inputmode": "numeric", "min": low, "max": high, **(look or {})}
    return fields.IntegerField(label, validators=valid, description=help, render_kw=shown, **more)


def choice(label: Any, help: Any = "", coerce: Callable[..., Any] = str, **more: Any) -> fields.SelectField:
    """One of several; what there is to choose from is often put in later, in words of that moment's language."""
    return fields.SelectField(label, coerce=coerce, description=help, **more)


def upload() -> FileField:
    """A file somebody has to choose."""
    return FileField(_l("File"), validators=[FileRequired(_l("Choose a file."))])


def _pick(label: Any, help: Any = "") -> fields.SelectField:
    """A selection of ids, offered by `let_choose`."""
    return choice(label, help, whole)


class LanguagesField(fields.StringField):
    """Codes of languages with commas between them; the data is a list, each code once."""

    def _value(self) -> str:
        return ", ".join(self.data or [])

    def process_formdata(self, valuelist: list[str]) -> None:
        """Codes in small letters; a form without the field leaves the list as it is."""
        if valuelist:
            self.data = list(dict.fromkeys(re.findall(r"[^\s,;]+", " ".join(valuelist).lower())))


def existing_languages(form: FlaskForm, field: Field) -> None:
    """Validator: at least one language, all of them known, the usual one among them."""
    unknown = [code for code in field.data or [] if not exists(code)]
    if unknown:
        raise ValidationError(_("There is no language with this code: %(code)s. Example: pl.", code=unknown[0]))
    if form.language.data not in (field.data or []):
        raise ValidationError(_("The language of customers who have none of their own must be in this list."))


class BrandForm(RowForm):
    """A brand: how it is called, how it looks, in which language and zone it speaks."""

    IN_LANGUAGES = ("name", "phrase", "postal_address", "privacy")
    ELSEWHERE = ("picture", "no_logo")

    owner = _pick(_l("Company that owns the data"))
    picture = FileField(
        _l("Logo"), description=_l("PNG, JPEG, WebP or GIF, at most 2 MB. Without a logo the name is shown.")
    )
    no_logo = fields.BooleanField(_l("Remove the logo"))
    accent = line(
        _l("Accent colour"),
        *(DataRequired(), readable),
        help=_l("For the chosen number and the button of the survey page, for example #1F5FBF."),
        tidy=upper,
    )
    group_colours = fields.BooleanField(
        _l("Colour the numbers by group"),
        description=_l("Neutral is better: colours tell the customer which answers are “bad”."),
    )
    language = choice(_l("Language of customers who have none of their own"), choices=options(LANGUAGES.items()))
    languages = LanguagesField(
        _l("Languages of customers"),
        default=lambda: list(LANGUAGES),
        validators=[existing_languages],
        description=_l("Codes with commas: en, ru, uk, pl. Each survey and letter then asks for its words in each."),
    )
    timezone = line(_l("Time zone"), DataRequired(), existing_zone)
    currency = line(
        _l("Currency"),
        *(DataRequired(), Regexp(r"^[A-Z]{3}$", message=_l("Three letters, for example UAH."))),
        tidy=upper,
    )
    contact_email = line(
        _l("E-mail address for customers"),
        *(Optional(), Email(), Length(max=EMAIL_MAX)),
        help=_l("Shown where a survey is closed and on the privacy page."),
    )
    public_url = line(
        _l("Own address of the survey pages"),
        *(Optional(), Length(max=ADDRESS_MAX)),
        Regexp(
            r"https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?\Z",
            message=_l("Write https:// and the name of the host, without a path: https://nps.example.com"),
        ),
        help=_l("Such as https://nps.example.com. Links in letters use it once it was checked."),
        tidy=_bare_address,
    )
    staff_letters = choice(
        *(_l("Letters to colleagues show of a customer"), "", rules.StaffLetters),
        choices=options((one.value, _l(one.label)) for one in rules.StaffLetters),
    )
    recoded: bytes | None = None
    """The uploaded logo, ready to be kept."""

    def validate_picture(self, field: Field) -> None:
        """A picture is read and written anew at once: only what comes out is kept."""
        if not isinstance(field.data, FileStorage) or not field.data.filename:
            return
        try:
            self.recoded = logos.recoded(field.data.stream)
        except logos.LogoRefused as refusal:
            raise ValidationError(_(refusal.wording)) from refusal


in_languages(BrandForm, "phrase", PHRASE_MAX, N_("In the question (%(language)s)"))
in_languages(BrandForm, "postal_address", ADDRESS_MAX, N_("Postal address (%(language)s)"))
_PRIVACY = N_("Your words on the privacy page (%(language)s)")
in_languages(BrandForm, "privacy", PRIVACY_MAX, _PRIVACY, fields.TextAreaField)


class RegionForm(RowForm):
    """A region: its name, where it lies in the tree, who answers for it, and when people work there."""

    ELSEWHERE = ("manager_id", "fallback_id")

    owner = _pick(_l("Company"))
    aliases = _spellings()
    parent_id = _pick(_l("Belongs to"))
    manager_id = _pick(_l("Manager"))
    fallback_id = _pick(_l("Fallback owner"), _l("One person for all regions of the company."))
    timezone = line(_l("Time zone"), Optional(), existing_zone, help=_l("Empty: the brand's."), tidy=_or_none)
    language = choice(*(_l("Language of customers who have none of their own"), "", _or_none))
    workdays = ticks(_l("Working days"), InputRequired(_l("Choose at least one day.")))
    work_from = fields.TimeField(_l("Work begins"), validators=[InputRequired()])
    work_until = fields.TimeField(_l("Work ends"), validators=[InputRequired()])

    def validate_work_until(self, field: Field) -> None:
        """The day must have an hour in which somebody works."""
        if field.data and self.work_from.data and field.data <= self.work_from.data:
            raise ValidationError(_("The end must be later than the beginning."))

    def columns(self) -> dict[str, Any]:
        """What was typed, by column; working days as the row has them: "12345"."""
        return super().columns() | {"workdays": "".join(sorted(self.workdays.data or []))}


class SpelledForm(RowForm):
    """A segment or touchpoint: a name, and how files spell it."""

    owner = _pick(_l("Company"))
    aliases = _spellings()


class UnitForm(SpelledForm):
    """A store, warehouse or branch, often made from a file's words and waiting to be looked at."""

    owner = _pick(_l("Brand"))
    region_id = _pick(
        _l("Region"), _l("Counts for purchases imported from now on. What was imported before keeps its region.")
    )


class PerformerForm(SettingForm):
    """Somebody who is rated: seller, courier, assembler."""

    ELSEWHERE = ("user_id",)

    owner = _pick(_l("Brand"))
    name = line(_l("Employee"), DataRequired(), Length(max=NAME_MAX))
    role = line(_l("Role"), Length(max=NAME_MAX), tidy=_or_empty)
    unit_id = _pick(_l("Works at"))
    user_id = _pick(_l("Is this user"), _l("If this person signs in here too."))


class HolidayForm(FlaskForm):
    """A day on which nobody works."""

    day = fields.DateField(_l("Day"), validators=[InputRequired()])
    name = line(_l("Name of the holiday"), DataRequired(), Length(max=NAME_MAX))
    region = _pick(_l("Region"))
