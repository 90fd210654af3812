"""What a visitor's page sends, as plain text fields; what it means is decided in rules.py."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from npsapp.i18n import LANGUAGES
from npsapp.responses.rules import VOID_REASON_MAX

_CONTACT = {"1": True, "0": False}


@dataclass(frozen=True)
class Posted:
    """The fields of a survey page as they came; unknown languages count as none."""

    score: str = ""
    comment: str = ""
    contact: bool | None = None
    nonce: str = ""
    edit: str = ""
    language: str = ""
    switch: str = ""
    final: bool = False
    shown: bool = False
    """The page showed the stored words, so an empty box means "delete them"."""
    resume: bool = False
    disputed: int | None = None


def read_posted(form: Mapping[str, str]) -> Posted:
    """Read the fields of a POST; a field that is missing is empty, never an error."""
    disputed = form.get("disputed", "")
    return Posted(
        score=form.get("score", ""),
        comment=form.get("comment", ""),
        contact=_CONTACT.get(form.get("contact", "")),
        nonce=form.get("nonce", ""),
        edit=form.get("edit", ""),
        language=_language(form.get("lang", "")),
        switch=_language(form.get("switch", "")),
        final=form.get("final", "") == "1",
        shown=form.get("shown", "") == "1",
        resume=form.get("resume", "") == "1",
        disputed=int(disputed) if disputed.isascii() and disputed.isdigit() and len(disputed) < 18 else None,
    )


def _language(given: str) -> str:
    return given if given in LANGUAGES else ""


class VoidForm(FlaskForm):
    """Why an answer is not to be counted."""

    reason = StringField(
        _("Reason"),
        validators=[InputRequired(_("Please write the reason.")), Length(max=VOID_REASON_MAX)],
        description=_("Everybody who sees the answer sees the reason."),
    )
