"""What happens to a person: facts of contact, "not mine", unsubscribing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries, rules
from npsapp.customers.matching import Incoming as Incoming, find_or_create as find_or_create
from npsapp.customers.models import ContactFact, ContactPoint, Customer, Hold
from npsapp.customers.rules import Choice, ContactKind, FactKind, HoldReason
from npsapp.db import change, db, insert_many, one_of
from npsapp.delivery import services as delivery
from npsapp.delivery.rules import Channel, SuppressionReason

CHANNELS = {ContactKind.EMAIL: (Channel.EMAIL,), ContactKind.PHONE: (Channel.PHONE, Channel.SMS)}


# ---- facts of contact ----


def record_fact(
    *,
    customer_id: int,
    kind: FactKind,
    at: datetime,
    survey_id: int | None = None,
    touchpoint_id: int | None = None,
    exempt: bool = False,
) -> None:
    """Remember that a person was invited, answered, refused or was called: it counts for the quarantine."""
    about = {"survey_id": survey_id, "touchpoint_id": touchpoint_id, "exempt": exempt}
    insert_many(ContactFact, [{"customer_id": customer_id, "kind": kind, "at": at, **about}])


def take_over(
    facts: Iterable[tuple[int, FactKind, datetime]],
    refused: Iterable[int],
    *,
    sources: Sequence[str],
    survey_id: int,
    touchpoint_id: int,
    now: datetime,
) -> None:
    """What another program knows of contacts, and who never wants to be asked; none of it twice from these sources.

    The last of `sources` is where it came from now: see `take_back`.
    """
    wanted, holds = dict.fromkeys(facts), dict.fromkeys(refused)
    mine = ContactFact.source.in_(sources), ContactFact.exempt.is_(False)
    told = select(ContactFact.customer_id, ContactFact.kind, ContactFact.at)
    known = {
        tuple(row)
        for row in db.session.execute(told.where(one_of(ContactFact.customer_id, {f[0] for f in wanted}), *mine))
    }
    rows = [{"customer_id": id_, "kind": kind, "at": at} for id_, kind, at in wanted if (id_, kind, at) not in known]
    about = {"survey_id": survey_id, "touchpoint_id": touchpoint_id, "exempt": False}
    insert_many(ContactFact, rows, source=sources[-1], **about)
    standing = one_of(Hold.customer_id, holds), Hold.source.in_(sources), Hold.lifted_at.is_(None)
    held = set(db.session.scalars(select(Hold.customer_id).where(*standing)))
    stops = [{"customer_id": id_} for id_ in holds if id_ not in held]
    same = {"reason": HoldReason.UNSUBSCRIBED, "since": now, "until": None, "lifted_at": None}
    insert_many(Hold, stops, source=sources[-1], **same)


def take_back(source: str, *, now: datetime) -> set[int]:
    """Undo what was taken over from a source; gives whose. Nothing is deleted: facts stop nobody, holds are lifted."""
    facts = update(ContactFact).where(ContactFact.source == source).values(exempt=True)
    holds = update(Hold).where(Hold.source == source, Hold.lifted_at.is_(None)).values(lifted_at=now)
    people = set(db.session.scalars(facts.returning(ContactFact.customer_id)))
    return people | set(db.session.scalars(holds.returning(Hold.customer_id)))


def claim_for_invitation(*, customer_id: int, since_limit: datetime, now: datetime) -> bool:
    """Take the right to invite this person now; False when another survey took it after `since_limit`.

    One conditional UPDATE: whoever changes no row lost the race and goes home.
    """
    free = or_(Customer.claimed_at.is_(None), Customer.claimed_at < since_limit)
    return bool(change(update(Customer).where(Customer.id == customer_id, free).values(claimed_at=now)))


def hold_while(reason: HoldReason, wanted: Mapping[str, int], *, now: datetime) -> set[int]:
    """Let exactly these holds of a kind stand: source ("case:12") → customer. Gives whose holds began or ended."""
    rows = select(Hold.id, Hold.source, Hold.customer_id).where(Hold.reason == reason, Hold.lifted_at.is_(None))
    standing = db.session.execute(rows).all()
    over = {row.id: row.customer_id for row in standing if wanted.get(row.source) != row.customer_id}
    if over:
        change(update(Hold).where(one_of(Hold.id, over)).values(lifted_at=now))
    kept = {row.source for row in standing if row.id not in over}
    new = {source: customer_id for source, customer_id in wanted.items() if source not in kept}
    begun = [{"customer_id": customer_id, "source": source} for source, customer_id in new.items()]
    insert_many(Hold, begun, reason=reason, since=now, until=None, lifted_at=None)
    return {*over.values(), *new.values()}


# ---- "this was not my purchase" ----


def set_not_mine(contact_point_id: int, *, not_mine: bool, actor: Actor, now: datetime) -> None:
    """Somebody at this address said the purchase was not theirs, or took that back.

    The address is not used for this customer as long as it stands.
    """
    point = db.session.get(ContactPoint, contact_point_id)
    if point is None or (point.not_mine_at is not None) == not_mine:
        return
    point.not_mine_at = now if not_mine else None
    db.session.flush()
    subject, data = ("contact_point", contact_point_id), {"taken_back": not not_mine}
    audit.record(Event.INVITATION_NOT_MINE, actor=actor, now=now, subject=subject, data=data)


# ---- unsubscribing ----


def unsubscribe(*, contact_point_id: int, brand_id: int, choice: Choice, now: datetime, at_least: bool = False) -> None:
    """The customer's own stop: a hold on the person, and the address on the post office's stop list.

    LATER ends after six months, NO_LETTERS concerns this brand's stop list and this address, NOTHING all brands
    and all addresses of the person. Another choice replaces the one before; the same one changes nothing. `at_least`:
    a mail program asks, which knows nothing of a stricter choice before.
    """
    point = db.session.get_one(ContactPoint, contact_point_id)
    before = queries.own_stop(point.customer_id, now)
    source = f"{queries.UNSUBSCRIBE}:{choice.value}"
    strict = at_least and before and before.source == f"{queries.UNSUBSCRIBE}:{Choice.NOTHING.value}"
    if before and (strict or before.source == source):
        return
    _end_own_stop(point, brand_id, now=now)
    until = rules.months_after(now, rules.LATER_MONTHS) if choice is Choice.LATER else None
    everywhere = choice is Choice.NOTHING
    db.session.add(Hold(customer_id=point.customer_id, reason=choice.hold, source=source, since=now, until=until))
    for entry in _on_stop_list(_addresses(point) if everywhere else [point]):
        delivery.suppress(**entry, brand_id=None if everywhere else brand_id, until=until, now=now)
    db.session.flush()
    _record(Event.CUSTOMER_UNSUBSCRIBED, point, {"choice": choice.value, "brand_id": brand_id}, now=now)


def resubscribe(*, contact_point_id: int, brand_id: int, now: datetime) -> bool:
    """ "I pressed by mistake": take back what `unsubscribe` did; False when there was nothing to take back."""
    point = db.session.get_one(ContactPoint, contact_point_id)
    ended = _end_own_stop(point, brand_id, now=now)
    if ended:
        _record(Event.CUSTOMER_RESUBSCRIBED, point, {"brand_id": brand_id}, now=now)
    return ended


def _record(event: Event, point: ContactPoint, data: dict[str, Any], *, now: datetime) -> None:
    actor, subject = audit.by_customer(point.customer_id), ("customer", point.customer_id)
    audit.record(event, actor=actor, now=now, subject=subject, data=data)


def _end_own_stop(point: ContactPoint, brand_id: int, *, now: datetime) -> bool:
    """Lift the person's own holds and the stop-list entries that came with them; False when there were none."""
    own = (Hold.customer_id == point.customer_id, Hold.source.startswith(queries.UNSUBSCRIBE), Hold.lifted_at.is_(None))
    lifted = change(update(Hold).where(*own).values(lifted_at=now))
    for entry in _on_stop_list(_addresses(point)):
        delivery.lift_suppression(**entry, brand_id=brand_id, now=now)
    return bool(lifted)


def _on_stop_list(points: Iterable[ContactPoint]) -> Iterator[dict[str, Any]]:
    """How these addresses stand on the post office's stop list, once for each channel."""
    for point in points:
        for channel in CHANNELS[point.kind]:
            yield {"channel": channel, "address": point.value, "reason": SuppressionReason.UNSUBSCRIBED}


def _addresses(point: ContactPoint) -> Iterable[ContactPoint]:
    """All addresses of the person behind this one."""
    theirs = ContactPoint.customer_id.in_(queries.members(point.customer_id))
    return db.session.scalars(select(ContactPoint).where(theirs)).all()
