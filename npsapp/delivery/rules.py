"""The post office's decisions: states, retry calendar, what an SMTP answer means, pace of sending."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from npsapp.delivery import refusals
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


class Stop(Worded):
    """Why nothing leaves to a domain, or from a sender."""

    SLOW = "slow", N_("the provider asked us to wait")
    REPUTATION = "reputation", N_("the provider refuses our letters")
    ERRORS = "errors", N_("several errors in a row")


class Security(Worded):
    """How a connection to a mail server is protected; certificates are always checked."""

    NONE = "none", N_("none (only inside the own network)")
    STARTTLS = "starttls", N_("STARTTLS (usually port 587)")
    TLS = "tls", N_("TLS from the first byte (usually port 465)")


class GatewayKind(Worded):
    """What takes the SMS of a sender."""

    KANNEL = "kannel", N_("Kannel")
    HTTP = "http", N_("HTTP gateway of a provider")


# Waiting times after a temporary failure, in seconds: soon, then patiently, about 30 hours in all.
RETRY_AFTER_S = (60, 120, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200)
BATCH_SIZE = 100
UNLIMITED = 1_000_000
FAULTS_OF_DOMAIN = 5  # temporary refusals in a row, after which a domain waits
FAULTS_OF_SENDER = 10  # lost connections and refusals by different domains in a row, after which a sender waits
PROBE_LASTS = timedelta(minutes=15)
_STOPS = {
    Stop.SLOW: (timedelta(minutes=5), timedelta(hours=4)),
    Stop.REPUTATION: (timedelta(days=1), timedelta(days=1)),
    Stop.ERRORS: (timedelta(minutes=15), timedelta(hours=4)),
}


@dataclass(frozen=True)
class Failure:
    """What a failed try means for the message."""

    permanent: bool
    words: str
    status: str = ""
    """As RFC 3463 writes it ("5.1.1"); empty when nobody answered."""
    ours: bool = False
    """No message of this sender can leave (password, credit): it stops until somebody has looked."""


def retry_at(attempts: int, *, now: datetime) -> datetime | None:
    """When to try again after `attempts` failed tries, or None when the calendar has ended."""
    if attempts > len(RETRY_AFTER_S):
        return None
    return now + timedelta(seconds=RETRY_AFTER_S[max(attempts, 1) - 1])


def read_smtp_answer(status: int, words: str) -> Failure:
    """The meaning of an SMTP refusal: 4xx comes back later, 5xx is final (RFC 5321, 4.2.1)."""
    enhanced = refusals.enhanced_status(status, words)
    return Failure(permanent=status >= 500, words=refusals.without_addresses(f"{status} {words}"), status=enhanced)


def tokens(next_free_at: datetime, *, now: datetime, per_minute: int, burst: int) -> int:
    """How many messages may leave now: GCRA with an allowance of `burst` (0 per minute: no limit)."""
    if per_minute <= 0:
        return burst
    interval = timedelta(minutes=1) / per_minute
    earliest = max(next_free_at, now - interval * burst)
    return max(0, min(burst, int((now - earliest) / interval)))


def spent(next_free_at: datetime, count: int, *, now: datetime, per_minute: int) -> datetime:
    """The next free moment after `count` messages were let go at a pace above 0, with a minute's worth at once."""
    interval = timedelta(minutes=1) / per_minute
    return max(next_free_at, now - interval * per_minute) + interval * count


def allowance(
    next_free_at: datetime, stopped_until: datetime | None, stops: int, *, now: datetime, per_minute: int
) -> int:
    """How many may leave now: none during a stop, one after it to try, else what the pace allows."""
    if stopped_until and stopped_until > now:
        return 0
    allowed = tokens(next_free_at, now=now, per_minute=per_minute, burst=per_minute or UNLIMITED)
    return min(1, allowed) if stops else allowed


def stop_lasts(cause: Stop, stops: int) -> timedelta:
    """How long the `stops`th stop in a row lasts: each twice as long as the one before, up to a bound."""
    first, most = _STOPS[cause]
    return min(first * int(2 ** min(stops - 1, 10)), most)


def must_wait(failure: Failure, faults: int) -> bool:
    """Whether a provider wants the whole domain to wait: it said so, or `faults` temporary refusals came in a row."""
    if failure.permanent:
        return False
    return failure.status.startswith("4.7.") or failure.words.startswith("421") or faults >= FAULTS_OF_DOMAIN
