"""The stop list: addresses we do not write to, looked up, entered and released by people."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import change, db, insert_many, is_sqlite, one_of
from npsapp.delivery.models import Suppression
from npsapp.delivery.queries import in_force
from npsapp.delivery.rules import Channel, SuppressionReason
from npsapp.lib import addresses, phones, tables, workbooks
from npsapp.lib.refusals import Refused
from npsapp.lib.tables import Row
from npsapp.lib.texts import N_

WAITING = "stops"
"""Folder of the installation in which uploaded addresses wait for their confirmation."""
CHUNK = 1000
MOST_ENTRIES = 50_000
MOST_FAULTS = 50
SURE = (SuppressionReason.COMPLAINT, SuppressionReason.UNSUBSCRIBED)
"""What the customer wanted: released only by somebody who says that the customer wants letters again."""
REASONS = {
    SuppressionReason.UNSUBSCRIBED: N_("unsubscribed"),
    SuppressionReason.BOUNCED: N_("letters come back"),
    SuppressionReason.COMPLAINT: N_("marked our letters as spam"),
    SuppressionReason.NOT_MINE: N_("says: not my purchase"),
    SuppressionReason.BY_HAND: N_("put there by hand"),
}
CHANNELS = {Channel.EMAIL: N_("e-mail"), Channel.SMS: N_("SMS"), Channel.PHONE: N_("phone")}

Entry = tuple[Channel, str]


class NotSure(Refused):
    """The customer's own wish was to be overruled without a word about it."""

    wording = N_("This was the customer’s own wish. Confirm that the customer wants to hear from us again.")


class NoReason(Refused):
    """Nobody could later say why an address was released."""

    wording = N_("Say why the address is released.")


class TooMany(Refused):
    """More than one act takes in."""

    wording = N_("More than %(most)s addresses. Split the file into parts.")


# ---- looking up ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What the list shows."""

    q: str = ""
    """The beginning of an address."""
    reason: SuppressionReason | None = None
    channel: Channel | None = None
    brand_id: int | None = None
    """Those for one brand only; the others hold for all."""
    released: bool = False


def newest(wanted: Wanted, *, now: datetime, limit: int, before_id: int | None = None) -> Sequence[Suppression]:
    """Entries, newest first; each page costs the same, however long the list is."""
    rows = select(Suppression).where(*_conditions(wanted, now)).order_by(Suppression.id.desc()).limit(limit)
    return db.session.scalars(rows.where(Suppression.id < before_id) if before_id else rows).all()


def every(wanted: Wanted, *, now: datetime) -> Iterator[Suppression]:
    """All such entries, read in parts."""
    before: int | None = None
    while rows := newest(wanted, now=now, limit=CHUNK, before_id=before):
        yield from rows
        before = rows[-1].id
        db.session.expunge_all()


def _conditions(wanted: Wanted, now: datetime) -> Iterator[ColumnElement[bool]]:
    yield Suppression.lifted_at.is_not(None) if wanted.released else in_force(now)
    if wanted.q:
        yield _begins(wanted.q)
    for column, value in (("reason", wanted.reason), ("channel", wanted.channel), ("brand_id", wanted.brand_id)):
        if value is not None:
            yield getattr(Suppression, column) == value


def _begins(q: str) -> ColumnElement[bool]:
    """Addresses that begin with these characters; a whole phone number however it is written. Uses the index."""
    begin = phones.normalise(q) or q.lower() if "@" not in q else q.lower()
    if is_sqlite():  # its LIKE could not use the index
        return and_(Suppression.address >= begin, Suppression.address < begin + "\U0010ffff")
    return Suppression.address.startswith(begin, autoescape=True)


# ---- taking in -------------------------------------------------------------------------------------------------


@dataclass
class Read:
    """What a file or a text holds."""

    entries: list[Entry] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    """Line and what stands there, of the first lines without an address."""
    left_out: int = 0
    """Lines without an address."""


def read_file(path: Path) -> Read:
    """The addresses in a table: e-mail in any column, phone numbers that stand alone. :raise FileRefused: TooMany"""
    if tables.is_workbook(path):
        return read_rows(itertools.chain.from_iterable(rows for _name, rows in workbooks.sheets(path)))
    return read_rows(tables.text_rows(path, encoding=tables.encoding_of(path), delimiter="\t"))


def read_rows(rows: Iterable[Row]) -> Read:
    """The addresses in rows of cells, each once; a heading is no fault."""
    found, seen = Read(), set()
    for at, (line, cells) in enumerate(rows):
        words = [str(cell).strip() for cell in cells if cell is not None and str(cell).strip()]
        entries = _entries(words)
        heading = at == 0 and not any("@" in word for word in words)
        if words and not entries and not heading:
            found.left_out += 1
            found.faults += [(line, " ".join(words)[:80])] if len(found.faults) < MOST_FAULTS else []
        found.entries += [one for one in entries if one not in seen]
        seen |= set(entries)
        if len(found.entries) > MOST_ENTRIES:
            raise TooMany(most=MOST_ENTRIES)
    return found


def _entries(words: Sequence[str]) -> list[Entry]:
    mails = [address for word in words for address in addresses.addresses_in(word)]
    phone = phones.normalise(words[0]) if len(words) == 1 and not mails and "@" not in words[0] else None
    return [(Channel.EMAIL, one) for one in mails] + [(one, phone) for one in (Channel.SMS, Channel.PHONE) if phone]


def unknown(entries: Sequence[Entry], *, brand_id: int | None, now: datetime) -> list[Entry]:
    """Those of the addresses that may still be written to for a brand (None: for any)."""
    known: set[Entry] = set()
    for at in range(0, len(entries), CHUNK):
        same = one_of(Suppression.address, {address for _channel, address in entries[at : at + CHUNK]})
        brand = or_(Suppression.brand_id.is_(None), Suppression.brand_id == brand_id)
        rows = select(Suppression.channel, Suppression.address).where(same, brand, in_force(now))
        known |= {(row.channel, row.address) for row in db.session.execute(rows)}
    return [one for one in entries if one not in known]


def add(
    entries: Sequence[Entry],
    *,
    reason: SuppressionReason,
    brand_id: int | None,
    until: datetime | None,
    note: str,
    actor: Actor,
    now: datetime,
) -> int:
    """Put addresses on the list; gives how many were not there yet. Needs a transaction."""
    new = unknown(entries, brand_id=brand_id, now=now)
    same = {"reason": reason, "brand_id": brand_id, "since": now, "until": until, "lifted_at": None, "note": note}
    for at in range(0, len(new), CHUNK):
        rows = [{"channel": channel, "address": address} for channel, address in new[at : at + CHUNK]]
        insert_many(Suppression, rows, **same)
    if len(new) == 1:
        found = select(func.max(Suppression.id)).where(Suppression.address == new[0][1])
        subject = ("suppression", db.session.scalar(found))
        audit.record(Event.SUPPRESSION_ADDED, actor=actor, now=now, subject=subject, data={"reason": reason.value})
    elif new:
        data = {"reason": reason.value, "count": len(new)}
        audit.record(Event.SUPPRESSIONS_IMPORTED, actor=actor, now=now, data=data)
    return len(new)


# ---- releasing -------------------------------------------------------------------------------------------------


def release(suppression_id: int, *, note: str, sure: bool, actor: Actor, now: datetime) -> bool:
    """Write to an address again; False when it was released already. Needs a transaction.

    What the person chose on the page behind "unsubscribe" stays with the person. :raise NoReason: :raise NotSure:
    """
    found = db.session.get(Suppression, suppression_id, populate_existing=True)
    if found is None or found.lifted_at:
        return False
    if not note:
        raise NoReason
    if found.reason in SURE and not sure:
        raise NotSure
    standing = Suppression.id == suppression_id, Suppression.lifted_at.is_(None)
    if not change(update(Suppression).where(*standing).values(lifted_at=now, lifted_note=note)):
        return False
    data = {"reason": found.reason.value}
    audit.record(Event.SUPPRESSION_LIFTED, actor=actor, now=now, subject=("suppression", suppression_id), data=data)
    return True
