"""The exchange with 1C over real HTTP: stock clients, the Bitrix module, and everything that may go wrong."""

import base64
import http.client
import io
import re
import shutil
import socket
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from npsapp.accounts import queries as accounts, sessions
from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.intake import connections, exchanges, onec, packages, tasks
from npsapp.intake.models import BatchState, ImportBatch, Interaction, Source, SourceKind
from npsapp.invitations import letters, services as invitations
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.lib.clock import utcnow
from tests.intake.test_commerceml import DATA, FULL

TRUNCATED = DATA / "bad_truncated.xml"
NO_XML = b"<not valid xml!!!"


@dataclass
class Answer:
    status: int
    body: bytes
    headers: Any

    @property
    def lines(self) -> list[str]:
        return self.body.decode("utf-8").split("\n")


@dataclass
class Client:
    """What a 1C base does: builds its cookie from the second and third line, sends its password every time."""

    address: str
    source: SimpleNamespace
    path: str = ""
    password: str = ""
    login: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    sessid: str = ""

    def __post_init__(self) -> None:
        self.path = self.path or f"/1c/exchange/{self.source.key}"
        self.password = self.password or self.source.secret
        self.login = self.login or self.source.login
        pair = f"{self.login}:{self.password}".encode()
        self.headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()

    def ask(self, mode: str, body: bytes | None = None, **arguments: str) -> Answer:
        wanted = {"type": "sale", "mode": mode} | ({"sessid": self.sessid} if self.sessid else {}) | arguments
        connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=30)
        method = "GET" if body is None else "POST"
        connection.request(method, f"{self.path}?{urlencode(wanted)}", body, self.headers)
        answer = connection.getresponse()
        found = Answer(answer.status, answer.read(), answer.headers)
        connection.close()
        return found

    def sign_in(self) -> list[str]:
        lines = self.ask("checkauth").lines
        self.headers["Cookie"] = f"{lines[1]}={lines[2]}"
        return lines

    def begin_as_module(self) -> Answer:
        self.sessid = self.sign_in()[3].removeprefix("sessid=")
        return self.ask("init", version="3.1")

    def send(self, name: str, content: bytes, piece: int = 0) -> list[bytes]:
        piece = piece or len(content)
        parts = [content[at : at + piece] for at in range(0, len(content), piece)]
        return [self.ask("file", part, filename=name).body for part in parts]


@pytest.fixture(scope="module")
def address(shared_app: Flask) -> Iterator[str]:
    """A running server; one for all tests, for stopping one takes half a second."""
    running = make_server("127.0.0.1", 0, shared_app, threaded=True)
    thread = Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def base(company: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A 1C base that was added as a connection."""
    shutil.rmtree(tasks.packages(), ignore_errors=True)
    monkeypatch.setattr(onec, "WAIT_S", 0.1)  # there is no worker to wait for
    with transaction():
        source, secret = connections.add(SourceKind.ONEC, "1C Kyiv", actor=PROGRAM, now=utcnow())
        return SimpleNamespace(id=source.id, key=source.key, login=source.login, secret=secret)


@pytest.fixture
def client(address: str, base: SimpleNamespace) -> Client:
    return Client(address, base)


def _batches() -> list[ImportBatch]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(select(ImportBatch).order_by(ImportBatch.id)))


def _work() -> list[ImportBatch]:
    """What the worker does."""
    for batch in _batches():
        tasks.stage_batch(batch.id)
        tasks.apply_batch(batch.id)
    return _batches()


def _interactions() -> dict[str, Interaction]:
    db.session.rollback()
    db.session.expire_all()
    return {one.number: one for one in db.session.scalars(select(Interaction))}


def archive_of(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


# Signing in


def test_signing_in_answers_five_lines_of_which_three_make_the_cookie(client: Client):
    lines = client.sign_in()

    assert lines[:2] == ["success", "NPS1C"]
    assert lines[3].startswith("sessid=")
    assert abs(int(lines[4].removeprefix("timestamp=")) - utcnow().timestamp()) < 60
    assert len(lines) == 5


@pytest.mark.parametrize("path", ["/bitrix/admin/1c_exchange.php", "/1c/exchange"])
def test_without_a_key_in_the_address_the_user_name_finds_the_connection(address: str, base: Any, path: str):
    assert Client(address, base, path=path).sign_in()[0] == "success"


@pytest.mark.parametrize(
    "wrong", [{"password": "wrong"}, {"login": "somebody"}, {"path": "/1c/exchange/unknown"}, {"password": "пароль"}]
)
def test_a_wrong_password_is_answered_with_401_and_failure(address: str, base: Any, wrong: dict[str, str]):
    answer = Client(address, base, **wrong).ask("checkauth")

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.body == "failure\nНеверное имя пользователя или пароль".encode("cp1251")


def test_without_a_password_nothing_opens(client: Client):
    for header in ("", "Basic", "Basic !!!", "Bearer x", "Basic " + base64.b64encode(b"nocolon").decode()):
        client.headers = {"Authorization": header}
        assert client.ask("query").status == 401


def test_a_pair_in_windows_1251_is_understood(client: Client, base: Any):
    with transaction():
        db.session.get_one(Source, base.id).login = "обмін"
    for encoding in ("utf-8", "windows-1251"):
        pair = f"обмін:{base.secret}".encode(encoding)
        client.headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        assert client.ask("checkauth").lines[0] == "success"


def test_after_some_wrong_passwords_guessing_has_to_wait_and_the_right_one_still_opens(address: str, base: Any):
    guess = Client(address, base, password="wrong")
    answers = [guess.ask("checkauth").body.decode("cp1251") for _try in range(6)]

    assert answers[4].endswith("пароль")
    assert answers[5] == "failure\nСлишком много неудачных попыток, повторите позже"
    assert Client(address, base).sign_in()[0] == "success"
    assert sum(one.failed for one in exchanges.newest(base.id)) == 5


def test_a_retired_connection_opens_nothing(client: Client, base: Any):
    with transaction():
        connections.retire(base.id, actor=PROGRAM, now=utcnow())

    assert client.ask("checkauth").status == 401


# The modes


def test_an_older_client_gets_exactly_two_lines_of_settings(client: Client):
    client.sign_in()

    assert client.ask("init").body == b"zip=yes\nfile_limit=52428800"


def test_a_newer_client_gets_its_session_and_the_version(client: Client):
    answer = client.begin_as_module()

    assert answer.body == f"zip=yes\nfile_limit=52428800\nsessid={client.sessid}\nversion=2.09".encode()


def test_the_version_is_a_setting_of_the_connection(client: Client, base: Any):
    with transaction():
        db.session.get_one(Source, base.id).settings = {"version": "3.1"}

    assert client.begin_as_module().body.endswith(b"version=3.1")


@pytest.mark.parametrize(("newer", "encoding", "version"), [(False, "windows-1251", "2.05"), (True, "utf-8", "2.09")])
def test_a_query_gives_valid_empty_commerceml(client: Client, newer: bool, encoding: str, version: str):
    client.sign_in()
    answer = client.ask("query", **({"version": "3.1"} if newer else {}))

    text = answer.body.decode(encoding)
    assert text.startswith(f'<?xml version="1.0" encoding="{encoding}"?>\n<КоммерческаяИнформация ')
    assert f'ВерсияСхемы="{version}"' in text
    assert "Документ" not in text


def test_info_lists_statuses_under_the_name_bitrix_gives_them(client: Client):
    text = client.ask("info").body.decode("cp1251")

    assert "<Справочник><C\u0442\u0430\u0442\u0443\u0441\u044b/>" in text


@pytest.mark.parametrize("mode", ["success", "complete", "deactivate"])
def test_what_ends_a_run_is_a_success(client: Client, mode: str):
    assert client.ask(mode).body == b"success"


@pytest.mark.parametrize("mode", ["", "reboot"])
def test_another_command_is_a_failure_with_status_200(client: Client, mode: str):
    answer = client.ask(mode)

    assert (answer.status, answer.body) == (200, "failure\nНеизвестная команда".encode("cp1251"))


def test_a_catalogue_is_accepted_and_dropped(client: Client, base: Any):
    client.sign_in()

    assert client.ask("file", FULL.read_bytes(), type="catalog", filename="import.xml").body == b"success"
    assert client.ask("import", type="catalog", filename="import.xml").body == b"success"
    assert _batches() == []


# Whole conversations


@pytest.mark.parametrize("piece", [0, 700])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_stock_client_sends_and_never_asks_for_the_import(client: Client, zipped: bool, piece: int):
    assert client.ask("checkauth", type="catalog").lines[0] == "success"
    client.sign_in()
    client.ask("query")
    assert client.ask("success").body == b"success"
    client.sign_in()
    client.ask("init")
    xml = FULL.read_bytes()
    name, content = ("v8_66D0_31.zip", archive_of(orders__a=xml)) if zipped else ("orders.xml", xml)

    answers = client.send(name, content, piece)

    assert set(answers) == {b"success"}
    [batch] = _work()
    assert (batch.state, batch.rows) == (BatchState.DONE, 7)
    assert "БУ00-000101" in _interactions()
    assert not any(tasks.packages().glob("*/*"))


@pytest.mark.parametrize("piece", [0, 700])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_bitrix_module_asks_until_its_file_is_imported(client: Client, zipped: bool, piece: int):
    client.begin_as_module()
    xml, inside = FULL.read_bytes(), "documents___5ab44a1e.xml"
    content = archive_of(**{inside: xml}) if zipped else xml

    assert set(client.send("v8_4DA6_93C.zip" if zipped else inside, content, piece)) == {b"success"}
    if zipped:
        unpacked = client.ask("import", filename=inside)
        assert unpacked.lines == ["progress", "Распаковка архива завершена"]
    waiting = client.ask("import", filename=inside)
    _work()
    done = client.ask("import", filename=inside)

    assert waiting.lines[0] == "progress"
    assert done.lines == ["success", "Принято записей: 7"]


def test_the_same_package_again_changes_nothing(client: Client):
    for _time in range(2):
        client.sign_in()
        client.ask("init")
        client.send("orders.xml", FULL.read_bytes())
        _work()

    first, again = _batches()
    assert (again.accepted, again.updated) == (0, 0)
    assert again.unchanged == first.accepted + first.updated + first.unchanged


def test_an_order_with_its_shipment_and_payment_is_one_interaction(client: Client):
    client.sign_in()
    client.send("orders.xml", FULL.read_bytes())
    _work()

    found = _interactions()
    assert set(found) == {"БУ00-000101", "БУ00-000102", "РК00-000900", "БУ00-000103"}
    assert found["БУ00-000101"].state == "completed"
    assert found["БУ00-000103"].cancelled_at is not None


def test_files_in_folders_are_taken_by_content_under_harmless_names(client: Client):
    client.sign_in()
    xml = FULL.read_bytes()
    names = {"../../../etc/orders.xml": xml, "C:\\temp\\contragents_3.xml": xml, "photo.jpg": b"\xff\xd8\xff", "x": xml}

    assert client.send("upload/1c/../../v8.zip", archive_of(**names)) == [b"success"]

    assert sorted(batch.file_name for batch in _batches()) == ["contragents_3.xml", "orders.xml", "x"]
    assert not (Path("/etc") / "orders.xml").exists()


# Bad input and bad luck


def _failure(answers: list[bytes], newer: bool = False) -> str:
    first, _newline, words = answers[-1].decode("utf-8" if newer else "cp1251").partition("\n")
    assert first == "failure"
    return words


@pytest.mark.parametrize("path", [TRUNCATED, DATA / "bad_xxe.xml"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_damaged_file_of_the_module_is_a_failure_and_leaves_nothing(client: Client, path: Path, zipped: bool):
    client.begin_as_module()
    content = path.read_bytes()
    answers = client.send("a.zip" if zipped else "a.xml", archive_of(a=content) if zipped else content)
    answers += [client.ask("import", filename="a.xml").body for _time in range(2 if zipped else 1)]

    assert _failure(answers, newer=True)
    assert _batches() == []
    assert exchanges.newest(client.source.id)[0].failed


def test_a_damaged_file_in_the_archive_of_a_stock_client_is_a_failure_at_once(client: Client):
    client.sign_in()

    assert "121" in _failure(client.send("a.zip", archive_of(a=TRUNCATED.read_bytes())))
    assert _batches() == []


@pytest.mark.parametrize("content", [NO_XML, b"\x89PNG\r\n\x1a\n", b"<html><body>Error</body></html>"])
def test_what_is_no_commerceml_is_refused_with_the_first_piece(client: Client, content: bytes):
    client.sign_in()

    assert _failure(client.send("orders.xml", content))


def test_an_archive_with_ten_thousand_entries_is_refused(client: Client):
    client.sign_in()

    assert _failure(client.send("a.zip", archive_of(**{f"{number}.xml": b"<a/>" for number in range(10_000)})))


def test_a_bomb_is_refused_unread(client: Client, tmp_path: Path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.xml", "w") as entry:
        entry.write(b"<a>")
        for _megabyte in range(64):
            entry.write(b" " * 1024**2)
    client.sign_in()

    assert _failure(client.send("a.zip", bomb.read_bytes()))
    assert not any(tasks.packages().glob("*/*"))


def test_an_archive_that_lies_about_its_sizes_is_refused(client: Client):
    packed = bytearray(archive_of(a=FULL.read_bytes()))
    at = packed.rfind(b"PK\x01\x02")
    packed[at + 24 : at + 28] = (100).to_bytes(4, "little")  # the unpacked size
    client.sign_in()

    assert _failure(client.send("a.zip", bytes(packed)))


def test_an_archive_inside_an_archive_is_left_alone(client: Client):
    client.sign_in()
    inner = archive_of(a=FULL.read_bytes())

    assert client.send("a.zip", archive_of(inner=inner, orders=FULL.read_bytes())) == [b"success"]
    assert len(_batches()) == 1


def test_a_connection_that_dies_in_the_middle_of_an_upload_leaves_the_rest_whole(client: Client):
    client.sign_in()
    client.ask("init")
    content = FULL.read_bytes()
    half = len(content) // 2
    client.send("orders.xml", content[:half])
    host, _, port = client.address.removeprefix("http://").partition(":")
    head = "".join(f"{name}: {value}\r\n" for name, value in client.headers.items())
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(
            f"POST {client.path}?type=sale&mode=file&filename=orders.xml HTTP/1.1\r\nHost: x\r\n{head}"
            f"Content-Length: {len(content) - half}\r\n\r\n".encode()
            + content[half : half + 900]
        )
    client.ask("success")  # the server has noticed by now or does later; the piece comes again

    assert client.send("orders.xml", content[half:]) == [b"success"]
    [batch] = _work()
    assert batch.state is BatchState.DONE


def test_a_new_session_forgets_what_was_never_finished_and_says_so(client: Client):
    client.sign_in()
    client.ask("init")
    client.send("orders.xml", FULL.read_bytes()[:5000])

    client.ask("init")

    assert not any(tasks.packages().glob("*/*"))
    assert exchanges.newest(client.source.id)[0].failed
    assert client.send("orders.xml", FULL.read_bytes()) == [b"success"]
    assert len(_batches()) == 1


def test_two_uploads_at_once_do_not_mix(address: str, base: Any):
    content = FULL.read_bytes()
    first, second = Client(address, base), Client(address, base)
    for one in (first, second):
        one.sign_in()
        one.ask("init")

    for at in range(0, len(content), 10_000):
        for one in (first, second):
            one.send("orders.xml", content[at : at + 10_000])

    assert [batch.size for batch in _batches()] == [len(content)] * 2
    assert {batch.state for batch in _work()} == {BatchState.DONE}


def test_the_module_waits_while_another_session_is_being_imported(address: str, base: Any):
    first, second = Client(address, base), Client(address, base)
    for one in (first, second):
        one.begin_as_module()
        one.send("orders.xml", FULL.read_bytes())
    first.ask("import", filename="orders.xml")

    assert second.ask("import", filename="orders.xml").lines == ["progress", "Загружаются ранее переданные файлы"]
    assert len(_batches()) == 1


def test_a_file_nobody_sent_cannot_be_imported(client: Client):
    client.begin_as_module()

    assert client.ask("import", filename="a.xml").lines == ["failure", "Файл не передан"]


def test_a_session_without_news_for_six_hours_is_deleted(client: Client):
    client.sign_in()
    client.send("orders.xml", FULL.read_bytes()[:5000])
    soon, later = utcnow() + timedelta(hours=5), utcnow() + timedelta(hours=7)

    assert packages.remove_expired(tasks.packages(), now=soon) == 0
    assert packages.remove_expired(tasks.packages(), now=later) == 1
    assert packages.remove_expired(tasks.packages(), now=later) == 0


def test_a_session_may_not_grow_without_end(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packages, "MOST_BYTES", 10_000)
    client.sign_in()

    assert _failure(client.send("orders.xml", FULL.read_bytes()))


def test_a_fault_of_ours_is_a_failure_1c_understands(client: Client, app: Flask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    folder = tasks.packages()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("no folder can be made here")
    try:
        client.sign_in()
        answer = client.ask("file", FULL.read_bytes(), filename="orders.xml")
    finally:
        folder.unlink()

    assert (answer.status, answer.body) == (200, "failure\nТехнический сбой, повторите позже".encode("cp1251"))


# What becomes of invitations


@pytest.fixture
def live(client: Client, now: datetime) -> Client:
    """A base whose buyers are asked, and which sent an order that is to be asked about tomorrow."""
    with transaction():
        source = db.session.get_one(Source, client.source.id)
        source.live_at, source.grounds, source.outbox_confirmed_at = now, {"email": "contract"}, now
    _send_and_plan(client, FULL.read_bytes(), now)
    assert _invitation().state is InvitationState.PLANNED
    return client


def _send_and_plan(client: Client, content: bytes, now: datetime) -> None:
    client.sign_in()
    assert client.send("orders.xml", content) == [b"success"]
    _work()
    with transaction():
        letters.exclude_cancelled(now=now)
    waiting = [one.id for one in _interactions().values() if one.undecided]
    with transaction():
        invitations.plan(waiting, without_mail=frozenset(), now=now)


def _invitation() -> Invitation:
    db.session.rollback()
    return db.session.scalars(
        select(Invitation).where(Invitation.interaction_id == _interactions()["БУ00-000101"].id)
    ).one()


def _first_requisite(name: str, value: str) -> bytes:
    """The sample with another value in the first requisite of that name, as after a change in 1C."""
    found = re.compile(rf"(<Наименование>{name}</Наименование>\s*<Значение>)\w+")
    text, count = found.subn(rf"\g<1>{value}", FULL.read_text("utf-8"), count=1)
    assert count == 1
    return text.encode()


def test_a_cancelled_order_takes_back_an_invitation_that_was_not_sent(live: Client, now: datetime):
    _send_and_plan(live, _first_requisite("Отменен", "true"), now)

    assert _invitation().reason is Reason.CANCELLED
    assert _interactions()["БУ00-000101"].cancelled_at is not None


def test_an_order_that_is_no_longer_cancelled_is_asked_about_again(live: Client, now: datetime):
    _send_and_plan(live, _first_requisite("Отменен", "true"), now)

    _send_and_plan(live, FULL.read_bytes(), now)

    assert _invitation().state is InvitationState.PLANNED


def test_unposting_every_document_takes_an_order_out_of_the_plan_and_posting_puts_it_back(live: Client, now: datetime):
    unposted = FULL.read_text("utf-8").replace(
        "<Наименование>Проведен</Наименование>\n\t\t\t\t\t<Значение>true",
        "<Наименование>Проведен</Наименование>\n\t\t\t\t\t<Значение>false",
    )
    _send_and_plan(live, unposted.encode(), now)
    assert _invitation().reason is Reason.NOT_COMPLETED

    _send_and_plan(live, FULL.read_bytes(), now)

    assert _invitation().state is InvitationState.PLANNED


def test_a_partial_return_changes_nothing_and_a_full_one_takes_the_invitation_back(live: Client, now: datetime):
    head, goods, rest = FULL.read_text("utf-8").rpartition("<Сумма>650</Сумма>\n")
    full = f"{head}<Сумма>19100</Сумма>\n{rest}"
    assert goods

    _send_and_plan(live, full.encode(), now)

    assert _invitation().reason is Reason.CANCELLED
    assert _interactions()["БУ00-000101"].state == "returned"


def test_a_file_sent_again_under_its_name_in_the_same_session_is_imported_anew(client: Client):
    client.begin_as_module()
    for _time in range(2):
        client.send("orders.xml", FULL.read_bytes())
        client.ask("import", filename="orders.xml")
        _work()
        assert client.ask("import", filename="orders.xml").lines[0] == "success"

    assert len(_batches()) == 2


def test_a_base_with_a_wrong_password_keeps_nobody_of_its_office_out(address: str, base: Any, company: SimpleNamespace):
    for _try in range(3):
        Client(address, base, password="wrong").ask("checkauth")
    who = sessions.claim(company.admin.email, "127.0.0.1", key="a key for tests only, 1234")

    assert accounts.failures(f"address:{who.place}") == []


@pytest.mark.parametrize(("encoding", "used"), [("utf-8", "utf-8"), ("klingon", "windows-1251")])
def test_the_encoding_of_answers_may_be_a_setting(client: Client, base: Any, encoding: str, used: str):
    with transaction():
        db.session.get_one(Source, base.id).settings = {"encoding": encoding}

    assert client.ask("reboot").body == "failure\nНеизвестная команда".encode(used)
