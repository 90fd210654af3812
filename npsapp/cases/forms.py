"""What a person may type about a case."""

from typing import Any

from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, IntegerField, RadioField, SelectField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from npsapp.cases.rules import CHOSEN_OUTCOMES, NOTE_LENGTH, Result
from npsapp.i18n import words_of


def _words(label: Any, *validators: Any, **options: Any) -> TextAreaField:
    """Several lines, trimmed, with one kind of line end."""
    long_enough = Length(max=NOTE_LENGTH, message=_l("At most %(max)d characters."))
    filters = [lambda value: (value or "").replace("\r\n", "\n").strip()]
    return TextAreaField(label, filters=filters, validators=[*validators, long_enough], **options)


class AttemptForm(FlaskForm):
    """How a try to reach the customer ended."""

    result = RadioField(_l("How did it end?"), validators=[InputRequired(_l("Choose how the call ended."))])
    call_back_at = DateTimeLocalField(
        _l("Call back at"),
        format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        description=_l("Only if the customer asked for a later call. The clock waits until then."),
        validators=[Optional()],
    )
    said = _words(_l("What was said"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.result.choices = list(words_of(Result).items())


class NoteForm(FlaskForm):
    """Something worth remembering."""

    note = _words(_l("Note"), DataRequired(_l("Write the note first.")))


class SettleForm(FlaskForm):
    """How the case ended and why it happened; `causes` by group: pairs of id and name."""

    outcome = RadioField(_l("Outcome"), validators=[InputRequired(_l("Choose the outcome."))])
    cause = SelectField(_l("Root cause"), validators=[InputRequired(_l("Choose the root cause."))])
    summary = _words(_l("What was done"), description=_l("What the customer asked for, what was promised and kept."))

    def __init__(self, causes: dict[str, list[tuple[str, str]]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outcome.choices = list(words_of(CHOSEN_OUTCOMES).items())
        self.cause.choices = {_("Choose"): [("", "–")]} | causes


class ReopenForm(FlaskForm):
    """Why an ended case goes on."""

    reason = _words(_l("Why it goes on"), DataRequired(_l("Write why the case goes on.")))


class HandOverForm(FlaskForm):
    """The new owner of a case, one of `people`: pairs of id and name."""

    owner = SelectField(_l("New owner"), coerce=int, validators=[InputRequired(_l("Choose a person."))])
    seen = IntegerField(validators=[Optional()])
    """Id of the owner whom the page showed."""

    def __init__(self, people: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.owner.choices = people
