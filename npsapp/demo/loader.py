"""Writing the demo company: drawn and hashed first, then everything in one transaction."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from random import Random

from npsapp.accounts.hashing import hash_password
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.cases.models import Case, CaseAttempt, CaseNote, CaseResponse
from npsapp.cases.rules import Kind
from npsapp.customers import services as customers
from npsapp.customers.models import ContactFact, ContactPoint, Customer, Ground, TrustedId
from npsapp.customers.rules import Choice, ContactKind, FactKind, GroundKind
from npsapp.delivery import services as delivery
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, Purpose, State, SuppressionReason
from npsapp.demo import foundation, history
from npsapp.demo.asking import Correspondence
from npsapp.demo.casework import Desk, Work
from npsapp.demo.company import COMPANY, TOUCHPOINTS, ZONE
from npsapp.demo.rows import Row, Writer
from npsapp.intake.models import Interaction, InteractionPerformer
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.rules import StepState
from npsapp.lib.clock import at_local, local_date, zone
from npsapp.lib.tokens import new_token
from npsapp.organization.rules import fold
from npsapp.reports import services as reports
from npsapp.responses.models import DirtyDay, Response, ResponseRevision

SEED = 20
PASSWORD_BYTES = 9  # 72 bits, 12 characters

_FOUNDED_BEFORE = timedelta(days=14)
_READ_AFTER = timedelta(days=2)
_READ = 0.93


@dataclass(frozen=True)
class Drawn:
    """A whole history that no table knows yet, and the passwords of its colleagues by e-mail."""

    past: history.Past
    desk: Desk
    passwords: dict[str, str]
    hashes: dict[str, str]
    chance: Random


def draw(*, now: datetime, seed: int = SEED, interactions: int = history.INTERACTIONS) -> Drawn:
    """Everything that is slow and needs no database: some seconds.

    All but passwords and tokens follows from seed, `now` and size.
    """
    chance = Random(f"{seed}:{now.date()}")  # noqa: S311 - a history, not a secret
    past = history.Past(chance, now=now, interactions=interactions)
    Correspondence(chance, past)
    desk = Desk(chance, past)
    passwords = {one["email"]: secrets.token_urlsafe(PASSWORD_BYTES) for one in COMPANY["colleagues"]}
    hashes = {email: hash_password(password) for email, password in passwords.items()}
    return Drawn(past, desk, passwords, hashes, chance)


def write(drawn: Drawn, *, now: datetime) -> dict[str, int]:
    """Write one drawn history; gives counts by kind of thing. Needs a transaction around all of it."""
    writer, past = Writer(), drawn.past
    founded = at_local(past.first_day, time(9), ZONE) - _FOUNDED_BEFORE
    foundation.lay(writer, drawn.hashes, founded=founded, now=now)
    counts = {f"{kind}s": len(writer.ids[kind]) for kind in ("region", "unit", "performer")}
    rows = [_row(one) for one in past.happenings]
    bought = {row["customer"] for row in rows}
    people = [one for one in past.customers if one.serial in bought]
    counts |= _customers(writer, people)
    counts |= _interactions(writer, rows)
    counts |= _invitations(writer, rows)
    _stops(writer, people)
    counts |= _answers(writer, rows, drawn)
    counts |= _cases(writer, drawn.desk.works)
    audit.record(Event.DEMO_LOADED, actor=audit.COMMAND, now=now, data=counts)
    return counts


# ---- customers and interactions -----------------------------------------------------------------


def _customers(writer: Writer, people: list[history.Customer]) -> dict[str, int]:
    rows = [
        {**vars(one), "customer": one.serial, "name_key": fold(one.name), "external_id": f"K-{one.serial:05d}"}
        for one in people
    ]
    writer.write(Customer, rows, "customer")
    writer.write(TrustedId, rows)
    points = [point for row in rows for point in _addresses(row)]
    writer.write(ContactPoint, points, "contact_point")
    writer.write(Ground, (row | {"kind": GroundKind.CONTRACT} for row in points if row["grounded"]))
    return {"customers": len(rows)}


def _addresses(one: Row) -> Iterator[Row]:
    """What is known of a customer's mailbox and phone; the ground is the source's default."""
    for kind, channel in ((ContactKind.EMAIL, Channel.EMAIL), (ContactKind.PHONE, Channel.PHONE)):
        if one[kind]:
            yield one | {
                "contact_point": (one["customer"], kind),
                "kind": kind,
                "value": one[kind],
                "channel": channel,
                "since": one["created_at"],
                "proof": "source default",
            }


def _row(one: history.Happening) -> Row:
    """What several tables say about one interaction, its invitation, letter and answer."""
    customer, answer = one.customer, one.answer
    return {
        **vars(one),
        **(vars(answer) if answer else {}),
        **dict.fromkeys(("interaction", "invitation", "message", "response"), one.serial),
        "survey": one.touchpoint,
        "version": one.touchpoint if one.sent_at else None,
        "customer": customer.serial if customer else None,
        "to_address": customer.email if customer else None,
        "to_name": customer.name if customer else None,
        "external_id": f"demo-{one.serial}",
        "number": f"{TOUCHPOINTS[one.touchpoint]['receipt']}-{one.serial:06d}",
        "product_group": one.goods["group"],
        "properties": {},
        "currency": "UAH" if one.amount else "",
        "changed_at": one.cancelled_at or one.accepted_at,
        "undecided": one.decided_at is None,
        "answered_at": answer.confirmed_at if answer else None,
    }


def _interactions(writer: Writer, rows: list[Row]) -> dict[str, int]:
    count = writer.write(Interaction, rows, "interaction")
    served = (
        {"interaction": row["serial"], "performer": who["name"], "role": who["role"]}
        for row in rows
        for who in row["performers"]
    )
    writer.write(InteractionPerformer, served)
    return {"interactions": count, "not yet decided about": sum(row["undecided"] for row in rows)}


# ---- letters and answers ------------------------------------------------------------------------


def _invitations(writer: Writer, rows: list[Row]) -> dict[str, int]:
    lines = (row | {"handed_over_at": row["sent_at"] and row["send_at"]} for row in rows if row["decided_at"])
    writer.write(Invitation, lines, "invitation")
    sent = [row for row in rows if row["sent_at"]]
    writer.write(Message, map(_letter, sent), "message")
    writer.write(InvitationStep, map(_step, sent))
    invited = (row | {"kind": FactKind.INVITED, "at": row["send_at"]} for row in sent)
    writer.write(ContactFact, invited)
    return {"held back": sum(1 for row in rows if row["reason"]), "letters sent": len(sent)}


def _letter(row: Row) -> Row:
    """The letter that asked. Its text is gone; what is left is that it was sent."""
    day = row["happened_at"].astimezone(zone(ZONE)).strftime("%d.%m.%Y")
    return row | {
        "purpose": Purpose.INVITATION,
        "subject": COMPANY["letter_subjects"][row["language"]].format(day=day),
        "body": "",
        "html": "",
        "message_id": f"<{new_token()}@{foundation.SENDER_ADDRESS.partition('@')[2]}>",
        "created_at": row["send_at"],
        "due_at": row["send_at"],
        "useful_until": row["latest_at"],
        "state": State.BOUNCED if row["bounced"] else State.SENT,
        "attempts": 1,
    }


def _step(row: Row) -> Row:
    """Tokens are random, whatever the seed: they open pages."""
    return row | {
        "number": 1,
        "contact_point": (row["customer"], ContactKind.EMAIL),
        "token": new_token(),
        "due_at": row["send_at"],
        "state": StepState.HANDED_OVER,
    }


def _stops(writer: Writer, people: list[history.Customer]) -> None:
    """Addresses that are dead, and people who unsubscribed."""
    for one in people:
        if one.bounced_at and one.email:
            delivery.suppress(
                channel=Channel.EMAIL, address=one.email, reason=SuppressionReason.BOUNCED, now=one.bounced_at
            )
        if one.unsubscribed_at:
            customers.unsubscribe(
                contact_point_id=writer.ids["contact_point"][one.serial, ContactKind.EMAIL],
                brand_id=writer.always["brand_id"],
                choice=Choice.NO_LETTERS,
                now=one.unsubscribed_at,
            )


def _answers(writer: Writer, rows: list[Row], drawn: Drawn) -> dict[str, int]:
    answers = [row | _reading(row, drawn) for row in rows if row["answer"]]
    writer.write(Response, answers, "response")
    writer.write(ResponseRevision, (row | {"number": 1, "at": row["confirmed_at"]} for row in answers))
    facts = (row | {"kind": FactKind.ANSWERED, "at": row["confirmed_at"]} for row in answers)
    writer.write(ContactFact, facts)
    days = {(row["survey"], row["local_date"]) for row in answers}
    writer.write(DirtyDay, ({"survey": survey, "local_date": day} for survey, day in sorted(days)))
    while reports.recount_dirty_days():
        pass
    return {"answers": len(answers), "answers with words": sum(1 for row in answers if row["comment"])}


def _reading(row: Row, drawn: Drawn) -> Row:
    """Most answers older than two days were read by the region's manager."""
    now, finished_at = drawn.past.now, row["finished_at"]
    read_at = finished_at + timedelta(minutes=drawn.chance.randint(30, 2000))
    was_read = read_at < now and (now - finished_at < _READ_AFTER or drawn.chance.random() < _READ)
    return {
        "local_date": local_date(row["confirmed_at"], ZONE),
        "acted_at": finished_at,
        "read_at": read_at if was_read else None,
        "read_by": row["region"] if was_read else None,
    }


# ---- cases --------------------------------------------------------------------------------------


def _cases(writer: Writer, works: list[Work]) -> dict[str, int]:
    writer.write(Case, map(_case, works), "case")
    inside = (
        {"response": serial, "case": work.first.serial, "looked_at_revision": 1}
        for work in works
        for serial in work.answered
    )
    writer.write(CaseResponse, inside)
    writer.write(CaseAttempt, (one | {"case": work.first.serial} for work in works for one in work.attempts))
    writer.write(CaseNote, (one | {"case": work.first.serial} for work in works for one in work.notes))
    return {"cases": len(works), "open cases": sum(1 for work in works if not work.settled_at)}


def _case(work: Work) -> Row:
    """The region's manager owns the case and was told."""
    first = work.first
    return {
        **vars(work),
        **vars(work.clock),
        "case": first.serial,
        "kind": Kind.RECOVERY,
        "customer": first.customer.serial if first.customer else None,
        "region": first.region,
        "unit": first.unit,
        "owner": first.region,
        "due_at": work.due_at,
        "first_attempt_at": work.attempts[0]["at"] if work.attempts else None,
        "settled_by": first.region if work.settled_at else None,
        "owner_told_at": work.opened_at + timedelta(minutes=1),
    }
