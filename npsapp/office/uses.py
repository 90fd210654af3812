"""What hangs on a brand, region, unit …: how much of it there is, where it stands, and whether it keeps it in use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import ngettext
from sqlalchemy import func, select, true

from npsapp.cases.models import Case
from npsapp.cases.rules import OPEN_STATES
from npsapp.db import db
from npsapp.intake.models import Source
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization.models import Performer, Region, Unit
from npsapp.reports.models import DailyTally, PerformerTally
from npsapp.responses.open_models import OpenLink
from npsapp.surveys.models import Survey
from npsapp.surveys.rules import SurveyState


class StillInUse(Refused):
    """Something that is open or in use hangs on it, and would have no place afterwards."""

    wording = N_("This cannot be retired yet: something in use still hangs on it.")


@dataclass(frozen=True)
class Use:
    """One kind of rows that name a setting in `column`; with `blocks` it cannot be retired while there are any."""

    what: str
    """A key of `WORDS`."""
    column: Any
    where: Any = true()
    page: str = ""
    """The endpoint of the page that shows them, for settings with their kind …"""
    by: str = ""
    """… and the argument that narrows it to this setting's."""
    blocks: bool = False

    def counts(self, ids: Sequence[int]) -> dict[int, int]:
        """Id → how much; without those that nothing hangs on. Answers are added up from the tallies."""
        amount = func.sum(self.column.class_.n) if self.what == "answers" else func.count()
        asked = select(self.column, amount).where(self.column.in_(ids), self.where).group_by(self.column)
        return {row[0]: int(row[1]) for row in db.session.execute(asked) if row[1]}

    def found(self, id_: int, count: int) -> "Found":
        """What a page says of it."""
        where: dict[str, Any] = {self.by: id_} if self.by else {}
        endpoint, slash, kind = self.page.partition("/")
        if slash:
            where["kind"] = kind
        return Found(WORDS[self.what](count), url_for(endpoint, **where) if endpoint else "", self.blocks)


@dataclass(frozen=True)
class Found:
    """How much of one use there is, in words, and where to look at it."""

    words: str
    link: str
    blocks: bool


def in_use(kind: str, ids: Sequence[int]) -> dict[int, list[Found]]:
    """Id → what hangs on it; `kind` is the name of its table."""
    found: dict[int, list[Found]] = {id_: [] for id_ in ids}
    for use in USES[kind]:
        for id_, count in use.counts(ids).items():
            found[id_].append(use.found(id_, count))
    return found


def refuse_while_in_use(kind: str, id_: int) -> None:
    """Raise StillInUse while something keeps it in use."""
    if any(one.blocks for one in in_use(kind, [id_])[id_]):
        raise StillInUse


WORDS: dict[str, Callable[[int], str]] = {
    "answers": lambda n: ngettext("%(num)s answer", "%(num)s answers", n),
    "cases": lambda n: ngettext("%(num)s open case", "%(num)s open cases", n),
    "letters": lambda n: ngettext("%(num)s planned letter", "%(num)s planned letters", n),
    "links": lambda n: ngettext("%(num)s open link", "%(num)s open links", n),
    "performers": lambda n: ngettext("%(num)s performer", "%(num)s performers", n),
    "regions": lambda n: ngettext("%(num)s region inside", "%(num)s regions inside", n),
    "sources": lambda n: ngettext("%(num)s source of purchases", "%(num)s sources of purchases", n),
    "surveys": lambda n: ngettext("%(num)s survey that asks", "%(num)s surveys that ask", n),
    "units": lambda n: ngettext("%(num)s store", "%(num)s stores", n),
}
_OPEN, _ASKS = Case.state.in_(OPEN_STATES), Survey.state == SurveyState.ACTIVE
_LINKS, _LINK_PAGE = OpenLink.retired_at.is_(None), "open_links.index"
_REGIONS, _UNITS, _SURVEYS = Region.retired_at.is_(None), Unit.retired_at.is_(None), "surveys.index"

USES: dict[str, tuple[Use, ...]] = {
    "brand": (
        Use("cases", Case.brand_id, _OPEN, "cases.index", blocks=True),
        Use("surveys", Survey.brand_id, _ASKS, _SURVEYS, blocks=True),
        Use("units", Unit.brand_id, _UNITS, "settings.rows/units", "brand_id"),
        Use("sources", Source.brand_id, page="office.imports"),
        Use("answers", DailyTally.brand_id),
    ),
    "region": (
        Use("cases", Case.region_id, _OPEN, "cases.index", "region", blocks=True),
        Use("regions", Region.parent_id, _REGIONS, "settings.rows/regions", "parent_id", blocks=True),
        Use("units", Unit.region_id, _UNITS, "settings.rows/units", "region_id", blocks=True),
        Use("links", OpenLink.region_id, _LINKS, _LINK_PAGE, blocks=True),
        Use("answers", DailyTally.region_id),
    ),
    "unit": (
        Use("performers", Performer.unit_id, Performer.retired_at.is_(None), "settings.rows/performers", "unit_id"),
        Use("links", OpenLink.unit_id, _LINKS, _LINK_PAGE, blocks=True),
        Use("answers", DailyTally.unit_id),
    ),
    "performer": (Use("answers", PerformerTally.performer_id),),
    "segment": (Use("answers", DailyTally.segment_id),),
    "property": (),
    "survey": (
        Use("letters", Invitation.survey_id, Invitation.state == InvitationState.PLANNED, "invitations.schedule"),
        Use("links", OpenLink.survey_id, _LINKS, _LINK_PAGE, "survey"),
        Use("answers", DailyTally.survey_id, page="responses.index", by="survey"),
    ),
    "touchpoint": (
        Use("surveys", Survey.touchpoint_id, _ASKS, _SURVEYS, blocks=True),
        Use("sources", Source.touchpoint_id, page="office.imports"),
        Use("answers", DailyTally.touchpoint_id),
    ),
}
