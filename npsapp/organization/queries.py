"""Looking up brands, regions, units, performers and segments: by id, by tree, by the names found in files."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, or_, select

from npsapp.db import db, pairs, within
from npsapp.i18n import LANGUAGES, language_name
from npsapp.lib.texts import text_in
from npsapp.organization import rules
from npsapp.organization.models import Brand, Holiday, Performer, Pool, Property, PropertyValue, Region, Segment, Unit
from npsapp.organization.rules import fold
from npsapp.permissions import EVERYTHING, Scope

_KINDS: dict[str, Any] = {kind.__tablename__: kind for kind in (Brand, Region, Unit, Performer, Segment, Property)}
_PLACED: dict[str, Any] = {"region": Region.id, "unit": Unit.region_id}


def pools() -> Sequence[Pool]:
    """All data controllers, oldest first."""
    return db.session.scalars(select(Pool).order_by(Pool.id)).all()


def brands() -> Sequence[Brand]:
    """Brands in use, oldest first."""
    return db.session.scalars(select(Brand).where(Brand.retired_at.is_(None)).order_by(Brand.id)).all()


def brand(brand_id: int) -> Brand | None:
    """One brand, also a retired one: old letters still name it."""
    return db.session.get(Brand, brand_id)


def further_languages() -> dict[str, str]:
    """Languages that customers of some brand are asked in, and the program does not speak itself: code → name."""
    spoken = {code for one in brands() for code in one.languages}
    return {code: language_name(code) for code in sorted(spoken - LANGUAGES.keys())}


def customer_languages(own: str | None = None) -> dict[str, str]:
    """Every language customers may be written to in, and the one somebody has: code → name."""
    return LANGUAGES | further_languages() | ({own: language_name(own)} if own else {})


def brand_by_key(key: str) -> Brand | None:
    """One brand by its stable key, also a retired one."""
    return db.session.scalars(select(Brand).where(Brand.key == key)).first()


def region(region_id: int) -> Region | None:
    """One region, also a retired one."""
    return db.session.get(Region, region_id)


class Shown(StrEnum):
    """Which rows of a settings list are asked for; without it those in use."""

    UNCONFIRMED = "unconfirmed"
    RETIRED = "retired"


def find(model: Any, *, word: str, shown: Shown | None, within: Mapping[str, int], language: str) -> list[int]:
    """Ids of rows with `word` in a name, key or alias; those made from files first, then by name below their parent.

    `within` names columns and the one value each must have: the units of a region, the performers of a unit.
    Searched and sorted here and not in the database: SQLite cannot fold Cyrillic.
    """
    columns = {name: getattr(model, name, literal(None)) for name in ("id", "key", "name", *_OPTIONAL)}
    rows = db.session.execute(
        select(*(column.label(name) for name, column in columns.items()))
        .where(_is_shown(model, shown))
        .filter_by(**within)
    ).all()
    said = {row.id: row.name if isinstance(row.name, str) else text_in(row.name, language) for row in rows}
    parents = {row.id: row.parent_id for row in rows}

    def place(row: Any) -> tuple[bool, list[str]]:
        path = rules.upwards(row.id, parents)
        return bool(row.confirmed or row.confirmed is None), [fold(said[id_]) for id_ in reversed(path)]

    wanted = fold(word)
    found = [row for row in rows if not wanted or any(wanted in fold(one) for one in _spellings(row))]
    return [row.id for row in sorted(found, key=place)]


def _spellings(row: Any) -> list[str]:
    return [row.key, *names(row.name), *(row.aliases or [])]


_OPTIONAL = ("aliases", "parent_id", "confirmed")


def _is_shown(model: Any, shown: Shown | None) -> ColumnElement[bool]:
    if shown is Shown.RETIRED:
        return model.retired_at.is_not(None)  # type: ignore[no-any-return]
    in_use = model.retired_at.is_(None)
    return and_(in_use, model.confirmed.is_(False)) if shown and hasattr(model, "confirmed") else in_use


def rows(model: Any, ids: Sequence[int]) -> list[Any]:
    """These rows in the order of the ids."""
    found = {row.id: row for row in db.session.scalars(select(model).where(model.id.in_(ids)))}
    return [found[id_] for id_ in ids if id_ in found]


def count_unconfirmed(model: Any) -> int:
    """How many units or performers were made from files and not looked at yet."""
    waiting = select(func.count()).where(model.confirmed.is_(False), model.retired_at.is_(None))
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


def parents() -> dict[int, int | None]:
    """Region → the one it lies in, also of retired ones."""
    return pairs(select(Region.id, Region.parent_id).order_by(Region.id))


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
    region_of = pairs(select(Unit.id, Unit.region_id).where(Unit.brand_id == brand_id))
    found = _lookup(Unit, Unit.brand_id == brand_id)
    return {text: (id_, region_of[id_]) for text, id_ in found.items()}


def performer_lookup(brand_id: int) -> dict[str, int]:
    """Folded key or name → id of the performer."""
    return _lookup(Performer, Performer.brand_id == brand_id)


def segment_lookup(pool_id: int) -> dict[str, int]:
    """Folded key, name or alias → id of the segment."""
    return _lookup(Segment, Segment.pool_id == pool_id)


def properties() -> Sequence[Property]:
    """Declared properties in use, oldest first."""
    return db.session.scalars(select(Property).where(Property.retired_at.is_(None)).order_by(Property.id)).all()


def property_lookup(pool_id: int) -> dict[str, str]:
    """Folded key, name or alias of a declared property → its key."""
    found = {one.id: one.key for one in properties()}
    return {text: found[id_] for text, id_ in _lookup(Property, Property.pool_id == pool_id).items()}


def property_texts(pool_id: int) -> dict[tuple[str, str], str]:
    """(Key of a property, folded value) → the value as it was first written."""
    seen = select(Property.key, PropertyValue.key, PropertyValue.name)
    rows = db.session.execute(
        seen.join(PropertyValue, PropertyValue.property_id == Property.id).where(Property.pool_id == pool_id)
    )
    return {(key, folded): name for key, folded, name in rows}


def property_values(property_ids: Iterable[int]) -> Sequence[PropertyValue]:
    """The values seen of these properties, by text."""
    wanted = select(PropertyValue).where(PropertyValue.property_id.in_(sorted(property_ids)))
    return sorted(db.session.scalars(wanted), key=lambda value: value.key)


def brand_lookup() -> dict[str, int]:
    """Folded key or name → id of the brand."""
    return _lookup(Brand)


def _lookup(kind: Any, *where: ColumnElement[bool]) -> dict[str, int]:
    rows = db.session.scalars(select(kind).where(kind.retired_at.is_(None), *where).order_by(kind.id))
    return rules.lookup((row.id, ([row.key], names(row.name), getattr(row, "aliases", []))) for row in rows)


def names(name: str | dict[str, str]) -> list[str]:
    """All names of a thing, whether it has one or one per language."""
    return [name] if isinstance(name, str) else list(name.values())


def zone_of(region: Region | None, brand: Brand) -> str:
    """The time zone that counts in a region: its own, else the brand's."""
    return (region.timezone if region else None) or brand.timezone


def holidays(region_id: int | None) -> frozenset[date]:
    """Days on which nobody works in that region: its own, those of regions above it, and those of the whole company."""
    found = holidays_by_region(date.min)
    return found.get(region_id, found[None])


def holidays_by_region(since: date) -> dict[int | None, frozenset[date]]:
    """Holidays from a day on by region, with those of the regions above it; None: of the whole company.

    A country is a region with others below it. Regions without holidays of their own, or above them, are left out.
    """
    own: dict[int | None, set[date]] = defaultdict(set)
    for row in db.session.execute(select(Holiday.region_id, Holiday.day).where(Holiday.day >= since)):
        own[row.region_id].add(row.day)
    everywhere = frozenset(own.pop(None, ()))
    known = parents() if own else {}
    above = {id_: [own[up] for up in rules.upwards(id_, known) if up in own] for id_ in known}
    return {None: everywhere} | {id_: everywhere.union(*days) for id_, days in above.items() if days}


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


def several(kind: str) -> bool:
    """Whether more than one of a kind is in use: a small firm is not shown columns and filters for it."""
    model = _KINDS[kind]
    return len(db.session.scalars(select(model.id).where(model.retired_at.is_(None)).limit(2)).all()) > 1


def choices(
    kind: str, language: str, *, scope: Scope = EVERYTHING, chosen: Iterable[int] = ()
) -> list[tuple[int, str]]:
    """(id, name) of everything in use of one kind, by name: for filters and selections.

    Regions and units only of the scope, and those that are `chosen` already.
    """
    model = _KINDS[kind]
    in_use = select(model.id).where(model.retired_at.is_(None))
    if kind in _PLACED:
        in_use = in_use.where(or_(within(_PLACED[kind], scope), model.id.in_(sorted(chosen))))
    ids = db.session.scalars(in_use).all()
    return sorted(labels(kind, ids, language).items(), key=lambda item: fold(item[1]))
