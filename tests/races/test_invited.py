"""Answers come, letters are noted as sent and days are counted, all at one moment."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from npsapp.db import db, transaction
from npsapp.invitations import letters
from npsapp.invitations.models import Invitation
from npsapp.lib.clock import utcnow
from npsapp.reports import services as tallies
from npsapp.reports.models import InvitedTally
from npsapp.responses import queries, services
from npsapp.responses.models import Response
from npsapp.responses.rules import Said
from npsapp.responses.services import Submission
from tests.factories import make_invitation
from tests.races.conftest import AtOnce

LETTERS = 12


@pytest.mark.usefixtures("slow_commits")
def test_two_workers_recount_while_letters_leave_and_customers_answer(company: Any, at_once: AtOnce) -> None:
    now = utcnow()
    with transaction():
        asked = [make_invitation(company, now=now, sent_at=None) for _customer in range(LETTERS)]
        ids, tokens = [one.id for one in asked], [one.steps[0].token for one in asked]

    def leave() -> None:
        for at, id_ in enumerate(ids):
            with transaction() as session:
                letters.left((session.get_one(Invitation, id_), now - at % 3 * timedelta(days=1)))

    def answer() -> None:
        for token in tokens:
            link = queries.link(token)
            db.session.rollback()
            with transaction():
                services.answer(link, Submission(Said(9, "", None), "uk", True, False, now), now=now)

    def recount() -> None:
        for _time in range(2 * LETTERS):
            with transaction():
                tallies.recount_dirty_days()

    assert at_once(leave, answer, recount, recount) == [None] * 4

    with transaction():
        while tallies.recount_dirty_days():
            pass
    counted = select(func.sum(InvitedTally.n), func.sum(InvitedTally.answered))
    assert tuple(db.session.execute(counted).one()) == (LETTERS, LETTERS)
    assert db.session.scalar(select(func.count(Response.id))) == LETTERS
    assert db.session.scalar(select(func.count(InvitedTally.local_date.distinct()))) == 3
