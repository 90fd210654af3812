"""A real SMTP server for tests: keeps what arrives, and fails on demand."""

import asyncio
import email
import email.policy
import socket
import ssl
import subprocess
import threading
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

DROP, HANG = "drop", "hang"
HANG_S = 1.0
_reserved: list[socket.socket] = []


def free_port() -> int:
    """A loopback port that is nobody else's until this process ends, also while no server listens on it.

    It stays bound to a socket that does not listen. A server may bind it as well, because both say SO_REUSEADDR
    (this one after binding, so that it was free); the kernel gives it to nobody who asks for any port.
    """
    keeper = socket.socket()
    keeper.bind(("127.0.0.1", 0))
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _reserved.append(keeper)
    return int(keeper.getsockname()[1])


def make_certificate(folder: Path) -> Path:
    """A certificate for this machine that nobody else vouches for, with its key in the same file."""
    file = folder / "mail.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(file), "-out", f"{file}.crt"]
        + ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
        check=True,
        capture_output=True,
    )
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


class _Controller(Controller):
    """Lets people sign in on a connection that began with TLS, too: aiosmtpd sees only STARTTLS."""

    def factory(self) -> SMTP:
        server = super().factory()
        server._auth_require_tls = False
        return server


class MailServer:
    """Letters that arrived are in `letters`; `refuse` answers recipients.

    `faults` says, for the verbs MAIL, RCPT and DATA, what happens at the next ones: an ordinary answer (""), a
    line of SMTP, DROP or HANG. After DATA the letter has arrived all the same, unless the line refuses it. With 421
    the connection ends (RFC 5321, 3.8).

    With a `certificate` it speaks TLS from the first byte, or after STARTTLS; with a `login` (user, password) it takes
    letters from nobody else, and keeps what was tried in `logins`.
    """

    def __init__(
        self,
        *,
        login: tuple[str, str] | None = None,
        certificate: Path | None = None,
        starttls: bool = False,
        port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.login, self.logins = login, []  # type: ignore[var-annotated]
        self.options: dict[str, Any] = {}
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.options = {"tls_context": context, "require_starttls": True} if starttls else {"ssl_context": context}
        if login:
            self.options |= {"authenticator": self._authenticate, "auth_required": True}
        self.letters: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.refuse: dict[str, str] = {}
        self.faults: dict[str, list[str]] = {}
        self.arrived = threading.Event()
        self._controller: Controller | None = None

    def start(self) -> "MailServer":
        self._controller = _Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=10, **self.options)
        self._controller.start()
        return self

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    def _authenticate(self, *asked: Any) -> AuthResult:
        given: LoginPassword = asked[-1]
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=self.logins[-1] == self.login, handled=False)

    async def _fault(self, verb: str, server: SMTP) -> str | None:
        """What to say instead; None for the ordinary answer."""
        todo = self.faults.get(verb)
        how = todo.pop(0) if todo else None
        if how == DROP:
            server.transport.abort()
        elif how == HANG:
            await asyncio.sleep(HANG_S)
        elif how and how.startswith("421"):
            asyncio.get_running_loop().call_later(0.01, server.transport.close)
        return how

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await self._fault("MAIL", server):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await self._fault("RCPT", server) or self.refuse.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content: Any = envelope.content
        if (self.faults.get("DATA") or [""])[0] in ("", DROP, HANG):
            self.letters.append(email.message_from_bytes(content, policy=email.policy.default))
            self.envelopes.append(envelope)
            self.arrived.set()
        return await self._fault("DATA", server) or "250 accepted"

    def ids(self) -> list[str]:
        """Message-IDs of what arrived, in order."""
        return [letter["Message-ID"] for letter in self.letters]
