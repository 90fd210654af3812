"""The JSON API for programs that send invitations themselves: apps, push, messengers."""

from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, g, jsonify, request
from flask.typing import ResponseReturnValue

from npsapp.customers import queries as customers
from npsapp.customers.models import ContactPoint
from npsapp.db import db, reading, transaction
from npsapp.extensions import csrf
from npsapp.intake.models import Source
from npsapp.invitations import followups, queries
from npsapp.invitations.models import InvitationStep
from npsapp.invitations.rules import StepState
from npsapp.lib.clock import utcnow
from npsapp.permissions import ApiScope
from npsapp.web import api
from npsapp.web.access import Room

MOST_STEPS = 500

bp = Room("steps", __name__)
csrf.exempt(bp)  # every request brings its key; no cookie is read


@bp.get("/api/v1/steps/due")
@api.needs(ApiScope.STEPS)
def due() -> ResponseReturnValue:
    """Invitations of the connection's brand that wait to be sent by another program, oldest first, with their links.

    The same ones come again until their result is reported.
    """
    limit = request.args.get("limit", MOST_STEPS, type=int)
    with reading():
        source = db.session.get_one(Source, g.api_key.id)
        steps = queries.external_due(utcnow(), limit=max(1, min(limit, MOST_STEPS)), brand_id=source.brand_id)
        people = [step.invitation.customer_id for step in steps if step.invitation.customer_id]
        known = customers.external_ids(source.id, people)
        found = [_step(one, known) for one in steps]
    answer = jsonify({"steps": found})
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _step(step: InvitationStep, known: Mapping[int, str]) -> dict[str, Any]:
    invitation = step.invitation
    bought, person = invitation.interaction, invitation.customer
    points: list[ContactPoint] = person.contact_points if person else []
    return {
        "id": step.id,
        "link": f"{current_app.config['PUBLIC_URL']}/r/{step.token}",
        "due_at": step.due_at.isoformat(),
        "valid_until": invitation.valid_until.isoformat() if invitation.valid_until else None,
        "language": invitation.language,
        "interaction": {"external_id": bought.external_id, "number": bought.number, "title": bought.title},
        "customer": {
            "external_id": known.get(invitation.customer_id or 0),
            "address_as": person.address_as if person else "",
            **{f"{kind}s": [one.value for one in points if one.kind == kind] for kind in ("email", "phone")},
        },
    }


@bp.post("/api/v1/steps/<int:step_id>/result")
@api.needs(ApiScope.STEPS)
def result(step_id: int) -> ResponseReturnValue:
    """Take back what became of a step, "sent" or "failed"; told twice, it changes nothing."""
    said = api.body().json
    if not isinstance(said, dict) or said.get("result") not in ("sent", "failed"):
        raise api.Problem("bad_value", field="result")
    outcome = StepState.SENT if said["result"] == "sent" else StepState.FAILED
    with transaction():
        step = queries.external_step(step_id, brand_id=db.session.get_one(Source, g.api_key.id).brand_id)
        if step is None:
            raise api.Problem("no_step")
        changed = followups.settle_external(step_id, outcome, now=utcnow())
    return jsonify({"id": step_id, "result": "accepted" if changed else "unchanged"})


@bp.errorhandler(api.Problem)
def _refused(problem: api.Problem) -> Response:
    return api.answer(problem)
