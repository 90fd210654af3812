"""Whether we may write to somebody, and how a person is addressed."""

from calendar import monthrange
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from npsapp.delivery.rules import Channel
from npsapp.lib.addresses import masked as masked
from npsapp.lib.texts import N_, Worded


class ContactKind(StrEnum):
    """What kind of address a contact point is."""

    EMAIL = "email"
    PHONE = "phone"


class AddressFault(Worded):
    """Why nothing is ever sent to what a file gave as an address; kept until a good one of its kind comes."""

    EMAIL = "email", N_("mistyped: not an e-mail address")
    PHONE = "phone", N_("mistyped: not a telephone number")


class GroundKind(StrEnum):
    """The legal ground on which a channel is used."""

    CONSENT = "consent"
    CONTRACT = "contract"
    INTEREST = "interest"


class FactKind(StrEnum):
    """A fact of contact that counts for the quarantine."""

    INVITED = "invited"
    ANSWERED = "answered"
    REFUSED = "refused"
    CALLED = "called"


class HoldReason(Worded):
    """Why a person is left alone for a while or for ever."""

    UNSUBSCRIBED = "unsubscribed", N_("unsubscribed")
    LATER = "later", N_("asked not to be asked for six months")
    REFUSED = "refused", N_("refused")
    OPEN_CASE = "open_case", N_("has an open case")
    COMPLAINT = "complaint", N_("has complained")
    STAFF = "staff", N_("works here")
    BY_HAND = "by_hand", N_("put on hold by hand")


class Stop(StrEnum):
    """Why we do not write to somebody on a channel; the first that applies, in this order."""

    NOT_MINE = "not_mine"
    SUPPRESSED = "suppressed"
    NO_GROUND = "no_ground"


# Messages over mobile networks need a consent that can be proved (method.md 4.4); a contract is not enough.
GROUNDS_FOR: dict[Channel, frozenset[GroundKind]] = {
    Channel.EMAIL: frozenset(GroundKind),
    Channel.SMS: frozenset({GroundKind.CONSENT}),
    Channel.PHONE: frozenset(GroundKind),
    Channel.EXTERNAL: frozenset(GroundKind),
}


def why_not(
    channel: Channel,
    grounds: Collection[tuple[GroundKind, datetime | None]],
    *,
    not_mine: bool = False,
    suppressed: bool = False,
    consent_only: bool = False,
) -> Stop | None:
    """The first reason not to write to one address of one person on this channel, or None when we may.

    `grounds` of this channel, each with the moment it was withdrawn. A withdrawal outweighs every ground: a file
    that comes later cannot take it back (decisions.md 4). `consent_only`: the firm accepts no other ground.
    """
    if not_mine:
        return Stop.NOT_MINE
    if suppressed:
        return Stop.SUPPRESSED
    withdrawn = any(withdrawn_at for _, withdrawn_at in grounds)
    accepted = {GroundKind.CONSENT} if consent_only else GROUNDS_FOR[channel]
    good = not withdrawn and any(kind in accepted for kind, _ in grounds)
    return None if good else Stop.NO_GROUND


class Choice(StrEnum):
    """What a person may choose on the page behind "unsubscribe"."""

    LATER = "later"
    NO_LETTERS = "no_letters"
    NOTHING = "nothing"

    @property
    def hold(self) -> HoldReason:
        """The hold it becomes."""
        return HoldReason.LATER if self is Choice.LATER else HoldReason.UNSUBSCRIBED


LATER_MONTHS = 6


def months_after(moment: datetime, months: int) -> datetime:
    """The same day of a later month, or its last day if that month is shorter."""
    year, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + year, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))


class Kept(Worded):
    """What holds personal data and is emptied after a time (decisions.md 15)."""

    PERSONS = "persons", N_("People: names, addresses, words, after the last purchase or visit")
    LETTERS = "letters", N_("Letters: address, subject and text")
    LINKS = "links", N_("What links did: opened, when, from which network")
    FILES = "files", N_("Imported files as they were uploaded")

    @property
    def in_months(self) -> bool:
        """Whether its time is counted in months; else in days."""
        return self in {Kept.PERSONS, Kept.LETTERS}

    @property
    def usual(self) -> int:
        """How long it is kept when nobody said otherwise."""
        return {Kept.PERSONS: 24, Kept.LETTERS: 13, Kept.LINKS: 90, Kept.FILES: 90}[self]


def kept_since(kind: Kept, amount: int, *, now: datetime) -> datetime:
    """What is older than this moment has been kept long enough; `amount` are months or days."""
    return months_after(now, -amount) if kind.in_months else now - timedelta(days=amount)
