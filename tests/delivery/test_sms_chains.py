"""SMS as steps of chains: published once there is a gateway, sent through Kannel, answered by the short link."""

import re
from datetime import datetime, time, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from npsapp.audit.services import by_user
from npsapp.customers.models import ContactPoint, Customer, Ground
from npsapp.customers.rules import ContactKind, GroundKind
from npsapp.db import db, transaction
from npsapp.delivery import rates, services as delivery, tasks
from npsapp.delivery.models import Gateway, Message, Sender
from npsapp.delivery.rules import Channel, Purpose, State, SuppressionReason
from npsapp.invitations import effects, followups, letters, policies, queries, services
from npsapp.invitations.candidates import care_of, policy_of
from npsapp.invitations.chains import ChainStep
from npsapp.invitations.models import Invitation
from npsapp.invitations.rendering import Addresses
from npsapp.invitations.rules import InvitationState, Policy, Reason, sending_time
from npsapp.lib import clock
from npsapp.responses.models import LinkEvent, Response
from npsapp.responses.short_public import GUESSES, guesses
from npsapp.surveys import queries as surveys, services as survey_services
from npsapp.surveys.rules import SurveyState
from tests import factories as make
from tests.delivery.test_sms import LONG, set_up
from tests.invitations.test_policies import send
from tests.kannel import KannelServer

ADDRESSES = Addresses("https://nps.example", ("a key for tests only, 1234",))
SMS_NEXT_DAY = ChainStep(2, Channel.SMS, timedelta(days=1))


@pytest.fixture
def gate(app: Flask, company: SimpleNamespace, kannel: KannelServer) -> Any:
    """The brand can send SMS."""
    usual = app.config["PUBLIC_URL"]
    yield set_up(app, company, kannel)
    app.config["PUBLIC_URL"] = usual
    guesses._counts.clear()


def chain(company: SimpleNamespace, now: datetime, *steps: ChainStep, **values: object) -> None:
    with transaction():
        actor, before = by_user(company.admin.id), now - timedelta(days=1)
        policies.change_policy(company.survey.id, values, follow_ups=steps, actor=actor, now=before)


def customer(company: SimpleNamespace, now: datetime, *, consent: bool = True, **over: Any) -> Customer:
    """Somebody with a mobile number and, usually, the consent to get SMS."""
    found = make.make_customer(company, now=now, **over)
    if consent:
        phone = ContactPoint.customer_id == found.id, ContactPoint.kind == ContactKind.PHONE
        point = db.session.scalars(select(ContactPoint).where(*phone)).one()
        db.session.add(
            Ground(contact_point_id=point.id, channel=Channel.SMS, kind=GroundKind.CONSENT, since=now, proof="form")
        )
        db.session.flush()
    return found


def asked(company: SimpleNamespace, now: datetime, **person: Any) -> Invitation:
    """A purchase about which somebody is asked at `now`, if anybody."""
    with transaction():
        bought = make.make_interaction(company, now=now, customer=customer(company, now, **person))
        services.plan([bought.id], without_mail=(), now=now)
    with transaction():
        letters.hand_over(queries.due(now, limit=5), without_mail=(), addresses=ADDRESSES, now=now)
    return line(bought.id)


def line(interaction_id: int) -> Invitation:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Invitation).where(Invitation.interaction_id == interaction_id)).one()


def go_on(now: datetime) -> int:
    """What the beat does with due follow-ups."""
    with transaction():
        letters.end_chains()
        due = queries.follow_ups_due(now, limit=50)
        return followups.hand_over(due, without_mail=(), addresses=ADDRESSES, now=now)


def leave(now: datetime) -> None:
    """Letters leave, without a server; SMS stay."""
    with transaction():
        waiting = Message.state == State.QUEUED, Message.channel == Channel.EMAIL
        db.session.execute(update(Message).where(*waiting).values(state=State.SENT, sent_at=now))
        letters.note_sent(now=now)


def short_messages() -> list[Message]:
    return list(db.session.scalars(select(Message).where(Message.channel == Channel.SMS).order_by(Message.id)))


# ---- publishing --------------------------------------------------------------------------------------------------


def test_a_chain_with_sms_is_published_as_soon_as_there_is_a_gateway(
    app: Flask, company: SimpleNamespace, kannel: KannelServer, now: datetime
) -> None:
    with pytest.raises(policies.ChannelMissing):
        chain(company, now, SMS_NEXT_DAY)
    db.session.rollback()
    with transaction():
        survey_services.pause(company.survey.id, actor=by_user(company.admin.id), now=now)
    chain(company, now, SMS_NEXT_DAY)
    assert queries.ready(company.brand.id) == {Channel.EMAIL, Channel.EXTERNAL}

    set_up(app, company, kannel)
    with transaction():
        survey_services.resume(company.survey.id, actor=by_user(company.admin.id), now=now)

    assert company.survey.state is SurveyState.ACTIVE
    assert "{link}" in surveys.letter(company.survey.id, 2, Channel.SMS)["sms"]["uk"]


def test_lines_that_waited_for_a_channel_are_decided_again(
    company: SimpleNamespace, gate: Gateway, now: datetime
) -> None:
    chain(company, now, SMS_NEXT_DAY)
    with transaction():
        db.session.execute(update(Sender).where(Sender.id == gate.sender_id).values(retired_at=now))
    held = asked(company, now)
    assert held.reason is Reason.NO_CHANNEL
    with transaction():
        policies.newly_reachable()
        assert not db.session.get_one(Invitation, held.id).interaction.undecided
        db.session.execute(update(Sender).where(Sender.id == gate.sender_id).values(retired_at=None))
    with transaction():
        policies.newly_reachable()
        assert db.session.get_one(Invitation, held.id).interaction.undecided


# ---- who gets one ------------------------------------------------------------------------------------------------


def test_somebody_with_only_a_mobile_number_starts_with_an_sms(
    company: SimpleNamespace, gate: Gateway, now: datetime
) -> None:
    chain(company, now, mobile_sms=True)
    by_sms, by_letter = asked(company, now, email=""), asked(company, now)
    no_consent = asked(company, now, email="", consent=False)
    landline = asked(company, now, email="", phone="+380442345678")

    assert [step.channel for step in by_sms.steps] == [Channel.SMS]
    assert [step.channel for step in by_letter.steps] == [Channel.EMAIL]
    assert (no_consent.reason, landline.reason) == (Reason.NO_GROUND, Reason.NO_ADDRESS)
    (message,) = short_messages()
    assert message.to_address.startswith("+38067")
    assert message.body.endswith(f"https://nps.example/s/{by_sms.steps[0].short_code}")
    assert message.sender_id == gate.sender_id


def test_a_suppressed_number_gets_nothing(company: SimpleNamespace, gate: Gateway, now: datetime) -> None:
    chain(company, now, first_channel=Channel.SMS)
    with transaction():
        number, why = "+380671110000", SuppressionReason.BOUNCED
        delivery.suppress(channel=Channel.SMS, address=number, reason=why, now=now)

    assert asked(company, now, phone="+380671110000").reason is Reason.SUPPRESSED
    assert asked(company, now, phone="+380671110001").reason is None


@pytest.mark.parametrize(
    ("window", "limits", "hour", "leaves"),
    [
        ((time(10), time(19)), (time(9), time(20)), 8, "10:00"),
        ((time(7), time(23)), (time(9), time(20)), 8, "09:00"),
        ((time(7), time(23)), (time(9), time(20)), 21, "09:00"),
        ((time(0), time(0)), (time(9), time(20)), 3, "09:00"),
        ((time(22), time(6)), (time(9), time(20)), 23, "09:00"),
        ((time(20), time(23)), (time(9), time(20)), 12, "12:00"),
        ((time(0), time(0)), (time(0), time(0)), 3, "03:00"),
    ],
)
def test_sms_leave_in_the_hours_of_rule_and_gateway(
    now: datetime, window: tuple[time, time], limits: tuple[time, time], hour: int, leaves: str
) -> None:
    rule = Policy(window_from=window[0], window_until=window[1], weekend_from=time(6), weekend_until=time(23))
    at = sending_time(now.replace(hour=hour), rule.within(limits), "UTC")

    assert f"{at:%H:%M}" == leaves


def test_an_sms_that_kannel_could_not_take_by_day_does_not_leave_at_night(
    company: SimpleNamespace, gate: Gateway, now: datetime
) -> None:
    chain(company, now, first_channel=Channel.SMS, window_from=time(0), window_until=time(0))
    evening = now.replace(hour=17, minute=59)  # 19:59 in Kyiv
    asked(company, evening)
    (message,) = short_messages()
    with transaction():
        message = db.session.get_one(Message, message.id)
        message.state = State.SENDING
        delivery.record_failure(message.id, delivery.Failure(False, "away", "4.0.0"), now=evening)
    assert message.recheck

    for minutes, waits in ((5, True), (14 * 60, False)):
        with transaction():
            letters.look_again_at_message(message.id, without_mail=(), now=evening + timedelta(minutes=minutes))
        db.session.expire_all()
        assert db.session.get_one(Message, message.id).recheck is waits


def test_an_sms_that_waits_in_a_long_line_is_looked_at_before_the_evening_ends(
    company: SimpleNamespace, gate: Gateway, now: datetime
) -> None:
    chain(company, now, first_channel=Channel.SMS)
    asked(company, now)
    with transaction():
        letter = make.make_message(company, now=now)
    (message,) = short_messages()
    for minutes, looked_at in ((9, False), (11, True)):
        with transaction():
            delivery.ask_for_another_look(now=now + timedelta(minutes=minutes))
        db.session.expire_all()
        assert db.session.get_one(Message, message.id).recheck is looked_at
    assert not db.session.get_one(Message, letter.id).recheck


def test_an_sms_after_a_letter_reminds_of_nothing_but_itself(
    company: SimpleNamespace, gate: Gateway, now: datetime
) -> None:
    chain(company, now, SMS_NEXT_DAY)
    invitation = asked(company, now)
    leave(now)
    assert go_on(now + timedelta(hours=23)) == 0
    assert go_on(now + timedelta(days=1, minutes=1)) == 1

    first, second = line(invitation.interaction_id).steps
    assert (second.channel, second.message.purpose) == (Channel.SMS, Purpose.REMINDER)
    assert len({first.token, second.token, second.short_code}) == 3
    assert first.short_code is None


def test_an_sms_of_unknown_outcome_counts_as_left_and_the_chain_goes_on(
    company: SimpleNamespace, gate: Gateway, now: datetime
) -> None:
    chain(company, now, ChainStep(2, Channel.EMAIL, timedelta(days=2)), first_channel=Channel.SMS)
    invitation = asked(company, now)
    (message,) = short_messages()
    with transaction():
        db.session.get_one(Message, message.id).state = State.SENDING
        failure = delivery.Failure(False, "timeout")
        delivery.record_unknown(message.id, failure, now=now, again_after=timedelta(minutes=10))
        letters.note_sent(now=now)

    assert line(invitation.interaction_id).sent_at == now
    assert go_on(now + timedelta(days=2, minutes=1)) == 1


# ---- the journey -------------------------------------------------------------------------------------------------


def test_a_letter_without_an_answer_an_sms_and_its_answer(
    company: SimpleNamespace, gate: Gateway, kannel: KannelServer, client: FlaskClient, now: datetime
) -> None:
    chain(company, now, SMS_NEXT_DAY)
    invitation = asked(company, now)
    leave(now)
    later = now + timedelta(days=1, minutes=1)
    assert go_on(later) == 1
    with clock.pretend(later):
        with transaction():
            batch = rates.stamp(gate.sender_id, now=later, per_minute=0, connections=1, lease=LONG)
        from_kannel(client, kannel, batch)

        (message,) = short_messages()
        assert message.state is State.DELIVERED
        arrived = kannel.texts()[-1]
        code = re.search(r"/s/([A-Za-z0-9]{10})$", arrived)
        assert code, arrived

        with client.get(f"/s/{code[1]}") as shown:
            page = shown.get_data(as_text=True)
        assert db.session.scalar(select(func.count()).select_from(Response)) == 0
        assert line(invitation.interaction_id).steps[1].id in db.session.scalars(select(LinkEvent.step_id)).all()
        action = re.search(r'id="answer" method="post" action="([^"]+)"', page)
        nonce = re.search(r'name="nonce" value="([^"]+)"', page)
        assert action
        assert nonce
        answer = client.post(action[1], data={"nonce": nonce[1], "score": "9", "lang": "uk"})

    assert answer.status_code in (200, 303)
    response = db.session.scalars(select(Response)).one()
    assert (response.score, response.channel, response.invitation_id) == (9, Channel.SMS, invitation.id)
    assert line(invitation.interaction_id).state is InvitationState.ANSWERED


def from_kannel(client: FlaskClient, kannel: KannelServer, batch: str | None) -> None:
    """A worker sends the batch, and Kannel reports its delivery."""
    tasks.send_batch(batch or "")
    for path in kannel.calls("status=1&"):
        client.get(path)
    db.session.rollback()
    db.session.expire_all()


def test_a_short_link_shows_the_page_of_its_long_one_and_guesses_are_counted(
    company: SimpleNamespace, gate: Gateway, client: FlaskClient, now: datetime, at_now: datetime
) -> None:
    chain(company, now, first_channel=Channel.SMS)
    step = asked(company, now).steps[0]
    short, long = client.get(f"/s/{step.short_code}"), client.get(f"/r/{step.token}")

    assert (short.status_code, short.headers.get("Set-Cookie")) == (200, None)
    differ = {"X-Request-Id": short.headers["X-Request-Id"], "Content-Length": short.headers["Content-Length"]}
    assert dict(short.headers) == dict(long.headers) | differ
    plain = [re.sub(r'nonce" value="[^"]+"', "", page.get_data(as_text=True)) for page in (short, long)]
    assert plain[0].replace(f"/s/{step.short_code}", f"/r/{step.token}") == plain[1]
    assert client.get(f"/r/{step.short_code}").status_code == 404

    for number in range(GUESSES):
        assert client.get(f"/s/guess{number:05d}").status_code == 404
    assert client.get(f"/s/{step.short_code}").status_code == 429


# ---- numbers before it is saved ----------------------------------------------------------------------------------


def test_what_sms_would_cost_is_said_before_they_are_planned(
    company: SimpleNamespace, gate: Gateway, client: FlaskClient, login: Any, now: datetime, at_now: datetime
) -> None:
    with transaction():
        for email in ("", "", "anna@example.com"):
            bought = make.make_interaction(company, now=now, customer=customer(company, now, email=email))
            services.plan([bought.id], without_mail=(), now=now)
    chain(company, now, mobile_sms=True)
    rule = policy_of(queries.policy(company.survey.id), care_of(None))

    found = effects.of_policy(company.survey.id, rule, without_mail=(), now=now)
    assert (found.come + found.stay, found.sms) == (3, 2)
    assert (found.cost, found.currency) == (Decimal("1.70"), "UAH")
    _status, page = send(login(client, company.admin), company, mobile_sms="y", delay_days="5")
    assert "At most 2 SMS, about 1.70\N{NO-BREAK SPACE}UAH." in page
