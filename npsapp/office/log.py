"""The audit log: who did what, and when."""

from datetime import date, datetime, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_timezone
from flask_babel import gettext as _

from npsapp.accounts import queries as accounts
from npsapp.audit import queries as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.i18n import language_now
from npsapp.lib.clock import day_bounds
from npsapp.lib.texts import N_
from npsapp.office import queries
from npsapp.office.blueprint import bp
from npsapp.permissions import Permission
from npsapp.web import listing
from npsapp.web.access import requires

PAGE_SIZE = 50

ACTORS = {
    "user": N_("any user"),
    "customer": N_("customers"),
    "program": N_("the program"),
    "command": N_("the server's shell"),
    "visitor": N_("visitors who are not signed in"),
}


@bp.get("/audit/")
@requires(Permission.ADMINISTER)
def audit_log() -> ResponseReturnValue:
    """Entries by event, actor, subject and period, newest first."""
    people = accounts.users(limit=1000)
    wanted = _filter()
    rows = audit.entries(wanted, before_id=_before(), limit=PAGE_SIZE + 1)
    page = listing.page_by_key(rows, size=PAGE_SIZE, key=lambda row: (row.id,))
    actors = [(key, _(words)) for key, words in ACTORS.items()]
    actors += [(f"user-{one.id}", one.name) for one in people]
    events = sorted(((event.value, _(event.label)) for event in Event), key=lambda pair: pair[1])
    return render_template(
        "office/audit.html",
        page=page,
        labels=queries.labels(_things(rows), language=language_now()),
        event_labels={event.value: event.label for event in Event},
        subject_words=queries.SUBJECT_WORDS,
        actor_words=ACTORS,
        actors=actors,
        events=events,
        subjects=[(kind, _(words)) for kind, words in queries.SUBJECT_WORDS.items()],
        active=_active(actors, events),
    )


def _filter() -> audit.Filter:
    return audit.Filter(
        event=listing.picked("event", {event.value for event in Event}),
        actor=_actor(),
        subject_type=listing.picked("subject", queries.SUBJECT_WORDS),
        subject_id=listing.whole("id"),
        since=_midnight(listing.day("from")),
        until=_midnight(listing.day("to"), days=1),
    )


def _actor() -> Actor | None:
    """`user-12` is one user, `user` any of them."""
    kind, _dash, number = request.args.get("actor", "").partition("-")
    if kind not in ACTORS:
        return None
    return Actor(kind, int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None)


def _before() -> int | None:
    key = listing.after()
    return int(key[0]) if key and key[0].isascii() and key[0].isdigit() and len(key[0]) < 19 else None


def _midnight(day: date | None, *, days: int = 0) -> datetime | None:
    """The beginning of a day of the reader's calendar, or of the day after."""
    if day is None or not 1970 < day.year < 9000:
        return None
    return day_bounds(day + timedelta(days=days), str(get_timezone() or "UTC"))[0]


def _things(rows: object) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for row in rows:  # type: ignore[attr-defined]
        found.add((row.subject_type, row.subject_id or 0))
        found.add((row.actor_type, row.actor_id or 0))
    return found


def _active(actors: list[tuple[str, str]], events: list[tuple[str, str]]) -> list[tuple[str, str]]:
    args = request.args
    subject = queries.SUBJECT_WORDS.get(args.get("subject", ""), "")
    return listing.active_filters(
        [
            ("event", dict(events).get(args.get("event", ""), "")),
            ("actor", dict(actors).get(args.get("actor", ""), "")),
            ("subject", _(subject) if subject else ""),
            ("id", f"#{args.get('id', '')}"),
            ("from", _("from %(day)s", day=args.get("from", ""))),
            ("to", _("until %(day)s", day=args.get("to", ""))),
        ]
    )
