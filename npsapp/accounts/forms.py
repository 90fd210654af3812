"""What a person may type when signing in, in the own profile and when looking after colleagues."""

from typing import Any

from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, ValidationError, fields
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, Optional

from npsapp.accounts import rules
from npsapp.i18n import LANGUAGES
from npsapp.organization.forms import EMAIL_MAX, NAME_MAX, existing_zone, line, options, ticks
from npsapp.permissions import Role

PASSWORD = [InputRequired(), Length(max=rules.PASSWORD_MAX)]


def _acceptable(form: FlaskForm, field: Field) -> None:
    """The rules' judgement of a new password, said at the field."""
    problem = rules.password_problem(field.data or "", email=form.owner_email)
    if problem:
        raise ValidationError(_(problem))


class EmailForm(FlaskForm):
    """An address: whom to send the letter that sets a new password."""

    email = line(_l("E-mail"), DataRequired(), Length(max=EMAIL_MAX))


class LoginForm(EmailForm):
    """Address and password; nothing here says whether the account exists."""

    password = fields.PasswordField(_l("Password"), validators=PASSWORD)
    remember = fields.BooleanField(_l("Stay signed in on this device for 30 days"))
    next = fields.HiddenField()


class NewPasswordForm(FlaskForm):
    """A new password, typed twice."""

    owner_email = ""

    password = fields.PasswordField(
        _l("New password"),
        description=_l("At least 8 characters; several words in a row are easy to remember and hard to guess."),
        validators=[InputRequired(), _acceptable],
    )
    repeat = fields.PasswordField(
        _l("New password again"),
        validators=[InputRequired(), EqualTo("password", message=_l("The two passwords differ."))],
    )


class ChangePasswordForm(NewPasswordForm):
    """Change of the own password: the old one shows that it is the owner who sits there."""

    current = fields.PasswordField(_l("Current password"), validators=PASSWORD)


class ProfileForm(FlaskForm):
    """The own name, language and clock."""

    name = line(_l("User name"), DataRequired(), Length(max=NAME_MAX))
    language = fields.SelectField(_l("Language"), choices=options(LANGUAGES.items()))
    timezone = line(
        *(_l("Time zone"), Optional(), existing_zone),
        help=_l("For times on pages and the hour of the morning list, for example Europe/Kyiv."),
    )


class UserForm(ProfileForm):
    """What a colleague is and sees. The view sets the choices of regions."""

    role = fields.SelectField(_l("Role"), choices=options((role.value, _l(role.label)) for role in Role))
    region_ids = ticks(
        _l("Regions"),
        help=_l(
            "With everything inside them. A regional manager sees nothing else; for other roles no tick means all."
        ),
        coerce=int,
    )

    def columns(self) -> dict[str, Any]:
        """What was typed, by argument of the services."""
        typed = {name: value for name, value in self.data.items() if name != "csrf_token"}
        return typed | {"role": Role(self.role.data)}

    def validate_region_ids(self, field: Field) -> None:
        """A manager without regions would see nothing at all."""
        if self.role.data == Role.MANAGER and not field.data and self.region_ids.choices:
            raise ValidationError(_("A regional manager needs at least one region."))


class NewUserForm(UserForm, EmailForm):
    """A new colleague; the letter that sets the password goes to the address."""
