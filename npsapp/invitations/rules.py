"""Whether, when and how to ask one customer about one interaction; every no has a reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from npsapp.lib.clock import at_local, zone
from npsapp.lib.texts import N_, Worded

FLOOR_BETWEEN_MESSAGES = timedelta(hours=24)
REFUSAL_QUARANTINE = timedelta(days=365)
# A window with one weekday may be six days away; a fortnight of looking ahead covers every policy.
WINDOW_SEARCH_DAYS = 15


class InvitationState(Worded):
    """Where an invitation is."""

    PLANNED = "planned", N_("planned")
    EXCLUDED = "excluded", N_("held back")
    HANDED_OVER = "handed_over", N_("asked")
    ANSWERED = "answered", N_("answered")
    EXPIRED = "expired", N_("not answered")
    WITHDRAWN = "withdrawn", N_("withdrawn")
    NOT_MINE = "not_mine", N_("not their purchase")


class StepState(StrEnum):
    """Where one message of an invitation is; the message itself knows more."""

    PLANNED = "planned"
    HANDED_OVER = "handed_over"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why somebody is not asked. `label` says it to people, `remedy` what can be done."""

    label: str
    remedy: str

    def __new__(cls, value: str, label: str = "", remedy: str = "") -> "Reason":
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.remedy = remedy
        return member

    IN_TRIAL = "in_trial", N_("the source is in trial"), N_("Take the source live on its import page.")
    BEFORE_LIVE = "before_live", N_("happened before the day the source went live from")
    NO_MAIL_SERVER = (
        "no_mail_server",
        N_("no mail server is configured"),
        N_("Configure a mail server, or confirm the outbox when taking the source live."),
    )
    NO_SURVEY = ("no_survey", N_("no survey asks at this touchpoint"), N_("Publish a survey for this touchpoint."))
    CANCELLED = "cancelled", N_("the purchase was cancelled")
    NOT_COMPLETED = "not_completed", N_("the order is not completed yet")
    NO_ADDRESS = "no_address", N_("no usable e-mail address")
    NO_GROUND = (
        "no_ground",
        N_("no ground to write to this address"),
        N_("Choose a ground for the source, or set one on the customer's page."),
    )
    SUPPRESSED = "suppressed", N_("the address is on the stop list")
    NOT_MINE = "not_mine", N_("somebody at this address said it was not their purchase")
    UNDELIVERABLE = "undeliverable", N_("the letter could not be delivered")
    ON_HOLD = "on_hold", N_("the customer is on hold")
    QUARANTINE = "quarantine", N_("asked or answered not long ago")
    TOO_OLD = "too_old", N_("happened too long ago")
    WITHDRAWN = "withdrawn", N_("withdrawn by hand")


@dataclass(frozen=True)
class Policy:
    """The rule of one survey (see `InvitationPolicy`)."""

    delay: timedelta = timedelta(days=14)
    window_from: time = time(10)
    window_until: time = time(19)
    weekdays: frozenset[int] = frozenset(range(1, 8))
    """ISO weekdays, 1 = Monday."""
    same_survey: timedelta = timedelta(days=90)
    other_survey: timedelta = timedelta(days=30)
    latest: timedelta = timedelta(days=14)
    valid: timedelta = timedelta(days=30)


@dataclass(frozen=True)
class Contact:
    """One earlier invitation or answer of the customer."""

    at: datetime
    same_survey: bool
    refused: bool = False


@dataclass(frozen=True)
class Candidate:
    """All facts about one interaction that decide whether to ask."""

    happened_at: datetime
    zone: str
    live: bool = True
    after_live_day: bool = True
    can_send: bool = True
    """A mail server is configured, the source is the demo's, or an administrator confirmed the outbox."""
    has_survey: bool = True
    cancelled: bool = False
    waits: bool = False
    """For its completion, which its connection asks for."""
    stop: Reason | None = None
    """Why none of the customer's addresses may be used; None when one may."""
    holds: tuple[datetime | None, ...] = ()
    """Until when the customer is left alone; None means for ever."""
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Yes with a moment, or no with a reason and, perhaps, when to look again."""

    reason: Reason | None
    send_at: datetime | None = None
    latest_at: datetime | None = None
    again_at: datetime | None = None

    @property
    def yes(self) -> bool:
        return self.reason is None


def decide(candidate: Candidate, policy: Policy, *, now: datetime) -> Decision:
    """Whether and when to ask; the first reason against wins, those nobody can mend come first.

    A reason that ends by itself (a hold, the quarantine) carries the moment it ends, if asking is still in
    time then: such an interaction is looked at again, not forgotten.
    """
    planned = candidate.happened_at + policy.delay
    latest = planned + policy.latest
    if standing := _standing_reason(candidate):
        return Decision(standing, latest_at=latest)
    send_at = sending_time(max(planned, now), policy, candidate.zone)
    if send_at > latest:
        return Decision(Reason.TOO_OLD, latest_at=latest)
    if temporary := _temporary_reason(candidate, policy, send_at):
        reason, free_at = temporary
        return Decision(reason, latest_at=latest, again_at=free_at if free_at <= latest else None)
    return Decision(None, send_at=send_at, latest_at=latest)


def _standing_reason(candidate: Candidate) -> Reason | None:
    """The first reason that time alone does not end."""
    against = (
        (candidate.cancelled, Reason.CANCELLED),
        (candidate.waits, Reason.NOT_COMPLETED),
        (not candidate.has_survey, Reason.NO_SURVEY),
        (candidate.stop is Reason.NO_ADDRESS, Reason.NO_ADDRESS),
        (not candidate.live, Reason.IN_TRIAL),
        (not candidate.after_live_day, Reason.BEFORE_LIVE),
        (candidate.stop is not None, candidate.stop),
        (not candidate.can_send, Reason.NO_MAIL_SERVER),
        (None in candidate.holds, Reason.ON_HOLD),
    )
    return next((reason for holds, reason in against if holds), None)


def _temporary_reason(candidate: Candidate, policy: Policy, send_at: datetime) -> tuple[Reason, datetime] | None:
    """A hold or quarantine that would still last at `send_at`, and when it ends."""
    ends = [until for until in candidate.holds if until and until > send_at]
    if ends:
        return Reason.ON_HOLD, max(ends)
    free_at = free_after(candidate.contacts, policy)
    if free_at and free_at > send_at:
        return Reason.QUARANTINE, free_at
    return None


def free_after(contacts: Iterable[Contact], policy: Policy) -> datetime | None:
    """The end of the longest quarantine that earlier contacts cause; None without any.

    An invitation or answer of the same survey counts `same_survey`, of another one `other_survey`, a refusal a
    year; two messages of different invitations are at least 24 hours apart, whatever a policy says.
    """

    def quarantine(contact: Contact) -> timedelta:
        if contact.refused:
            return REFUSAL_QUARANTINE
        return max(policy.same_survey if contact.same_survey else policy.other_survey, FLOOR_BETWEEN_MESSAGES)

    return max((contact.at + quarantine(contact) for contact in contacts), default=None)


def sending_time(earliest: datetime, policy: Policy, zone_name: str) -> datetime:
    """The first moment from `earliest` on that lies in the sending hours of that zone. UTC in, UTC out.

    Equal ends of the window mean the whole day; a window over midnight (22-6) belongs to the day it opens on.
    """
    local = earliest.astimezone(zone(zone_name))
    for offset in range(-1, WINDOW_SEARCH_DAYS):
        day = local.date() + timedelta(days=offset)
        if day.isoweekday() not in policy.weekdays:
            continue
        opens = at_local(day, policy.window_from, zone_name)
        closes_on = day if policy.window_from < policy.window_until else day + timedelta(days=1)
        closes = at_local(closes_on, policy.window_until, zone_name)
        if earliest < closes:
            return max(earliest, opens)
    raise ValueError("a policy without weekdays never sends")


def first_days_cap(first_cap: int, days_since_live: int) -> int:
    """Most letters of a new source on one day: `first_cap`, doubling daily; practically none after a month."""
    return first_cap * (1 << min(max(days_since_live, 0), 30))
