"""What arrives: a cleaned row, or the reason why there is none, and the words both use."""

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from npsapp.customers.rules import ContactKind
from npsapp.intake import columns
from npsapp.lib import addresses, phones
from npsapp.lib.texts import N_, Worded

LONGEST_ID = 80
LONGEST_TITLE = 120
LONGEST_PROPERTY = 80
MOST_PROPERTIES = 8
SHOWN_VALUE = 80  # of an offending cell
FEWEST_DIGITS = 5  # of what was meant as a phone number
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # 0001-01-01 and 1900-01-00 are how programs write "no date"
AHEAD = timedelta(days=1)  # a till's clock or another zone; later dates are mistakes


class RejectReason(Worded):
    """Why a row is not taken in, and what to do about it."""

    NO_DATE = "no_date", N_("The date is missing. Fill in the date of the purchase.")
    BAD_DATE = "bad_date", N_("The date cannot be read. Write it as 31.12.2026 14:30 or 2026-12-31.")
    FUTURE_DATE = "future_date", N_("The date lies in the future. People are asked about what has happened.")
    EARLY_DATE = "early_date", N_("The date is not plausible. Fill in the real date of the purchase.")
    NO_IDENTITY = "no_identity", N_("Identifier, number and address are all missing. Fill in one of them.")
    BAD_EMAIL = "bad_email", N_("The e-mail address is not valid. Correct it, or empty the cell.")
    BAD_AMOUNT = "bad_amount", N_("The amount is not a number. Write it as 1234.50 or 1 234,50.")
    BAD_CURRENCY = "bad_currency", N_("The currency is not known. Write its three letters, such as UAH.")
    BAD_YES_NO = "bad_yes_no", N_("The cell says neither yes nor no. Write one of them, or empty the cell.")
    TOO_LONG = "too_long", N_("The identifier is longer than 80 characters. Use a shorter one.")
    TOO_MANY_CELLS = (
        "too_many_cells",
        N_("The row has more cells than the heading. Put texts with the delimiter into quotation marks."),
    )
    REPEATED_NUMBER = (
        "repeated_number",
        N_("The same number belongs to another purchase. Add a column external_id that tells them apart."),
    )
    UNKNOWN_BRAND = "unknown_brand", N_("The brand is not known. Correct its name, or add the brand first.")
    UNKNOWN_TOUCHPOINT = (
        "unknown_touchpoint",
        N_("The touchpoint is not known. Use the key or the name of one, or add it first."),
    )
    NO_TOUCHPOINT = ("no_touchpoint", N_("The row names no touchpoint, and none was chosen for the file. Choose one."))
    WRONG_TYPE = "wrong_type", N_("The value has another type than described. See the description of the API.")
    UNKNOWN_WORD = "unknown_word", N_("The value is none of those described. See the description of the API.")
    NO_SALE = (
        "no_sale",
        N_("The document is no sale, or a payment or return that names no order. Nothing has to be done."),
    )
    PURCHASE_UNKNOWN = (
        "purchase_unknown",
        N_("What it takes back is not known yet. It is kept, and counts as soon as that purchase arrives."),
    )
    NOT_WRITABLE = "not_writable", N_("The row could not be stored. Look for unusual characters in it.")


class ReceivedState(Worded):
    """What became of something a CRM or another program sent."""

    RECEIVED = "received", N_("waiting")
    DONE = "done", N_("Read")
    IGNORED = "ignored", N_("nothing to do")
    FAILED = "failed", N_("not read")


class DocumentKind(Worded):
    """What kind of document an interaction comes from."""

    ORDER = "order", N_("order")
    SHIPMENT = "shipment", N_("shipment")
    RETAIL_SALE = "retail_sale", N_("sale in a shop")
    PAYMENT = "payment", N_("payment")
    RETURN = "return", N_("return")
    OTHER = "other", N_("other")


class DocumentState(Worded):
    """How far a document is."""

    OPEN = "open", N_("not completed")
    COMPLETED = "completed", N_("completed")
    CANCELLED = "cancelled", N_("cancelled")
    RETURNED = "returned", N_("returned")


@dataclass(frozen=True)
class Rejection:
    """A row that is not taken in: line, reason, the field of the column, the cell (at most 80 characters)."""

    line: int
    reason: RejectReason
    column: str = ""
    value: str = ""


@dataclass(slots=True)
class InteractionRow:
    """One acceptable row, cleaned. Texts may be empty; `amount` is a decimal number as text."""

    line: int
    external_id: str
    """Identity inside the source, see `Checker`."""
    happened_at: datetime
    numbered: bool = False
    """Whether the identity is the number in its year, and so less certain than an identifier."""
    number: str = ""
    brand_id: int | None = None
    touchpoint_id: int | None = None
    unit: str = ""
    region: str = ""
    performers: Sequence[tuple[str, str]] = ()
    """(role, name)."""
    segment: str = ""
    title: str = ""
    product_group: str = ""
    partner: str = ""
    amount: str = ""
    currency: str = ""
    customer_id: str = ""
    customer_name: str = ""
    email: str = ""
    phone: str = ""
    more: Sequence[tuple[str, str]] = ()
    """Further addresses: ("email" or "phone", value)."""
    wrong: Sequence[tuple[str, str]] = ()
    """The same of what stands in the place of an address and is none."""
    language: str = ""
    consents: dict[str, bool] = field(default_factory=dict)
    """Channel → yes or no; channels without a word in the file are left out."""
    is_key: bool | None = None
    cancelled: bool | None = None
    """Taken back or not; None when the row does not say."""
    kind: str = ""
    """A value of `DocumentKind`."""
    basis: str = ""
    """Number or id of the document it belongs to: a shipment's order."""
    state: str = ""
    """A value of `DocumentState`; empty: not said."""
    status_raw: str = ""
    """The source's own word for the state, which people may map."""
    made: str = ""
    """When the package that brought it was made (UTC, as text that sorts); empty: not said."""
    undated: bool = False
    """It says no date and so can only change what is known; `happened_at` is then the moment of reading."""
    properties: dict[str, str] = field(default_factory=dict)
    """At most eight."""
    person_kind: str = ""
    """`company`, `person`, or empty: not said."""
    grounds: dict[str, str] = field(default_factory=dict)
    """Channel → ground that the row itself names, other than the customer's consent."""
    said: int = field(default=0, kw_only=True)
    """Digest of all this, see `unpacked`; 0: none."""

    def put_addresses(self, emails: str, numbers: str, country: str) -> None:
        """Set the addresses that stand in two texts; what is mistyped is kept where no good one stands beside it."""
        found = addresses.addresses_in(emails) if emails else []
        called = phones.numbers_in(numbers, country) if numbers else []
        self.email, self.phone = found[0] if found else "", called[0] if called else ""
        if len(found) > 1 or len(called) > 1:
            self.more = (*(("email", one) for one in found[1:]), *(("phone", one) for one in called[1:]))
        if emails and not found and not addresses.made_up(emails):
            self.wrong = (("email", emails[: addresses.LONGEST]),)
        if numbers and not called and sum(map(str.isdigit, numbers)) >= FEWEST_DIGITS:
            self.wrong = (*self.wrong, ("phone", numbers[:SHOWN_VALUE]))

    @property
    def reached(self) -> dict[str, Any]:
        """The addresses, as people are looked for by them."""
        found: dict[str, Any] = {"email": self.email, "phone": self.phone}
        if self.more or self.wrong:
            kinds = {"more": self.more, "wrong": self.wrong}
            found |= {name: tuple((ContactKind(kind), text) for kind, text in some) for name, some in kinds.items()}
        return found

    def put_name(self, name: str) -> bool:
        """Set the customer's name, after the addresses; False where it is nobody's, such as "retail buyer"."""
        if columns.nobody(name):
            self.wrong = self.wrong if self.customer_id else ()
            return False
        self.customer_name = name
        return True


_KEPT = [name for name in InteractionRow.__slots__ if name != "said"]
_values = attrgetter(*_KEPT)
_encoded = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), default=datetime.isoformat
).encode


def packed(rows: Iterable[InteractionRow]) -> str:
    """Rows as they are kept while they wait: the names of the fields, then a line for each, e-mail and JSON list."""
    return "\n".join([_encoded(_KEPT), *(f"{row.email}\t{_encoded(_values(row))}" for row in rows)])


def unpacked(text: str, *, key: bytes = b"", every: int = 1) -> list[InteractionRow]:
    """The rows again, each with a digest of what it says and of `key` (at most 64 bytes), but not of its line.

    `every`: only those of every n-th person, by e-mail address, and every n-th of those without one.
    """
    names, *lines = text.split("\n")
    if every > 1:
        who = (zlib.crc32(line.partition("\t")[0].encode()) or at for at, line in enumerate(lines))
        lines = [line for line, number in zip(lines, who, strict=True) if number % every == 0]
    lines = [line.partition("\t")[2] for line in lines]
    kept = json.loads(names)
    rows = []
    for values, line in zip(json.loads(f"[{','.join(lines)}]"), lines, strict=True):
        row = InteractionRow(*values) if kept == _KEPT else _of_before(kept, values)
        row.happened_at = datetime.fromisoformat(values[2])
        row.performers = tuple([(role, name) for role, name in row.performers])
        if row.more or row.wrong:
            row.more, row.wrong = (tuple([(kind, text) for kind, text in some]) for some in (row.more, row.wrong))
        content = hashlib.blake2b(line.partition(",")[2].encode(), digest_size=8, key=key)
        row.said = int.from_bytes(content.digest(), "big", signed=True)
        rows.append(row)
    return rows


def _of_before(names: Sequence[str], values: Sequence[Any]) -> InteractionRow:
    """A row that an earlier version kept: with other fields than now."""
    return InteractionRow(**{name: value for name, value in zip(names, values, strict=True) if name in _KEPT})


@dataclass(frozen=True)
class Setting:
    """What is known about a file before its first row. Names are folded (`organization.rules.fold`)."""

    zone: ZoneInfo
    """Of times that come without one."""
    now: datetime
    brands: Mapping[str, int] = field(default_factory=dict)
    touchpoints: Mapping[str, int] = field(default_factory=dict)
    country: str = ""
    """Of phone numbers without a country code; empty: the zone's."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the connection, by its kind."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the batch."""
    ahead: list[datetime] = field(default_factory=list)
    """A moment that was not taken because it lies ahead of `now`: read later, the file says something else."""

    def is_ahead(self, moment: datetime, by: timedelta = AHEAD) -> bool:
        """Whether a moment lies too far ahead of `now`; that is remembered."""
        if moment <= self.now + by:
            return False
        self.ahead[:] = [moment]
        return True

    @property
    def phone_country(self) -> str:
        """How a number without a country code is read (ISO 3166)."""
        return self.country or phones.country_of_zone(self.zone.key)
