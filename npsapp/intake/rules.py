"""What makes a row of a file acceptable: cells in, a cleaned row or the reason against it out."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from npsapp.intake import columns
from npsapp.intake.columns import LONGEST_NAME, Field
from npsapp.lib import addresses, amounts, phones
from npsapp.lib.tables import Cell
from npsapp.lib.texts import N_, Worded
from npsapp.organization.rules import fold

LONGEST_ID = 80
LONGEST_TITLE = 120
LONGEST_PROPERTY = 80
SHOWN_VALUE = 80  # of an offending cell
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # 0001-01-01 and 1900-01-00 are how programs write "no date"
AHEAD = timedelta(days=1)  # a till's clock or another zone; later dates are mistakes

_UNWANTED = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_WITH_DATE = re.compile(r"(?i)(.*?)\s+(?:от|від|of|dated)\s+(\d{1,2}\.\d{1,2}\.\d{4}(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?)")
_CONSENTS = ((Field.CONSENT_EMAIL, "email"), (Field.CONSENT_SMS, "sms"), (Field.CONSENT_PHONE, "phone"))


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
    NOT_WRITABLE = "not_writable", N_("The row could not be stored. Look for unusual characters in it.")


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
    version: str = ""
    """Opaque; may be compared for equality only."""
    properties: dict[str, str] = field(default_factory=dict)
    """At most eight."""
    person_kind: str = ""
    """`company`, or empty: a person or unknown."""
    grounds: dict[str, str] = field(default_factory=dict)
    """Channel → ground that the row itself names, other than the customer's consent."""

    def to_json(self) -> dict[str, Any]:
        """What is kept while the row waits; empty values are left out."""
        kept = {name: value for name in _KEPT if (value := getattr(self, name)) or value is False}
        kept["happened_at"] = self.happened_at.isoformat()
        return kept

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "InteractionRow":
        """The row as it was kept."""
        row = cls(**data)
        row.happened_at = datetime.fromisoformat(data["happened_at"])
        row.performers = tuple((role, name) for role, name in row.performers)
        return row


_KEPT = InteractionRow.__slots__


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

    @property
    def phone_country(self) -> str:
        """How a number without a country code is read (ISO 3166)."""
        return self.country or phones.country_of_zone(self.zone.key)


class _Fault(Exception):
    """The first fault of a row; never leaves this module."""

    def __init__(self, reason: RejectReason, column: str = "", value: str = "") -> None:
        self.reason, self.column, self.value = reason, column, value


class Checker:
    """Checks row after row of one file: cells in, a cleaned row or the reason against it out.

    It remembers numbers and repeats, so each file needs its own.
    """

    def __init__(
        self, columns: Mapping[Field, int], width: int, setting: Setting, properties: Mapping[str, int] | None = None
    ) -> None:
        self._columns = list(columns.items())
        self._properties = list((properties or {}).items())
        self._width = width
        self._setting = setting
        self._country = setting.phone_country
        self._repeats: Counter[str] = Counter()
        self._numbers: dict[str, tuple[str, ...]] = {}

    def check(self, line: int, cells: Sequence[Cell]) -> InteractionRow | Rejection:
        """The cleaned row, or why it is not taken in."""
        try:
            return self._row(line, cells)
        except _Fault as fault:
            return Rejection(line, fault.reason, fault.column, fault.value[:SHOWN_VALUE])

    def _row(self, line: int, cells: Sequence[Cell]) -> InteractionRow:
        cells = plain_texts(cells)
        for beyond in filter(None, cells[self._width :]):
            raise _Fault(RejectReason.TOO_MANY_CELLS, value=beyond)
        text = defaultdict(str, {name: cells[at] for name, at in self._columns if at < len(cells)})
        number, written_date = _number(text[Field.NUMBER])
        email, phone = self._addresses(text[Field.EMAIL], text[Field.PHONE])
        amount = _amount(text[Field.AMOUNT])
        name = text[Field.CUSTOMER_NAME][:LONGEST_NAME]
        row = InteractionRow(
            line=line,
            external_id=_short(text[Field.EXTERNAL_ID], Field.EXTERNAL_ID),
            happened_at=self._moment(text[Field.HAPPENED_AT] or written_date),
            numbered=bool(number) and not text[Field.EXTERNAL_ID],
            number=number,
            brand_id=_named(text, Field.BRAND, self._setting.brands),
            touchpoint_id=_named(text, Field.TOUCHPOINT, self._setting.touchpoints),
            unit=text[Field.UNIT][:LONGEST_NAME],
            region=text[Field.REGION][:LONGEST_NAME],
            performers=columns.performers(text[Field.PERFORMER]),
            segment=text[Field.SEGMENT][:LONGEST_NAME],
            title=text[Field.TITLE][:LONGEST_TITLE],
            product_group=text[Field.PRODUCT_GROUP][:LONGEST_NAME],
            partner=text[Field.PARTNER][:LONGEST_NAME],
            amount=amount,
            currency=_currency(text[Field.CURRENCY]),
            customer_id=text[Field.CUSTOMER_ID][:LONGEST_ID],
            customer_name="" if columns.nobody(name) else name,
            email=email,
            phone=phone,
            language=columns.language(text[Field.LANGUAGE]),
            consents={
                channel: said for column, channel in _CONSENTS if (said := _yes_or_no(text[column], column)) is not None
            },
            is_key=_yes_or_no(text[Field.KEY_CUSTOMER], Field.KEY_CUSTOMER),
            cancelled=_taken_back(text[Field.STATUS], amount),
            properties={
                key: cells[at][:LONGEST_PROPERTY] for key, at in self._properties if at < len(cells) and cells[at]
            },
        )
        row.external_id = row.external_id or self._identity(row)
        return row

    def _moment(self, text: str) -> datetime:
        if not text:
            raise _Fault(RejectReason.NO_DATE, Field.HAPPENED_AT)
        found = amounts.moment(text, self._setting.zone)
        if found is None:
            raise _Fault(RejectReason.BAD_DATE, Field.HAPPENED_AT, text)
        if found > self._setting.now + AHEAD:
            raise _Fault(RejectReason.FUTURE_DATE, Field.HAPPENED_AT, text)
        if found < EARLIEST:
            raise _Fault(RejectReason.EARLY_DATE, Field.HAPPENED_AT, text)
        return found

    def _addresses(self, written: str, in_phone: str) -> tuple[str, str]:
        """The first e-mail address and phone number; a mistyped address does no harm where the phone is good."""
        emails = addresses.addresses_in(written) if written else []
        numbers = phones.numbers_in(in_phone, self._country) if in_phone else []
        if written and not emails and not numbers and not addresses.made_up(written):
            raise _Fault(RejectReason.BAD_EMAIL, Field.EMAIL, written)
        return emails[0] if emails else "", numbers[0] if numbers else ""

    def _identity(self, row: InteractionRow) -> str:
        """Which interaction of the source a row without an identifier is (decisions.md 3).

        The number in its year: numbers start again every year, and one order may pass several touchpoints. Else
        a hash of day, touchpoint, address, amount and which of the like rows in the file it is.
        """
        day = row.happened_at.astimezone(self._setting.zone).date().isoformat()
        if row.number:
            identity = f"{row.number}|{day[:4]}" + (f"|{row.touchpoint_id}" if row.touchpoint_id else "")
            said = (day, row.unit, row.email, row.phone)
            if self._numbers.setdefault(identity, said) != said:
                raise _Fault(RejectReason.REPEATED_NUMBER, Field.NUMBER, row.number)
            return identity
        if not row.email and not row.phone:
            raise _Fault(RejectReason.NO_IDENTITY)
        key = "\x1f".join((day, str(row.touchpoint_id or ""), row.email or row.phone, row.amount))
        self._repeats[key] += 1
        return "~" + hashlib.sha256(f"{key}\x1f{self._repeats[key]}".encode()).hexdigest()[:32]


def plain_texts(cells: Sequence[Cell]) -> list[str]:
    """All cells of a row as `plain_text` gives them; a row of ordinary texts is looked at as a whole."""
    try:
        whole = "|".join(cells)  # type: ignore[arg-type]
    except TypeError:  # numbers and dates of a workbook
        whole = "\n"
    if whole.isprintable() and "  " not in whole:
        return [cell.strip() for cell in cells]  # type: ignore[union-attr]
    return [plain_text(cell) for cell in cells]


def plain_text(cell: Cell) -> str:
    """A cell as a person would read it: whole numbers without ".0", blanks single, no control characters."""
    if isinstance(cell, str):
        if cell.isprintable() and "  " not in cell:
            return cell.strip()
        return " ".join(_UNWANTED.sub(" ", cell).split())
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return "" if cell is None else str(cell)


def _number(cell: str) -> tuple[str, str]:
    """The number, and the date of "Реализация товаров и услуг БУ00-000101 от 03.11.2026 10:15:00"."""
    found = _WITH_DATE.fullmatch(cell) if " " in cell else None
    if not found:
        return _short(cell, Field.NUMBER), ""
    return _short(found[1].split()[-1], Field.NUMBER), found[2]


def _short(value: str, column: Field) -> str:
    if len(value) > LONGEST_ID:
        raise _Fault(RejectReason.TOO_LONG, column, value)
    return value


def _named(text: Mapping[Field, str], column: Field, known: Mapping[str, int]) -> int | None:
    written = text[column]
    if written and fold(written) not in known:
        unknown = RejectReason.UNKNOWN_BRAND if column is Field.BRAND else RejectReason.UNKNOWN_TOUCHPOINT
        raise _Fault(unknown, column, written)
    return known[fold(written)] if written else None


def _amount(text: str) -> str:
    if not any(map(str.isalnum, text)):
        return ""
    found = amounts.amount(text)
    if found is None:
        raise _Fault(RejectReason.BAD_AMOUNT, Field.AMOUNT, text)
    return str(found)


def _currency(text: str) -> str:
    found = columns.currency(text) if text else ""
    if found is None:
        raise _Fault(RejectReason.BAD_CURRENCY, Field.CURRENCY, text)
    return found


def _yes_or_no(text: str, column: Field) -> bool | None:
    found = columns.yes_or_no(text) if text else None
    if text and found is None:
        raise _Fault(RejectReason.BAD_YES_NO, column, text)
    return found


def _taken_back(status: str, amount: str) -> bool | None:
    """A purchase with a negative amount is a return, whatever its state is called."""
    if amount.startswith("-"):
        return True
    return columns.taken_back(status) if status else None
