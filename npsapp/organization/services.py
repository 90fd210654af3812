"""Entering and changing the company: brands, regions, units, performers, segments, holidays."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import Base, db, is_sqlite
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization import queries, rules
from npsapp.organization.models import Brand, Holiday, Performer, Pool, Region, Segment, Unit

Texts = dict[str, str]


class KeyTaken(Refused):
    """Two things of one kind cannot have the same key."""

    code = "key_taken"
    wording = N_("The key “%(key)s” is taken. Choose another one.")


class WouldBeItsOwnParent(Refused):
    """A region cannot lie inside itself."""

    code = "own_parent"
    wording = N_("A region cannot lie inside itself.")


def create_pool(*, name: str) -> Pool:
    """A new data controller."""
    pool = Pool(name=name)
    db.session.add(pool)
    db.session.flush()
    return pool


def create_brand(
    *, pool_id: int, name: Texts, now: datetime, key: str = "", phrase: Texts | None = None, **fields: Any
) -> Brand:
    """A new brand; `fields` are further columns of `Brand`. The key is proposed from the name when empty."""
    key = _free_key(Brand, key or rules.make_key(next(iter(name.values()), "")), asked_for=bool(key))
    fields = {"postal_address": {}} | fields
    brand = Brand(pool_id=pool_id, key=key, name=name, phrase=phrase or {}, created_at=now, **fields)
    db.session.add(brand)
    db.session.flush()
    return brand


def create_region(*, pool_id: int, name: Texts, now: datetime, key: str = "", **fields: Any) -> Region:
    """A new region; `fields` are further columns of `Region`."""
    key = _free_key(Region, key or rules.make_key(next(iter(name.values()), "")), asked_for=bool(key))
    fields = {"aliases": []} | fields
    region = Region(pool_id=pool_id, key=key, name=name, created_at=now, **fields)
    db.session.add(region)
    db.session.flush()
    return region


def create_unit(
    *, brand_id: int, name: Texts, region_id: int | None, now: datetime, aliases: Iterable[str] = ()
) -> Unit:
    """A new confirmed unit; its key is its folded first name."""
    unit = Unit(
        brand_id=brand_id,
        key=rules.fold(next(iter(name.values()))),
        name=name,
        aliases=[rules.fold(alias) for alias in aliases],
        region_id=region_id,
        confirmed=True,
        created_at=now,
    )
    db.session.add(unit)
    db.session.flush()
    return unit


def create_performer(
    *, brand_id: int, name: str, now: datetime, role: str = "", unit_id: int | None = None
) -> Performer:
    """A new confirmed performer."""
    performer = Performer(
        brand_id=brand_id,
        key=rules.fold(name),
        name=name,
        role=role,
        unit_id=unit_id,
        confirmed=True,
        created_at=now,
    )
    db.session.add(performer)
    db.session.flush()
    return performer


def create_segment(
    *, pool_id: int, key: str, name: Texts, now: datetime, aliases: Iterable[str] = ()
) -> Segment:
    """A new kind of customers."""
    segment = Segment(
        pool_id=pool_id, key=key, name=name, aliases=[rules.fold(alias) for alias in aliases], created_at=now
    )
    db.session.add(segment)
    db.session.flush()
    return segment


def _free_key(model: type[Brand] | type[Region], wanted: str, *, asked_for: bool) -> str:
    """The wanted key, or the next free one ("odesa-2"); one that somebody typed is refused when it is taken."""
    taken = set(db.session.scalars(select(model.key).where(model.key.startswith(wanted, autoescape=True))))
    if wanted not in taken:
        return wanted
    if asked_for:
        raise KeyTaken(key=wanted)
    return next(key for number in range(2, len(taken) + 3) if (key := f"{wanted}-{number}") not in taken)


# ---- what files bring ----


def add_units(brand_id: int, names: Mapping[str, tuple[str, int | None]], *, now: datetime) -> dict[str, int]:
    """Find or create units by folded name: folded name → (name as written, region). Gives folded name → id.

    New ones are unconfirmed: somebody looks at them later. Safe against another worker doing the same.
    """
    language = _language_of(brand_id)
    rows: list[dict[str, Any]] = [
        {
            "brand_id": brand_id, "key": key, "name": {language: name}, "aliases": [], "region_id": region_id,
            "confirmed": False, "created_at": now,
        }
        for key, (name, region_id) in names.items()
        if key
    ]  # fmt: skip
    known = {text: found[0] for text, found in queries.unit_lookup(brand_id).items()}
    _insert_missing(Unit, [row for row in rows if row["key"] not in known])
    return known | _ids(Unit, Unit.brand_id == brand_id, names) if rows else {}


def add_performers(brand_id: int, names: Mapping[str, str], *, now: datetime) -> dict[str, int]:
    """Find or create performers: folded name → name as written. Gives folded name → id; new ones unconfirmed."""
    rows = [
        {"brand_id": brand_id, "key": key, "name": name, "role": "", "confirmed": False, "created_at": now}
        for key, name in names.items()
        if key
    ]
    known = queries.performer_lookup(brand_id)
    _insert_missing(Performer, [row for row in rows if row["key"] not in known])
    return known | _ids(Performer, Performer.brand_id == brand_id, names) if rows else {}


def add_segments(pool_id: int, names: Mapping[str, str], *, now: datetime) -> dict[str, int]:
    """Find or create segments: folded name → name as written. Gives folded name → id."""
    first = db.session.scalars(
        select(Brand.language).where(Brand.pool_id == pool_id).order_by(Brand.id)
    ).first()
    rows = [
        {"pool_id": pool_id, "key": key, "name": {first or "en": name}, "aliases": [], "created_at": now}
        for key, name in names.items()
        if key
    ]
    known = queries.segment_lookup(pool_id)
    _insert_missing(Segment, [row for row in rows if row["key"] not in known])
    return known | _ids(Segment, Segment.pool_id == pool_id, names) if rows else {}


def _language_of(brand_id: int) -> str:
    return db.session.scalars(select(Brand.language).where(Brand.id == brand_id)).one()


def _insert_missing(model: type[Base], rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    insert = sqlite.insert if is_sqlite() else postgresql.insert
    db.session.execute(insert(model.__table__).on_conflict_do_nothing(), rows)  # type: ignore[arg-type]


def _ids(model: Any, where: Any, names: Iterable[str]) -> dict[str, int]:
    """Ids by key. A retired one is found as well: its key is taken, so the rows belong to it."""
    wanted = sorted(set(names))
    rows = db.session.execute(select(model.key, model.id).where(where, model.key.in_(wanted)))
    return {row.key: row.id for row in rows}


# ---- changes on the settings page ----


def change_brand(brand: Brand, fields: Mapping[str, Any], *, actor: Actor, now: datetime) -> list[str]:
    """Set columns of a brand; gives the names of those that changed."""
    return _change(brand, "brand", fields, actor=actor, now=now)


def change_region(region: Region, fields: Mapping[str, Any], *, actor: Actor, now: datetime) -> list[str]:
    """Set columns of a region; gives the names of those that changed.

    :raise WouldBeItsOwnParent: when the new parent lies inside the region.
    """
    parent = fields.get("parent_id")
    if parent is not None and parent in queries.subtree_ids([region.id]):
        raise WouldBeItsOwnParent()
    return _change(region, "region", fields, actor=actor, now=now)


def change_unit(unit: Unit, fields: Mapping[str, Any], *, actor: Actor, now: datetime) -> list[str]:
    """Set columns of a unit; gives the names of those that changed."""
    return _change(unit, "unit", fields, actor=actor, now=now)


def _change(row: Any, kind: str, fields: Mapping[str, Any], *, actor: Actor, now: datetime) -> list[str]:
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    if changed:
        db.session.flush()
        audit.record(
            Event.SETTING_CHANGED,
            actor=actor,
            now=now,
            subject=(kind, row.id),
            data={"fields": sorted(changed)},
        )
    return changed


def note_created(row: Brand | Region | Unit, *, actor: Actor, now: datetime) -> None:
    """Write into the audit log that somebody entered a brand, region or unit by hand."""
    audit.record(
        Event.SETTING_CHANGED,
        actor=actor,
        now=now,
        subject=(row.__tablename__, row.id),
        data={"fields": ["created"]},
    )


def add_holiday(*, day: date, region_id: int | None, name: Texts, actor: Actor, now: datetime) -> Holiday:
    """Enter a day on which nobody works, in one region or everywhere."""
    holiday = Holiday(day=day, region_id=region_id, name=name)
    db.session.add(holiday)
    db.session.flush()
    audit.record(
        Event.SETTING_CHANGED,
        actor=actor,
        now=now,
        subject=("holiday", holiday.id),
        data={"fields": ["created"]},
    )
    return holiday


def remove_holiday(holiday_id: int, *, actor: Actor, now: datetime) -> bool:
    """Take a holiday out again; False when it was gone already."""
    removed = db.session.scalars(delete(Holiday).where(Holiday.id == holiday_id).returning(Holiday.id)).all()
    if removed:
        audit.record(
            Event.SETTING_CHANGED,
            actor=actor,
            now=now,
            subject=("holiday", holiday_id),
            data={"fields": ["removed"]},
        )
    return bool(removed)
