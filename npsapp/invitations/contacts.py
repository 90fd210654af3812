"""When some customers were asked or answered before, and whether they are on hold; loaded in bulk."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from npsapp.customers import queries as customers
from npsapp.customers.rules import FactKind, HoldReason
from npsapp.db import db, one_of
from npsapp.invitations.models import ContactPolicy, Invitation
from npsapp.invitations.rules import Care, Contact, InvitationState

_USUAL = Care()
CASES = {HoldReason.OPEN_CASE, HoldReason.COMPLAINT}
"""Reasons of holds that a company may leave aside."""


class Known:
    """Holds and earlier contacts of some customers, loaded once."""

    def __init__(
        self,
        customer_ids: Iterable[int],
        *,
        count_planned: bool = False,
        now: datetime,
        but: Collection[int | None] = (),
    ) -> None:
        self.now = now
        self.person = customers.families(customer_ids)
        """Everybody who is one person with these customers: what any of them wants or was asked counts for all."""
        self._holds = self._of_persons(customers.holds_for(self.person, now))
        self._facts = self._of_persons(customers.facts_for(self.person, now - _longest_quarantine()))
        self._planned = self._of_persons(_planned(self.person, but)) if count_planned else {}

    def _of_persons(self, found: Mapping[int, list[Any]]) -> dict[int, list[Any]]:
        """What was found by customer, by the id of whoever stands for the person."""
        together: dict[int, list[Any]] = defaultdict(list)
        for id_, rows in found.items():
            together[self.person[id_]] += rows
        return together

    def contacts(self, customer_id: int | None, survey_id: int | None) -> tuple[Contact, ...]:
        """Earlier invitations and answers, and those already planned for other interactions."""
        happened = (
            Contact(
                fact.at,
                same_survey=fact.survey_id == survey_id,
                refused=fact.kind is FactKind.REFUSED,
                answered=fact.kind is FactKind.ANSWERED,
            )
            for fact in self._facts.get(self.person.get(customer_id or 0, 0), [])
            if not fact.exempt
        )
        planned = self._planned.get(self.person.get(customer_id or 0, 0), [])
        return (*happened, *(Contact(at, same_survey=about == survey_id) for about, at in planned))

    def holds(self, customer_id: int | None, care: Care = _USUAL) -> tuple[datetime | None, ...]:
        """Until when the customer is left alone; None means for ever."""
        theirs = self._holds.get(self.person.get(customer_id or 0, 0), [])
        return tuple(hold.until for hold in theirs if care.mind_cases or hold.reason not in CASES)


def _longest_quarantine() -> timedelta:
    """How far back a contact may matter: 400 days, or what the most careful company has set."""
    longest = func.max(ContactPolicy.refused_days), func.max(ContactPolicy.same_invited_days)
    others = func.max(ContactPolicy.same_answered_days), func.max(ContactPolicy.other_days)
    row = db.session.execute(select(*longest, *others)).one()
    return timedelta(days=max(400, *(days or 0 for days in row)))


def _planned(customer_ids: Iterable[int], but: Collection[int | None]) -> dict[int, list[tuple[int | None, datetime]]]:
    """Invitations of other surveys than `but` that are planned, not handed over, by customer: (survey, moment)."""
    columns = Invitation.customer_id, Invitation.survey_id, Invitation.send_at, Invitation.state
    found: dict[int, list[tuple[int | None, datetime]]] = defaultdict(list)
    # By customer alone: asked for the state too, SQLite walks through everything that is planned.
    for row in db.session.execute(select(*columns).where(one_of(Invitation.customer_id, customer_ids))):
        if row.state is InvitationState.PLANNED and row.survey_id not in but:
            found[row.customer_id].append((row.survey_id, row.send_at))
    return found
