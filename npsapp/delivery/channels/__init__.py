"""Channels: each sends one letter with one verb, and fails with one error."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from npsapp.delivery.rules import Failure, Security


class Fate(StrEnum):
    """What became of a letter that was not plainly accepted."""

    REFUSED = "refused"
    """The server said no to this letter; others may go."""
    NO_CONNECTION = "no_connection"
    """Nothing was handed over; the whole batch waits."""
    UNKNOWN = "unknown"
    """The connection died after the letter was on its way: it may have arrived."""


class ChannelError(Exception):
    """A letter that was not accepted, what became of it, and what the server said."""

    def __init__(self, fate: Fate, failure: Failure) -> None:
        super().__init__(failure.words)
        self.fate = fate
        self.failure = failure


class Stays(Exception):  # noqa: N818 - nothing is wrong
    """The letter may not leave after all, and nothing of it did."""


@dataclass(frozen=True)
class From:
    """Who writes the letters of a batch."""

    name: dict[str, str]
    """Per language."""
    address: str
    reply_to: str
    bounce_address: str


@dataclass(frozen=True)
class Outgoing:
    """A letter as a channel needs it, independent of the database session."""

    id: int
    name: str
    """Stable file name stem for channels that write files."""
    from_name: str
    from_address: str
    reply_to: str
    to_name: str
    to_address: str
    subject: str
    body: str
    html: str
    message_id: str
    unsubscribe_url: str
    cyrillic: bool
    refers_to: str = ""
    """Message-ID of an earlier letter; empty: of none."""
    bounce_address: str = ""
    """Where servers return it to, without its token; empty: to the author's address."""
    feedback_id: str = ""
    """What providers count complaints by; empty: nothing."""


@dataclass(frozen=True)
class Server:
    """A mail server and how to sign in there; without a user name nobody signs in."""

    host: str
    port: int
    security: Security
    username: str = ""
    password: str | None = field(default="", repr=False)
    """None: one is stored, and cannot be read with the installation's present keys."""


class OpenChannel(Protocol):
    """A channel with its connection open."""

    def send(self, letter: Outgoing, leaves: Callable[[], bool]) -> str | None:
        """Hand over one letter, or raise ChannelError. Gives the id by which a gateway will speak of it, if any.

        `leaves` is asked before what cannot be taken back: it waits until the database knows, and may say no (Stays).
        """

    def close(self) -> None:
        """End the connection; never raises."""
