"""Customers, their contact points, grounds to write, holds and facts of contact."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.customers.rules import AddressFault, ContactKind, FactKind, GroundKind, HoldReason, Kept
from npsapp.db import Base, Numbered, code
from npsapp.delivery.rules import Channel


class Customer(Numbered):
    """A person (or firm) we may ask, inside one pool."""

    __table_args__ = (Index("ix_customer_name_key", "pool_id", "name_key"),)

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    name: Mapped[str] = mapped_column(default="")
    name_key: Mapped[str] = mapped_column(default="")
    """The name folded for searching (`organization.rules.fold`): SQLite cannot fold Cyrillic itself."""
    is_firm: Mapped[bool] = mapped_column(default=False)
    """A firm is never addressed by name."""
    address_as: Mapped[str] = mapped_column(default="")
    """How to address the person; empty: sentences go without a name."""
    language: Mapped[str | None]
    """None: the region's, else the brand's; never guessed from the name."""
    timezone: Mapped[str | None]
    """None: the region's, else the brand's."""
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"), index=True)
    is_key: Mapped[bool] = mapped_column(default=False)
    """A key customer: called by the head, the same day."""
    key_by: Mapped[str] = mapped_column(default="")
    """What made them one, or not: "hand" (a colleague), "rule" (a selection), else a file or program."""
    claimed_at: Mapped[datetime | None]
    """Last time an invitation was claimed for this person; surveys race for it with one conditional UPDATE."""
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"), index=True)
    created_at: Mapped[datetime]
    emptied_at: Mapped[datetime | None]
    """When everything personal was taken out of this row, because its time was over."""
    contact_points: Mapped[list["ContactPoint"]] = relationship(back_populates="customer")


class TrustedId(Numbered):
    """The id under which a source that knows persons knows this one."""

    __table_args__ = (UniqueConstraint("source_id", "external_id"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    source_id: Mapped[int]
    """Plain id: sources are downstream, in intake/."""
    external_id: Mapped[str]


class ContactPoint(Numbered):
    """One address of a customer: e-mail (lower case) or phone (E.164)."""

    __table_args__ = (
        UniqueConstraint("customer_id", "kind", "value"),
        Index("ix_contact_point_value", "pool_id", "kind", "value"),
    )

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    kind: Mapped[ContactKind] = mapped_column(code(ContactKind, "kind"))
    value: Mapped[str]
    shared: Mapped[bool] = mapped_column(default=False)
    """Another customer with another trusted id has the same address."""
    not_mine_at: Mapped[datetime | None]
    """Somebody at this address said "this was not my purchase"."""
    fault: Mapped[str] = mapped_column(default="")
    """Why it is no address (`rules.AddressFault`): the value is what was written, for people; empty: it is one."""
    created_at: Mapped[datetime]
    customer: Mapped[Customer] = relationship(back_populates="contact_points")
    grounds: Mapped[list["Ground"]] = relationship(back_populates="contact_point")

    @property
    def wrong(self) -> str:
        """What is wrong with it, to be translated; empty: nothing."""
        return AddressFault(self.fault).label if self.fault else ""


class Ground(Numbered):
    """Why we may write to a contact point on a channel, who said so and when; withdrawn ones stay as proof."""

    __table_args__ = (Index("ix_ground_contact_point", "contact_point_id", "channel"),)

    contact_point_id: Mapped[int] = mapped_column(ForeignKey("contact_point.id"))
    channel: Mapped[Channel] = mapped_column(code(Channel, "channel"))
    kind: Mapped[GroundKind] = mapped_column(code(GroundKind, "kind"))
    since: Mapped[datetime]
    set_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    """The user who set it; None: the customer, or a file's own column."""
    proof: Mapped[str] = mapped_column(default="")
    """Where the words are: `import 12, column consent_email`, `source default` …"""
    withdrawn_at: Mapped[datetime | None]
    contact_point: Mapped[ContactPoint] = relationship(back_populates="grounds")


class ContactFact(Numbered):
    """Something that counts for the quarantine; written by rooms downstream."""

    __table_args__ = (Index("ix_contact_fact_customer", "customer_id", "kind", "at"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    kind: Mapped[FactKind] = mapped_column(code(FactKind, "kind"))
    survey_id: Mapped[int | None]
    touchpoint_id: Mapped[int | None]
    """Plain ids: surveys are downstream."""
    at: Mapped[datetime]
    exempt: Mapped[bool] = mapped_column(default=False)
    """Counted, but stops nobody (recovery questions, tests)."""
    source: Mapped[str] = mapped_column(default="")
    """What told us, where it did not happen here: `old:3`."""


class Hold(Numbered):
    """A stop for one person on all channels: unsubscribed, complaint, open case …; half-open `[since, until)`."""

    __table_args__ = (Index("ix_hold_customer", "customer_id"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    reason: Mapped[HoldReason] = mapped_column(code(HoldReason, "reason"))
    source: Mapped[str] = mapped_column(default="")
    """Which room or page set it, with a plain id: `case:12`, `unsubscribe`."""
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    """None: open."""
    lifted_at: Mapped[datetime | None]


class Tag(Numbered):
    """A word on a person: put by hand, or derived from the last answer to a survey (`nps:9`, `promoter`)."""

    __table_args__ = (UniqueConstraint("customer_id", "survey_id", "name"), Index("ix_tag_name", "name", "customer_id"))

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    survey_id: Mapped[int] = mapped_column(default=0)
    """Plain id of the survey it was derived from; 0: put by hand."""
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    """Where the answer was given that it was derived from: whoever may not see that may not see the tag."""
    name: Mapped[str]
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))


class CustomerNote(Numbered):
    """What a colleague wrote down about a customer, for other colleagues."""

    __table_args__ = (Index("ix_customer_note_customer", "customer_id", "at"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    text: Mapped[str] = mapped_column(Text)


class CustomerMerge(Numbered):
    """Two customers whom colleagues found to be one person, until they are told apart again.

    Nothing moves: `Customer.merged_into_id` says who stands for whom (never over more than one step), and this row
    how it came about.
    """

    __table_args__ = (
        Index(
            "uq_customer_merge_open",
            "customer_id",
            unique=True,
            sqlite_where=text("undone_at IS NULL"),
            postgresql_where=text("undone_at IS NULL"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    into_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    """Who stood for the other from then on."""
    reason: Mapped[str]
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    last_fact_id: Mapped[int]
    last_hold_id: Mapped[int]
    """The newest facts and holds then: later ones came to both, and stay with both when they are told apart."""
    undone_at: Mapped[datetime | None]
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    undone_reason: Mapped[str] = mapped_column(default="")


class Erased(Base):
    """An address or trusted id of somebody who was erased, as a keyed hash: nobody with it is taken in again."""

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class Retention(Base):
    """How long one kind of personal data is kept; without a row its default holds (`rules.Kept`)."""

    kind: Mapped[Kept] = mapped_column(code(Kept, "kind"), primary_key=True)
    amount: Mapped[int]
    """Months or days, as the kind is counted."""
    done_on: Mapped[date | None] = mapped_column(Date)
    """The last day (UTC) on which everything past its time was taken out."""
