"""Staff pages of answers: the list with its filters, one answer with its history, the export."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from flask import Response as HttpResponse, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, ngettext
from flask_login import current_user

from npsapp.audit import services as audit
from npsapp.audit.doors import me
from npsapp.audit.events import Event
from npsapp.db import transaction
from npsapp.lib.clock import utcnow
from npsapp.permissions import Permission, Scope
from npsapp.responses import evidence, filters, further, open_queries, queries, rulings
from npsapp.responses.forms import VoidForm
from npsapp.responses.models import Response
from npsapp.responses.rules import AGENT_WORDS, classify
from npsapp.responses.services import UNSURE
from npsapp.web import listing
from npsapp.web.access import Room, can, scope
from npsapp.web.filters import spoken
from npsapp.web.pages import csv_file, done, form_page

bp = Room("responses", __name__, url_prefix="/answers", template_folder="templates")

bp.add_app_template_global(filters.properties, "property_filters")
bp.add_app_template_global(further.said, "further_answers")

PAGE_SIZE = 40  # with frame, styles and script the page stays under 100 kB on the wire
ACTS = 60  # shown of a link, the last ones
COUNT = "count"  # before the names of fields in the form that counts an answer
MOST_MARKED = 10 * PAGE_SIZE
CHUNK = 500  # rows of the export read at a time: memory stays the same, however many there are


@bp.page("/", Permission.SEE_ANSWERS)
def index() -> ResponseReturnValue:
    """All answers of the own scope, newest first; the filters stand in the address."""
    asked, options = filters.asked(scope()), filters.options(scope())
    further_options = further.choices(asked.get("survey"))
    asked, options = asked | _chosen(further_options), options | further_options
    found = queries.newest(scope(), asked, after=_after(), limit=PAGE_SIZE + 1)
    page = listing.page_by_key(found, size=PAGE_SIZE, key=lambda one: (one.confirmed_at.isoformat(), one.id))
    return render_template(
        "responses/answers.html",
        page=page,
        options=options,
        further_options=further_options,
        active=filters.active(asked, options),
        unread=[answer.id for answer in page.items if not answer.read_at],
        back=request.query_string.decode("ascii", "ignore"),
    )


def _kept(name: str) -> bool:
    """Whether an argument says which answers a list shows."""
    return name in (*filters.names(), *listing.PAGING) or name.startswith("q.")


def _chosen(options: filters.Options) -> dict[str, str]:
    """What the address asks of further questions; wrong values count as not given."""
    found = {name: listing.picked(name, values) for name, values in options.items()}
    return {name: value for name, value in found.items() if value}


def _after() -> queries.Key | None:
    """The key (moment, id) of the last answer before this page; a broken one counts as none."""
    try:
        at, id_ = listing.after() or ()
        moment = datetime.fromisoformat(at)
        return (moment, int(id_)) if moment.tzinfo else None
    except ValueError:
        return None


@bp.deed("/read", Permission.SEE_ANSWERS)
def mark() -> ResponseReturnValue:
    """Mark one answer, or all on a page, as read or unread, and go back to where the button stood."""
    ids = [int(number) for number in re.findall("[0-9]{1,17}", request.form.get("ids", ""))][:MOST_MARKED]
    read = request.form.get("state") != "unread"
    with transaction():
        count = rulings.mark(ids, read=read, scope=scope(), by_id=current_user.id, now=utcnow())
    words = ngettext("%(num)s answer is marked.", "%(num)s answers are marked.", count)
    if len(ids) == 1 and request.form.get("from") == "answer":
        return done(words, ".show", response_id=ids[0])
    given = dict(parse_qsl(request.form.get("back", "")))
    return done(words, ".index", **{name: given[name] for name in given if _kept(name)})


@bp.page("/<int:response_id>", Permission.SEE_ANSWERS)
def show(response_id: int) -> ResponseReturnValue:
    """One answer with its history. :raise 404: also when it lies outside the scope."""
    return _sheet(response_id, VoidForm())


def _sheet(response_id: int, form: VoidForm, count_form: VoidForm | None = None) -> HttpResponse:
    answer = queries.visible(scope(), response_id) or abort(404)
    told = queries.story(answer.customer_id, scope()) if answer.customer_id else []
    earlier = [other for other in told if other.id != response_id]
    twins = open_queries.twins(answer, scope())
    return form_page(
        "responses/answer.html",
        form,
        count_form=count_form or VoidForm(prefix=COUNT),
        answer=answer,
        earlier=earlier,
        twins=twins,
        group_of=classify,
        **_why(answer),
    )


def _why(answer: Response) -> dict[str, Any]:
    """What the page says about whether the answer counts."""
    acts = evidence.of_invitation(answer.invitation_id)
    wait = timedelta(seconds=current_app.config["ANSWER_PROMOTE"])
    return {
        "acts": [(act, AGENT_WORDS.get(act.agent, act.agent), evidence.trace(act).of_scanner) for act in acts[-ACTS:]],
        "sweeps": evidence.sweeps_of(answer.invitation_id),
        "settled_at": answer.confirmed_at + wait,
    }


@bp.deed("/<int:response_id>/void", Permission.VOID_ANSWERS)
def void(response_id: int) -> ResponseReturnValue:
    """Take an answer out of the count, with a reason. :raise 404:"""
    form = VoidForm()
    if not form.validate_on_submit():
        return _sheet(response_id, form)
    with transaction():
        response = queries.visible(scope(), response_id) or abort(404)
        rulings.void(response, reason=form.reason.data or "", by_id=current_user.id, now=utcnow())
    return done(_("The answer is not counted any more."), ".show", response_id=response_id)


@bp.deed("/<int:response_id>/restore", Permission.VOID_ANSWERS)
def restore(response_id: int) -> ResponseReturnValue:
    """Count an answer again, or one that nobody confirmed, with a reason. :raise 404:"""
    form = VoidForm(prefix=COUNT)
    if not form.validate_on_submit():
        page = _sheet(response_id, VoidForm(formdata=None), form)
        page.status_code = 422
        return page
    with transaction():
        response = queries.visible(scope(), response_id) or abort(404)
        rulings.restore(response, reason=form.reason.data or "", by_id=current_user.id, now=utcnow())
    return done(_("The answer is counted again."), ".show", response_id=response_id)


@bp.page("/of-invitation/<int:invitation_id>", Permission.SEE_ANSWERS)
def of_invitation(invitation_id: int) -> ResponseReturnValue:
    """The answer to an invitation. :raise 404:"""
    found = queries.of_invitation(invitation_id)
    if found is None or queries.visible(scope(), found.id) is None:
        abort(404)
    return redirect(url_for(".show", response_id=found.id))


# ---- the export ------------------------------------------------------------------------------------------------


@bp.page("/export.csv", Permission.EXPORT)
def export() -> ResponseReturnValue:
    """The filtered answers as CSV, streamed; the export stands in the audit log, without typed words."""
    visible, now = scope(), utcnow()
    asked = filters.asked(visible)
    asked |= _chosen(further.choices(asked.get("survey")))
    data = {name: str(value) for name, value in asked.items() if name not in ("q", "who")}
    with transaction():
        audit.record(Event.ANSWERS_EXPORTED, actor=me(), now=now, data=data)
    named = can(Permission.SEE_CUSTOMERS)
    rows = (_row(answer, named=named) for answer in _all(visible, asked))
    return csv_file(f"answers-{now:%Y-%m-%d}", _heading(named=named), rows)


def _all(visible: Scope, asked: queries.Asked) -> Iterator[Response]:
    after: queries.Key | None = None
    while answers := queries.newest(visible, asked, after=after, limit=CHUNK):
        after = (answers[-1].confirmed_at, answers[-1].id)
        yield from answers


def _heading(*, named: bool) -> list[str]:
    heading = [_("No."), _("Day"), _("Time (UTC)"), _("Score"), _("Group"), _("Comment"), _("Contact wanted")]
    heading += [_("Customer")] if named else []
    heading += [_("Order"), _("What was bought"), _("Segment"), _("Region"), _("Unit"), _("Touchpoint")]
    return [
        *heading,
        _("Language"),
        _("Further answers"),
        _("Revision"),
        _("Disputed"),
        _("Not counted"),
        _("Test"),
        _("Imported from"),
        _("Open link"),
    ]


def _row(answer: Response, *, named: bool) -> list[object]:
    yes = _("yes")
    wanted = "" if answer.contact_wanted is None else yes if answer.contact_wanted else _("no")
    places = [place.name if place else None for place in (answer.segment, answer.region, answer.unit)]
    marks = [yes if mark else "" for mark in (answer.disputed, answer.voided_at or answer.basis in UNSURE, answer.test)]
    bought = answer.interaction
    row: list[object] = [answer.id, answer.local_date.isoformat(), f"{answer.confirmed_at:%Y-%m-%d %H:%M}"]
    row += [answer.score, _(answer.group.label), answer.comment, wanted]
    row += [answer.customer.name if answer.customer else ""] if named else []
    row += [bought.number, bought.title] if bought else ["", ""]
    row += [spoken(name) for name in (*places, answer.touchpoint.name)]
    more = "\n".join(f"{title}: {words}" for title, words in further.said(answer))
    return [
        *row,
        answer.language,
        more,
        answer.revision,
        *marks,
        answer.old_import.programme if answer.old_import else "",
        answer.open_link.name if answer.open_link else "",
    ]
