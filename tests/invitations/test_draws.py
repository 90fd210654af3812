"""The daily draw, on a real database."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from npsapp.audit.services import PROGRAM
from npsapp.customers.models import ContactPoint
from npsapp.db import db, transaction
from npsapp.intake.models import InteractionPerformer
from npsapp.invitations import draws, policies, quotas, services, targets
from npsapp.invitations.models import Invitation
from npsapp.invitations.quota_models import Quota, QuotaDraw, Stratum
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.organization.models import Performer
from npsapp.surveys import services as surveys
from npsapp.surveys.models import Touchpoint
from tests import factories as make

KEY = "a key for tests only, 1234"
MONTH = date(2026, 11, 1)


def want(company: SimpleNamespace, now: datetime, target: int | None, *, place: int | None = None, **rule: Any) -> None:
    """Set the target of Kyiv's store (or another place) for the month, and how the survey draws."""
    with transaction():
        if rule:
            targets.change_rule(company.survey, rule, actor=PROGRAM, now=now)
        place = company.units.kyiv.id if place is None else place
        targets.set_targets(company.survey, {(place, MONTH): target}, actor=PROGRAM, now=now)


def buy(company: SimpleNamespace, now: datetime, count: int = 1, **over: Any) -> list[int]:
    """Purchases due now."""
    with transaction():
        source = make.make_source(company, now=now)
        return [make.make_interaction(company, now=now, source=source, **over).id for _ in range(count)]


def plan(ids: list[int], now: datetime) -> None:
    with transaction():
        services.plan(ids, without_mail=(), now=now)


def draw(now: datetime) -> int:
    with transaction():
        drawn = draws.draw(draws.due(now), key=KEY, without_mail=(), now=now)
        draws.release(now=now)
        return drawn


def lines(*where: Any) -> list[Invitation]:
    db.session.rollback()
    return list(db.session.scalars(select(Invitation).where(*where).order_by(Invitation.id)))


def states() -> dict[str, int]:
    db.session.rollback()
    reason = select(Invitation.state, Invitation.reason, func.count()).group_by(Invitation.state, Invitation.reason)
    return {str(row[1] or row[0]): row[2] for row in db.session.execute(reason)}


def test_without_a_quota_everybody_is_planned_at_once(company: SimpleNamespace, now: datetime) -> None:
    plan(buy(company, now, 3), now)

    assert states() == {"planned": 3}


def test_with_a_quota_customers_wait_and_the_lot_takes_as_many_as_are_needed(
    company: SimpleNamespace, now: datetime
) -> None:
    want(company, now, 5)
    plan(buy(company, now, 60), now)
    assert states() == {"waiting": 60}

    drawn = draw(now)

    assert 0 < drawn < 30
    assert states() == {"planned": drawn, "not_drawn": 60 - drawn}
    asked = lines(Invitation.state == InvitationState.PLANNED)
    assert {one.draw_rank for one in asked} == set(range(1, drawn + 1))
    assert {one.probability for one in asked} == {drawn / 60}
    assert {(one.stratum_id, one.drawn_on) for one in lines()} == {(company.units.kyiv.id, now.date())}
    row = db.session.scalars(select(QuotaDraw)).one()
    assert (row.pool, row.drawn) == (60, drawn)


def test_the_draw_of_a_day_is_made_once_and_latecomers_wait_for_tomorrow(
    company: SimpleNamespace, now: datetime
) -> None:
    want(company, now, 5)
    plan(buy(company, now, 20), now)
    first = draw(now)
    plan(buy(company, now, 20), now)

    assert draw(now) == 0
    assert states()["waiting"] == 20
    assert draws.due(now) == []
    assert draw(now + timedelta(days=1)) >= 0
    assert "waiting" not in states()
    assert states()["planned"] >= first


def test_nobody_is_drawn_before_the_sending_hours_open(company: SimpleNamespace, now: datetime) -> None:
    want(company, now, 5)
    early = now.replace(hour=7)  # 9:00 in Kyiv

    assert draws.due(early) == []
    assert len(draws.due(early.replace(hour=8))) == 1


def test_the_same_customers_are_drawn_whenever_the_draw_is_repeated(company: SimpleNamespace, now: datetime) -> None:
    want(company, now, 5)
    ids = buy(company, now, 40)
    plan(ids, now)
    draw(now)
    first = {one.interaction_id for one in lines(Invitation.state == InvitationState.PLANNED)}

    with transaction() as session:
        session.query(QuotaDraw).delete()
        session.execute(
            update(Invitation).values(state="waiting", reason=None, send_at=now, drawn_on=None, stratum_id=None)
        )
    draw(now)

    assert {one.interaction_id for one in lines(Invitation.state == InvitationState.PLANNED)} == first


def test_a_reached_quota_stops_inviting_and_keeps_the_answers(company: SimpleNamespace, now: datetime) -> None:
    for _ in range(3):
        with transaction():
            make.make_invitation(company, now=now, state=InvitationState.ANSWERED, answered_at=now)
    want(company, now, 3)
    plan(buy(company, now, 10), now)

    assert draw(now) == 0
    (standing,) = stand(company, now)
    assert (standing.answered, standing.plan.share) == (3, 0)
    assert "Reached" in standing.advice


def stand(company: SimpleNamespace, now: datetime) -> list[quotas.Standing]:
    db.session.rollback()
    rule = quotas.rule(company.survey.id)
    found = quotas.in_month(company.survey.id, rule.kind, MONTH)
    shown = [place for place in quotas.places(company.survey, rule.kind) if place.id in found]
    return quotas.standings(company.survey, shown, found, month=MONTH, now=now)


def test_a_place_without_a_target_asks_everybody(company: SimpleNamespace, now: datetime) -> None:
    want(company, now, 1)
    odesa = {"unit_id": company.units.odesa.id, "region_id": company.regions.odesa.id}
    plan(buy(company, now, 5, **odesa) + buy(company, now, 2, unit_id=None), now)
    assert states() == {"waiting": 7}

    draw(now)

    assert states() == {"planned": 7}
    assert {one.probability for one in lines()} == {1.0}


def test_a_target_of_nothing_asks_nobody(company: SimpleNamespace, now: datetime) -> None:
    want(company, now, 0)
    plan(buy(company, now, 5), now)

    assert draw(now) == 0
    assert states() == {"not_drawn": 5}


def test_setting_a_target_lets_what_is_planned_wait_and_removing_it_sets_free(
    company: SimpleNamespace, now: datetime
) -> None:
    ids = buy(company, now, 4)
    plan(ids, now)

    want(company, now, 2)
    plan(ids, now)
    assert states() == {"waiting": 4}

    want(company, now, None)
    plan(ids, now)
    assert states() == {"planned": 4}


def test_a_changed_policy_draws_nobody_twice(company: SimpleNamespace, now: datetime) -> None:
    want(company, now, 3)
    ids = buy(company, now, 40)
    plan(ids, now)
    drawn = draw(now)
    with transaction():
        policies.change_policy(company.survey.id, {"latest_days": 20}, actor=PROGRAM, now=now)

    plan(ids, now)

    assert states() == {"planned": drawn, "not_drawn": 40 - drawn}
    assert {one.draw_rank for one in lines(Invitation.state == InvitationState.PLANNED)} == set(range(1, drawn + 1))


def test_whoever_may_no_longer_be_asked_is_not_in_the_pool(company: SimpleNamespace, now: datetime) -> None:
    want(company, now, 5)
    ids = buy(company, now, 10)
    plan(ids, now)
    with transaction() as session:
        gone = session.scalars(select(ContactPoint).where(ContactPoint.kind == "email").limit(4)).all()
        for point in gone:
            point.not_mine_at = now

    draw(now)

    assert states()["not_mine"] == 4
    assert db.session.scalar(select(QuotaDraw.pool)) == 6


def test_who_was_not_drawn_may_take_part_for_three_more_days(company: SimpleNamespace, now: datetime) -> None:
    want(company, now, 1, carry_days=3, most_a_day=1, prior_rate=1.0, safety=0.0)
    first = now - timedelta(days=14)
    plan(buy(company, now, 8, happened_at=first), now)
    with transaction() as session:  # as if each day's invitation were not answered, so that one a day is needed
        session.execute(update(Quota).values(target=50))
    drawn = [draw(now + timedelta(days=ahead)) for ahead in range(4)]

    assert drawn == [1, 1, 1, 1]
    assert states() == {"planned": 4, "not_drawn": 4}
    asked = lines(Invitation.state == InvitationState.PLANNED)
    by_day = [one.probability for one in sorted(asked, key=lambda one: one.drawn_on)]
    assert by_day == pytest.approx([1 / 8, 2 / 8, 3 / 8, 4 / 8])


def test_one_person_with_several_purchases_is_drawn_at_most_once(company: SimpleNamespace, now: datetime) -> None:
    want(company, now, 50)
    with transaction():
        customer = make.make_customer(company, now=now)
    plan(buy(company, now, 3, customer=customer), now)
    assert states() == {"waiting": 3}

    draw(now)

    assert states() == {"planned": 1, "not_drawn": 2}
    (asked,) = lines(Invitation.state == InvitationState.PLANNED)
    assert asked.probability == pytest.approx(1 / 3)
    assert db.session.scalar(select(QuotaDraw.pool)) == 1


@pytest.fixture
def delivery(company: SimpleNamespace, now: datetime) -> SimpleNamespace:
    """A second touchpoint with a survey of its own that asks a day after, with a target for the same store."""
    with transaction() as session:
        touchpoint = Touchpoint(
            pool_id=company.pool.id, key="delivery", name={"en": "Delivery"}, aliases=[], created_at=now
        )
        session.add(touchpoint)
        session.flush()
        survey = surveys.create_survey(
            brand_id=company.brand.id, touchpoint_id=touchpoint.id, name="Delivery", actor=PROGRAM, now=now
        )
        surveys.publish(survey.id, actor=PROGRAM, now=now)
        policies.create_policy(survey.id)
        session.refresh(survey)
        targets.set_targets(survey, {(company.units.kyiv.id, MONTH): 50}, actor=PROGRAM, now=now)
    return SimpleNamespace(touchpoint=touchpoint, survey=survey)


def test_of_one_order_the_touchpoint_that_needs_it_is_drawn_beforehand(
    company: SimpleNamespace, delivery: SimpleNamespace, now: datetime
) -> None:
    """Purchases need nobody any more: the question about the delivery, which comes later, is kept free."""
    want(company, now, 0)
    draw(now - timedelta(days=1))  # yesterday's shares: 0 for the purchase, 1 for the delivery
    with transaction():
        customer = make.make_customer(company, now=now)
    order = {"customer": customer, "number": "A-1"}
    bought = buy(company, now, **order)
    brought = buy(company, now, **order, touchpoint_id=delivery.touchpoint.id, happened_at=now - timedelta(days=11))
    plan(bought + brought, now)
    assert states() == {"waiting": 2}

    draw(now)

    purchase, later = lines()
    assert (purchase.state, purchase.reason) == (InvitationState.EXCLUDED, Reason.NOT_DRAWN)
    assert (later.state, later.chance) == (InvitationState.WAITING, 1.0)
    assert draw(now + timedelta(days=3)) == 1
    (asked,) = lines(Invitation.state == InvitationState.PLANNED)
    assert (asked.survey_id, asked.probability) == (delivery.survey.id, 1.0)


@pytest.mark.parametrize("kind", [Stratum.REGION, Stratum.PERFORMER])
def test_targets_may_go_by_region_or_performer(company: SimpleNamespace, now: datetime, kind: Stratum) -> None:
    with transaction() as session:
        seller = Performer(
            brand_id=company.brand.id, key="s", name="Seller", unit_id=company.units.kyiv.id, created_at=now
        )
        session.add(seller)
        session.flush()
    place = seller.id if kind is Stratum.PERFORMER else company.regions.kyiv.id
    want(company, now, 4, place=place, kind=kind)
    ids = buy(company, now, 30)
    with transaction() as session:
        session.add_all(InteractionPerformer(interaction_id=id_, performer_id=seller.id, role="") for id_ in ids)
    plan(ids, now)

    drawn = draw(now)

    assert 0 < drawn < 30
    assert {one.stratum_id for one in lines()} == {place}


def test_letters_that_left_before_there_were_quotas_teach_the_planner(company: SimpleNamespace, now: datetime) -> None:
    for day in (1, 2, 3):
        with transaction():
            make.make_invitation(
                company, now=now, sent_at=now - timedelta(days=day), state=InvitationState.ANSWERED,
                answered_at=now - timedelta(days=day - 1),
            )  # fmt: skip

    want(company, now, 10)

    (standing,) = stand(company, now)
    assert standing.answered == 3
    assert standing.plan.exposure > 1
    assert standing.plan.rate > 0.15


def test_a_quota_nobody_can_reach_is_seen_after_a_week_of_customers(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        make.make_invitation(company, now=now, sent_at=now - timedelta(days=8))
    want(company, now, 500)
    plan(buy(company, now, 5), now)
    draw(now)

    row = db.session.scalars(select(QuotaDraw)).one()
    (standing,) = stand(company, now)
    assert (row.attainable, row.drawn, row.share) == (False, 5, 1.0)
    assert standing.attainable is False
    assert "reminder" in standing.advice
