"""Two customers become one person by hand and two again: nothing is lost, and no refusal is forgotten."""

import random
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.audit.models import AuditEntry
from npsapp.audit.services import Actor, by_user
from npsapp.customers import care, matching, merging, queries, services
from npsapp.customers.models import ContactFact, ContactPoint, Customer, CustomerMerge, Ground
from npsapp.customers.rules import Choice, ContactKind, FactKind
from npsapp.db import alone, db, transaction
from npsapp.delivery import services as delivery
from npsapp.delivery.rules import Channel, SuppressionReason
from npsapp.intake.models import PLANNING
from npsapp.invitations.candidates import gather
from npsapp.invitations.rules import Reason, decide
from tests import cast, factories

WHY = "the same voice"


@pytest.fixture
def two(company: SimpleNamespace, at_now: datetime) -> SimpleNamespace:
    """Two customers, each with a purchase that may be asked about today."""
    with transaction():
        people = [factories.make_customer(company, now=at_now, region_id=company.regions.kyiv.id) for _ in range(2)]
        bought = [factories.make_interaction(company, now=at_now, customer=one) for one in people]
    first, second = (one.id for one in people)
    return SimpleNamespace(first=first, second=second, bought=[one.id for one in bought], now=at_now, company=company)


def merge(two: SimpleNamespace) -> int:
    with transaction():
        return merging.merge(two.second, two.first, reason=WHY, actor=by_user(two.company.admin.id), now=two.now)


def unmerge(merge_id: int, two: SimpleNamespace) -> None:
    with transaction():
        merging.unmerge(merge_id, reason="two after all", actor=by_user(two.company.admin.id), now=two.now)


def asked(interaction_ids: list[int], now: datetime) -> list[Reason | None]:
    """Why each purchase is not asked about; None: it is."""
    found = gather(interaction_ids, count_planned=False, without_mail=set(), now=now)
    return [decide(one.candidate, one.policy, now=now).reason for one in found]


def press(client: FlaskClient, path: str, **words: Any) -> Any:
    token = cast.csrf(client.get("/profile").get_data(as_text=True))
    return client.post(path, data={"csrf_token": token, **words})


def point(customer_id: int) -> ContactPoint:
    wanted = ContactPoint.customer_id == customer_id, ContactPoint.kind == ContactKind.EMAIL
    return db.session.scalars(select(ContactPoint).where(*wanted).order_by(ContactPoint.id)).first()


def test_on_the_page_both_become_one_with_all_addresses_and_two_again(
    client: FlaskClient, two: SimpleNamespace, login: Any
):
    login(client, two.company.support)
    address = point(two.second).value
    side_by_side = client.get(f"/customers/{two.first}/same?other={two.second}").get_data(as_text=True)
    assert address in side_by_side
    assert point(two.first).value in side_by_side

    assert press(client, f"/customers/{two.first}/same", other=two.second).status_code == 422
    assert press(client, f"/customers/{two.first}/same", other=two.second, reason=WHY).status_code == 303

    page = client.get(f"/customers/{two.first}").get_data(as_text=True)
    assert address in page
    assert WHY in page
    assert client.get(f"/customers/{two.second}").location.endswith(f"/customers/{two.first}")
    assert f"/customers/{two.first}" in client.get(f"/customers/?q={address}").get_data(as_text=True)
    made = db.session.scalars(select(CustomerMerge.id)).one()
    press(client, f"/customers/merges/{made}/undo", reason="two voices")
    assert address not in client.get(f"/customers/{two.first}").get_data(as_text=True)
    assert address in client.get(f"/customers/{two.second}").get_data(as_text=True)
    told = db.session.scalars(select(AuditEntry.event).where(AuditEntry.event.startswith("customer."))).all()
    assert {"customer.merged", "customer.unmerged"} <= set(told)
    assert WHY not in str(db.session.scalars(select(AuditEntry.data)).all())


def test_nobody_merges_with_somebody_of_another_region(client: FlaskClient, two: SimpleNamespace, login: Any):
    with transaction():
        away = factories.make_customer(two.company, now=two.now, region_id=two.company.regions.odesa.id).id
        made = merging.merge(
            away,
            factories.make_customer(two.company, now=two.now).id,
            reason=WHY,
            actor=by_user(two.company.admin.id),
            now=two.now,
        )
    login(client, two.company.manager_kyiv)
    deeds = [(f"/customers/{two.first}/same", {"other": away}), (f"/customers/merges/{made}/undo", {})]

    assert [press(client, path, reason=WHY, **words).status_code for path, words in deeds] == [404, 404]
    assert db.session.scalars(select(CustomerMerge.id).where(CustomerMerge.undone_at.is_(None))).all() == [made]


def test_two_who_merge_the_other_way_round_at_once_make_no_circle(two: SimpleNamespace):
    merge(two)

    with pytest.raises(merging.NotMergeable), transaction():
        merging.merge(two.first, two.second, reason=WHY, actor=by_user(two.company.admin.id), now=two.now)
    with pytest.raises(merging.NotMergeable), transaction():
        merging.merge(two.first, two.first, reason=WHY, actor=by_user(two.company.admin.id), now=two.now)
    assert queries.members(two.second) == [two.first, two.second]


def test_a_letter_to_one_yesterday_keeps_the_other_out_also_after_they_are_told_apart(two: SimpleNamespace):
    assert asked(two.bought, two.now) == [None, None]
    made = merge(two)
    with transaction():
        services.record_fact(
            customer_id=two.first,
            kind=FactKind.INVITED,
            at=two.now - timedelta(days=1),
            survey_id=two.company.survey.id,
        )
    assert asked(two.bought, two.now) == [Reason.QUARANTINE] * 2

    unmerge(made, two)

    assert asked(two.bought, two.now) == [Reason.QUARANTINE] * 2


def test_what_was_before_the_merge_goes_back_to_whom_it_belongs(two: SimpleNamespace):
    with transaction():
        services.record_fact(customer_id=two.second, kind=FactKind.REFUSED, at=two.now - timedelta(days=99))
    made = merge(two)
    assert asked(two.bought, two.now) == [Reason.QUARANTINE] * 2

    unmerge(made, two)

    assert asked(two.bought, two.now) == [None, Reason.QUARANTINE]
    assert db.session.scalars(select(ContactFact.customer_id)).all() == [two.second]


def test_a_file_that_names_a_merged_persons_address_adds_nothing_to_the_other(two: SimpleNamespace):
    address = point(two.second).value
    made = merge(two)
    with transaction():
        (found,) = matching.find_or_create(
            [matching.Incoming(email=address, refused=frozenset([Channel.EMAIL]))],
            pool_id=two.company.pool.id, source_id=None, now=two.now,
        )  # fmt: skip
    assert found == two.first
    assert asked(two.bought, two.now) == [Reason.NO_GROUND] * 2

    unmerge(made, two)

    assert len(db.session.scalars(select(ContactPoint).where(ContactPoint.value == address)).all()) == 1
    assert asked(two.bought, two.now) == [None, Reason.NO_GROUND]


def test_a_no_to_an_address_that_both_have_stays_with_both(two: SimpleNamespace):
    address = point(two.second).value
    made = merge(two)
    with transaction():
        point(two.first).value = address
    with transaction():
        no = matching.Incoming(email=address, refused=frozenset([Channel.EMAIL]))
        matching.find_or_create([no], pool_id=two.company.pool.id, source_id=None, now=two.now)

    unmerge(made, two)

    assert asked(two.bought, two.now) == [Reason.NO_GROUND] * 2


def test_a_bounced_address_is_shown_with_its_reason(client: FlaskClient, two: SimpleNamespace, login: Any):
    with transaction():
        delivery.suppress(
            channel=Channel.EMAIL, address=point(two.first).value, reason=SuppressionReason.BOUNCED, now=two.now
        )
    login(client, two.company.support)

    assert "does not exist: letters came back" in client.get(f"/customers/{two.first}").get_data(as_text=True)


@pytest.mark.parametrize("seed", range(6))
def test_after_any_merging_and_telling_apart_no_refusal_is_forgotten(
    company: SimpleNamespace, at_now: datetime, seed: int
):
    """Whoever refused, or was one person with somebody who did at that moment, is not asked; nor is whoever is now."""
    with transaction():
        people = [factories.make_customer(company, now=at_now).id for _ in range(5)]
        bought = [
            factories.make_interaction(company, now=at_now, customer=db.session.get(Customer, id_)).id for id_ in people
        ]
    dice, refused, touched = random.Random(seed), set(), set()  # noqa: S311
    actor = Actor("user", company.admin.id)

    def family(id_: int) -> set[int]:
        return set(queries.members(id_))

    for step in range(24):
        now, one, other = at_now + timedelta(seconds=step), *dice.sample(people, 2)
        deed = dice.choice(["merge", "merge", "merge", "unmerge", "unmerge", "refuse" if step > 4 else "merge"])
        with transaction():
            alone(PLANNING)
            if deed == "merge":
                first, second = queries.members(one)[0], queries.members(other)[0]
                if first != second:
                    merging.merge(first, second, reason=WHY, actor=actor, now=now)
            elif deed == "unmerge" and (holding := queries.merges(people)):
                merging.unmerge(dice.choice(holding).id, reason=WHY, actor=actor, now=now)
            elif deed == "refuse" and len(refused) < 3:
                if dice.random() < 0.7:
                    choice = dice.choice([Choice.NOTHING, Choice.NO_LETTERS])
                    services.unsubscribe(
                        contact_point_id=point(one).id, brand_id=company.brand.id, choice=choice, now=now
                    )
                    refused |= family(one)
                else:
                    ground = db.session.scalars(select(Ground.id).where(Ground.contact_point_id == point(one).id)).one()
                    care.withdraw(one, ground, actor=actor, now=now)
                    refused.add(one)
        with transaction():
            for id_ in people:
                if family(id_) & (refused | touched):
                    touched |= family(id_)
            reasons = dict(zip(people, asked(bought, now), strict=True))
            for id_ in people:
                if family(id_) & refused:
                    assert reasons[id_] is not None, (seed, step, id_)
                elif id_ not in touched:
                    assert reasons[id_] is None, (seed, step, id_)
