"""Pages about how letters fare: mail health, the pace towards each provider, and whether mail can arrive at all."""

import importlib
from dataclasses import replace
from datetime import timedelta

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from npsapp.audit.doors import me
from npsapp.db import db, transaction
from npsapp.delivery import arrival, health, providers, queries, rates, senders
from npsapp.delivery.arrival import Finding
from npsapp.delivery.channels import mail
from npsapp.delivery.forms import PaceForm, SelectorForm
from npsapp.delivery.models import Sender
from npsapp.lib.clock import utcnow
from npsapp.permissions import Permission
from npsapp.web import listing
from npsapp.web.access import Room, scope

bp = Room("health", __name__, template_folder="templates")

USUAL_SELECTORS = ("default", "mail", "dkim", "google", "selector1", "selector2", "s1", "k1")


bp.add_app_template_filter(providers.name_of, "provider")


@bp.page("/mail-health/", Permission.SEE_MESSAGES)
def index() -> ResponseReturnValue:
    """What became of the letters of the last days, who refused and why, what waits and what has stopped."""
    now, seen = utcnow(), scope()
    days = listing.whole("days")
    days = days if days in health.SPANS else health.SPANS[0]
    since = now - timedelta(days=days)
    return render_template(
        "delivery/health.html",
        days=days,
        spans=health.SPANS,
        outcome=health.outcome(since, seen, now),
        refusals=health.refusals(since, seen),
        queues=health.queues(seen, now),
        stopped=health.stopped(),
        now=now,
    )


@bp.deed("/mail-health/resume", Permission.ADMINISTER)
def resume() -> ResponseReturnValue:
    """Letters to a domain, or from a sender, leave again at once."""
    rate_id = request.form.get("id", type=int) or abort(400)
    with transaction():
        rates.resume(rate_id, actor=me(), now=utcnow())
    flash(_("Letters leave again."), "success")
    return redirect(url_for(".index"), code=303)


@bp.form("/sender/<int:sender_id>/pace", Permission.ADMINISTER)
def pace(sender_id: int) -> ResponseReturnValue:
    """How many letters a minute leave from a sender to each provider."""
    sender, form = queries.mail_sender(sender_id) or abort(404), PaceForm()
    if not form.validate_on_submit():
        page = render_template(
            "delivery/pace.html", sender=sender, form=form, rows=_paces(sender), config=current_app.config
        )
        return page, 422 if form.errors else 200
    domain = providers.domain_of(f"@{form.domain.data}")
    with transaction():
        rates.limit(sender_id, domain, form.per_minute.data, actor=me(), now=utcnow())
    flash(_("The changes are saved."), "success")
    return redirect(url_for(".pace", sender_id=sender_id), code=303)


def _paces(sender: Sender) -> list[tuple[str, str, int, int | None, str]]:
    """(name, domain, usual number, own number, source) of the known providers and of those with an own number."""
    own = {domain: rate.per_minute for domain, rate in queries.rates(sender.id).items() if rate.per_minute is not None}
    known = {one.domains[0]: one.source for one in providers.PROVIDERS}
    domains = [*known, *sorted(own.keys() - known.keys())]
    usual = providers.usual_limit
    return [(providers.name_of(one), one, usual(one), own.get(one), known.get(one, "")) for one in domains]


@bp.form("/sender/<int:sender_id>/arrival", Permission.ADMINISTER)
def can_arrive(sender_id: int) -> ResponseReturnValue:
    """Whether letters of a sender can arrive; pressing the button asks name servers, for some seconds at most."""
    sender = queries.mail_sender(sender_id) or abort(404)
    form, found = SelectorForm(obj=sender), list[Finding]()
    if form.validate_on_submit():
        with transaction():
            senders.note_selectors(sender_id, form.selectors.data or "")
        found = _ask(queries.sender(sender_id))
    said = [(one, _said(one)) for one in found]
    page = render_template("delivery/arrival.html", sender=sender, form=form, findings=said)
    return page, 422 if form.errors else 200


def _said(finding: Finding) -> str:
    values = {name: _(value) if name == "limit" else value for name, value in finding.values.items()}
    return str(_(finding.words, **values))


def _ask(sender: Sender) -> list[Finding]:
    domain, wanted, server = sender.address.rpartition("@")[2], sender.selectors.split(), mail.server_of(sender)
    host = server.host if server else ""
    db.session.rollback()  # nothing is read while name servers are asked
    if providers.provider_of(domain):
        return arrival.findings(arrival.Facts(domain))
    config = current_app.config
    # Loaded here: the library that asks name servers takes 3 MB, in each process.
    facts = importlib.import_module("npsapp.delivery.lookups").facts(
        domain,
        selectors=wanted or USUAL_SELECTORS,
        host=host,
        servers=config["DNS_SERVERS"],
        seconds=config["DNS_TIMEOUT"],
    )
    if not wanted:
        facts = replace(facts, dkim={one: values for one, values in facts.dkim.items() if values})
    return arrival.findings(facts)
