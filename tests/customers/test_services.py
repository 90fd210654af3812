"""Holds, grounds, facts, the race for an invitation, and unsubscribing."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from npsapp.audit.models import AuditEntry
from npsapp.audit.services import PROGRAM
from npsapp.customers import queries, services
from npsapp.customers.models import ContactPoint, Customer, Hold
from npsapp.customers.rules import Choice, ContactKind, FactKind, GroundKind, HoldReason
from npsapp.db import db, transaction
from npsapp.delivery import queries as delivery
from npsapp.delivery.rules import Channel
from tests.factories import make_customer


@pytest.fixture
def person(company: SimpleNamespace, now: datetime) -> Customer:
    with transaction():
        return make_customer(
            company, now=now, name="Коваль Олена", name_key="коваль олена", email="olena@example.com",
            phone="+380671112233", region_id=company.regions.kyiv.id,
        )  # fmt: skip


def email_of(person: Customer) -> ContactPoint:
    return db.session.scalars(
        select(ContactPoint).where(ContactPoint.customer_id == person.id, ContactPoint.kind == ContactKind.EMAIL)
    ).one()


def events() -> list[str]:
    """What was recorded about customers."""
    rows = select(AuditEntry.event).where(AuditEntry.subject_type == "customer").order_by(AuditEntry.id)
    return list(db.session.scalars(rows))


def test_only_one_of_two_surveys_gets_the_person(person: Customer, now: datetime) -> None:
    limit = now - timedelta(hours=24)

    with transaction():
        claims = [services.claim_for_invitation(customer_id=person.id, since_limit=limit, now=now) for _ in range(2)]

    assert claims == [True, False]
    with transaction():
        assert services.claim_for_invitation(
            customer_id=person.id, since_limit=now + timedelta(seconds=1), now=now + timedelta(hours=25)
        )


def put_on_hold(person: Customer, now: datetime, **over: datetime) -> None:
    with transaction() as session:
        session.add(Hold(customer_id=person.id, reason=HoldReason.COMPLAINT, source="case:1", since=now, **over))


@pytest.mark.parametrize(
    ("hours", "over", "stopped"),
    [(0, {}, True), (-1, {}, False), (1, {"until": 1}, False), (1, {"until": 2}, True), (1, {"lifted_at": 1}, False)],
)
def test_a_hold_is_half_open_and_may_be_lifted(
    person: Customer, now: datetime, hours: int, over: dict[str, int], stopped: bool
) -> None:
    put_on_hold(person, now, **{name: now + timedelta(hours=after) for name, after in over.items()})

    assert bool(queries.holds_for([person.id], now + timedelta(hours=hours))) is stopped


def test_facts_are_found_by_person_and_time(person: Customer, now: datetime) -> None:
    with transaction():
        for days in (100, 10):
            services.record_fact(
                customer_id=person.id, kind=FactKind.INVITED, at=now - timedelta(days=days), survey_id=1
            )

    found = queries.facts_for([person.id], now - timedelta(days=90))

    assert [fact.at for fact in found[person.id]] == [now - timedelta(days=10)]


def test_not_mine_can_be_taken_back(person: Customer, now: datetime) -> None:
    point_id = email_of(person).id

    with transaction():
        services.set_not_mine(point_id, not_mine=True, actor=PROGRAM, now=now)
        services.set_not_mine(point_id, not_mine=True, actor=PROGRAM, now=now + timedelta(hours=1))
    assert email_of(person).not_mine_at == now

    with transaction():
        services.set_not_mine(point_id, not_mine=False, actor=PROGRAM, now=now)
    assert email_of(person).not_mine_at is None


@pytest.mark.parametrize(
    ("choice", "reason", "months", "every_brand"),
    [
        (Choice.LATER, HoldReason.LATER, 6, False),
        (Choice.NO_LETTERS, HoldReason.UNSUBSCRIBED, None, False),
        (Choice.NOTHING, HoldReason.UNSUBSCRIBED, None, True),
    ],
)
def test_unsubscribing_holds_the_person_and_stops_the_address(
    person: Customer, company: SimpleNamespace, now: datetime, choice: Choice, reason: HoldReason,
    months: int | None, every_brand: bool,
) -> None:  # fmt: skip
    with transaction():
        services.unsubscribe(contact_point_id=email_of(person).id, brand_id=company.brand.id, choice=choice, now=now)

    hold = queries.holds_for([person.id], now)[person.id][0]
    assert hold.reason is reason
    assert hold.until == (datetime(2027, 5, 20, 10, 0, tzinfo=now.tzinfo) if months else None)
    asked = {"now": now, "brand_id": company.brand.id}
    assert delivery.suppressed(Channel.EMAIL, ["olena@example.com"], **asked) == {"olena@example.com"}
    elsewhere = delivery.suppressed(Channel.EMAIL, ["olena@example.com"], brand_id=company.brand.id + 1, now=now)
    assert bool(elsewhere) is every_brand
    assert bool(delivery.suppressed(Channel.PHONE, ["+380671112233"], **asked)) is every_brand


def test_one_click_repeated_changes_nothing(person: Customer, company: SimpleNamespace, now: datetime) -> None:
    for hours in (0, 1, 2):
        with transaction():
            services.unsubscribe(
                contact_point_id=email_of(person).id, brand_id=company.brand.id, choice=Choice.NO_LETTERS,
                now=now + timedelta(hours=hours),
            )  # fmt: skip

    assert db.session.scalar(select(func.count()).select_from(Hold)) == 1
    assert events() == ["customer.unsubscribed"]


def test_another_choice_replaces_the_one_before(person: Customer, company: SimpleNamespace, now: datetime) -> None:
    point_id = email_of(person).id
    for hours, choice in enumerate((Choice.NOTHING, Choice.LATER)):
        with transaction():
            services.unsubscribe(
                contact_point_id=point_id, brand_id=company.brand.id, choice=choice, now=now + timedelta(hours=hours)
            )

    later = now + timedelta(hours=2)
    assert [hold.reason for hold in queries.holds_for([person.id], later)[person.id]] == [HoldReason.LATER]
    assert not delivery.suppressed(Channel.PHONE, ["+380671112233"], brand_id=company.brand.id, now=later)


def test_a_mistake_is_taken_back_whole(person: Customer, company: SimpleNamespace, now: datetime) -> None:
    point_id = email_of(person).id
    with transaction():
        services.unsubscribe(contact_point_id=point_id, brand_id=company.brand.id, choice=Choice.NOTHING, now=now)
    with transaction():
        assert services.resubscribe(contact_point_id=point_id, brand_id=company.brand.id, now=now)

    assert queries.holds_for([person.id], now) == {}
    assert not delivery.suppressed(Channel.EMAIL, ["olena@example.com"], brand_id=company.brand.id, now=now)


def test_taking_back_lifts_no_hold_of_somebody_else(person: Customer, company: SimpleNamespace, now: datetime) -> None:
    put_on_hold(person, now)
    with transaction():
        taken_back = services.resubscribe(contact_point_id=email_of(person).id, brand_id=company.brand.id, now=now)

    assert not taken_back
    assert len(queries.holds_for([person.id], now)[person.id]) == 1


def test_the_story_has_addresses_grounds_and_holds(person: Customer, now: datetime) -> None:
    put_on_hold(person, now)

    story = queries.story(person.id)

    assert {point.value for point in story.contact_points} == {"olena@example.com", "+380671112233"}
    assert [ground.kind for point in story.contact_points for ground in point.grounds] == [
        GroundKind.CONTRACT,
        GroundKind.CONTRACT,
    ]
    assert [hold.reason for hold in story.holds] == [HoldReason.COMPLAINT]


def test_a_merged_person_leads_to_the_one_who_stayed(person: Customer, company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        other = make_customer(company, now=now)
        db.session.get_one(Customer, person.id).merged_into_id = other.id

    found = queries.current(person.id)

    assert found
    assert found.id == other.id


def test_language_and_zone_come_from_the_region_and_then_the_brand(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        company.regions.odesa.language = "ru"
        company.regions.odesa.timezone = "Europe/Chisinau"
        there = make_customer(company, now=now, language=None, region_id=company.regions.odesa.id)
        nowhere = make_customer(company, now=now, language=None)

    assert queries.language_of(there, company.brand) == "ru"
    assert queries.timezone_of(there, company.brand) == "Europe/Chisinau"
    assert queries.language_of(nowhere, company.brand) == "uk"
    assert queries.timezone_of(nowhere, company.brand) == "Europe/Kyiv"
