"""Two texts of one step, by lot: which one brings more answers. Only equals are compared: the same survey and step,
the same days, and neither text changed in between."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, func, select

from npsapp.db import db, within
from npsapp.delivery.models import Message
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.permissions import Scope
from npsapp.reports.queries import sent_within
from npsapp.reports.rules import Period
from npsapp.reports.statistics import Interval, needed, rate_difference, rate_interval, response_rate
from npsapp.responses.models import Response
from npsapp.responses.queries import counting
from npsapp.surveys import queries as surveys
from npsapp.surveys.letters import Variant
from npsapp.surveys.models import StepWords

FEWEST = 50  # letters of each text under which nothing is said
MOST_NEEDED = 100_000  # letters; what only as many could show does not matter


class Verdict(StrEnum):
    """What the numbers say."""

    EARLY = "early"
    A = "a"
    B = "b"
    OPEN = "open"
    EQUAL = "equal"


@dataclass
class Tried:
    """Messages with one text that left, and what became of them."""

    sent: int = 0
    answered: int = 0
    still_open: int = 0

    @property
    def rate(self) -> float | None:
        return response_rate(self.answered, self.sent)

    @property
    def interval(self) -> Interval | None:
        return rate_interval(self.answered, self.sent)


@dataclass
class Comparison:
    """Two texts that were drawn against each other."""

    a: StepWords
    b: StepWords
    of_a: Tried = field(default_factory=Tried)
    of_b: Tried = field(default_factory=Tried)

    @property
    def since(self) -> datetime:
        return max(self.a.saved_at, self.b.saved_at)

    @property
    def until(self) -> datetime | None:
        """None: it goes on."""
        return min((one.replaced_at for one in (self.a, self.b) if one.replaced_at), default=None)

    @property
    def difference(self) -> float | None:
        """Response rate of B minus that of A."""
        a, b = self.of_a.rate, self.of_b.rate
        return None if a is None or b is None else b - a

    @property
    def interval(self) -> Interval | None:
        """Of the difference, 95 %."""
        return rate_difference((self.of_a.answered, self.of_a.sent), (self.of_b.answered, self.of_b.sent))

    @property
    def missing(self) -> int:
        """About how many more letters would show a difference as large as the one observed."""
        total = needed(self.of_a.rate or 0.0, self.of_b.rate or 0.0, share=self.b.share / 100)
        return round_up(min(total, 10 * MOST_NEEDED) - self.of_a.sent - self.of_b.sent)

    @property
    def verdict(self) -> Verdict:
        reach = self.interval
        if reach is None or min(self.of_a.sent, self.of_b.sent) < FEWEST:
            return Verdict.EARLY
        if reach.low > 0 or reach.high < 0:
            return Verdict.B if reach.low > 0 else Verdict.A
        return Verdict.OPEN if self.missing < MOST_NEEDED else Verdict.EQUAL


def round_up(number: float) -> int:
    """To two figures, and at least ten: an estimate should look like one."""
    step: int = 10 ** max(len(str(int(max(number, 1)))) - 2, 1)
    return max(-(-int(number) // step) * step, 10)


def comparisons(*, survey_id: int | None, period: Period, scope: Scope, now: datetime) -> list[Comparison]:
    """All comparisons with messages that left on these days (in the zone of their brand), the newest first."""
    open_yet = case((and_(Response.id.is_(None), Invitation.valid_until > now), 1), else_=0)
    which = InvitationStep.words_id, InvitationStep.against_id
    rows = (
        select(*which, func.count(InvitationStep.id), func.count(Response.id), func.sum(open_yet))
        .join(Invitation, Invitation.id == InvitationStep.invitation_id)
        .join(Message, Message.id == InvitationStep.message_id)
        .outerjoin(Response, and_(Response.invitation_id == Invitation.id, *counting()))
        .where(InvitationStep.against_id.is_not(None), Invitation.test.is_(False), within(Invitation.region_id, scope))
        .where(Message.sent_at.is_not(None), sent_within(period, Message.sent_at))
        .group_by(*which)
    )
    if survey_id:
        rows = rows.where(Invitation.survey_id == survey_id)
    return _paired(db.session.execute(rows).all())


def _paired(rows: Iterable[Any]) -> list[Comparison]:
    tried = {(words_id, against_id): Tried(*map(int, counts)) for words_id, against_id, *counts in rows}
    texts = surveys.words_rows(id_ for pair in tried for id_ in pair)
    found: dict[tuple[int, int], Comparison] = {}
    for (words_id, against_id), counts in tried.items():
        is_b = texts[words_id].variant is Variant.B
        a, b = (against_id, words_id) if is_b else (words_id, against_id)
        one = found.setdefault((a, b), Comparison(texts[a], texts[b]))
        setattr(one, "of_b" if is_b else "of_a", counts)
    return sorted(found.values(), key=lambda one: (one.since, one.a.id, one.b.id), reverse=True)
