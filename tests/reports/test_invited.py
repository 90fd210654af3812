"""The response rate is what the invitations say, whenever they are counted."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import func, select

from npsapp.db import db, transaction
from npsapp.invitations import letters, policies
from npsapp.invitations.models import Invitation
from npsapp.permissions import Scope
from npsapp.reports import queries, services
from npsapp.reports.models import InvitedTally
from npsapp.reports.queries import Selection
from npsapp.reports.rules import Period
from npsapp.responses import queries as answers, services as responses
from npsapp.responses.human import Doubt
from npsapp.responses.models import Basis, Response
from npsapp.responses.rules import Said
from npsapp.responses.services import UNSURE, Submission
from npsapp.surveys.models import DirtyDay
from tests.factories import make_invitation

DEEDS = ("send", "answer", "doubt", "void", "restore", "promote", "disown", "take_back", "move", "recount")
ACTS = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 2)), min_size=1, max_size=14)
APART = timedelta(hours=9)


def recount() -> None:
    with transaction():
        while services.recount_dirty_days():
            pass


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_the_rate_is_told_as_it_is_whatever_happened(company, now, acts):
    with transaction():
        asked = [make_invitation(company, now=now, sent_at=None) for _customer in range(3)]
        links = [one.steps[0].token for one in asked]

    for at, (deed, who) in enumerate([("send", 0), ("send", 1), *acts]):
        then = now + at * APART
        with transaction():
            _do(deed, links[who], company, then)
        assert _told(company, now, then) == _stored(company, now, then)

    recount()
    assert not db.session.scalars(select(DirtyDay)).all()
    assert _told(company, now, then) == _stored(company, now, then)
    counted = db.session.scalar(select(func.sum(InvitedTally.n)))
    assert counted == db.session.scalar(select(func.count(Invitation.sent_on)))


def _told(company, day, now):
    """What reports say of everything, of a region, a segment, a scope and a day."""
    selections = (
        Selection(),
        Selection(ids={"region": company.regions.odesa.id, "survey": company.survey.id}),
        Selection(ids={"segment": queries.NONE, "touchpoint": company.touchpoint.id}),
        Selection(scope=Scope(frozenset({company.regions.kyiv.id}))),
        Selection(period=Period(day.date(), day.date())),
    )
    found = [queries.invited(one, now) for one in selections]
    return [(one.sent, one.answered, one.still_open) for one in found]


def _stored(company, day, now):
    """The same, counted one by one."""
    kyiv, odesa = company.regions.kyiv.id, company.regions.odesa.id
    found = [[0, 0, False] for _selection in range(5)]
    for one in db.session.scalars(select(Invitation).execution_options(populate_existing=True)):
        if one.sent_at is None:
            continue
        counts = db.session.scalars(select(Response).where(Response.invitation_id == one.id)).one_or_none()
        answered = bool(counts and counts.basis not in UNSURE and not counts.voided_at)
        sent_on = (one.sent_at + timedelta(hours=2)).date()  # Kyiv in November
        places = one.region_id == odesa, one.segment_id is None, one.region_id == kyiv
        for sums, here in zip(found, (True, *places, sent_on == day.date()), strict=True):
            if here:
                sums[0] += 1
                sums[1] += answered
                sums[2] |= not answered and one.valid_until > now
    return [tuple(sums) for sums in found]


def _do(deed, token, company, now):
    """One thing that happens to an invitation or its answer, through the door that it comes by."""
    link = answers.link(token)
    invitation = db.session.get_one(Invitation, link.invitation_id, populate_existing=True)
    answer = answers.of_invitation(link.invitation_id)
    if deed == "recount":
        services.recount_dirty_days(limit=1)
    elif deed == "send" and invitation.sent_at is None:
        letters.left((invitation, now))
    elif deed == "move":
        _move(invitation, company)
    elif deed in ("answer", "doubt") and answer is None and answers.way(link, now=now) is answers.Way.OPEN:
        doubt = Doubt.FAST if deed == "doubt" else None
        responses.answer(link, Submission(Said(7, "", None), "uk", True, False, now, doubt), now=now)
    elif deed == "disown" and answers.way(link, now=now) is answers.Way.OPEN:
        responses.not_mine(link, may_edit=True, opened_at=now, now=now)
    elif deed == "take_back" and answers.way(link, now=now) is answers.Way.NOT_MINE:
        responses.mine_after_all(link, now=now)
    elif deed == "void" and answer:
        responses.void(answer, reason="typed by staff", by_id=None, now=now)
    elif deed == "restore" and answer:
        responses.restore(answer, by_id=None, now=now)
    elif deed == "promote" and answer and answer.basis in UNSURE:
        responses.count(answer, Basis.PROMOTED, zone="Europe/Kyiv", now=now)


def _move(invitation, company):
    """Its purchase was another region's, and another segment's."""
    bought, kyiv, odesa = invitation.interaction, company.regions.kyiv.id, company.regions.odesa.id
    bought.region_id = odesa if bought.region_id == kyiv else kyiv
    bought.segment_id = None if bought.segment_id else company.segment.id
    db.session.flush()
    policies.follow_purchases([bought.id])
