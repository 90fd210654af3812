"""What a score means, what a visitor may send, and how often."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from npsapp.invitations.rules import InvitationState
from npsapp.lib.networks import network_of as network_of
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.responses import scanners

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
        return CHOICES["group"][self]


# What the list of answers may be narrowed to: argument in the address, its values, and their words.
CHOICES: dict[str, dict[str, str]] = {
    "group": {Group.PROMOTER: N_("Promoter"), Group.PASSIVE: N_("Passive"), Group.DETRACTOR: N_("Detractor")},
    "comment": {"with": N_("with a comment"), "without": N_("without a comment")},
    "old": {
        "with": N_("with imported answers"),
        "without": N_("without imported answers"),
        "only": N_("imported answers only"),
    },
    "open": {"with": N_("with open links"), "without": N_("by invitation only"), "only": N_("by open links only")},
    "read": {"unread": N_("unread"), "read": N_("read")},
    "state": {
        "counted": N_("counted"),
        "voided": N_("not counted"),
        "provisional": N_("not confirmed yet"),
        "check": N_("not confirmed yet, 0 to 6"),
        "promoted": N_("counted without confirmation"),
        "dropped": N_("dropped, perhaps a machine"),
        "disputed": N_("disputed"),
        "contact": N_("wants to be contacted"),
        "test": N_("tests"),
    },
}


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

    wording = N_("Please choose a number from 0 to 10.")


class TooLong(Refused):
    """The comment has more than `COMMENT_MAX` characters."""

    wording = N_("Please shorten your text: it has %(count)s characters, at most %(limit)s can be saved.")


def score_or_none(text: str) -> int | None:
    """The score written as `0` … `10` in plain digits; None for all else ("07", "+7", "7.0", "")."""
    return int(text) if _SCORE.fullmatch(text) else None


def looks_like_token(text: str) -> bool:
    """Whether it is worth asking the database for this token."""
    return _TOKEN.fullmatch(text) is not None


def plain(text: str) -> str:
    """One kind of line end, no control characters, no blank edges."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def comment_from(text: str) -> str:
    """The words to store. May raise TooLong."""
    words = plain(text)
    if len(words) > COMMENT_MAX:
        raise TooLong(count=len(words), limit=COMMENT_MAX)
    return words


NONCE_MAX_AGE = timedelta(days=2)  # a page may stay open over a night and a day
FINISHED_AFTER = timedelta(minutes=15)  # decisions.md 21
# A link passed around in a chat, or a program gone wild, must not fill the database.
DISPUTES_KEPT = 20  # per answer
REVISIONS_KEPT = 100  # per answer; whoever changes it oftener finds the link closed


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


@dataclass(frozen=True)
class Said:
    """What one POST says; None means that it says nothing about that."""

    score: int | None
    comment: str | None = None
    contact: bool | None = None
    more: dict[str, Any] | None = None
    """Answers to further questions (`surveys.filling.More`)."""


def differs(stored: Said, said: Said) -> list[str]:
    """The names of what `said` would change: score, comment, contact, answers."""
    pairs = {
        "score": (stored.score, said.score),
        "comment": (stored.comment or "", said.comment),
        "contact": (stored.contact, said.contact),
        "answers": (stored.more, said.more),
    }
    return [name for name, (old, new) in pairs.items() if new is not None and new != old]


def is_same_page(*, confirmed_at: datetime, opened_at: datetime, now: datetime) -> bool:
    """Whether a page without the right to edit was there before the answer, a short while ago."""
    return opened_at <= confirmed_at and now - confirmed_at <= SAME_ACT


def only_adds(stored: Said, said: Said) -> bool:
    """Whether a POST repeats what is stored, or adds words to it: a double click, a repeated request."""
    same_words = not stored.comment or said.comment in (None, "", stored.comment)
    same_answers = not stored.more or said.more in (None, stored.more)
    return said.score in (None, stored.score) and same_words and same_answers


def promises_a_call(score: int, contact: bool | None) -> bool:
    """Whether the thanks may say that somebody will call: only detractors get a case, and some decline."""
    return contact is not False and classify(score) is Group.DETRACTOR


# ---- what a link shows of its visitor: prefixes and classes, no identity -------------------------------------


_AGENTS = {
    "scanner": scanners.AGENTS,
    "program": "curl|wget|python|java/|okhttp|go-http|libwww|httpclient|node|axios",
    "phone": "mobile|android|iphone|ipad",
    "desktop": "mozilla",
}


AGENT_WORDS = {
    "scanner": N_("a known scanner"),
    "program": N_("a program"),
    "phone": N_("phone or tablet"),
    "desktop": N_("computer"),
    "unknown": N_("unknown program"),
}


@lru_cache(maxsize=256)
def agent_class(agent: str | None) -> str:
    """The class of a browser or program: scanner, program, phone, desktop or unknown."""
    return next((name for name, words in _AGENTS.items() if re.search(words, agent or "", re.I)), "unknown")
