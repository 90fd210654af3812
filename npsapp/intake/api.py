"""The JSON API: purchases, customers and consents from other programs, each record with its own result."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Response, current_app, g, jsonify, render_template, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from npsapp.db import db, transaction
from npsapp.extensions import csrf
from npsapp.i18n import language_now
from npsapp.intake import api_docs, api_fields, api_rows, api_services, exchanges, staging
from npsapp.intake.api_rows import Fault, Unreadable
from npsapp.intake.columns import plain_text
from npsapp.intake.models import Source, SourceKind
from npsapp.intake.rules import LONGEST_ID, InteractionRow, RejectReason
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_, Worded
from npsapp.lib.tokens import digest, same
from npsapp.permissions import USUAL_SCOPES, ApiScope
from npsapp.web import api
from npsapp.web.access import Room, public

MOST_RECORDS = 1000
MOST_NAMES = 20  # of unknown fields that are told
WHAT = {
    "api.interactions": N_("Purchases by the API"),
    "api.customer": N_("A customer by the API"),
    "api.consents": N_("Consents by the API"),
}

bp = Room("api", __name__, template_folder="templates")
csrf.exempt(bp)  # every request brings its key; no cookie is read


@bp.record
def _init(state: BlueprintSetupState) -> None:
    api.load_keys_with(state.app, _key)


def _key(secret: str) -> api.Key | None:
    """The connection of an own program behind a key; one that is retired has none."""
    wanted = digest(secret)
    mine = Source.kind == SourceKind.API, Source.secret_digest == wanted, Source.retired_at.is_(None)
    found = db.session.execute(select(Source.id, Source.secret_digest, Source.settings).where(*mine)).first()
    if found is None or not same(found.secret_digest, wanted):
        return None
    return api.Key(found.id, frozenset(found.settings.get("scopes", [scope.value for scope in USUAL_SCOPES])))


@bp.errorhandler(api.Problem)
def _refused(problem: api.Problem) -> Response:
    """The page of the connection shows what was refused as a whole, but for what came too fast."""
    if "api_key" in g and problem.code != "too_fast":
        with transaction():
            exchanges.note(g.api_key.id, _what(), Refused(problem.words, **problem.values), now=utcnow())
    return api.answer(problem)


def _what() -> str:
    return WHAT[request.endpoint or ""]


@bp.post("/api/v1/interactions")
@api.needs(ApiScope.INTERACTIONS)
def interactions() -> ResponseReturnValue:
    """Take in purchases, each with its own result; sent again, they update or change nothing."""
    body, now = api.body(), utcnow()
    records = api.records(body.json, "interactions", "purchases", most=MOST_RECORDS)
    checked = list(api_rows.interactions(records, staging.setting_of(_source(), {}, now=now)))
    ids = {row.line - 1: row.external_id for row in checked if not isinstance(row, Fault)}

    def deed() -> dict[str, Any]:
        outcomes = api_services.take_in(_source(), checked, now=now)
        by_index = {line - 1: outcome for line, outcome in outcomes.items()}
        return _results(by_index, checked, ids) | _not_read(records, api_rows.FIELDS)

    return _once(body.digest, deed, now)


@bp.put("/api/v1/customers/<external_id>")
@api.needs(ApiScope.CUSTOMERS)
def customer(external_id: str) -> ResponseReturnValue:
    """Let a person be as the other program says; what is left out stays."""
    body, now, id_ = api.body().json, utcnow(), plain_text(external_id)
    source = _source()
    if not source.ids_are_persons:
        raise api.Problem("not_persons")
    if not 0 < len(id_) <= LONGEST_ID:
        raise api.Problem("bad_value", field="external_id", detail=RejectReason.TOO_LONG.label)
    if not isinstance(body, Mapping):
        raise api.Problem("wrong_shape", field="")
    try:
        person = api_rows.person(id_, body, staging.setting_of(source, {}, now=now))
    except Unreadable as error:
        raise _unreadable(error) from None
    with transaction():
        new = api_services.put_person(_source(), id_, person, now=now)
        api_services.note(g.api_key.id, _what(), good=1, now=now)
    answer = {"external_id": id_, "result": "accepted" if new else "updated"} | _mistyped(person.incoming.wrong)
    return jsonify(answer | _not_read([body], api_fields.CUSTOMER)), 201 if new else 200


@bp.post("/api/v1/consents")
@api.needs(ApiScope.CONSENTS)
def consents() -> ResponseReturnValue:
    """Take down consents and refusals, each with its own result."""
    body, now = api.body(), utcnow()
    records = api.records(body.json, "consents", most=MOST_RECORDS)
    read = list(api_rows.consents(records, staging.setting_of(_source(), {}, now=now)))
    words = [one for one in read if not isinstance(one, Fault)]
    ids = {word.index: word.external_id for word in words if word.external_id}

    def deed() -> dict[str, Any]:
        outcomes: dict[int, str] = {one.index: one.reason for one in read if isinstance(one, Fault)}
        outcomes |= api_services.take_down(_source(), words, now=now)
        return _results(outcomes, read, ids) | _not_read(records, api_fields.CONSENT)

    return _once(body.digest, deed, now)


def _source() -> Source:
    return db.session.get_one(Source, g.api_key.id)


def _once(asked: str, deed: Callable[[], dict[str, Any]], now: datetime) -> Response:
    """Do it, or repeat the answer that this Idempotency-Key got."""
    name = api.idempotency_key()

    def noted() -> dict[str, Any]:
        answer = deed()
        bad = len(answer["rejected"])
        api_services.note(g.api_key.id, _what(), good=len(answer["results"]) - bad, bad=bad, now=now)
        return answer

    try:
        with transaction():
            return jsonify(api_services.once(g.api_key.id, name, asked, noted, now=now))
    except api_services.ReusedKey:
        raise api.Problem("reused_idempotency_key", field="Idempotency-Key") from None


def _unreadable(error: Unreadable) -> api.Problem:
    if error.reason is RejectReason.WRONG_TYPE:
        return api.Problem("wrong_type", field=error.said.name, wanted=_(error.wanted))
    return api.Problem("bad_value", field=error.said.name, detail=error.reason.label)


def _results(outcomes: Mapping[int, str], read: Iterable[Any], ids: Mapping[int, str]) -> dict[str, Any]:
    """What became of each record, in their order, and the counts."""
    faults = {one.index: one for one in read if isinstance(one, Fault)}
    wrong = {one.line - 1: _mistyped(one.wrong) for one in read if isinstance(one, InteractionRow)}
    results = [
        _result(index, outcomes[index], faults.get(index), ids.get(index)) | wrong.get(index, {})
        for index in sorted(outcomes)
    ]
    counts = {word: sum(one["result"] == word for one in results) for word in ("accepted", "updated", "unchanged")}
    return {**counts, "rejected": [one for one in results if one["result"] == "rejected"], "results": results}


def _mistyped(wrong: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """What is no address: it is kept for people to see, and never used."""
    return {"mistyped": [text for _kind, text in wrong]} if wrong else {}


def _result(index: int, outcome: str, fault: Fault | None, external_id: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {"index": index} | ({"external_id": external_id} if external_id else {})
    if not isinstance(outcome, Worded):
        return result | {"result": outcome}
    result |= {"result": "rejected", "code": outcome.value, "message": _(outcome.label)}
    result |= {"field": fault.field} if fault and fault.field else {}
    return result | ({"expected": _(fault.wanted)} if fault and fault.wanted else {})


def _not_read(records: Iterable[Any], fields: Sequence[api_fields.Said]) -> dict[str, list[str]]:
    """Fields that mean nothing here, most often misspelt ones."""
    return {"ignored_fields": sorted(set(api_fields.unread(records, fields)))[:MOST_NAMES]}


# ---- the description ----


@bp.page("/api/v1/openapi.json", public)  # says nothing of this installation but its address
def openapi() -> ResponseReturnValue:
    """The OpenAPI document, in English."""
    return jsonify(api_docs.document(current_app.config["PUBLIC_URL"]))


@bp.page("/api/docs", public)  # for the engineer of the other program, who has no account here
def docs() -> ResponseReturnValue:
    """The same as a page, with examples."""
    url = current_app.config["PUBLIC_URL"]
    return render_template("api/docs.html", url=url, language=language_now(), **api_docs.shown(url))
