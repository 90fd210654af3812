"""A Postfix of the tests' own: a receiving server from a temporary folder, on a free loopback port, gone afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.mailserver import free_port, make_certificate

DOMAIN = "customers.example"
BOUNCES = "bounces.example"
ELSEWHERE = "elsewhere.example"
WITHIN_S = 15
BOXES = 50
# Whoever owns mailboxes and runs commands may be neither root nor Postfix itself.
POSTMAN = "nobody"
SERVICES = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
returned unix - n n - - pipe flags=R user={postman} argv=/bin/sh {folder}/take {folder}/returned ${{recipient}}
"""
SETTINGS = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail
maillog_file_prefixes = {folder}
myhostname = mx.{domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {certificate}
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
relay_domains = {bounces} {elsewhere}
transport_maps = texthash:{folder}/transport
maximal_queue_lifetime = 0
bounce_queue_lifetime = 0
alias_maps =
fast_flush_domains =
"""


class Postfix:
    """Start with `start()`, get mailboxes with `address()`, end with `stop()`.

    Letters to DOMAIN come into mailboxes; those to ELSEWHERE go on to the port `beyond`, and are returned at once where
    nobody listens there. What is sent to BOUNCES, the returned ones too, is piped into a command: read it with
    `returned()`.
    """

    def __init__(self) -> None:
        assert os.geteuid() == 0, "Postfix can be started by root only"
        self.port, self.beyond = free_port(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="npsapp-postfix-"))
        self.certificate = make_certificate(self.folder)
        self._numbers = iter(range(BOXES))

    def start(self) -> "Postfix":
        who = pwd.getpwnam(POSTMAN)
        self.folder.chmod(0o755)
        owners = {"queue": "root", "log": "root", "data": "postfix", "mail": POSTMAN, "returned": POSTMAN}
        for name, owner in owners.items():
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, owner)
        values = {"folder": self.folder, "port": self.port, "domain": DOMAIN, "bounces": BOUNCES, "uid": who.pw_uid}
        values |= {"elsewhere": ELSEWHERE, "certificate": self.certificate, "gid": who.pw_gid, "postman": POSTMAN}
        (self.folder / "main.cf").write_text(SETTINGS.format(**values))
        (self.folder / "master.cf").write_text(SERVICES.format(**values))
        (self.folder / "transport").write_text(f"{BOUNCES} returned:\n{ELSEWHERE} smtp:[127.0.0.1]:{self.beyond}\n")
        (self.folder / "boxes").write_text("".join(f"box{number}@{DOMAIN} box{number}/\n" for number in range(BOXES)))
        (self.folder / "take").write_text('cat > "$1/.$$" && mv "$1/.$$" "$1/$2"\n')
        self._run("start")
        self._await(self._answers, "Postfix answers")
        return self

    def stop(self) -> None:
        self._run("abort")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, what: str) -> None:
        done = subprocess.run([_program(), "-c", str(self.folder), what], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + self.log()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as answering:
            return answering.recv(100).startswith(b"220")
        return False

    def _await(self, happened: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + WITHIN_S
        while time.monotonic() < end:
            if found := happened():
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited in vain: {what}\n{self.log()}")

    def log(self) -> str:
        file = self.folder / "log" / "mail"
        return file.read_text() if file.exists() else ""

    def address(self) -> str:
        """An address with a mailbox that nobody was given before."""
        return f"box{next(self._numbers)}@{DOMAIN}"

    def letters(self, address: str, *, count: int = 1) -> list[EmailMessage]:
        """What lies in a mailbox, once so many letters have come."""
        box = self.folder / "mail" / address.partition("@")[0] / "new"
        self._await(lambda: len(list(box.glob("*"))) >= count, f"{count} letters")
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in sorted(box.glob("*"))]  # type: ignore[misc]

    def returned(self) -> tuple[str, bytes]:
        """The next letter to BOUNCES: the address it came to, and all of it."""
        file = self._await(lambda: next((self.folder / "returned").glob("[!.]*"), None), "a letter comes back")
        raw = file.read_bytes()
        file.unlink()
        return file.name, raw


def _program() -> str:
    found = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert found, "Postfix is missing: apt-get install postfix"
    return found
