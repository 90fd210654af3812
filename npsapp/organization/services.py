"""Entering and changing the company: brands, regions, units, performers, segments, holidays."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import delete, func, select

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import Base, added, change, db, insert_unless_there, pairs, put
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization import queries, rules
from npsapp.organization.models import Brand, Holiday, Performer, Pool, Property, PropertyValue, Region, Segment, Unit

MOST_PROPERTIES = 8  # of one company, decisions.md 2
MOST_VALUES = 100  # of one property
Texts = dict[str, str]
Row = TypeVar("Row", bound=Base)


class WouldBeItsOwnParent(Refused):
    """A region cannot lie inside itself."""

    wording = N_("A region cannot lie inside itself.")


class KnownName(Refused):
    """Two things of one kind and place cannot have the same name: files could mean either."""

    wording = N_("“%(name)s” is there already. Choose another name, or take the retired one into use again.")


class TooManyProperties(Refused):
    """What tells interactions apart is chosen with care: each one is a filter on every page."""

    wording = N_("There are %(most)d properties already. Retire one first.")


def create_pool(*, name: str) -> Pool:
    """A new data controller."""
    return added(Pool(name=name))


def create(model: type[Row], *, name: Any, now: datetime, key: str = "", **columns: Any) -> Row:
    """A new brand, region, unit, performer, segment or touchpoint with these columns.

    Without a key of its own it gets its folded name where files are matched by it, else a free one made of the name.
    """
    return added(model(name=name, key=_key(model, name, key), created_at=now, **columns))


def _key(model: type[Base], name: Any, wanted: str = "") -> str:
    first = next(iter(queries.names(name)), "")
    if wanted and model not in _UNIQUE:
        return wanted
    return rules.fold(first) if model in _FOLDED else _free_key(model, wanted or rules.make_key(first))


_FOLDED = (Unit, Performer, Segment)
_UNIQUE = (Brand, Region)
"""Their keys stand alone, in addresses and files; all others differ inside their company or brand."""


def _free_key(model: Any, wanted: str) -> str:
    """The wanted key; numbered when it is taken ("odesa-2")."""
    taken = set(db.session.scalars(select(model.key).where(model.key.startswith(wanted, autoescape=True))))
    numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return wanted if wanted not in taken else next(key for key in numbered if key not in taken)


# ---- what files bring ----


def add_units(brand_id: int, names: Mapping[str, tuple[str, int | None]], *, now: datetime) -> dict[str, int]:
    """Find or create units by folded name: folded name → (name as written, region). Gives folded name → id.

    New ones are unconfirmed: somebody looks at them later. Safe against another worker doing the same.
    """
    language = _language(Brand.id == brand_id)
    known = {text: found[0] for text, found in queries.unit_lookup(brand_id).items()}
    rows = {key: {"name": {language: name}, "region_id": region_id} for key, (name, region_id) in names.items()}
    return _find_or_create(Unit, rows, known, {"brand_id": brand_id}, confirmed=False, created_at=now)


def add_performers(brand_id: int, names: Mapping[str, str], *, now: datetime) -> dict[str, int]:
    """Find or create performers: folded name → name as written. Gives folded name → id; new ones unconfirmed."""
    known, rows = queries.performer_lookup(brand_id), {key: {"name": name} for key, name in names.items()}
    return _find_or_create(Performer, rows, known, {"brand_id": brand_id}, confirmed=False, created_at=now)


def add_segments(pool_id: int, names: Mapping[str, str], *, now: datetime) -> dict[str, int]:
    """Find or create segments: folded name → name as written. Gives folded name → id."""
    language = _language(Brand.pool_id == pool_id)
    known, rows = queries.segment_lookup(pool_id), {key: {"name": {language: name}} for key, name in names.items()}
    return _find_or_create(Segment, rows, known, {"pool_id": pool_id}, created_at=now)


def add_property_values(
    pool_id: int, texts: Mapping[tuple[str, str], str], *, now: datetime
) -> dict[tuple[str, str], str]:
    """Remember values of properties: (key, folded value) → as written; gives them as they were first written.

    Beyond `MOST_VALUES` of one property nothing is remembered: such a column tells no groups apart.
    """
    ids = {row.key: row.id for row in db.session.scalars(select(Property).where(Property.pool_id == pool_id))}
    counted = select(PropertyValue.property_id, func.count()).group_by(PropertyValue.property_id)
    room = {id_: MOST_VALUES - count for id_, count in db.session.execute(counted)}
    rows = []
    for (key, folded), name in texts.items():
        id_ = ids[key]
        room[id_] = room.get(id_, MOST_VALUES) - 1
        if room[id_] >= 0:
            rows.append({"property_id": id_, "key": folded, "name": name, "created_at": now})
    if rows:
        db.session.execute(insert_unless_there(PropertyValue).on_conflict_do_nothing(), rows)
    return {**texts, **{pair: name for pair, name in queries.property_texts(pool_id).items() if pair in texts}}


def _language(which: Any) -> str:
    return db.session.scalars(select(Brand.language).where(which).order_by(Brand.id)).first() or "en"


def _find_or_create(
    model: Any, rows: Mapping[str, dict[str, Any]], known: dict[str, int], owner: dict[str, int], **same: Any
) -> dict[str, int]:
    """Ids by key. A retired one is found as well: its key is taken, so the rows belong to it."""
    missing = [owner | same | {"key": key} | row for key, row in rows.items() if key and key not in known]
    if missing:
        db.session.execute(insert_unless_there(model).on_conflict_do_nothing(), missing)
    return known | pairs(select(model.key, model.id).filter_by(**owner).where(model.key.in_(sorted(rows))))


# ---- changes on the settings pages: every kind of thing that has a name, is found in files and can be retired ----


def enter(model: type[Any], fields: Mapping[str, Any], *, actor: audit.Actor, now: datetime) -> Any:
    """A new brand, region, unit, performer, segment or touchpoint with these columns. Gives the row.

    Its key is its folded name where files are matched by it, else a free one made of the name.

    :raise KnownName: when there is one of this name beside it, or a retired one has its key.
    """
    row = model(created_at=now, **fields)
    row.key = _key(model, row.name)
    _refuse_known_name(row)
    _refuse_too_many(row)
    added(row)
    note(row.__tablename__, row.id, ["created"], actor=actor, now=now)
    return row


def change_fields(row: Any, fields: Mapping[str, Any], *, actor: audit.Actor, now: datetime) -> list[str]:
    """Set columns of a brand, region, unit …; gives the names of those that changed.

    :raise WouldBeItsOwnParent: when a region's new parent lies inside the region.
    :raise KnownName: when there is another one of this name beside it.
    """
    parent = fields.get("parent_id")
    if parent is not None and parent in queries.subtree_ids([row.id]):
        raise WouldBeItsOwnParent()
    changed = put(row, fields)
    if {"name", "parent_id", "retired_at"} & set(changed):
        _refuse_known_name(row)
        _refuse_too_many(row)
    db.session.flush()
    if changed:
        note(row.__tablename__, row.id, changed, actor=actor, now=now)
    return changed


def _refuse_known_name(row: Any) -> None:
    """Beside it: of the same pool, brand and parent, and in use. A folded key is taken by retired ones as well."""
    model, fresh = type(row), row.id is None
    with db.session.no_autoflush:
        beside = [getattr(model, name) == getattr(row, name) for name in _BESIDE if hasattr(model, name)]
        others = db.session.scalars(select(model).where(*beside, model.id != row.id)).all()
    own = {rules.fold(name) for name in queries.names(row.name)}
    for other in others:
        same = own & {rules.fold(name) for name in queries.names(other.name)} and other.retired_at is None
        if same or (fresh and model in _FOLDED and other.key == row.key):
            raise KnownName(name=next(iter(queries.names(other.name))))


def _refuse_too_many(row: Any) -> None:
    if isinstance(row, Property) and row.retired_at is None:
        with db.session.no_autoflush:
            others = [one for one in queries.properties() if one.pool_id == row.pool_id and one.id != row.id]
        if len(others) >= MOST_PROPERTIES:
            raise TooManyProperties(most=MOST_PROPERTIES)


_BESIDE = ("pool_id", "brand_id", "parent_id")


def note(kind: str, id_: int, fields: list[str], *, actor: audit.Actor, now: datetime) -> None:
    """Write into the audit log that somebody changed columns; "created" and "removed" stand for all of them."""
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=(kind, id_), data={"fields": fields})


def add_holiday(*, day: date, region_id: int | None, name: Texts, actor: audit.Actor, now: datetime) -> Holiday:
    """Enter a day on which nobody works, in one region or everywhere."""
    holiday = added(Holiday(day=day, region_id=region_id, name=name))
    note("holiday", holiday.id, ["created"], actor=actor, now=now)
    return holiday


def remove_holiday(holiday_id: int, *, actor: audit.Actor, now: datetime) -> None:
    """Take a holiday out again; nothing happens when it was gone already."""
    if change(delete(Holiday).where(Holiday.id == holiday_id)):
        note("holiday", holiday_id, ["removed"], actor=actor, now=now)
