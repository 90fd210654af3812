"""The demo company with everything it lacks, and 10,000 rows on the lists that it leaves short."""

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert, inspect, select

from npsapp.accounts.models import User
from npsapp.audit.models import AuditEntry
from npsapp.db import db, transaction
from npsapp.delivery.incoming_models import Incoming
from npsapp.delivery.models import Message, Sender, SenderRate, Suppression
from npsapp.demo.commands import load_into_empty
from npsapp.intake.models import Exchange, ImportBatch, ReceivedBody, RejectedRow, SourceValue
from npsapp.intake.selections import Selection
from npsapp.organization.models import Brand, Holiday, Performer, Pool, Region, Segment, Unit
from npsapp.permissions import Role
from npsapp.surveys.models import Survey, Touchpoint
from tests.pages import names, stage

MANY, SOME = 10_000, 300
"""Rows of lists that grow by themselves, and of those that people fill by hand."""


def crowded(now: datetime) -> None:
    """Fill an empty database."""
    load_into_empty()
    with transaction():
        stage.everything(company(), now, count=2, speech=names.longest())
        multiply(Suppression, address=lambda number: f"{number}@example.com")
        multiply(Incoming, digest=lambda number: f"many-{number}")
        multiply(Message, message_id=lambda number: f"<many-{number}@example.com>")
        multiply(Exchange)
        multiply(ReceivedBody)
        multiply(RejectedRow)
        multiply(AuditEntry)
        multiply(Performer, key=lambda number: f"many-{number}")
        multiply(SourceValue, raw=lambda number: f"{number}")
        multiply(SenderRate, SOME, domain=lambda number: f"{number}.example")
        multiply(ImportBatch, SOME, sha256=lambda number: f"{number:064}")
        multiply(Selection, SOME // 10, name=lambda number: f"Selection {number}")
        multiply(Holiday, SOME // 10, day=lambda number: now.date().replace(month=12, day=number + 1))


def company() -> SimpleNamespace:
    """The demo company by the names of `tests.cast`."""
    regions, units = first(Region), first(Unit)
    administrator = db.session.scalars(select(User).where(User.role == Role.ADMINISTRATOR)).first()
    one: dict[str, Any] = {model.__name__.lower(): first(model) for model in (Pool, Brand, Segment, Touchpoint, Sender)}
    survey = db.session.scalars(select(Survey).where(Survey.version_id.is_not(None)).order_by(Survey.id)).first()
    return SimpleNamespace(
        **one,
        survey=survey,
        version=survey.version if survey else None,
        admin=administrator,
        regions=SimpleNamespace(kyiv=regions, odesa=regions),
        units=SimpleNamespace(kyiv=units, odesa=db.session.scalars(select(Unit).order_by(Unit.id.desc())).first()),
    )


def first(model: Any) -> Any:
    return db.session.scalars(select(model).order_by(model.id)).first()


def multiply(model: Any, count: int = MANY, **fresh: Callable[[int], Any]) -> None:
    """So many more rows like the newest one; `fresh`: what each has of its own, by its number."""
    db.session.flush()
    newest = db.session.scalars(select(model).order_by(model.id.desc())).first()
    columns = [one.key for one in inspect(model).column_attrs if one.key != "id"]
    same = {name: getattr(newest, name) for name in columns}
    rows = [same | {name: made(number) for name, made in fresh.items()} for number in range(count)]
    db.session.execute(insert(model), rows)
