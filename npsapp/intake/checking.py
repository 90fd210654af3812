"""What makes a row of a file acceptable: cells in, a cleaned row or the reason against it out."""

import hashlib
import re
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from operator import itemgetter

from npsapp.intake import columns
from npsapp.intake.columns import LONGEST_NAME, Field, plain_texts
from npsapp.intake.rules import (
    EARLIEST,
    LONGEST_ID,
    LONGEST_PROPERTY,
    LONGEST_TITLE,
    SHOWN_VALUE,
    InteractionRow,
    Rejection,
    RejectReason,
    Setting,
)
from npsapp.lib import amounts
from npsapp.lib.tables import Cell
from npsapp.organization.rules import fold

_WITH_DATE = re.compile(r"(?i)(.*?)\s+(?:от|від|of|dated)\s+(\d{1,2}\.\d{1,2}\.\d{4}(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?)")
_PLAIN_AMOUNT = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{1,2}))?")  # the everyday form of `lib.amounts`
_CONSENTS = ((Field.CONSENT_EMAIL, "email"), (Field.CONSENT_SMS, "sms"), (Field.CONSENT_PHONE, "phone"))


class _Fault(Exception):
    """The first fault of a row; never leaves this module."""

    def __init__(self, reason: RejectReason, column: str = "", value: str = "") -> None:
        self.reason, self.column, self.value = reason, column, value


class _Seen:
    """What the rows of one file said so far: on disk, for there may be a million; it is gone with this object."""

    @cached_property
    def _kept(self) -> sqlite3.Connection:
        kept = sqlite3.connect("", isolation_level=None)  # an empty name: a file of its own, see "In-Memory Databases"
        kept.execute("PRAGMA journal_mode=OFF")
        kept.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, said) WITHOUT ROWID")
        kept.execute("BEGIN")
        return kept

    def agrees(self, key: str, said: str) -> bool:
        """Whether nothing else was said under this key before."""
        if self._kept.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, said)).rowcount:
            return True
        return bool(self._kept.execute("SELECT said = ? FROM seen WHERE key = ?", (said, key)).fetchone()[0])

    def times(self, key: str) -> int:
        """How often this key came, now included."""
        counting = "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET said = said + 1 RETURNING said"
        return int(self._kept.execute(counting, (key,)).fetchone()[0])


class Checker:
    """Checks row after row of one file: cells in, a cleaned row or the reason against it out.

    It remembers numbers and repeats, so each file needs its own.
    """

    def __init__(
        self,
        columns: Mapping[Field, int],
        width: int,
        setting: Setting,
        properties: Mapping[str, int] | None = None,
        *,
        undated: bool = False,
    ) -> None:
        """`undated`: whether rows without a date are given, which can only change what is known."""
        # A text for each field, in their order: the column's, or the empty one after the last column.
        self._texts = itemgetter(*(columns.get(name, width) for name in Field))
        self._properties = list((properties or {}).items())
        self._width = width
        self._setting = setting
        self._country = setting.phone_country
        self._undated = undated
        self._seen = _Seen()

    def check(self, line: int, cells: Sequence[Cell]) -> InteractionRow | Rejection:
        """The cleaned row, or why it is not taken in."""
        try:
            return self._row(line, cells)
        except _Fault as fault:
            return Rejection(line, fault.reason, fault.column, fault.value[:SHOWN_VALUE])

    def _row(self, line: int, cells: Sequence[Cell]) -> InteractionRow:
        cells = plain_texts(cells)
        if len(cells) != self._width:
            for beyond in filter(None, cells[self._width :]):
                raise _Fault(RejectReason.TOO_MANY_CELLS, value=beyond)
            cells = (cells + [""] * self._width)[: self._width]
        (
            id_, cell, day, brand, touchpoint, unit, region, people, segment, title, group, partner, sum_, money,
            customer, name, mail, phone, language, *consents, key, status,
        ) = self._texts([*cells, ""])  # fmt: skip
        number, written_date = _number(cell) if cell else ("", "")
        amount = _amount(sum_) if sum_ else ""
        taken_back = _taken_back(status, amount)
        undated = bool((self._undated or taken_back) and (id_ or number) and not day and not written_date)
        row = InteractionRow(
            line,
            _short(id_, Field.EXTERNAL_ID),
            self._setting.now if undated else self._moment(day or written_date),
            numbered=bool(number) and not id_,
            number=number,
            brand_id=_named(brand, Field.BRAND, self._setting.brands) if brand else None,
            touchpoint_id=_named(touchpoint, Field.TOUCHPOINT, self._setting.touchpoints) if touchpoint else None,
            unit=unit[:LONGEST_NAME],
            region=region[:LONGEST_NAME],
            performers=columns.performers(people) if people else (),
            segment=segment[:LONGEST_NAME],
            title=title[:LONGEST_TITLE],
            product_group=group[:LONGEST_NAME],
            partner=partner[:LONGEST_NAME],
            amount=amount,
            currency=_currency(money) if money else "",
            customer_id=customer[:LONGEST_ID],
            language=columns.language(language) if language else "",
            is_key=_yes_or_no(key, Field.KEY_CUSTOMER),
            cancelled=taken_back,
            undated=undated,
        )
        if any(consents):
            said = ((word, _yes_or_no(text, name)) for (name, word), text in zip(_CONSENTS, consents, strict=True))
            row.consents = {channel: word for channel, word in said if word is not None}
        if self._properties:
            row.properties = {key: cells[at][:LONGEST_PROPERTY] for key, at in self._properties if cells[at]}
        row.put_addresses(mail, phone, self._country)
        if name:
            row.put_name(name[:LONGEST_NAME])
        row.external_id = row.external_id or self._identity(row)
        return row

    def _moment(self, text: str) -> datetime:
        if not text:
            raise _Fault(RejectReason.NO_DATE, Field.HAPPENED_AT)
        found = amounts.moment(text, self._setting.zone)
        if found is None:
            raise _Fault(RejectReason.BAD_DATE, Field.HAPPENED_AT, text)
        if self._setting.is_ahead(found):
            raise _Fault(RejectReason.FUTURE_DATE, Field.HAPPENED_AT, text)
        if found < EARLIEST:
            raise _Fault(RejectReason.EARLY_DATE, Field.HAPPENED_AT, text)
        return found

    def _identity(self, row: InteractionRow) -> str:
        """Which interaction of the source a row without an identifier is (decisions.md 3).

        The number in its year: numbers start again every year, and one order may pass several touchpoints. Else
        a hash of day, touchpoint, address, amount and which of the like rows in the file it is.
        """
        day = row.happened_at.astimezone(self._setting.zone).date().isoformat()
        if row.number:
            identity = f"{row.number}|{day[:4]}" + (f"|{row.touchpoint_id}" if row.touchpoint_id else "")
            if not self._seen.agrees(identity, "\x1f".join((day, row.unit, row.email, row.phone))):
                raise _Fault(RejectReason.REPEATED_NUMBER, Field.NUMBER, row.number)
            return identity
        address = row.email or row.phone or next((written for _kind, written in row.wrong), "")
        if not address:
            raise _Fault(RejectReason.NO_IDENTITY)
        key = "\x1f".join((day, str(row.touchpoint_id or ""), address, row.amount))
        return "~" + hashlib.sha256(f"{key}\x1f{self._seen.times(key)}".encode()).hexdigest()[:32]


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


def _named(written: str, column: Field, known: Mapping[str, int]) -> int:
    if fold(written) not in known:
        unknown = RejectReason.UNKNOWN_BRAND if column is Field.BRAND else RejectReason.UNKNOWN_TOUCHPOINT
        raise _Fault(unknown, column, written)
    return known[fold(written)]


def _amount(text: str) -> str:
    if found := _PLAIN_AMOUNT.fullmatch(text):
        return f"{int(found[1])}.{found[2] or '':0<2}"
    if not any(map(str.isalnum, text)):
        return ""
    number = amounts.amount(text)
    if number is None:
        raise _Fault(RejectReason.BAD_AMOUNT, Field.AMOUNT, text)
    return str(number)


def _currency(text: str) -> str:
    found = columns.currency(text)
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
