"""Pages of connections: adding one, what to enter on the other side, how it does, and taking it live."""

from typing import Any

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from npsapp.audit.doors import me
from npsapp.db import db, transaction
from npsapp.i18n import language_now
from npsapp.intake import connections, counts, exchanges, queries as intake, services, tasks
from npsapp.intake.models import Source, SourceKind
from npsapp.intake.rules import RejectReason
from npsapp.intake.silence import Alarm
from npsapp.invitations import policies, preview
from npsapp.lib.clock import local_date, utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import text_in
from npsapp.office.blueprint import bp
from npsapp.office.forms import ABOUT, CHANNELS, FIRST_DAY_CAP, AddForm, ConnectionForm, LiveForm
from npsapp.office.imports import LOOK_BACK, go_live, no_mail
from npsapp.office.instructions import instructions
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.web.pages import done, form_page, told_at

SHOWN_EXCHANGES = 20
SHOWN_REJECTS = 10
OWN_SETTINGS = frozenset(
    {"name", "brand_id", "touchpoint_id", "timezone", "currency", "country", "ids_are_persons", "ask_completed",
     "link_template"}
)  # fmt: skip


@bp.page("/connections/", Permission.ADMINISTER)
def connections_list() -> ResponseReturnValue:
    """All connections and sources of files, with what is wrong."""
    found = intake.sources()
    return render_template(
        "office/connections/list.html",
        sources=[one for one in found if one.retired_at is None],
        retired=[one for one in found if one.retired_at],
        unsaid=counts.unsaid([one.id for one in found]),
        alarm_words={alarm.value: alarm.label for alarm in Alarm},
    )


@bp.form("/connections/new", Permission.ADMINISTER)
def connection_new() -> ResponseReturnValue:
    """Add a connection; its secret is shown on the page that follows, and never again."""
    form = AddForm(data={"kind": request.args.get("kind")})
    form.offer()
    if form.validate_on_submit():
        with told_at(form.name):
            with transaction():
                kind = SourceKind(form.kind.data)
                source, secret = connections.add(kind, form.name.data, actor=me(), now=utcnow())
            if secret:
                return _secret_page(source, secret)
            return done(_("The connection was added."), ".connection", source_id=source.id)
    return form_page("office/connections/new.html", form, about=ABOUT)


def _secret_page(source: Source, secret: str) -> Response:
    """The only page that shows a secret; kept nowhere on the way."""
    page = render_template("office/connections/secret.html", **_about(source, secret))
    return Response(page, headers={"Cache-Control": "no-store"})


def _about(source: Source, secret: str = "") -> dict[str, Any]:
    url = current_app.config["PUBLIC_URL"]
    return {"source": source, "secret": secret, "instructions": instructions(source, url, secret)}


@bp.page("/connections/<int:source_id>", Permission.ADMINISTER)
def connection(source_id: int) -> ResponseReturnValue:
    """One connection: what to enter on the other side, last exchanges, counts, errors with remedies."""
    source = source_or_404(source_id)
    return _page(source, LiveForm(data=_live_data(source)))


def _page(source: Source, form: LiveForm) -> Response:
    trial = source.in_trial and source.retired_at is None
    live_from = form.live_from.data
    return form_page(
        "office/connections/show.html",
        form,
        outlook=preview.would_ask_source(source.id, live_from=live_from, now=utcnow()) if trial else None,
        no_mail=no_mail(source),
        counts=counts.of(source.id),
        exchanges=exchanges.newest(source.id, limit=SHOWN_EXCHANGES),
        rejects=[(RejectReason(one.reason), one) for one in counts.rejects(source.id, limit=SHOWN_REJECTS)],
        unsaid=counts.unsaid([source.id]).get(source.id, 0),
        alarm=Alarm(source.alarm).label if source.alarm else "",
        testable=source.kind in tasks.TESTERS,
        callable=source.kind in connections.KINDS,
        with_secret=bool(source.secret_digest),
        **_about(source),
    )


@bp.form("/connections/<int:source_id>/settings", Permission.ADMINISTER)
def connection_settings(source_id: int) -> ResponseReturnValue:
    """How records of a connection are understood, and its grounds."""
    source = source_or_404(source_id)
    form = _settings_form(source)
    if form.validate_on_submit():
        values = {name: form[name].data for name in OWN_SETTINGS}
        settings = {name: form[name].data for name in connections.USUAL.get(source.kind, {})}
        with told_at(form.name):
            with transaction():
                connections.change(source_id, values, settings, actor=me(), now=utcnow())
                services.set_grounds(db.session.get_one(Source, source_id), form.grounds, actor=me(), now=utcnow())
                policies.source_changed(source_id)
            return done(_("The changes are saved."), ".connection", source_id=source_id)
    return form_page("office/connections/settings.html", form, source=source)


def _settings_form(source: Source) -> ConnectionForm:
    grounds = {f"ground_{channel.value}": source.grounds.get(channel.value, "") for channel in CHANNELS}
    form = ConnectionForm(obj=source, data={**grounds, **connections.chosen(source)})
    brands = [(one.id, text_in(one.name, language_now())) for one in organization.brands()]
    form.offer(brands, names_of(surveys.touchpoints(source.brand.pool_id)))
    for name in {name for usual in connections.USUAL.values() for name in usual} - set(connections.chosen(source)):
        del form[name]
    return form


@bp.deed("/connections/<int:source_id>/test", Permission.ADMINISTER)
def connection_test(source_id: int) -> ResponseReturnValue:
    """Ask the other program whether it is there, and say what it said."""
    source = source_or_404(source_id)
    tester = tasks.TESTERS.get(source.kind) or abort(404)
    db.session.rollback()  # the network may take its time
    try:
        words, values = tester(source)
        flash(_(words, **values), "success")
    except Refused as refusal:
        flash(_(refusal.wording, **refusal.values), "error")
    return redirect(url_for(".connection", source_id=source_id), code=303)


@bp.deed("/connections/<int:source_id>/rotate", Permission.ADMINISTER)
def connection_rotate(source_id: int) -> ResponseReturnValue:
    """Give it a new secret, shown once; the old one opens nothing any more."""
    source = source_or_404(source_id)
    if source.retired_at or not source.secret_digest:
        abort(404)
    with transaction():
        secret = connections.rotate(source_id, actor=me(), now=utcnow())
    return _secret_page(source_or_404(source_id), secret)


@bp.deed("/connections/<int:source_id>/retire", Permission.ADMINISTER)
def connection_retire(source_id: int) -> ResponseReturnValue:
    """Close a connection for good."""
    source_or_404(source_id)
    with transaction():
        connections.retire(source_id, actor=me(), now=utcnow())
    return done(_("The connection is closed. What it brought stays."), ".connection", source_id=source_id)


@bp.deed("/connections/<int:source_id>/live", Permission.ADMINISTER)
def connection_live(source_id: int) -> ResponseReturnValue:
    """Count again with another day, or take it live."""
    source, form = source_or_404(source_id), LiveForm()
    if not form.validate_on_submit() or request.form.get("deed") != "go_live":
        return _page(source, form)
    with transaction():
        go_live(source_id, form, now=utcnow())
    return done(_("The connection is live: the next minutes decide who is asked."), ".connection", source_id=source_id)


def _live_data(source: Source) -> dict[str, Any]:
    proposal = local_date(utcnow() - LOOK_BACK, source.timezone)
    return {"live_from": source.live_from or proposal, "first_day_cap": FIRST_DAY_CAP}


def source_or_404(source_id: int) -> Source:
    """One connection. :raise 404:"""
    return next((one for one in intake.sources() if one.id == source_id), None) or abort(404)


def names_of(rows: Any) -> list[tuple[int, str]]:
    """(Id, name) of things with names, by name."""
    names = [(one.id, one.name if isinstance(one.name, str) else text_in(one.name, language_now())) for one in rows]
    return sorted(names, key=lambda pair: pair[1].casefold())
