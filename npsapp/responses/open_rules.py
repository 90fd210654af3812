"""Open links: what people without an invitation may be asked for, how often one network answers, and for how long."""

from dataclasses import dataclass
from datetime import timedelta

from npsapp.lib import phones
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_, Worded
from npsapp.responses.rules import plain

TOKEN_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105 - none that people mistake for another when they type it
TOKEN_LENGTH = 10  # 49 bits: enough for an address that hangs on a wall
REFERENCE_MAX = 60  # characters of an order number or a phone number
EDIT_FOR = timedelta(hours=1)
"""A page may change what it answered for so long; whoever comes back later gives another answer."""
PERIOD = timedelta(hours=1)
TABLET_TIMES = 15
"""A tablet stands in one network, and everybody in the store answers there."""
SAME_PERSON = timedelta(days=30)
"""An answer with the same order number or phone number within so long may be the same one again."""


class Asks(Worded):
    """Whether an open link asks for the number of the order or a phone number."""

    NOTHING = "nothing", N_("do not ask")
    OPTIONAL = "optional", N_("ask, may stay empty")
    REQUIRED = "required", N_("ask, and take no answer without it")


class NoReference(Refused):
    """The link takes no answer without a number, or somebody wants to be contacted and left none."""

    wording = N_("Please write the number of your receipt or order, or your phone number.")


class TooMany(Refused):
    """This network has given enough answers with this link for now."""

    wording = N_("Many answers have come from here in a short time. Please try again in an hour.")


@dataclass(frozen=True)
class Reference:
    """What somebody wrote to be found by."""

    text: str
    phone: str
    """The same as a phone number in E.164, if it can be one."""


def reference_from(text: str, country: str) -> Reference:
    """What was typed, on one line; `country` says how numbers without a country code are read."""
    line = " ".join(plain(text).split())[:REFERENCE_MAX]
    return Reference(line, phones.normalise(line, country) or "")
