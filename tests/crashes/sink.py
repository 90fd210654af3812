"""Where the letters of the crash runs arrive: only their ids, times and links are kept."""

import asyncio
import email
import email.policy
import re
import time
from collections import Counter

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.mailserver import MailServer

LINK = re.compile(r"/r/([\w-]{16,})")
SHORT_LINK = re.compile(r"/s/(\w+)")
SLOWNESS_S = 0.006  # a letter travels for a moment, so that some are on their way when a process dies


class Sink(MailServer):
    """A mail server that remembers of every letter its Message-ID, its time, what it refers to, and its link."""

    def __init__(self) -> None:
        super().__init__()
        self.times: dict[str, list[float]] = {}
        self.links: dict[str, str] = {}
        """Token of the survey link → Message-ID."""
        self.references: dict[str, set[str]] = {}
        """Message-ID → what the copies of that letter refer to; "": to none."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)  # type: ignore[arg-type]
        id_ = letter["Message-ID"]
        self.times.setdefault(id_, []).append(time.time())
        self.references.setdefault(id_, set()).add(str(letter["References"] or ""))
        body = letter.get_body(("plain",))
        if body and (found := LINK.search(body.get_content())):
            self.links.setdefault(found.group(1), id_)
        await asyncio.sleep(SLOWNESS_S)
        return "250 accepted"

    def repeated(self) -> Counter[str]:
        """Message-IDs that came more than once, with the number of copies too many."""
        return Counter({id_: len(times) - 1 for id_, times in self.times.items() if len(times) > 1})
