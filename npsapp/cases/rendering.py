"""Cases in words: letters to their owners, what to say in the call, what the program noted."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from babel.dates import format_datetime
from flask_babel import gettext as _

from npsapp.accounts.models import User
from npsapp.cases.models import Case, CaseNote
from npsapp.cases.rules import LetterKind, Outcome, Remark
from npsapp.delivery.rendering import Letter, staff_letter
from npsapp.i18n import DEFAULT_LANGUAGE, LANGUAGES
from npsapp.lib.clock import local_date, zone
from npsapp.lib.texts import text_in

MOST_CASES = 50
"""More than this nobody reads in a letter; the rest is counted and stands in the list."""

# What to say, step by step: [without a name, with it]. In the customer's language and not in that of the page; in
# Ukrainian the name is in the vocative: `address_as` holds it in that form.
SCRIPT: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("script.json").read_text())


def letter(user: User, kind: LetterKind, cases: Sequence[Case], *, public_url: str, now: datetime) -> Letter:
    """The letter for one owner, times on the reader's clock. Needs an application context, no request."""
    language = user.language if user.language in LANGUAGES else DEFAULT_LANGUAGE

    def on_clock(at: datetime, pattern: str = "") -> str:
        today = local_date(at, user.timezone) == local_date(now, user.timezone)
        shown = pattern or ("HH:mm" if today else "EEE, d MMM, HH:mm")
        return str(format_datetime(at, shown, tzinfo=zone(user.timezone), locale=language))

    def bought(case: Case) -> str:
        what, where = case.bought, case.unit or case.region
        if what is None:
            return ""
        title = f"{what.title} ({what.number})" if what.number else what.title
        place = text_in(where.name, language) if where else ""
        return ", ".join(filter(None, [title, on_clock(what.happened_at, "d MMMM y"), place]))

    return staff_letter(
        "cases/mail/morning_list" if kind is LetterKind.MORNING else "cases/mail/case_opened",
        language=language,
        name=user.name,
        cases=cases[:MOST_CASES],
        more=max(0, len(cases) - MOST_CASES),
        total=len(cases),
        overdue=sum(case.overdue(now) for case in cases),
        list_url=f"{public_url}/cases/",
        on_clock=on_clock,
        bought=bought,
        now=now,
    )


def script(case: Case) -> tuple[str, dict[str, str]]:
    """The customer's language, and what to say in it step by step; a firm is never addressed by name.

    Their own language, else that of the answer, else the region's, else the brand's.
    """
    customer = case.customer
    wishes = [row.language for row in (customer, case.answer, case.region) if row]
    language = next((wish for wish in wishes if wish in LANGUAGES), case.brand.language)
    name = customer.address_as.strip() if customer and not customer.is_firm else ""
    said = {step: by_language.get(language, by_language["en"]) for step, by_language in SCRIPT.items()}
    return language, {step: (ways[-1].replace("{name}", name) if name else ways[0]) for step, ways in said.items()}


def remark(note: CaseNote) -> str:
    """What the program noted, in the reader's language; empty for what a person wrote."""
    code, _colon, values = note.text.partition(":")
    if note.by_id is not None or code not in set(Remark):
        return ""
    first, _colon, second = values.partition(":")
    outcome = _(Outcome(first).label) if code == Remark.SETTLED else ""
    worded: str = _(Remark(code).label, first=first, second=second, name=first, outcome=outcome)
    return worded
