"""Reading answers: for the survey page, for lists of staff, and for other rooms."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true, tuple_
from sqlalchemy.orm import joinedload

from npsapp.customers.models import Customer
from npsapp.db import db, within
from npsapp.intake.models import Interaction
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState
from npsapp.organization.models import Region, Segment, Unit
from npsapp.organization.rules import fold
from npsapp.permissions import Scope
from npsapp.responses import rules
from npsapp.responses.models import DisputedAnswer, LinkAct, LinkEvent, Response, ResponseRevision
from npsapp.responses.rules import Filters, Group, Reading, Standing, Way, Words, classify, scores_of
from npsapp.surveys.models import Touchpoint

Key = tuple[datetime, int]


# ---- the survey page -------------------------------------------------------------------------------------------


def of_invitation(invitation_id: int) -> Response | None:
    """The answer to an invitation."""
    return db.session.scalars(_of(invitation_id)).one_or_none()


def held_of_invitation(invitation_id: int) -> Response | None:
    """The same for writing: where the database locks rows, nobody else changes it until the transaction ends."""
    return db.session.scalars(_of(invitation_id).with_for_update(of=Response)).one_or_none()


def _of(invitation_id: int) -> Select[Response]:
    return select(Response).where(Response.invitation_id == invitation_id)


def way(invitation: Invitation, *, now: datetime) -> Way:
    """Where the links of an invitation lead now; an answer its customer disowned makes it "not mine" too."""
    leads = rules.way(invitation.state, invitation.valid_until, now=now)
    if leads is not Way.OPEN or invitation.state is not InvitationState.ANSWERED:
        return leads
    disowned = exists().where(Response.invitation_id == invitation.id, Response.void_reason == rules.DISOWNED)
    return Way.NOT_MINE if db.session.scalar(select(disowned)) else Way.OPEN


def disputes_open(response_id: int) -> Sequence[DisputedAnswer]:
    """Answers of other pages that were not applied, oldest first."""
    asked = select(DisputedAnswer).where(
        DisputedAnswer.response_id == response_id, DisputedAnswer.applied_at.is_(None)
    )
    return db.session.scalars(asked.order_by(DisputedAnswer.id)).all()


def was_opened(invitation_id: int) -> bool:
    """Whether a link of this invitation was opened before."""
    asked = exists().where(LinkEvent.invitation_id == invitation_id, LinkEvent.act == LinkAct.OPENED)
    return bool(db.session.scalar(select(asked)))


def quiet_since(moment: datetime, *, limit: int) -> Sequence[int]:
    """Unfinished answers whose customer did nothing after `moment`, oldest first."""
    asked = select(Response.id).where(Response.finished_at.is_(None), Response.acted_at <= moment)
    return db.session.scalars(asked.order_by(Response.acted_at).limit(limit)).all()


# ---- lists of staff --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One answer in a list."""

    id: int
    at: datetime
    day: date
    score: int
    comment: str
    contact_wanted: bool | None
    customer_id: int | None
    customer: str
    title: str
    number: str
    region: dict[str, str] | None
    unit: dict[str, str] | None
    segment: dict[str, str] | None
    touchpoint: dict[str, str]
    channel: str
    language: str
    revision: int
    read: bool
    disputed: bool
    voided: bool
    test: bool
    basis: str

    @property
    def group(self) -> Group:
        return classify(self.score)


@dataclass(frozen=True)
class Choices:
    """What may be chosen in the filters: pairs of id and name per language, only what the scope has."""

    regions: list[tuple[int, dict[str, str]]]
    segments: list[tuple[int, dict[str, str]]]
    touchpoints: list[tuple[int, dict[str, str]]]


_DISPUTED = exists().where(DisputedAnswer.response_id == Response.id, DisputedAnswer.applied_at.is_(None))
_COLUMNS = (
    Response.id,
    Response.confirmed_at.label("at"),
    Response.local_date.label("day"),
    Response.score,
    Response.comment,
    Response.contact_wanted,
    Response.customer_id,
    func.coalesce(Customer.name, "").label("customer"),
    func.coalesce(Interaction.title, "").label("title"),
    func.coalesce(Interaction.number, "").label("number"),
    Region.name.label("region"),
    Unit.name.label("unit"),
    Segment.name.label("segment"),
    Touchpoint.name.label("touchpoint"),
    Response.channel,
    Response.language,
    Response.revision,
    Response.read_at.is_not(None).label("read"),
    _DISPUTED.label("disputed"),
    Response.voided_at.is_not(None).label("voided"),
    Response.test,
    Response.basis,
)


@dataclass(frozen=True)
class Listed:
    """What the list page shows: one page of answers, and what may be filtered by."""

    lines: list[Line]
    choices: Choices


def listed(scope: Scope, filters: Filters, *, after: Key | None, limit: int) -> Listed:
    """Everything the list page needs."""
    return Listed(newest(scope, filters, after=after, limit=limit), choices(scope))


def newest(scope: Scope, filters: Filters, *, after: Key | None, limit: int) -> list[Line]:
    """Answers of the scope, newest first, behind the key (confirmed_at, id) of the last one seen."""
    asked = (
        select(*_COLUMNS)
        .select_from(Response)
        .join(Touchpoint, Touchpoint.id == Response.touchpoint_id)
        .outerjoin(Customer, Customer.id == Response.customer_id)
        .outerjoin(Interaction, Interaction.id == Response.interaction_id)
        .outerjoin(Region, Region.id == Response.region_id)
        .outerjoin(Unit, Unit.id == Response.unit_id)
        .outerjoin(Segment, Segment.id == Response.segment_id)
        .where(within(Response.region_id, scope), *_conditions(filters))
        .order_by(Response.confirmed_at.desc(), Response.id.desc())
        .limit(limit)
    )
    if after is not None:
        asked = asked.where(tuple_(Response.confirmed_at, Response.id) < after)
    return [Line(**row._mapping) for row in db.session.execute(asked)]


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    equal = (
        (Response.segment_id, filters.segment_id),
        (Response.region_id, filters.region_id),
        (Response.touchpoint_id, filters.touchpoint_id),
    )
    found: list[ColumnElement[bool]] = [column == wanted for column, wanted in equal if wanted is not None]
    if filters.group is not None:
        scores = scores_of(filters.group)
        found.append(Response.score.between(scores[0], scores[-1]))
    if filters.since is not None:
        found.append(Response.local_date >= filters.since)
    if filters.until is not None:
        found.append(Response.local_date <= filters.until)
    return [
        *found,
        _words(filters.words),
        _reading(filters.reading),
        _standing(filters.standing),
        _search(filters),
    ]


def _words(words: Words | None) -> ColumnElement[bool]:
    if words is None:
        return true()
    return Response.comment != "" if words is Words.WITH else Response.comment == ""


def _reading(reading: Reading | None) -> ColumnElement[bool]:
    if reading is None:
        return true()
    return Response.read_at.is_not(None) if reading is Reading.READ else Response.read_at.is_(None)


def _standing(standing: Standing | None) -> ColumnElement[bool]:
    if standing is None:
        return true()
    return {
        Standing.DISPUTED: _DISPUTED,
        Standing.VOIDED: Response.voided_at.is_not(None),
        Standing.CONTACT: Response.contact_wanted.is_(True),
    }[standing]


def _search(filters: Filters) -> ColumnElement[bool]:
    """In the comment, the customer's name and the order's number.

    SQLite folds the case of Latin letters only, so the usual spellings of a word are all looked for.
    """
    words = filters.search.split()
    return and_(true(), *(_says(word) for word in words))


def _says(word: str) -> ColumnElement[bool]:
    spellings = {word, word.lower(), word.capitalize(), word.upper()}
    in_comment = [Response.comment.contains(spelling, autoescape=True) for spelling in sorted(spellings)]
    in_name = Customer.name_key.contains(fold(word) or word, autoescape=True)
    return or_(*in_comment, in_name, Interaction.number.contains(word, autoescape=True))


def choices(scope: Scope) -> Choices:
    """The regions, segments and touchpoints that answers of the scope have."""
    mine = within(Response.region_id, scope)

    def named(model: type[Region] | type[Segment] | type[Touchpoint], column: Any) -> list[Any]:
        ids = select(column).where(mine).distinct()
        rows = db.session.execute(select(model.id, model.name).where(model.id.in_(ids)).order_by(model.id))
        return [(row.id, row.name) for row in rows]

    return Choices(
        regions=named(Region, Response.region_id),
        segments=named(Segment, Response.segment_id),
        touchpoints=named(Touchpoint, Response.touchpoint_id),
    )


@dataclass(frozen=True)
class Marks:
    """What has to be said beside one answer."""

    contact_wanted: bool | None
    disputed: bool
    voided: bool
    test: bool
    revision: int


@dataclass(frozen=True)
class Sheet:
    """One answer with everything its page shows."""

    response: Response
    revisions: Sequence[ResponseRevision]
    disputed: Sequence[DisputedAnswer]
    earlier: list["Told"]

    @property
    def group(self) -> Group:
        return classify(self.response.score)

    @property
    def marks(self) -> Marks:
        kept_apart = any(other.applied_at is None for other in self.disputed)
        one = self.response
        return Marks(one.contact_wanted, kept_apart, one.voided_at is not None, one.test, one.revision)


def sheet(scope: Scope, response_id: int) -> Sheet | None:
    """One answer of the scope with its history; None when there is none or it is not theirs."""
    response = visible(scope, response_id)
    if response is None:
        return None
    revisions = select(ResponseRevision).where(ResponseRevision.response_id == response_id)
    disputed = select(DisputedAnswer).where(DisputedAnswer.response_id == response_id)
    earlier = story(response.customer_id) if response.customer_id is not None else []
    return Sheet(
        response,
        db.session.scalars(revisions.order_by(ResponseRevision.number)).all(),
        db.session.scalars(disputed.order_by(DisputedAnswer.id)).all(),
        [told for told in earlier if told.id != response_id and scope.covers(told.region_id)],
    )


def visible(scope: Scope, response_id: int) -> Response | None:
    """The answer if it lies in the scope."""
    asked = (
        select(Response)
        .where(Response.id == response_id, within(Response.region_id, scope))
        .options(
            joinedload(Response.customer),
            joinedload(Response.interaction),
            joinedload(Response.region),
            joinedload(Response.unit),
            joinedload(Response.segment),
            joinedload(Response.touchpoint),
            joinedload(Response.read_by),
        )
    )
    return db.session.scalars(asked).one_or_none()


# ---- other rooms -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """One answer in a customer's story."""

    id: int
    at: datetime
    score: int
    comment: str
    contact_wanted: bool | None
    region_id: int | None
    touchpoint: dict[str, str]
    title: str
    voided: bool

    @property
    def group(self) -> Group:
        return classify(self.score)


def story(customer_id: int) -> list[Told]:
    """All answers of one customer, newest first."""
    asked = (
        select(
            Response.id,
            Response.confirmed_at.label("at"),
            Response.score,
            Response.comment,
            Response.contact_wanted,
            Response.region_id,
            Touchpoint.name.label("touchpoint"),
            func.coalesce(Interaction.title, "").label("title"),
            Response.voided_at.is_not(None).label("voided"),
        )
        .join(Touchpoint, Touchpoint.id == Response.touchpoint_id)
        .outerjoin(Interaction, Interaction.id == Response.interaction_id)
        .where(Response.customer_id == customer_id)
        .order_by(Response.confirmed_at.desc(), Response.id.desc())
    )
    return [Told(**row._mapping) for row in db.session.execute(asked)]


def unread_count(scope: Scope) -> int:
    """How many answers of the scope nobody has looked at."""
    asked = select(func.count()).where(Response.read_at.is_(None), within(Response.region_id, scope))
    return db.session.scalar(asked) or 0


def labels(ids: Collection[int]) -> dict[int, str]:
    """What the audit page calls these answers: number and score."""
    asked = select(Response.id, Response.score).where(Response.id.in_(ids))
    return {row.id: f"#{row.id}: {row.score}" for row in db.session.execute(asked)}
