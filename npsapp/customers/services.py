"""What happens to a person's addresses, grounds, holds and facts of contact."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import or_, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries, rules
from npsapp.customers.matching import Incoming as Incoming
from npsapp.customers.matching import find_or_create as find_or_create
from npsapp.customers.models import ContactFact, ContactPoint, Customer, Ground, Hold
from npsapp.customers.rules import Choice, ContactKind, FactKind, GroundKind, HoldReason
from npsapp.db import db
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
) -> ContactFact:
    """Remember that a person was invited, answered, refused or was called: it counts for the quarantine."""
    fact = ContactFact(
        customer_id=customer_id,
        kind=kind,
        survey_id=survey_id,
        touchpoint_id=touchpoint_id,
        at=at,
        exempt=exempt,
    )
    db.session.add(fact)
    db.session.flush()
    return fact


def claim_for_invitation(*, customer_id: int, since_limit: datetime, now: datetime) -> bool:
    """Take the right to invite this person now; False when another survey took it after `since_limit`.

    One conditional UPDATE: whoever changes no row lost the race and goes home.
    """
    claimed = (
        update(Customer)
        .where(
            Customer.id == customer_id, or_(Customer.claimed_at.is_(None), Customer.claimed_at < since_limit)
        )
        .values(claimed_at=now)
        .returning(Customer.id)
    )
    return db.session.execute(claimed).first() is not None


# ---- holds ----


def hold(
    *,
    customer_id: int,
    reason: HoldReason,
    source: str,
    actor: Actor,
    now: datetime,
    until: datetime | None = None,
) -> Hold:
    """Leave a person alone on all channels until `until`, or until it is lifted (None).

    The same hold of the same source is prolonged or shortened, never doubled.
    """
    found = db.session.scalars(
        select(Hold).where(
            Hold.customer_id == customer_id,
            Hold.reason == reason,
            Hold.source == source,
            Hold.lifted_at.is_(None),
            or_(Hold.until.is_(None), Hold.until > now),
        )
    ).first()
    if found and found.until == until:
        return found
    if found:
        found.until = until
    else:
        found = Hold(customer_id=customer_id, reason=reason, source=source, since=now, until=until)
        db.session.add(found)
    db.session.flush()
    audit.record(
        Event.HOLD_SET, actor=actor, now=now, subject=("customer", customer_id), data={"reason": reason.value}
    )
    return found


def release_hold(hold_id: int, *, actor: Actor, now: datetime) -> bool:
    """Lift one hold; False when it was lifted already."""
    lifted = db.session.execute(
        update(Hold)
        .where(Hold.id == hold_id, Hold.lifted_at.is_(None))
        .values(lifted_at=now)
        .returning(Hold.customer_id, Hold.reason)
    ).first()
    if lifted is None:
        return False
    audit.record(
        Event.HOLD_RELEASED,
        actor=actor,
        now=now,
        subject=("customer", lifted.customer_id),
        data={"reason": lifted.reason.value},
    )
    return True


def release_holds(*, reason: HoldReason, source: str, actor: Actor, now: datetime) -> int:
    """Lift every open hold of one reason that one source set (`case:12`); gives their number."""
    ids = [found.id for found in queries.open_holds(reason, source)]
    return sum(release_hold(hold_id, actor=actor, now=now) for hold_id in ids)


# ---- grounds ----


def set_ground(
    *,
    contact_point_id: int,
    channel: Channel,
    kind: GroundKind,
    set_by_id: int | None,
    proof: str,
    actor: Actor,
    now: datetime,
) -> Ground:
    """Remember why we may write to an address on a channel. By hand, so it also ends an earlier withdrawal."""
    ground = Ground(
        contact_point_id=contact_point_id,
        channel=channel,
        kind=kind,
        since=now,
        set_by_id=set_by_id,
        proof=proof,
    )
    db.session.add(ground)
    db.session.flush()
    audit.record(
        Event.GROUND_SET,
        actor=actor,
        now=now,
        subject=("contact_point", contact_point_id),
        data={"channel": channel.value, "kind": kind.value},
    )
    return ground


def withdraw_ground(*, contact_point_id: int, channel: Channel, actor: Actor, now: datetime) -> int:
    """Withdraw every ground of an address on a channel; they stay as proof. Gives how many were in force."""
    withdrawn = db.session.scalars(
        update(Ground)
        .where(
            Ground.contact_point_id == contact_point_id,
            Ground.channel == channel,
            Ground.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=now)
        .returning(Ground.id)
    ).all()
    if withdrawn:
        audit.record(
            Event.GROUND_WITHDRAWN,
            actor=actor,
            now=now,
            subject=("contact_point", contact_point_id),
            data={"channel": channel.value},
        )
    return len(withdrawn)


# ---- "this was not my purchase" ----


def mark_not_mine(contact_point_id: int, *, actor: Actor, now: datetime) -> None:
    """Somebody at this address said the purchase was not theirs: it is not used again for this customer."""
    _set_not_mine(contact_point_id, now, actor=actor, now=now)


def undo_not_mine(contact_point_id: int, *, actor: Actor, now: datetime) -> None:
    """The visitor pressed "not mine" by mistake."""
    _set_not_mine(contact_point_id, None, actor=actor, now=now)


def _set_not_mine(contact_point_id: int, value: datetime | None, *, actor: Actor, now: datetime) -> None:
    point = db.session.get(ContactPoint, contact_point_id)
    if point is None or (point.not_mine_at is None) == (value is None):
        return
    point.not_mine_at = value
    db.session.flush()
    audit.record(
        Event.INVITATION_NOT_MINE,
        actor=actor,
        now=now,
        subject=("contact_point", contact_point_id),
        data={"taken_back": value is None},
    )


# ---- unsubscribing ----


def unsubscribe(*, contact_point_id: int, brand_id: int, choice: Choice, now: datetime) -> None:
    """The customer's own stop: a hold on the person, and the address on the post office's stop list.

    LATER ends after six months, NO_LETTERS concerns this brand's stop list and this address, NOTHING all brands
    and all addresses of the person. Another choice replaces the one before; the same one changes nothing.
    """
    point = db.session.get_one(ContactPoint, contact_point_id)
    before = queries.own_stop(point.customer_id, now)
    source = f"{queries.UNSUBSCRIBE}:{choice.value}"
    if before and before.source == source:
        return
    actor = audit.by_customer(point.customer_id)
    _end_own_stop(point, brand_id, now=now)
    until = rules.months_after(now, rules.LATER_MONTHS) if choice is Choice.LATER else None
    db.session.add(
        Hold(customer_id=point.customer_id, reason=choice.hold, source=source, since=now, until=until)
    )
    for address in _addresses(point, whole_person=choice is Choice.NOTHING):
        _suppress(address, None if choice is Choice.NOTHING else brand_id, until=until, now=now)
    db.session.flush()
    audit.record(
        Event.CUSTOMER_UNSUBSCRIBED,
        actor=actor,
        now=now,
        subject=("customer", point.customer_id),
        data={"choice": choice.value, "brand_id": brand_id},
    )


def resubscribe(*, contact_point_id: int, brand_id: int, now: datetime) -> bool:
    """ "I pressed by mistake": take back what `unsubscribe` did; False when there was nothing to take back."""
    point = db.session.get_one(ContactPoint, contact_point_id)
    if not _end_own_stop(point, brand_id, now=now):
        return False
    audit.record(
        Event.CUSTOMER_RESUBSCRIBED,
        actor=audit.by_customer(point.customer_id),
        now=now,
        subject=("customer", point.customer_id),
        data={"brand_id": brand_id},
    )
    return True


def _end_own_stop(point: ContactPoint, brand_id: int, *, now: datetime) -> bool:
    """Lift the person's own holds and the stop-list entries that came with them; False when there were none."""
    lifted = db.session.scalars(
        update(Hold)
        .where(
            Hold.customer_id == point.customer_id,
            Hold.source.startswith(queries.UNSUBSCRIBE),
            Hold.lifted_at.is_(None),
        )
        .values(lifted_at=now)
        .returning(Hold.id)
    ).all()
    for address in _addresses(point, whole_person=True):
        for channel in CHANNELS[address.kind]:
            delivery.lift_suppression(
                channel=channel,
                address=address.value,
                brand_id=brand_id,
                reason=SuppressionReason.UNSUBSCRIBED,
                now=now,
            )
    return bool(lifted)


def _addresses(point: ContactPoint, *, whole_person: bool) -> Iterable[ContactPoint]:
    if not whole_person:
        return [point]
    return db.session.scalars(select(ContactPoint).where(ContactPoint.customer_id == point.customer_id)).all()


def _suppress(point: ContactPoint, brand_id: int | None, *, until: datetime | None, now: datetime) -> None:
    for channel in CHANNELS[point.kind]:
        delivery.suppress(
            channel=channel,
            address=point.value,
            brand_id=brand_id,
            reason=SuppressionReason.UNSUBSCRIBED,
            until=until,
            now=now,
        )
