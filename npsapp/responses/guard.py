"""Marks on answers that somebody may have given for others: derived from what links did, shown, never acted on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, or_, select

from npsapp.accounts.models import UserPerformer, UserSession
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import change, db, insert_unless_there, within
from npsapp.intake.models import Interaction, InteractionPerformer
from npsapp.invitations.models import Invitation
from npsapp.lib.texts import N_, Worded
from npsapp.organization.models import Unit
from npsapp.permissions import Scope
from npsapp.responses.evidence import POSTS
from npsapp.responses.human import SCANNED_FOR
from npsapp.responses.models import LinkAct, LinkEvent, PlaceNetwork, Response, SetAside
from npsapp.responses.open_models import OpenLink, OpenRate

BURST = 5  # answers of different customers about one unit …
WITHIN = timedelta(hours=1)  # … from one network in this time
LOOKED_AT = SCANNED_FOR  # as long as what links did is kept
MOST = 500  # groups looked at, newest first
PHONES = ("Android", "iPhone", "iPad")  # a colleague's phone comes by the same networks as customers' phones


class Kind(Worded):
    """What a mark says."""

    BURST = "burst", N_("Many answers from one network")
    PLACE = "place", N_("Answers from the store's own network")
    RAISED = "raised", N_("Score raised after a colleague's call")
    OWN = "own", N_("A colleague tried to answer about the own work")


@dataclass(frozen=True)
class Mark:
    """One mark; `key` tells it from others of its kind and stays the same."""

    kind: Kind
    key: str
    at: datetime
    unit: dict[str, str] | None
    """Its name per language."""
    answers: Sequence[int] = ()
    values: dict[str, Any] = field(default_factory=dict)
    """network, count; before and after; the name of an open link."""


def marks(scope: Scope, *, now: datetime) -> list[Mark]:
    """The marks of the last 90 days in a scope, newest first."""
    since = now - LOOKED_AT
    found = [*_of_networks(scope, since), *_open_bursts(scope), *_own_work(scope, since)]
    return sorted(found, key=lambda mark: mark.at, reverse=True)


def _of_networks(scope: Scope, since: datetime) -> Iterable[Mark]:
    """Answers about one unit that came from one network on one day, if there are many, or it is the store's own."""
    entered = exists().where(PlaceNetwork.unit_id == Response.unit_id, PlaceNetwork.network == LinkEvent.network)
    own = func.max(case((or_(entered, LinkEvent.network.in_(_staff_networks())), 1), else_=0))
    people = func.count(func.distinct(Response.customer_id))
    keys = Response.unit_id, LinkEvent.network, Response.local_date
    groups = (
        select(*keys, Unit.name, own.label("own"), people.label("people"))
        .join(Response, and_(Response.invitation_id == LinkEvent.invitation_id, Response.test.is_(False)))
        .join(Unit, Unit.id == Response.unit_id)
        .where(*_posted(since), within(Response.region_id, scope))
        .group_by(*keys, Unit.id)
        .having(or_(own == 1, people >= BURST))
        .order_by(Response.local_date.desc())
    )
    for row in db.session.execute(groups.limit(MOST)):
        same = Response.unit_id == row.unit_id, LinkEvent.network == row.network, Response.local_date == row.local_date
        acts = _acts(since, *same)
        key = f"{row.unit_id} {row.network} {row.local_date}"
        shared = {"key": key, "at": acts[-1].at, "unit": row.name, "answers": sorted({act.id for act in acts})}
        values = {"network": row.network, "count": len(shared["answers"])}
        if row.own:
            yield Mark(Kind.PLACE, **shared, values=values)
        if row.people >= BURST and is_burst([(act.at, act.customer_id) for act in acts]):
            yield Mark(Kind.BURST, **shared, values=values)


def _staff_networks() -> Any:
    at_desks = [UserSession.agent.not_like(f"%{phone}%") for phone in PHONES]
    return select(UserSession.network).where(UserSession.network != "", *at_desks)


def _posted(since: datetime) -> tuple[ColumnElement[bool], ...]:
    return (LinkEvent.at >= since, LinkEvent.act.in_(POSTS), LinkEvent.network != "")


def _acts(since: datetime, *same: ColumnElement[bool]) -> Sequence[Any]:
    asked = select(LinkEvent.at, Response.id, Response.customer_id)
    joined = asked.join(Response, Response.invitation_id == LinkEvent.invitation_id)
    return db.session.execute(joined.where(*_posted(since), *same).order_by(LinkEvent.at)).all()


def is_burst(acts: Sequence[tuple[datetime, int | None]]) -> bool:
    """Whether so many different customers answered within the time; acts in order."""
    return any(
        len({who for at, who in acts[place:] if at - first <= WITHIN}) >= BURST
        for place, (first, _who) in enumerate(acts)
    )


def _open_bursts(scope: Scope) -> Iterable[Mark]:
    """Hours in which one network answered often by an open link; a tablet at the counter is one network."""
    here = or_(within(Unit.region_id, scope), within(OpenLink.region_id, scope))
    asked = select(OpenRate, OpenLink.name, Unit.name.label("unit")).join(
        OpenLink, OpenLink.id == OpenRate.open_link_id
    )
    often = OpenRate.answers >= BURST, OpenLink.tablet.is_(False), OpenRate.network != ""
    for rate, name, unit in db.session.execute(asked.outerjoin(OpenLink.unit).where(*often, here).limit(MOST)):
        values = {"network": rate.network, "count": rate.answers, "link": name, "open_link_id": rate.open_link_id}
        key = f"open {rate.open_link_id} {rate.network} {rate.hour:%Y-%m-%d %H}"
        yield Mark(Kind.BURST, key, rate.hour, unit, (), values)


def _own_work(scope: Scope, since: datetime) -> Iterable[Mark]:
    refused = LinkEvent.act == LinkAct.REFUSED, LinkEvent.at >= since, within(Invitation.region_id, scope)
    last = select(LinkEvent.invitation_id, func.max(LinkEvent.at).label("at"), Response.id, Unit.name)
    joined = last.join(Invitation, Invitation.id == LinkEvent.invitation_id).join(Invitation.interaction)
    joined = joined.outerjoin(Unit, Unit.id == Interaction.unit_id)
    joined = joined.outerjoin(Response, Response.invitation_id == Invitation.id)
    for row in db.session.execute(joined.where(*refused).group_by(LinkEvent.invitation_id, Response.id, Unit.id)):
        yield Mark(Kind.OWN, str(row.invitation_id), row.at, row.name, (row.id,) if row.id else ())


def is_own_work(user_id: int, interaction_id: int) -> bool:
    """Whether the user is somebody who served the customer then."""
    served = InteractionPerformer.performer_id == UserPerformer.performer_id
    asked = select(UserPerformer.user_id).join(InteractionPerformer, served)
    theirs = UserPerformer.user_id == user_id, InteractionPerformer.interaction_id == interaction_id
    return db.session.scalar(select(asked.where(*theirs).exists())) or False


# ---- what staff do ---------------------------------------------------------------------------------------------


def aside() -> dict[tuple[str, str], SetAside]:
    """Marks that were set aside, by kind and key."""
    return {(one.kind, one.key): one for one in db.session.scalars(select(SetAside))}


def set_aside(mark: Mark, *, reason: str, by_id: int, now: datetime) -> None:
    """Take a mark out of the list, with a reason; twice does nothing more. Needs a transaction."""
    row = {"kind": mark.kind.value, "key": mark.key, "reason": reason, "by_id": by_id, "at": now}
    if change(insert_unless_there(SetAside).values(**row).on_conflict_do_nothing()):
        data = {"kind": mark.kind.value, "ids": list(mark.answers)}
        audit.record(Event.MARK_SET_ASIDE, actor=audit.by_user(by_id), now=now, subject=("mark", None), data=data)


def networks() -> Sequence[PlaceNetwork]:
    """What was entered as networks of stores."""
    return db.session.scalars(select(PlaceNetwork).order_by(PlaceNetwork.unit_id, PlaceNetwork.network)).all()


def enter_network(unit_id: int, network: str, *, by_id: int, now: datetime) -> None:
    """Remember a network of a store. Needs a transaction."""
    row = {"unit_id": unit_id, "network": network}
    change(insert_unless_there(PlaceNetwork).values(**row).on_conflict_do_nothing())
    _record_networks(unit_id, by_id, now)


def drop_network(unit_id: int, network: str, *, by_id: int, now: datetime) -> None:
    """Forget a network of a store. Needs a transaction."""
    change(delete(PlaceNetwork).where(PlaceNetwork.unit_id == unit_id, PlaceNetwork.network == network))
    _record_networks(unit_id, by_id, now)


def _record_networks(unit_id: int, by_id: int, now: datetime) -> None:
    subject, data = ("unit", unit_id), {"fields": ["networks"]}
    audit.record(Event.SETTING_CHANGED, actor=audit.by_user(by_id), now=now, subject=subject, data=data)
