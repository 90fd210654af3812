"""Sending through Flask-Mail to a real SMTP server: what arrives, what is refused, what a dead worker leaves behind."""

import os
import socket
import ssl
import subprocess
import threading
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import select, update

from npsapp.audit.services import by_user
from npsapp.db import db, transaction
from npsapp.delivery import pauses, queries, rates, services
from npsapp.delivery.channels import ChannelError, Fate, From, Outgoing, Server
from npsapp.delivery.channels.mail import SmtpChannel, remove_old_letters
from npsapp.delivery.models import Message, SenderRate, Suppression
from npsapp.delivery.rules import Channel, PauseKind, Purpose, Security, State, SuppressionReason
from npsapp.delivery.tasks import send_batch, send_next
from npsapp.worker import collecting
from tests.mailserver import DROP, MailServer, free_port

UNKNOWN_AFTER = timedelta(minutes=10)


def queue(company: SimpleNamespace, now: datetime, **over: object) -> Message:
    values = {
        "purpose": Purpose.INVITATION,
        "to_address": "olena@example.com",
        "to_name": "Олена",
        "brand_id": company.brand.id,
        "language": "uk",
        "subject": "Ваше замовлення від 3 листопада: одне запитання",
        "body": "Добрий день\n",
        "html": "<p>Добрий день</p>",
        "unsubscribe_url": "https://nps.example/u/x",
        "due_at": now,
        "now": now,
    }
    with transaction():
        return services.queue(**(values | over))  # type: ignore[arg-type]


def send_all(company: SimpleNamespace) -> None:
    with collecting() as run_jobs:
        send_next(company.sender.id)
        run_jobs()


def state_of(message: Message) -> State:
    db.session.rollback()
    return db.session.get_one(Message, message.id, populate_existing=True).state


def test_a_letter_arrives_whole(company: SimpleNamespace, mailing: MailServer, at_now: datetime) -> None:
    message = queue(company, at_now)

    send_all(company)

    (letter,) = mailing.letters
    assert letter["Subject"] == "Ваше замовлення від 3 листопада: одне запитання"
    assert letter["Message-ID"] == message.message_id
    assert letter["Message-ID"].endswith("@vodolad.example>")
    assert letter["Reply-To"] == "hello@vodolad.example"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "<https://nps.example/u/x>" in letter["List-Unsubscribe"]
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content_type() == "multipart/alternative"
    assert letter.get_body(("plain",)).get_content().strip() == "Добрий день"
    assert "<p>Добрий день</p>" in letter.get_body(("html",)).get_content()
    assert mailing.envelopes[0].mail_from == "nps@vodolad.example"
    assert state_of(message) is State.SENT


def test_long_lines_are_wrapped_for_smtp(company: SimpleNamespace, mailing: MailServer, at_now: datetime) -> None:
    for language in ("uk", "en"):
        queue(company, at_now, language=language, html="<p>" + "x" * 5000 + "</p>")

    send_all(company)

    lines = [line for e in mailing.envelopes for line in bytes(e.content).split(b"\r\n")]  # type: ignore[arg-type]
    assert len(mailing.letters) == 2
    assert max(map(len, lines)) <= 998


def test_line_breaks_make_no_header(company: SimpleNamespace, mailing: MailServer, at_now: datetime) -> None:
    queue(company, at_now, subject="Hello\r\nBcc: thief@example.com", to_name="Olena\nCc: thief@example.com")

    send_all(company)

    (letter,) = mailing.letters
    assert letter["Bcc"] is None
    assert letter["Cc"] is None
    assert mailing.envelopes[0].rcpt_tos == ["olena@example.com"]


def outgoing(**over: object) -> Outgoing:
    values = {
        "id": 1,
        "name": "1",
        "from_name": "Водолад",
        "from_address": "nps@vodolad.example",
        "reply_to": "",
        "to_name": "",
        "to_address": "olena@example.com",
        "subject": "x",
        "body": "x",
        "html": "",
        "message_id": "<1@vodolad.example>",
        "unsubscribe_url": "",
        "cyrillic": True,
    }
    return Outgoing(**(values | over))  # type: ignore[arg-type]


def test_a_line_break_in_an_extra_header_is_refused(mailing: MailServer) -> None:
    channel = SmtpChannel(Server("127.0.0.1", mailing.port, Security.NONE))
    with pytest.raises(ChannelError) as refused:
        channel.send(outgoing(unsubscribe_url="https://x/\r\nBcc: thief@example.com"), lambda: True)
    channel.close()

    assert refused.value.fate is Fate.REFUSED
    assert refused.value.failure.permanent
    assert mailing.letters == []


def test_a_refused_recipient_fails_alone_and_is_suppressed(
    company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    mailing.refuse["gone@example.com"] = "550 5.1.1 no such user"
    mailing.refuse["full@example.com"] = "452 4.2.2 mailbox full"
    gone = queue(company, at_now, to_address="gone@example.com")
    full = queue(company, at_now, to_address="full@example.com")
    good = queue(company, at_now)

    send_all(company)

    assert [state_of(one) for one in (gone, full, good)] == [State.FAILED, State.QUEUED, State.SENT]
    again = db.session.get_one(Message, full.id)
    assert (again.attempts, again.due_at) == (1, at_now + timedelta(seconds=60))
    assert "452" in again.error
    assert db.session.scalars(select(Suppression.address)).all() == ["gone@example.com"]


def test_a_reputation_problem_does_not_kill_the_address(
    company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    mailing.refuse["olena@example.com"] = "550 5.7.1 blocked"
    message = queue(company, at_now)

    send_all(company)

    assert state_of(message) is State.FAILED
    assert db.session.scalars(select(Suppression)).all() == []


def test_without_a_server_everything_waits_for_the_next_date(
    company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    mailing.stop()
    messages = [queue(company, at_now) for _ in range(3)]

    send_all(company)

    assert {state_of(one) for one in messages} == {State.QUEUED}
    assert {db.session.get_one(Message, one.id).due_at for one in messages} == {at_now + timedelta(seconds=60)}


def test_the_calendar_ends_with_a_failure_a_person_can_take_up(
    company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    message = queue(company, at_now)
    with transaction() as session:
        session.execute(update(Message).values(attempts=10))
    mailing.stop()

    send_all(company)

    assert state_of(message) is State.FAILED
    with transaction():
        services.requeue(message.id, actor=by_user(company.admin.id), now=at_now)
    assert state_of(message) is State.QUEUED


def test_a_connection_lost_after_the_letter_left_is_unknown_and_sent_once_more(
    company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    message = queue(company, at_now)
    mailing.faults["DATA"] = [DROP]

    send_all(company)

    assert state_of(message) is State.UNKNOWN
    later = at_now + UNKNOWN_AFTER + timedelta(seconds=1)
    with transaction():
        services.take_back(now=later, unknown_after=UNKNOWN_AFTER)
    with transaction():
        batch = rates.stamp(company.sender.id, now=later, per_minute=0, connections=1, lease=timedelta(minutes=2))
    send_batch(str(batch))
    assert state_of(message) is State.SENT
    assert mailing.ids() == [message.message_id] * 2
    assert db.session.get_one(Message, message.id).repeats == 1


def test_what_a_dead_worker_held_goes_back(company: SimpleNamespace, mailing: MailServer, at_now: datetime) -> None:
    claimed, sending = queue(company, at_now), queue(company, at_now)
    with transaction():
        batch = rates.stamp(company.sender.id, now=at_now, per_minute=0, connections=1, lease=timedelta(minutes=2))
        (letter,) = services.letters([sending.id], From({}, "post@vodolad.example", "", ""))
        started = services.start(letter, batch_id=str(batch), now=at_now, lease=timedelta(minutes=2))
        assert services.START.one(**started)

    with transaction():
        services.take_back(now=at_now + timedelta(minutes=3), unknown_after=UNKNOWN_AFTER)

    assert (state_of(claimed), state_of(sending)) == (State.QUEUED, State.UNKNOWN)


def test_a_letter_that_missed_its_time_expires(company: SimpleNamespace, mailing: MailServer, at_now: datetime) -> None:
    message = queue(company, at_now, useful_until=at_now - timedelta(seconds=1))

    send_all(company)

    assert state_of(message) is State.EXPIRED
    assert mailing.letters == []


def test_an_address_on_the_stop_list_is_refused_whoever_asks(
    company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    message = queue(company, at_now)
    password = queue(company, at_now, purpose=Purpose.PASSWORD, unsubscribe_url="")
    with transaction():
        services.suppress(
            channel=Channel.EMAIL,
            address="olena@example.com",
            reason=SuppressionReason.BY_HAND,
            now=at_now - timedelta(days=1),
        )

    send_all(company)

    assert (state_of(message), state_of(password)) == (State.CANCELLED, State.SENT)


def test_a_pause_stops_customers_letters_but_not_staffs(
    company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    customers, staff = queue(company, at_now), queue(company, at_now, purpose=Purpose.STAFF)
    with transaction():
        stop = pauses.pause(kind=PauseKind.EVERYTHING, ref_id=None, until=None, by_user_id=company.admin.id, now=at_now)

    send_all(company)

    assert (state_of(customers), state_of(staff)) == (State.QUEUED, State.SENT)
    with transaction():
        pauses.resume(stop.id, by_user_id=company.admin.id, now=at_now)
    assert queries.to_look_at_again(at_now, 10) == [customers.id]


def test_the_pace_of_a_sender_is_kept(company: SimpleNamespace, at_now: datetime) -> None:
    for _ in range(50):
        queue(company, at_now)
    lease = timedelta(minutes=2)
    taken = []
    for seconds in (0, 0, 30, 30, 60):
        moment = at_now + timedelta(seconds=seconds)
        with transaction():
            batch = rates.stamp(company.sender.id, now=moment, per_minute=10, connections=99, lease=lease)
        taken.append(len(queries.in_batch(batch)) if batch else 0)

    assert taken == [10, 0, 5, 0, 5]
    assert db.session.scalar(select(SenderRate.domain)) == "*"


def test_two_workers_send_no_letter_twice(
    company: SimpleNamespace, app: Flask, mailing: MailServer, at_now: datetime
) -> None:
    for _ in range(120):
        queue(company, at_now)
    sender_id = company.sender.id
    # Every batch is given to both workers, as when the beat makes a job again that only seemed lost.
    batches = []
    for _ in range(2):
        with transaction():
            batches.append(rates.stamp(sender_id, now=at_now, per_minute=0, connections=9, lease=timedelta(minutes=2)))

    def work() -> None:
        with collecting():
            for batch in batches:
                send_batch(str(batch))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(mailing.ids()) == 120
    assert len(set(mailing.ids())) == 120


def test_a_silent_server_ends_by_itself(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flask-Mail alone would wait for ever."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        monkeypatch.setitem(app.config, "MAIL_TIMEOUT", 0.3)

        with pytest.raises(ChannelError) as refused:
            SmtpChannel(Server("127.0.0.1", listening.getsockname()[1], Security.NONE))

    assert refused.value.fate is Fate.NO_CONNECTION


def test_a_certificate_nobody_vouches_for_is_refused(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Flask-Mail alone would send name, password and letters to whoever answers."""
    port, stop = _tls_server(tmp_path)
    monkeypatch.setitem(app.config, "MAIL_TIMEOUT", 3.0)
    try:
        with pytest.raises(ChannelError, match="CERTIFICATE_VERIFY_FAILED"):
            SmtpChannel(Server("localhost", port, Security.TLS))
    finally:
        stop.set()


def _tls_server(folder: Path) -> tuple[int, threading.Event]:
    """A TLS server with a certificate it made itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate)]
        + ["-days", "2", "-subj", "/CN=localhost"],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    port, stop = free_port(), threading.Event()
    listening = socket.create_server(("127.0.0.1", port))
    listening.settimeout(5)

    def answer() -> None:
        with listening:
            try:
                connection, _ = listening.accept()
                with context.wrap_socket(connection, server_side=True):
                    stop.wait(5)
            except (OSError, ssl.SSLError):
                pass

    threading.Thread(target=answer, daemon=True).start()
    return port, stop


def test_the_outbox_holds_complete_letters(company: SimpleNamespace, app: Flask, at_now: datetime) -> None:
    message = queue(company, at_now)

    send_all(company)

    (file,) = Path(app.instance_path, "outbox").glob("*.eml")
    assert message.message_id.encode() in file.read_bytes()
    assert state_of(message) is State.SENT


def test_a_repeat_replaces_its_file(company: SimpleNamespace, app: Flask, at_now: datetime) -> None:
    queue(company, at_now)
    send_all(company)
    with transaction() as session:
        session.execute(update(Message).values(state=State.QUEUED))

    send_all(company)

    assert len(list(Path(app.instance_path, "outbox").glob("*.eml"))) == 1


def test_letters_leave_the_outbox_after_their_time(tmp_path: Path, now: datetime) -> None:
    old, half, young = tmp_path / "old.eml", tmp_path / ".killed.while.writing", tmp_path / "young.eml"
    for file, age in ((old, 31), (half, 31), (young, 29)):
        file.write_text("x")
        moment = (now - timedelta(days=age)).timestamp()
        os.utime(file, (moment, moment))

    assert remove_old_letters(tmp_path, before=now - timedelta(days=30)) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["young.eml"]


def test_the_outbox_is_tidied_while_letters_are_written(tmp_path: Path, now: datetime) -> None:
    half, whole, over = tmp_path / ".half", tmp_path / "whole.eml", threading.Event()

    def write() -> None:
        while not over.is_set():
            half.write_text("x")
            half.replace(whole)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        removed = sum(remove_old_letters(tmp_path, before=now - timedelta(days=30)) for _turn in range(2_000))
    finally:
        over.set()
        writer.join()
    assert (removed, whole.read_text()) == (0, "x")


def test_names_and_subjects_of_any_script_survive(
    company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    name, subject = "Олена «Ґанок» O'Neil, Jr.", ("Їжак ✓ " * 20).strip()
    queue(company, at_now, to_name=name, subject=subject)

    send_all(company)

    (letter,) = mailing.letters
    assert letter["To"].addresses[0].display_name == name
    assert letter["Subject"] == subject
