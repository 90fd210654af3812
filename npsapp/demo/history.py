"""What happened in eighteen months: customers, purchases, deliveries, visits, pick-ups; nothing is written here."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random

from npsapp.demo import goods, people, places
from npsapp.demo.places import LUCKY_STORE, Performer, Unit
from npsapp.lib.clock import at_local, local_date

MONTHS = 18
DAYS = 548
INTERACTIONS = 20_000
DUE_NOW = 6
"""Fresh pick-ups at the warehouse: their letters leave with the first beat, whatever the hour."""

UNDECIDED_FOR = timedelta(hours=26)
"""So long ago and less: taken in, and left for the program itself to decide about."""

LUCKY_STORE_OPEN_DAYS = 150

# January to December: the ground is frozen in winter, everybody builds in May.
_SEASON = (0.45, 0.55, 0.95, 1.35, 1.5, 1.45, 1.35, 1.2, 1.1, 0.95, 0.65, 0.45)
_WEEK = (1.0, 0.95, 0.95, 1.0, 1.1, 0.85, 0.25)
_GROWTH = 0.18

_SEGMENTS = {"retail": 0.68, "contractors": 0.23, "design": 0.09}
_RETURNING = {"retail": 0.16, "contractors": 0.55, "design": 0.50}
_VOLUME = {"retail": 1.0, "contractors": 3.5, "design": 6.0}
_ANONYMOUS = 0.03

# After a purchase: share that is delivered, picked up, installed; and days until then.
_FOLLOW_UPS = (("delivery", 0.26, 1, 6), ("warehouse", 0.16, 0, 2), ("service", 0.11, 5, 24))
_ALONE = {"purchase": 0.660, "delivery": 0.165, "warehouse": 0.110, "service": 0.065}


@dataclass(slots=True)
class Customer:
    """Somebody who bought; `grounded` says whether there is a ground to write to the address."""

    number: int
    name: str
    address_as: str
    is_firm: bool
    is_key: bool
    language: str
    region: str
    segment: str
    email: str | None
    phone: str | None
    grounded: bool
    since: datetime


@dataclass(slots=True)
class Happening:
    """One interaction; `customer` None: nobody is known."""

    number: int
    touchpoint: str
    happened_at: datetime
    accepted_at: datetime
    cancelled_at: datetime | None
    customer: Customer | None
    unit: Unit
    region: str
    segment: str
    performers: tuple[Performer, ...]
    bought: goods.Bought

    @property
    def receipt(self) -> str:
        """The number on the paper the customer has."""
        letter = {"purchase": "ДК", "delivery": "ДС", "service": "МН", "warehouse": "СК"}[self.touchpoint]
        return f"{letter}-{self.number:06d}"


@dataclass(slots=True)
class _Event:
    at: datetime
    touchpoint: str
    region: str
    customer: Customer | None
    segment: str


class Past:
    """Draws the whole history; the same seed, day and size give the same one."""

    def __init__(self, chance: Random, *, now: datetime, interactions: int) -> None:
        self.chance, self.now = chance, now
        self.today = local_date(now, places.ZONE)
        self.first_day = self.today - timedelta(days=DAYS)
        self.performers = places.performers(chance)
        self.customers: list[Customer] = []
        self._known: dict[tuple[str, str], list[Customer]] = defaultdict(list)
        self._book = people.AddressBook()
        self._crews = {
            (unit, role): [one for one in self.performers if one.unit == unit and one.role == role]
            for unit, role in {(one.unit, one.role) for one in self.performers}
        }
        due = min(DUE_NOW, interactions)
        events = sorted(self._events(interactions - due), key=lambda event: event.at)
        events += [self._due_now(number) for number in range(due)]
        self.happenings = [self._happening(number, event) for number, event in enumerate(events, start=1)]

    # ---- when and who ---------------------------------------------------------------------------

    def _events(self, wanted: int) -> list[_Event]:
        """Enough for the wanted number; purchases draw deliveries, pick-ups and visits after them."""
        days, weights = self._days()
        events: list[_Event] = []
        # About half of all purchases is followed by something: 0.7 of the wanted number is more than enough.
        drawn = self.chance.choices(days, weights, k=round(wanted * 0.85) + 30)
        for at in sorted(self._moment(day) for day in drawn):
            touchpoint = self.chance.choices(list(_ALONE), list(_ALONE.values()))[0]
            event = self._alone(at, touchpoint)
            events.append(event)
            if touchpoint == "purchase" and event.customer:
                events += self._follow_ups(event)
        past = [event for event in events if event.at < self.now - timedelta(minutes=30)]
        return self.chance.sample(past, wanted)

    def _days(self) -> tuple[list[date], list[float]]:
        days = [self.first_day + timedelta(days=number) for number in range(DAYS + 1)]
        weights = [
            _SEASON[day.month - 1] * _WEEK[day.weekday()] * (1 + _GROWTH * number / DAYS)
            for number, day in enumerate(days)
        ]
        return days, weights

    def _alone(self, at: datetime, touchpoint: str) -> _Event:
        region = self.chance.choices(places.REGIONS, [one.share for one in places.REGIONS])[0]
        segment = self.chance.choices(list(_SEGMENTS), list(_SEGMENTS.values()))[0]
        if segment == "retail" and touchpoint == "purchase" and self.chance.random() < _ANONYMOUS:
            return _Event(at, touchpoint, region.key, None, segment)
        return _Event(at, touchpoint, region.key, self._customer(region, segment, at), segment)

    def _follow_ups(self, event: _Event) -> list[_Event]:
        found = []
        for touchpoint, share, soonest, latest in _FOLLOW_UPS:
            if self.chance.random() < share:
                day = local_date(event.at, places.ZONE) + timedelta(days=self.chance.randint(soonest, latest))
                at = max(self._moment(day), event.at + timedelta(minutes=40))
                found.append(_Event(at, touchpoint, event.region, event.customer, event.segment))
        return found

    def _moment(self, day: date) -> datetime:
        """Some minute of the opening hours, most of them before lunch and after work."""
        minute = int(self.chance.triangular(8 * 60 + 30, 18 * 60 + 45, self.chance.choice((11, 16)) * 60))
        return at_local(day, time(minute // 60, minute % 60), places.ZONE)

    def _due_now(self, number: int) -> _Event:
        region = places.REGIONS[number % len(places.REGIONS)]
        at = self.now - timedelta(minutes=35 + 17 * number)
        customer = self._new_customer(region, "retail", at, reachable=True)
        return _Event(at, "warehouse", region.key, customer, "retail")

    # ---- customers ------------------------------------------------------------------------------

    def _customer(self, region: places.Region, segment: str, at: datetime) -> Customer:
        known = self._known[region.key, segment]
        if known and self.chance.random() < _RETURNING[segment]:
            # Whoever came lately comes back sooner than somebody of last year.
            return known[-1 - int(len(known) * self.chance.random() ** 1.6)]
        customer = self._new_customer(region, segment, at, reachable=False)
        known.append(customer)
        return customer

    def _new_customer(
        self, region: places.Region, segment: str, at: datetime, *, reachable: bool
    ) -> Customer:
        chance = self.chance
        language = self._language(region, segment)
        is_firm = segment == "design" or (segment == "contractors" and chance.random() < 0.7)
        name = people.firm(chance, language, segment) if is_firm else people.person(chance, language)
        mute = not reachable and chance.random() < (0.05 if is_firm else 0.11)
        customer = Customer(
            number=len(self.customers) + 1,
            name=name.full,
            address_as=name.address_as or "",
            is_firm=is_firm,
            is_key=is_firm and chance.random() < 0.06,
            language=language,
            region=region.key,
            segment=segment,
            email=None if mute else self._book.email(chance, name.full),
            phone=self._book.phone() if mute or chance.random() < 0.96 else None,
            grounded=reachable or chance.random() < 0.975,
            since=at,
        )
        self.customers.append(customer)
        return customer

    def _language(self, region: places.Region, segment: str) -> str:
        if segment != "contractors" and self.chance.random() < 0.035:
            return "en"
        return "ru" if self.chance.random() < region.russian else "uk"

    # ---- what -----------------------------------------------------------------------------------

    def _happening(self, number: int, event: _Event) -> Happening:
        chance = self.chance
        unit = self._unit(event)
        accepted = min(event.at + timedelta(minutes=chance.randint(5, 30)), self.now)
        cancelled = chance.random() < 0.008 and event.at < self.now - UNDECIDED_FOR
        language = event.customer.language if event.customer else "uk"
        return Happening(
            number=number,
            touchpoint=event.touchpoint,
            happened_at=event.at,
            accepted_at=accepted,
            cancelled_at=accepted + timedelta(minutes=chance.randint(5, 50)) if cancelled else None,
            customer=event.customer,
            unit=unit,
            region=event.region,
            segment=event.segment,
            performers=self._who_served(event, unit),
            bought=goods.buy(
                chance,
                language=language,
                service=event.touchpoint == "service",
                volume=_VOLUME[event.segment] * chance.uniform(0.4, 1.4),
            ),
        )

    def _unit(self, event: _Event) -> Unit:
        depot = event.touchpoint in ("delivery", "warehouse")
        new_store_open = event.at.date() > self.today - timedelta(days=LUCKY_STORE_OPEN_DAYS)
        choice = [
            unit
            for unit in places.UNITS
            if unit.region == event.region
            and unit.warehouse is depot
            and (unit.key != LUCKY_STORE or (new_store_open and event.touchpoint == "purchase"))
        ]
        reach = list(accumulate(unit.weight for unit in choice))
        return choice[bisect_left(reach, self.chance.random() * reach[-1])]

    def _who_served(self, event: _Event, unit: Unit) -> tuple[Performer, ...]:
        if event.touchpoint == "warehouse":
            return ()
        if event.touchpoint == "service":
            home = next(one.key for one in places.UNITS if one.region == event.region)
            crew = [self.chance.choice(self._crews[home, "assembler"])]
            if self.chance.random() < 0.5:
                crew.append(self.chance.choice(self._crews[home, "engineer"]))
            return tuple(crew)
        role = "courier" if event.touchpoint == "delivery" else "seller"
        return (self.chance.choice(self._crews[unit.key, role]),)


def draw(chance: Random, *, now: datetime, interactions: int = INTERACTIONS) -> Past:
    """The history up to `now` (aware); `interactions` includes those whose letters are due at once."""
    return Past(chance, now=now.astimezone(UTC), interactions=interactions)
