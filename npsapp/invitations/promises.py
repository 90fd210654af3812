"""Deciding about many in one go: what somebody was promised a moment ago counts for the next decision. Pure."""

from collections import defaultdict
from collections.abc import Collection, Hashable
from dataclasses import replace
from datetime import date, datetime

from npsapp.invitations.rules import Candidate, Contact, Decision, Policy, decide
from npsapp.lib.clock import local_date


class Promises:
    """Letters promised one after the other: what somebody was promised a moment ago counts as a contact.

    `with_quota`: (survey, month) in which a yes promises nothing yet, for the draw is still to come.
    """

    def __init__(self, with_quota: Collection[tuple[int | None, date]] = ()) -> None:
        self._made: dict[Hashable, list[tuple[int | None, datetime]]] = defaultdict(list)
        self._with_quota = with_quota

    def waits(self, decision: Decision, survey_id: int | None, zone: str) -> bool:
        """Whether a decision is a yes that waits for the draw of its day."""
        if not (self._with_quota and decision.send_at):
            return False
        return (survey_id, local_date(decision.send_at, zone).replace(day=1)) in self._with_quota

    def decide(
        self, candidate: Candidate, policy: Policy, *, who: Hashable, survey_id: int | None, now: datetime
    ) -> Decision:
        """The rule of all decisions, with the promises made so far; a yes is the next one."""
        if made := self._made[who]:
            promised = tuple(Contact(at, same_survey=about == survey_id) for about, at in made)
            candidate = replace(candidate, contacts=candidate.contacts + promised)
        decision = decide(candidate, policy, now=now)
        if decision.send_at and not self.waits(decision, survey_id, candidate.zone):
            self._made[who].append((survey_id, decision.send_at))
        return decision
