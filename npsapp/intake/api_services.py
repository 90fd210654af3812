"""What the JSON API does: purchases applied at once, persons and consents taken down, answers repeated for a day."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from npsapp.audit.services import PROGRAM
from npsapp.customers import services as customers
from npsapp.customers.matching import KIND_OF
from npsapp.customers.models import ContactPoint, Ground, TrustedId
from npsapp.customers.rules import ContactKind, GroundKind
from npsapp.db import DATABASE_TROUBLE, alone, change, db, insert_many, one_of
from npsapp.delivery.rules import Channel
from npsapp.intake import applying, exchanges, services
from npsapp.intake.api_rows import Consent, ConsentFault, Fault, Person
from npsapp.intake.applying import Outcomes
from npsapp.intake.models import PLANNING, ApiAnswer, BatchState, ImportBatch, Interaction, RejectedRow, Source
from npsapp.intake.rules import InteractionRow, RejectReason
from npsapp.intake.staging import StoredFile
from npsapp.lib.clock import local_date
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.organization.rules import fold

log = logging.getLogger(__name__)

ANSWERS_KEPT = timedelta(days=1)
LOOK_BACK = timedelta(days=60)  # older purchases are too old to be asked about, whatever becomes known of the person
MOST_REJECTS = 1000  # kept of one day and connection: a program may repeat the same mistake every minute

Known = set[tuple[str, Channel, GroundKind, bool]]
"""Grounds of addresses: (address, channel, kind, withdrawn)."""

Stored = Mapping[tuple[str, ContactKind], list[tuple[str, str]]]
"""Addresses by (external id, kind), each with what is wrong with it: a refusal holds for mistyped ones, too."""


class ReusedKey(Refused):
    """An Idempotency-Key stands for another request already."""


# ---- the same request again ----


def once(source_id: int, key: str, digest: str, deed: Callable[[], dict[str, Any]], *, now: datetime) -> dict[str, Any]:
    """The answer of `deed`, or the one this key got within the last day. Needs a transaction.

    Two requests with one key wait for each other here; an empty key names nothing.

    :raise ReusedKey: when the key was another request's, by their digests.
    """
    if not key:
        return deed()
    alone(PLANNING)
    mine = ApiAnswer.source_id == source_id, ApiAnswer.key == key
    found = db.session.scalars(select(ApiAnswer).where(*mine, ApiAnswer.created_at > now - ANSWERS_KEPT)).first()
    if found is None:
        answer = deed()
        change(delete(ApiAnswer).where(*mine))
        insert_many(ApiAnswer, [{"key": key, "digest": digest, "answer": answer}], source_id=source_id, created_at=now)
        return answer
    if found.digest != digest:
        raise ReusedKey()
    return found.answer


def forget_answers(*, now: datetime) -> int:
    """Delete answers that are repeated no more; how many. Needs a transaction. Part of the heartbeat."""
    return change(delete(ApiAnswer).where(ApiAnswer.created_at <= now - ANSWERS_KEPT))


# ---- purchases ----


def take_in(source: Source, checked: Sequence[InteractionRow | Fault], *, now: datetime) -> Outcomes:
    """Apply what could be read, in one transaction that survives a bad row; gives what became of each line."""
    alone(PLANNING)
    batch = _batch_of_the_day(source, now)
    rows = [one for one in checked if isinstance(one, InteractionRow)]
    claim = applying.claim_of(batch, BatchState.DONE, now=now, patience=timedelta())
    outcomes = _applied(claim, rows, now=now)
    faults = [one for one in checked if isinstance(one, Fault)]
    faults += [Fault(line - 1, why) for line, why in outcomes.items() if why is RejectReason.NOT_WRITABLE]
    _keep_rejects(batch, faults)
    outcomes |= {one.index + 1: one.reason for one in faults}
    counts = applying.counts_of(outcomes)
    counts.update(rows=len(checked), no_address=sum(not row.email and not row.phone for row in rows))
    moved = {name: getattr(ImportBatch, name) + count for name, count in counts.items()}
    change(update(ImportBatch).where(ImportBatch.id == batch.id).values(moved | {"finished_at": now}))
    return outcomes


def _batch_of_the_day(source: Source, now: datetime) -> ImportBatch:
    """One import stands for all that comes through the API on one local day, so that it can be looked at and undone."""
    name = f"API {local_date(now, source.timezone).isoformat()}"
    same_day = ImportBatch.source_id == source.id, ImportBatch.file_name == name, ImportBatch.state == BatchState.DONE
    found = db.session.scalars(select(ImportBatch).where(*same_day).order_by(ImportBatch.id.desc())).first()
    if found:
        return found
    nothing = StoredFile("", "", 0)
    batch = services.create_batch(source_id=source.id, file_name=name, stored=nothing, actor=PROGRAM, now=now)
    batch.state, batch.finished_at = BatchState.DONE, now
    db.session.flush()
    return batch


def _applied(claim: applying.Applying, rows: Sequence[InteractionRow], *, now: datetime) -> Outcomes:
    """Rows that fail together are repeated one by one, so that only those at fault are rejected."""
    try:
        with db.session.begin_nested():
            return applying.apply_rows(claim, rows, now=now)
    except DATABASE_TROUBLE:
        raise
    except Exception:
        claim.names.forget()
        log.warning("%d rows of the API failed", len(rows), exc_info=len(rows) == 1)
        if len(rows) == 1:
            return {rows[0].line: RejectReason.NOT_WRITABLE}
    outcomes: Outcomes = {}
    for row in rows:
        outcomes |= _applied(claim, [row], now=now)
    return outcomes


def _keep_rejects(batch: ImportBatch, faults: Sequence[Fault]) -> None:
    """For the page of the connection: reason and field, never the value, which may be anything."""
    kept = faults[: max(MOST_REJECTS - batch.rejected, 0)]
    rows = [{"line": one.index + 1, "reason": one.reason.value, "column": one.column} for one in kept]
    insert_many(RejectedRow, rows, batch_id=batch.id)


def note(source_id: int, what: str, *, good: int, bad: int = 0, now: datetime) -> None:
    """Remember a request for the page of the connection."""
    words = N_("%(bad)d of %(all)d records were rejected; the answer to the program named each with the reason.")
    why = Refused(words, bad=bad, all=good + bad) if bad else None
    exchanges.note(source_id, what, why, now=now, failed=bool(bad and not good), count=good)


# ---- persons ----


def put_person(source: Source, external_id: str, person: Person, *, now: datetime) -> bool:
    """Let a person be as the other program says; True for one it has not named before. What is empty is kept."""
    alone(PLANNING)
    pool_id, said = source.brand.pool_id, {*person.consents, *person.grounds}
    named = TrustedId.source_id == source.id, TrustedId.external_id == external_id
    known = db.session.scalar(select(TrustedId.customer_id).where(*named)) is not None
    region_id = organization.region_lookup(pool_id).get(fold(person.region))
    usual = {Channel(name): GroundKind(kind) for name, kind in source.grounds.items() if Channel(name) not in said}
    own = {channel: kind for channel, kind in person.grounds.items() if channel not in person.consents}
    own |= {channel: GroundKind.CONSENT for channel, word in person.consents.items() if word}
    no = frozenset(channel for channel, word in person.consents.items() if not word)
    default, proof, set_by_id = "API, source default", "API, customer", source.grounds_set_by_id
    people = [replace(person.incoming, region_id=region_id, grounds=own, refused=no, proof=proof)]
    people += [replace(person.incoming, grounds=usual, proof=default, set_by_id=set_by_id)] if usual else []
    found = customers.find_or_create(people, pool_id=pool_id, source_id=source.id, now=now)
    _look_again(found, now=now)
    return not known


def _look_again(customer_ids: Iterable[int | None], *, now: datetime) -> None:
    """What became known of people may decide about their purchases."""
    theirs = one_of(Interaction.customer_id, {id_ for id_ in customer_ids if id_})
    recent = select(Interaction.id).where(theirs, Interaction.happened_at > now - LOOK_BACK)
    services.mark_undecided(db.session.scalars(recent).all())


# ---- consents ----


def take_down(source: Source, words: Sequence[Consent], *, now: datetime) -> dict[int, str | ConsentFault]:
    """Write down consents and refusals; gives what became of each, by its index.

    A refusal is never overridden: only a person in this program takes down a later consent.
    """
    alone(PLANNING)
    outcomes: dict[int, str | ConsentFault] = {}
    for wave in applying.waves(words, lambda word: (word.external_id, word.address, word.channel)):
        outcomes |= _take_down(source, wave, now=now)
    return outcomes


def _take_down(source: Source, words: Sequence[Consent], *, now: datetime) -> dict[int, str | ConsentFault]:
    pool_id, source_id = source.brand.pool_id, source.id if source.ids_are_persons else None
    stored = _addresses_of(source_id, {word.external_id for word in words if not word.address})
    incoming = {word.index: _incoming(word, stored) for word in words}
    people = [one for some in incoming.values() for one in some]
    values = _values(people)
    before = _grounds(pool_id, values)
    found = customers.find_or_create(people, pool_id=pool_id, source_id=source_id, now=now)
    _look_again(found, now=now)
    after = _grounds(pool_id, values)
    return {word.index: _outcome(word, incoming[word.index], before, after) for word in words}


def _incoming(word: Consent, stored: Stored) -> list[customers.Incoming]:
    kind = KIND_OF[word.channel]
    said = customers.Incoming(
        external_id=word.external_id,
        grounds={word.channel: word.ground} if word.given else {},
        refused=frozenset() if word.given else frozenset({word.channel}),
        proof=word.proof,
    )
    known = [(word.address, "")] if word.address else stored.get((word.external_id, kind), [])
    wrong = [replace(said, wrong=((kind, one),)) for one, fault in known if fault and not word.given]
    by_mail = kind is ContactKind.EMAIL
    good = [one for one, fault in known if not fault]
    return [replace(said, email=one if by_mail else "", phone="" if by_mail else one) for one in good] + wrong


def _addresses_of(source_id: int | None, external_ids: Collection[str]) -> Stored:
    """What is known of the people whom the source names by its own ids; without a source nobody is."""
    columns = select(TrustedId.external_id, ContactPoint.kind, ContactPoint.value, ContactPoint.fault)
    named = TrustedId.source_id == source_id, one_of(TrustedId.external_id, external_ids)
    found = defaultdict(list)
    for id_, kind, value, fault in db.session.execute(
        columns.join(ContactPoint, ContactPoint.customer_id == TrustedId.customer_id).where(*named)
    ):
        found[(id_, kind)].append((value, fault))
    return found


def _values(people: Iterable[customers.Incoming]) -> set[str]:
    return {value for one in people for _kind, value in (*one.addresses, *one.wrong)}


def _grounds(pool_id: int, values: Collection[str]) -> Known:
    columns = select(ContactPoint.value, Ground.channel, Ground.kind, Ground.withdrawn_at)
    there = ContactPoint.pool_id == pool_id, one_of(ContactPoint.value, values)
    rows = db.session.execute(columns.join(ContactPoint, Ground.contact_point_id == ContactPoint.id).where(*there))
    return {(value, channel, kind, at is not None) for value, channel, kind, at in rows}


def _outcome(word: Consent, said: Sequence[customers.Incoming], before: Known, after: Known) -> str | ConsentFault:
    values = _values(said)
    if not values:
        return ConsentFault.NO_ADDRESS
    mine, now_mine = ({g for g in known if g[0] in values and g[1] is word.channel} for known in (before, after))
    if mine != now_mine:
        return "accepted"
    return ConsentFault.WITHDRAWN if word.given and mine and all(gone for *_, gone in mine) else "unchanged"
