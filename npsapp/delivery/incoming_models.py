"""What came back to letters, and the mailboxes it comes to."""

from datetime import datetime

from sqlalchemy import Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from npsapp.db import Numbered, code
from npsapp.delivery.bounces import Kind
from npsapp.lib.mailboxes import USUAL_PORT, Way


def _of_few(name: str, column: str, condition: str) -> Index:
    return Index(name, column, sqlite_where=text(condition), postgresql_where=text(condition))


class Incoming(Numbered):
    """What a person sent back to a letter: a reply, "unsubscribe", or "this is spam"."""

    __table_args__ = (
        Index("ix_incoming_list", "kind", "id"),
        Index("ix_incoming_message", "message_id"),
        # What the rooms downstream have not taken notice of, and what nobody has read.
        _of_few("ix_incoming_open", "id", "noted_at IS NULL"),
        _of_few("ix_incoming_unread", "region_id", "read_at IS NULL"),
    )

    kind: Mapped[Kind] = mapped_column(code(Kind, "kind"))
    at: Mapped[datetime]
    """When it was read."""
    digest: Mapped[str] = mapped_column(unique=True)
    """So that nothing is taken in twice (`bounces.digest`)."""
    message_id: Mapped[int]
    """Plain id of the letter it belongs to, which may be deleted before."""
    region_id: Mapped[int | None]
    """As in the letter, for who may see it."""
    sender: Mapped[str] = mapped_column(default="")
    """Who wrote, where that is another address than the letter went to; its name is masked."""
    subject: Mapped[str] = mapped_column(default="")
    text: Mapped[str] = mapped_column(Text, default="")
    attachments: Mapped[int] = mapped_column(default=0)
    """How many; they stay in the mailbox."""
    read_at: Mapped[datetime | None]
    """When a colleague read it; what is no reply needs no reading."""
    read_by_id: Mapped[int | None]
    noted_at: Mapped[datetime | None]
    """When its consequences for the customer were drawn; None: not yet."""


class ReturnBox(Numbered):
    """A mailbox to which letters come back."""

    way: Mapped[Way] = mapped_column(code(Way, "way"), default=Way.IMAP)
    host: Mapped[str]
    port: Mapped[int] = mapped_column(default=USUAL_PORT)
    plain: Mapped[bool] = mapped_column(default=False)
    """Without TLS, on this machine only."""
    user: Mapped[str]
    password: Mapped[str] = mapped_column(default="")
    """Sealed with the installation's key (`lib.sealing`)."""
    folder: Mapped[str] = mapped_column(default="")
    """Of IMAP; empty: INBOX."""
    tidy: Mapped[bool] = mapped_column(default=False)
    """Whether letters of machines about ours are put away once read; those of people always stay."""
    done: Mapped[str] = mapped_column(default="")
    """tidy: the folder they go to; empty: they are deleted."""
    position: Mapped[str] = mapped_column(default="")
    """Mark of the last letter read (`lib.mailboxes.Box`)."""
    looked_at: Mapped[datetime | None]
    """When it was last opened, or tried to; one worker claims it with this."""
    said: Mapped[str] = mapped_column(default="")
    """The server's words when it could not be opened."""
    count: Mapped[int] = mapped_column(default=0)
    """Letters read so far."""
