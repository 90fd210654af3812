"""What a score means, what a visitor may send, and how often."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, ip_address, ip_network
from threading import Lock

from npsapp.invitations.rules import InvitationState
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_

LOWEST_SCORE = 0
HIGHEST_SCORE = 10
# Bounds by Bain, https://www.netpromotersystem.com/about/measuring-your-net-promoter-score/
LOWEST_PASSIVE = 7
LOWEST_PROMOTER = 9


class Group(StrEnum):
    """Promoter 9-10, passive 7-8, detractor 0-6."""

    PROMOTER = "promoter"
    PASSIVE = "passive"
    DETRACTOR = "detractor"

    @property
    def label(self) -> str:
        """The untranslated wording of the group for people."""
        return GROUP_LABELS[self]


GROUP_LABELS = {
    Group.PROMOTER: N_("Promoter"),
    Group.PASSIVE: N_("Passive"),
    Group.DETRACTOR: N_("Detractor"),
}


def scores_of(group: Group) -> range:
    """The scores that belong to a group, in order."""
    return {
        Group.DETRACTOR: range(LOWEST_SCORE, LOWEST_PASSIVE),
        Group.PASSIVE: range(LOWEST_PASSIVE, LOWEST_PROMOTER),
        Group.PROMOTER: range(LOWEST_PROMOTER, HIGHEST_SCORE + 1),
    }[group]


def classify(score: int) -> Group:
    """The group of a score; anything but an integer from 0 to 10 is a ValueError, true and false too."""
    if type(score) is not int or not LOWEST_SCORE <= score <= HIGHEST_SCORE:
        raise ValueError(f"not a score from 0 to 10: {score!r}")
    if score >= LOWEST_PROMOTER:
        return Group.PROMOTER
    if score >= LOWEST_PASSIVE:
        return Group.PASSIVE
    return Group.DETRACTOR


# ---- what a visitor sends ----------------------------------------------------------------------

COMMENT_MAX = 5000  # characters (code points), counted after line ends became one character
_SCORE = re.compile(r"10|[0-9]")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
# Control characters no text needs; PostgreSQL cannot store NUL at all. Tab and line feed stay.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class NotAScore(Refused):
    """Something other than an integer from 0 to 10 was sent as a score."""

    code = "not_a_score"
    wording = N_("Please choose a number from 0 to 10.")


class TooLong(Refused):
    """The comment has more than `COMMENT_MAX` characters."""

    code = "too_long"
    wording = N_("Please shorten your text: it has %(count)s characters, at most %(limit)s can be saved.")


def score_or_none(text: str) -> int | None:
    """The score written as `0` … `10` in plain digits; None for all else ("07", "+7", "7.0", "")."""
    return int(text) if _SCORE.fullmatch(text) else None


def looks_like_token(text: str) -> bool:
    """Whether it is worth asking the database for this token."""
    return _TOKEN.fullmatch(text) is not None


def comment_from(text: str) -> str:
    """The words to store: one kind of line end, no control characters, no blank edges. May raise TooLong."""
    plain = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(plain) > COMMENT_MAX:
        raise TooLong(count=len(plain), limit=COMMENT_MAX)
    return plain


# ---- how often, how long -----------------------------------------------------------------------

NONCE_MAX_AGE = timedelta(days=2)  # a page may stay open over a night and a day
FINISHED_AFTER = timedelta(minutes=15)  # decisions.md 21
TRIES = 120  # a page that saves by itself sends a handful; fifty tabs answering at once are still no attack
TRIES_WINDOW = timedelta(minutes=10)


class Turnstile:
    """Lets `TRIES` acts per key pass within `TRIES_WINDOW`; lives in one process and forgets what is old.

    It spares the database from a link that is hammered; the limit of right and wrong is drawn elsewhere.
    """

    def __init__(self, tries: int = TRIES, window: timedelta = TRIES_WINDOW, keys: int = 10_000) -> None:
        self._tries, self._window, self._keys = tries, window, keys
        self._passed: dict[str, list[datetime]] = {}
        self._lock = Lock()

    def passes(self, key: str, *, now: datetime) -> bool:
        """Count one act of `key`; False when it had too many lately."""
        with self._lock:
            recent = [moment for moment in self._passed.pop(key, []) if moment > now - self._window]
            if len(self._passed) >= self._keys:
                self._passed.pop(next(iter(self._passed)))
            allowed = len(recent) < self._tries
            self._passed[key] = [*recent, now] if allowed else recent
            return allowed


# ---- where a link leads --------------------------------------------------------------------------------------


class Way(StrEnum):
    """Where a link leads now."""

    OPEN = "open"
    CLOSED = "closed"
    NOT_MINE = "not_mine"
    NOWHERE = "nowhere"


def way(state: InvitationState, valid_until: datetime | None, *, now: datetime) -> Way:
    """Where the link of an invitation leads; one that never left leads nowhere, like an unknown one."""
    if state in (InvitationState.PLANNED, InvitationState.EXCLUDED):
        return Way.NOWHERE
    over = valid_until is not None and valid_until <= now
    if over or state in (InvitationState.EXPIRED, InvitationState.WITHDRAWN):
        return Way.CLOSED
    return Way.NOT_MINE if state is InvitationState.NOT_MINE else Way.OPEN


# ---- whose answer counts (decisions.md 19) -------------------------------------------------------------------

SAME_ACT = timedelta(minutes=10)
VOID_REASON_MAX = 500  # characters
DISOWNED = N_("The customer says this was not their purchase.")  # stored as the reason of a void
DISPUTES_KEPT = 20  # per answer; a link passed around in a chat must not fill the database


@dataclass(frozen=True)
class Said:
    """What one POST says; `comment` and `contact` None mean that it says nothing about them."""

    score: int
    comment: str | None = None
    contact: bool | None = None


def differs(stored: Said, said: Said) -> list[str]:
    """The names of what `said` would change: score, comment, contact."""
    changed = ["score"] if said.score != stored.score else []
    if said.comment is not None and said.comment != (stored.comment or ""):
        changed.append("comment")
    if said.contact is not None and said.contact != stored.contact:
        changed.append("contact")
    return changed


def is_same_act(
    stored: Said, said: Said, *, confirmed_at: datetime, opened_at: datetime, now: datetime
) -> bool:
    """Whether a POST without the right to edit is the very act that answered: a double click, a repeated request.

    Its page was there before the answer, it comes soon after, with the same score, and takes no words away.
    """
    timely = is_same_page(confirmed_at=confirmed_at, opened_at=opened_at, now=now)
    adds_only = not stored.comment or said.comment in (None, "", stored.comment)
    return timely and said.score == stored.score and adds_only


def is_same_page(*, confirmed_at: datetime, opened_at: datetime, now: datetime) -> bool:
    """Whether a page without the right to edit was there before the answer, a short while ago."""
    return opened_at <= confirmed_at and now - confirmed_at <= SAME_ACT


def promises_a_call(score: int, contact: bool | None) -> bool:
    """Whether the thanks may say that somebody will call: asked for, or a detractor who did not decline."""
    return contact is True or (contact is None and classify(score) is Group.DETRACTOR)


# ---- what a link shows of its visitor: prefixes and classes, no identity -------------------------------------


def network_of(address: str | None) -> str:
    """The network prefix of an address: /24 of IPv4, /48 of IPv6; empty when there is none."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return ""
    return str(ip_network((parsed, 24 if isinstance(parsed, IPv4Address) else 48), strict=False))


_AGENTS = (
    (
        "scanner",
        re.compile(r"bot|crawl|spider|scan|preview|proofpoint|barracuda|mimecast|safelinks|headless", re.I),
    ),
    ("program", re.compile(r"curl|wget|python|java/|okhttp|go-http|libwww|httpclient|node|axios", re.I)),
    ("phone", re.compile(r"mobile|android|iphone|ipad", re.I)),
    ("desktop", re.compile(r"mozilla", re.I)),
)


def agent_class(agent: str | None) -> str:
    """The class of a browser or program: scanner, program, phone, desktop or unknown."""
    return next((name for name, pattern in _AGENTS if pattern.search(agent or "")), "unknown")


# ---- what staff look for -------------------------------------------------------------------------------------


class Words(StrEnum):
    """Whether an answer has a comment."""

    WITH = "with"
    WITHOUT = "without"

    @property
    def label(self) -> str:
        return _WORDS_LABELS[self]


_WORDS_LABELS = {Words.WITH: N_("with a comment"), Words.WITHOUT: N_("without a comment")}


class Reading(StrEnum):
    """Whether somebody of the staff has looked at an answer."""

    UNREAD = "unread"
    READ = "read"

    @property
    def label(self) -> str:
        return _READING_LABELS[self]


_READING_LABELS = {Reading.UNREAD: N_("unread"), Reading.READ: N_("read")}


class Standing(StrEnum):
    """Answers that need a second look."""

    DISPUTED = "disputed"
    VOIDED = "voided"
    CONTACT = "contact"

    @property
    def label(self) -> str:
        return _STANDING_LABELS[self]


_STANDING_LABELS = {
    Standing.DISPUTED: N_("disputed"),
    Standing.VOIDED: N_("not counted"),
    Standing.CONTACT: N_("wants to be contacted"),
}


@dataclass(frozen=True)
class Filters:
    """Which answers are asked for; None and empty mean all. Days are local days of the answer, both inclusive."""

    group: Group | None = None
    segment_id: int | None = None
    region_id: int | None = None
    touchpoint_id: int | None = None
    words: Words | None = None
    reading: Reading | None = None
    standing: Standing | None = None
    since: date | None = None
    until: date | None = None
    search: str = ""
