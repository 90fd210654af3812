"""SMS through a real Kannel: what leaves, what is reported, and what happens when Kannel is away or says no."""

import socket
import threading
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.delivery import queries, receipts, senders, services, tasks
from npsapp.delivery.channels.gateways import News, Report
from npsapp.delivery.channels.sms import OF_MESSAGE, OF_SENDER, report_url
from npsapp.delivery.models import Gateway, Message, Sender, Suppression
from npsapp.delivery.rules import Channel, GatewayKind, Purpose, State
from npsapp.lib.clock import utcnow
from tests.kannel import PASSWORD, USER, KannelServer
from tests.mailserver import free_port

GOOD, OFF, WRONG = "+380671234567", "+380991234502", "+380991234516"
WORDS = "Оцініть покупку від 0 до 10: https://nps.example/s/AbC1234567 € 😀"
LONG = timedelta(minutes=10)


def set_up(app: Flask, company: SimpleNamespace, kannel: KannelServer, **over: Any) -> Gateway:
    """The brand's SMS leave through this Kannel, which reports to itself."""
    app.config["PUBLIC_URL"] = kannel.public_url
    kannel.called.clear()
    gateway = {"url": kannel.url, "kind": GatewayKind.KANNEL, "price": Decimal("0.85"), "currency": "UAH", "recipe": {}}
    gateway |= {"hours_from": senders.HOURS[0], "hours_until": senders.HOURS[1]} | over
    secret = gateway.pop("secret", PASSWORD)
    sender = {"address": "NPS", "username": USER, "per_minute": 0}
    with transaction():
        keys = app.config["SECRET_KEYS"]
        senders.set_gateway(company.brand.id, sender, gateway, secret=secret, keys=keys, actor=PROGRAM, now=utcnow())
    return queries.gateways()[company.brand.id]


@pytest.fixture
def gate(app: Flask, company: SimpleNamespace, kannel: KannelServer) -> Any:
    """The brand can send SMS."""
    usual = app.config["PUBLIC_URL"]
    yield set_up(app, company, kannel)
    app.config["PUBLIC_URL"] = usual


def text(company: SimpleNamespace, to: str = GOOD, words: str = WORDS, **over: Any) -> int:
    """An SMS to a customer that is due; gives its id."""
    about = {"purpose": Purpose.REMINDER, "channel": Channel.SMS, "language": "uk", "subject": "", "html": ""} | over
    now = utcnow()
    with transaction():
        return services.queue(to_address=to, brand_id=company.brand.id, body=words, due_at=now, now=now, **about).id


def leave(gateway: Gateway) -> None:
    """Send what is due, as a worker does."""
    with transaction():
        batch = tasks.rates.stamp(gateway.sender_id, now=utcnow(), per_minute=0, connections=2, lease=LONG)
    if batch:
        tasks.send_batch(batch)


def state(message_id: int) -> State:
    db.session.rollback()
    return db.session.get_one(Message, message_id, populate_existing=True).state


def suppressed(address: str) -> int:
    db.session.rollback()
    theirs = Suppression.address == address, Suppression.channel == Channel.SMS
    return db.session.scalar(select(func.count()).where(*theirs)) or 0


# ---- leaving and reports -----------------------------------------------------------------------------------------


def test_cyrillic_arrives_whole_and_its_delivery_is_reported(
    company: SimpleNamespace, gate: Gateway, kannel: KannelServer, client: FlaskClient
) -> None:
    latin = "Vodolad: rate us {0..10} [now]: https://nps.example/s/AbC1234567"
    ids = [text(company), text(company, words=latin)]

    leave(gate)
    assert [state(one) for one in ids] == [State.SENT, State.SENT]
    for path in kannel.calls("status=1&", "status=1&"):
        assert client.get(path).status_code == 200

    assert [state(one) for one in ids] == [State.DELIVERED, State.DELIVERED]
    assert kannel.texts()[-2:] == [WORDS, latin]


def test_a_phone_that_is_off_is_no_reason_to_stop_writing_to_it_and_a_wrong_number_is(
    company: SimpleNamespace, gate: Gateway, kannel: KannelServer, client: FlaskClient
) -> None:
    off, wrong = text(company, OFF), text(company, WRONG)

    leave(gate)
    for path in kannel.calls("status=2&", "status=16"):
        client.get(path)

    assert (state(off), state(wrong)) == (State.BOUNCED, State.BOUNCED)
    assert (suppressed(OFF), suppressed(WRONG)) == (0, 1)


def test_reports_may_come_twice_and_in_any_order(
    company: SimpleNamespace, gate: Gateway, kannel: KannelServer, client: FlaskClient
) -> None:
    delivered, wrong = text(company), text(company, WRONG)
    leave(gate)
    calls = kannel.calls("status=1&", "status=8", "status=16")

    for path in [*reversed(calls), *calls]:
        assert client.get(path).status_code == 200
    contrary = next(path for path in calls if "status=1&" in path).replace("status=1&", "status=2&")
    client.get(contrary)

    assert (state(delivered), state(wrong)) == (State.DELIVERED, State.BOUNCED)
    assert suppressed(WRONG) == 1


def test_a_forged_report_changes_nothing(company: SimpleNamespace, gate: Gateway, client: FlaskClient) -> None:
    message_id, other = text(company), text(company)
    leave(gate)
    good = report_url(OF_MESSAGE, message_id).partition("/sms/")[2]
    said, _dot, signature = good.removeprefix("report/").rpartition(".")
    foreign = report_url(OF_MESSAGE, other).partition("/sms/report/")[2].partition(".")[0]

    for forged in (f"{foreign}.{signature}", f"{said}.", f"{said}.{signature[:-2]}xx", "x", f"{message_id}"):
        assert client.get(f"/sms/report/{forged}?status=2").status_code == 403
        assert client.post(f"/sms/report/{forged}", data={"status": "1"}).status_code == 403

    assert (state(message_id), state(other)) == (State.SENT, State.SENT)
    assert client.get(f"/sms/{good}?status=nonsense").status_code == 200
    assert state(message_id) is State.SENT


def test_a_report_about_a_letter_changes_nothing(company: SimpleNamespace, gate: Gateway, client: FlaskClient) -> None:
    letter = text(company, "petro@example.com", channel=Channel.EMAIL)

    client.get("/sms/" + report_url(OF_MESSAGE, letter).partition("/sms/")[2] + "?status=1")

    assert state(letter) is State.QUEUED


# ---- when something is wrong -------------------------------------------------------------------------------------


def test_a_wrong_password_stops_the_sender_and_loses_nothing(
    app: Flask, company: SimpleNamespace, gate: Gateway, kannel: KannelServer
) -> None:
    set_up(app, company, kannel, secret="wrong")
    ids = [text(company) for _ in range(3)]

    leave(gate)

    assert [state(one) for one in ids] == [State.QUEUED] * 3
    stop = queries.rates(gate.sender_id)["*"]
    assert stop.stops == 1
    assert "Authorization failed" in stop.words
    assert USER not in stop.words

    set_up(app, company, kannel)  # the right one
    assert queries.rates(gate.sender_id)["*"].stops == 0
    with transaction():
        for one in ids:
            services.release(one, now=utcnow())
    leave(gate)
    assert [state(one) for one in ids] == [State.SENT] * 3


def test_while_kannel_is_down_messages_wait_and_then_leave(
    company: SimpleNamespace, gate: Gateway, kannel: KannelServer
) -> None:
    before = len(kannel.texts())
    kannel.stop_smsbox()
    try:
        ids = [text(company, words=f"Waits {number}") for number in range(2)]
        leave(gate)
        assert [state(one) for one in ids] == [State.QUEUED] * 2
    finally:
        kannel.start_smsbox()
    with transaction():
        for one in ids:
            services.release(one, now=utcnow())

    leave(gate)

    assert [state(one) for one in ids] == [State.SENT] * 2
    kannel.calls("status=1&", "status=1&")
    assert len(kannel.texts()) - before == 2


class Silent:
    """A gateway that takes a request and then hangs up without a word."""

    def __init__(self) -> None:
        self.port, self.taken = free_port(), 0
        self._socket = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            with connection:
                self.taken += bool(connection.recv(65536))

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def test_an_sms_of_unknown_outcome_is_never_repeated_and_a_late_report_settles_it(
    app: Flask, company: SimpleNamespace, gate: Gateway, kannel: KannelServer, client: FlaskClient
) -> None:
    silent = Silent()
    set_up(app, company, kannel, url=f"http://127.0.0.1:{silent.port}/sendsms")
    message_id = text(company)
    leave(gate)
    silent.close()

    assert state(message_id) is State.UNKNOWN
    for days in (1, 3):
        with transaction():
            services.take_back(now=utcnow() + timedelta(days=days), unknown_after=timedelta())
    leave(gate)
    assert (state(message_id), silent.taken) == (State.UNKNOWN, 1)
    client.get("/sms/" + report_url(OF_MESSAGE, message_id).partition("/sms/")[2] + "?status=1")

    assert state(message_id) is State.DELIVERED


def test_a_report_takes_back_what_was_to_be_tried_again(company: SimpleNamespace, gate: Gateway) -> None:
    message_id = text(company)
    with transaction():
        assert receipts.settle(message_id, Report(News.ON_ITS_WAY), now=utcnow())
    leave(gate)

    assert state(message_id) is State.SENT
    assert db.session.get_one(Message, message_id).attempts == 0


def test_without_credit_the_sender_stops_and_the_number_is_not_to_blame(
    company: SimpleNamespace, gate: Gateway, client: FlaskClient
) -> None:
    message_id = text(company)
    leave(gate)
    address = "/sms/" + report_url(OF_MESSAGE, message_id).partition("/sms/")[2]
    client.get(f"{address}?status=16&reply=NACK/no credit for number")

    assert state(message_id) is State.FAILED
    assert suppressed(GOOD) == 0
    assert "no credit" in queries.rates(gate.sender_id)["*"].words
    with transaction():
        services.requeue(message_id, actor=PROGRAM, now=utcnow())
    leave(gate)
    assert state(message_id) is State.QUEUED


def test_what_was_never_reported_is_unknown_after_two_days(
    company: SimpleNamespace, gate: Gateway, now: datetime
) -> None:
    message_id, letter = text(company), text(company, "petro@example.com", channel=Channel.EMAIL)
    leave(gate)
    with transaction():
        services.SENT.run(**services.sent(letter, now=now))
        assert receipts.give_up_waiting(now=utcnow() + timedelta(hours=47)) == 0
        assert receipts.give_up_waiting(now=utcnow() + timedelta(hours=49)) == 1

    assert state(message_id) is State.UNKNOWN
    with transaction():
        receipts.settle(message_id, Report(News.DELIVERED), now=utcnow())
    assert state(message_id) is State.DELIVERED


# ---- a provider's gateway ----------------------------------------------------------------------------------------


def test_a_providers_gateway_is_spoken_to_by_its_recipe(
    app: Flask, company: SimpleNamespace, gate: Gateway, kannel: KannelServer, client: FlaskClient
) -> None:
    """The operator of the tests stands for a provider: it answers `ok id=m…` or `permfail bad number`."""
    recipe = {"way": "query", "body": "to={to}\ntext={text}", "accepted": "^ok", "number": "bad number"}
    recipe |= {"ref_at": "", "report_ref": "id", "report_status": "state", "delivered": "^done$"}
    url = f"http://127.0.0.1:{kannel.ports['operator']}/mt"
    set_up(app, company, kannel, kind=GatewayKind.HTTP, url=url, recipe=recipe)
    good, wrong = text(company, OFF), text(company, WRONG)

    leave(gate)

    assert (state(good), state(wrong)) == (State.SENT, State.FAILED)
    assert suppressed(WRONG) == 1
    with transaction():
        db.session.get_one(Message, good).gateway_ref = "ref-1"
    address = "/sms/" + report_url(OF_SENDER, gate.sender_id).partition("/sms/")[2]
    client.post(address, json={"id": "ref-2", "state": "done"})
    assert state(good) is State.SENT
    client.post(address, json={"id": "ref-1", "state": "done"})
    assert state(good) is State.DELIVERED


def test_a_gateway_without_a_secret_for_a_new_address_forgets_the_old_one(
    app: Flask, company: SimpleNamespace, gate: Gateway, kannel: KannelServer
) -> None:
    sealed = db.session.get_one(Sender, gate.sender_id).password
    assert sealed
    assert PASSWORD not in sealed

    set_up(app, company, kannel, secret="", price=None)
    assert db.session.get_one(Sender, gate.sender_id).password == sealed

    set_up(app, company, kannel, secret="", url="http://127.0.0.1:9/elsewhere")
    assert db.session.get_one(Sender, gate.sender_id).password == ""
