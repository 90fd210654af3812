"""What a score means, what a visitor may send, and how often."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock

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


def score_from(text: str) -> int:
    """The score written as `0` … `10` in plain digits; all else ("07", "+7", "7.0", "") is NotAScore."""
    if not _SCORE.fullmatch(text):
        raise NotAScore
    return int(text)


def comment_from(text: str) -> str:
    """The words to store: one kind of line end, no control characters, no blank edges. May raise TooLong."""
    plain = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(plain) > COMMENT_MAX:
        raise TooLong(count=len(plain), limit=COMMENT_MAX)
    return plain


# ---- how often, how long -----------------------------------------------------------------------

NONCE_MAX_AGE_S = 2 * 24 * 3600  # a page may stay open over a night and a day
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
