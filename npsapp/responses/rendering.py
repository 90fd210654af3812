"""How a survey page reads and looks: the frozen words for one customer, and the brand's one stylesheet."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path

from npsapp.invitations import rendering as letters
from npsapp.invitations.models import Invitation
from npsapp.lib.clock import local_date
from npsapp.organization import queries as organization
from npsapp.organization.rules import ON_FILL, WHITE, readable_accent, shade
from npsapp.surveys.placeholders import spoken_day
from npsapp.surveys.rules import Questionnaire, Wording, wording

DARK_PAPER = "#11161D"
_FOCUS = "a:focus-visible,button:focus-visible,textarea:focus-visible,.check input:focus-visible"


def wording_of(invitation: Invitation, language: str) -> Wording:
    """The words of the version this customer was invited with, whatever the survey says today."""
    content = invitation.version.content if invitation.version else {"questions": [], "texts": {}}
    filled = letters.values_for(invitation.interaction, language)
    return wording(Questionnaire.from_json(content), language=language, values=filled)


def last_day(invitation: Invitation, language: str, *, now: datetime) -> str:
    """Until when the answer may be changed, as people say a day; empty when there is no end."""
    if invitation.valid_until is None:
        return ""
    zone = organization.zone_of(invitation.interaction.region, invitation.interaction.brand)
    return spoken_day(local_date(invitation.valid_until, zone), language, today=local_date(now, zone))


@lru_cache(maxsize=64)
def stylesheet(file: Path, changed_at: int, colour: str) -> str:
    """survey.css followed by the rules of one accent colour, kept until the file changes (`changed_at`).

    No custom properties: old browsers show nothing else.
    """
    accent = readable_accent(colour)
    light = shade(accent.fill, on=WHITE, towards=ON_FILL)
    dark = shade(accent.fill, on=DARK_PAPER, towards=WHITE)
    in_light = _colours(fill=accent.fill, text=accent.text, edge=light)
    in_dark = _colours(fill=dark, text=ON_FILL, edge=dark)
    return f"{file.read_text()}{in_light}@media (prefers-color-scheme:dark){{{in_dark}}}"


def _colours(*, fill: str, text: str, edge: str) -> str:
    return (
        f"a,.link{{color:{edge}}}"
        f".cell input:checked+span,.button{{border-color:{edge};background-color:{fill};color:{text}}}"
        f".check input{{accent-color:{edge}}}"
        f".cell input:focus+span,{_FOCUS}{{outline-color:{edge}}}"
    )
