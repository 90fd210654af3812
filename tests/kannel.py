"""A Kannel of the tests' own, with two operators: one that delivers everything, and one that fails on demand."""

import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote_to_bytes

from tests.mailserver import free_port

USER, PASSWORD = "nps", "np&s pw"
START_WITHIN_S = 15
FAKE_OPERATOR = "/usr/lib/kannel/test/fakesmsc"

CONFIG = """
group = core
admin-interface = "127.0.0.1"
admin-port = {admin}
admin-password = adminpw
status-password = statuspw
smsbox-interface = "127.0.0.1"
smsbox-port = {boxes}
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
log-file = "{folder}/bearerbox.log"
log-level = 0
store-type = file
store-location = "{folder}/store.dat"
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake1
host = 127.0.0.1
our-host = "127.0.0.1"
port = {fake}
connect-allow-ip = "127.0.0.1"
denied-prefix = "38099"

group = smsc
smsc = http
smsc-id = stub
system-type = generic
our-host = "127.0.0.1"
port = {receipts}
connect-allow-ip = "127.0.0.1"
smsc-username = u
smsc-password = p
send-url = "http://127.0.0.1:{operator}/mt?from=%P&to=%p&text=%b"
status-success-regex = "^ok"
status-permfail-regex = "^permfail"
status-tempfail-regex = "^tempfail"
generic-foreign-id-regex = "id=([0-9a-z]+)"
allowed-prefix = "38099"

group = smsbox
smsbox-id = nps
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
sendsms-interface = "127.0.0.1"
sendsms-port = {send}
sendsms-chars = "0123456789+"
global-sender = 0000
log-file = "{folder}/smsbox.log"
log-level = 0
http-request-retry = 5
http-queue-delay = 1

group = sendsms-user
username = nps
password = "np&s pw"
user-deny-ip = "*.*.*.*"
user-allow-ip = "127.0.0.1"
max-messages = 5
concatenation = true
"""


class KannelServer:
    """Numbers +38067… go to an operator that delivers, +38099… to one that fails on demand.

    There ...16 is refused at once (report 16), ...02 is accepted and not delivered (report 2), else delivered.
    `texts()` is what phones of the first operator show, `operated` the numbers that reached the second one. What it
    calls at `public_url` (reports) is only kept, for the test to pass on when and how often it likes.
    """

    def __init__(self) -> None:
        assert shutil.which("bearerbox", path="/usr/sbin:/usr/bin"), "Kannel is missing: apt-get install kannel"
        assert Path(FAKE_OPERATOR).exists(), "Kannel's fake operator is missing: apt-get install kannel-extras"
        self.folder = Path(tempfile.mkdtemp(prefix="npsapp-kannel-"))
        names = ("admin", "boxes", "fake", "receipts", "operator", "send", "incoming")
        self.ports = {name: free_port() for name in names}
        self.url = f"http://127.0.0.1:{self.ports['send']}/cgi-bin/sendsms"
        self.public_url = f"http://127.0.0.1:{self.ports['incoming']}"
        self.operated: list[str] = []
        self.called: list[str] = []
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._listening: list[ThreadingHTTPServer] = []

    def start(self) -> "KannelServer":
        (self.folder / "kannel.conf").write_text(CONFIG.format(folder=self.folder, **self.ports))
        self._listening = [listen(self.ports["operator"], self._operate), listen(self.ports["incoming"], self._hear)]
        self._run("bearerbox", "/usr/sbin/bearerbox", "-v", "4", str(self.folder / "kannel.conf"))
        self._await(self.ports["boxes"])
        self._run("fake", FAKE_OPERATOR, "-H", "127.0.0.1", "-r", str(self.ports["fake"]), "-m", "0", "1 2 text x")
        self.start_smsbox()
        return self

    def start_smsbox(self) -> None:
        """The part of Kannel that takes messages in; without it nobody answers at `url`."""
        self._run("smsbox", "/usr/sbin/smsbox", "-v", "4", str(self.folder / "kannel.conf"))
        self._await(self.ports["send"])

    def stop_smsbox(self) -> None:
        self._end("smsbox")

    def _run(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as out:
            self.running[name] = subprocess.Popen(command, stdout=out, stderr=out, cwd=self.folder)

    def _await(self, port: int) -> None:
        """Until somebody listens, seen in the kernel's table: a connection would look like a box or an operator."""
        end = time.monotonic() + START_WITHIN_S
        listening = f"0100007F:{port:04X} 00000000:0000 0A"
        while time.monotonic() < end:
            if listening in Path("/proc/net/tcp").read_text():
                return
            time.sleep(0.05)
        raise AssertionError(f"Kannel does not start: {self._said()}")

    def _said(self) -> str:
        return "".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.out"))

    def texts(self) -> list[str]:
        """What phones of the operator that delivers show, oldest first; see `_text`."""
        said = (self.folder / "fake.out").read_text(errors="replace")
        return [_text(line.partition(" Got message ")[2]) for line in said.splitlines() if " Got message " in line]

    def _operate(self, path: str) -> str:
        """The operator that fails on demand takes a message, and reports a moment later."""
        to = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)["to"][0]
        self.operated.append(to)
        if to.endswith("16"):
            return "permfail bad number"
        threading.Thread(target=_receipt, args=(self, to), daemon=True).start()
        return f"ok id=m{to}"

    def _hear(self, path: str) -> str:
        self.called.append(path)
        return "ok"

    def calls(self, *parts: str) -> list[str]:
        """What was called since the last time, as soon as there is a call for each of these parts of addresses."""
        end = time.monotonic() + START_WITHIN_S
        while time.monotonic() < end:
            if all(sum(wanted in path for path in self.called) >= parts.count(wanted) for wanted in parts):
                found, self.called = self.called, []
                return found
            time.sleep(0.05)
        raise AssertionError(f"not all of {parts} were called: {self.called}")

    def stop(self) -> None:
        for name in ("smsbox", "fake", "bearerbox"):
            self._end(name)
        for one in self._listening:
            one.shutdown()
            one.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, name: str) -> None:
        if process := self.running.pop(name, None):
            process.kill()
            process.wait(5)


def _text(message: str) -> str:
    """The words in "1: <NPS 380670000001 ucs-2 %04%1E…>": UCS-2 as escaped bytes, or plain."""
    kind, _, said = message.partition("<")[2].removesuffix(">").partition(" ")[2].partition(" ")[2].partition(" ")
    return unquote_to_bytes(said.replace("+", " ")).decode("utf-16-be") if kind == "ucs-2" else said


def listen(port: int, answer: Callable[[str], str]) -> ThreadingHTTPServer:
    """A web server that answers a path with words."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            words = answer(self.path).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _receipt(kannel: KannelServer, to: str) -> None:
    time.sleep(0.3)
    failed = to.endswith("02")
    said = {"username": "u", "password": "p", "from": to, "to": "NPS", "dlr-mid": f"m{to}"}
    said |= {"dlr-mask": "2" if failed else "1", "text": f"id:m{to} stat:{'UNDELIV' if failed else 'DELIVRD'}"}
    address = f"http://127.0.0.1:{kannel.ports['receipts']}/?{urllib.parse.urlencode(said)}"
    with suppress(OSError), urllib.request.urlopen(address, timeout=10) as answer:
        answer.read()
