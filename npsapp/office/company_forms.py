"""What a person types to set up a company: a few words, from which the rest is proposed."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _, lazy_gettext as _l
from wtforms import BooleanField, Field, FieldList, Form, FormField, PasswordField, StringField, ValidationError
from wtforms.validators import DataRequired, Email, EqualTo, InputRequired, Length, Optional

from npsapp.accounts.rules import password_problem
from npsapp.i18n import LANGUAGES
from npsapp.lib.addresses import normalise
from npsapp.lib.texts import text_in
from npsapp.office.founding import Person, Place, Plan
from npsapp.organization import rules
from npsapp.organization.forms import EMAIL_MAX, NAME_MAX, BrandForm, choice, line, number, options
from npsapp.surveys import wording
from npsapp.surveys.founding import Company

MOST_REGIONS = 200
LOOK = ("accent", "language", "timezone", "currency")


def _name(label: Any, *, required: bool = False, help: Any = "", **look: str) -> StringField:
    return line(label, DataRequired() if required else Optional(), Length(max=NAME_MAX), help=help, look=look)


def _email(label: Any, *, required: bool = False, help: Any = "") -> StringField:
    valid = (DataRequired() if required else Optional(), Email(), Length(max=EMAIL_MAX))
    return line(label, *valid, help=help, look={"type": "email", "autocomplete": "off"})


def _who(name: StringField, email: StringField) -> Person | None:
    """Somebody is named by an address; without one nobody is."""
    return Person(name.data or "", email.data) if email.data else None


class RegionRow(Form):
    """One region and who answers for it."""

    name = _name(_l("Region"))
    manager = _name(_l("Manager’s name"))
    email = _email(_l("Manager’s e-mail"))

    def place(self) -> Place:
        """What was typed."""
        return Place(self.name.data or "", _who(self.manager, self.email))


class CompanyForm(BrandForm):
    """The whole company on one page. What a company can do without has a proposal, or may stay empty."""

    owner = no_logo = group_colours = contact_email = public_url = staff_letters = None

    title = _name(
        _l("Name of the company"), required=True, help=_l("As customers know it."), autocomplete="organization"
    )
    noun = choice(_l("What it is"), _l("For the question: “How likely are you to recommend …?”"))
    sender = _email(
        _l("Letters come from"),
        help=_l("An address your mail server may send for. Until there is one, no letter leaves."),
    )
    reply_to = _email(_l("Replies go to"), help=_l("A mailbox that people read. Empty: the address above."))
    touchpoint = choice(_l("Ask after"))
    delay_days = number(
        *(_l("Days between that and the letter"), 0, 365),
        help=_l("So that the customer has had time to use what was bought."),
        look={"class": "short"},
        default=14,
    )
    regions = FieldList(FormField(RegionRow), min_entries=1, max_entries=MOST_REGIONS)
    fallback = _name(_l("Fallback owner’s name"))
    fallback_email = _email(
        _l("Fallback owner’s e-mail"), help=_l("Gets the cases of regions without a manager. Empty: you.")
    )
    admin_name = _name(_l("Your name"), required=True, autocomplete="name")
    admin_email = _email(_l("Your e-mail"), required=True, help=_l("You sign in with it."))
    password = PasswordField(
        _l("Password"),
        validators=[InputRequired()],
        description=_l("At least 8 characters; several words in a row are easy to remember and hard to guess."),
        render_kw={"autocomplete": "new-password"},
    )
    repeat = PasswordField(
        _l("Password again"),
        validators=[InputRequired(), EqualTo("password", message=_l("The two passwords differ."))],
        render_kw={"autocomplete": "new-password"},
    )
    agreed = BooleanField(_l("Remove the invented company"))

    def offer(self, language: str, *, demo: bool) -> None:
        """Put the choices in; they are words of this moment's language. Without a demo nothing has to be agreed to."""
        self.noun.choices = options((key, text_in(noun["label"], language)) for key, noun in wording.NOUNS.items())
        self.touchpoint.choices = options((key, text_in(name, language)) for key, name in wording.touchpoints().items())
        if not demo:
            del self.agreed

    def propose(self) -> None:
        """Fill in what follows from the rest and was left empty; what was typed stays."""
        name, phrases = self.title.data or "", wording.NOUNS.get(self.noun.data, {}).get("phrase", {})
        for code in LANGUAGES if name else ():
            called, phrase = self[f"name_{code}"], self[f"phrase_{code}"]
            called.data = called.data or name
            phrase.data = phrase.data or rules.with_name(phrases.get(code, "{name}"), called.data)
        self.reply_to.data = self.reply_to.data or self.sender.data

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """All fields; a name in every language is proposed before."""
        self.propose()
        return super().validate(extra_validators)

    def validate_password(self, field: Field) -> None:
        """As everywhere where a password is set."""
        if problem := password_problem(field.data or "", email=self.admin_email.data or ""):
            raise ValidationError(_(problem))

    def validate_agreed(self, field: Field) -> None:
        """What cannot be undone is never done by the way."""
        if not field.data:
            raise ValidationError(_("Tick this: your company takes the place of the invented one."))

    def validate_regions(self, field: Field) -> None:
        """Names that differ, and a region for every manager."""
        names = [row.form.name.data.casefold() for row in field if row.form.name.data]
        if len(names) != len(set(names)):
            raise ValidationError(_("Two regions have the same name."))
        if any(row.form.email.data and not row.form.name.data for row in field):
            raise ValidationError(_("Name the region of each manager."))

    def plan(self, *, logo: str) -> Plan:
        """What was typed."""
        company = Company(
            name=self.texts("name"),
            phrase=self.texts("phrase"),
            touchpoint=self.touchpoint.data,
            look={name: self[name].data for name in LOOK}
            | {"postal_address": self.texts("postal_address"), "logo": logo},
            sender=normalise(self.sender.data or "") or "",
            reply_to=normalise(self.reply_to.data or "") or "",
        )
        return Plan(
            company=company,
            delay_days=self.delay_days.data or 0,
            administrator=Person(self.admin_name.data or "", self.admin_email.data or ""),
            places=[row.form.place() for row in self.regions if row.form.name.data],
            fallback=_who(self.fallback, self.fallback_email),
        )
