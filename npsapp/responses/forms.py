"""What a visitor's page sends, as plain text fields, and what staff type; what it means is decided in rules.py."""

from dataclasses import dataclass, fields
from urllib.parse import parse_qsl

from flask import Request
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from npsapp.responses.rules import VOID_REASON_MAX, plain

MORE = "q."  # before a question's key in the name of a field
MORE_MAX = 300  # fields; more are no form of ours


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
    reference: str = ""
    """On open links, the number of an order, or a phone number."""
    gesture: str = ""
    """What a hand did, as the page's script saw it."""
    asked: str = ""
    """"score" and the keys of the further questions that the page showed."""
    more: tuple[tuple[str, str], ...] = ()
    """Names and values of the fields of further questions."""

    @classmethod
    def read(cls, request: Request) -> "Fields":
        """The fields of a POST; the first counts where one comes twice. May raise RequestEntityTooLarge."""
        pairs = _pairs(request)
        given = {name: value for name, value in reversed(pairs) if name in _PLAIN}
        return cls(**given, more=tuple([pair for pair in pairs if pair[0].startswith(MORE)][:MORE_MAX]))

    def plain(self) -> dict[str, str]:
        """The fields that stand on every page."""
        own = dict(vars(self))
        del own["more"]
        return own

    def filled(self) -> dict[str, list[str]]:
        """Name of a field → its values, as the page shows them again."""
        found: dict[str, list[str]] = {"contact": [self.contact]}
        for name, value in self.more:
            found.setdefault(name, []).append(value)
        return found

    def sent(self) -> dict[str, list[str]]:
        """Key of a question → values, without control characters."""
        return {name.removeprefix(MORE): [plain(one) for one in found] for name, found in self.filled().items()}


def _pairs(request: Request) -> list[tuple[str, str]]:
    """Names and values as they came: what browsers send is read past Werkzeug's streams, which cost more."""
    if request.environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        body = request.get_data().decode(errors="replace")
        return parse_qsl(body, keep_blank_values=True, errors="werkzeug.url_quote")
    return list(request.form.items(multi=True))


_PLAIN = {field.name for field in fields(Fields) if field.name != "more"}
NOTHING = Fields()


class VoidForm(FlaskForm):
    """Why an answer is not to be counted."""

    reason = StringField(
        _("Reason"),
        validators=[DataRequired(_("Please write the reason.")), Length(max=VOID_REASON_MAX)],
        filters=[lambda typed: " ".join((typed or "").split())],
        description=_("Everybody who sees the answer sees the reason."),
    )
