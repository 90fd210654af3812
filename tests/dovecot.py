"""A Dovecot server of the tests' own: from a temporary folder, on free loopback ports, gone afterwards."""

import imaplib
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

from tests.mailserver import free_port

USER, PASSWORD = "reports@shop.example", 'p"ass\\word'
START_WITHIN_S = 10

CONFIG = """
protocols = imap pop3
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail
mail_uid = {owner}
mail_gid = {owner_group}
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner_group} home={folder}/mail
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
    ssl = yes
  }}
}}
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


class DovecotServer:
    """Start with `start()`, put letters in with `deliver()`, end with `stop()`; `certificate` signs its TLS port."""

    def __init__(self) -> None:
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        self.program = shutil.which("dovecot", path=path)
        assert self.program, "Dovecot is missing: apt-get install dovecot-imapd"
        self.folder = Path(tempfile.mkdtemp(prefix="npsapp-dovecot-"))
        self.port, self.tls_port = free_port(), free_port()
        self.pop3_port, self.pop3s_port = free_port(), free_port()
        self.certificate = self.folder / "cert.pem"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "DovecotServer":
        root = os.geteuid() == 0
        mine = pwd.getpwuid(os.geteuid()).pw_name
        names = {"internal": "dovecot", "login": "dovenull", "owner": "nobody"} if root else {}
        names = {role: names.get(role, mine) for role in ("internal", "login", "owner")}
        groups = {f"{role}_group": _group(names[role]) for role in ("internal", "owner")}
        self.folder.chmod(0o755)
        (self.folder / "mail").mkdir()
        shutil.chown(self.folder / "mail", names["owner"]) if root else None
        (self.folder / "users").write_text(f"{USER}:{PASSWORD}\n")
        (self.folder / "users").chmod(0o644)
        self._make_certificate()
        places = {"folder": self.folder, "port": self.port, "tls_port": self.tls_port}
        places |= {"pop3_port": self.pop3_port, "pop3s_port": self.pop3s_port}
        (self.folder / "dovecot.conf").write_text(CONFIG.format(**places, **names, **groups))
        command = [str(self.program), "-F", "-c", str(self.folder / "dovecot.conf")]
        with (self.folder / "out").open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out)
        self._await_answer()
        return self

    def _make_certificate(self) -> None:
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        command += ["-keyout", str(self.folder / "key.pem"), "-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True)

    def _await_answer(self) -> None:
        end = time.monotonic() + START_WITHIN_S
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as answering:
                if answering.recv(100).startswith(b"* OK"):
                    return
            time.sleep(0.05)
        said = "".join(path.read_text() for path in (self.folder / "out", self.folder / "log") if path.exists())
        raise AssertionError(f"Dovecot does not start: {said}")

    def box(self, *, tls: bool = False) -> imaplib.IMAP4:
        """The mailbox as its owner opens it."""
        if tls:
            context = ssl.create_default_context(cafile=str(self.certificate))
            found: imaplib.IMAP4 = imaplib.IMAP4_SSL("localhost", self.tls_port, ssl_context=context)
        else:
            found = imaplib.IMAP4("127.0.0.1", self.port)
        found.login(USER, PASSWORD)
        return found

    def deliver(self, letter: EmailMessage | bytes) -> None:
        """Put a letter into the mailbox, unread."""
        with self.box() as box:
            kind, said = box.append("INBOX", "", "", letter if isinstance(letter, bytes) else letter.as_bytes())
            assert kind == "OK", said

    def flags(self, folder: str = "INBOX") -> list[bool]:
        """Of each letter in a folder, in the order of arrival, whether it was read."""
        with self.box() as box:
            if box.select(folder, readonly=True)[0] != "OK":
                return []
            numbers = box.search(None, "ALL")[1][0].split()
            return [b"\\Seen" in box.fetch(number, "(FLAGS)")[1][0] for number in numbers]

    def empty(self) -> None:
        """Delete all letters and folders."""
        with self.box() as box:
            for line in box.list()[1]:
                name = line.decode().partition(' "." ')[2]
                if name != "INBOX":
                    box.delete(name)
            if box.select("INBOX")[1] == [b"0"]:
                return
            box.store("1:*", "+FLAGS", r"\Deleted")
            box.expunge()

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)


def _group(user: str) -> str:
    return subprocess.run(["id", "-gn", user], check=True, capture_output=True, text=True).stdout.strip()
