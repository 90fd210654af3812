"""Who is who: a chunk of rows becomes customers, found by trusted id, then e-mail, then phone, never by name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update

from npsapp.customers import grounds
from npsapp.customers.models import ContactPoint, Customer, TrustedId
from npsapp.customers.names import is_firm, propose_address
from npsapp.customers.rules import ContactKind, GroundKind
from npsapp.db import db, insert_many, new_ids, one_of
from npsapp.delivery.rules import Channel
from npsapp.organization.models import Brand, Region
from npsapp.organization.rules import fold

KIND_OF = {Channel.EMAIL: ContactKind.EMAIL, Channel.PHONE: ContactKind.PHONE, Channel.SMS: ContactKind.PHONE}

Address = tuple[ContactKind, str]

SAID = ("name", "is_firm", "address_as", "language", "region_id", "is_key")  # what rows may change


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


@dataclass(eq=False)
class _Person:
    """A customer while the chunk is worked through; `id` is 0 until all new ones are written together."""

    id: int
    columns: dict[str, Any]
    merged_into_id: int | None = None
    changed: bool = False
    trusted: bool = False
    """Whether this source knows the person by an id."""
    addresses: set[Address] = field(default_factory=set)

    def put(self, column: str, value: Any) -> None:
        if self.columns[column] != value:
            self.columns[column] = value
            self.changed = True


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
        self.new_points: list[tuple[_Person, Address]] = []
        self.fresh: Sequence[int] = ()
        self.shared: set[Address] = set()
        self.languages: dict[int | None, str] = {}

    # 1. load

    def load(self, people: Sequence[Incoming]) -> None:
        """Everybody the rows could mean, with the addresses and ids that matter here."""
        points = self._points({address for row in people for address in row.addresses})
        self._load_people({point.customer_id for point in points})
        for point in points:
            address, owner = (point.kind, point.value), self._current(point.customer_id)
            if owner.id == point.customer_id or (owner.id, address) not in self.points:
                self.points[(owner.id, address)] = point.id
            self._know(owner, address)
            owner.addresses.add(address)
        if self.source_id is not None:
            self._load_trusted({row.external_id for row in people if row.external_id})
        self._load_languages({row.region_id for row in people})

    def _points(self, addresses: set[Address]) -> list[Any]:
        found: list[Any] = []
        columns = select(ContactPoint.id, ContactPoint.customer_id, ContactPoint.kind, ContactPoint.value)
        for kind in ContactKind:
            values = [value for of_kind, value in addresses if of_kind is kind]
            if values:
                found += db.session.execute(columns.where(self._at(kind, values)).order_by(ContactPoint.customer_id))
        return found

    def _at(self, kind: ContactKind, values: Iterable[str]) -> ColumnElement[bool]:
        return and_(ContactPoint.pool_id == self.pool_id, ContactPoint.kind == kind, one_of(ContactPoint.value, values))

    def _load_people(self, ids: set[int]) -> None:
        """These customers, and those they were merged into."""
        while ids := ids - self.people.keys():
            rows = db.session.execute(
                select(Customer.id, Customer.merged_into_id, *(getattr(Customer, name) for name in SAID)).where(
                    one_of(Customer.id, ids)
                )
            )
            for row in rows.mappings():
                columns = {name: row[name] for name in SAID}
                self.people[row["id"]] = _Person(row["id"], columns, row["merged_into_id"])
            ids = {into for id_ in ids if (into := self.people[id_].merged_into_id)}

    def _current(self, customer_id: int) -> _Person:
        """Who stands at the end of a chain of merges; a circle ends where it would repeat."""
        person, seen = self.people[customer_id], {customer_id}
        while person.merged_into_id and person.merged_into_id not in seen:
            seen.add(person.merged_into_id)
            person = self.people[person.merged_into_id]
        return person

    def _load_trusted(self, ids: set[str]) -> None:
        rows = db.session.execute(
            select(TrustedId.external_id, TrustedId.customer_id).where(
                TrustedId.source_id == self.source_id,
                or_(one_of(TrustedId.external_id, ids), one_of(TrustedId.customer_id, self.people)),
            )
        ).all()
        self._load_people({row.customer_id for row in rows})
        for row in rows:
            self.people[row.customer_id].trusted = True
            self.by_id[row.external_id] = person = self._current(row.customer_id)
            person.trusted = True

    def _load_languages(self, regions: set[int | None]) -> None:
        """The language in which to propose an address: the region's, else the first brand's."""
        first = db.session.scalars(
            select(Brand.language).where(Brand.pool_id == self.pool_id).order_by(Brand.id).limit(1)
        ).first()
        self.languages[None] = first or "en"
        wanted = [region for region in regions if region is not None]
        for row in db.session.execute(select(Region.id, Region.language).where(Region.id.in_(wanted))):
            self.languages[row.id] = row.language or self.languages[None]

    def _know(self, person: _Person, address: Address) -> None:
        if person not in self.by_address[address]:
            self.by_address[address].append(person)

    # 2. decide

    def person_of(self, row: Incoming) -> _Person | None:
        """The person a row means, new or known, with the row's facts noted."""
        external_id = row.external_id if self.source_id is not None else ""
        addresses = row.addresses
        if not external_id and not addresses:
            return None
        person = self.by_id.get(external_id) if external_id else None
        sure = person is not None
        person = person or self._by_address(addresses, external_id) or self._create()
        if external_id and not sure:
            person.trusted = True
            self.by_id[external_id] = person
            self.new_ids.append((person, external_id))
        for address in addresses:
            self._add_address(person, address)
        self._note(person, row, sure=sure)
        return person

    def _by_address(self, addresses: list[Address], external_id: str) -> _Person | None:
        """By e-mail, else by phone; somebody with another id in this source is somebody else."""
        for address in addresses:
            known = self.by_address.get(address, ())
            fitting = [person for person in known if not external_id or not person.trusted]
            if fitting:
                # A shared address: whoever has all of them is meant, else the one known longest.
                return next((one for one in fitting if one.addresses.issuperset(addresses)), fitting[0])
        return None

    def _create(self) -> _Person:
        empty = {"name": "", "is_firm": False, "address_as": "", "language": None, "region_id": None}
        person = _Person(0, {**empty, "is_key": False})
        self.new.append(person)
        return person

    def _add_address(self, person: _Person, address: Address) -> None:
        if address not in person.addresses:
            person.addresses.add(address)
            self.new_points.append((person, address))
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
        name = person.columns["name"]
        if row.name and row.name != name and (sure or not name):
            self._name(person, row.name)

    def _name(self, person: _Person, name: str) -> None:
        """A new name brings a new proposal, unless somebody has written another address by hand."""
        said = person.columns
        language = said["language"] or self.languages.get(said["region_id"], self.languages[None])
        if not said["address_as"] or said["address_as"] == propose_address(said["name"], language=language):
            person.put("address_as", propose_address(name, language=language))
        person.put("name", name)
        person.put("is_firm", is_firm(name))

    # 3. write

    def write(self) -> None:
        """Customers, ids and addresses, each kind with one statement."""
        self._write_customers()
        ids = [{"customer_id": person.id, "external_id": external_id} for person, external_id in self.new_ids]
        insert_many(TrustedId, ids, source_id=self.source_id)
        self._write_points()
        for kind in ContactKind:
            values = [value for of_kind, value in self.shared if of_kind is kind]
            if values:
                db.session.execute(update(ContactPoint).where(self._at(kind, values)).values(shared=True))

    def _write_customers(self) -> None:
        for person, id_ in zip(self.new, new_ids(Customer, len(self.new)), strict=True):
            person.id = id_
        rows = [_columns(person) for person in self.new]
        insert_many(Customer, rows, pool_id=self.pool_id, created_at=self.now)
        changed = [_columns(person) for person in self.people.values() if person.changed]
        if changed:
            db.session.execute(update(Customer), changed)

    def _write_points(self) -> None:
        self.fresh = new_ids(ContactPoint, len(self.new_points))
        rows: list[dict[str, Any]] = [
            {"id": id_, "customer_id": person.id, "kind": kind, "value": value}
            for id_, (person, (kind, value)) in zip(self.fresh, self.new_points, strict=True)
        ]
        insert_many(ContactPoint, rows, pool_id=self.pool_id, shared=False, created_at=self.now)
        for row in rows:
            self.points[(row["customer_id"], (row["kind"], row["value"]))] = row["id"]

    def write_grounds(self, people: Sequence[Incoming], found: Sequence[_Person | None]) -> None:
        """Grounds of the rows' addresses, once everybody has an id."""
        wanted = [
            (self.points[(person.id, (KIND_OF[channel], value))], channel, row)
            for row, person in zip(people, found, strict=True)
            if person
            for channel in [*row.grounds, *row.refused]
            if (value := row.email if KIND_OF[channel] is ContactKind.EMAIL else row.phone)
        ]
        if wanted:
            grounds.write(wanted, fresh=self.fresh, now=self.now)


def _columns(person: _Person) -> dict[str, Any]:
    return {"id": person.id, **person.columns, "name_key": fold(person.columns["name"])}
