"""Old answers: files of a previous program, with those who unsubscribed, bounced or were asked there.

Such answers open no case, write no letter and count in reports only where they are asked for: they were measured in
another way. What the file says about people counts at once: nobody is asked too soon or against a refusal.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, or_, select, tuple_, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import services as customers
from npsapp.customers.rules import FactKind
from npsapp.db import alone, change, db, insert_many, one_of
from npsapp.delivery import services as delivery
from npsapp.delivery.rules import Channel, SuppressionReason
from npsapp.intake.models import PLANNING, BatchState, Source
from npsapp.intake.staging import StoredFile
from npsapp.invitations import letters, policies
from npsapp.lib import phones
from npsapp.lib.clock import local_date
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.organization.rules import fold
from npsapp.responses.models import Basis, OldImport, Response
from npsapp.responses.old_lines import LONGEST_NAME, PLACES, Holds, Left, OldRow, Reader
from npsapp.surveys import queries as surveys

CHUNK = 500
SHOWN = 50  # rejected lines, and unknown names of a kind


class NotWaiting(Refused):
    """Somebody was faster."""

    wording = N_("This file is not waiting for that. Look at its current state.")


class NotUndoable(Refused):
    """Something builds upon it."""

    wording = N_("This import cannot be undone: a later file of the same program builds upon it. Undo that one first.")


def reader(one: OldImport) -> Reader:
    """How this file is read: as on the day it was uploaded, so that every reading gives the same lines."""
    brand = one.survey.brand
    source = db.session.get(Source, one.source_id) if one.source_id else None
    country = (source.country if source else "") or phones.country_of_zone(brand.timezone)
    return Reader(Holds(one.holds), one.programme, brand.timezone, country, source is not None, one.created_at)


# ---- the file: needs a transaction -----------------------------------------------------------------------------


def take_in(
    stored: StoredFile,
    *,
    file_name: str,
    programme: str,
    holds: Holds,
    survey_id: int,
    source_id: int | None,
    actor: Actor,
    now: datetime,
) -> int:
    """Remember an uploaded file; reading it is a job."""
    one = OldImport(
        programme=" ".join(programme.split())[:LONGEST_NAME], holds=holds.value, survey_id=survey_id,
        source_id=source_id, file_name=file_name[-200:], stored_as=stored.name, size=stored.size,
        created_by_id=actor.id, created_at=now,
    )  # fmt: skip
    db.session.add(one)
    db.session.flush()
    return one.id


def move(import_id: int, *states: BatchState, **values: Any) -> None:
    """Move a file on; of two who press the button one is refused. :raise NotWaiting:"""
    if not change(update(OldImport).where(OldImport.id == import_id, OldImport.state.in_(states)).values(values)):
        raise NotWaiting


def claim(import_id: int, *states: BatchState, now: datetime, patience: timedelta, **values: Any) -> OldImport | None:
    """Take a file to work on; None when another worker has it or it is past that."""
    free = or_(OldImport.lease_until.is_(None), OldImport.lease_until < now)
    mine = update(OldImport).where(OldImport.id == import_id, OldImport.state.in_(states), free)
    taken = change(mine.values(lease_until=now + patience, **values))
    return db.session.get_one(OldImport, import_id, populate_existing=True) if taken else None


def standing_still(now: datetime, *, patience: timedelta) -> list[tuple[int, BatchState]]:
    """Files whose job was lost, and what they wait for."""
    free = or_(OldImport.lease_until.is_(None), OldImport.lease_until < now)
    waiting = OldImport.state.in_((BatchState.UPLOADED, BatchState.STAGING, BatchState.APPLYING))
    rows = db.session.execute(
        select(OldImport.id, OldImport.state).where(waiting, free, OldImport.created_at < now - patience)
    )
    return [(id_, state) for id_, state in rows]


def forget_seen(import_ids: Collection[int]) -> None:
    """Keep of files that show somebody who is erased only the counts."""
    for one in db.session.scalars(select(OldImport).where(OldImport.id.in_(import_ids))):
        one.seen = {"counts": one.seen.get("counts", {})}
    db.session.flush()


def count(found: list[OldRow | Left], seen: dict[str, Any], one: OldImport) -> None:
    """Add some lines to the counts of the dry run."""
    rows = [row for row in found if isinstance(row, OldRow)]
    counts = Counter(seen.get("counts", {}))
    counts.update(lines=len(found), rejected=len(found) - len(rows))
    known = _known(rows)
    for row in rows:
        answer = row.score is not None
        counts.update(
            answers=answer and row.key not in known, known=answer and row.key in known, unsubscribed=row.unsubscribed,
            bounced=row.bounced, asked=row.asked is not None, anonymous=answer and not row.person.addresses,
        )  # fmt: skip
    seen["counts"] = dict(counts)
    faults = [[left.line, left.fault.value, left.value] for left in found if isinstance(left, Left)]
    seen["faults"] = (seen.get("faults", []) + faults)[:SHOWN]
    lookups = _lookups(one)
    unknown = {
        name: Counter(dict(seen.get("unknown", {}).get(name, {})))
        + Counter(text for row in rows if (text := row.places.get(name)) and fold(text) not in lookups[name])
        for name in PLACES
    }
    seen["unknown"] = {name: dict(names.most_common(SHOWN)) for name, names in unknown.items() if names}


def _known(rows: Sequence[OldRow]) -> set[str | None]:
    keys = [row.key for row in rows if row.score is not None]
    return set(db.session.scalars(select(Response.old_key).where(one_of(Response.old_key, keys))))


def _lookups(one: OldImport) -> dict[str, dict[str, Any]]:
    pool_id = one.survey.brand.pool_id
    return {
        "region": organization.region_lookup(pool_id),
        "unit": organization.unit_lookup(one.survey.brand_id),
        "segment": organization.segment_lookup(pool_id),
        "touchpoint": surveys.touchpoint_lookup(pool_id),
    }


def apply(import_id: int, rows: Sequence[OldRow], *, done: int, now: datetime, patience: timedelta) -> bool:
    """Take over some rows that stand at the place `done`; False when another worker has done so."""
    alone(PLANNING)
    one = db.session.get_one(OldImport, import_id, populate_existing=True)
    if one.state is not BatchState.APPLYING or one.applied != done:
        return False
    same = customers.find_or_create(
        [row.person for row in rows], pool_id=one.survey.brand.pool_id, source_id=one.source_id, now=now
    )
    people = list(zip(rows, same, strict=True))
    one.accepted += _write_answers(one, people, now=now)
    _write_stops(one, people, now=now)
    one.applied, one.lease_until = done + len(rows), now + patience
    db.session.flush()
    return True


def _write_answers(one: OldImport, people: Sequence[tuple[OldRow, int | None]], *, now: datetime) -> int:
    known, places, survey = _known([row for row, _ in people]), _lookups(one), one.survey
    zones = {region.id: region.timezone for region in organization.regions(survey.brand.pool_id)}
    written: dict[str, dict[str, Any]] = {}
    for row, customer_id in people:
        if row.score is None or row.at is None or row.key in known:
            continue
        found = {name: places[name].get(fold(row.places.get(name, ""))) for name in PLACES}
        unit_id, units_region = found["unit"] or (None, None)
        region_id = found["region"] or units_region
        written.setdefault(row.key, {
            "old_key": row.key, "customer_id": customer_id, "region_id": region_id, "unit_id": unit_id,
            "segment_id": found["segment"], "touchpoint_id": found["touchpoint"] or survey.touchpoint_id,
            "language": row.language or survey.brand.language, "score": row.score, "comment": row.comment,
            "local_date": local_date(row.at, zones.get(region_id or 0) or survey.brand.timezone),
            "confirmed_at": row.at, "acted_at": row.at, "finished_at": row.at,
        })  # fmt: skip
    insert_many(
        Response, list(written.values()), old_import_id=one.id, survey_id=survey.id, version_id=survey.version_id,
        brand_id=survey.brand_id, channel=Channel.EMAIL, basis=Basis.IMPORTED, invitation_id=None, interaction_id=None,
        contact_wanted=None, voided_at=None, read_at=now, read_by_id=None,
    )  # fmt: skip
    return len(written)


def _write_stops(one: OldImport, people: Sequence[tuple[OldRow, int | None]], *, now: datetime) -> None:
    """What stops invitations: contacts, refusals, addresses; what is planned for these people is decided again."""
    facts = [(id_, FactKind.ANSWERED, row.at) for row, id_ in people if id_ and row.at]
    facts += [(id_, FactKind.INVITED, row.asked) for row, id_ in people if id_ and row.asked]
    refused = {id_ for row, id_ in people if id_ and row.unsubscribed}
    about = {"survey_id": one.survey_id, "touchpoint_id": one.survey.touchpoint_id}
    customers.take_over(facts, refused, sources=_sources(one), now=now, **about)
    stops = [(row.email, SuppressionReason.UNSUBSCRIBED) for row, _ in people if row.email and row.unsubscribed]
    stops += [(row.email, SuppressionReason.BOUNCED) for row, _ in people if row.bounced]
    delivery.suppress_many(stops, sources=_sources(one), now=now)
    if refused:
        letters.stop_for(*refused, now=now)
    policies.held_changed(*(id_ for _, id_ in people if id_))


def _of_programme(one: OldImport) -> tuple[Any, ...]:
    return OldImport.programme == one.programme, OldImport.applied > 0, OldImport.state != BatchState.UNDONE


def _sources(one: OldImport) -> list[str]:
    """The marks of what this program said before, this file's last."""
    earlier = db.session.scalars(select(OldImport).where(*_of_programme(one), OldImport.id != one.id))
    return [*(other.mark for other in earlier), one.mark]


def finish(import_id: int, *, now: datetime) -> None:
    """Everything of the file is taken over."""
    one = db.session.get_one(OldImport, import_id)
    move(import_id, BatchState.APPLYING, state=BatchState.DONE, lease_until=None, finished_at=now)
    data = {"answers": one.accepted, "rows": one.rows}
    audit.record(Event.OLD_ANSWERS_IMPORTED, actor=audit.PROGRAM, now=now, subject=("old_import", one.id), data=data)


def undo(import_id: int, *, actor: Actor, now: datetime) -> int:
    """Take out what a file brought: answers, facts, refusals, addresses; gives how many answers. People stay.

    :raise NotUndoable: when a later file of the same program left out what this one had brought. :raise NotWaiting:
    """
    alone(PLANNING)
    one = db.session.get_one(OldImport, import_id, populate_existing=True)
    place = tuple_(OldImport.finished_at, OldImport.id)
    later = or_(OldImport.finished_at.is_(None), place > (one.finished_at, one.id))
    if db.session.scalar(select(exists().where(*_of_programme(one), OldImport.id != import_id, later))):
        raise NotUndoable
    move(import_id, BatchState.DONE, BatchState.REFUSED, state=BatchState.UNDONE, finished_at=now)
    gone = change(delete(Response).where(Response.old_import_id == import_id))
    free = customers.take_back(one.mark, now=now)
    delivery.lift_all_of(one.mark, now=now)
    policies.held_changed(*free)
    data, subject = {"answers": gone}, ("old_import", import_id)
    audit.record(Event.OLD_ANSWERS_UNDONE, actor=actor, now=now, subject=subject, data=data)
    return gone
