"""Writing the demo company: drawn and hashed first, then everything in one transaction."""

import secrets
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import chain
from random import Random
from typing import Any

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
from npsapp.demo.company import COMPANY, TOUCHPOINTS, ZONE, happens
from npsapp.demo.rows import Row, Writer
from npsapp.intake.models import Interaction, InteractionPerformer
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.rules import StepState
from npsapp.lib.clock import at_local, local_date, zone
from npsapp.lib.tokens import new_token
from npsapp.organization.rules import fold
from npsapp.reports import services as reports
from npsapp.responses.models import Response, ResponseRevision
from npsapp.surveys.models import DirtyDay, Tallied

Lines = tuple[Any, str, Iterable[Row]]

SEED = 20
PASSWORD_BYTES = 9  # 72 bits, 12 characters

_FOUNDED_BEFORE = timedelta(days=14)
_READ_AFTER = timedelta(days=2)


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
    writer, past, works = Writer(), drawn.past, drawn.desk.works
    founded = at_local(past.first_day, time(9), ZONE) - _FOUNDED_BEFORE
    foundation.lay(writer, drawn.hashes, founded=founded, now=now)
    rows = [_row(one) for one in past.happenings]
    bought = {row["customer"] for row in rows}
    people = [one for one in past.customers if one.serial in bought]
    answers = [row | _reading(row, drawn) for row in rows if row["answer"]]
    tables = chain(_people(people), _asked(rows), _answered(answers), _worked_on(works))
    for model, kind, lines in tables:
        writer.write(model, lines, kind)
    _stops(writer, people)
    while reports.recount_dirty_days():
        pass
    counts = {f"{kind}s": len(writer.ids[kind]) for kind in ("region", "unit", "performer", "customer", "interaction")}
    counts |= {
        "not yet decided about": sum(row["undecided"] for row in rows),
        "held back": sum(1 for row in rows if row["reason"]),
        "letters sent": sum(1 for row in rows if row["sent_at"]),
        "answers": len(answers),
        "answers with words": sum(1 for row in answers if row["comment"]),
        "cases": len(works),
        "open cases": sum(1 for work in works if not work.settled_at),
    }
    audit.record(Event.DEMO_LOADED, actor=audit.COMMAND, now=now, data=counts)
    return counts


# ---- tables in the order of writing, each with the name under which others refer to its rows ----


def _people(people: list[history.Customer]) -> Iterator[Lines]:
    rows = [
        {**vars(one), "customer": one.serial, "name_key": fold(one.name), "external_id": f"K-{one.serial:05d}"}
        for one in people
    ]
    yield Customer, "customer", rows
    yield TrustedId, "", rows
    points = [point for row in rows for point in _addresses(row)]
    yield ContactPoint, "contact_point", points
    yield Ground, "", (row | {"kind": GroundKind.CONTRACT} for row in points if row["grounded"])


def _asked(rows: list[Row]) -> Iterator[Lines]:
    yield Interaction, "interaction", rows
    served = ((row, who) for row in rows for who in row["performers"])
    yield InteractionPerformer, "", (row | {"performer": who["name"], "role": who["role"]} for row, who in served)
    yield Invitation, "invitation", (row for row in rows if row["decided_at"])
    sent = [row for row in rows if row["sent_at"]]
    yield Message, "message", map(_letter, sent)
    yield InvitationStep, "", map(_step, sent)
    yield ContactFact, "", (row | {"kind": FactKind.INVITED, "at": row["send_at"]} for row in sent)
    yield _marks(Tallied.INVITATIONS, {(row["survey"], row["sent_on"]) for row in sent})


def _marks(tallied: Tallied, days: Collection[tuple[str, date]]) -> Lines:
    return DirtyDay, "", ({"survey": survey, "local_date": day, "tallied": tallied} for survey, day in sorted(days))


def _answered(answers: list[Row]) -> Iterator[Lines]:
    yield Response, "response", answers
    yield ResponseRevision, "", (row | {"number": 1, "at": row["confirmed_at"]} for row in answers)
    yield ContactFact, "", (row | {"kind": FactKind.ANSWERED, "at": row["confirmed_at"]} for row in answers)
    yield _marks(Tallied.ANSWERS, {(row["survey"], row["local_date"]) for row in answers})


def _worked_on(works: list[Work]) -> Iterator[Lines]:
    yield Case, "case", map(_case, works)
    inside = ((work, serial) for work in works for serial in work.answered)
    yield CaseResponse, "", ({"response": one, "case": _key(work), "looked_at_revision": 1} for work, one in inside)
    yield CaseAttempt, "", (one | {"case": _key(work)} for work in works for one in work.attempts)
    yield CaseNote, "", (one | {"case": _key(work)} for work in works for one in work.notes)


def _key(work: Work) -> int:
    return work.first.serial


# ---- single rows ----


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
        "undecided": one.decided_at is None,
        "handed_over_at": one.sent_at and one.send_at,
        "sent_on": one.sent_at and local_date(one.sent_at, ZONE),
        "answered_at": answer.confirmed_at if answer else None,
    }


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


def _reading(row: Row, drawn: Drawn) -> Row:
    """Most answers older than two days were read by the region's manager."""
    now, finished_at = drawn.past.now, row["finished_at"]
    read_at = finished_at + timedelta(minutes=drawn.chance.randint(30, 2000))
    was_read = read_at < now and (now - finished_at < _READ_AFTER or happens(drawn.chance, "read"))
    return {
        "local_date": local_date(row["confirmed_at"], ZONE),
        "acted_at": finished_at,
        "read_at": read_at if was_read else None,
        "read_by": row["region"] if was_read else None,
    }


def _case(work: Work) -> Row:
    """The region's manager owns the case and was told."""
    first = work.first
    return {
        **vars(work),
        **work.clock._asdict(),
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
