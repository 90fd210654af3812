"""What a person may type about a case."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, Field, RadioField, SelectField, TextAreaField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length, StopValidation

from npsapp.cases.rules import CHOSEN_OUTCOMES, NOTE_LENGTH, Outcome, Result
from npsapp.lib.clock import at_local


def _stripped(value: str | None) -> str:
    """Trimmed, with one kind of line end."""
    return (value or "").replace("\r\n", "\n").strip()


_long_enough = Length(max=NOTE_LENGTH, message=_l("At most %(max)d characters."))


def _for_a_later_call(form: FlaskForm, field: Field) -> None:
    """A later call needs its time; without one an empty field is no mistake."""
    if any(field.raw_data or []):
        return
    field.errors = []
    if form.result.data == Result.CALL_BACK:
        raise ValidationError(_("Enter when the customer wants to be called."))
    raise StopValidation


class AttemptForm(FlaskForm):
    """How a try to reach the customer ended."""

    result = RadioField(_l("How did it end?"), validators=[InputRequired(_l("Choose how the call ended."))])
    call_back_at = DateTimeLocalField(
        _l("Call back at"),
        format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        description=_l("Only if the customer asked for a later call. The clock waits until then."),
        validators=[_for_a_later_call],
    )
    said = TextAreaField(_l("What was said"), filters=[_stripped], validators=[_long_enough])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.result.choices = [(result.value, _(result.label)) for result in Result]

    def call_back(self, zone_name: str) -> datetime | None:
        """The time of the later call in UTC, read on the person's own clock."""
        typed = self.call_back_at.data
        return at_local(typed.date(), typed.time(), zone_name) if typed else None


class NoteForm(FlaskForm):
    """Something worth remembering."""

    note = TextAreaField(
        _l("Note"), filters=[_stripped], validators=[DataRequired(_l("Write the note first.")), _long_enough]
    )


class CauseForm(FlaskForm):
    """The root cause alone, before the case is settled."""

    cause = SelectField(_l("Root cause"), validators=[InputRequired(_l("Choose the root cause."))])

    def offer(self, ids: Iterable[int]) -> None:
        """Set the causes that may be chosen; the template groups them."""
        self.cause.choices = [(str(cause_id), "") for cause_id in ids]

    @property
    def cause_id(self) -> int:
        """The chosen cause."""
        return int(self.cause.data)


class SettleForm(CauseForm):
    """How the case ended and why it happened."""

    outcome = RadioField(_l("Outcome"), validators=[InputRequired(_l("Choose the outcome."))])
    summary = TextAreaField(
        _l("What was done"),
        description=_l("What the customer asked for, what was promised and kept."),
        filters=[_stripped],
        validators=[_long_enough],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outcome.choices = [(outcome.value, _(outcome.label)) for outcome in CHOSEN_OUTCOMES]

    @property
    def chosen(self) -> Outcome:
        """The chosen outcome."""
        return Outcome(self.outcome.data)


class ReopenForm(FlaskForm):
    """Why an ended case goes on."""

    reason = TextAreaField(
        _l("Why it goes on"),
        filters=[_stripped],
        validators=[DataRequired(_l("Write why the case goes on.")), _long_enough],
    )


class HandOverForm(FlaskForm):
    """The new owner of a case."""

    owner = SelectField(_l("New owner"), coerce=int, validators=[InputRequired(_l("Choose a person."))])

    def offer(self, people: Iterable[tuple[int, str]]) -> None:
        """Set who may take the case."""
        self.owner.choices = list(people)
