"""Rows become interactions: their names become ids, new ones are added, known ones follow what a file says."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import delete, select, update

from npsapp.customers.models import ContactPoint, Customer
from npsapp.customers.rules import ContactKind
from npsapp.db import db, insert_many, new_ids, one_of, pairs
from npsapp.intake import belonging, documents, words
from npsapp.intake.models import DocumentName, Interaction, InteractionPerformer, ValueKind
from npsapp.intake.rules import DocumentKind, InteractionRow
from npsapp.intake.words import Words
from npsapp.organization import queries as organization, services as organization_services
from npsapp.organization.rules import fold

# Changes after which the planner must look again; a corrected title or amount moves no letter.
DECISIVE = frozenset({"happened_at", "customer_id", "cancelled_at", "state"})


@dataclass(slots=True)
class Known:
    """A row with everything that its names and its person stand for."""

    row: InteractionRow
    brand_id: int
    pool_id: int
    touchpoint_id: int
    said_region_id: int | None
    """Of the region column."""
    region_id: int | None
    """Of the region column, else the unit's; None: neither."""
    unit_id: int | None
    segment_id: int | None
    performers: set[tuple[int, str]]
    """(id, role)."""
    properties: dict[str, str]
    """Of the declared ones: key → value."""
    words: set[int]
    """Ids of the `SourceValue` it came with."""
    documents: dict[str, Any]
    """What is kept of its document; see `documents.entry`."""
    customer_id: int | None = None

    @property
    def amount(self) -> Decimal | None:
        return Decimal(self.row.amount) if self.row.amount else None


class _Meant(NamedTuple):
    """What a name stands for: the thing's id, a unit's region, the `SourceValue`."""

    id: int | None = None
    region_id: int | None = None
    word_id: int | None = None


_NOTHING = _Meant()


@dataclass
class _Brand:
    """What is known by folded name in one brand and its pool; units with their regions."""

    id: int
    pool_id: int
    units: dict[str, tuple[int, int | None]]
    performers: dict[str, int]
    segments: dict[str, int]
    regions: dict[str, int]
    properties: dict[str, str]
    """Name or key of a declared property → its key."""
    values: dict[tuple[str, str], str]
    """(Key, folded value) → the value as it was first written."""
    meant: dict[tuple[ValueKind, str], "_Meant"] = field(default_factory=dict)
    """Every name that was looked up."""

    @cached_property
    def region_of(self) -> dict[int, int | None]:
        """Unit that was there before → its region."""
        return dict(self.units.values())

    def said(self, row: InteractionRow) -> dict[tuple[str, str], str]:
        """The row's declared properties in that form; what nobody declared is left out."""
        pairs = ((self.properties.get(fold(name)), text) for name, text in row.properties.items())
        return {(key, fold(text)): text for key, text in pairs if key and fold(text)}


class Names:
    """Looks names up: units, performers and segments are made when new, regions never; what people said counts first.

    It keeps what it knows over the chunks of a batch; after a rollback it must `forget`, for it may know ids that
    no longer exist.
    """

    def __init__(self, *, brand_id: int, touchpoint_id: int | None, words: Words, now: datetime) -> None:
        self._brand_id, self._touchpoint_id, self._now = brand_id, touchpoint_id, now
        self.words = words
        self._brands: dict[int, _Brand] = {}

    def forget(self) -> None:
        """Look everything up again."""
        self._brands.clear()
        self.words.forget()

    def known(self, rows: Sequence[InteractionRow]) -> list[Known]:
        """What every row's names stand for, in order. Writes new names, unless its words only read: needs a
        transaction then."""
        for brand_id in {row.brand_id or self._brand_id for row in rows}:
            own = [row for row in rows if (row.brand_id or self._brand_id) == brand_id]
            self.words.understand(own, self._brand(brand_id).properties)
            if not self.words.reading:
                self._add_new(self._brand(brand_id), own)
        return [self._known(row) for row in rows]

    def _brand(self, brand_id: int) -> _Brand:
        if brand_id not in self._brands:
            brand = organization.brand(brand_id)
            if brand is None:
                raise LookupError(f"brand {brand_id} is gone")
            self._brands[brand_id] = _Brand(
                brand_id,
                brand.pool_id,
                organization.unit_lookup(brand_id),
                organization.performer_lookup(brand_id),
                organization.segment_lookup(brand.pool_id),
                organization.region_lookup(brand.pool_id),
                organization.property_lookup(brand.pool_id),
                organization.property_texts(brand.pool_id),
            )
        return self._brands[brand_id]

    def _add_new(self, brand: _Brand, rows: Sequence[InteractionRow]) -> None:
        """A new name is written, and a unit placed, as in the first row that has it, whatever the size of the chunk."""
        rows = [row for row in reversed(rows) if not self._all_known(brand, row)]
        units = {fold(row.unit): row for row in rows if row.unit and not self.words.target(ValueKind.UNIT, row.unit)}
        if new := {key: row for key, row in units.items() if key not in brand.units}:
            places = {key: (row.unit, brand.regions.get(fold(row.region))) for key, row in new.items()}
            ids = organization_services.add_units(brand.id, places, now=self._now)
            brand.units |= {key: (ids[key], place[1]) for key, place in places.items()}
            for key, row in new.items():
                self.words.collect(ValueKind.UNIT, row.unit, ids[key])
        people = (name for row in rows for _, name in row.performers)
        self._add(ValueKind.PERFORMER, brand.id, people, brand.performers)
        segments = (row.segment for row in rows)
        self._add(ValueKind.SEGMENT, brand.pool_id, segments, brand.segments)
        values = {pair: text for row in rows if row.properties for pair, text in brand.said(row).items()}
        if new_values := {pair: text for pair, text in values.items() if pair not in brand.values}:
            brand.values |= organization_services.add_property_values(brand.pool_id, new_values, now=self._now)

    def _add(self, kind: ValueKind, owner_id: int, names: Iterable[str], known: dict[str, int]) -> None:
        new = {key: name for name in names if (key := fold(name)) and key not in known}
        new = {key: name for key, name in new.items() if not self.words.target(kind, name)}
        if new:
            known |= _ADD[kind](owner_id, new, now=self._now)
            for key, name in new.items():
                self.words.collect(kind, name, known[key])

    @staticmethod
    def _all_known(brand: _Brand, row: InteractionRow) -> bool:
        said = [(ValueKind.PERFORMER, name) for _role, name in row.performers]
        said += [(ValueKind.UNIT, row.unit)] if row.unit else []
        said += [(ValueKind.SEGMENT, row.segment)] if row.segment else []
        return not row.properties and brand.meant.keys() >= set(said)

    def _meant(self, brand: _Brand, kind: ValueKind, text: str) -> _Meant:
        if not text:
            return _NOTHING
        if (kind, text) not in brand.meant:
            mapped, region_id = self.words.target(kind, text), None
            if kind is ValueKind.UNIT:
                id_, region_id = brand.units.get(fold(text), (None, None))
                region_id = brand.region_of.get(mapped) if mapped else region_id
            else:
                known = {ValueKind.PERFORMER: brand.performers, ValueKind.SEGMENT: brand.segments}
                id_ = known.get(kind, brand.regions).get(fold(text))
            if kind is ValueKind.REGION and not (mapped or id_):
                self.words.collect(kind, text)
            word = self.words.known.get((kind, fold(text)))
            brand.meant[kind, text] = _Meant(mapped or id_, region_id, word.id if word else None)
        return brand.meant[kind, text]

    def _known(self, row: InteractionRow) -> Known:
        brand = self._brand(row.brand_id or self._brand_id)
        unit = self._meant(brand, ValueKind.UNIT, row.unit)
        region = self._meant(brand, ValueKind.REGION, row.region)
        segment = self._meant(brand, ValueKind.SEGMENT, row.segment)
        words, performers = {one.word_id for one in (unit, region, segment) if one.word_id}, set()
        for role, name in row.performers:
            who = self._meant(brand, ValueKind.PERFORMER, name)
            if who.word_id:
                words.add(who.word_id)
            if who.id is not None:
                performers.add((who.id, role))
        status = self.words.known.get((ValueKind.STATUS, fold(row.status_raw))) if row.status_raw else None
        return Known(
            row=row,
            brand_id=brand.id,
            pool_id=brand.pool_id,
            touchpoint_id=row.touchpoint_id or self._touchpoint_id or 0,
            said_region_id=region.id,
            region_id=region.id or unit.region_id,
            unit_id=unit.id,
            segment_id=segment.id,
            performers=performers,
            words=words | self.words.of(row),
            documents=documents.entry(row, word=status.id if status else None),
            properties={pair[0]: brand.values.get(pair, text) for pair, text in brand.said(row).items()}
            if row.properties
            else {},
        )


_ADD = {
    ValueKind.PERFORMER: organization_services.add_performers,
    ValueKind.SEGMENT: organization_services.add_segments,
}


def standing(source_id: int, rows: Sequence[InteractionRow]) -> dict[str, int]:
    """Digests of the interactions that are there already under these rows' ids: id → digest."""
    mine = Interaction.source_id == source_id, one_of(Interaction.external_id, {row.external_id for row in rows})
    return pairs(select(Interaction.external_id, Interaction.said).where(*mine))


def emails_of(customer_ids: Iterable[int | None]) -> dict[int, set[str]]:
    """The e-mail addresses of customers who have any."""
    ids = {id_ for id_ in customer_ids if id_ is not None}
    theirs = ContactPoint.kind == ContactKind.EMAIL, ContactPoint.fault == ""
    columns = select(ContactPoint.customer_id, ContactPoint.value)
    rows = db.session.execute(columns.where(one_of(ContactPoint.customer_id, ids), *theirs)) if ids else ()
    found: dict[int, set[str]] = {}
    for customer_id, value in rows:
        found.setdefault(customer_id, set()).add(value)
    return found


def add(source_id: int, batch_id: int, known: Sequence[Known], *, currency: str, now: datetime) -> None:
    """Write new interactions with their performers; their dimensions are fixed from here on.

    `currency` is the source's, for amounts without one.
    """
    if not known:
        return
    regions = _regions_of_customers({one.customer_id for one in known if one.region_id is None})
    rows, ids = [], new_ids(Interaction, len(known))
    for id_, one in zip(ids, known, strict=True):
        row, standing = one.row, _standing(one.documents, one)
        taken_back = standing["state"] in documents.TAKEN_BACK if one.documents else row.cancelled
        new = {
            **_said(one), **standing, "id": id_, "region_id": one.region_id or regions.get(one.customer_id),
            "currency": row.currency or (currency if row.amount else ""), "cancelled_at": now if taken_back else None,
            "external_id": row.external_id, "brand_id": one.brand_id, "touchpoint_id": one.touchpoint_id,
            "properties": one.properties, "basis": row.basis, "words": words.joined(one.words), "said": row.said,
        }  # fmt: skip
        rows.append(new)
    insert_many(Interaction, rows, source_id=source_id, batch_id=batch_id, undecided=True, accepted_at=now)
    _write_performers(dict(zip(ids, known, strict=True)))


def _said(one: Known) -> dict[str, Any]:
    row = one.row
    return {
        "happened_at": row.happened_at, "number": row.number, "title": row.title,
        "product_group": row.product_group, "partner": row.partner,
        "amount": one.amount, "currency": row.currency, "unit_id": one.unit_id,
        "segment_id": one.segment_id, "region_id": one.said_region_id, "customer_id": one.customer_id,
        "kind": row.kind,
    }  # fmt: skip


def _standing(whole: dict[str, Any], one: Known) -> dict[str, Any]:
    """Where a purchase stands by all its documents."""
    if not whole:
        return {"documents": {}, "state": ""}
    amount = one.amount if one.row.kind != DocumentKind.RETURN else None
    state = documents.state_of(whole, amount)
    return {"documents": whole, "state": state, "happened_at": documents.moment_of(whole)}


def _regions_of_customers(customer_ids: set[int | None]) -> dict[int | None, int | None]:
    ids = customer_ids - {None}
    return pairs(select(Customer.id, Customer.region_id).where(one_of(Customer.id, ids))) if ids else {}


def change(
    known: Sequence[Known], earlier: Mapping[str, Any], emails: Mapping[int, set[str]], *, now: datetime
) -> set[str]:
    """Let known interactions follow what the rows say; gives the ids in the source of those that changed.

    An empty cell changes nothing. `emails` are the addresses that their customers had before.
    """
    updates: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    served = _performers_of([earlier[one.row.external_id].id for one in known if one.performers])
    others: dict[int, Known] = {}
    names: list[dict[str, Any]] = []
    changed: set[str] = set()
    for one in known:
        before = earlier[one.row.external_id]
        changes = _changes(one, before, now)
        reachable = bool(one.row.email) and one.row.email not in emails.get(before.customer_id, ())
        if one.performers and served.get(before.id) != one.performers:
            others[before.id] = one
        own = one.row.external_id == before.external_id
        values: dict[str, Any] = {"said": one.row.said} if own else {}
        if changes.keys() == {"documents"} and documents.alike(before.documents, changes["documents"]):
            values |= changes  # the same from a newer package
        elif changes or reachable or before.id in others:
            again = {"undecided": True} if reachable or DECISIVE & changes.keys() else {}
            values = {"said": 0, **values, **changes, **again}
            changed.add(one.row.external_id)
            names += belonging.names(one.row, before, changes)
        elif not own or before.said == one.row.said:
            continue
        updates.setdefault(tuple(values), []).append({"id": before.id, **values})
    for same_columns in updates.values():
        db.session.execute(update(Interaction), same_columns)
    insert_many(DocumentName, names, waiting={})
    if others:
        db.session.execute(delete(InteractionPerformer).where(one_of(InteractionPerformer.interaction_id, others)))
        _write_performers(others)
    return changed


def _changes(one: Known, before: Any, now: datetime) -> dict[str, Any]:
    said = {name: value for name, value in _said(one).items() if value}
    taken_back = one.row.cancelled
    if one.documents:
        if documents.RANK[one.row.kind] > documents.RANK[before.kind]:  # a payment only adds to what its order says
            said = {name: value for name, value in said.items() if not getattr(before, name)}
        whole = documents.together(before.documents, one.documents)
        amount = said.get("amount") or before.amount
        said |= {"documents": whole, "state": documents.state_of(whole, amount)}
        said["happened_at"] = documents.moment_of(whole)
        taken_back = said["state"] in documents.TAKEN_BACK
    changes = {name: value for name, value in said.items() if value != getattr(before, name)}
    if taken_back is not None and taken_back != (before.cancelled_at is not None):
        changes["cancelled_at"] = now if taken_back else None
    if new := one.words - words.parted(before.words):
        changes["words"] = words.joined(new | words.parted(before.words))
    if one.properties.items() - before.properties.items():
        changes["properties"] = {**before.properties, **one.properties}
    return changes


def _performers_of(interaction_ids: Sequence[int]) -> dict[int, set[tuple[int, str]]]:
    found: dict[int, set[tuple[int, str]]] = {}
    for row in db.session.execute(
        select(*InteractionPerformer.__table__.c).where(one_of(InteractionPerformer.interaction_id, interaction_ids))
    ):
        found.setdefault(row.interaction_id, set()).add((row.performer_id, row.role))
    return found


def _write_performers(served: Mapping[int, Known]) -> None:
    rows = [
        {"interaction_id": interaction_id, "performer_id": performer_id, "role": role}
        for interaction_id, one in served.items()
        for performer_id, role in one.performers
    ]
    insert_many(InteractionPerformer, rows)
