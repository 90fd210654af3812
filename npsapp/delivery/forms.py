"""What a person may type about the sender of letters."""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import StringField
from wtforms.validators import DataRequired, Email, Length

from npsapp.organization.forms import EMAIL_MAX, NAME_MAX, LanguageForm, in_languages, stripped


class SenderForm(LanguageForm):
    """The name and addresses on a brand's letters."""

    address = StringField(
        _l("Letters come from"),
        filters=[stripped],
        validators=[DataRequired(), Email(), Length(max=EMAIL_MAX)],
        description=_l("An address your mail server may send for; its domain needs SPF and DKIM."),
    )
    reply_to = StringField(
        _l("Replies go to"),
        filters=[stripped],
        validators=[DataRequired(), Email(), Length(max=EMAIL_MAX)],
        description=_l("A mailbox that people read. Customers do reply."),
    )

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """All fields, and a name in at least one language."""
        return super().validate(extra_validators) and self.need_one("name")


in_languages(
    SenderForm,
    "name",
    lambda language: StringField(
        _l("Name (%(language)s)", language=language), validators=[Length(max=NAME_MAX)]
    ),
)
