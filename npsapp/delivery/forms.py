"""What a person may type about the sender of letters."""

from flask_babel import lazy_gettext as _l
from wtforms import StringField
from wtforms.validators import DataRequired, Email, Length

from npsapp.organization.forms import EMAIL_MAX, RowForm, stripped


class SenderForm(RowForm):
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
