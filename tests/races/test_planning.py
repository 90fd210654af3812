"""Planners, people who change rules, and workers who hand over, on the same purchases at the same moment."""

from datetime import datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from npsapp import schedule
from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.audit.services import PROGRAM
from npsapp.customers.models import ContactFact
from npsapp.db import transaction
from npsapp.delivery import queries as post, rates
from npsapp.delivery.models import Message
from npsapp.delivery.rules import State
from npsapp.intake import services as intake
from npsapp.intake.models import Interaction, Source
from npsapp.invitations import letters, policies, queries, services
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.rendering import Addresses
from npsapp.invitations.rules import InvitationState, Reason
from tests.factories import make_customer, make_interaction, make_message, make_source
from tests.races.conftest import AtOnce, count, rows

ADDRESSES = Addresses("https://nps.example", ("a key for tests only, 1234",))


@pytest.fixture
def purchases(company: SimpleNamespace, now: datetime) -> list[int]:
    """Forty purchases of forty people, due since yesterday."""
    with transaction():
        source = make_source(company, now=now)
        return [make_interaction(company, now=now, source=source).id for _ in range(40)]


def plan(ids: list[int], now: datetime) -> int:
    with transaction():
        return services.plan(ids, without_mail=frozenset(), now=now)


def hand_over(now: datetime, limit: int = 100) -> int:
    with transaction():
        ids = queries.due(now, limit=limit)
        return letters.hand_over(ids, without_mail=frozenset(), addresses=ADDRESSES, now=now)


def test_two_planners_write_one_line_about_each_purchase(
    purchases: list[int], at_once: AtOnce, now: datetime, slow_commits: None
) -> None:
    written = at_once(*[lambda: plan(purchases, now)] * 3, lambda: plan(purchases[20:], now))

    assert sum(written) == 40
    assert sorted(one.interaction_id for one in rows(Invitation)) == purchases
    assert count(Interaction, Interaction.undecided) == 0
    counted = rows(AuditEntry, AuditEntry.event == Event.INVITATION_PLANNED)
    assert sum(one.data["count"] for one in counted) == 40


def test_two_purchases_of_one_customer_planned_by_two_are_asked_about_once(
    company: SimpleNamespace, at_once: AtOnce, now: datetime, slow_commits: None
) -> None:
    with transaction():
        customer = make_customer(company, now=now)
        ids = [make_interaction(company, now=now, customer=customer).id for _ in range(4)]

    at_once(*(lambda id_=id_: plan([id_], now) for id_ in ids))

    lines = rows(Invitation)
    assert sorted(one.state for one in lines) == ["excluded"] * 3 + ["planned"]
    assert {one.reason for one in lines} == {None, Reason.QUARANTINE}


def test_two_planned_lines_of_one_customer_handed_over_by_two_are_one_letter(
    company: SimpleNamespace, at_once: AtOnce, now: datetime, slow_commits: None
) -> None:
    """However they came to be planned both: a merge, a rule that was changed."""
    with transaction():
        customer = make_customer(company, now=now)
        ids = [make_interaction(company, now=now, customer=customer).id for _ in range(2)]
    plan(ids, now)
    with transaction() as session:
        for line in session.query(Invitation):
            line.state, line.reason, line.again_at, line.send_at = InvitationState.PLANNED, None, None, now
        lines = [line.id for line in session.query(Invitation)]

    def give(id_: int) -> int:
        with transaction():
            return letters.hand_over([id_], without_mail=frozenset(), addresses=ADDRESSES, now=now)

    handed = at_once(*(lambda id_=id_: give(id_) for id_ in lines))

    assert sorted(handed) == [0, 1]
    assert (count(Message), count(ContactFact)) == (1, 1)
    assert sorted(one.state for one in rows(Invitation)) == ["excluded", "handed_over"]


def test_two_workers_hand_each_letter_over_once(
    purchases: list[int], at_once: AtOnce, now: datetime, slow_commits: None
) -> None:
    plan(purchases, now)

    handed = at_once(*[lambda: hand_over(now)] * 3)

    assert sum(handed) == 40
    assert {one.state for one in rows(Invitation)} == {InvitationState.HANDED_OVER}
    assert (count(Message), count(InvitationStep), count(ContactFact)) == (40, 40, 40)


def test_two_workers_keep_to_the_cap_of_a_sources_first_days(
    purchases: list[int], at_once: AtOnce, now: datetime, slow_commits: None
) -> None:
    plan(purchases, now)
    with transaction() as session:
        session.query(Source).one().first_day_cap = 7

    at_once(*[lambda: schedule.hand_over(schedule.Beat())] * 3, now=now)

    assert count(Invitation, Invitation.handed_over_at.is_not(None)) == 7
    assert count(Invitation, Invitation.state == InvitationState.PLANNED, Invitation.send_at > now) == 33


def test_a_purchase_cancelled_while_it_is_planned_or_handed_over_is_not_asked_about(
    purchases: list[int], at_once: AtOnce, now: datetime, slow_commits: None
) -> None:
    plan(purchases, now)

    def cancel() -> None:
        with transaction() as session:
            for one in session.query(Interaction):
                one.cancelled_at = now
        with transaction():
            letters.exclude_cancelled(now=now)

    assert not [one for one in at_once(cancel, lambda: hand_over(now)) if isinstance(one, Exception)]
    with transaction():
        letters.exclude_cancelled(now=now)

    assert {(one.state, one.reason) for one in rows(Invitation)} == {(InvitationState.EXCLUDED, Reason.CANCELLED)}
    assert {one.state for one in rows(Message)} <= {State.CANCELLED}


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_policy_changed_while_planning_and_handing_over_is_followed_whole(
    purchases: list[int], company: SimpleNamespace, at_once: AtOnce, now: datetime, slow_commits: None, after: int
) -> None:
    old = {"delay_hours": 336, "latest_days": 14, "valid_days": 30}
    new = {"delay_hours": 340, "latest_days": 10, "valid_days": 7, "window_from": time(0), "window_until": time(0)}
    survey_id = company.survey.id

    def work() -> None:
        for start in range(0, 40, 10):
            plan(purchases[start : start + 10], now)
            hand_over(now, limit=5)

    def change() -> None:
        for _ in range(after):
            plan(purchases[:1], now)
        with transaction():
            policies.change_policy(survey_id, new, actor=PROGRAM, now=now)

    assert at_once(work, work, change) == [None] * 3
    at_once(lambda: (schedule.plan(schedule.Beat()), schedule.hand_over(schedule.Beat())), now=now)

    assert count(Interaction, Interaction.undecided) == 0
    lines = rows(Invitation)
    assert sorted(one.interaction_id for one in lines) == purchases
    assert {one.state for one in lines} == {InvitationState.HANDED_OVER}
    allowed = {(one["delay_hours"] + 24 * one["latest_days"], one["valid_days"]) for one in (old, new)}
    assert {_followed(one) for one in lines} <= allowed
    assert count(Message) == 40


def _followed(line: Any) -> tuple[int, int]:
    latest = line.latest_at - line.interaction.happened_at
    return int(latest.total_seconds() // 3600), (line.valid_until - line.handed_over_at).days


def test_a_purchase_moved_by_a_file_while_it_is_planned_is_decided_by_its_new_day(
    purchases: list[int], at_once: AtOnce, now: datetime, slow_commits: None
) -> None:
    def move() -> None:
        with transaction() as session:
            intake.mark_undecided(purchases)
            for one in session.query(Interaction):
                one.happened_at = now - timedelta(days=3)

    failed = [one for one in at_once(move, lambda: plan(purchases, now)) if isinstance(one, Exception)]
    at_once(lambda: schedule.plan(schedule.Beat()), now=now)

    assert not failed
    assert {one.send_at.date() for one in rows(Invitation)} == {(now + timedelta(days=11)).date()}


def test_two_workers_stamp_each_letter_into_one_batch_and_keep_to_the_pace(
    company: SimpleNamespace, at_once: AtOnce, now: datetime, slow_commits: None
) -> None:
    with transaction():
        for _ in range(60):
            make_message(company, now=now)

    sender_id, lease = company.sender.id, timedelta(minutes=2)

    def stamp(per_minute: int) -> str | None:
        with transaction():
            return rates.stamp(sender_id, now=now, per_minute=per_minute, connections=2, lease=lease)

    batches = [one for one in at_once(*[lambda: stamp(10)] * 6) if one]

    assert len(batches) == 1
    assert len(post.in_batch(batches[0])) == 10
    assert count(Message, Message.state == State.CLAIMED) == 10

    more = [one for one in at_once(*[lambda: stamp(0)] * 6) if one]

    assert len(more) == 1
    assert count(Message, Message.state == State.CLAIMED) == 60


def test_the_heart_is_held_by_one_from_the_first_beat_on(app: Flask, at_once: AtOnce, slow_commits: None) -> None:
    held = at_once(*(lambda name=str(number): schedule.hold(name) for number in range(6)))

    assert sorted(held) == [False] * 5 + [True]
