"""Sources, imported files with their rows, and the interactions that came of them."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.customers.models import Customer
from npsapp.db import Base, Numbered, code
from npsapp.lib.texts import N_, Worded
from npsapp.organization.models import Brand, Region, Segment, Unit
from npsapp.surveys.models import Touchpoint

PLANNING = "planning"
"""The deed (see `db.alone`) of reading or changing whom to ask; imports too: their people and purchases decide it."""


class SourceKind(StrEnum):
    """What kind of program or place interactions come from."""

    FILE = "file"
    DEMO = "demo"


class BatchState(Worded):
    """How far a file is: read and checked as a whole first, then applied in chunks."""

    UPLOADED = "uploaded", N_("uploaded")
    STAGING = "staging", N_("being read")
    STAGED = "staged", N_("waiting for your confirmation")
    APPLYING = "applying", N_("being imported")
    DONE = "done", N_("imported")
    REFUSED = "refused", N_("refused")
    UNDONE = "undone", N_("undone")


class Source(Numbered):
    """Where interactions come from; starts in trial: it reads and counts, and nobody is asked."""

    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[SourceKind] = mapped_column(code(SourceKind, "kind"))
    brand_id: Mapped[int] = mapped_column(ForeignKey("brand.id"))
    touchpoint_id: Mapped[int | None] = mapped_column(ForeignKey("touchpoint.id"))
    """For rows that name none."""
    ids_are_persons: Mapped[bool] = mapped_column(default=True)
    """Whether its customer ids mean persons (files, CRMs: yes; 1C: no)."""
    timezone: Mapped[str]
    """Zone of times that come without one."""
    currency: Mapped[str]
    grounds: Mapped[dict[str, str]]
    """Default ground per channel for addresses without one: `{"email": "contract"}`; empty: none."""
    grounds_set_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    mapping: Mapped[dict[str, str]]
    """Saved columns: folded heading → field, from the last confirmed file."""
    live_at: Mapped[datetime | None]
    """When somebody took it live; None: in trial."""
    live_from: Mapped[date | None] = mapped_column(Date)
    """Interactions before this local day are not asked about; None: no such limit."""
    first_day_cap: Mapped[int | None]
    """Most letters on the first day, doubling each day after; None: no cap."""
    outbox_confirmed_at: Mapped[datetime | None]
    """An administrator agreed that letters go to the outbox while no mail server is configured."""
    is_test: Mapped[bool] = mapped_column(default=False)
    """Stands behind test invitations; no list of sources shows it."""
    created_at: Mapped[datetime]
    brand: Mapped[Brand] = relationship()
    touchpoint: Mapped[Touchpoint | None] = relationship()

    @property
    def in_trial(self) -> bool:
        return self.live_at is None


class ImportBatch(Numbered):
    """One file: its state, counts and what people chose for it."""

    __table_args__ = (
        Index(
            "ix_import_batch_open",
            "state",
            sqlite_where=text("state IN ('uploaded','staging','applying')"),
            postgresql_where=text("state IN ('uploaded','staging','applying')"),
        ),
    )

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), index=True)
    file_name: Mapped[str]
    """As the person called it."""
    stored_as: Mapped[str]
    """Random name in instance/uploads/; empty once deleted (after 90 days)."""
    sha256: Mapped[str]
    size: Mapped[int]
    """Bytes."""
    state: Mapped[BatchState] = mapped_column(code(BatchState, "state"), default=BatchState.UPLOADED)
    columns: Mapped[dict[str, str]]
    """Heading as written → field; '' means the column is ignored."""
    options: Mapped[dict[str, Any]]
    """Chosen with the file: `touchpoint_id`, `grounds`."""
    unmapped: Mapped[dict[str, Any]]
    """Values that matched nothing, with counts: `{"region": {"Полтава": 12}}`."""
    rows: Mapped[int] = mapped_column(default=0)
    applied: Mapped[int] = mapped_column(default=0)
    """Staged rows done so far; progress is applied / rows."""
    accepted: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    no_address: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(default="")
    """Why the file was refused: an English msgid …"""
    error_values: Mapped[dict[str, Any]]
    """… and its values."""
    lease_until: Mapped[datetime | None]
    """staging, applying: until when the worker that has it is believed alive."""
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    source: Mapped[Source] = relationship()

    @property
    def touchpoint_id(self) -> int | None:
        """The touchpoint of rows that name none: chosen for the file, else the source's."""
        chosen: int | None = self.options.get("touchpoint_id") or self.source.touchpoint_id
        return chosen

    @property
    def grounds(self) -> dict[str, str]:
        """The default ground per channel: chosen for the file, else the source's."""
        chosen: dict[str, str] = self.options.get("grounds", self.source.grounds)
        return chosen


class StagedRow(Numbered):
    """A checked row that waits to be applied; deleted when the batch is done."""

    __table_args__ = (UniqueConstraint("batch_id", "line"),)

    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id", ondelete="CASCADE"))
    line: Mapped[int]
    """Line or row number as the person's program shows it."""
    data: Mapped[dict[str, Any]]
    """The `intake.rules.InteractionRow` as JSON."""
    happened_at: Mapped[datetime]
    email: Mapped[str]
    phone: Mapped[str]
    """Normalised, or empty: what the preview's counts need."""


class RejectedRow(Numbered):
    """A row that was not taken in, and why."""

    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id", ondelete="CASCADE"), index=True)
    line: Mapped[int]
    reason: Mapped[str]
    """A value of `intake.rules.RejectReason`."""
    column: Mapped[str] = mapped_column(default="")
    value: Mapped[str] = mapped_column(default="")
    """The offending cell, at most 80 characters."""


class Interaction(Numbered):
    """One purchase, delivery or visit. Its dimensions are fixed at acceptance and never recomputed."""

    __table_args__ = (
        UniqueConstraint("source_id", "external_id"),
        Index("ix_interaction_undecided", "id", sqlite_where=text("undecided"), postgresql_where=text("undecided")),
        Index("ix_interaction_customer", "customer_id", "happened_at"),
        Index("ix_interaction_number", "number"),
    )

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    external_id: Mapped[str]
    """The source's id, else one made by `intake.rules` (see there)."""
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batch.id"), index=True)
    """The file that brought it first."""
    brand_id: Mapped[int] = mapped_column(ForeignKey("brand.id"))
    touchpoint_id: Mapped[int] = mapped_column(ForeignKey("touchpoint.id"))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"), index=True)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segment.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    """None: nobody is known (no id, no address)."""
    happened_at: Mapped[datetime]
    number: Mapped[str] = mapped_column(default="")
    """The receipt or order number people know."""
    title: Mapped[str] = mapped_column(default="")
    """What was bought, at most 120 characters."""
    product_group: Mapped[str] = mapped_column(default="")
    partner: Mapped[str] = mapped_column(default="")
    amount: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    currency: Mapped[str] = mapped_column(default="")
    properties: Mapped[dict[str, str]]
    """Up to eight declared properties."""
    undecided: Mapped[bool] = mapped_column(default=True)
    """Whether `invitations/` has not yet written its line about it; a queue mark, not a fact."""
    cancelled_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    customer: Mapped[Customer | None] = relationship()
    region: Mapped[Region | None] = relationship()
    unit: Mapped[Unit | None] = relationship()
    segment: Mapped[Segment | None] = relationship()
    brand: Mapped[Brand] = relationship()
    touchpoint: Mapped[Touchpoint] = relationship()
    source: Mapped[Source] = relationship()


class InteractionPerformer(Base):
    """Who served the customer, in which role."""

    interaction_id: Mapped[int] = mapped_column(ForeignKey("interaction.id", ondelete="CASCADE"), primary_key=True)
    performer_id: Mapped[int] = mapped_column(ForeignKey("performer.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(primary_key=True, default="")
