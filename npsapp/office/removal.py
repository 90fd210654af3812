"""Removing the demo company: every row that hangs on it, in one transaction, and nothing that is not its own."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, Integer, Table, false, func, not_, or_, select

from npsapp.accounts.models import User, UserRegion
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.audit.services import Actor
from npsapp.customers.models import ContactPoint, Customer
from npsapp.db import change, db
from npsapp.delivery.channels.mail import OUTBOX
from npsapp.delivery.models import Message, Pause, Suppression
from npsapp.delivery.rules import PauseKind
from npsapp.delivery.services import letter_name
from npsapp.intake.models import ImportBatch, Interaction, Source, SourceKind
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization.models import Brand, Pool
from npsapp.permissions import Role
from npsapp.responses.models import Response

USERS = "user"
TABLES: dict[str, Table] = db.metadata.tables
FILES_REMEMBERED = timedelta(days=1)


class NoDemo(Refused):
    """There is no demo company, so there is nothing that may be removed."""

    wording = N_("The demo company is not here; nothing was removed.")


class SharedWithDemo(Refused):
    """A brand of one's own shares its customers and regions with the demo: they cannot be told apart."""

    wording = N_(
        "“%(name)s” shares customers and regions with the demo company, so the demo cannot be removed alone. "
        "Retire that brand first, and enter it again afterwards."
    )


class NobodyLeft(Refused):
    """With the demo's people the last administrator would go."""

    wording = N_("Nobody but the demo’s people can administer this installation. Add an administrator first.")


def counts() -> dict[str, int] | None:
    """How much would go: customers, answers, and purchases that were not invented; None without a demo."""
    demo = select(Brand.id).where(Brand.is_demo)
    if db.session.scalar(demo.limit(1)) is None:
        return None
    own = select(Source.id).where(Source.kind != SourceKind.DEMO, Source.is_test.is_(False), Source.brand_id.in_(demo))
    pools = select(Brand.pool_id).where(Brand.is_demo)
    asked = {
        "customers": select(func.count(Customer.id)).where(Customer.pool_id.in_(pools)),
        "answers": select(func.count(Response.id)).where(Response.brand_id.in_(demo)),
        "imported": select(func.count(Interaction.id)).where(Interaction.source_id.in_(own)),
    }
    return {name: db.session.scalar(count) or 0 for name, count in asked.items()}


def remove_demo(*, actor: Actor, now: datetime) -> None:
    """Delete the demo company with its people, letters and log. Needs a transaction: all of it goes, or nothing.

    1. Whatever has a pool or a brand, and whatever refers to it, is found from the tables themselves, so that a new
       table cannot be forgotten.
    2. What colleagues who stay did or own is kept; where it names one of the demo's people, an administrator stands.
    3. The log's lines about rows that go are deleted too: their numbers may be given to others.

    :raise NoDemo: when there is none; SharedWithDemo, NobodyLeft: when something else would suffer.
    """
    pools = _pools()
    successor = db.session.scalar(
        select(User.id).where(User.role == Role.ADMINISTRATOR, User.is_demo.is_(False), User.blocked_at.is_(None))
    )
    if successor is None:
        raise NobodyLeft
    going = _Going(pools)
    _cut_circles(going)
    _forget_loose(going)
    _hand_on(going, successor, now=now)
    for table in _children_first():
        _delete(table.name, going.of(table))
    db.session.expire_all()
    audit.record(Event.DEMO_REMOVED, actor=actor, now=now)


def _pools() -> list[int]:
    pools = list(db.session.scalars(select(Brand.pool_id).where(Brand.is_demo).distinct()))
    if not pools:
        raise NoDemo
    other = db.session.scalar(select(Brand).where(Brand.pool_id.in_(pools), ~Brand.is_demo, Brand.retired_at.is_(None)))
    if other is not None:
        raise SharedWithDemo(name=next(iter(other.name.values()), other.key))
    return pools


class _Going:
    """Which rows of which table go."""

    def __init__(self, pools: list[int]) -> None:
        brands = list(db.session.scalars(select(Brand.id).where(Brand.pool_id.in_(pools))))
        self._anchors = {"pool_id": pools, "brand_id": brands}
        self._known: dict[str, ColumnElement[bool]] = {"pool": Pool.id.in_(pools), USERS: User.is_demo.is_(True)}

    def of(self, table: Table) -> ColumnElement[bool]:
        """The condition that a row goes."""
        if table.name not in self._known:
            self._known[table.name] = self._condition(table)
        return self._known[table.name]

    def ids(self, table: str) -> Any:
        """What names the rows that go: their ids, or what stands in place of one."""
        found = TABLES[table]
        return select(*found.primary_key.columns).where(self.of(found))

    def _condition(self, table: Table) -> ColumnElement[bool]:
        """By its own pool or brand, else by what it must refer to; by a user only where there is nothing else."""
        anchor = next((table.c[name] for name in self._anchors if name in table.c), None)
        if anchor is not None:
            return anchor.in_(self._anchors[anchor.name])
        named = _named(table)
        must = [pair for pair in named if not pair[0].nullable] or named
        parents = [pair for pair in must if pair[1] != USERS] or must
        return or_(false(), *(column.in_(self.ids(parent)) for column, parent in parents))


def _named(table: Table) -> list[tuple[Column[Any], str]]:
    """Columns that name rows of another table, by a foreign key or by a plain number."""
    keys = [(key.parent, key.column.table.name) for key in table.foreign_keys]
    numbers = [column for column in table.c if not column.foreign_keys and isinstance(column.type, Integer)]
    plain = [(column, column.name.removesuffix("_id")) for column in numbers if column.name.endswith("_id")]
    return [(column, name) for column, name in [*keys, *plain] if name in TABLES and name != table.name]


def _children_first() -> list[Table]:
    """The order of deleting; tables outside the web of foreign keys name the others by plain numbers and go first."""
    ordered = list(reversed(db.metadata.sorted_tables))
    parents = {key.column.table for table in ordered for key in table.foreign_keys}
    return sorted(ordered, key=lambda table: bool(table.foreign_keys) or table in parents)


def _delete(table: str, *where: ColumnElement[bool]) -> None:
    change(TABLES[table].delete().where(*where))


def _forget_loose(going: _Going) -> None:
    """What names rows that go by number and kind, or by address: the log, pauses, the stop list."""
    for table in TABLES:
        if "id" in TABLES[table].c:
            _delete("audit_entry", AuditEntry.subject_type == table, AuditEntry.subject_id.in_(going.ids(table)))
    for kind in (USERS, "customer"):
        _delete("audit_entry", AuditEntry.actor_type == kind, AuditEntry.actor_id.in_(going.ids(kind)))
    for paused in PauseKind:
        if paused.value in TABLES:
            _delete("pause", Pause.kind == paused, Pause.ref_id.in_(going.ids(paused.value)))
    addresses = select(ContactPoint.value).where(going.of(TABLES["contact_point"]))
    _delete("suppression", Suppression.brand_id.is_(None), Suppression.address.in_(addresses))


def _cut_circles(going: _Going) -> None:
    for table in TABLES.values():
        for key in table.foreign_keys:
            if key.use_alter:
                change(table.update().where(going.of(table)).values({key.parent.name: None}))


def _hand_on(going: _Going, successor: int, *, now: datetime) -> None:
    """What stays and names one of the demo's people names nobody, or an administrator.

    Whoever stays and was bound to regions that went may not see everything instead, and is blocked.
    """
    bound = select(UserRegion.user_id).where(going.of(TABLES["user_region"]))
    stays = User.is_demo.is_(False), User.role != Role.ADMINISTRATOR, User.id.in_(bound)
    change(TABLES[USERS].update().where(*stays).values(blocked_at=now))
    for table in TABLES.values():
        for key in table.foreign_keys:
            if key.column.table.name == USERS and not key.ondelete:
                stands = None if key.parent.nullable else successor
                named = key.parent.in_(going.ids(USERS)), not_(going.of(table))
                change(table.update().where(*named).values({key.parent.name: stands}))


def forget_files(folder: Path, *, now: datetime) -> None:
    """Delete the files of a demo company that was removed in the last day. Safe to repeat: part of the heartbeat.

    Files that lay in the instance folder (`folder`) before it was removed, and that no row knows any more.
    """
    removed = select(func.max(AuditEntry.at)).where(AuditEntry.event == Event.DEMO_REMOVED.value)
    at = db.session.scalar(removed)
    if at is None or now - at > FILES_REMEMBERED:
        return
    uploads = set(db.session.scalars(select(ImportBatch.stored_as)))
    letters = {letter_name(*row) for row in db.session.execute(select(Message.created_at, Message.id))}
    for path in [*(folder / "uploads").glob("*"), *(folder / OUTBOX).glob("*.eml")]:
        nobodys = path.is_file() and path.name not in uploads and path.stem not in letters
        if nobodys and path.stat().st_mtime < at.timestamp():
            path.unlink(missing_ok=True)
