"""A 1C base meets a real installation: web process and worker, a database, and what the shell printed."""

import re
import socket
import struct
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.intake.test_commerceml import FULL
from tests.intake.test_onec import Client, archive_of
from tests.journeys.conftest import Installation, install  # noqa: F401 - a fixture

pytestmark = pytest.mark.journey
# What is answered does not depend on the database; the door is tested on both beside.
ON_FILES = pytest.mark.parametrize("backing", ["sqlite"], indirect=True)


@ON_FILES
def test_a_stock_client_and_then_the_module_send_to_running_processes(install: Callable[..., Installation]) -> None:  # noqa: F811
    installation = install()
    said = installation.flask("connection", "add", "1C", "--kind", "onec")
    [(path, login, secret)] = re.findall(r"(/1c/exchange/\S+)\s[^:]+: (\S+)\s[^:]+: (\S+)", said)
    base = SimpleNamespace(login=login, secret=secret)
    stock, module = (Client(installation.address, base, path=path) for _client in range(2))
    installation.serve()
    installation.run("work")
    xml = FULL.read_bytes()

    stock.sign_in()
    stock.ask("init")
    large = xml.replace(b"</", b" " * 2000 + b"</")  # megabytes, as one piece
    assert stock.send("v8.zip", archive_of(orders=large)) == [b"success"]
    module.begin_as_module()
    module.send("orders.xml", xml, 700)
    answers = []
    end = time.monotonic() + 60
    while not answers or (answers[-1][0] == "progress" and time.monotonic() < end):
        answers.append(module.ask("import", filename="orders.xml").lines)

    assert answers[-1] == ["success", "Принято записей: 7"]
    assert len(installation.rows("SELECT id FROM interaction")) == 4
    assert stock.ask("query").body.startswith(b"<?xml")
    assert secret not in installation.output()


@ON_FILES
def test_an_upload_cut_off_at_the_default_server_leaves_nothing_and_the_piece_comes_again(
    install: Callable[..., Installation],  # noqa: F811
) -> None:
    installation = install()
    said = installation.flask("connection", "add", "1C", "--kind", "onec")
    [(path, login, secret)] = re.findall(r"(/1c/exchange/\S+)\s[^:]+: (\S+)\s[^:]+: (\S+)", said)
    base = Client(installation.address, SimpleNamespace(login=login, secret=secret), path=path)
    installation.serve()
    installation.run("work")
    xml = FULL.read_bytes()
    half = len(xml) // 2
    base.sign_in()
    base.ask("init")
    assert base.send("orders.xml", xml[:half]) == [b"success"]

    for said in (0, 900, len(xml) - half - 1):
        for linger in (b"", struct.pack("ii", 1, 0)):  # closed, and reset as by a firewall
            _cut_off(base, xml[half:], said=said, linger=linger)

    assert base.send("orders.xml", xml[half:]) == [b"success"]
    end = time.monotonic() + 60
    while len(installation.rows("SELECT id FROM interaction")) < 4 and time.monotonic() < end:
        time.sleep(0.2)
    assert len(installation.rows("SELECT id FROM interaction")) == 4
    assert installation.rows("SELECT count(*) FROM import_batch") == [(1,)]
    assert "Traceback" not in installation.output()


def _cut_off(base: Client, piece: bytes, *, said: int, linger: bytes) -> None:
    """Begin to send a piece, and go away after some bytes of it."""
    host, _, port = base.address.removeprefix("http://").partition(":")
    head = "".join(f"{name}: {value}\r\n" for name, value in base.headers.items())
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        if linger:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raw.sendall(
            f"POST {base.path}?type=sale&mode=file&filename=orders.xml HTTP/1.1\r\nHost: x\r\n{head}"
            f"Content-Length: {len(piece)}\r\n\r\n".encode()
            + piece[:said]
        )
