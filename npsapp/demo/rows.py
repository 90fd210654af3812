"""The history as rows of the program's tables, in the order in which they refer to each other."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from npsapp.cases import remarks
from npsapp.cases.remarks import Remark
from npsapp.cases.rules import Kind
from npsapp.customers.queries import UNSUBSCRIBE
from npsapp.customers.rules import Choice, ContactKind, FactKind, GroundKind, HoldReason
from npsapp.delivery.rules import Channel, Purpose, State, SuppressionReason
from npsapp.demo import places
from npsapp.demo.asking import Asking, Standing
from npsapp.demo.casework import Work
from npsapp.demo.foundation import SENDER_ADDRESS, Foundation
from npsapp.demo.history import Customer, Happening
from npsapp.invitations.rules import InvitationState, StepState
from npsapp.lib.clock import local_date, zone
from npsapp.lib.tokens import new_token
from npsapp.organization.rules import fold
from npsapp.responses.models import Basis

Row = dict[str, Any]

_READ_AFTER = timedelta(days=2)
_READ_SHARE = 0.93
_SUBJECTS = {
    "ru": "Ваш заказ от {day}: один вопрос",
    "uk": "Ваше замовлення від {day}: одне запитання",
    "en": "Your order of {day}: one question",
}


# ---- customers ----------------------------------------------------------------------------------


def customer(base: Foundation, one: Customer, last_sent_at: datetime | None) -> Row:
    """Row of `customer`."""
    return {
        "pool_id": base.pool_id,
        "name": one.name,
        "name_key": fold(one.name),
        "is_firm": one.is_firm,
        "address_as": one.address_as,
        "language": one.language,
        "region_id": base.regions[one.region],
        "is_key": one.is_key,
        "claimed_at": last_sent_at,
        "created_at": one.since,
    }


def trusted_id(base: Foundation, one: Customer, customer_id: int) -> Row:
    """Row of `trusted_id`: the demo's source knows its customers by number."""
    return {
        "customer_id": customer_id,
        "source_id": base.source_id,
        "external_id": f"K-{one.number:05d}",
    }


def contact_point(base: Foundation, one: Customer, customer_id: int, kind: ContactKind) -> Row:
    """Row of `contact_point`."""
    return {
        "pool_id": base.pool_id,
        "customer_id": customer_id,
        "kind": kind,
        "value": one.email if kind is ContactKind.EMAIL else one.phone,
        "created_at": one.since,
    }


def ground(base: Foundation, one: Customer, contact_point_id: int, kind: ContactKind) -> Row:
    """Row of `ground`: the source's default."""
    return {
        "contact_point_id": contact_point_id,
        "channel": Channel.EMAIL if kind is ContactKind.EMAIL else Channel.PHONE,
        "kind": GroundKind.CONTRACT,
        "since": one.since,
        "set_by_id": base.administrator_id,
        "proof": "source default",
    }


def stops(
    base: Foundation, one: Customer, standing: Standing, customer_id: int
) -> tuple[list[Row], list[Row]]:
    """Rows of `hold` and `suppression` for somebody who unsubscribed or whose address is dead."""
    holds, suppressions = [], []
    if standing.unsubscribed_at:
        source = f"{UNSUBSCRIBE}:{Choice.NO_LETTERS.value}"
        since = standing.unsubscribed_at
        holds.append(
            {
                "customer_id": customer_id,
                "reason": HoldReason.UNSUBSCRIBED,
                "source": source,
                "since": since,
            }
        )
        suppressions.append(_suppression(one, base.brand_id, SuppressionReason.UNSUBSCRIBED, since))
    if standing.bounced_at:
        suppressions.append(_suppression(one, None, SuppressionReason.BOUNCED, standing.bounced_at))
    return holds, suppressions


def _suppression(one: Customer, brand_id: int | None, reason: SuppressionReason, since: datetime) -> Row:
    return {
        "channel": Channel.EMAIL,
        "address": one.email,
        "brand_id": brand_id,
        "reason": reason,
        "since": since,
    }


# ---- interactions -------------------------------------------------------------------------------


def interaction(base: Foundation, one: Happening, customer_id: int | None, *, undecided: bool) -> Row:
    """Row of `interaction`."""
    amount = one.bought.amount
    return {
        "source_id": base.source_id,
        "external_id": f"demo-{one.number}",
        "brand_id": base.brand_id,
        "touchpoint_id": base.touchpoints[one.touchpoint],
        "region_id": base.regions[one.region],
        "unit_id": base.units[one.unit.key],
        "segment_id": base.segments[one.segment],
        "customer_id": customer_id,
        "happened_at": one.happened_at,
        "number": one.receipt,
        "title": one.bought.title,
        "product_group": one.bought.goods.group,
        "amount": None if amount is None else Decimal(amount),
        "currency": "" if amount is None else "UAH",
        "properties": {},
        "undecided": undecided,
        "cancelled_at": one.cancelled_at,
        "accepted_at": one.accepted_at,
        "changed_at": one.cancelled_at or one.accepted_at,
    }


def performers(base: Foundation, one: Happening, interaction_id: int) -> list[Row]:
    """Rows of `interaction_performer`."""
    return [
        {"interaction_id": interaction_id, "performer_id": base.performers[who.key], "role": who.role}
        for who in one.performers
    ]


# ---- invitations --------------------------------------------------------------------------------


def invitation(base: Foundation, one: Asking, interaction_id: int, customer_id: int | None) -> Row:
    """Row of `invitation`."""
    happening = one.happening
    return {
        "interaction_id": interaction_id,
        "customer_id": customer_id,
        "survey_id": base.surveys[happening.touchpoint],
        "version_id": base.versions[happening.touchpoint] if one.sent_at else None,
        "brand_id": base.brand_id,
        "touchpoint_id": base.touchpoints[happening.touchpoint],
        "region_id": base.regions[happening.region],
        "state": one.state,
        "reason": one.reason,
        "again_at": one.again_at,
        "send_at": None if one.state is InvitationState.EXCLUDED else one.send_at,
        "latest_at": one.latest_at,
        "decided_at": one.decided_at,
        "handed_over_at": one.send_at if one.sent_at else None,
        "sent_at": one.sent_at,
        "answered_at": one.answer.confirmed_at if one.answer else None,
        "valid_until": one.valid_until,
        "language": happening.customer.language if happening.customer else "uk",
    }


def message(base: Foundation, one: Asking) -> Row:
    """Row of `message`: the letter that asked. Its text is gone; what is left is that it was sent."""
    happening = one.happening
    who = happening.customer
    language = who.language if who else "uk"
    day = happening.happened_at.astimezone(zone(places.ZONE)).strftime("%d.%m.%Y")
    return {
        "purpose": Purpose.INVITATION,
        "channel": Channel.EMAIL,
        "sender_id": base.sender_id,
        "brand_id": base.brand_id,
        "region_id": base.regions[happening.region],
        "survey_id": base.surveys[happening.touchpoint],
        "to_address": who.email if who else "",
        "to_name": who.name if who else "",
        "language": language,
        "subject": _SUBJECTS[language].format(day=day),
        "body": "",
        "html": "",
        "message_id": f"<{new_token()}@{SENDER_ADDRESS.partition('@')[2]}>",
        "created_at": one.send_at,
        "due_at": one.send_at,
        "useful_until": one.latest_at,
        "state": State.BOUNCED if one.bounced else State.SENT,
        "attempts": 1,
        "sent_at": one.sent_at,
    }


def step(one: Asking, invitation_id: int, contact_point_id: int, message_id: int) -> Row:
    """Row of `invitation_step`; tokens are random, whatever the seed: they open pages."""
    return {
        "invitation_id": invitation_id,
        "number": 1,
        "channel": Channel.EMAIL,
        "contact_point_id": contact_point_id,
        "token": new_token(),
        "due_at": one.send_at,
        "state": StepState.HANDED_OVER,
        "message_id": message_id,
    }


def contact_facts(base: Foundation, one: Asking, customer_id: int) -> list[Row]:
    """Rows of `contact_fact`: asked, and perhaps answered."""
    touchpoint = one.happening.touchpoint
    moments = [(FactKind.INVITED, one.send_at)]
    if one.answer:
        moments.append((FactKind.ANSWERED, one.answer.confirmed_at))
    return [
        {
            "customer_id": customer_id,
            "kind": kind,
            "survey_id": base.surveys[touchpoint],
            "touchpoint_id": base.touchpoints[touchpoint],
            "at": at,
        }
        for kind, at in moments
    ]


# ---- answers ------------------------------------------------------------------------------------


def response(
    base: Foundation, one: Asking, invitation: Row, invitation_id: int, *, chance: Random, now: datetime
) -> Row:
    """Row of `response`; most answers older than two days were read by the region's manager."""
    answer, happening = one.answer, one.happening
    if answer is None:
        raise ValueError("not answered")
    read = answer.finished_at + timedelta(minutes=chance.randint(30, 2000))
    was_read = read < now and (now - answer.finished_at < _READ_AFTER or chance.random() < _READ_SHARE)
    return {
        "invitation_id": invitation_id,
        "interaction_id": invitation["interaction_id"],
        "customer_id": invitation["customer_id"],
        "survey_id": invitation["survey_id"],
        "version_id": invitation["version_id"],
        "brand_id": base.brand_id,
        "touchpoint_id": invitation["touchpoint_id"],
        "region_id": invitation["region_id"],
        "unit_id": base.units[happening.unit.key],
        "segment_id": base.segments[happening.segment],
        "channel": Channel.EMAIL,
        "language": invitation["language"],
        "score": answer.score,
        "comment": answer.comment,
        "contact_wanted": answer.contact_wanted,
        "basis": Basis.CONFIRMED,
        "local_date": local_date(answer.confirmed_at, places.ZONE),
        "confirmed_at": answer.confirmed_at,
        "acted_at": answer.finished_at,
        "finished_at": answer.finished_at,
        "read_at": read if was_read else None,
        "read_by_id": base.managers[happening.region] if was_read else None,
    }


def revision(one: Row, response_id: int) -> Row:
    """Row of `response_revision`: the answer as it was given."""
    return {
        "response_id": response_id,
        "number": 1,
        "at": one["confirmed_at"],
        "score": one["score"],
        "comment": one["comment"],
        "contact_wanted": one["contact_wanted"],
    }


# ---- cases --------------------------------------------------------------------------------------


def case(base: Foundation, work: Work, customer_id: int) -> Row:
    """Row of `case`; the region's manager owns it and was told."""
    happening = work.askings[0].happening
    owner = base.managers[happening.region]
    first = work.attempts[0].at if work.attempts else None
    return {
        "kind": Kind.RECOVERY,
        "customer_id": customer_id,
        "brand_id": base.brand_id,
        "region_id": base.regions[happening.region],
        "unit_id": base.units[happening.unit.key],
        "owner_id": owner,
        "state": work.state,
        "score": work.score,
        "hot": work.hot,
        "opened_at": work.opened_at,
        "clock_from": work.clock_from,
        "due_at": work.due_at,
        "acknowledge_by": work.clock.acknowledge_by,
        "attempt_by": work.clock.attempt_by,
        "contact_by": work.clock.contact_by,
        "settle_by": work.clock.settle_by,
        "acknowledged_at": work.acknowledged_at,
        "first_attempt_at": first,
        "contacted_at": work.contacted_at,
        "settled_at": work.settled_at,
        "settled_by_id": owner if work.settled_at else None,
        "call_back_at": work.call_back_at,
        "cause_id": base.causes[work.cause] if work.cause else None,
        "outcome": work.outcome,
        "outcome_text": work.outcome_text,
        "owner_told_at": work.opened_at + timedelta(minutes=1),
    }


def case_responses(case_id: int, response_ids: Sequence[int]) -> list[Row]:
    """Rows of `case_response`."""
    return [
        {"response_id": response_id, "case_id": case_id, "looked_at_revision": 1}
        for response_id in response_ids
    ]


def case_attempts(base: Foundation, work: Work, case_id: int) -> list[Row]:
    """Rows of `case_attempt`."""
    owner = base.managers[work.askings[0].happening.region]
    return [
        {"case_id": case_id, "at": one.at, "by_id": owner, "result": one.result, "note": one.note}
        for one in work.attempts
    ]


def case_notes(base: Foundation, work: Work, case_id: int) -> list[Row]:
    """Rows of `case_note`: the manager's, and the program's about further answers."""
    owner = base.managers[work.askings[0].happening.region]
    written = [{"case_id": case_id, "at": at, "by_id": owner, "text": text} for at, text in work.remarks]
    joined = [
        {"case_id": case_id, "at": at, "by_id": None, "text": remarks.write(Remark.JOINED, score)}
        for at, score in work.joined
    ]
    return written + joined
