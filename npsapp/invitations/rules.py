"""Whether, when and how to ask one customer about one interaction; every no has a reason."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from hashlib import sha256

from npsapp.delivery.rules import Channel
from npsapp.invitations.chains import FIRST, LETTER, ChainStep
from npsapp.invitations.criteria import ANY, Criteria
from npsapp.lib.clock import at_local, zone
from npsapp.lib.texts import N_, Worded

NONE = timedelta(0)
AT_ANY_TIME = timedelta(days=3650)
FLOOR_BETWEEN_MESSAGES = timedelta(hours=24)
# A window with one weekday may be six days away, and weeks of holidays may follow.
WINDOW_SEARCH_DAYS = 60
SATURDAY = 6


class InvitationState(Worded):
    """Where an invitation is."""

    WAITING = "waiting", N_("waits for the draw")
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
    SENT = "sent"
    """external: the other program sent it …"""
    FAILED = "failed"
    """… or could not."""


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
    STAFF = "staff", N_("the address of a colleague, or for tests")
    NOT_MEANT = "not_meant", N_("does not meet the criteria of the survey")
    NO_CHANNEL = (
        "no_channel",
        N_("a step of the survey's rule needs a channel that is not there yet"),
        N_("Leave the step out of the rule of the survey."),
    )
    NOT_MINE = "not_mine", N_("somebody at this address said it was not their purchase")
    UNDELIVERABLE = "undeliverable", N_("the letter could not be delivered")
    ON_HOLD = "on_hold", N_("the customer is on hold")
    QUARANTINE = "quarantine", N_("asked or answered not long ago")
    TOO_OLD = "too_old", N_("happened too long ago")
    NOT_DRAWN = "not_drawn", N_("not drawn: the quota needs only a part of the customers")
    WITHDRAWN = "withdrawn", N_("withdrawn by hand")


@dataclass(frozen=True)
class Care:
    """How a company leaves people alone, over all surveys and channels (see `ContactPolicy`)."""

    after_invitation: timedelta = timedelta(days=90)
    after_answer: timedelta = timedelta(days=90)
    """Both of the same survey."""
    elsewhere: timedelta = timedelta(days=30)
    """After an invitation or answer of another survey."""
    after_refusal: timedelta = timedelta(days=365)
    ask_later: bool = True
    """Whether those who may not be asked yet are asked when the time comes; else never about this purchase."""
    mind_cases: bool = True
    """Whether an open case or complaint stops invitations."""
    consent_only: bool = False
    """Whether letters need a consent; a contract or an interest is not enough."""
    staff: frozenset[str] = frozenset()
    """Addresses, and "@domain", of colleagues and for tests."""


@dataclass(frozen=True)
class Policy:
    """The rule of one survey (see `InvitationPolicy`), with the care of its company."""

    delay: timedelta = timedelta(days=14)
    window_from: time = time(10)
    window_until: time = time(19)
    weekend_from: time | None = None
    weekend_until: time | None = None
    """Hours on Saturday and Sunday; None: the same."""
    weekdays: frozenset[int] = frozenset(range(1, 8))
    """ISO weekdays, 1 = Monday."""
    on_holidays: bool = False
    latest: timedelta = timedelta(days=14)
    valid: timedelta = timedelta(days=30)
    criteria: Criteria = ANY
    steps: tuple[ChainStep, ...] = (LETTER,)
    mobile_sms: bool = False
    """Whether customers without e-mail address start with an SMS."""
    care: Care = Care()

    def hours(self, weekday: int) -> tuple[time, time]:
        """From when until when letters leave on that ISO weekday."""
        if weekday >= SATURDAY and self.weekend_from is not None and self.weekend_until is not None:
            return self.weekend_from, self.weekend_until
        return self.window_from, self.window_until

    def by_hand(self) -> "Policy":
        """The same for somebody a colleague wants asked: refusals, holds, sending hours and 24 hours still count."""
        care = replace(self.care, after_invitation=NONE, after_answer=NONE, elsewhere=NONE)
        return replace(self, delay=NONE, latest=AT_ANY_TIME, criteria=ANY, care=care)

    def within(self, limits: tuple[time, time] | None) -> "Policy":
        """The same at no other hours than these; equal ones are no limit."""
        if limits is None or limits[0] == limits[1]:
            return self
        day = _both((self.window_from, self.window_until), limits)
        weekend = _both(self.hours(SATURDAY), limits)
        return replace(self, window_from=day[0], window_until=day[1], weekend_from=weekend[0], weekend_until=weekend[1])

    @property
    def first(self) -> ChainStep:
        return next((step for step in self.steps if step.number == FIRST), LETTER)

    @property
    def channels(self) -> frozenset[Channel]:
        """On which its messages go."""
        return frozenset(step.channel for step in self.steps) | ({Channel.SMS} if self.mobile_sms else set())


def _both(hours: tuple[time, time], limits: tuple[time, time]) -> tuple[time, time]:
    """What lies in both; where nothing does, or the hours go over midnight or are the whole day, the limits."""
    begin, end = max(hours[0], limits[0]), min(hours[1], limits[1])
    return (begin, end) if hours[0] < hours[1] and begin < end else limits


@dataclass(frozen=True)
class Contact:
    """One earlier invitation or answer of the customer."""

    at: datetime
    same_survey: bool
    refused: bool = False
    answered: bool = False


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
    meant: bool = True
    """It meets the survey's criteria."""
    has_channels: bool = True
    """All channels of the survey's chain are there."""
    cancelled: bool = False
    waits: bool = False
    """For its completion, which its connection asks for."""
    stop: Reason | None = None
    """Why none of the customer's addresses may be used; None when one may."""
    holds: tuple[datetime | None, ...] = ()
    """Until when the customer is left alone; None means for ever."""
    contacts: tuple[Contact, ...] = ()
    holidays: Collection[date] = ()
    """Days on which nobody works where the customer is."""


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
    send_at = sending_time(max(planned, now), policy, candidate.zone, closed=candidate.holidays)
    if send_at > latest:
        return Decision(Reason.TOO_OLD, latest_at=latest)
    if temporary := _temporary_reason(candidate, policy, send_at):
        reason, free_at = temporary
        again = policy.care.ask_later and free_at <= latest
        return Decision(reason, latest_at=latest, again_at=free_at if again else None)
    return Decision(None, send_at=send_at, latest_at=latest)


def follow(candidate: Candidate, policy: Policy, *, valid_until: datetime, now: datetime) -> Decision:
    """Whether and when the next step of a chain goes to somebody who was asked and has not answered.

    Its own first message is no earlier contact, and whoever was meant when asked stays meant.
    """
    candidate = replace(candidate, contacts=(), meant=True)
    if standing := _standing_reason(candidate):
        return Decision(standing)
    ends = [until for until in candidate.holds if until and until > now]
    send_at = sending_time(max([now, *ends]), policy, candidate.zone, closed=candidate.holidays)
    return Decision(None, send_at=send_at) if send_at < valid_until else Decision(Reason.TOO_OLD)


def _standing_reason(candidate: Candidate) -> Reason | None:
    """The first reason that time alone does not end."""
    against = (
        (candidate.cancelled, Reason.CANCELLED),
        (candidate.waits, Reason.NOT_COMPLETED),
        (not candidate.has_survey, Reason.NO_SURVEY),
        (not candidate.meant, Reason.NOT_MEANT),
        (not candidate.has_channels, Reason.NO_CHANNEL),
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
    free_at = free_after(candidate.contacts, policy.care)
    if free_at and free_at > send_at:
        return Reason.QUARANTINE, free_at
    return None


def free_after(contacts: Iterable[Contact], care: Care) -> datetime | None:
    """The end of the longest quarantine that earlier contacts cause; None without any.

    Two messages of different invitations are at least 24 hours apart, whatever a company sets.
    """

    def quarantine(contact: Contact) -> timedelta:
        if contact.refused:
            return max(care.after_refusal, FLOOR_BETWEEN_MESSAGES)
        same = care.after_answer if contact.answered else care.after_invitation
        return max(same if contact.same_survey else care.elsewhere, FLOOR_BETWEEN_MESSAGES)

    return max((contact.at + quarantine(contact) for contact in contacts), default=None)


def sending_time(earliest: datetime, policy: Policy, zone_name: str, *, closed: Collection[date] = ()) -> datetime:
    """The first moment from `earliest` on that lies in the sending hours of that zone. UTC in, UTC out.

    Equal ends of the window mean the whole day; a window over midnight (22-6) belongs to the day it opens on.
    `closed` are holidays; two months without another day are a mistake, and then they are open.
    """
    shut = () if policy.on_holidays else closed
    local = earliest.astimezone(zone(zone_name))
    for offset in range(-1, WINDOW_SEARCH_DAYS):
        day = local.date() + timedelta(days=offset)
        if day.isoweekday() not in policy.weekdays or day in shut:
            continue
        begin, end = policy.hours(day.isoweekday())
        opens = at_local(day, begin, zone_name)
        closes = at_local(day if begin < end else day + timedelta(days=1), end, zone_name)
        if earliest < closes:
            return max(earliest, opens)
    if shut:
        return sending_time(earliest, policy, zone_name)
    raise ValueError("a policy without weekdays never sends")


def first_days_cap(first_cap: int, days_since_live: int) -> int:
    """Most letters of a new source on one day: `first_cap`, doubling daily; practically none after a month."""
    return first_cap * (1 << min(max(days_since_live, 0), 30))


def wave_months(care: Care) -> int:
    """Every how many months the same customer may be in a wave, so that the quarantine holds."""
    return max(-(-care.after_invitation // timedelta(days=30)), 1)


def wave_turn(customer_id: int, months: int, month: str) -> bool:
    """Whether a customer's turn is in that month ("2026-11"); each month takes about the same share, at random."""
    year, number = month.split("-")
    turn = int.from_bytes(sha256(f"{customer_id}".encode()).digest()[:8])
    return (int(year) * 12 + int(number)) % months == turn % months
