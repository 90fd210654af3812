"""Interactions as rows of the database: new ones are added, known ones follow what a file says about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Table, delete, insert, select, update

from npsapp.customers.models import Customer
from npsapp.db import db
from npsapp.intake.models import Interaction, InteractionPerformer
from npsapp.intake.names import Places
from npsapp.intake.rules import InteractionRow

# Written as plain tables: the mapper would cost more than the database.
INTERACTION = cast(Table, Interaction.__table__)
SERVED = cast(Table, InteractionPerformer.__table__)
COMPARED = (
    Interaction.id, Interaction.external_id, Interaction.happened_at, Interaction.number, Interaction.title,
    Interaction.product_group, Interaction.partner, Interaction.amount, Interaction.currency,
    Interaction.unit_id, Interaction.segment_id, Interaction.region_id, Interaction.customer_id,
    Interaction.cancelled_at,
)  # fmt: skip
# Changes after which the planner must look again; a corrected title or amount moves no letter.
DECISIVE = frozenset({"happened_at", "customer_id", "cancelled_at"})


@dataclass(frozen=True)
class Known:
    """A row with everything that its names and its person stand for."""

    row: InteractionRow
    places: Places
    customer_id: int | None
    touchpoint_id: int
    currency: str
    """Of the source, for amounts without one."""


def earlier(source_id: int, rows: Iterable[InteractionRow]) -> dict[str, Any]:
    """Interactions that are there already, by their id in the source."""
    found = db.session.execute(
        select(*COMPARED).where(
            Interaction.source_id == source_id,
            Interaction.external_id.in_([row.external_id for row in rows]),
        )
    )
    return {row.external_id: row for row in found}


def add(source_id: int, batch_id: int, known: Sequence[Known], *, now: datetime) -> None:
    """Write new interactions with their performers; their dimensions are fixed from here on."""
    if not known:
        return
    regions = _regions_of_customers(one.customer_id for one in known if one.places.region_id is None)
    rows: list[dict[str, Any]] = [
        {
            "source_id": source_id,
            "batch_id": batch_id,
            "external_id": one.row.external_id,
            "brand_id": one.places.brand_id,
            "touchpoint_id": one.touchpoint_id,
            "region_id": one.places.region_id or regions.get(one.customer_id or 0),
            "unit_id": one.places.unit_id,
            "segment_id": one.places.segment_id,
            "customer_id": one.customer_id,
            "happened_at": one.row.happened_at,
            "number": one.row.number,
            "title": one.row.title,
            "product_group": one.row.product_group,
            "partner": one.row.partner,
            "amount": Decimal(one.row.amount) if one.row.amount else None,
            "currency": one.row.currency or (one.currency if one.row.amount else ""),
            "properties": {},
            "undecided": True,
            "cancelled_at": now if one.row.cancelled else None,
            "accepted_at": now,
            "changed_at": now,
        }
        for one in known
    ]
    # Asked for the ids, SQLite would insert row by row: looking up those that are needed is much faster.
    db.session.execute(insert(INTERACTION), rows)
    served = {one.row.external_id: one for one in known if one.places.performers}
    _write_performers({id_: served[external_id] for external_id, id_ in _ids(source_id, served)})


def _ids(source_id: int, external_ids: Iterable[str]) -> list[tuple[str, int]]:
    wanted = sorted(external_ids)
    if not wanted:
        return []
    rows = db.session.execute(
        select(Interaction.external_id, Interaction.id).where(
            Interaction.source_id == source_id, Interaction.external_id.in_(wanted)
        )
    )
    return [(row.external_id, row.id) for row in rows]


def change(
    known: Sequence[Known],
    earlier: Mapping[str, Any],
    emails: Mapping[int, frozenset[str]],
    *,
    now: datetime,
) -> int:
    """Let known interactions follow what the rows say; gives how many changed.

    An empty cell changes nothing. `emails` are the addresses that their customers had before.
    """
    updates = []
    served = _performers_of([earlier[one.row.external_id].id for one in known if one.places.performers])
    other_performers: dict[int, Known] = {}
    for one in known:
        before = earlier[one.row.external_id]
        changes = _changes(one, before, now)
        if one.places.performers and served.get(before.id, set()) != set(one.places.performers):
            other_performers[before.id] = one
        reachable = bool(one.row.email) and one.row.email not in emails.get(before.customer_id, frozenset())
        if changes or reachable or before.id in other_performers:
            again = {"undecided": True} if reachable or DECISIVE & changes.keys() else {}
            updates.append({"id": before.id, "changed_at": now, **changes, **again})
    _write_changes(updates)
    if other_performers:
        ids = sorted(other_performers)
        db.session.execute(delete(InteractionPerformer).where(InteractionPerformer.interaction_id.in_(ids)))
        _write_performers(other_performers)
    return len(updates)


def _changes(one: Known, before: Any, now: datetime) -> dict[str, Any]:
    row = one.row
    said: dict[str, Any] = {
        "happened_at": row.happened_at,
        "number": row.number,
        "title": row.title,
        "product_group": row.product_group,
        "partner": row.partner,
        "amount": Decimal(row.amount) if row.amount else None,
        "currency": row.currency,
        "unit_id": one.places.unit_id,
        "segment_id": one.places.segment_id,
        "region_id": one.places.said_region_id,
        "customer_id": one.customer_id,
    }
    changes = {name: value for name, value in said.items() if value and value != getattr(before, name)}
    if row.cancelled is not None and row.cancelled != (before.cancelled_at is not None):
        changes["cancelled_at"] = now if row.cancelled else None
    return changes


def _write_changes(updates: Sequence[dict[str, Any]]) -> None:
    """One statement for every set of columns that changed together."""
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for changes in updates:
        by_columns.setdefault(tuple(sorted(changes)), []).append(changes)
    for same in by_columns.values():
        db.session.execute(update(Interaction), same)


def _write_performers(served: Mapping[int, Known]) -> None:
    rows = [
        {"interaction_id": interaction_id, "performer_id": performer_id, "role": role}
        for interaction_id, one in served.items()
        for performer_id, role in one.places.performers
    ]
    if rows:
        db.session.execute(insert(SERVED), rows)


def _performers_of(interaction_ids: Sequence[int]) -> dict[int, set[tuple[int, str]]]:
    found: dict[int, set[tuple[int, str]]] = {}
    rows = db.session.execute(
        select(
            InteractionPerformer.interaction_id, InteractionPerformer.performer_id, InteractionPerformer.role
        ).where(InteractionPerformer.interaction_id.in_(interaction_ids))
    )
    for row in rows:
        found.setdefault(row.interaction_id, set()).add((row.performer_id, row.role))
    return found


def _regions_of_customers(customer_ids: Iterable[int | None]) -> dict[int, int]:
    wanted = sorted({id_ for id_ in customer_ids if id_ is not None})
    if not wanted:
        return {}
    rows = db.session.execute(
        select(Customer.id, Customer.region_id).where(
            Customer.id.in_(wanted), Customer.region_id.is_not(None)
        )
    )
    return {row.id: row.region_id for row in rows}
