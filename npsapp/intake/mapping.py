"""Saying what a source's words stand for: what comes from now on follows, and what came before is repaired."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, true, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import alone, change, db, one_of
from npsapp.intake import documents
from npsapp.intake.models import PLANNING, Interaction, InteractionPerformer, Source, SourceValue, ValueKind
from npsapp.organization.models import Unit

_COLUMNS: dict[ValueKind, Any] = {
    ValueKind.REGION: Interaction.region_id,
    ValueKind.UNIT: Interaction.unit_id,
    ValueKind.SEGMENT: Interaction.segment_id,
    ValueKind.TOUCHPOINT: Interaction.touchpoint_id,
}


def say(value_id: int, *, target_id: int | None = None, meaning: str = "", actor: Actor, now: datetime) -> list[int]:
    """Say what a word stands for; gives the interactions that were repaired, about which is decided again.

    Those that came with the word follow, unless somebody or something else gave them another value. Extra fields
    count from the next record on: what nobody asked for was not kept.
    """
    alone(PLANNING)
    value = db.session.get_one(SourceValue, value_id)
    before, value.target_id, value.meaning = value.target_id, target_id, meaning
    db.session.get_one(Source, value.source_id).meanings += 1
    db.session.flush()
    repaired = _repair(value, before, now)
    data = {"fields": [value.kind.value], "value": value.shown, "repaired": len(repaired)}
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("source", value.source_id), data=data)
    return repaired


def _repair(value: SourceValue, before: int | None, now: datetime) -> list[int]:
    came_with = Interaction.source_id == value.source_id, Interaction.words.like(f"%,{value.id},%")
    repair: Callable[..., list[int]] = {ValueKind.STATUS: _statuses, ValueKind.PERFORMER: _performers}.get(
        value.kind, _columns
    )
    if value.kind is ValueKind.PROPERTY or (value.target_id is None and not value.meaning):
        return []
    ids = repair(value, before, came_with, now)
    again = update(Interaction).where(one_of(Interaction.id, ids)).values(undecided=True)
    change(again.execution_options(synchronize_session=False))
    return ids


def _columns(value: SourceValue, before: int | None, came_with: Any, now: datetime) -> list[int]:
    column = _COLUMNS[value.kind]
    ids = list(db.session.scalars(select(Interaction.id).where(*came_with, _follows(column, before))))
    _set(ids, {column.key: value.target_id})
    if value.kind is ValueKind.UNIT and (region := db.session.get_one(Unit, value.target_id).region_id):
        _set(ids, {"region_id": region}, Interaction.region_id.is_(None))
    return ids


def _follows(column: Any, before: int | None) -> ColumnElement[bool]:
    """Nothing was known, or what the word stood for until now."""
    if column is Interaction.touchpoint_id and before is None:  # there is always one: the connection's
        return true()
    return or_(column.is_(None), column == before)


def _set(ids: list[int], values: dict[str, Any], *where: Any) -> None:
    setting = update(Interaction).where(one_of(Interaction.id, ids), *where).values(values)
    change(setting.execution_options(synchronize_session=False))


def _performers(value: SourceValue, before: int | None, came_with: Any, now: datetime) -> list[int]:
    served = InteractionPerformer
    mine = select(served.interaction_id, served.role).join(Interaction, Interaction.id == served.interaction_id)
    rows = db.session.execute(mine.where(*came_with, served.performer_id == before)).all()
    ids = sorted({row.interaction_id for row in rows})
    for wrong in (before, value.target_id):  # who is named twice stays once
        db.session.execute(delete(served).where(one_of(served.interaction_id, ids), served.performer_id == wrong))
    for row in rows:
        db.session.add(served(interaction_id=row.interaction_id, performer_id=value.target_id or 0, role=row.role))
    db.session.flush()
    return ids


def _statuses(value: SourceValue, before: int | None, came_with: Any, now: datetime) -> list[int]:
    """Documents that came with this status are what it means; their purchases are judged anew."""
    ids = []
    for one in db.session.scalars(select(Interaction).where(*came_with).order_by(Interaction.id)):
        whole = {
            id_: {**kept, "state": value.meaning} if kept.get("word") == value.id else kept
            for id_, kept in one.documents.items()
        }
        if whole == one.documents:
            continue
        one.documents, one.state = whole, documents.state_of(whole, Decimal(one.amount) if one.amount else None)
        taken_back = one.state in documents.TAKEN_BACK
        if taken_back != (one.cancelled_at is not None):
            one.cancelled_at = now if taken_back else None
        one.happened_at = documents.moment_of(whole)
        ids.append(one.id)
    db.session.flush()
    return ids
