"""What a visitor's page sends, as plain text fields, and what staff type; what it means is decided in rules.py."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from npsapp.responses.rules import VOID_REASON_MAX


@dataclass(frozen=True)
class Fields:
    """The fields of the survey page: as they came, and as the next page shows them; a missing one is empty."""

    score: str = ""
    comment: str = ""
    contact: str = ""
    """1: please contact me, 0: no call needed."""
    nonce: str = ""
    edit: str = ""
    lang: str = ""
    switch: str = ""
    """The language whose button was pressed instead of "send"."""
    final: str = ""
    """1 when the page shows the second question."""
    shown: str = ""
    """1 when the page showed the stored words, so that an empty box means "delete them"."""
    disputed: str = ""

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "Fields":
        """The fields of a POST."""
        return cls(**{field.name: form.get(field.name, "") for field in fields(cls)})


class VoidForm(FlaskForm):
    """Why an answer is not to be counted."""

    reason = StringField(
        _("Reason"),
        validators=[DataRequired(_("Please write the reason.")), Length(max=VOID_REASON_MAX)],
        filters=[lambda typed: " ".join((typed or "").split())],
        description=_("Everybody who sees the answer sees the reason."),
    )
