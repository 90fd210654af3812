"""What the post office keeps: messages, senders and their pace, addresses not to write to, pauses."""

from datetime import datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, Text, Time, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.db import Base, Numbered, code
from npsapp.delivery.rules import (
    Channel,
    GatewayKind,
    PauseCause,
    PauseKind,
    Purpose,
    Security,
    State,
    Stop,
    SuppressionReason,
)

WAITS = "state = 'queued' AND NOT recheck"
URGENT = f"{WAITS} AND purpose IN ('staff','password','test')"


def only(which: str) -> dict[str, Any]:
    """The options of an index that holds some of the rows, on both databases."""
    return {"sqlite_where": text(which), "postgresql_where": text(which)}


class Sender(Numbered):
    """A From address of a brand on one channel, and how fast it may write."""

    brand_id: Mapped[int] = mapped_column(ForeignKey("brand.id"), index=True)
    channel: Mapped[Channel] = mapped_column(code(Channel, "channel"))
    name: Mapped[dict[str, str]]
    """Display name per language."""
    address: Mapped[str]
    reply_to: Mapped[str]
    """The brand's mailbox; a customer's reply must reach people."""
    bounce_address: Mapped[str] = mapped_column(default="")
    """Where servers return letters to (`bounces.return_address`); empty: to `address`."""
    host: Mapped[str] = mapped_column(default="")
    """Its own mail server; empty: that of the settings, and without one the outbox."""
    port: Mapped[int] = mapped_column(default=587)
    security: Mapped[Security] = mapped_column(code(Security, "security"), default=Security.STARTTLS)
    username: Mapped[str] = mapped_column(default="")
    password: Mapped[str] = mapped_column(default="")
    """Sealed with the installation's key (`lib.sealing`); empty: none."""
    per_minute: Mapped[int | None]
    """Letters a minute, 0: no limit; None: as the settings say."""
    connections: Mapped[int | None]
    """At the same time; None: as the settings say."""
    selectors: Mapped[str] = mapped_column(default="")
    """Of its DKIM keys, with spaces between; only for looking them up."""
    retired_at: Mapped[datetime | None]


class Gateway(Base):
    """How the SMS of one sender leave: through Kannel, or by the HTTP recipe of a provider. Its name there, user name
    and sealed secret stand in `Sender` (address, username, password)."""

    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"), primary_key=True)
    kind: Mapped[GatewayKind] = mapped_column(code(GatewayKind, "kind"))
    url: Mapped[str]
    recipe: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """http: a `channels.gateways.Recipe` as JSON."""
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 4))
    """Of one part; None: unknown."""
    currency: Mapped[str] = mapped_column(default="UAH")
    hours_from: Mapped[time] = mapped_column(Time, default=time(9))
    hours_until: Mapped[time] = mapped_column(Time, default=time(20))
    """Between which hours of the customer's day SMS may leave, whatever a survey's rule says."""
    sender: Mapped[Sender] = relationship()

    def cost(self, parts: int) -> Decimal | None:
        """What so many parts cost, in `currency`; None: the price is unknown."""
        return None if self.price is None else self.price * parts


class SenderRate(Numbered):
    """When a sender may write next (GCRA: theoretical arrival time), and whether it had to stop."""

    __table_args__ = (UniqueConstraint("sender_id", "domain"),)

    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"))
    domain: Mapped[str]
    """Recipient domain, or `*` for the sender as a whole."""
    next_free_at: Mapped[datetime]
    per_minute: Mapped[int | None]
    """Own number for this domain, 0: no limit; None: the usual one."""
    faults: Mapped[int] = mapped_column(default=0)
    """Refusals in a row; for `*`, those that speak against the sender."""
    last_domain: Mapped[str] = mapped_column(default="")
    """For `*`: who refused last."""
    stops: Mapped[int] = mapped_column(default=0)
    """How often it had to stop since a letter was last accepted."""
    stopped_until: Mapped[datetime | None]
    """Nothing leaves before; then one letter tries, and a person may resume at any time."""
    probing: Mapped[bool] = mapped_column(default=False)
    """One letter is trying whether the stop is over."""
    cause: Mapped[Stop | None] = mapped_column(code(Stop, "cause"))
    """Why it stopped."""
    words: Mapped[str] = mapped_column(default="")
    """What the server said, without addresses."""
    told_at: Mapped[datetime | None]
    """When administrators got a letter about this stop."""
    sender: Mapped[Sender] = relationship()


class Message(Numbered):
    """One letter to one address, with a due time and a state that says where it is."""

    __table_args__ = (
        # The due-queue: only what still has to leave.
        Index("ix_message_due", "state", "due_at", **only("state IN ('queued','claimed','sending','unknown')")),
        Index("ix_message_batch", "batch_id", **only("batch_id <> ''")),
        Index("ix_message_log", "state", "id"),
        # What a sender may take next, by time: from the common lane, and from those of slow domains.
        Index("ix_message_lane", "sender_id", "lane", "due_at", "id", "domain", **only(WAITS)),
        Index("ix_message_urgent", "sender_id", "due_at", **only(URGENT)),
        Index("ix_message_ended", "state", "ended_at"),
        Index("ix_message_refused", "to_address", "ended_at", **only("state IN ('failed','bounced')")),
        Index("ix_message_purpose", "purpose", "to_user_id", "created_at"),
        Index("ix_message_gateway_ref", "gateway_ref", **only("gateway_ref <> ''")),
        Index("ix_message_unreported", "sent_at", **only("channel = 'sms' AND state = 'sent'")),
        CheckConstraint("state <> 'sent' OR sent_at IS NOT NULL", name="sent_has_a_time"),
    )

    purpose: Mapped[Purpose] = mapped_column(code(Purpose, "purpose"))
    channel: Mapped[Channel] = mapped_column(code(Channel, "channel"))
    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"))
    brand_id: Mapped[int]
    region_id: Mapped[int | None]
    survey_id: Mapped[int | None]
    """Plain ids, so that pauses can be asked; the survey's room is downstream."""
    to_user_id: Mapped[int | None]
    """The user a staff letter goes to."""
    to_address: Mapped[str]
    to_name: Mapped[str] = mapped_column(default="")
    language: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    unsubscribe_url: Mapped[str] = mapped_column(default="")
    """Becomes List-Unsubscribe; empty for staff letters."""
    message_id: Mapped[str] = mapped_column(unique=True)
    """RFC 5322 Message-ID, made once and the same on every try."""
    refers_to: Mapped[str] = mapped_column(default="")
    """A reminder: the Message-ID of the letter it reminds of, so that mail programs show both together."""
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    useful_until: Mapped[datetime | None]
    """A letter that missed this moment expires instead of being sent late."""
    state: Mapped[State] = mapped_column(code(State, "state"), default=State.QUEUED)
    batch_id: Mapped[str] = mapped_column(default="")
    lease_until: Mapped[datetime | None]
    """claimed: when it goes back; sending: when it becomes unknown; unknown: when it is sent once more."""
    attempts: Mapped[int] = mapped_column(default=0)
    repeats: Mapped[int] = mapped_column(default=0)
    """How often it was sent again although the first try may have arrived."""
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="")
    """The server's words or ours, without addresses."""
    recheck: Mapped[bool] = mapped_column(default=False)
    """Not claimed until the room that wrote it looks again (after a pause or an hour in the queue)."""
    domain: Mapped[str] = mapped_column(default="")
    """Of the recipient, a provider's domains under its first; empty for a phone number."""
    lane: Mapped[str] = mapped_column(default="")
    """The domain, for letters that may have to wait for it alone; the others stand in one common line."""
    status: Mapped[str] = mapped_column(default="")
    """Of the last refusal, as RFC 3463 writes it ("5.1.1"); empty: nobody refused, or nobody answered."""
    ended_at: Mapped[datetime | None]
    """When it was sent, refused for good, returned or expired."""
    gateway_ref: Mapped[str] = mapped_column(default="")
    """SMS: under which id the gateway knows it; empty: under ours."""
    sender: Mapped[Sender] = relationship()


class Suppression(Numbered):
    """An address we do not write to, whatever a rule says; asked before every send."""

    __table_args__ = (
        Index("ix_suppression_address", "channel", "address"),
        Index("ix_suppression_reason", "reason", "id"),
        # For the beginning of an address on the list.
        Index("ix_suppression_begins", "address", "id", postgresql_ops={"address": "text_pattern_ops"}),
    )

    channel: Mapped[Channel] = mapped_column(code(Channel, "channel"))
    address: Mapped[str]
    brand_id: Mapped[int | None] = mapped_column(ForeignKey("brand.id"))
    """None: for every brand."""
    reason: Mapped[SuppressionReason] = mapped_column(code(SuppressionReason, "reason"))
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    """None: for ever."""
    lifted_at: Mapped[datetime | None]
    source: Mapped[str] = mapped_column(default="")
    """What told us, where we did not find out ourselves: `old:3`."""
    note: Mapped[str] = mapped_column(default="")
    """by hand: what a colleague wrote …"""
    lifted_note: Mapped[str] = mapped_column(default="")
    """… when it was released as well."""


class Pause(Numbered):
    """A stop of sending to customers: everything, one brand, region, survey or sender."""

    __table_args__ = (Index("ix_pause_open", "until"),)

    kind: Mapped[PauseKind] = mapped_column(code(PauseKind, "kind"))
    ref_id: Mapped[int | None]
    """Plain id of what is paused; None for everything."""
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    """None: until somebody resumes it."""
    cause: Mapped[PauseCause] = mapped_column(code(PauseCause, "cause"), default=PauseCause.BY_HAND)
    known_until: Mapped[datetime | None]
    """After a restore: the moment of the backup; what left later is not in this database."""
    lifted_at: Mapped[datetime | None]
    by_user_id: Mapped[int | None]
