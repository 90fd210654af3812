"""Who is who: a chunk of rows becomes customers, found by trusted id, then e-mail, then phone, never by name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, or_, select, update

from npsapp.customers import erasing, grounds
from npsapp.customers.models import ContactPoint, Customer, Ground, TrustedId
from npsapp.customers.names import is_firm, propose_address
from npsapp.customers.rules import AddressFault, ContactKind, GroundKind
from npsapp.db import db, insert_many, new_ids, one_of, table, write
from npsapp.delivery.rules import Channel
from npsapp.organization.models import Brand, Region
from npsapp.organization.rules import fold

KIND_OF = {Channel.EMAIL: ContactKind.EMAIL, Channel.PHONE: ContactKind.PHONE, Channel.SMS: ContactKind.PHONE}

Address = tuple[ContactKind, str]

SAID = ("name", "is_firm", "address_as", "language", "region_id", "is_key", "key_by")  # what rows may change
_UPDATE = update(table(Customer)).where(table(Customer).c.id == bindparam("this"))


@dataclass(slots=True)
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
    more: Sequence[Address] = ()
    """Further addresses of the person."""
    wrong: Sequence[Address] = ()
    """What was written in the place of an address and is none: kept, shown and never used."""
    is_company: bool | None = None
    before_id: int | None = None
    """Whom the row was about when it came before: meant where nobody else is and that one has no address yet."""

    addresses: Sequence[Address] = field(init=False)
    """E-mails first: they decide before phones do."""

    def __post_init__(self) -> None:
        found = [(ContactKind.EMAIL, self.email), *self.more] if self.email else [*self.more]
        found += [(ContactKind.PHONE, self.phone)] if self.phone else []
        self.addresses = sorted(found, key=lambda address: address[0]) if self.more else found


@dataclass(slots=True, eq=False)
class _Person:
    """A customer while the chunk is worked through; `id` is 0 until all new ones are written together."""

    id: int
    columns: dict[str, Any]
    merged_into_id: int | None = None
    changed: set[str] = field(default_factory=set)
    """Columns."""
    trusted: bool = False
    """Whether this source knows the person by an id."""
    points: dict[Address, int] = field(default_factory=dict)
    """Addresses with their ids; 0 until the new ones are written."""

    def put(self, column: str, value: Any) -> None:
        if self.columns[column] != value:
            self.columns[column] = value
            self.changed.add(column)


def find_or_create(
    people: Sequence[Incoming], *, pool_id: int, source_id: int | None, now: datetime
) -> list[int | None]:
    """Customer ids in the order of `people`; None where nothing is given to know a person by.

    1. A trusted id (source_id given) finds its person; else the e-mail does, else the phone.
    2. An address of somebody who has another id in this source is shared, not a match: the id wins.
    3. Empty fields delete nothing; a file's consent never overrides a withdrawal.

    A handful of statements for the whole chunk; safe to repeat with the same rows.
    """
    people = erasing.left_out(people, pool_id=pool_id, source_id=source_id)
    chunk = _Chunk(pool_id, source_id, now)
    chunk.load(people)
    found = [chunk.person_of(row) for row in people]
    chunk.write()
    chunk.write_grounds(people, found)
    return [person.id if person else None for person in found]


def recognised(people: Sequence[Incoming], *, pool_id: int, source_id: int | None, now: datetime) -> list[int]:
    """As `find_or_create`, but nothing is written: whoever is new, or nobody known, has a number below zero."""
    chunk = _Chunk(pool_id, source_id, now)
    chunk.load(people)
    found = [chunk.person_of(row) or _Person(0, {}) for row in people]
    new: dict[_Person, int] = {}
    return [person.id or -new.setdefault(person, len(new) + 1) for person in found]


class _Chunk:
    """The people a chunk of rows may mean, and what will be written about them."""

    def __init__(self, pool_id: int, source_id: int | None, now: datetime) -> None:
        self.pool_id, self.source_id, self.now = pool_id, source_id, now
        self.people: dict[int, _Person] = {}
        self.new: list[_Person] = []
        self.by_id: dict[str, _Person] = {}
        self.by_address: dict[Address, list[_Person]] = defaultdict(list)
        self.new_ids: list[tuple[_Person, str]] = []
        self.new_points: list[tuple[_Person, Address, str]] = []
        self.fresh: Sequence[int] = ()
        self.shared: set[Address] = set()
        self.unreached: set[int] = set()
        self.wrong_still: set[int] = set()
        """Contact points that rows repeat as mistyped as they are."""
        self.heirs: dict[int, set[_Person]] = defaultdict(set)
        """Customer → whose addresses stand in the place of what was mistyped there."""
        self.inherited: list[tuple[int, Channel, Incoming]] = []
        """What was refused there, as grounds for these addresses."""
        self.languages: dict[int | None, str] = {}

    # 1. load

    def load(self, people: Sequence[Incoming]) -> None:
        """Everybody the rows could mean, with the addresses and ids that matter here."""
        points = self._points({address for row in people for address in (*row.addresses, *row.wrong)})
        before = {row.before_id for row in people if row.before_id}
        self._load_people({point.customer_id for point in points} | before)
        self._load_unreached(before)
        for point in points:
            address, owner = (point.kind, point.value), self._current(point.customer_id)
            if owner.id == point.customer_id or address not in owner.points:
                owner.points[address] = point.id
            if not point.fault:
                self._know(owner, address)
        if self.source_id is not None:
            self._load_trusted({row.external_id for row in people if row.external_id})
        self._load_languages({row.region_id for row in people})

    def _points(self, addresses: set[Address]) -> list[Any]:
        found: list[Any] = []
        columns = select(
            ContactPoint.id, ContactPoint.customer_id, ContactPoint.kind, ContactPoint.value, ContactPoint.fault
        )
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

    def _load_unreached(self, ids: set[int]) -> None:
        theirs = one_of(ContactPoint.customer_id, ids), ContactPoint.fault == ""
        self.unreached = ids - set(db.session.scalars(select(ContactPoint.customer_id).where(*theirs))) if ids else ids

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
        if not external_id and not addresses and not row.wrong:
            return None
        person = self.by_id.get(external_id) if external_id else None
        sure = person is not None
        if person is None and addresses:
            person = self._by_address(addresses, external_id)
        if person is None and row.before_id in self.unreached and not external_id:
            person = self._current(row.before_id)
        person = person or self._create()
        if external_id and not sure:
            person.trusted = True
            self.by_id[external_id] = person
            self.new_ids.append((person, external_id))
        if addresses and row.before_id and not external_id:
            self.heirs[row.before_id].add(person)
        for address in addresses:
            self._add_address(person, address)
        for address in row.wrong:
            if address in person.points:
                self.wrong_still.add(person.points[address])
            else:
                person.points[address] = 0
                self.new_points.append((person, address, AddressFault(address[0].value).value))
        self._note(person, row, sure=sure)
        return person

    def _by_address(self, addresses: Sequence[Address], external_id: str) -> _Person | None:
        """By e-mail, else by phone; somebody with another id in this source is somebody else."""
        for address in addresses:
            known = self.by_address.get(address, ())
            fitting = [person for person in known if not external_id or not person.trusted]
            if fitting:
                # A shared address: whoever has all of them is meant, else the one known longest.
                return next((one for one in fitting if one.points.keys() >= set(addresses)), fitting[0])
        return None

    def _create(self) -> _Person:
        empty = {"name": "", "is_firm": False, "address_as": "", "language": None, "region_id": None}
        person = _Person(0, {**empty, "is_key": False, "key_by": ""})
        self.new.append(person)
        return person

    def _add_address(self, person: _Person, address: Address) -> None:
        if address not in person.points:
            person.points[address] = 0
            self.new_points.append((person, address, ""))
            self._know(person, address)
        if len(self.by_address[address]) > 1:
            self.shared.add(address)

    def _note(self, person: _Person, row: Incoming, *, sure: bool) -> None:
        """What the row says about the person. A name changes only when the id says who it is."""
        if row.language:
            person.put("language", row.language)
        if row.region_id is not None:
            person.put("region_id", row.region_id)
        if row.is_key is not None and not person.columns["key_by"]:
            person.put("is_key", row.is_key)
        name = person.columns["name"]
        new = row.name if row.name and (sure or not name) else name
        if new != name or row.is_company not in (None, person.columns["is_firm"]):
            self._name(person, new, row.is_company)

    def _name(self, person: _Person, name: str, is_company: bool | None) -> None:
        """A new name brings a new proposal, unless somebody has written another address by hand.

        Without a word about it the name tells whether it is a firm's.
        """
        said = person.columns
        language = said["language"] or self.languages.get(said["region_id"], self.languages[None])
        if not said["address_as"] or said["address_as"] == propose_address(said["name"], language=language):
            person.put("address_as", "" if is_company else propose_address(name, language=language))
        person.put("name", name)
        person.put("is_firm", is_firm(name) if is_company is None else is_company)

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
        rows = [{"id": one.id, **one.columns, "name_key": fold(one.columns["name"])} for one in self.new]
        insert_many(Customer, rows, pool_id=self.pool_id, created_at=self.now)
        updates: dict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
        for one in self.people.values():
            if one.changed:
                said = {name: one.columns[name] for name in sorted(one.changed)}
                said |= {"name_key": fold(said["name"])} if "name" in said else {}
                updates[frozenset(said)].append({"this": one.id, **said})
        for same_columns in updates.values():
            write(_UPDATE, same_columns)

    def _write_points(self) -> None:
        self.fresh = new_ids(ContactPoint, len(self.new_points))
        rows = []
        for id_, (person, address, fault) in zip(self.fresh, self.new_points, strict=True):
            person.points[address] = id_
            kind, value = address
            rows.append({"id": id_, "customer_id": person.id, "kind": kind, "value": value, "fault": fault})
        self._repair()
        insert_many(ContactPoint, rows, pool_id=self.pool_id, shared=False, created_at=self.now)

    def _repair(self) -> None:
        """A new address stands in the place of whatever of its kind was mistyped, and what was refused there holds."""
        new = [(one, kind) for one, (kind, _), fault in self.new_points if one.id in self.people and not fault]
        for one, _ in new:
            self.heirs[one.id].add(one)
        columns = select(ContactPoint.id, ContactPoint.customer_id, ContactPoint.kind)
        theirs = columns.where(one_of(ContactPoint.customer_id, self.heirs), ContactPoint.fault != "")
        wrong = {row.id: row for row in db.session.execute(theirs)} if self.heirs else {}
        if not wrong:
            return
        for id_, channel, proof in grounds.refusals(wrong):
            said = Incoming(refused=frozenset({channel}), proof=proof)
            for heir in self.heirs[wrong[id_].customer_id]:
                self.inherited += [(point, channel, said) for point in self._good(heir, wrong[id_].kind)]
        replaced = {(one.id, kind) for one, kind in new}
        gone = {id_ for id_, row in wrong.items() if (row.customer_id, row.kind) in replaced} - self.wrong_still
        db.session.execute(delete(Ground).where(one_of(Ground.contact_point_id, gone)))
        db.session.execute(delete(ContactPoint).where(one_of(ContactPoint.id, gone)))

    def _good(self, person: _Person, kind: ContactKind) -> set[int]:
        """Ids of the person's addresses of a kind, those of this chunk among them."""
        theirs = ContactPoint.customer_id == person.id, ContactPoint.kind == kind, ContactPoint.fault == ""
        new = (
            point
            for point, (one, address, fault) in zip(self.fresh, self.new_points, strict=True)
            if one is person and address[0] is kind and not fault
        )
        return {*db.session.scalars(select(ContactPoint.id).where(*theirs)), *new}

    def write_grounds(self, people: Sequence[Incoming], found: Sequence[_Person | None]) -> None:
        """Grounds of the rows' addresses, once everybody has an id."""
        wanted = [
            (person.points[address], channel, row)
            for row, person in zip(people, found, strict=True)
            if person
            for channel in (*row.grounds, *row.refused)
            for address in (*row.addresses, *(row.wrong if channel in row.refused else ()))
            if address[0] is KIND_OF[channel]
        ]
        if wanted or self.inherited:
            grounds.write([*self.inherited, *wanted], fresh=self.fresh, now=self.now)
