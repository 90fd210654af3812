"""Every page of the program: what the url map offers, asked for the rows that are there. A new route needs no word."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from werkzeug.routing import Rule

from npsapp.accounts import letters
from npsapp.accounts.models import User
from npsapp.cases.models import Case
from npsapp.customers.links import unsubscribe_token
from npsapp.customers.models import ContactPoint
from npsapp.db import db
from npsapp.delivery.incoming_models import ReturnBox
from npsapp.delivery.models import Sender
from npsapp.delivery.rules import Channel
from npsapp.intake.models import BatchState, ImportBatch, ReceivedBody, Source, SourceKind
from npsapp.intake.received import CALLED
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.lib.clock import utcnow
from npsapp.office.kinds import KINDS
from npsapp.organization.models import Brand, Holiday, Region
from npsapp.responses.models import OldImport, Response
from npsapp.responses.open_models import OpenLink
from npsapp.surveys.models import Survey, SurveyVersion

NO_PAGES = {
    "static", "api.openapi", "onec.exchange",
    "sms.report", "brand.logo", "survey.style", "survey.script", "open_links.picture", "reports.qr_sheet",
    "reports.picture", "office.healthz", "office.here", "operations.metrics",
    "reports.export", "quotas.export", "responses.export", "cases.export", "office.people_csv",
    "responses.of_invitation", "suppressions.export", "steps.due", "office.import_rejects", "delivery.letter_raw",
    # Only in an installation where nobody can sign in yet.
    "office.setup",
}  # fmt: skip
"""GET routes that answer with something else."""
FRAMES = {"delivery.letter_html", "settings.preview", "surveys.preview", "words.preview", "letters.shown"}
"""They stand in a frame of another page and run no script: letters and previews."""
NOT_FILLED_IN = {"accounts.login", "accounts.forgot", "accounts.reset", "accounts.profile", "settings.edit",
                 "quotas.rule", "quotas.read",
                 "settings.holidays", "office.company_new", "office.visit_new", "office.visits_paste", "users.add",
                 "users.edit", "surveys.add", "surveys.edit", "settings.add", "delivery.sender",
                 "delivery.one_sender", "delivery.another_sender", "health.pace", "gateways.gateway",
                 "returns.new", "returns.edit", "suppressions.new"}  # fmt: skip
"""Forms that say what is missing when they are sent empty."""
MORE = {
    "cases.index": ("tab=overdue", "tab=settled", "tab=settled&q=zz"),
    "invitations.schedule": ("day=2035-01-01",),
    "responses.index": ("q=zz", "group=detractor&comment=with&read=unread&state=counted&from=2020-01-01"),
    "reports.index": ("period=last_month", "from=2020-01-01&to=2035-01-01"),
    "office.people": ("tag=promoter", "turnover_from=1&days=365&top=5", "days=1&purchases_from=99"),
    "ledger.index": ("state=excluded", "q=zz"),
    "office.customer_search": ("q=zz", "q=example"),
    "office.audit_log": ("actor=user", "event=user.entered"),
    "settings.rows": ("q=zz", "show=retired"),
    "words.letter": ("step=2&channel=sms",),
    "words.preview": ("as=text", "step=2&channel=sms"),
    "letters.real": ("q=zz",),
    "texts.index": ("from=2020-01-01&to=2035-01-01",),
    "delivery.messages": ("state=failed",),
    "suppressions.index": ("q=zz", "reason=complaint&channel=email", "show=released"),
    "replies.index": ("read=unread",),
    "health.index": ("days=30",),
}
"""Further states of a page, by arguments of the address."""
SOMETIMES_GONE = {"survey.show", "short.show", "open.show", "unsubscribe.show", "operations.doubt", "cases.of_answer"}
"""Pages that say so when what they are about has ended or is not there."""


@dataclass(frozen=True)
class Address:
    """One page: where, by which route, and the status it answers with. `sent`: its form is sent empty."""

    path: str
    endpoint: str
    status: tuple[int, ...] = (200,)
    public: bool = False
    sent: bool = False
    frame: bool = False

    def __str__(self) -> str:
        return f"{self.path} (sent empty)" if self.sent else self.path

    def read_in(self, language: str) -> str:
        """Its address as somebody opens it in that language."""
        return f"{self.path}{'&' if '?' in self.path else '?'}lang={language}"


def addresses(app: Flask, *, as_user: User) -> list[Address]:
    """All pages for the rows of this database, in the order of the url map."""
    known, adapter, found = rows(app, as_user), app.url_map.bind("localhost"), []
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        if "GET" not in (rule.methods or ()) or rule.endpoint in NO_PAGES:
            continue
        public = getattr(app.view_functions[rule.endpoint], "guard", "public") == "public"
        for values in _values(rule, known):
            path = adapter.build(rule.endpoint, values)
            status = (200, 404, 410) if rule.endpoint in SOMETIMES_GONE else (200,)
            found.append(Address(path, rule.endpoint, status, public, frame=rule.endpoint in FRAMES))
            found += [replace(found[-1], path=f"{path}?{more}") for more in MORE.get(rule.endpoint, ())]
            if rule.endpoint in NOT_FILLED_IN:
                found.append(Address(path, rule.endpoint, (422,), public, sent=True))
    return [*found, Address("/nothing-here", "", (404,))]


def as_another(pages: list[Address]) -> list[Address]:
    """The same pages for somebody who may not see all of them: "forbidden" and "not found" are pages, too."""
    return [replace(one, status=(*one.status, 403, 404)) for one in pages if not one.public and not one.sent]


def _values(rule: Rule, known: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """What to put into the address of a route: every combination of the rows it asks for."""
    names = sorted(rule.arguments)
    joint = known.get(f"{rule.endpoint} {' '.join(names)}", known.get(" ".join(names)))
    if len(names) > 1 and joint is not None:
        yield from (dict(zip(names, values, strict=True)) for values in joint)
        return
    own = {name: known.get(f"{rule.endpoint} {name}", known.get(name)) for name in names}
    assert None not in own.values(), f"{rule.rule}: say in `rows()` what is there"
    for values in product(*own.values()):  # type: ignore[arg-type]
        yield dict(zip(names, values, strict=True))


def rows(app: Flask, user: User) -> dict[str, list[Any]]:
    """What stands in addresses, by the name routes have for it (or `endpoint name`): one of each state, the newest."""
    cases = select(func.max(Case.id)).group_by(Case.state)
    batches = select(func.max(ImportBatch.id)).group_by(ImportBatch.state)
    answers = select(func.max(Response.id)).group_by(Response.voided_at.is_(None), Response.score <= 6)
    tokens = (
        select(func.max(InvitationStep.token))
        .join(Invitation)
        .join(Response, Response.invitation_id == Invitation.id, isouter=True)
        .group_by(Invitation.state, Response.id.is_(None))
    )
    survey = db.session.scalars(select(func.max(Survey.id)).where(Survey.version_id.is_not(None))).first()
    brand = db.session.scalars(select(Brand).order_by(Brand.id)).first()
    keys = app.config["SECRET_KEYS"]
    point = db.session.scalars(select(func.max(ContactPoint.id))).first()
    stop = [unsubscribe_token(keys, point, brand.id)] if point and brand else []
    reset = letters.password_link(user, keys=keys, public_url="", now=utcnow()).rpartition("/")[2]
    kinds = [(kind, one.id) for kind, about in KINDS.items() for one in db.session.query(about.model).limit(1)]
    each = select(func.max(Source.id)).group_by(Source.kind)
    hooks = select(func.max(Source.id)).where(Source.kind.in_(CALLED)).group_by(Source.kind)
    newest = select(func.max(ReceivedBody.id)).group_by(ReceivedBody.state)
    calls = [(one.id, one.source_id) for one in db.session.query(ReceivedBody).filter(ReceivedBody.id.in_(newest))]
    versions = select(func.max(SurveyVersion.id)).where(SurveyVersion.survey_id == survey)
    return {
        "code": _ids(select(InvitationStep.short_code).where(InvitationStep.short_code.is_not(None)).limit(1)),
        "case_id": _ids(cases),
        "interaction_id": _ids(select(func.max(Invitation.interaction_id)).where(Invitation.survey_id == survey)),
        "batch_id": _ids(batches),
        "response_id": _ids(answers),
        "customer_id": _ids(select(func.max(Case.customer_id))),
        "user_id": _ids(select(func.max(User.id))),
        "source_id": _ids(select(func.max(Source.id))),
        "old_id": _ids(select(func.max(OldImport.id)).group_by(OldImport.state)),
        **{f"office.connection{part} source_id": _ids(each) for part in ("", "_settings", "_words")},
        "office.mailbox_settings source_id": _ids(select(func.max(Source.id)).where(Source.kind == SourceKind.MAILBOX)),
        "office.received_calls source_id": _ids(hooks),
        "office.reading source_id": _ids(hooks),
        "received_id source_id": calls,
        "holiday_id": _ids(select(func.max(Holiday.id))),
        "region_id": _ids(select(func.max(Region.id))),
        "brand_id": [brand.id] if brand else [],
        "sender_id": _ids(select(func.min(Sender.id)).where(Sender.channel == Channel.EMAIL)),
        "brand_key": [brand.key] if brand else [],
        "survey_id": [survey] if survey else [],
        "survey_id version_id": [(survey, one) for one in _ids(versions)],
        "kind": list(KINDS),
        "kind row_id": kinds,
        "name": sorted(path.name for path in Path(app.instance_path, "outbox").glob("*.eml"))[-1:],
        "open_link_id": _ids(select(func.max(OpenLink.id)).group_by(OpenLink.tablet)),
        "open.show token": (opened := _ids(select(func.max(OpenLink.token)).group_by(OpenLink.tablet))),
        "open.show score token": [("3", token) for token in opened],
        "survey.show token": [*_ids(tokens), "x" * 22],
        "score": ["3"],
        "score token": [("3", token) for token in _ids(tokens)],
        "unsubscribe.show token": [*stop, "x" * 22],
        "box_id": _ids(select(func.max(ReturnBox.id))),
        "suppressions.preview token": sorted(path.name for path in Path(app.instance_path, "stops").glob("*"))[-1:],
        "accounts.reset token": [reset],
        "office.visits batch_id": _ids(
            select(func.max(ImportBatch.id)).where(
                ImportBatch.created_by_id == user.id, ImportBatch.state == BatchState.DONE
            )
        ),
    }


def _ids(query: Any) -> list[Any]:
    return [found for found in db.session.scalars(query) if found is not None]
