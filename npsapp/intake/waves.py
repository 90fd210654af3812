"""Taking in what happened to nobody: the customers' turns in monthly waves. Both need a transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from npsapp.db import added, db, insert_many, one_of
from npsapp.intake.models import Interaction, Source, SourceKind
from npsapp.organization.models import Brand


def take_in(rows: Sequence[dict[str, Any]], source: Source, *, now: datetime) -> None:
    """Interactions that happen now, without those that are there already (by `external_id`)."""
    ids = [row["external_id"] for row in rows]
    here = Interaction.source_id == source.id, one_of(Interaction.external_id, ids)
    there = set(db.session.scalars(select(Interaction.external_id).where(*here)))
    same = {"source_id": source.id, "happened_at": now, "accepted_at": now, "cancelled_at": None}
    insert_many(Interaction, [row for row in rows if row["external_id"] not in there], **same)


def source_of(brand: Brand, *, now: datetime, kind: SourceKind = SourceKind.WAVE, is_test: bool = False) -> Source:
    """Where the waves of a brand, or its tests, come from: made with the first, and live from then on."""
    mine = Source.kind == kind, Source.is_test.is_(is_test), Source.brand_id == brand.id
    own = {"name": f"{'test' if is_test else kind.value} {brand.key}", "kind": kind, "is_test": is_test}
    about: dict[str, Any] = {"brand_id": brand.id, "timezone": brand.timezone, "currency": brand.currency}
    found = db.session.scalars(select(Source).where(*mine)).first()
    return found or added(Source(**own, **about, grounds={}, mapping={}, live_at=now, created_at=now))
