"""Checking the rows of one file: cells in, a cleaned row or the reason against it out."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from npsapp.intake import words
from npsapp.intake.columns import Field
from npsapp.intake.rules import InteractionRow, Rejection, RejectReason
from npsapp.lib import addresses, amounts, phones
from npsapp.lib.tables import Cell
from npsapp.organization.rules import fold

LONGEST_ID = 80
LONGEST_NAME = 160
LONGEST_TITLE = 120
SHOWN_VALUE = 80  # of an offending cell
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # 0001-01-01 and 1900-01-00 are how programs write "no date"
AHEAD = timedelta(days=1)  # a till's clock or another zone; later dates are mistakes

_UNWANTED = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_WITH_DATE = re.compile(
    r"(?i)(.*?)\s+(?:от|від|of|dated)\s+(\d{1,2}\.\d{1,2}\.\d{4}(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?)"
)
_CONSENTS = ((Field.CONSENT_EMAIL, "email"), (Field.CONSENT_SMS, "sms"), (Field.CONSENT_PHONE, "phone"))


@dataclass(frozen=True)
class Setting:
    """What is known about a file before its first row. Names are folded (`organization.rules.fold`)."""

    zone: ZoneInfo
    """Of times that come without one."""
    now: datetime
    brands: Mapping[str, int] = field(default_factory=dict)
    touchpoints: Mapping[str, int] = field(default_factory=dict)

    @property
    def country(self) -> str:
        return phones.country_of_zone(self.zone.key)


class _Fault(Exception):
    """The first fault of a row; never leaves this module."""

    def __init__(self, reason: RejectReason, column: Field | None = None, value: object = "") -> None:
        self.reason, self.column, self.value = reason, column, value


class Checker:
    """Checks row after row of one file; remembers numbers and repeats, so each file needs its own."""

    def __init__(self, columns: Mapping[Field, int], width: int, setting: Setting) -> None:
        self._columns = dict(columns)
        self._width = width
        self._setting = setting
        self._country = setting.country
        self._repeats: dict[str, int] = {}
        self._numbers: dict[str, tuple[str, ...]] = {}

    def check(self, line: int, cells: Sequence[Cell]) -> InteractionRow | Rejection:
        """The cleaned row, or why it is not taken in."""
        try:
            return self._row(line, cells)
        except _Fault as fault:
            column = fault.column.value if fault.column else ""
            return Rejection(line, fault.reason, column, plain_text(fault.value)[:SHOWN_VALUE])

    def _row(self, line: int, cells: Sequence[Cell]) -> InteractionRow:
        self._refuse_overflow(cells)
        raw = {name: cells[at] for name, at in self._columns.items() if at < len(cells)}
        text = {name: plain_text(cell) for name, cell in raw.items() if cell is not None and cell != ""}
        number, written_date = _number(text.get(Field.NUMBER, ""))
        happened_at = self._moment(
            raw.get(Field.HAPPENED_AT), text.get(Field.HAPPENED_AT, "") or written_date
        )
        email, phone = self._addresses(text)
        amount = _amount(raw.get(Field.AMOUNT), text.get(Field.AMOUNT, ""))
        touchpoint = self._named(text, Field.TOUCHPOINT, RejectReason.UNKNOWN_TOUCHPOINT)
        facts = _Facts(_identifier(text), number, happened_at, email, phone, amount, touchpoint)
        name = text.get(Field.CUSTOMER_NAME, "")[:LONGEST_NAME]
        return InteractionRow(
            line=line,
            external_id=self._identity(facts, text),
            numbered=not facts.external_id and bool(number),
            happened_at=happened_at,
            number=number,
            brand_id=self._named(text, Field.BRAND, RejectReason.UNKNOWN_BRAND),
            touchpoint_id=touchpoint,
            unit=text.get(Field.UNIT, "")[:LONGEST_NAME],
            region=text.get(Field.REGION, "")[:LONGEST_NAME],
            performers=words.performers(text.get(Field.PERFORMER, "")) if Field.PERFORMER in text else [],
            segment=text.get(Field.SEGMENT, "")[:LONGEST_NAME],
            title=text.get(Field.TITLE, "")[:LONGEST_TITLE],
            product_group=text.get(Field.PRODUCT_GROUP, "")[:LONGEST_NAME],
            partner=text.get(Field.PARTNER, "")[:LONGEST_NAME],
            amount=amount,
            currency=_currency(text.get(Field.CURRENCY, "")),
            customer_id=text.get(Field.CUSTOMER_ID, "")[:LONGEST_ID],
            customer_name="" if words.nobody(name) else name,
            email=email,
            phone=phone,
            language=words.language(text.get(Field.LANGUAGE, "")) or "",
            consents=_consents(text),
            is_key=_yes_or_no(text, Field.KEY_CUSTOMER),
            cancelled=_taken_back(text.get(Field.STATUS, ""), amount),
        )

    def _refuse_overflow(self, cells: Sequence[Cell]) -> None:
        if len(cells) > self._width:
            extra = next((cell for cell in cells[self._width :] if cell not in (None, "")), None)
            if extra is not None and plain_text(extra):
                raise _Fault(RejectReason.TOO_MANY_CELLS, None, extra)

    def _moment(self, cell: Cell, text: str) -> datetime:
        if not text:
            raise _Fault(RejectReason.NO_DATE, Field.HAPPENED_AT)
        found = amounts.moment(text if cell is None or isinstance(cell, str) else cell, self._setting.zone)
        if found is None:
            raise _Fault(RejectReason.BAD_DATE, Field.HAPPENED_AT, text)
        if found > self._setting.now + AHEAD:
            raise _Fault(RejectReason.FUTURE_DATE, Field.HAPPENED_AT, text)
        if found < EARLIEST:
            raise _Fault(RejectReason.EARLY_DATE, Field.HAPPENED_AT, text)
        return found

    def _addresses(self, text: Mapping[Field, str]) -> tuple[str, str]:
        written = text.get(Field.EMAIL, "")
        emails = addresses.addresses_in(written) if written else []
        in_phone = text.get(Field.PHONE, "")
        numbers = phones.numbers_in(in_phone, self._country) if in_phone else []
        if written and not emails and not numbers and not addresses.made_up(written):
            raise _Fault(RejectReason.BAD_EMAIL, Field.EMAIL, written)
        return emails[0] if emails else "", numbers[0] if numbers else ""

    def _named(self, text: Mapping[Field, str], column: Field, reason: RejectReason) -> int | None:
        written = text.get(column, "")
        if not written:
            return None
        known = self._setting.brands if column is Field.BRAND else self._setting.touchpoints
        found = known.get(fold(written))
        if found is None:
            raise _Fault(reason, column, written)
        return found

    def _identity(self, facts: "_Facts", text: Mapping[Field, str]) -> str:
        """Which interaction of the source it is (decisions.md 3): id, else number in its year, else hash.

        Numbers start again every year, and one order may pass several touchpoints. The hash is of day,
        touchpoint, address, amount and which of the like rows in the file it is.
        """
        if facts.external_id:
            return facts.external_id
        day = facts.happened_at.astimezone(self._setting.zone).date().isoformat()
        at = f"|{facts.touchpoint}" if facts.touchpoint else ""
        if facts.number:
            identity = f"{facts.number}|{day[:4]}{at}"
            self._refuse_other_purchase(
                identity, facts, (day, text.get(Field.UNIT, ""), facts.email, facts.phone)
            )
            return identity
        if not facts.email and not facts.phone:
            raise _Fault(RejectReason.NO_IDENTITY)
        key = "\x1f".join((day, str(facts.touchpoint or ""), facts.email or facts.phone, facts.amount))
        self._repeats[key] = ordinal = self._repeats.get(key, 0) + 1
        return "~" + hashlib.sha256(f"{key}\x1f{ordinal}".encode()).hexdigest()[:32]

    def _refuse_other_purchase(self, identity: str, facts: "_Facts", said: tuple[str, ...]) -> None:
        if self._numbers.setdefault(identity, said) != said:
            raise _Fault(RejectReason.REPEATED_NUMBER, Field.NUMBER, facts.number)


@dataclass(frozen=True)
class _Facts:
    """What the identity of a row is made of."""

    external_id: str
    number: str
    happened_at: datetime
    email: str
    phone: str
    amount: str
    touchpoint: int | None


def plain_text(cell: object) -> str:
    """A cell as a person would read it: whole numbers without ".0", blanks single, no control characters."""
    if isinstance(cell, str):
        if cell.isascii() and cell.isprintable() and "  " not in cell:
            return cell.strip()
        return " ".join(_UNWANTED.sub(" ", cell).split())
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return "" if cell is None else str(cell)


def _identifier(text: Mapping[Field, str]) -> str:
    return _short(text.get(Field.EXTERNAL_ID, ""), Field.EXTERNAL_ID)


def _number(cell: str) -> tuple[str, str]:
    """The number, and the date of "Реализация товаров и услуг БУ00-000101 от 03.11.2026 10:15:00"."""
    found = _WITH_DATE.fullmatch(cell)
    if not found:
        return _short(cell, Field.NUMBER), ""
    return _short(found[1].split()[-1], Field.NUMBER), found[2]


def _short(value: str, column: Field) -> str:
    if len(value) > LONGEST_ID:
        raise _Fault(RejectReason.TOO_LONG, column, value)
    return value


def _amount(cell: Cell, text: str) -> str:
    if not text or not any(map(str.isalnum, text)):
        return ""
    found = amounts.amount(cell if isinstance(cell, (int, float)) else text)
    if found is None:
        raise _Fault(RejectReason.BAD_AMOUNT, Field.AMOUNT, text)
    return str(found)


def _currency(text: str) -> str:
    found = words.currency(text) if text else ""
    if found is None:
        raise _Fault(RejectReason.BAD_CURRENCY, Field.CURRENCY, text)
    return found


def _yes_or_no(text: Mapping[Field, str], column: Field) -> bool | None:
    written = text.get(column, "")
    if not written:
        return None
    found = words.yes_or_no(written)
    if found is None:
        raise _Fault(RejectReason.BAD_YES_NO, column, written)
    return found


def _taken_back(status: str, amount: str) -> bool | None:
    """A purchase with a negative amount is a return, whatever its state is called."""
    if amount.startswith("-"):
        return True
    return words.taken_back(status) if status else None


def _consents(text: Mapping[Field, str]) -> dict[str, bool]:
    said = ((channel, _yes_or_no(text, column)) for column, channel in _CONSENTS if column in text)
    return {channel: word for channel, word in said if word is not None}
