"""Sources and imported files: adding, confirming, taking live, undoing."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import PROGRAM, Actor
from npsapp.db import added, alone, change, db, one_of
from npsapp.intake.columns import FIELDS, PROPERTY, normal_heading
from npsapp.intake.models import (
    PLANNING,
    ApiAnswer,
    BatchState,
    ImportBatch,
    Interaction,
    InteractionPerformer,
    ReceivedBody,
    RejectedRow,
    Source,
    SourceKind,
    StagedPart,
)
from npsapp.intake.staging import StoredFile, forget
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.surveys import queries as surveys
from npsapp.surveys.founding import found_company

USUAL_TOUCHPOINT = "purchase"
LONGEST_NAME = 120
UNAPPLIED = (BatchState.STAGED, BatchState.REFUSED)


class NoName(Refused):
    """A source needs a name."""

    wording = N_("Give the source a name of at most 120 characters.")


class NotWaiting(Refused):
    """The file is not waiting for a confirmation: somebody was faster, or it was refused."""

    wording = N_("This file is not waiting for confirmation. Look at its current state.")


class NotUndoable(Refused):
    """Only an imported file can be undone, and only until something was sent because of it."""

    wording = N_("This import cannot be undone: it is not finished, or letters were sent because of it.")


def get_or_create_source(*, name: str, actor: Actor, now: datetime) -> Source:
    """The source of files with this name. A new one is in trial and belongs to the oldest brand; see `found_company`.

    :raise NoName: when the name is empty or too long.
    """
    return source_named(name) or new_source(SourceKind.FILE, name, actor=actor, now=now, ids_are_persons=True)


def source_named(name: str) -> Source | None:
    """The source with this name; until the transaction ends nobody else adds one.

    :raise NoName: when the name is empty or too long.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise NoName()
    alone(PLANNING)
    return db.session.scalars(select(Source).where(Source.name == name)).first()


def new_source(kind: SourceKind, name: str, *, actor: Actor, now: datetime, **chosen: Any) -> Source:
    """Add a source in trial; what is not `chosen` of its columns is taken from the oldest brand."""
    brand = found_company(actor=actor, now=now)
    usual: dict[str, Any] = {
        "brand_id": brand.id,
        "touchpoint_id": _usual_touchpoint(brand.pool_id),
        "timezone": brand.timezone,
        "currency": brand.currency,
        "grounds": {},
    }
    source = Source(name=" ".join(name.split()), kind=kind, mapping={}, created_at=now, **(usual | chosen))
    added(source)
    audit.record(Event.SOURCE_CREATED, actor=actor, now=now, subject=("source", source.id))
    return source


def _usual_touchpoint(pool_id: int) -> int | None:
    """The touchpoint of a file that names none: "purchase", else the only one there is."""
    found = surveys.touchpoints(pool_id)
    usual = next((one.id for one in found if one.key == USUAL_TOUCHPOINT), None)
    return usual or (found[0].id if len(found) == 1 else None)


def create_batch(
    *, source_id: int, file_name: str, stored: StoredFile, actor: Actor, now: datetime, **options: Any
) -> ImportBatch:
    """Remember an uploaded file; reading it is a job. `options`: `touchpoint_id`, `grounds`."""
    batch = ImportBatch(
        source_id=source_id,
        file_name=_plain_name(file_name),
        stored_as=stored.name,
        sha256=stored.sha256,
        size=stored.size,
        columns={},
        options=options,
        unmapped={},
        error_values={},
        created_by_id=actor.id if actor.type == "user" else None,
        created_at=now,
    )
    added(batch)
    _note(Event.IMPORT_UPLOADED, batch.id, actor=actor, now=now, data={"source_id": source_id, "size": stored.size})
    return batch


def receive(source_id: int, stored: StoredFile, *, file_name: str, format: str, now: datetime, **options: Any) -> int:
    """Remember what a connection sent; gives the batch. It is applied without a person once it is read.

    `format` names its reader (see `tasks`); "" is a table. The door enqueues `tasks.stage_batch` after its commit.
    """
    options |= {"auto": True} | ({"format": format} if format else {})
    actor = PROGRAM
    batch = create_batch(source_id=source_id, file_name=file_name, stored=stored, actor=actor, now=now, **options)
    return batch.id


def _plain_name(file_name: str) -> str:
    """The file's own name without folders of either kind, printable, at most 200 characters."""
    name = file_name.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in name if char.isprintable()).strip()[-200:] or "?"


def choose_columns(batch_id: int, columns: Mapping[str, str]) -> None:
    """Read the file again with columns a person assigned (title → field, "" = ignored).

    One that came by itself waits for its confirmation from now on: somebody is looking at it.

    :raise NotWaiting: when it is past that.
    """
    known = FIELDS | {PROPERTY + one.key for one in organization.properties()}
    chosen = {title: meaning if meaning in known else "" for title, meaning in columns.items()}
    clean: dict[str, Any] = {"error": "", "error_values": {}, "lease_until": None}
    options = db.session.get_one(ImportBatch, batch_id).options
    clean["options"] = {name: value for name, value in options.items() if name != "auto"}
    _move(batch_id, *UNAPPLIED, state=BatchState.UPLOADED, columns=chosen, **clean)


def read_anew(batch_id: int) -> None:
    """Read a file all the same that was left alone (see `again`); it waits for its confirmation then.

    :raise NotWaiting: when it was not left alone.
    """
    options = db.session.get_one(ImportBatch, batch_id).options
    if "again" not in options:
        raise NotWaiting()
    options = {name: value for name, value in options.items() if name not in ("again", "auto", "unless_known")}
    nothing = {"applied": 0, "unchanged": 0, "columns": {}, "finished_at": None}
    _move(batch_id, BatchState.DONE, state=BatchState.UPLOADED, options=options, **nothing)


def choose(
    batch_id: int, *, touchpoint_id: int | None, grounds: Mapping[str, str], live_from: date | None = None
) -> None:
    """Keep what was chosen for a waiting file, so that the preview counts with it.

    :raise NotWaiting: when it is not waiting (any more).
    """
    batch = db.session.get_one(ImportBatch, batch_id)
    chosen: dict[str, Any] = {"touchpoint_id": touchpoint_id, "grounds": dict(grounds)}
    chosen["live_from"] = live_from.isoformat() if live_from else None
    _move(batch_id, BatchState.STAGED, options={**batch.options, **chosen})


def confirm(batch_id: int, *, actor: Actor, now: datetime) -> None:
    """Let a waiting file be applied; what was chosen becomes the source's default. Applying is a job.

    :raise NotWaiting: when it is not waiting (any more).
    """
    batch = db.session.get_one(ImportBatch, batch_id)
    _move(batch_id, BatchState.STAGED, state=BatchState.APPLYING, options=_without_sample(batch), lease_until=None)
    source = batch.source
    chosen = {normal_heading(title): field for title, field in batch.columns.items()}
    source.mapping = {**source.mapping, **chosen}
    source.touchpoint_id = batch.touchpoint_id
    set_grounds(source, batch.grounds, actor=actor, now=now)


def set_grounds(source: Source, grounds: Mapping[str, str], *, actor: Actor, now: datetime) -> None:
    """Choose the source's default ground per channel; addresses that are known already keep theirs.

    It stands for whoever chose it, never for the customer (decisions.md 5).
    """
    if grounds != source.grounds:
        source.grounds = dict(grounds)
        source.grounds_set_by_id = actor.id if actor.type == "user" else None
        data = {"fields": ["grounds"], "grounds": source.grounds}
        audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("source", source.id), data=data)
    db.session.flush()


def discard(batch_id: int, *, actor: Actor, now: datetime) -> None:
    """Drop a waiting or refused file; nothing of it was applied.

    :raise NotWaiting: when it is past that.
    """
    _move(batch_id, *UNAPPLIED, state=BatchState.UNDONE, finished_at=now, options={})
    forget(batch_id)
    _note(Event.IMPORT_UNDONE, batch_id, actor=actor, now=now)


def go_live(
    source_id: int,
    *,
    live_from: date | None,
    first_day_cap: int | None,
    outbox_confirmed: bool,
    actor: Actor,
    now: datetime,
) -> bool:
    """Take a source out of its trial: people are asked from now on. False when it was live already.

    `live_from` is a local day of the source; what happened before is not asked about. Its interactions are
    looked at again.
    """
    source = db.session.get_one(Source, source_id)
    if outbox_confirmed and source.outbox_confirmed_at is None:
        source.outbox_confirmed_at = now
    if not source.in_trial:
        return False
    source.live_at, source.live_from, source.first_day_cap = now, live_from, first_day_cap
    _mark(Interaction.source_id == source_id, undecided=True)
    audit.record(
        Event.SOURCE_WENT_LIVE,
        actor=actor,
        now=now,
        subject=("source", source_id),
        data={"live_from": live_from.isoformat() if live_from else None, "first_day_cap": first_day_cap},
    )
    return True


def undo(batch_id: int, *, actor: Actor, now: datetime) -> int:
    """Take out the interactions a file brought; gives how many. Customers and changes to older ones stay.

    Rooms downstream must have let go of the interactions before (the office does that).

    :raise NotUndoable: when the file is not imported.
    """
    try:
        _move(batch_id, BatchState.DONE, state=BatchState.UNDONE, finished_at=now)
    except NotWaiting as error:
        raise NotUndoable() from error
    mine = select(Interaction.id).where(Interaction.batch_id == batch_id)
    db.session.execute(delete(InteractionPerformer).where(InteractionPerformer.interaction_id.in_(mine)))
    count = change(delete(Interaction).where(Interaction.batch_id == batch_id))
    forget(batch_id)
    _note(Event.IMPORT_UNDONE, batch_id, actor=actor, now=now, data={"interactions": count})
    return count


def mark_decided(interaction_ids: Iterable[int]) -> None:
    """The planner has written its line about these interactions."""
    _mark(one_of(Interaction.id, interaction_ids), undecided=False)


def ask_for(interaction_id: int, why: str) -> None:
    """A colleague wants this customer asked all the same: the next beat decides by what may not be overruled."""
    db.session.execute(update(Interaction).where(Interaction.id == interaction_id).values(asked_because=why))
    mark_undecided([interaction_id])


def mark_undecided(interaction_ids: Iterable[int]) -> None:
    """The planner shall look at these interactions (again)."""
    _mark(one_of(Interaction.id, interaction_ids), undecided=True)


def apply_again(customer_ids: Collection[int]) -> None:
    """Rows about these people count as new when they come again: who is meant by them has changed."""
    change(update(Interaction).where(Interaction.customer_id.in_(customer_ids)).values(said=0))


def _mark(which: ColumnElement[bool], *, undecided: bool) -> None:
    alone(PLANNING)
    marking = update(Interaction).where(which).values(undecided=undecided)
    change(marking.execution_options(synchronize_session=False))


def forget_people(customer_ids: Collection[int]) -> None:
    """Take what leads to a person out of these people's purchases: numbers, titles, properties."""
    emptied = {"number": "", "title": "", "properties": {}, "basis": "", "documents": {}, "said": 0}
    emptied["asked_because"] = ""
    change(update(Interaction).where(Interaction.customer_id.in_(customer_ids)).values(**emptied))


def forget_bodies(ids: Collection[int]) -> None:
    """Empty calls that are about somebody who is erased."""
    change(update(ReceivedBody).where(ReceivedBody.id.in_(ids)).values(body=""))


def forget_rejects(ids: Collection[int]) -> None:
    """Empty cells of rejected rows that are about somebody who is erased."""
    change(update(RejectedRow).where(RejectedRow.id.in_(ids)).values(value=""))


def forget_api_answers(ids: Collection[int]) -> None:
    """Forget answers that name somebody who is erased."""
    change(delete(ApiAnswer).where(ApiAnswer.id.in_(ids)))


def forget_samples(batch_ids: Collection[int]) -> None:
    """Forget first rows of files that show somebody who is erased."""
    for batch in db.session.scalars(select(ImportBatch).where(ImportBatch.id.in_(batch_ids))):
        batch.options = _without_sample(batch)
    db.session.flush()


def forget_staged(part_ids: Collection[int], about: Callable[[str], object]) -> None:
    """Leave out waiting rows that are `about` somebody who is erased."""
    alone(PLANNING)
    for part in db.session.scalars(select(StagedPart).where(StagedPart.id.in_(part_ids))):
        names, *lines = part.rows.split("\n")
        left = [line for line in lines if not about(line)]
        part.done -= sum(bool(about(line)) for line in lines[: part.done])
        part.rows, part.count = "\n".join([names, *left]), len(left)
        batch = db.session.get_one(ImportBatch, part.batch_id)
        batch.rows -= len(lines) - len(left)
    db.session.flush()


def forget_file(batch_id: int) -> None:
    """The raw file was deleted from the folder; what was kept of its cells goes with it."""
    batch = db.session.get_one(ImportBatch, batch_id)
    batch.stored_as, batch.options = "", _without_sample(batch)
    change(update(RejectedRow).where(RejectedRow.batch_id == batch_id).values(value=""))
    db.session.flush()


def _without_sample(batch: ImportBatch) -> dict[str, Any]:
    """The first rows of the file are kept for the preview only."""
    return {key: value for key, value in batch.options.items() if key != "sample"}


def _move(batch_id: int, *from_states: BatchState, **values: Any) -> None:
    """Move a batch on by a conditional UPDATE: of two people who press the button, one is refused."""
    these = ImportBatch.id == batch_id, ImportBatch.state.in_(from_states)
    if not change(update(ImportBatch).where(*these).values(values)):
        raise NotWaiting()


def _note(event: Event, batch_id: int, *, actor: Actor, now: datetime, data: dict[str, Any] | None = None) -> None:
    audit.record(event, actor=actor, now=now, subject=("import_batch", batch_id), data=data)
