"""Rows become interactions: their names become ids, new ones are added, known ones follow what a file says."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import delete, select, update

from npsapp.customers.models import ContactPoint, Customer
from npsapp.customers.rules import ContactKind
from npsapp.db import db, insert_many, new_ids, one_of
from npsapp.intake.models import Interaction, InteractionPerformer
from npsapp.intake.rules import InteractionRow
from npsapp.organization import queries as organization, services as organization_services
from npsapp.organization.rules import fold

# Changes after which the planner must look again; a corrected title or amount moves no letter.
DECISIVE = frozenset({"happened_at", "customer_id", "cancelled_at"})

folded = lru_cache(maxsize=20_000)(fold)


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
    customer_id: int | None = None


@dataclass
class _Brand:
    """What is known by folded name in one brand and its pool; units with their regions."""

    id: int
    pool_id: int
    units: dict[str, tuple[int, int | None]]
    performers: dict[str, int]
    segments: dict[str, int]
    regions: dict[str, int]


class Names:
    """Looks names up: units, performers and segments are made when new, regions never.

    It keeps what it knows over the chunks of a batch; after a rollback it must `forget`, for it may know ids that
    no longer exist.
    """

    def __init__(self, *, brand_id: int, touchpoint_id: int | None, now: datetime) -> None:
        self._brand_id, self._touchpoint_id, self._now = brand_id, touchpoint_id, now
        self._brands: dict[int, _Brand] = {}

    def forget(self) -> None:
        """Look everything up again."""
        self._brands.clear()

    def known(self, rows: Sequence[InteractionRow]) -> list[Known]:
        """What every row's names stand for, in order. Writes new names: needs a transaction."""
        for brand_id in {row.brand_id or self._brand_id for row in rows}:
            self._add_new(self._brand(brand_id), [r for r in rows if (r.brand_id or self._brand_id) == brand_id])
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
            )
        return self._brands[brand_id]

    def _add_new(self, brand: _Brand, rows: Sequence[InteractionRow]) -> None:
        """A new name is written, and a unit placed, as in the first row that has it, whatever the size of the chunk."""
        rows = rows[::-1]
        units = {folded(row.unit): row for row in rows if row.unit}
        if new := {key: row for key, row in units.items() if key not in brand.units}:
            places = {key: (row.unit, brand.regions.get(folded(row.region))) for key, row in new.items()}
            ids = organization_services.add_units(brand.id, places, now=self._now)
            brand.units |= {key: (ids[key], place[1]) for key, place in places.items()}
        people = (name for row in rows for _, name in row.performers)
        self._add(brand.id, people, brand.performers, organization_services.add_performers)
        segments = (row.segment for row in rows)
        self._add(brand.pool_id, segments, brand.segments, organization_services.add_segments)

    def _add(
        self, owner_id: int, names: Iterable[str], known: dict[str, int], add: Callable[..., dict[str, int]]
    ) -> None:
        new = {key: name for name in names if (key := folded(name)) and key not in known}
        if new:
            known |= add(owner_id, new, now=self._now)

    def _known(self, row: InteractionRow) -> Known:
        brand = self._brand(row.brand_id or self._brand_id)
        unit_id, unit_region = brand.units.get(folded(row.unit), (None, None))
        said = brand.regions.get(folded(row.region)) if row.region else None
        performers = ((brand.performers.get(folded(name)), role) for role, name in row.performers)
        return Known(
            row=row,
            brand_id=brand.id,
            pool_id=brand.pool_id,
            touchpoint_id=row.touchpoint_id or self._touchpoint_id or 0,
            said_region_id=said,
            region_id=said or unit_region,
            unit_id=unit_id,
            segment_id=brand.segments.get(folded(row.segment)),
            performers={(id_, role) for id_, role in performers if id_ is not None},
        )


def earlier(source_id: int, external_ids: Iterable[str]) -> dict[str, Any]:
    """Interactions that are there already, by their id in the source: rows of the table."""
    found = db.session.execute(
        select(*Interaction.__table__.c).where(
            Interaction.source_id == source_id, one_of(Interaction.external_id, external_ids)
        )
    )
    return {row.external_id: row for row in found}


def emails_of(customer_ids: Iterable[int | None]) -> dict[int, set[str]]:
    """The e-mail addresses of customers who have any."""
    rows = db.session.execute(
        select(ContactPoint.customer_id, ContactPoint.value).where(
            one_of(ContactPoint.customer_id, {id_ for id_ in customer_ids if id_ is not None}),
            ContactPoint.kind == ContactKind.EMAIL,
        )
    )
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
    rows = []
    for one in known:
        said = _said(one)
        said["region_id"] = one.region_id or regions.get(one.customer_id)
        said["currency"] = one.row.currency or (currency if one.row.amount else "")
        said["cancelled_at"] = now if one.row.cancelled else None
        fixed = {
            "external_id": one.row.external_id,
            "brand_id": one.brand_id,
            "touchpoint_id": one.touchpoint_id,
            "properties": {},
        }
        rows.append(fixed | said)
    ids = new_ids(Interaction, len(rows))
    for id_, row in zip(ids, rows, strict=True):
        row["id"] = id_
    insert_many(
        Interaction, rows, source_id=source_id, batch_id=batch_id, undecided=True, accepted_at=now, changed_at=now
    )
    _write_performers(dict(zip(ids, known, strict=True)))


def _said(one: Known) -> dict[str, Any]:
    row = one.row
    return {
        "happened_at": row.happened_at, "number": row.number, "title": row.title,
        "product_group": row.product_group, "partner": row.partner,
        "amount": Decimal(row.amount) if row.amount else None, "currency": row.currency, "unit_id": one.unit_id,
        "segment_id": one.segment_id, "region_id": one.said_region_id, "customer_id": one.customer_id,
    }  # fmt: skip


def _regions_of_customers(customer_ids: set[int | None]) -> dict[int | None, int | None]:
    rows = db.session.execute(select(Customer.id, Customer.region_id).where(one_of(Customer.id, customer_ids - {None})))
    return {row.id: row.region_id for row in rows}


def change(known: Sequence[Known], earlier: Mapping[str, Any], emails: Mapping[int, set[str]], *, now: datetime) -> int:
    """Let known interactions follow what the rows say; gives how many changed.

    An empty cell changes nothing. `emails` are the addresses that their customers had before.
    """
    updates: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    served = _performers_of([earlier[one.row.external_id].id for one in known if one.performers])
    others: dict[int, Known] = {}
    for one in known:
        before = earlier[one.row.external_id]
        changes = _changes(one, before, now)
        reachable = bool(one.row.email) and one.row.email not in emails.get(before.customer_id, ())
        if one.performers and served.get(before.id) != one.performers:
            others[before.id] = one
        if changes or reachable or before.id in others:
            again = {"undecided": True} if reachable or DECISIVE & changes.keys() else {}
            values = {"id": before.id, "changed_at": now, **changes, **again}
            updates.setdefault(tuple(values), []).append(values)
    for same_columns in updates.values():
        db.session.execute(update(Interaction), same_columns)
    if others:
        db.session.execute(delete(InteractionPerformer).where(one_of(InteractionPerformer.interaction_id, others)))
        _write_performers(others)
    return sum(map(len, updates.values()))


def _changes(one: Known, before: Any, now: datetime) -> dict[str, Any]:
    changes = {name: value for name, value in _said(one).items() if value and value != getattr(before, name)}
    if one.row.cancelled is not None and one.row.cancelled != (before.cancelled_at is not None):
        changes["cancelled_at"] = now if one.row.cancelled else None
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
