"""Whether a person chose a score: facts about a POST, doubts about it, and what becomes of doubtful answers.

After decisions.md 19 and method.md 5.3. Only network prefixes and classes of programs are known of a visitor.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from npsapp.lib.texts import N_, Worded
from npsapp.responses import scanners

SCANNED_FOR = timedelta(days=90)  # method.md 5.3, point 5
GESTURES = frozenset({"pointerdown", "touchstart", "keydown", "wheel", "pointermove", "choice", "submit"})
LATER = timedelta(seconds=1)  # between two POSTs of a page, the second of which is an act of its own
NEIGHBOUR = timedelta(seconds=10)  # another link of the letter opened so shortly before or after: a machine


class Doubt(Worded):
    """Why an answer was not believed at once."""

    SCANNER = "scanner", N_("It came from a known scanner of links.")
    SWEEP = "sweep", N_("Several scores of the same letter were opened within a minute.")
    SOON = "soon", N_("It came within a minute after the letter had left.")
    FAST = "fast", N_("It came faster than anybody could have read the page.")
    SCANNED = "scanned", N_("A machine opens the links of this mail domain, and no hand was seen on the page.")
    OPENED = "opened", N_("The page was looked at and left without pressing anything.")


@dataclass(frozen=True)
class Delays:
    """The settings, zero: off."""

    soon: timedelta
    """After a letter left."""
    fast: timedelta
    """After a page was made."""
    sweep: timedelta
    """Within which two scores are a sweep."""
    promote: timedelta
    """Until a doubtful answer is counted or dropped."""


@dataclass(frozen=True)
class Post:
    """What is known of one POST of a survey page."""

    since_sent: timedelta | None
    """Since its letter left; None: no letter, or it is not known."""
    page_age: timedelta
    gesture: bool
    """The page's script saw a person's hand."""
    swept: bool
    scanned: bool
    """The recipient's domain had a sweep in the last 90 days."""
    scanner: bool
    """Network or agent of a known scanner."""


def doubt_of(post: Post, delays: Delays) -> Doubt | None:
    """Why the first answer of a page is provisional; None: it is confirmed."""
    reasons = {
        Doubt.SCANNER: post.scanner,
        Doubt.SWEEP: post.swept,
        Doubt.SOON: post.since_sent is not None and _is_under(post.since_sent, delays.soon),
        Doubt.FAST: _is_under(post.page_age, delays.fast),
        Doubt.SCANNED: post.scanned and not post.gesture,
    }
    return next((doubt for doubt, holds in reasons.items() if holds), None)


def believable(post: Post, delays: Delays) -> bool:
    """Whether a later POST of the page that gave a provisional answer can confirm it."""
    return not post.scanner and not _is_under(post.page_age, delays.fast)


def _is_under(age: timedelta, limit: timedelta) -> bool:
    """Two machines' clocks differ: what lies in the future is happening now."""
    return max(age, timedelta()) < limit


# ---- a day later -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """One act of a link; `score` None: the link without a score."""

    at: datetime
    score: int | None
    step_id: int
    network: str
    agent: str
    early: bool = False
    """HEAD or prefetch."""
    posted: bool = False

    @property
    def of_scanner(self) -> bool:
        """Whether a known scanner did it."""
        return self.agent == "scanner" or scanners.lives_in(self.network)


@dataclass(frozen=True)
class Waiting:
    """A provisional answer and what is known a day later; `page_at`: when its page was opened."""

    doubt: Doubt
    score: int
    page_at: datetime | None
    sent: Sequence[datetime]
    """When its letters left."""
    scanned: bool
    other_posted: bool
    """Another page with the same link sent another score."""
    traces: Sequence[Trace]


def is_promoted(one: Waiting, delays: Delays) -> bool:
    """Whether a provisional answer that nobody confirmed is counted; else it is dropped."""
    opened = [trace for trace in one.traces if not trace.posted]
    another = one.other_posted or any(trace.score not in (None, one.score) for trace in opened)
    if one.doubt is Doubt.OPENED:
        return not another and _only_looked_at(one, opened, delays)
    posted_by_scanner = any(trace.of_scanner for trace in one.traces if trace.posted)
    return not another and not posted_by_scanner and one.doubt not in (Doubt.SCANNER, Doubt.SCANNED, Doubt.SWEEP)


def _only_looked_at(one: Waiting, opened: Sequence[Trace], delays: Delays) -> bool:
    """The conditions of method.md 5.3, point 4, but for the only score (asked before) and the weak sign (it is one)."""
    own = [trace for trace in opened if trace.score == one.score and not trace.early]
    if not own or one.page_at is None or one.scanned:
        return False
    networks, steps = {trace.network for trace in own}, {trace.step_id for trace in own}
    return not (
        any(abs(trace.at - left) < delays.soon for trace in own for left in one.sent)
        or any(_is_neighbour(trace, own) for trace in opened if trace.score is None or trace.step_id not in steps)
        or any(trace.agent not in ("phone", "desktop") or trace.of_scanner for trace in own)
        or any(trace.early and trace.network in networks for trace in opened)
    )


def _is_neighbour(trace: Trace, own: Iterable[Trace]) -> bool:
    return any(abs(trace.at - other.at) <= NEIGHBOUR for other in own)


def is_sweep(acts: Iterable[tuple[datetime, int | None]], window: timedelta) -> bool:
    """Whether two different scores came within the window; acts in any order."""
    scored = sorted((at, score) for at, score in acts if score is not None)
    return bool(window) and any(
        later - earlier <= window and one != other for (earlier, one), (later, other) in pairwise(scored)
    )
