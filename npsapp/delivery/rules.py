"""The post office's decisions: states, retry calendar, what an SMTP answer means, pace of sending."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from npsapp.lib.texts import N_, Worded


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"
    PHONE = "phone"
    EXTERNAL = "external"
    """An own app, push or messenger, which fetches what is due."""


class Purpose(StrEnum):
    """Why a message exists. Staff and password letters are never paused."""

    INVITATION = "invitation"
    REMINDER = "reminder"
    STAFF = "staff"
    PASSWORD = "password"  # noqa: S105 - a purpose, not a secret
    TEST = "test"

    @property
    def to_customer(self) -> bool:
        return self in {Purpose.INVITATION, Purpose.REMINDER}


class State(StrEnum):
    """Where a message is (decisions: message states)."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DELIVERED = "delivered"
    BOUNCED = "bounced"

    @property
    def label(self) -> str:
        return _STATE_LABELS[self]

    @property
    def final(self) -> bool:
        """Nothing more will be done by the program; receipts may still come."""
        return self in {State.SENT, State.FAILED, State.EXPIRED, State.CANCELLED, State.DELIVERED, State.BOUNCED}


_STATE_LABELS = {
    State.QUEUED: N_("waiting"),
    State.CLAIMED: N_("about to be sent"),
    State.SENDING: N_("being sent"),
    State.SENT: N_("sent"),
    State.UNKNOWN: N_("unknown: the connection broke"),
    State.FAILED: N_("failed"),
    State.EXPIRED: N_("expired"),
    State.CANCELLED: N_("cancelled"),
    State.DELIVERED: N_("delivered"),
    State.BOUNCED: N_("returned"),
}


class SuppressionReason(StrEnum):
    """Why we do not write to an address."""

    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINT = "complaint"
    NOT_MINE = "not_mine"
    BY_HAND = "by_hand"


class PauseKind(StrEnum):
    """What a pause stops."""

    EVERYTHING = "everything"
    BRAND = "brand"
    REGION = "region"
    SURVEY = "survey"
    SENDER = "sender"


class PauseCause(StrEnum):
    """Why sending stopped: somebody said so, or the database may be a copy whose letters have left elsewhere."""

    BY_HAND = "by_hand"
    RESTORED = "restored"
    MOVED = "moved"


class Security(Worded):
    """How a connection to a mail server is protected; certificates are always checked."""

    NONE = "none", N_("none (only inside the own network)")
    STARTTLS = "starttls", N_("STARTTLS (usually port 587)")
    TLS = "tls", N_("TLS from the first byte (usually port 465)")


# Waiting times after a temporary failure, in seconds: soon, then patiently, about 30 hours in all.
RETRY_AFTER_S = (60, 120, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200)
BATCH_SIZE = 100


@dataclass(frozen=True)
class Failure:
    """What a failed try means for the message."""

    permanent: bool
    words: str
    suppress: bool = False
    """The address itself is dead (RFC 3463 5.1.x, 5.2.1)."""


def retry_at(attempts: int, *, now: datetime) -> datetime | None:
    """When to try again after `attempts` failed tries, or None when the calendar has ended."""
    if attempts > len(RETRY_AFTER_S):
        return None
    return now + timedelta(seconds=RETRY_AFTER_S[max(attempts, 1) - 1])


def read_smtp_answer(status: int, words: str) -> Failure:
    """The meaning of an SMTP refusal: 4xx comes back later, 5xx is final (RFC 5321, 4.2.1).

    5.1.x and 5.2.1 say that the address is dead; 5.7.x is about our reputation and never kills the address.
    """
    dead = status >= 500 and any(mark in words for mark in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"))
    return Failure(permanent=status >= 500, words=f"{status} {words}"[:300], suppress=dead)


def tokens(next_free_at: datetime, *, now: datetime, per_minute: int, burst: int) -> int:
    """How many messages may leave now: GCRA with an allowance of `burst` (0 per minute: no limit)."""
    if per_minute <= 0:
        return burst
    interval = timedelta(minutes=1) / per_minute
    earliest = max(next_free_at, now - interval * burst)
    return max(0, min(burst, int((now - earliest) / interval)))
