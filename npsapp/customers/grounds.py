"""Grounds that a chunk of rows brings: never over a withdrawal, never twice, and a "no" withdraws what there is."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select, update

from npsapp.customers.models import Ground
from npsapp.customers.rules import GroundKind
from npsapp.db import db, insert_many, one_of
from npsapp.delivery.rules import Channel


class Stated(Protocol):
    """What one row says about its person's addresses: grounds per channel, and where it says "no"."""

    @property
    def grounds(self) -> Mapping[Channel, GroundKind]: ...
    @property
    def refused(self) -> frozenset[Channel]: ...
    @property
    def proof(self) -> str: ...
    @property
    def set_by_id(self) -> int | None: ...


def write(wanted: Sequence[tuple[int, Channel, Stated]], *, fresh: Collection[int], now: datetime) -> None:
    """Write grounds for (contact point, channel, what the row says). `fresh`: contact points that have none yet."""
    known = _known_grounds({point for point, _, _ in wanted}.difference(fresh))
    new: dict[tuple[int, Channel, GroundKind], dict[str, Any]] = {}
    refused = {(point, channel): row for point, channel, row in wanted if channel in row.refused}
    for point, channel, row in wanted:
        kinds, withdrawn = known.get((point, channel), (set(), False))
        if withdrawn or (point, channel) in refused:
            continue
        kind = row.grounds[channel]
        if kind not in kinds and GroundKind.CONSENT not in kinds and (point, channel, kind) not in new:
            new[(point, channel, kind)] = _ground(point, channel, kind, row)
    for (point, channel), row in refused.items():
        if not known.get((point, channel), (set(), False))[1]:
            no = _ground(point, channel, GroundKind.CONSENT, row) | {"withdrawn_at": now}
            new[(point, channel, GroundKind.CONSENT)] = no
    _withdraw(refused, now=now)
    insert_many(Ground, list(new.values()), since=now)


def _known_grounds(points: Iterable[int]) -> dict[tuple[int, Channel], tuple[set[GroundKind], bool]]:
    """By address and channel: the kinds in force, and whether a withdrawal stands against a file's word."""
    columns = select(Ground.contact_point_id, Ground.channel, Ground.kind, Ground.withdrawn_at)
    rows = db.session.execute(columns.where(one_of(Ground.contact_point_id, points)))
    found: dict[tuple[int, Channel], tuple[set[GroundKind], bool]] = {}
    for row in rows:
        kinds, withdrawn = found.get((row.contact_point_id, row.channel), (set(), False))
        if row.withdrawn_at is None:
            kinds = kinds | {row.kind}
        found[(row.contact_point_id, row.channel)] = (kinds, withdrawn or row.withdrawn_at is not None)
    # A ground set by hand after the withdrawal counts again.
    return {key: (kinds, withdrawn and not kinds) for key, (kinds, withdrawn) in found.items()}


def _ground(point: int, channel: Channel, kind: GroundKind, row: Stated) -> dict[str, Any]:
    return {
        "contact_point_id": point, "channel": channel, "kind": kind, "set_by_id": row.set_by_id,
        "proof": row.proof, "withdrawn_at": None,
    }  # fmt: skip


def _withdraw(refused: Iterable[tuple[int, Channel]], *, now: datetime) -> None:
    for point, channel in refused:
        db.session.execute(
            update(Ground)
            .where(Ground.contact_point_id == point, Ground.channel == channel, Ground.withdrawn_at.is_(None))
            .values(withdrawn_at=now)
        )
