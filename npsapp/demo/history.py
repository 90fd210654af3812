"""What happened in eighteen months: customers, purchases, deliveries, visits, pick-ups; nothing is written here."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from npsapp.demo import company, people
from npsapp.demo.company import CHANCES, REGIONS, SEGMENTS, TOUCHPOINTS, UNITS, ZONE, happens, pick_by
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.lib.clock import at_local, local_date

DAYS = 548
INTERACTIONS = 20_000
DUE_NOW = 6
"""Fresh pick-ups at the warehouse: their letters leave with the first beat, whatever the hour."""

UNDECIDED_FOR = timedelta(hours=26)
"""So long ago and less: taken in, and left for the program itself to decide about."""


@dataclass(eq=False)
class Customer:
    """Somebody who bought; attributes are called as the columns they are written to."""

    serial: int
    name: str
    address_as: str
    is_firm: bool
    is_key: bool
    language: str
    region: str
    email: str | None
    phone: str | None
    grounded: bool
    """There is a ground to write to the addresses."""
    created_at: datetime
    claimed_at: datetime | None = None
    contacts: list[tuple[datetime, str]] = field(default_factory=list)
    """When this customer was asked, and about which touchpoint."""
    planned: dict[int, tuple[datetime, str]] = field(default_factory=dict)
    """Letters that wait for their day, by interaction: they keep others away as well."""
    bounced_at: datetime | None = None
    unsubscribed_at: datetime | None = None


@dataclass(eq=False)
class Answer:
    """What one customer said; `cause` is the section of words the comment was made of."""

    score: int
    comment: str
    cause: str
    contact_wanted: bool | None
    confirmed_at: datetime
    finished_at: datetime


@dataclass(eq=False)
class Happening:
    """One interaction and all that came of it; attributes are called as the columns they are written to."""

    happened_at: datetime
    touchpoint: str
    region: str
    segment: str
    customer: Customer | None
    # Where, by whom, what.
    serial: int = 0
    language: str = "uk"
    unit: str = ""
    performers: tuple[dict[str, Any], ...] = ()
    goods: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    amount: int | None = None
    accepted_at: datetime = datetime.min.replace(tzinfo=UTC)
    cancelled_at: datetime | None = None
    # Whether and when to ask; None: the program itself has to decide.
    decided_at: datetime | None = None
    state: InvitationState = InvitationState.PLANNED
    reason: Reason | None = None
    send_at: datetime | None = None
    again_at: datetime | None = None
    latest_at: datetime | None = None
    sent_at: datetime | None = None
    valid_until: datetime | None = None
    bounced: bool = False
    answer: Answer | None = None


class Past:
    """Draws the whole history up to `now`; the same seed, day and size give the same one."""

    def __init__(self, chance: Random, *, now: datetime, interactions: int = INTERACTIONS) -> None:
        self.chance, self.now = chance, now.astimezone(UTC)
        self.first_day = local_date(now, ZONE) - timedelta(days=DAYS)
        self.customers: list[Customer] = []
        self._known: dict[tuple[str, str], list[Customer]] = defaultdict(list)
        due = min(DUE_NOW, interactions)
        self.happenings = sorted(self._ordinary(interactions - due), key=lambda one: one.happened_at)
        self.happenings += [self._due_now(number) for number in range(due)]
        for serial, one in enumerate(self.happenings, start=1):
            self._furnish(one, serial)

    # ---- when and who ---------------------------------------------------------------------------

    def _ordinary(self, wanted: int) -> list[Happening]:
        """So many of a few more: about half of all purchases is followed by something."""
        days = [self.first_day + timedelta(days=number) for number in range(DAYS + 1)]
        weights = [
            CHANCES["season"][day.month - 1] * CHANCES["week"][day.weekday()] * (1 + CHANCES["growth"] * number / DAYS)
            for number, day in enumerate(days)
        ]
        drawn = self.chance.choices(days, weights, k=round(wanted * 0.85) + 30)
        found = [one for at in sorted(map(self._moment, drawn)) for one in self._visit(at)]
        past = [one for one in found if one.happened_at < self.now - timedelta(minutes=30)]
        return self.chance.sample(past, wanted)

    def _visit(self, at: datetime) -> list[Happening]:
        """Something somebody came for, and what followed from a purchase."""
        chance = self.chance
        touchpoint = pick_by(chance, TOUCHPOINTS, "alone")
        region, segment = pick_by(chance, REGIONS, "share"), pick_by(chance, SEGMENTS, "share")
        if segment == "retail" and touchpoint == "purchase" and happens(chance, "anonymous"):
            return [Happening(at, touchpoint, region, segment, None)]
        first = Happening(at, touchpoint, region, segment, self._customer(region, segment, at))
        followed = [first]
        for name, one in TOUCHPOINTS.items() if touchpoint == "purchase" else ():
            after = one.get("after_purchase")
            if after and chance.random() < after["share"]:
                day = local_date(at, ZONE) + timedelta(days=chance.randint(*after["days"]))
                later = max(self._moment(day), at + timedelta(minutes=40))
                followed.append(Happening(later, name, region, segment, first.customer))
        return followed

    def _moment(self, day: date) -> datetime:
        """Some minute of the opening hours, most of them before lunch and after work."""
        minute = int(self.chance.triangular(8 * 60 + 30, 18 * 60 + 45, self.chance.choice((11, 16)) * 60))
        return at_local(day, time(minute // 60, minute % 60), ZONE)

    def _due_now(self, number: int) -> Happening:
        region = list(REGIONS)[number % len(REGIONS)]
        at = self.now - timedelta(minutes=35 + 17 * number)
        customer = self._new_customer(region, "retail", at, reachable=True)
        return Happening(at, "warehouse", region, "retail", customer)

    # ---- customers ------------------------------------------------------------------------------

    def _customer(self, region: str, segment: str, at: datetime) -> Customer:
        known = self._known[region, segment]
        if known and self.chance.random() < SEGMENTS[segment]["returning"]:
            # Whoever came lately comes back sooner than somebody of last year.
            return known[-1 - int(len(known) * self.chance.random() ** 1.6)]
        known.append(self._new_customer(region, segment, at))
        return known[-1]

    def _new_customer(self, region: str, segment: str, at: datetime, *, reachable: bool = False) -> Customer:
        chance = self.chance
        language = "ru" if chance.random() < REGIONS[region]["russian"] else "uk"
        if segment != "contractors" and happens(chance, "english"):
            language = "en"
        is_firm = chance.random() < SEGMENTS[segment]["firms"]
        name, spoken = people.firm(chance, language, segment) if is_firm else people.person(chance, language)
        serial = len(self.customers) + 1
        mute = not reachable and happens(chance, "without_email")
        customer = Customer(
            serial=serial,
            name=name,
            address_as=spoken,
            is_firm=is_firm,
            is_key=is_firm and happens(chance, "key_firm"),
            language=language,
            region=region,
            email=None if mute else people.email(name, serial),
            phone=None if not mute and happens(chance, "without_phone") else people.phone(serial),
            grounded=reachable or not happens(chance, "without_ground"),
            created_at=at,
        )
        self.customers.append(customer)
        return customer

    # ---- where, by whom, what -------------------------------------------------------------------

    def _furnish(self, one: Happening, serial: int) -> None:
        chance = self.chance
        one.serial = serial
        one.language = one.customer.language if one.customer else "uk"
        one.accepted_at = min(one.happened_at + timedelta(minutes=chance.randint(5, 30)), self.now)
        if happens(chance, "cancelled") and one.happened_at < self.now - UNDECIDED_FOR:
            one.cancelled_at = one.accepted_at + timedelta(minutes=chance.randint(5, 50))
        one.unit = self._unit(one)
        one.performers = tuple(self._performer(one, role) for role in TOUCHPOINTS[one.touchpoint]["served_by"])
        self._buy(one)

    def _unit(self, one: Happening) -> str:
        at_depot = TOUCHPOINTS[one.touchpoint]["at_depot"]
        before = one.happened_at < self.now - timedelta(days=CHANCES["new_store_days"])
        weights = {
            key: unit["weight"]
            for key, unit in UNITS.items()
            if unit["region"] == one.region
            and unit["depot"] is at_depot
            and not (before and key == company.LUCKY_STORE)
        }
        return company.pick(self.chance, weights)

    def _performer(self, one: Happening, role: str) -> dict[str, Any]:
        """A seller of the store, or anybody of that trade in the region."""
        crew: list[dict[str, Any]] = [
            who
            for who in company.COMPANY["performers"]
            if who["role"] == role and who["serves"] in (one.unit, one.region)
        ]
        return self.chance.choice(crew)

    def _buy(self, one: Happening) -> None:
        """Something believable; firms buy more of it than households."""
        chance, stock = self.chance, company.GOODS["services" if one.touchpoint == "service" else "wares"]
        one.goods = chance.choices(stock, [goods["weight"] for goods in stock])[0]
        volume = SEGMENTS[one.segment]["volume"] * chance.uniform(0.4, 1.4)
        pieces = max(1, round(chance.randint(*one.goods["pieces"]) * volume))
        one.title = chance.choice(one.goods["titles"][one.language]).format(n=pieces)
        one.amount = chance.randint(*one.goods["price"]) * pieces or None
