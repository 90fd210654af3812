"""Who is who: a chunk of rows becomes customers, found by trusted id, then e-mail, then phone, never by name."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from npsapp.customers import grounds
from npsapp.customers.models import ContactPoint, Customer, TrustedId
from npsapp.customers.names import is_firm, propose_address
from npsapp.customers.rules import ContactKind, GroundKind
from npsapp.db import db
from npsapp.delivery.rules import Channel
from npsapp.organization.models import Brand, Region
from npsapp.organization.rules import fold

KIND_OF = {
    Channel.EMAIL: ContactKind.EMAIL,
    Channel.PHONE: ContactKind.PHONE,
    Channel.SMS: ContactKind.PHONE,
}

Address = tuple[ContactKind, str]


@dataclass(frozen=True)
class Incoming:
    """One row's person. Addresses are normalised; an empty field means "not said", never "delete"."""

    external_id: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    language: str | None = None
    region_id: int | None = None
    is_key: bool | None = None
    grounds: Mapping[Channel, GroundKind] = field(default_factory=dict)
    refused: frozenset[Channel] = frozenset()
    """Channels on which the file says "no"."""
    proof: str = ""
    set_by_id: int | None = None

    @property
    def addresses(self) -> list[Address]:
        pairs = ((ContactKind.EMAIL, self.email), (ContactKind.PHONE, self.phone))
        return [(kind, value) for kind, value in pairs if value]


@dataclass
class _Person:
    """A customer while the chunk is worked through; `id` is None until all new ones are written together."""

    id: int | None
    columns: dict[str, Any]
    changed: dict[str, Any] = field(default_factory=dict)
    trusted: set[str] = field(default_factory=set)
    addresses: set[Address] = field(default_factory=set)

    def get(self, column: str) -> Any:
        return self.changed.get(column, self.columns.get(column))

    def put(self, column: str, value: Any) -> None:
        if self.get(column) != value:
            self.changed[column] = value


def find_or_create(
    people: Sequence[Incoming], *, pool_id: int, source_id: int | None, now: datetime
) -> list[int | None]:
    """Customer ids in the order of `people`; None where nothing is given to know a person by.

    1. A trusted id (source_id given) finds its person; else the e-mail does, else the phone.
    2. An address of somebody who has another id in this source is shared, not a match: the id wins.
    3. Empty fields delete nothing; a file's consent never overrides a withdrawal.

    A handful of statements for the whole chunk; safe to repeat with the same rows.
    """
    chunk = _Chunk(pool_id, source_id, now)
    chunk.load(people)
    found = [chunk.person_of(row) for row in people]
    chunk.write()
    chunk.write_grounds(people, found)
    return [person.id if person else None for person in found]


def _end_of(start: int, steps: Mapping[int, int]) -> int:
    """The last step of a chain; a circle ends where it would repeat."""
    seen = {start}
    end = steps[start]
    while end in steps and end not in seen:
        seen.add(end)
        end = steps[end]
    return end


class _Chunk:
    """The people a chunk of rows may mean, and what will be written about them."""

    def __init__(self, pool_id: int, source_id: int | None, now: datetime) -> None:
        self.pool_id, self.source_id, self.now = pool_id, source_id, now
        self.people: dict[int, _Person] = {}
        self.new: list[_Person] = []
        self.by_id: dict[str, _Person] = {}
        self.by_address: dict[Address, list[_Person]] = defaultdict(list)
        self.points: dict[tuple[int, Address], int] = {}
        self.new_ids: list[tuple[_Person, str]] = []
        self.new_points: dict[tuple[int, Address], tuple[_Person, Address]] = {}
        self.shared: set[Address] = set()
        self.languages: dict[int | None, str] = {}

    # 1. load

    def load(self, people: Sequence[Incoming]) -> None:
        """Everybody the rows could mean, with the addresses and ids that matter here."""
        ids = {row.external_id for row in people if row.external_id} if self.source_id is not None else set()
        trusted = self._trusted(ids)
        points = self._points({address for row in people for address in row.addresses})
        owners = {row.customer_id for row in [*trusted, *points]}
        merged = self._merged(owners)
        self._load_people({merged.get(owner, owner) for owner in owners})
        for row in trusted:
            person = self.people[merged.get(row.customer_id, row.customer_id)]
            person.trusted.add(row.external_id)
            self.by_id[row.external_id] = person
        for point in points:
            self._know(
                self.people[merged.get(point.customer_id, point.customer_id)], (point.kind, point.value)
            )
        self._load_ids_and_points()
        self._load_languages({row.region_id for row in people})

    def _trusted(self, ids: set[str]) -> Sequence[Any]:
        if not ids:
            return []
        return db.session.execute(
            select(TrustedId.external_id, TrustedId.customer_id).where(
                TrustedId.source_id == self.source_id, TrustedId.external_id.in_(sorted(ids))
            )
        ).all()

    def _points(self, addresses: set[Address]) -> Sequence[Any]:
        found: list[Any] = []
        for kind in ContactKind:
            values = sorted(value for of_kind, value in addresses if of_kind is kind)
            if values:
                found += db.session.execute(
                    select(ContactPoint.customer_id, ContactPoint.kind, ContactPoint.value)
                    .where(
                        ContactPoint.pool_id == self.pool_id,
                        ContactPoint.kind == kind,
                        ContactPoint.value.in_(values),
                    )
                    .order_by(ContactPoint.customer_id)
                ).all()
        return found

    def _merged(self, owners: set[int]) -> dict[int, int]:
        """Where merged customers went, to the end of the chain."""
        steps: dict[int, int] = {}
        asked = owners
        while asked:
            rows = db.session.execute(
                select(Customer.id, Customer.merged_into_id).where(
                    Customer.id.in_(sorted(asked)), Customer.merged_into_id.is_not(None)
                )
            )
            found = {row.id: row.merged_into_id for row in rows}
            steps |= found
            asked = set(found.values()) - set(steps)
        return {start: _end_of(start, steps) for start in steps}

    def _load_people(self, ids: set[int]) -> None:
        columns = (
            Customer.name, Customer.is_firm, Customer.address_as, Customer.language, Customer.region_id,
            Customer.is_key,
        )  # fmt: skip
        rows = db.session.execute(
            select(Customer.id, *columns).where(Customer.id.in_(sorted(ids)))
        ).mappings()
        for row in rows:
            self.people[row["id"]] = _Person(row["id"], dict(row))

    def _load_ids_and_points(self) -> None:
        known = sorted(self.people)
        if self.source_id is not None:
            for row in db.session.execute(
                select(TrustedId.customer_id, TrustedId.external_id).where(
                    TrustedId.customer_id.in_(known), TrustedId.source_id == self.source_id
                )
            ):
                self.people[row.customer_id].trusted.add(row.external_id)
        for point in db.session.execute(
            select(ContactPoint.id, ContactPoint.customer_id, ContactPoint.kind, ContactPoint.value).where(
                ContactPoint.customer_id.in_(known)
            )
        ):
            address = (point.kind, point.value)
            self.people[point.customer_id].addresses.add(address)
            self.points[(point.customer_id, address)] = point.id

    def _load_languages(self, regions: set[int | None]) -> None:
        """The language in which to propose an address: the region's, else the first brand's."""
        first = db.session.scalars(
            select(Brand.language).where(Brand.pool_id == self.pool_id).order_by(Brand.id).limit(1)
        ).first()
        self.languages[None] = first or "en"
        wanted = sorted(region for region in regions if region is not None)
        for row in db.session.execute(select(Region.id, Region.language).where(Region.id.in_(wanted))):
            self.languages[row.id] = row.language or self.languages[None]

    def _know(self, person: _Person, address: Address) -> None:
        if person not in self.by_address[address]:
            self.by_address[address].append(person)

    # 2. decide

    def person_of(self, row: Incoming) -> _Person | None:
        """The person a row means, new or known, with the row's facts noted."""
        external_id = row.external_id if self.source_id is not None else ""
        if not external_id and not row.addresses:
            return None
        person = self.by_id.get(external_id) if external_id else None
        sure = person is not None
        person = person or self._by_address(row, external_id) or self._create()
        if external_id and external_id not in self.by_id:
            person.trusted.add(external_id)
            self.by_id[external_id] = person
            self.new_ids.append((person, external_id))
        for address in row.addresses:
            self._add_address(person, address)
        self._note(person, row, sure=sure)
        return person

    def _by_address(self, row: Incoming, external_id: str) -> _Person | None:
        """By e-mail, else by phone; somebody with another id in this source is somebody else."""
        for address in row.addresses:
            fitting = [p for p in self.by_address[address] if not external_id or not p.trusted]
            if fitting:
                wanted = set(row.addresses)
                # A shared address: whoever has all of them is meant, else the one known longest.
                return next((person for person in fitting if wanted <= person.addresses), fitting[0])
        return None

    def _create(self) -> _Person:
        person = _Person(None, {"name": "", "address_as": "", "is_firm": False, "is_key": False})
        self.new.append(person)
        return person

    def _add_address(self, person: _Person, address: Address) -> None:
        if address not in person.addresses:
            person.addresses.add(address)
            self.new_points[(id(person), address)] = (person, address)
        self._know(person, address)
        if len(self.by_address[address]) > 1:
            self.shared.add(address)

    def _note(self, person: _Person, row: Incoming, *, sure: bool) -> None:
        """What the row says about the person. A name changes only when the id says who it is."""
        if row.language:
            person.put("language", row.language)
        if row.region_id is not None:
            person.put("region_id", row.region_id)
        if row.is_key is not None:
            person.put("is_key", row.is_key)
        if row.name and (sure or not person.get("name")):
            self._name(person, row)

    def _name(self, person: _Person, row: Incoming) -> None:
        """A new name brings a new proposal, unless somebody has written another address by hand."""
        language = person.get("language") or self.languages.get(person.get("region_id"), self.languages[None])
        earlier = propose_address(person.get("name"), language=language)
        if person.get("address_as") in ("", earlier):
            person.put("address_as", propose_address(row.name, language=language))
        person.put("name", row.name)
        person.put("is_firm", is_firm(row.name))

    # 3. write

    def write(self) -> None:
        """Customers, ids and addresses, each kind with one statement."""
        self._write_customers()
        if self.new_ids:
            db.session.execute(
                insert(TrustedId),
                [
                    {"customer_id": person.id, "source_id": self.source_id, "external_id": external_id}
                    for person, external_id in self.new_ids
                ],
            )
        self._write_points()
        if self.shared:
            self._flag_shared()

    def _write_customers(self) -> None:
        rows = [
            {"language": None, "timezone": None, "region_id": None}
            | person.columns
            | person.changed
            | {"pool_id": self.pool_id, "name_key": fold(person.get("name")), "created_at": self.now}
            for person in self.new
        ]
        if rows:
            ids = db.session.scalars(
                insert(Customer).returning(Customer.id, sort_by_parameter_order=True), rows
            ).all()
            for person, id_ in zip(self.new, ids, strict=True):
                person.id = id_
        for person in self.people.values():
            if person.changed:
                values = person.changed | {"name_key": fold(person.get("name"))}
                db.session.execute(update(Customer).where(Customer.id == person.id).values(**values))

    def _write_points(self) -> None:
        rows: list[dict[str, Any]] = [
            {
                "pool_id": self.pool_id, "customer_id": person.id, "kind": kind, "value": value,
                "created_at": self.now,
            }
            for person, (kind, value) in self.new_points.values()
        ]  # fmt: skip
        if not rows:
            return
        ids = db.session.scalars(
            insert(ContactPoint).returning(ContactPoint.id, sort_by_parameter_order=True), rows
        ).all()
        for row, id_ in zip(rows, ids, strict=True):
            self.points[(row["customer_id"], (row["kind"], row["value"]))] = id_

    def _flag_shared(self) -> None:
        for kind in ContactKind:
            values = sorted(value for of_kind, value in self.shared if of_kind is kind)
            if values:
                db.session.execute(
                    update(ContactPoint)
                    .where(
                        ContactPoint.pool_id == self.pool_id,
                        ContactPoint.kind == kind,
                        ContactPoint.value.in_(values),
                    )
                    .values(shared=True)
                )

    def write_grounds(self, people: Sequence[Incoming], found: Sequence[_Person | None]) -> None:
        """Grounds of the rows' addresses, once everybody has an id."""
        wanted = [
            (self.points[(person.id, (KIND_OF[channel], value))], channel, row)
            for row, person in zip(people, found, strict=True)
            if person and person.id is not None
            for channel in [*row.grounds, *row.refused]
            if (value := dict(row.addresses).get(KIND_OF[channel]))
        ]
        if wanted:
            grounds.write(wanted, now=self.now)
