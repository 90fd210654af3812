"""Connections (sources), what they sent and say, and the interactions that came of it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

from sqlalchemy import BigInteger, Date, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.customers.models import Customer
from npsapp.db import Base, Numbered, code
from npsapp.intake.rules import ReceivedState
from npsapp.lib.texts import N_, Worded
from npsapp.lib.tokens import new_token
from npsapp.organization.models import Brand, Region, Segment, Unit
from npsapp.surveys.models import Touchpoint

PLANNING = "planning"
"""The deed (see `db.alone`) of reading or changing whom to ask; imports too: their people and purchases decide it."""


def index_where(condition: str, name: str, *columns: str) -> Index:
    """An index of the few rows for which a condition holds, on both databases."""
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


class SourceKind(Worded):
    """What kind of program or place interactions come from."""

    FILE = "file", N_("Files uploaded by hand")
    DEMO = "demo", N_("Demo company")
    ONEC = "onec", N_("1C or BAS")
    API = "api", N_("Own program (API)")
    BITRIX24 = "bitrix24", N_("Bitrix24")
    AMOCRM = "amocrm", N_("amoCRM or Kommo")
    WEBHOOK = "webhook", N_("Webhook of another program")
    FOLDER = "folder", N_("Folder on this server")
    MAILBOX = "mailbox", N_("Mailbox with reports")
    WAVE = "wave", N_("Monthly waves of questions")


class ValueKind(Worded):
    """What a word of a source stands for."""

    REGION = "region", N_("Region")
    UNIT = "unit", N_("Store or department")
    TOUCHPOINT = "touchpoint", N_("Touchpoint")
    SEGMENT = "segment", N_("Segment")
    PERFORMER = "performer", N_("Employee")
    STATUS = "status", N_("Status")
    PROPERTY = "property", N_("Extra field")


class BatchState(Worded):
    """How far a file is: read and checked as a whole first, then applied in chunks."""

    UPLOADED = "uploaded", N_("uploaded")
    STAGING = "staging", N_("being read")
    STAGED = "staged", N_("waiting for your confirmation")
    APPLYING = "applying", N_("being imported")
    DONE = "done", N_("imported")
    REFUSED = "refused", N_("Rejected")
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
    key: Mapped[str] = mapped_column(unique=True, default=new_token)
    """Random, in the addresses that other programs call."""
    login: Mapped[str] = mapped_column(default="")
    """The name the other program gives with its secret."""
    secret_digest: Mapped[str] = mapped_column(default="")
    """`lib.tokens.digest` of the secret the other program sends; empty: it sends none."""
    sealed: Mapped[str] = mapped_column(default="")
    """Secrets we send, such as a mailbox's password: JSON sealed with the installation's key; see `connections`."""
    meanings: Mapped[int] = mapped_column(default=0)
    """How often people said what its words stand for: the same row may mean something else since."""
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What its kind needs, such as `{"version": "2.09"}`."""
    ask_completed: Mapped[bool] = mapped_column(default=False)
    """Whether documents that are not completed wait, instead of being asked about at once."""
    link_template: Mapped[str] = mapped_column(default="")
    """Address of an order in the other program, with {number} and {id}."""
    country: Mapped[str] = mapped_column(default="")
    """Of phone numbers without a country code (ISO 3166); empty: the country of the time zone."""
    retired_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]
    """When it last called or sent something."""
    accepted_at: Mapped[datetime | None]
    """When a record of it was last taken in, new or known."""
    alarm: Mapped[str] = mapped_column(default="")
    """What administrators were told is wrong with it (a msgid); empty: all is well."""
    created_at: Mapped[datetime]
    brand: Mapped[Brand] = relationship()
    touchpoint: Mapped[Touchpoint | None] = relationship()

    @property
    def in_trial(self) -> bool:
        return self.live_at is None


class SourceValue(Numbered):
    """A word of a source that nothing here is called, and what people said it stands for."""

    __table_args__ = (UniqueConstraint("source_id", "kind", "raw"),)

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    kind: Mapped[ValueKind] = mapped_column(code(ValueKind, "kind"))
    raw: Mapped[str]
    """Folded as names are (`organization.rules.fold`)."""
    shown: Mapped[str]
    """As it was first written."""
    count: Mapped[int] = mapped_column(default=0)
    """Interactions that came with it."""
    target_id: Mapped[int | None]
    """The region, unit, touchpoint, segment or performer it stands for; None: not said yet."""
    meaning: Mapped[str] = mapped_column(default="")
    """status: a value of `intake.rules.DocumentState`; property: a `ValueKind`, "keep" or "ignore"."""
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class Exchange(Numbered):
    """One contact with another program: what it wanted, and how it ended; the newest 200 of each source are kept."""

    __table_args__ = (Index("ix_exchange_source", "source_id", "id"),)

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    at: Mapped[datetime]
    what: Mapped[str]
    """A msgid."""
    failed: Mapped[bool] = mapped_column(default=False)
    count: Mapped[int] = mapped_column(default=0)
    """Records it was about; 0: none, or not known yet."""
    error: Mapped[str] = mapped_column(default="")
    """What went wrong and what helps: a msgid …"""
    error_values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """… and its values."""


class ImportBatch(Numbered):
    """One file: its state, counts and what people chose for it."""

    __table_args__ = (index_where("state IN ('uploaded','staging','applying')", "ix_import_batch_open", "state"),)

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
    """Chosen with the file: `touchpoint_id`, `grounds`; `format`: its reader (see `tasks`); `auto`: nobody is asked."""
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


class ApiAnswer(Numbered):
    """What the JSON API answered to a request with an Idempotency-Key: repeated for a day, then forgotten."""

    __table_args__ = (UniqueConstraint("source_id", "key"),)

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    key: Mapped[str]
    digest: Mapped[str]
    """Of the request, so that the key cannot stand for another."""
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(index=True)


class StagedPart(Numbered):
    """Some checked rows of a file, in its order, that wait to be applied; deleted once they are."""

    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id", ondelete="CASCADE"), index=True)
    rows: Mapped[str]
    """See `intake.rules.packed`."""
    count: Mapped[int]
    """How many there are …"""
    done: Mapped[int] = mapped_column(default=0)
    """… and how many of them, from the first, are applied."""
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    """When the earliest and the latest of them happened."""


class RejectedRow(Numbered):
    """A row that was not taken in, and why; or, with an `AddressFault`, what is mistyped in one that was."""

    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id", ondelete="CASCADE"), index=True)
    line: Mapped[int]
    reason: Mapped[str]
    """A value of `intake.rules.RejectReason` or `customers.rules.AddressFault`."""
    column: Mapped[str] = mapped_column(default="")
    value: Mapped[str] = mapped_column(default="")
    """The offending cell, at most 80 characters."""


class Interaction(Numbered):
    """One purchase, delivery or visit. Its dimensions are fixed at acceptance and never recomputed."""

    __table_args__ = (
        UniqueConstraint("source_id", "external_id"),
        index_where("undecided", "ix_interaction_undecided", "id"),
        Index("ix_interaction_customer", "customer_id", "happened_at"),
        Index("ix_interaction_number", "number"),
        index_where("basis <> ''", "ix_interaction_basis", "source_id", "basis"),
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
    kind: Mapped[str] = mapped_column(default="")
    """The document that brought it: a value of `intake.rules.DocumentKind`, or empty."""
    basis: Mapped[str] = mapped_column(default="")
    """Number or id of the order that document belongs to."""
    state: Mapped[str] = mapped_column(default="")
    """How far it is by all its documents: a value of `intake.rules.DocumentState`, or empty: not said."""
    said: Mapped[int] = mapped_column(BigInteger, default=0)
    """Digest of the row it stands as, and of what rows then meant: the same changes nothing again; 0: not known."""
    documents: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Its documents, see `intake.documents`; empty where the source does not tell them apart."""
    words: Mapped[str] = mapped_column(default="")
    """Ids of the `SourceValue` it came with, as ",3,17,": what is said about them later repairs it."""
    undecided: Mapped[bool] = mapped_column(default=True)
    """Whether `invitations/` has not yet written its line about it; a queue mark, not a fact."""
    asked_because: Mapped[str] = mapped_column(default="")
    """Why a colleague wants this customer asked all the same; empty: the rules alone decide."""
    cancelled_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime]
    customer: Mapped[Customer | None] = relationship()
    region: Mapped[Region | None] = relationship()
    unit: Mapped[Unit | None] = relationship()
    segment: Mapped[Segment | None] = relationship()
    brand: Mapped[Brand] = relationship()
    touchpoint: Mapped[Touchpoint] = relationship()
    source: Mapped[Source] = relationship()

    @property
    def link(self) -> str:
        """Where the order stands in the program it came from; empty: its connection does not say."""
        template = self.source.link_template
        made_here = self.external_id.startswith("~") or "|" in self.external_id
        if "{number}" in template and not self.number or "{id}" in template and made_here:
            return ""
        said = {"{number}": self.number, "{id}": self.external_id}
        for name, value in said.items():
            template = template.replace(name, quote(value, safe=""))
        return template if urlsplit(template).scheme in ("http", "https") else ""


class DocumentName(Numbered):
    """An id or number that names a document of a purchase which is not called so itself; or what waits for it."""

    __table_args__ = (
        Index("ix_document_name", "source_id", "name"),
        index_where("interaction_id IS NULL", "ix_document_name_waiting", "source_id"),
    )

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    name: Mapped[str]
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="CASCADE"), index=True)
    """None: not known yet."""
    at: Mapped[datetime]
    """When the document happened: numbers start again every year."""
    waiting: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What is kept of a return that waits, see `intake.documents`."""


class InteractionPerformer(Base):
    """Who served the customer, in which role."""

    interaction_id: Mapped[int] = mapped_column(ForeignKey("interaction.id", ondelete="CASCADE"), primary_key=True)
    performer_id: Mapped[int] = mapped_column(ForeignKey("performer.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(primary_key=True, default="")


class ReceivedBody(Numbered):
    """One call of another program, kept as it came until its time is over, so that it can be worked through again."""

    __table_args__ = (
        Index("ix_received_body_source", "source_id", "id"),
        Index("ix_received_body_at", "at"),
        index_where("state = 'received'", "ix_received_body_due", "due_at"),
    )

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    at: Mapped[datetime]
    content_type: Mapped[str]
    body: Mapped[str]
    state: Mapped[ReceivedState] = mapped_column(code(ReceivedState, "state"), default=ReceivedState.RECEIVED)
    due_at: Mapped[datetime]
    """received: when it is worked through; a worker that takes it moves this to when it is believed dead."""
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(default="")
    """What went wrong and what helps: a msgid …"""
    error_values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """… and its values."""


class SourcePoll(Base):
    """How far a portal was asked for what changed, to repair calls that never arrived."""

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), primary_key=True)
    due_at: Mapped[datetime]
    looked_to: Mapped[datetime]
    """By the portal's own clock."""
    seen: Mapped[dict[str, str]] = mapped_column(default=dict)
    """Deals of the last changes: id → version, so that they are not taken in again."""
    stages: Mapped[str] = mapped_column(default="")
    """Digest of the stages' meanings it was asked with: when they change, what came before is read again."""
