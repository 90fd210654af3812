"""Writing the demo company: drawn and hashed first, then everything in one transaction."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice
from random import Random
from typing import Any

from sqlalchemy import func, insert, select

from npsapp.accounts.hashing import hash_password
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.cases.models import Case, CaseAttempt, CaseNote, CaseResponse
from npsapp.customers.models import ContactFact, ContactPoint, Customer, Ground, Hold, TrustedId
from npsapp.customers.rules import ContactKind
from npsapp.db import Base, db, is_sqlite
from npsapp.delivery.models import Message, Suppression
from npsapp.demo import foundation, history, places, rows
from npsapp.demo.asking import Asking, Correspondence
from npsapp.demo.casework import Desk
from npsapp.demo.foundation import Foundation
from npsapp.intake.models import Interaction, InteractionPerformer
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.lib.clock import at_local
from npsapp.reports import services as reports
from npsapp.responses.models import DirtyDay, Response, ResponseRevision

SEED = 20
CHUNK = 2000
"""Rows per statement."""

_FOUNDED_BEFORE = timedelta(days=14)
_PASSWORD_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105 - letters nobody takes for another
_PASSWORD_GROUPS, _PASSWORD_GROUP = 3, 4


@dataclass(frozen=True)
class Drawn:
    """A whole history that no table knows yet, and the logins of its colleagues."""

    past: history.Past
    correspondence: Correspondence
    desk: Desk
    passwords: dict[str, str]
    hashes: dict[str, str]
    chance: Random


def draw(*, now: datetime, seed: int = SEED, interactions: int = history.INTERACTIONS) -> Drawn:
    """Everything that is slow and needs no database: some seconds, half of them for hashing passwords.

    All but passwords and tokens follows from seed, `now` and size.
    """
    chance = Random(f"{seed}:{now.date()}")  # noqa: S311 - a history, not a secret
    past = history.draw(chance, now=now, interactions=interactions)
    correspondence = Correspondence(chance, past)
    desk = Desk(chance, correspondence.askings, now=now)
    passwords = {one.email: _password() for one in foundation.COLLEAGUES}
    hashes = {email: hash_password(password) for email, password in passwords.items()}
    return Drawn(past, correspondence, desk, passwords, hashes, chance)


def _password() -> str:
    """Sixty random bits, easy to copy from a screen: `k3fd-q8wz-m2vt`."""
    groups = (
        "".join(secrets.choice(_PASSWORD_ALPHABET) for _ in range(_PASSWORD_GROUP))
        for _ in range(_PASSWORD_GROUPS)
    )
    return "-".join(groups)


class Loader:
    """Writes one drawn history. Needs a transaction around all of it."""

    def __init__(self, drawn: Drawn, *, now: datetime) -> None:
        self.drawn, self.now = drawn, now
        first = at_local(drawn.past.first_day, time(9), places.ZONE) - _FOUNDED_BEFORE
        self.base: Foundation = foundation.lay(
            drawn.past.performers, hashes=drawn.hashes, founded=first, now=now
        )
        self.customers: dict[int, int] = {}
        self.mailboxes: dict[int, int] = {}
        self.interactions: dict[int, int] = {}
        self.responses: dict[int, int] = {}
        """Ids by number of the customer (its e-mail contact point) or of the interaction."""
        self.counts = {
            "regions": len(self.base.regions),
            "units": len(self.base.units),
            "performers": len(self.base.performers),
        }

    def write(self) -> dict[str, int]:
        """Write everything; gives counts by kind of thing."""
        self._customers()
        self._interactions()
        self._invitations()
        self._cases()
        self._tallies()
        audit.record(Event.DEMO_LOADED, actor=audit.COMMAND, now=self.now, data=self.counts)
        return self.counts

    # ---- stage by stage -------------------------------------------------------------------------

    def _customers(self) -> None:
        standings = self.drawn.correspondence.standings
        seen = {one.customer.number for one in self.drawn.past.happenings if one.customer}
        people = [one for one in self.drawn.past.customers if one.number in seen]
        last = {
            one.number: max((at for at, _ in standings[one.number].contacts), default=None) for one in people
        }
        ids = _insert_for_ids(Customer, (rows.customer(self.base, one, last[one.number]) for one in people))
        self.customers = {one.number: id_ for one, id_ in zip(people, ids, strict=True)}
        _insert(TrustedId, (rows.trusted_id(self.base, one, self.customers[one.number]) for one in people))
        self._addresses(people)
        self.counts["customers"] = len(people)
        stops = [
            rows.stops(self.base, one, standings[one.number], self.customers[one.number]) for one in people
        ]
        _insert(Hold, (row for holds, _ in stops for row in holds))
        _insert(Suppression, (row for _, suppressions in stops for row in suppressions))

    def _addresses(self, people: list[history.Customer]) -> None:
        wanted = [(one, ContactKind.EMAIL) for one in people if one.email]
        wanted += [(one, ContactKind.PHONE) for one in people if one.phone]
        points = (
            rows.contact_point(self.base, one, self.customers[one.number], kind) for one, kind in wanted
        )
        owned = list(zip(wanted, _insert_for_ids(ContactPoint, points), strict=True))
        self.mailboxes = {one.number: id_ for (one, kind), id_ in owned if kind is ContactKind.EMAIL}
        _insert(
            Ground,
            (rows.ground(self.base, one, id_, kind) for (one, kind), id_ in owned if one.grounded),
        )

    def _interactions(self) -> None:
        happenings = self.drawn.past.happenings
        decided = {one.happening.number for one in self.drawn.correspondence.askings}
        wanted = (
            rows.interaction(self.base, one, self._customer_id(one), undecided=one.number not in decided)
            for one in happenings
        )
        ids = _insert_for_ids(Interaction, wanted)
        self.interactions = {one.number: id_ for one, id_ in zip(happenings, ids, strict=True)}
        _insert(
            InteractionPerformer,
            (
                row
                for one in happenings
                for row in rows.performers(self.base, one, self.interactions[one.number])
            ),
        )
        self.counts["interactions"] = len(ids)
        self.counts["not yet decided about"] = len(happenings) - len(decided)

    def _customer_id(self, one: history.Happening) -> int | None:
        return self.customers[one.customer.number] if one.customer else None

    def _invitations(self) -> None:
        askings = self.drawn.correspondence.askings
        lines = [
            rows.invitation(
                self.base, one, self.interactions[one.happening.number], self._customer_id(one.happening)
            )
            for one in askings
        ]
        ids = _insert_for_ids(Invitation, lines)
        self.counts["held back"] = sum(1 for line in lines if line["reason"])
        placed = list(zip(askings, lines, ids, strict=True))
        self._letters([(asking, id_) for asking, _, id_ in placed if asking.sent_at])
        self._answers([(asking, line, id_) for asking, line, id_ in placed if asking.answer])

    def _letters(self, sent: list[tuple[Asking, int]]) -> None:
        message_ids = _insert_for_ids(Message, (rows.message(self.base, asking) for asking, _ in sent))
        self.counts["letters sent"] = len(message_ids)
        mailbox = {asking.happening.number: self.mailboxes[_customer(asking).number] for asking, _ in sent}
        _insert(
            InvitationStep,
            (
                rows.step(asking, id_, mailbox[asking.happening.number], message_id)
                for (asking, id_), message_id in zip(sent, message_ids, strict=True)
            ),
        )
        _insert(
            ContactFact,
            (
                row
                for asking, _ in sent
                for row in rows.contact_facts(self.base, asking, self.customers[_customer(asking).number])
            ),
        )

    def _answers(self, answered: list[tuple[Asking, rows.Row, int]]) -> None:
        answers = [
            rows.response(self.base, asking, line, id_, chance=self.drawn.chance, now=self.now)
            for asking, line, id_ in answered
        ]
        ids = _insert_for_ids(Response, answers)
        self.responses = {
            asking.happening.number: id_ for (asking, _, _), id_ in zip(answered, ids, strict=True)
        }
        _insert(ResponseRevision, (rows.revision(row, id_) for row, id_ in zip(answers, ids, strict=True)))
        days = {(row["survey_id"], row["local_date"]) for row in answers}
        _insert(DirtyDay, ({"survey_id": survey, "local_date": day} for survey, day in sorted(days)))
        self.counts["answers"] = len(ids)
        self.counts["answers with words"] = sum(1 for row in answers if row["comment"])

    def _cases(self) -> None:
        works = self.drawn.desk.works
        ids = _insert_for_ids(
            Case,
            (rows.case(self.base, one, self.customers[_customer(one.askings[0]).number]) for one in works),
        )
        placed = list(zip(works, ids, strict=True))
        _insert(
            CaseResponse,
            (
                row
                for one, id_ in placed
                for row in rows.case_responses(
                    id_, [self.responses[asking.happening.number] for asking in one.askings]
                )
            ),
        )
        _insert(CaseAttempt, (row for one, id_ in placed for row in rows.case_attempts(self.base, one, id_)))
        _insert(CaseNote, (row for one, id_ in placed for row in rows.case_notes(self.base, one, id_)))
        self.counts |= {"cases": len(works), "open cases": sum(1 for one in works if not one.settled_at)}

    def _tallies(self) -> None:
        while reports.recount_dirty_days():
            pass


def _customer(asking: Asking) -> history.Customer:
    """Whom a letter went to; only known people get one."""
    if asking.happening.customer is None:
        raise ValueError("a letter to nobody")
    return asking.happening.customer


def _chunks(wanted: Iterable[rows.Row]) -> Iterator[list[rows.Row]]:
    iterator = iter(wanted)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _insert(model: type[Base], wanted: Iterable[rows.Row]) -> None:
    for chunk in _chunks(wanted):
        db.session.connection().execute(insert(model), chunk)


def _insert_for_ids(model: Any, wanted: Iterable[rows.Row]) -> list[int]:
    """Insert and give the new ids in the order of the rows.

    The ids are taken beforehand: asking for them with RETURNING makes SQLite go row by row.
    """
    given = list(wanted)
    ids = _new_ids(model, len(given))
    _insert(model, ({"id": id_, **row} for id_, row in zip(ids, given, strict=True)))
    return ids


def _new_ids(model: Any, count: int) -> list[int]:
    if is_sqlite():
        first = (db.session.scalar(select(func.max(model.id))) or 0) + 1
        return list(range(first, first + count))
    sequence = func.pg_get_serial_sequence(model.__tablename__, "id")
    series = func.generate_series(1, count).table_valued("number")
    return sorted(db.session.scalars(select(func.nextval(sequence)).select_from(series)))
