"""The audit log: who did what, and when."""

from collections.abc import Callable, Iterable

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_timezone, gettext as _

from npsapp.accounts import queries as accounts
from npsapp.audit import queries as audit
from npsapp.audit.events import Event
from npsapp.cases import queries as cases
from npsapp.customers import queries as customers
from npsapp.i18n import language_now
from npsapp.intake import queries as intake, selections
from npsapp.lib.texts import N_
from npsapp.office import details
from npsapp.office.blueprint import bp
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.responses import queries as responses
from npsapp.surveys import queries as surveys
from npsapp.web import listing

Labels = Callable[[list[int], str], dict[int, str]]

# What a line may be about: the word for it, and how its room calls these things in a language, if they have names.
SUBJECTS: dict[str, tuple[str, Labels | None]] = {
    "brand": (N_("brand"), lambda ids, language: organization.labels("brand", ids, language)),
    "case": (N_("case"), lambda ids, _language: cases.labels(ids)),
    "contact_point": (N_("contact"), None),
    "customer": (N_("customer"), lambda ids, _language: customers.labels(ids)),
    "holiday": (N_("holiday"), None),
    "import_batch": (N_("import"), lambda ids, _language: intake.labels("import_batch", ids)),
    "interaction": (N_("purchase or visit"), None),
    "invitation": (N_("invitation"), None),
    "mark": (N_("mark on answers"), None),
    "message": (N_("letter"), None),
    "open_link": (N_("open link"), None),
    "old_import": (N_("old answers"), None),
    "pause": (N_("pause of sending"), None),
    "pool": (N_("company"), None),
    "property": (N_("property"), lambda ids, language: organization.labels("property", ids, language)),
    "region": (N_("region"), lambda ids, language: organization.labels("region", ids, language)),
    "response": (N_("answer"), lambda ids, _language: responses.labels(ids)),
    "retention": (N_("personal data"), None),
    "selection": (
        N_("selection of customers"),
        lambda _ids, _language: {one.id: one.name for one in selections.saved()},
    ),
    "sender": (N_("sender of letters"), None),
    "suppression": (N_("address on the stop list"), None),
    "return_box": (N_("mailbox for what comes back"), None),
    "source": (N_("source"), lambda ids, _language: intake.labels("source", ids)),
    "survey": (N_("survey"), lambda ids, _language: surveys.labels(ids)),
    "touchpoint": (N_("touchpoint"), surveys.touchpoint_labels),
    "unit": (N_("unit"), lambda ids, language: organization.labels("unit", ids, language)),
    "words": (N_("fixed words of a language"), None),
    "user": (N_("user"), lambda ids, _language: accounts.labels(ids)),
}
ACTORS = {
    "user": N_("any user"),
    "customer": N_("customers"),
    "program": N_("the program"),
    "command": N_("the server's shell"),
    "visitor": N_("visitors who are not signed in"),
}


@bp.page("/audit/", Permission.ADMINISTER)
def audit_log() -> ResponseReturnValue:
    """Entries by event, actor, subject and period, newest first."""
    choices = {
        "event": {event.value: _(event.label) for event in sorted(Event, key=lambda event: _(event.label))},
        "actor": {key: _(words) for key, words in ACTORS.items()}
        | {f"user-{one.id}": one.name for one in accounts.users()},
        "subject": {kind: _(words) for kind, (words, _labels) in SUBJECTS.items()},
    }
    chosen = {name: listing.picked(name, words) for name, words in choices.items()}
    zone = str(get_timezone() or "UTC")
    actor_type, _dash, actor_id = chosen["actor"].partition("-")
    rows = audit.entries(
        {
            "event": chosen["event"],
            "actor_type": actor_type,
            "actor_id": int(actor_id or 0),
            "subject_type": chosen["subject"],
            "subject_id": listing.whole("id"),
        },
        since=listing.since("from", zone),
        until=listing.since("to", zone, days=1),
        before_id=listing.whole("after"),
        limit=listing.PAGE_SIZE + 1,
    )
    things = {(row.subject_type, row.subject_id) for row in rows}
    things |= {(row.actor_type, row.actor_id) for row in rows}
    things |= {thing for row in rows for thing in details.things(row.data)}
    given = [(name, words.get(chosen[name], "")) for name, words in choices.items()]
    given.append(("id", f"#{request.args.get('id')}"))
    given.append(("from", _("from %(day)s", day=request.args.get("from", ""))))
    given.append(("to", _("until %(day)s", day=request.args.get("to", ""))))
    return render_template(
        "office/audit.html",
        page=listing.page_by_key(rows, key=lambda row: (row.id,)),
        labels=_labels(things),
        details=details.lines,
        choices=choices,
        active=listing.active_filters(given),
    )


def _labels(things: Iterable[tuple[str, int | None]]) -> dict[tuple[str, int], str]:
    """What the rooms call these things now: (type, id) → words. What is gone, or has no name, is left out."""
    found: dict[tuple[str, int], str] = {}
    for kind, (_words, labels) in {**SUBJECTS, "cause": ("", cases.cause_labels)}.items():
        ids = [id_ for type_, id_ in things if type_ == kind and id_]
        named = labels(ids, language_now()) if labels and ids else {}
        found |= {(kind, id_): words for id_, words in named.items() if words}
    return found
