"""What follows from letters that came back: to the letter, the address, the customer; and nothing from forged ones."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from npsapp import schedule
from npsapp.customers.models import ContactFact, Hold
from npsapp.customers.rules import FactKind, HoldReason
from npsapp.db import db, transaction
from npsapp.delivery import bounces, emptying, incoming, return_tasks
from npsapp.delivery.bounces import Kind
from npsapp.delivery.incoming_models import Incoming, ReturnBox
from npsapp.delivery.models import Message, Suppression
from npsapp.delivery.rules import State, SuppressionReason
from npsapp.delivery.tasks import send_next
from npsapp.invitations import returns
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.lib import sealing
from npsapp.lib.mailboxes import Way
from npsapp.worker import collecting
from tests import dovecot as server
from tests.cast import csrf
from tests.delivery.returned import NAMES, letter
from tests.dovecot import DovecotServer
from tests.factories import make_invitation, make_message
from tests.mailserver import MailServer

KEY = "a key for tests only, 1234"
ADDRESS = "petro@example.com"


@pytest.fixture
def sent(company: SimpleNamespace, at_now: datetime) -> Message:
    """A letter of an invitation that left an hour ago."""
    with transaction():
        message = make_message(company, now=at_now, state=State.SENT, sent_at=at_now - timedelta(hours=1))
        invitation = make_invitation(company, now=at_now)
        invitation.steps[0].message_id = message.id
    return message


def back(name: str, message: Message, *, marked: bool = True, named: bool = True) -> Kind | None:
    """A letter of that style comes back, about this one of ours; what it does."""
    mark = bounces.mark(KEY, message.id) if marked else f"{message.id}.aaaaaaaa"
    ids = {"message_id": message.message_id} if named else {}
    kind = return_tasks.receive(letter(name, mark=mark, **ids))
    db.session.rollback()
    return kind


def state_of(message: Message) -> State:
    db.session.rollback()
    return db.session.get_one(Message, message.id, populate_existing=True).state


def stops() -> list[tuple[str, SuppressionReason]]:
    db.session.rollback()
    rows = db.session.execute(select(Suppression.address, Suppression.reason).where(Suppression.lifted_at.is_(None)))
    return [(row.address, row.reason) for row in rows]


def kept() -> list[Incoming]:
    db.session.rollback()
    return list(db.session.scalars(select(Incoming).order_by(Incoming.id)))


# ---- returned letters ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "how"),
    [("postfix", {"named": False}), ("envelope_id", {"named": False}), ("headers_only", {"marked": False})],
)
def test_a_returned_letter_stops_its_dead_address(sent: Message, name: str, how: dict[str, bool]) -> None:
    """Known by its return address, by its envelope id, and by the random id of the letter."""
    assert back(name, sent, **how) is Kind.FAILED

    assert state_of(sent) is State.BOUNCED
    assert stops() == [(ADDRESS, SuppressionReason.BOUNCED)]


def test_what_says_nothing_about_the_address_stops_nothing(sent: Message) -> None:
    for name in ("delayed", "relayed", "vacation", "out_of_office", "not_spam", "read_receipt"):
        back(name, sent)
        assert (state_of(sent), stops(), kept()) == (State.SENT, [], [])

    back("yandex_spam", sent)

    assert (state_of(sent), stops(), kept()) == (State.BOUNCED, [], [])


def test_a_report_of_delivery_is_believed_and_a_later_failure_as_well(sent: Message) -> None:
    back("delivered", sent)
    assert state_of(sent) is State.DELIVERED

    back("postfix", sent)
    assert state_of(sent) is State.BOUNCED


def test_three_full_mailboxes_within_a_month_stop_the_address(company: SimpleNamespace, at_now: datetime) -> None:
    for _time in range(3):
        assert stops() == []
        with transaction():
            message = make_message(company, now=at_now, state=State.SENT, sent_at=at_now)
        back("full", message)
        back("full", message)

    assert stops() == [(ADDRESS, SuppressionReason.BOUNCED)]


# ---- forged ones -----------------------------------------------------------------------------------------------


def test_whoever_knows_no_token_of_ours_changes_nothing(sent: Message) -> None:
    for name in NAMES:
        assert back(name, sent, marked=False, named=False) is None

    assert (state_of(sent), stops(), kept()) == (State.SENT, [], [])


def test_a_token_of_an_older_key_still_counts(sent: Message, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "SECRET_KEYS", ["a new key", KEY])

    assert back("envelope_id", sent, named=False) is Kind.FAILED


# ---- people ----------------------------------------------------------------------------------------------------


def note(now: datetime) -> None:
    with transaction():
        returns.note(now=now, limit=10)


def facts() -> list[FactKind]:
    db.session.rollback()
    return list(db.session.scalars(select(ContactFact.kind)))


def holds() -> list[HoldReason]:
    db.session.rollback()
    return list(db.session.scalars(select(Hold.reason).where(Hold.lifted_at.is_(None))))


def test_a_complaint_ends_everything_and_counts_as_a_refusal(sent: Message, at_now: datetime) -> None:
    back("complaint", sent)
    assert (ADDRESS, SuppressionReason.COMPLAINT) in stops()

    note(at_now)
    note(at_now)

    assert facts() == [FactKind.REFUSED]
    assert holds() == [HoldReason.UNSUBSCRIBED]
    assert state_of(sent) is State.SENT


@pytest.mark.parametrize("name", ["unsubscribe", "unsubscribe_in_subject"])
def test_a_letter_that_says_unsubscribe_unsubscribes(sent: Message, at_now: datetime, name: str) -> None:
    back(name, sent, named=False)

    note(at_now)

    assert holds() == [HoldReason.UNSUBSCRIBED]
    assert facts() == []
    assert [reason for _address, reason in stops()] == [SuppressionReason.UNSUBSCRIBED]


def test_a_reply_is_kept_once_with_its_letter(sent: Message) -> None:
    back("reply_gmail", sent)
    back("reply_gmail", sent)

    (reply,) = kept()
    assert (reply.kind, reply.message_id, reply.region_id) == (Kind.REPLY, sent.id, sent.region_id)
    assert reply.text.startswith("Доброго дня! Решітка приїхала тріснута.")
    assert (reply.attachments, reply.sender, reply.read_at) == (1, "", None)
    assert state_of(sent) is State.SENT


def test_nobody_fills_the_database_with_replies(sent: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MOST_KEPT", 2)
    for number in range(4):
        raw = letter("reply_gmail", message_id=sent.message_id).replace(b"<CAxyz@", b"<%d@" % number)
        return_tasks.receive(raw)

    assert len(kept()) == 2


def test_bytes_that_no_database_keeps_do_no_harm(sent: Message) -> None:
    mark = bounces.mark(KEY, sent.id).encode()
    for headers in (
        b'Content-Type: text/plain; charset="utf-7"\n\n+2AA- \0 +3AA-',
        b"Subject: =?utf-7?q?+2AA-?= \0\nIn-Reply-To: <a\0b\xff@c>\nFrom: \0\xff@\xfe\n\n\0\xff",
        b"From: MAILER-DAEMON\nX-Failed-Recipients: \0\n\nuser unknown \0 \xff",
    ):
        assert return_tasks.receive(b"To: b+" + mark + b"@x.example\n" + headers)

    assert len(kept()) == 2
    assert state_of(sent) is State.BOUNCED


def test_of_somebody_else_who_replies_only_enough_is_kept_to_see_it(sent: Message) -> None:
    back("reply_outlook", sent)

    assert kept()[0].sender == "bu…@firma.example"


def test_a_colleagues_reply_to_an_alarm_is_not_kept(company: SimpleNamespace, at_now: datetime) -> None:
    with transaction():
        message = make_message(company, now=at_now, purpose="staff", state=State.SENT, sent_at=at_now)

    back("reply_gmail", message)

    assert kept() == []


def test_erasing_the_person_takes_the_words_out(sent: Message) -> None:
    back("reply_gmail", sent)

    with transaction():
        emptying.erase([ADDRESS], [])

    (reply,) = kept()
    assert (reply.subject, reply.text, reply.sender) == ("", "", "")


def test_letters_past_their_time_lose_the_words_that_came_back(sent: Message, at_now: datetime) -> None:
    back("reply_gmail", sent)

    with transaction():
        emptying.empty_letters(before=at_now + timedelta(days=1), limit=10)

    assert kept()[0].text == ""


# ---- mailboxes -------------------------------------------------------------------------------------------------


@pytest.fixture
def box(dovecot: DovecotServer) -> DovecotServer:
    dovecot.empty()
    return dovecot


@pytest.fixture(params=[Way.IMAP, Way.POP3])
def mailbox(request: pytest.FixtureRequest, app: Flask, box: DovecotServer) -> int:
    """A mailbox to which letters come back, read over either protocol."""
    return connect(box, request.param)


def connect(box: DovecotServer, way: Way, **over: Any) -> int:
    port = box.port if way is Way.IMAP else box.pop3_port
    values = {"way": way, "host": "127.0.0.1", "port": port, "plain": True, "user": server.USER}
    values |= {"password": sealing.seal([KEY], server.PASSWORD)}
    with transaction() as session:
        row = ReturnBox(**(values | over))
        session.add(row)
        session.flush()
        return row.id


def mailbox_is(way: Way, box_id: int) -> bool:
    return db.session.get_one(ReturnBox, box_id).way is way


def read(box_id: int) -> ReturnBox:
    with transaction():
        incoming.hurry(box_id)
    return_tasks.read_box(box_id)
    db.session.rollback()
    return db.session.get_one(ReturnBox, box_id, populate_existing=True)


def test_a_mailbox_is_read_and_nothing_in_it_twice(box: DovecotServer, mailbox: int, sent: Message) -> None:
    for name in ("postfix", "reply_gmail"):
        box.deliver(letter(name, mark=bounces.mark(KEY, sent.id), message_id=sent.message_id))
    box.deliver(b"From: a@b.example\r\nSubject: lunch\r\n\r\nAt noon?\r\n")

    assert read(mailbox).count == 3
    assert read(mailbox).count == 3

    assert state_of(sent) is State.BOUNCED
    assert [one.kind for one in kept()] == [Kind.REPLY]
    assert box.flags() == [mailbox_is(Way.POP3, mailbox)] * 3  # over POP3 nothing can be read and stay unread
    box.deliver(letter("complaint", mark=bounces.mark(KEY, sent.id)))
    assert read(mailbox).count == 4
    assert (ADDRESS, SuppressionReason.COMPLAINT) in stops()


@pytest.mark.sqlite_only  # the database has no part in it
@pytest.mark.parametrize(("way", "done"), [(Way.IMAP, "Read"), (Way.IMAP, ""), (Way.POP3, "")])
def test_what_machines_wrote_is_put_away_when_wished(box: DovecotServer, sent: Message, way: Way, done: str) -> None:
    mailbox = connect(box, way, tidy=True, done=done)
    for name in ("reply_gmail", "postfix", "vacation"):
        box.deliver(letter(name, mark=bounces.mark(KEY, sent.id), message_id=sent.message_id))
    box.deliver(letter("postfix"))

    read(mailbox)

    assert len(box.flags()) == 2  # the reply, and the report about nobody
    assert len(box.flags("Read")) == (2 if done else 0)


def test_a_full_mailbox_is_read_on_with_the_next_heartbeat(
    box: DovecotServer, mailbox: int, sent: Message, at_now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(return_tasks, "MOST_LETTERS", 2)
    for _letter in range(3):
        box.deliver(letter("vacation", mark=bounces.mark(KEY, sent.id)))

    assert read(mailbox).count == 2
    assert incoming.due(at_now) == [mailbox]
    return_tasks.read_box(mailbox)

    db.session.rollback()
    assert db.session.get_one(ReturnBox, mailbox, populate_existing=True).count == 3
    assert incoming.due(at_now) == []


def test_a_poisoned_letter_does_not_stop_the_others(
    box: DovecotServer, mailbox: int, sent: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_one = bounces.read

    def read_or_break(raw: bytes, recipient: str = "") -> bounces.Returned:
        if b"poison" in raw:
            raise KeyError("nobody thought of this")
        return read_one(raw, recipient)

    monkeypatch.setattr(bounces, "read", read_or_break)
    box.deliver(b"Subject: poison\r\n\r\n" + b"x" * 5000 + b"\r\n")
    box.deliver(letter("postfix", mark=bounces.mark(KEY, sent.id)))

    found = read(mailbox)

    assert (found.count, found.said) == (2, "")
    assert state_of(sent) is State.BOUNCED


@pytest.mark.sqlite_only  # the database has no part in it
def test_of_a_huge_letter_only_the_beginning_is_read(box: DovecotServer, mailbox: int, sent: Message) -> None:
    raw = letter("postfix", mark=bounces.mark(KEY, sent.id)).replace(b"\r\n", b"\n")
    line = b"A" * 76 + b"\n"
    box.deliver(raw.replace(b"Body 4.2.2", line * 20_000))

    read(mailbox)

    assert state_of(sent) is State.BOUNCED


@pytest.mark.sqlite_only  # the database has no part in it
def test_a_mailbox_that_does_not_open_says_so_in_words_and_on_every_page(
    box: DovecotServer, admin: FlaskClient
) -> None:
    for way, port in ((Way.IMAP, box.port), (Way.POP3, box.pop3_port)):
        wrong = connect(box, way, port=port, password=sealing.seal([KEY], "wrong"))

        assert "uthentication failed" in read(wrong).said
    assert f"The mailbox {server.USER} cannot be opened" in admin.get("/").get_data(as_text=True)


@pytest.mark.sqlite_only  # the database has no part in it
@pytest.mark.parametrize("way", list(Way))
def test_over_tls_the_certificate_must_fit(
    box: DovecotServer, app: Flask, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    port = box.tls_port if way is Way.IMAP else box.pop3s_port
    mailbox = connect(box, way, plain=False, port=port, host="localhost")
    assert "certificate" in read(mailbox).said

    monkeypatch.setitem(app.config, "MAIL_CA_FILE", str(box.certificate))

    assert read(mailbox).said == ""


def test_two_workers_do_not_read_one_mailbox_at_once(box: DovecotServer, app: Flask, at_now: datetime) -> None:
    mailbox = connect(box, Way.IMAP)

    with transaction():
        assert incoming.claim(mailbox, now=at_now) is not None
    with transaction():
        assert incoming.claim(mailbox, now=at_now) is None
    assert incoming.due(at_now + timedelta(minutes=4)) == []
    assert incoming.due(at_now + timedelta(minutes=5)) == [mailbox]


# ---- the command of a mail server ------------------------------------------------------------------------------


def test_a_mail_server_hands_over_a_letter(app: Flask, sent: Message) -> None:
    raw = letter("postfix", mark=bounces.mark(KEY, sent.id)).replace(b"Delivered-To", b"X-Nothing")

    done = app.test_cli_runner().invoke(args=["mail", "receive"], input=raw)

    assert (done.exit_code, done.output) == (0, "failed\n")
    assert state_of(sent) is State.BOUNCED


def test_the_command_believes_the_mail_server_about_the_recipient(app: Flask, sent: Message) -> None:
    recipient = f"b+{bounces.mark(KEY, sent.id)}@vodolad.example"

    done = app.test_cli_runner().invoke(
        args=["mail", "receive", "--recipient", recipient], input=b"From: a@b.example\n\nHello?\n"
    )

    assert done.output == "reply\n"
    assert kept()[0].text == "Hello?"


@pytest.mark.sqlite_only  # the database has no part in it
def test_what_is_nothing_of_ours_is_accepted_and_forgotten(app: Flask) -> None:
    for raw in (b"", b"\xff\xfe\0", b"no headers at all", b"Subject: " + b"x" * 1_000_000):
        done = app.test_cli_runner().invoke(args=["mail", "receive"], input=raw)

        assert (done.exit_code, done.output) == (0, "nothing of ours\n")


@pytest.mark.sqlite_only  # the database has no part in it
def test_while_the_database_is_away_the_mail_server_keeps_the_letter(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_values: Any) -> None:
        raise OperationalError("select", {}, Exception("the database is away"))

    monkeypatch.setattr(incoming, "take_in", away)

    done = app.test_cli_runner().invoke(args=["mail", "receive"], input=b"From: a@b.example\n\n")

    assert done.exit_code == 75


# ---- pages -----------------------------------------------------------------------------------------------------


@pytest.fixture
def admin(client: FlaskClient, company: SimpleNamespace, login: Callable[..., FlaskClient]) -> FlaskClient:
    return login(client, company.admin)


def typed(box: DovecotServer, **over: str) -> dict[str, str]:
    values = {"way": "imap", "host": "127.0.0.1", "port": str(box.port), "plain": "y", "user": server.USER}
    return values | {"password": server.PASSWORD, "folder": "", "done": ""} | over


def post(client: FlaskClient, url: str, data: dict[str, str], page: str = "") -> tuple[int, str]:
    token = csrf(client.get(page or url).get_data(as_text=True))
    answer = client.post(url, data=data | {"csrf_token": token})
    return answer.status_code, answer.get_data(as_text=True)


@pytest.mark.sqlite_only  # the database has no part in it
def test_a_mailbox_is_tried_before_it_is_saved(admin: FlaskClient, box: DovecotServer) -> None:
    status, page = post(admin, "/returns/new", typed(box, password="wrong"))
    assert status == 422
    assert "Authentication failed" in page
    assert post(admin, "/returns/new", typed(box, way="pop3", done="Read"))[0] == 422

    assert post(admin, "/returns/new", typed(box))[0] == 303

    (row,) = db.session.scalars(select(ReturnBox))
    assert server.PASSWORD not in row.password
    assert server.PASSWORD not in admin.get(f"/returns/{row.id}").get_data(as_text=True)
    assert post(admin, f"/returns/{row.id}", typed(box, password="", folder="INBOX"))[0] == 303
    assert post(admin, f"/returns/{row.id}", typed(box, password="", host="localhost"))[0] == 422
    assert post(admin, f"/returns/{row.id}/remove", {}, "/returns/")[0] == 303
    assert db.session.scalar(select(func.count(ReturnBox.id))) == 0


def test_replies_stand_beside_the_answers_of_their_region(
    client: FlaskClient, company: SimpleNamespace, login: Callable[..., FlaskClient], app: Flask, sent: Message
) -> None:
    back("reply_gmail", sent)
    kyiv, odesa = login(client, company.manager_kyiv), login(app.test_client(), company.manager_odesa)

    page = kyiv.get("/answers/replies/").get_data(as_text=True)

    assert "Решітка приїхала тріснута" in page
    assert "1 unread" in kyiv.get("/answers/").get_data(as_text=True)
    assert "тріснута" not in odesa.get("/answers/replies/").get_data(as_text=True)
    assert "1 unread" not in odesa.get("/answers/").get_data(as_text=True)
    ids = {"ids": str(kept()[0].id), "state": "read"}
    post(odesa, "/answers/replies/read", ids, "/profile")
    assert kept()[0].read_at is None
    post(kyiv, "/answers/replies/read", ids, "/answers/replies/")
    assert kept()[0].read_by_id == company.manager_kyiv.id
    assert "No replies" in kyiv.get("/answers/replies/?read=unread").get_data(as_text=True)


def test_a_reply_stands_in_the_story_of_its_customer(admin: FlaskClient, sent: Message) -> None:
    back("reply_gmail", sent)
    theirs = select(Invitation.customer_id).join(InvitationStep).where(InvitationStep.message_id == sent.id)

    page = admin.get(f"/customers/{db.session.scalar(theirs)}").get_data(as_text=True)

    assert "Reply to a letter" in page
    assert "Решітка приїхала тріснута" in page
    assert "Наскільки ймовірно" not in page


# ---- the whole way ---------------------------------------------------------------------------------------------


@pytest.fixture
def mailing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    running = MailServer().start()
    monkeypatch.setitem(app.config, "MAIL_SERVER", "127.0.0.1")
    monkeypatch.setitem(app.config, "MAIL_PORT", running.port)
    yield running
    running.stop()


def test_from_a_letter_to_the_stop_list(
    admin: FlaskClient, company: SimpleNamespace, mailing: MailServer, box: DovecotServer, at_now: datetime
) -> None:
    """A letter leaves, its server returns it to the address on its envelope, and the heartbeat finds it there."""
    with transaction():
        company.sender.bounce_address = "bounces+@vodolad.example"
        message = make_message(company, now=at_now)
    connect(box, Way.IMAP)
    with collecting() as run_jobs:
        send_next(company.sender.id)
        run_jobs()
    (envelope,) = mailing.envelopes
    mark = envelope.mail_from.partition("+")[2].partition("@")[0]
    box.deliver(letter("postfix", mark=mark))

    with collecting() as run_jobs:
        schedule.fetch_files(schedule.Beat())
        run_jobs()

    assert state_of(message) is State.BOUNCED
    page = admin.get("/suppressions/").get_data(as_text=True)
    assert ADDRESS in page
    assert "letters come back" in page
    with transaction():
        make_message(company, now=at_now)
    with collecting() as run_jobs:
        send_next(company.sender.id)
        run_jobs()
    assert len(mailing.letters) == 1
