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
    new: dict[tuple[int, Channel, GroundKind], Stated] = {}
    refused = {(point, channel): row for point, channel, row in wanted if channel in row.refused}
    for point, channel, row in wanted:
        where = point, channel
        kinds, withdrawn = known.get(where, _NOTHING)
        if withdrawn or where in refused:
            continue
        kind = row.grounds[channel]
        if kind not in kinds and GroundKind.CONSENT not in kinds:
            new.setdefault((point, channel, kind), row)
    _insert(new, since=now, withdrawn_at=None)
    _withdraw(refused, now=now)
    no = {(*key, GroundKind.CONSENT): row for key, row in refused.items() if not known.get(key, _NOTHING)[1]}
    _insert(no, since=now, withdrawn_at=now)


def refusals(points: Iterable[int]) -> Sequence[tuple[int, Channel, str]]:
    """What was refused at these contact points: (contact point, channel, where the words are)."""
    columns = select(Ground.contact_point_id, Ground.channel, Ground.proof)
    refused = one_of(Ground.contact_point_id, points), Ground.withdrawn_at.is_not(None)
    rows = db.session.execute(columns.where(*refused))
    return [(row.contact_point_id, row.channel, row.proof) for row in rows]


_NOTHING: tuple[Collection[GroundKind], bool] = ((), False)


def _known_grounds(points: Iterable[int]) -> dict[tuple[int, Channel], tuple[Collection[GroundKind], bool]]:
    """By address and channel: the kinds in force, and whether a withdrawal stands against a file's word."""
    ids = set(points)
    columns = select(Ground.contact_point_id, Ground.channel, Ground.kind, Ground.withdrawn_at)
    rows = db.session.execute(columns.where(one_of(Ground.contact_point_id, ids))) if ids else ()
    found: dict[tuple[int, Channel], tuple[Collection[GroundKind], bool]] = {}
    for point, channel, kind, withdrawn_at in rows:
        kinds, withdrawn = found.get((point, channel), _NOTHING)
        kinds = kinds if withdrawn_at else (*kinds, kind)
        found[(point, channel)] = (kinds, withdrawn or withdrawn_at is not None)
    # A ground set by hand after the withdrawal counts again.
    return {key: (kinds, withdrawn and not kinds) for key, (kinds, withdrawn) in found.items()}


def _insert(new: Mapping[tuple[int, Channel, GroundKind], Stated], **same: Any) -> None:
    rows = [
        {"contact_point_id": point, "channel": channel, "kind": kind, "set_by_id": one.set_by_id, "proof": one.proof}
        for (point, channel, kind), one in new.items()
    ]
    insert_many(Ground, rows, **same)


def _withdraw(refused: Iterable[tuple[int, Channel]], *, now: datetime) -> None:
    for point, channel in refused:
        db.session.execute(
            update(Ground)
            .where(Ground.contact_point_id == point, Ground.channel == channel, Ground.withdrawn_at.is_(None))
            .values(withdrawn_at=now)
        )
