"""Letters to staff about cases: new ones, and the list of the morning."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from babel.dates import format_datetime

from npsapp.accounts.models import User
from npsapp.cases.bundles import LetterKind
from npsapp.cases.lines import Line
from npsapp.delivery.rendering import Letter, staff_letter
from npsapp.i18n import DEFAULT_LANGUAGE, LANGUAGES
from npsapp.lib.clock import local_date, zone
from npsapp.lib.texts import text_in

MIDNIGHT = time(0)
FOLDERS = {
    LetterKind.HOT: "cases/mail/case_opened",
    LetterKind.BUNDLE: "cases/mail/case_opened",
    LetterKind.MORNING: "cases/mail/morning_list",
}
MOST_CASES = 50
"""More than this nobody reads in a letter; the rest is counted and stands in the list."""


@dataclass(frozen=True)
class Item:
    """One case as the letter shows it, times on the reader's clock and names in the reader's language."""

    case: Line
    url: str
    due: str
    bought_on: str
    place: str
    overdue: bool


def write(user: User, kind: LetterKind, cases: Sequence[Line], *, public_url: str, now: datetime) -> Letter:
    """The letter for one owner. Needs an application context, no request."""
    language = user.language if user.language in LANGUAGES else DEFAULT_LANGUAGE
    items = [_item(case, user, language, public_url, now) for case in cases[:MOST_CASES]]
    return staff_letter(
        FOLDERS[kind],
        language=language,
        name=user.name,
        items=items,
        more=max(0, len(cases) - MOST_CASES),
        total=len(cases),
        overdue=sum(case.overdue(now) for case in cases),
        list_url=f"{public_url}/cases/",
    )


def _item(case: Line, user: User, language: str, public_url: str, now: datetime) -> Item:
    return Item(
        case=case,
        url=f"{public_url}/cases/{case.id}",
        due=_moment(case.due_at, user, language, now),
        bought_on=_moment(case.happened_at, user, language, now, pattern="d MMMM y"),
        place=text_in(case.unit or case.region, language),
        overdue=case.overdue(now),
    )


def _moment(
    at: datetime | None, user: User, language: str, now: datetime, *, pattern: str = "EEE, d MMM, HH:mm"
) -> str:
    """On the reader's clock; today's moments as the hour alone."""
    if at is None:
        return ""
    if "HH" in pattern and local_date(at, user.timezone) == local_date(now, user.timezone):
        pattern = "HH:mm"
    return format_datetime(at, pattern, tzinfo=zone(user.timezone), locale=language)
