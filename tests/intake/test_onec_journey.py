"""A 1C base meets a real installation: web process and worker, a database, and what the shell printed."""

import re
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
    installation.start("work")
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
