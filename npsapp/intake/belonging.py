"""Which purchase a document belongs to: by ids and numbers that name each other, whichever comes first."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, literal, select

from npsapp.db import db, insert_many, one_of
from npsapp.intake import documents
from npsapp.intake.models import DocumentName, Interaction
from npsapp.intake.rules import DocumentKind, InteractionRow

A_YEAR = timedelta(days=366)  # numbers of documents start again every year


def earlier(source_id: int, rows: Sequence[InteractionRow], here: Collection[str] | None) -> dict[str, Any]:
    """Interactions that are there already, by the id of the row that is about them: rows of the table.

    `here`: all ids of these rows that are there, and perhaps more; None: not known.

    A document belongs to the interaction of its order, or of a document of that order that came before it; a return
    may name any of these.
    """
    own = {row.external_id for row in rows if here is None or row.external_id in here}
    found = {one.external_id: one for one in _here(source_id, Interaction.external_id, own)}
    missing = [row for row in rows if (row.kind or row.basis) and row.external_id not in found]
    if missing:
        bases = {row.basis for row in missing if row.basis}
        names = bases | {name for row in missing if not row.basis for name in (row.external_id, row.number) if name}
        related = (
            *_here(source_id, Interaction.external_id, bases),
            *_here(source_id, Interaction.number, bases),
            *_here(source_id, Interaction.basis, names),
            *_here(source_id, DocumentName.name, bases | {row.external_id for row in missing}),
        )
        found |= {row.external_id: one for row in missing if (one := _relative(row, related))}
    return found


def _here(source_id: int, column: Any, values: Collection[str]) -> Sequence[Any]:
    if not values:
        return ()
    if column is DocumentName.name:
        named = select(*Interaction.__table__.c, column.label("called")).join(
            DocumentName, DocumentName.interaction_id == Interaction.id
        )
        return db.session.execute(named.where(DocumentName.source_id == source_id, one_of(column, values))).all()
    mine = select(*Interaction.__table__.c, literal("").label("called"))
    mine = mine.where(Interaction.source_id == source_id, one_of(column, values))
    if column is Interaction.basis:
        mine = mine.where(Interaction.basis != "")  # as the index says
    return db.session.execute(mine).all()


def _relative(row: InteractionRow, related: Iterable[Any]) -> Any:
    """The interaction a document belongs to: that of its order by id, else the nearest in time by number."""
    near: list[tuple[timedelta, int, Any]] = []
    for one in related:
        if row.basis and one.external_id == row.basis or one.called == row.external_id:
            return one
        names = (one.number, one.basis, one.called) if row.basis else (one.basis,)
        mine = {row.basis} if row.basis else {row.external_id, row.number}
        apart = abs(one.happened_at - row.happened_at)
        if mine.intersection(names) - {""} and apart < A_YEAR:
            near.append((apart, one.id, one))
    return min(near, key=lambda found: found[:2])[2] if near else None


def let_wait(source_id: int, rows: Sequence[InteractionRow]) -> None:
    """Keep returns whose purchase is not known yet; the same one again replaces what was kept of it."""
    kept = [{"name": row.basis, "at": row.happened_at, "waiting": documents.entry(row)} for row in rows if row.basis]
    again = _waiting(source_id, {row.basis for row in rows})
    ids = {row.external_id for row in rows}
    db.session.execute(
        delete(DocumentName).where(one_of(DocumentName.id, {one.id for one in again if ids & one.waiting.keys()}))
    )
    insert_many(DocumentName, kept, source_id=source_id, interaction_id=None)


def _waiting(source_id: int, names: Collection[str]) -> Sequence[Any]:
    mine = DocumentName.source_id == source_id, DocumentName.interaction_id.is_(None)
    if not names or db.session.scalar(select(DocumentName.id).where(*mine).limit(1)) is None:
        return ()
    return db.session.execute(select(*DocumentName.__table__.c).where(*mine, one_of(DocumentName.name, names))).all()


def take_back(source_id: int, purchases: Iterable[tuple[InteractionRow, dict[str, Any]]]) -> None:
    """Give documents, each beside its row, the returns that waited for them."""
    by_name: dict[str, list[tuple[InteractionRow, dict[str, Any]]]] = {}
    for row, kept in purchases:
        for name in {row.external_id, row.number, row.basis} - {""} if kept else ():
            by_name.setdefault(name, []).append((row, kept))
    found = set()
    for waiting in _waiting(source_id, by_name):
        for row, kept in by_name[waiting.name]:
            if abs(waiting.at - row.happened_at) < A_YEAR:
                kept |= waiting.waiting
                found.add(waiting.id)
    if found:
        db.session.execute(delete(DocumentName).where(one_of(DocumentName.id, found)))


def names(row: InteractionRow, before: Any, changes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """How a document that joins a purchase is called, and how that was called before."""
    if row.external_id in before.documents or row.kind in (DocumentKind.PAYMENT, DocumentKind.RETURN):
        return
    own = {"", before.external_id, changes.get("number", before.number)}
    for name in {row.external_id, row.number, before.number} - own:
        at = {"source_id": before.source_id, "interaction_id": before.id, "at": row.happened_at}
        yield {"name": name, **at}
