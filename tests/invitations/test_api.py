"""Own apps and messengers fetch the links of due invitations and say what became of them."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from npsapp.db import db, transaction
from npsapp.delivery.rules import Channel
from npsapp.intake import connections
from npsapp.invitations.models import InvitationStep
from npsapp.invitations.rules import StepState
from npsapp.permissions import ApiScope
from tests import factories
from tests.intake.program import Program, connect

DUE = "/api/v1/steps/due"


@pytest.fixture
def messenger(client: FlaskClient, company: SimpleNamespace, at_now: datetime) -> Program:
    found = connect(client, company, at_now, name="messenger")
    with transaction():
        found.source.settings = {"scopes": [ApiScope.STEPS.value]}
    return found


@pytest.fixture
def step(company: SimpleNamespace, at_now: datetime) -> SimpleNamespace:
    """A step that another program shall send since an hour."""
    with transaction():
        invitation = factories.make_invitation(company, now=at_now, sent_at=None)
        row = invitation.steps[0]
        row.channel, row.state = Channel.EXTERNAL, StepState.HANDED_OVER
        return SimpleNamespace(id=row.id, token=row.token, number=invitation.interaction.number)


def due(program: Program) -> list[dict[str, Any]]:
    answer = program.client.get(DUE, headers={"Authorization": f"Bearer {program.secret}"})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: list[dict[str, Any]] = answer.get_json()["steps"]
    return found


def test_due_links_are_handed_out_until_their_result_is_told(messenger: Program, step: SimpleNamespace) -> None:
    [first] = due(messenger)
    [again] = due(messenger)

    assert first == again
    assert first["id"] == step.id
    assert first["link"].endswith(f"/r/{step.token}")
    assert first["customer"]["emails"]
    assert first["customer"]["phones"]

    told = messenger.post(f"/api/v1/steps/{step.id}/result", {"result": "sent"})
    repeated = messenger.post(f"/api/v1/steps/{step.id}/result", {"result": "sent"})

    assert (told.get_json()["result"], repeated.get_json()["result"]) == ("accepted", "unchanged")
    assert due(messenger) == []
    db.session.rollback()
    assert db.session.get_one(InvitationStep, step.id).invitation.sent_at


@pytest.mark.parametrize("body", [{}, {"result": "perhaps"}, {"result": 5}, [], "sent"])
def test_a_result_that_is_none_is_refused(messenger: Program, step: SimpleNamespace, body: Any) -> None:
    answer = messenger.post(f"/api/v1/steps/{step.id}/result", body)

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "result"
    assert len(due(messenger)) == 1


def test_a_step_that_does_not_exist_is_told_apart(messenger: Program) -> None:
    answer = messenger.post("/api/v1/steps/999999/result", {"result": "sent"})

    assert (answer.status_code, answer.get_json()["code"]) == (404, "no_step")


def test_a_key_without_the_right_gets_no_addresses(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime, step: SimpleNamespace
) -> None:
    till = connect(client, company, at_now)

    answer = client.get(DUE, headers={"Authorization": f"Bearer {till.secret}"})

    assert (answer.status_code, answer.get_json()["code"]) == (403, "no_scope")
    assert connections.chosen(till.source)["scopes"] == ["interactions:write", "customers:write", "consents:write"]


def test_nothing_is_handed_out_before_its_moment(messenger: Program, step: SimpleNamespace, at_now: datetime) -> None:
    with transaction():
        db.session.get_one(InvitationStep, step.id).due_at = at_now + timedelta(hours=1)

    assert due(messenger) == []
