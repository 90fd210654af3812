"""Workers who draw, and customers who answer, at the same moment: never more than the quota needs, never miscounted."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace

from npsapp.audit.services import PROGRAM
from npsapp.db import transaction
from npsapp.invitations import draws, quotas, services, targets
from npsapp.invitations.models import Invitation
from npsapp.invitations.quota_models import QuotaDraw, Stratum
from npsapp.invitations.rules import InvitationState
from tests.factories import make_interaction, make_invitation, make_source
from tests.races.conftest import AtOnce, count, rows

MONTH = date(2026, 11, 1)


def want(company: SimpleNamespace, now: datetime, target: int) -> None:
    with transaction():
        targets.set_targets(company.survey, {(company.units.kyiv.id, MONTH): target}, actor=PROGRAM, now=now)


def draw(now: datetime) -> int:
    with transaction():
        return draws.draw(draws.due(now), key="a key for tests only", without_mail=(), now=now)


def test_workers_who_draw_at_once_never_draw_more_than_the_day_needs(
    company: SimpleNamespace, at_once: AtOnce, now: datetime, slow_commits: None
) -> None:
    want(company, now, 10)
    with transaction():
        source = make_source(company, now=now)
        ids = [make_interaction(company, now=now, source=source).id for _ in range(60)]
        services.plan(ids, without_mail=(), now=now)

    drawn = at_once(*[lambda: draw(now)] * 4, now=now)

    (row,) = rows(QuotaDraw)
    assert sorted(drawn) == [0, 0, 0, row.drawn]
    assert 0 < row.drawn < 60
    assert count(Invitation, Invitation.state == InvitationState.PLANNED) == row.drawn
    assert count(Invitation, Invitation.state == InvitationState.EXCLUDED) == 60 - row.drawn


def test_two_hundred_answers_at_once_are_two_hundred(company: SimpleNamespace, at_once: AtOnce, now: datetime) -> None:
    """Each customer presses twice, in two windows; meanwhile somebody reads the quota and draws."""
    with transaction():
        source = make_source(company, now=now)
        ids = []
        for _ in range(200):
            bought = make_interaction(company, now=now, source=source, undecided=False)
            ids.append(make_invitation(company, now=now - timedelta(days=1), interaction=bought).id)
    want(company, now, 150)

    def answer(some: list[int]) -> int:
        taken = 0
        for id_ in some:
            with transaction():
                taken += services.take_first_answer(id_, now=now)
        return taken

    parts = [ids[start::10] for start in range(10)]
    done = at_once(*(lambda part=part: answer(part) for part in parts * 2), lambda: draw(now), now=now)

    assert sum(done[:20]) == 200
    (place,) = [one for one in quotas.places(company.survey, Stratum.UNIT) if one.id == company.units.kyiv.id]
    counted = quotas.count(company.survey, [place], month=MONTH)[place.id]
    assert counted.answered == 200
    assert sum(answers for _sent, answers in counted.asked.values()) == 200
