"""What a visitor's page sends, as plain text fields, and what staff type; what it means is decided in rules.py."""

from dataclasses import dataclass, fields

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
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
    def read(cls, form: MultiDict[str, str]) -> "Fields":
        """The fields of a POST."""
        more = tuple(pair for pair in form.items(multi=True) if pair[0].startswith(MORE))
        given = form.to_dict()
        return cls(**{name: given[name] for name in _PLAIN if name in given}, more=more[:MORE_MAX])

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


_PLAIN = [field.name for field in fields(Fields) if field.name != "more"]
NOTHING = Fields()


class VoidForm(FlaskForm):
    """Why an answer is not to be counted."""

    reason = StringField(
        _("Reason"),
        validators=[DataRequired(_("Please write the reason.")), Length(max=VOID_REASON_MAX)],
        filters=[lambda typed: " ".join((typed or "").split())],
        description=_("Everybody who sees the answer sees the reason."),
    )
