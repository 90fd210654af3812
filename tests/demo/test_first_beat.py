"""The program goes on where the history ends."""

import pytest
from sqlalchemy import func, select

from npsapp.db import db, transaction
from npsapp.delivery.queries import brands_without_server
from npsapp.demo import loader, services
from npsapp.intake import queries as intake, services as intake_services
from npsapp.invitations import queries as plan, services as invitations
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState
from npsapp.surveys.models import Touchpoint
from tests.demo.conftest import DRAWN_AT

pytestmark = pytest.mark.usefixtures("loaded")


def _count(what: object) -> int:
    return db.session.scalar(select(func.count()).select_from(what)) or 0


def _rows_of_all_tables() -> dict[str, int]:
    return {table.name: _count(table) for table in db.metadata.sorted_tables}


def test_a_letter_leaves_with_the_first_beat():
    warehouse = db.session.scalars(select(Touchpoint.id).where(Touchpoint.key == "warehouse")).one()

    with transaction():
        invitations.plan(intake.undecided(500), without_mail=brands_without_server(), now=DRAWN_AT)

    due = plan.due(DRAWN_AT, limit=500)
    touchpoints = db.session.scalars(select(Invitation.touchpoint_id).where(Invitation.id.in_(due))).all()
    assert touchpoints.count(warehouse) >= 5


def test_the_program_would_have_decided_the_same():
    """Planned lines of the history are planned again, to the second, by the real planner."""
    planned = db.session.execute(
        select(Invitation.id, Invitation.interaction_id, Invitation.send_at).where(
            Invitation.state == InvitationState.PLANNED
        )
    ).all()
    before = {row.interaction_id: row.send_at for row in planned}

    with transaction() as session:
        for row in planned:
            session.delete(session.get_one(Invitation, row.id))
        session.flush()
        intake_services.mark_undecided(before)
        invitations.plan(sorted(before), without_mail=brands_without_server(), now=DRAWN_AT)

    after = db.session.execute(
        select(Invitation.interaction_id, Invitation.send_at).where(Invitation.interaction_id.in_(before))
    ).all()
    assert before
    assert {row.interaction_id: row.send_at for row in after} == before


def test_loading_again_is_refused_and_changes_nothing(drawn: loader.Drawn):
    before = _rows_of_all_tables()

    with pytest.raises(services.AlreadyLoaded), transaction():
        services.load(drawn, now=DRAWN_AT)

    assert _rows_of_all_tables() == before
