"""The mailbox with reports, against a real Dovecot."""

from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from npsapp.audit.services import COMMAND
from npsapp.db import db, transaction
from npsapp.intake import connections, exchanges, inbox, mailbox, tasks
from npsapp.intake.models import BatchState, ImportBatch, Source, SourceKind
from npsapp.lib.refusals import Refused
from tests import dovecot as server
from tests.cast import csrf
from tests.dovecot import DovecotServer
from tests.intake.files import XLSX_1C, csv_file, purchases

SENDER = "1c@shop.example"
CML = Path(__file__).parent.parent / "data" / "commerceml"


@pytest.fixture
def box(dovecot: DovecotServer) -> DovecotServer:
    dovecot.empty()
    return dovecot


@pytest.fixture
def connect(company: SimpleNamespace, now: datetime, box: DovecotServer, at_now: datetime):
    """`connect(**settings)`: a connection to the mailbox over a plain loopback port."""

    def add(password: str = server.PASSWORD, **over: Any) -> Source:
        settings = {"host": "127.0.0.1", "port": box.port, "plain": True, "user": server.USER, "senders": [SENDER]}
        with transaction():
            source, _secret = connections.add(
                SourceKind.MAILBOX, "Reports", actor=COMMAND, now=now, settings=settings | over
            )
            connections.seal(source, password=password)
        return source

    return add


def _letter(*files: Path, sender: str = SENDER, names: tuple[str, ...] = (), **headers: str) -> EmailMessage:
    letter = EmailMessage()
    for name, value in headers.items():
        letter[name.replace("_", "-")] = value
    letter["From"], letter["To"], letter["Subject"] = f"Звіти 1С <{sender}>", server.USER, "Продажі за день"
    letter.set_content("Звіт у вкладенні.")
    for at, path in enumerate(files):
        name = names[at] if names else path.name
        letter.add_attachment(path.read_bytes(), maintype="application", subtype="octet-stream", filename=name)
    return letter


def _read(source: Source) -> None:
    mailbox.read_mailbox(source.id)
    db.session.rollback()


def _batches() -> list[ImportBatch]:
    return list(db.session.scalars(select(ImportBatch).order_by(ImportBatch.id)))


def _notes(source: Source) -> list[str]:
    return [one.error for one in exchanges.newest(source.id)][::-1]


def test_a_table_in_a_letter_of_a_named_sender_is_read_once(box: DovecotServer, connect, tmp_path: Path):
    source, table = connect(), csv_file(tmp_path, purchases(3))
    box.deliver(_letter(table))

    _read(source)
    _read(source)

    (batch,) = _batches()
    assert (batch.file_name, batch.rows, batch.state) == (table.name, 3, BatchState.APPLYING)
    assert box.flags() == [True]
    box.deliver(_letter(table))
    _read(source)
    assert len(_batches()) == 1
    assert _notes(source) == [inbox.KNOWN]


def test_tables_and_commerceml_are_read_and_other_files_are_not(box: DovecotServer, connect, tmp_path: Path):
    source = connect()
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG")
    orders = next(CML.glob("*stock_orders.xml"))
    box.deliver(
        _letter(
            logo,
            XLSX_1C,
            orders,
            csv_file(tmp_path, purchases(1)),
            names=("l.png", "Звіт.XLSX", "o.xml", "../../../etc/x.csv"),
        )
    )

    _read(source)

    assert [one.file_name for one in _batches()] == ["Звіт.XLSX", "o.xml", "......etcx.csv"]
    assert [one.options.get("format", "") for one in _batches()] == ["", "commerceml", ""]


def test_letters_of_others_stay_unread(box: DovecotServer, connect, tmp_path: Path):
    source, table = connect(senders=[SENDER, "@partner.example"]), csv_file(tmp_path, purchases(1))
    for sender in ("stranger@evil.example", f"x{SENDER}", f"{SENDER}.evil.example", "a@sub.partner.example"):
        box.deliver(_letter(table, sender=sender))
    two = _letter(table)
    del two["From"]
    two["From"] = f"{SENDER}, stranger@evil.example"
    box.deliver(two)
    box.deliver(_letter(csv_file(tmp_path, purchases(2)), sender="anybody@partner.example"))

    _read(source)

    assert box.flags() == [False] * 5 + [True]
    assert len(_batches()) == 1


@pytest.mark.parametrize(
    ("results", "read"),
    [
        ("mx.shop.example; dkim=pass; dmarc=pass header.from=shop.example", True),
        ("mx.shop.example 1; dmarc=fail", False),
        ("mx.evil.example; dmarc=pass", False),
        ("mx.shop.example; spf=pass smtp.mailfrom=dmarc=pass@evil.example", False),
        ("", False),
    ],
)
def test_with_a_server_name_only_letters_that_it_found_genuine_are_read(
    box: DovecotServer, connect, tmp_path: Path, results: str, read: bool
):
    source = connect(authserv="mx.shop.example")
    headers = {"Authentication_Results": results} if results else {}
    box.deliver(_letter(csv_file(tmp_path, purchases(1)), **headers))

    _read(source)

    assert len(_batches()) == int(read)
    assert _notes(source) == ([] if read else [mailbox.Forged.wording])
    assert box.flags() == [True]


def test_only_the_topmost_result_counts(box: DovecotServer, connect, tmp_path: Path):
    source = connect(authserv="mx.shop.example")
    forged = (
        b"Authentication-Results: mx.shop.example; dmarc=pass\r\n"
        + _letter(csv_file(tmp_path, purchases(1))).as_bytes()
    )
    box.deliver(b"Authentication-Results: mx.shop.example; dmarc=fail\r\n" + forged)

    _read(source)

    assert _batches() == []


def test_letters_that_were_read_are_moved_and_those_at_fault_stay(box: DovecotServer, connect, tmp_path: Path):
    source = connect(done="Read by npsapp")
    box.deliver(_letter(csv_file(tmp_path, purchases(1))))
    box.deliver(_letter())

    _read(source)

    assert box.flags() == [True]
    assert box.flags('"Read by npsapp"') == [True]
    assert _notes(source) == [mailbox.NoFile.wording]


def test_a_file_that_cannot_be_read_is_noted_and_does_not_stop_the_others(box: DovecotServer, connect, tmp_path: Path):
    source, page = connect(), tmp_path / "a.csv"
    page.write_bytes(b"<html>")
    box.deliver(_letter(page))
    for rest in (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" * 3000,
        b'Content-Disposition: attachment; filename="=?nonsense?B?!!?=.csv"\r\n\r\na;b\r\n',
    ):
        box.deliver(b"From: " + SENDER.encode() + b"\r\n" + rest)
    box.deliver(_letter(csv_file(tmp_path, purchases(1))))

    _read(source)

    assert box.flags() == [True] * 4
    assert [one.state for one in _batches()][-1] is BatchState.APPLYING
    assert len(_notes(source)) == 3


def test_a_letter_above_the_limit_is_not_fetched(box: DovecotServer, connect, app: Flask, monkeypatch, tmp_path: Path):
    monkeypatch.setitem(app.config, "UPLOAD_MEGABYTES", 1)
    source, large = connect(), tmp_path / "a.csv"
    large.write_bytes(b"a;b\n" * 500_000)
    box.deliver(_letter(large))

    _read(source)

    assert _batches() == []
    assert _notes(source) == [mailbox.TooLarge.wording]
    assert box.flags() == [True]


def test_files_of_one_letter_are_bounded(box: DovecotServer, connect, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(mailbox, "MOST_FILES", 2)
    files = []
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(csv_file(folder, purchases(1, first=number)))
    box.deliver(_letter(*files))

    _read(connect())

    assert len(_batches()) == 2


def test_over_tls_the_certificate_must_fit(box: DovecotServer, connect, app: Flask, monkeypatch, tmp_path: Path):
    source = connect(plain=False, port=box.tls_port, host="localhost")
    box.deliver(_letter(csv_file(tmp_path, purchases(1))))

    _read(source)
    assert _batches() == []
    assert "certificate" in str(exchanges.newest(source.id)[0].error_values).lower()
    monkeypatch.setitem(app.config, "MAIL_CA_FILE", str(box.certificate))
    _read(source)

    assert len(_batches()) == 1


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"password": "wrong"}, "Authentication failed"),
        ({"password": "пароль"}, "Authentication failed"),
        ({"folder": "Nowhere"}, "Nowhere"),
        ({"port": 1}, "refused"),
        ({"host": "imap.example.com"}, "encryption"),
        ({"folder": "Звіти"}, "ASCII"),
    ],
)
def test_what_is_wrong_is_said_and_the_password_never(box: DovecotServer, connect, over: dict, said: str):
    source = connect(**over)

    with pytest.raises(Refused) as caught:
        mailbox.test(source)

    assert said.lower() in str(caught.value).lower()
    _read(source)
    (note,) = exchanges.newest(source.id)
    assert note.failed
    assert over.get("password", server.PASSWORD) not in str(note.error_values)


def test_the_test_counts_the_letters_that_wait(box: DovecotServer, connect, tmp_path: Path):
    box.deliver(_letter(csv_file(tmp_path, purchases(1))))
    box.deliver(_letter(sender="stranger@evil.example"))

    words, values = mailbox.test(connect())

    assert values == {"count": 1}
    assert "%(count)d" in words


def test_every_five_minutes_the_heartbeat_lets_it_be_read(connect, now: datetime, monkeypatch):
    source, asked = connect(), []
    monkeypatch.setattr(mailbox.read_mailbox, "enqueue", asked.append)
    mailbox._looked_at.clear()

    for minutes in (0, 1, 4, 5, 9, 10):
        mailbox.start(now + timedelta(minutes=minutes))

    assert asked == [source.id] * 3


def test_an_administrator_enters_the_mailbox_and_never_sees_the_password(
    connect, company: SimpleNamespace, client, login
):
    source = connect(host="old.example.com", plain=False)
    address = f"/connections/{source.id}/mailbox"
    login(client, company.admin)
    shown = client.get(address).get_data(as_text=True)
    typed = {"host": "imap.example.com", "port": "993", "user": "u", "senders": "1C@Shop.example\n@partner.example\n"}
    typed["csrf_token"] = csrf(shown)

    without = client.post(address, data=typed).get_data(as_text=True)
    wrong = client.post(address, data=typed | {"password": "s3cret", "senders": "not an address"}).get_data(
        as_text=True
    )
    client.post(address, data=typed | {"password": "s3cret", "authserv": "mx.example.com"})

    assert server.PASSWORD not in shown
    assert "password of its own" in without
    assert "not an address" in wrong
    db.session.rollback()
    kept = mailbox.Settings.of(db.session.get_one(Source, source.id))
    assert (kept.host, kept.password, kept.authserv) == ("imap.example.com", "s3cret", "mx.example.com")
    assert kept.senders == ("1c@shop.example", "@partner.example")
    assert "s3cret" not in client.get(address).get_data(as_text=True)
    assert "s3cret" not in str(db.session.get_one(Source, source.id).settings)
    assert tasks.TESTERS[SourceKind.MAILBOX] is mailbox.test
