"""What the post office keeps: messages, senders and their pace, addresses not to write to, pauses."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.db import Numbered, code
from npsapp.delivery.rules import Channel, PauseCause, PauseKind, Purpose, Security, State, SuppressionReason


class Sender(Numbered):
    """A From address of a brand on one channel, and how fast it may write."""

    brand_id: Mapped[int] = mapped_column(ForeignKey("brand.id"), index=True)
    channel: Mapped[Channel] = mapped_column(code(Channel, "channel"))
    name: Mapped[dict[str, str]]
    """Display name per language."""
    address: Mapped[str]
    reply_to: Mapped[str]
    """The brand's mailbox; a customer's reply must reach people."""
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
    retired_at: Mapped[datetime | None]


class SenderRate(Numbered):
    """When a sender may write next (GCRA: theoretical arrival time)."""

    __table_args__ = (UniqueConstraint("sender_id", "domain"),)

    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"))
    domain: Mapped[str]
    """Recipient domain, or `*` for the sender as a whole."""
    next_free_at: Mapped[datetime]


class Message(Numbered):
    """One letter to one address, with a due time and a state that says where it is."""

    __table_args__ = (
        # The due-queue: only what still has to leave.
        Index(
            "ix_message_due",
            "state",
            "due_at",
            sqlite_where=text("state IN ('queued','claimed','sending','unknown')"),
            postgresql_where=text("state IN ('queued','claimed','sending','unknown')"),
        ),
        Index(
            "ix_message_batch", "batch_id", sqlite_where=text("batch_id <> ''"), postgresql_where=text("batch_id <> ''")
        ),
        Index("ix_message_log", "state", "id"),
        Index("ix_message_purpose", "purpose", "to_user_id", "created_at"),
        CheckConstraint("state <> 'sent' OR sent_at IS NOT NULL", name="sent_has_a_time"),
    )

    purpose: Mapped[Purpose] = mapped_column(code(Purpose, "purpose"))
    channel: Mapped[Channel] = mapped_column(code(Channel, "channel"))
    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"), index=True)
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
    sender: Mapped[Sender] = relationship()


class Suppression(Numbered):
    """An address we do not write to, whatever a rule says; asked before every send."""

    __table_args__ = (Index("ix_suppression_address", "channel", "address"),)

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
