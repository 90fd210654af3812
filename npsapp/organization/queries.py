"""Looking up brands, regions, units, performers and segments: by id, by tree, by the names found in files."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from npsapp.db import db
from npsapp.lib.texts import text_in
from npsapp.organization import rules
from npsapp.organization.models import Brand, Holiday, Performer, Pool, Region, Segment, Unit
from npsapp.organization.rules import fold

_KINDS: dict[str, Any] = {kind.__tablename__: kind for kind in (Brand, Region, Unit, Performer, Segment)}


def pools() -> Sequence[Pool]:
    """All data controllers, oldest first."""
    return db.session.scalars(select(Pool).order_by(Pool.id)).all()


def brands() -> Sequence[Brand]:
    """Brands in use, oldest first."""
    return db.session.scalars(select(Brand).where(Brand.retired_at.is_(None)).order_by(Brand.id)).all()


def brand(brand_id: int) -> Brand | None:
    """One brand, also a retired one: old letters still name it."""
    return db.session.get(Brand, brand_id)


def brand_by_key(key: str) -> Brand | None:
    """One brand by its stable key, also a retired one."""
    return db.session.scalars(select(Brand).where(Brand.key == key)).first()


def region(region_id: int) -> Region | None:
    """One region, also a retired one."""
    return db.session.get(Region, region_id)


def unit(unit_id: int) -> Unit | None:
    """One unit, also a retired one."""
    return db.session.get(Unit, unit_id)


def units(*, search: str = "", limit: int, offset: int = 0) -> Sequence[Unit]:
    """Units in use, unconfirmed ones first; `search` looks into keys, which are folded names."""
    query = select(Unit).where(Unit.retired_at.is_(None)).order_by(Unit.confirmed, Unit.key, Unit.id)
    if search:
        query = query.where(Unit.key.contains(fold(search), autoescape=True))
    return db.session.scalars(query.limit(limit).offset(offset)).all()


def count_unconfirmed_units() -> int:
    """How many units were made from files and not looked at yet."""
    waiting = select(func.count()).where(Unit.confirmed.is_(False), Unit.retired_at.is_(None))
    return db.session.scalar(waiting) or 0


def regions(pool_id: int | None = None) -> Sequence[Region]:
    """Regions in use, oldest first; of one pool or of all."""
    query = select(Region).where(Region.retired_at.is_(None)).order_by(Region.id)
    return db.session.scalars(query if pool_id is None else query.where(Region.pool_id == pool_id)).all()


def region_tree(pool_id: int | None = None) -> list[tuple[int, Region]]:
    """Regions in use as (depth, region), every child below its parent. A region under a retired one is a root."""
    found = regions(pool_id)
    known = {one.id for one in found}
    children: dict[int | None, list[Region]] = {}
    for one in found:
        children.setdefault(one.parent_id if one.parent_id in known else None, []).append(one)
    return list(_walk(children, None, 0))


def _walk(children: dict[int | None, list[Region]], parent: int | None, depth: int) -> Iterable[tuple[int, Region]]:
    for one in children.get(parent, []):
        yield depth, one
        yield from _walk(children, one.id, depth + 1)


def subtree_ids(region_ids: Iterable[int]) -> frozenset[int]:
    """These regions and everything below them, also retired ones: their old rows stay visible."""
    roots = sorted(set(region_ids))
    if not roots:
        return frozenset()
    below = select(Region.id).where(Region.id.in_(roots)).cte("below", recursive=True)
    # UNION, not UNION ALL: a circle in the tree, however it came about, ends instead of running for ever.
    below = below.union(select(Region.id).where(Region.parent_id == below.c.id))
    return frozenset(db.session.scalars(select(below.c.id)))


def find_region(text: str, pool_id: int) -> Region | None:
    """The region in use with this key, name in any language, or alias, in any spelling; None when unknown."""
    found = region_lookup(pool_id).get(fold(text))
    return db.session.get(Region, found) if found else None


def region_lookup(pool_id: int) -> dict[str, int]:
    """Folded key, name or alias → id of the region; a key outweighs a name, a name an alias."""
    return _lookup(Region, Region.pool_id == pool_id)


def unit_lookup(brand_id: int) -> dict[str, tuple[int, int | None]]:
    """Folded key, name or alias → (id of the unit, id of its region)."""
    region_of = {
        row.id: row.region_id
        for row in db.session.execute(select(Unit.id, Unit.region_id).where(Unit.brand_id == brand_id))
    }
    found = _lookup(Unit, Unit.brand_id == brand_id)
    return {text: (id_, region_of[id_]) for text, id_ in found.items()}


def performer_lookup(brand_id: int) -> dict[str, int]:
    """Folded key or name → id of the performer."""
    return _lookup(Performer, Performer.brand_id == brand_id)


def segment_lookup(pool_id: int) -> dict[str, int]:
    """Folded key, name or alias → id of the segment."""
    return _lookup(Segment, Segment.pool_id == pool_id)


def brand_lookup() -> dict[str, int]:
    """Folded key or name → id of the brand."""
    return _lookup(Brand)


def _lookup(kind: Any, *where: ColumnElement[bool]) -> dict[str, int]:
    rows = db.session.scalars(select(kind).where(kind.retired_at.is_(None), *where).order_by(kind.id))
    return rules.lookup((row.id, ([row.key], _names(row.name), getattr(row, "aliases", []))) for row in rows)


def _names(name: str | dict[str, str]) -> list[str]:
    return [name] if isinstance(name, str) else list(name.values())


def zone_of(region: Region | None, brand: Brand) -> str:
    """The time zone that counts in a region: its own, else the brand's."""
    return (region.timezone if region else None) or brand.timezone


def holidays(region_id: int | None) -> set[date]:
    """Days on which nobody works in that region: its own and those of the whole company."""
    everywhere = Holiday.region_id.is_(None)
    here = everywhere if region_id is None else or_(everywhere, Holiday.region_id == region_id)
    return set(db.session.scalars(select(Holiday.day).where(here)))


def holiday_list(since: date) -> Sequence[Holiday]:
    """The entered holidays from that day on, in order."""
    return db.session.scalars(select(Holiday).where(Holiday.day >= since).order_by(Holiday.day, Holiday.id)).all()


def labels(kind: str, ids: Iterable[int], language: str) -> dict[int, str]:
    """Names for pages and pictures: id → name. `kind` is brand, region, unit, performer or segment."""
    model = _KINDS[kind]
    wanted = sorted({id_ for id_ in ids if id_ is not None})
    if not wanted:
        return {}
    rows = db.session.execute(select(model.id, model.name).where(model.id.in_(wanted)))
    return {row.id: row.name if isinstance(row.name, str) else text_in(row.name, language) for row in rows}


def choices(kind: str, language: str) -> list[tuple[int, str]]:
    """(id, name) of everything in use of one kind, by name: for filters and selections."""
    model = _KINDS[kind]
    ids = db.session.scalars(select(model.id).where(model.retired_at.is_(None))).all()
    return sorted(labels(kind, ids, language).items(), key=lambda item: fold(item[1]))
