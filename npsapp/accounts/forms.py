"""What a person may type when signing in, in the own profile and when looking after colleagues."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    Field,
    HiddenField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    ValidationError,
)
from wtforms.validators import DataRequired, Email, EqualTo, InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from npsapp.accounts import rules
from npsapp.i18n import LANGUAGES
from npsapp.permissions import Role

EMAIL_MAX = 254  # RFC 5321, section 4.5.3.1.3: a path has at most 256 characters with its brackets
NAME_MAX = 120

LANGUAGE_CHOICES = [SelectChoice(code, name) for code, name in LANGUAGES.items()]


def _stripped(value: str | None) -> str | None:
    return value.strip() if value else value


def _acceptable(form: FlaskForm, field: Field) -> None:
    """The rules' judgement of a new password, said at the field."""
    email = getattr(form, "owner_email", "")
    problem = rules.password_problem(field.data or "", email=email)
    if problem:
        raise ValidationError(_(problem))


class LoginForm(FlaskForm):
    """Address and password; nothing here says whether the account exists."""

    email = StringField(_l("E-mail"), filters=[_stripped], validators=[DataRequired(), Length(max=EMAIL_MAX)])
    password = PasswordField(_l("Password"), validators=[InputRequired(), Length(max=rules.PASSWORD_MAX)])
    remember = BooleanField(_l("Stay signed in on this device for 30 days"))
    next = HiddenField()


class ForgotForm(FlaskForm):
    """Whom to send the letter that sets a new password."""

    email = StringField(
        _l("E-mail"), filters=[_stripped], validators=[DataRequired(), Email(), Length(max=EMAIL_MAX)]
    )


class NewPasswordForm(FlaskForm):
    """A new password, typed twice."""

    owner_email = ""

    password = PasswordField(
        _l("New password"),
        description=_l(
            "At least 8 characters; several words in a row are easy to remember and hard to guess."
        ),
        validators=[InputRequired(), _acceptable],
    )
    repeat = PasswordField(
        _l("New password again"),
        validators=[InputRequired(), EqualTo("password", message=_l("The two passwords differ."))],
    )


class ChangePasswordForm(NewPasswordForm):
    """Change of the own password: the old one shows that it is the owner who sits there."""

    current = PasswordField(
        _l("Current password"), validators=[InputRequired(), Length(max=rules.PASSWORD_MAX)]
    )


class ProfileForm(FlaskForm):
    """The own name and language."""

    name = StringField(_l("Name"), filters=[_stripped], validators=[DataRequired(), Length(max=NAME_MAX)])
    language = SelectField(_l("Language"), choices=LANGUAGE_CHOICES)


class UserForm(FlaskForm):
    """Role, regions and language of a colleague. The choices of regions are passed in by the view."""

    name = StringField(_l("Name"), filters=[_stripped], validators=[DataRequired(), Length(max=NAME_MAX)])
    role = SelectField(_l("Role"), validators=[InputRequired()])
    regions = SelectMultipleField(
        _l("Regions"),
        coerce=int,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        description=_l(
            "With everything inside them. A regional manager sees nothing else; for other roles no tick means all."
        ),
    )
    language = SelectField(_l("Language"), choices=LANGUAGE_CHOICES)

    def offer(self, *, roles: list[tuple[str, str]], regions: list[tuple[int, str]]) -> None:
        """Set the choices from pairs of value and words; done before validation."""
        self.role.choices = [SelectChoice(role, words) for role, words in roles]
        self.regions.choices = [SelectChoice(region_id, words) for region_id, words in regions]

    def validate_regions(self, field: Field) -> None:
        """A manager without regions would see nothing at all."""
        if self.role.data == Role.MANAGER and not field.data and self.regions.choices:
            raise ValidationError(_("A regional manager needs at least one region."))


class NewUserForm(UserForm):
    """A new colleague, and how the password reaches them."""

    email = StringField(
        _l("E-mail"), filters=[_stripped], validators=[DataRequired(), Email(), Length(max=EMAIL_MAX)]
    )
    how = RadioField(
        _l("Password"),
        choices=[
            SelectChoice("letter", _l("Send a letter with a link to set it")),
            SelectChoice("shown", _l("Make one and show it to me once")),
        ],
        default="letter",
    )


class DutyForm(FlaskForm):
    """Who manages one region, or stands in for all of them when `region` is empty."""

    region = HiddenField()
    user = SelectField(_l("Manager"), coerce=str)

    def offer(self, users: list[tuple[int, str]], *, nobody: str) -> None:
        """Set the choices: active colleagues and nobody."""
        everybody = [SelectChoice(str(user_id), label) for user_id, label in users]
        self.user.choices = [SelectChoice("", nobody), *everybody]

    @property
    def user_id(self) -> int | None:
        """The chosen colleague's id, or None for nobody."""
        return int(self.user.data) if self.user.data else None
