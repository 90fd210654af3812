"""Taking in what happened to nobody: the customers' turns in monthly waves. Both need a transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from npsapp.db import db, insert_many, one_of
from npsapp.intake.models import Interaction, Source, SourceKind
from npsapp.organization.models import Brand


def take_in(rows: Sequence[dict[str, Any]], source: Source, *, now: datetime) -> None:
    """Interactions that happen now, without those that are there already (by `external_id`)."""
    ids = [row["external_id"] for row in rows]
    here = Interaction.source_id == source.id, one_of(Interaction.external_id, ids)
    there = set(db.session.scalars(select(Interaction.external_id).where(*here)))
    same = {"source_id": source.id, "happened_at": now, "accepted_at": now, "changed_at": now, "cancelled_at": None}
    insert_many(Interaction, [row for row in rows if row["external_id"] not in there], **same)


def source_of(brand: Brand, *, now: datetime) -> Source:
    """Where the waves of a brand come from: made with its first, and live from then on."""
    mine = Source.kind == SourceKind.WAVE, Source.brand_id == brand.id
    found = db.session.scalars(select(Source).where(*mine)).first()
    if found is None:
        found = Source(
            name=f"wave {brand.key}",
            kind=SourceKind.WAVE,
            brand_id=brand.id,
            timezone=brand.timezone,
            currency=brand.currency,
            grounds={},
            mapping={},
            live_at=now,
            created_at=now,
        )
        db.session.add(found)
        db.session.flush()
    return found
