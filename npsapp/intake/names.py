"""Names in rows become ids: units, performers and segments are made when new, regions never."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from npsapp.intake.rules import InteractionRow
from npsapp.organization import queries as organization
from npsapp.organization import services as organization_services
from npsapp.organization.rules import fold

folded = lru_cache(maxsize=20_000)(fold)


@dataclass
class BrandNames:
    """What is known by name in one brand and its pool; folded name → id."""

    brand_id: int
    pool_id: int
    units: dict[str, tuple[int, int | None]]
    """Folded name → (id, its region)."""
    performers: dict[str, int]
    segments: dict[str, int]
    regions: dict[str, int]


@dataclass
class Places:
    """The ids one row's names stand for."""

    brand_id: int
    pool_id: int
    region_id: int | None
    """Of the region column, else the unit's; None: neither."""
    said_region_id: int | None
    unit_id: int | None
    segment_id: int | None
    performers: list[tuple[int, str]] = field(default_factory=list)
    """(id, role)."""


class Names:
    """Looks names up, and makes what is missing; keeps what it knows over the chunks of one batch.

    After a rollback it must `forget`: it may know ids that no longer exist.
    """

    def __init__(self, default_brand_id: int, *, now: datetime) -> None:
        self._default = default_brand_id
        self._now = now
        self._brands: dict[int, BrandNames] = {}

    def forget(self) -> None:
        """Look everything up again."""
        self._brands.clear()

    def places(self, rows: Sequence[InteractionRow]) -> list[Places]:
        """The ids of every row, in order. Writes new units, performers and segments: needs a transaction."""
        for brand_id in {row.brand_id or self._default for row in rows}:
            known = self._brand(brand_id)
            mine = [row for row in rows if (row.brand_id or self._default) == brand_id]
            self._add_units(known, mine)
            self._add_others(known, mine)
        return [self._places(row) for row in rows]

    def _brand(self, brand_id: int) -> BrandNames:
        if brand_id not in self._brands:
            brand = organization.brand(brand_id)
            if brand is None:
                raise LookupError(f"brand {brand_id} is gone")
            self._brands[brand_id] = BrandNames(
                brand_id,
                brand.pool_id,
                organization.unit_lookup(brand_id),
                organization.performer_lookup(brand_id),
                organization.segment_lookup(brand.pool_id),
                organization.region_lookup(brand.pool_id),
            )
        return self._brands[brand_id]

    def _add_units(self, known: BrandNames, rows: Iterable[InteractionRow]) -> None:
        new = {
            key: (row.unit, known.regions.get(folded(row.region)))
            for row in rows
            if (key := folded(row.unit)) and key not in known.units
        }
        if new:
            ids = organization_services.add_units(known.brand_id, new, now=self._now)
            known.units.update({key: (ids[key], region_id) for key, (_, region_id) in new.items()})

    def _add_others(self, known: BrandNames, rows: Sequence[InteractionRow]) -> None:
        people = {folded(name): name for row in rows for _, name in row.performers}
        people = {key: name for key, name in people.items() if key and key not in known.performers}
        if people:
            known.performers |= organization_services.add_performers(known.brand_id, people, now=self._now)
        segments = {folded(row.segment): row.segment for row in rows if row.segment}
        segments = {key: name for key, name in segments.items() if key and key not in known.segments}
        if segments:
            known.segments |= organization_services.add_segments(known.pool_id, segments, now=self._now)

    def _places(self, row: InteractionRow) -> Places:
        known = self._brand(row.brand_id or self._default)
        unit_id, unit_region = known.units.get(folded(row.unit), (None, None)) if row.unit else (None, None)
        said = known.regions.get(folded(row.region)) if row.region else None
        performers = ((known.performers.get(folded(name)), role) for role, name in row.performers)
        return Places(
            brand_id=known.brand_id,
            pool_id=known.pool_id,
            region_id=said or unit_region,
            said_region_id=said,
            unit_id=unit_id,
            segment_id=known.segments.get(folded(row.segment)) if row.segment else None,
            performers=list(dict.fromkeys((id_, role) for id_, role in performers if id_ is not None)),
        )
