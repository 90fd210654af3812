"""A real SMTP server for tests: keeps what arrives, and fails on demand."""

import asyncio
import email
import email.policy
import socket
import threading
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MailServer:
    """Letters that arrived are in `letters`; `refuse` answers recipients, `drop_after_data` hangs up after them."""

    def __init__(self) -> None:
        self.port = free_port()
        self.letters: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.refuse: dict[str, str] = {}
        self.drop_after_data = False
        self.arrived = threading.Event()
        self._controller: Controller | None = None

    def start(self) -> "MailServer":
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=10)
        self._controller.start()
        return self

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.refuse.get(address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content: Any = envelope.content
        self.letters.append(email.message_from_bytes(content, policy=email.policy.default))
        self.envelopes.append(envelope)
        self.arrived.set()
        if self.drop_after_data:
            server.transport.abort()
            await asyncio.sleep(0)
        return "250 accepted"

    def ids(self) -> list[str]:
        """Message-IDs of what arrived, in order."""
        return [letter["Message-ID"] for letter in self.letters]
