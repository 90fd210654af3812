"""What a row of a file says, and the reasons for which one is not taken in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from npsapp.lib.texts import N_


class RejectReason(StrEnum):
    """Why a row is not taken in."""

    NO_DATE = "no_date"
    BAD_DATE = "bad_date"
    FUTURE_DATE = "future_date"
    EARLY_DATE = "early_date"
    NO_IDENTITY = "no_identity"
    BAD_EMAIL = "bad_email"
    BAD_AMOUNT = "bad_amount"
    BAD_CURRENCY = "bad_currency"
    BAD_YES_NO = "bad_yes_no"
    TOO_LONG = "too_long"
    TOO_MANY_CELLS = "too_many_cells"
    REPEATED_NUMBER = "repeated_number"
    UNKNOWN_BRAND = "unknown_brand"
    UNKNOWN_TOUCHPOINT = "unknown_touchpoint"
    NO_TOUCHPOINT = "no_touchpoint"
    NOT_WRITABLE = "not_writable"

    @property
    def label(self) -> str:
        return _REASONS[self][0]

    @property
    def remedy(self) -> str:
        return _REASONS[self][1]


_REASONS = {
    RejectReason.NO_DATE: (N_("The date is missing."), N_("Fill in the date of the purchase.")),
    RejectReason.BAD_DATE: (
        N_("The date cannot be read."),
        N_("Write it as 31.12.2026 14:30 or 2026-12-31."),
    ),
    RejectReason.FUTURE_DATE: (
        N_("The date lies in the future."),
        N_("Correct the date: people are asked about what has happened."),
    ),
    RejectReason.EARLY_DATE: (N_("The date is not plausible."), N_("Fill in the real date of the purchase.")),
    RejectReason.NO_IDENTITY: (
        N_("There is no identifier, number or address."),
        N_("Fill in one of: identifier, number, e-mail, phone."),
    ),
    RejectReason.BAD_EMAIL: (
        N_("The e-mail address is not valid."),
        N_("Correct the address, or empty the cell if there is none."),
    ),
    RejectReason.BAD_AMOUNT: (N_("The amount is not a number."), N_("Write it as 1234.50 or 1 234,50.")),
    RejectReason.BAD_CURRENCY: (
        N_("The currency is not known."),
        N_("Write its three letters, such as UAH."),
    ),
    RejectReason.BAD_YES_NO: (
        N_("The cell says neither yes nor no."),
        N_("Write yes or no, or empty the cell."),
    ),
    RejectReason.TOO_LONG: (
        N_("The identifier is longer than 80 characters."),
        N_("Use a shorter identifier."),
    ),
    RejectReason.TOO_MANY_CELLS: (
        N_("The row has more cells than the heading."),
        N_("Put texts that hold the delimiter into quotation marks."),
    ),
    RejectReason.REPEATED_NUMBER: (
        N_("The same number belongs to another purchase."),
        N_("Add a column external_id that tells purchases with the same number apart."),
    ),
    RejectReason.UNKNOWN_BRAND: (
        N_("The brand is not known."),
        N_("Correct the name, or add the brand first."),
    ),
    RejectReason.UNKNOWN_TOUCHPOINT: (
        N_("The touchpoint is not known."),
        N_("Use the key or the name of a touchpoint, or add it first."),
    ),
    RejectReason.NO_TOUCHPOINT: (
        N_("The row names no touchpoint, and none was chosen for the file."),
        N_("Choose the touchpoint of the file."),
    ),
    RejectReason.NOT_WRITABLE: (
        N_("The row could not be stored."),
        N_("Look for unusual characters in the row. If there are none, tell whoever runs this program."),
    ),
}


@dataclass(frozen=True)
class Rejection:
    """A row that is not taken in: line, reason, the field of the column, the cell (at most 80 characters)."""

    line: int
    reason: RejectReason
    column: str = ""
    value: str = ""


@dataclass(frozen=True)
class InteractionRow:
    """One acceptable row, cleaned. Texts may be empty; `amount` is a decimal number as text."""

    line: int
    external_id: str
    """Identity inside the source, see `checks`."""
    happened_at: datetime
    numbered: bool = False
    """Whether the identity is the number in its year, and so less certain than an identifier."""
    number: str = ""
    brand_id: int | None = None
    touchpoint_id: int | None = None
    unit: str = ""
    region: str = ""
    performers: list[tuple[str, str]] = field(default_factory=list)
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

    def to_json(self) -> dict[str, Any]:
        """What is kept while the row waits; empty values are left out."""
        kept = {name: value for name, value in self.__dict__.items() if value not in ("", None, [], {})}
        kept["happened_at"] = self.happened_at.isoformat()
        return kept

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "InteractionRow":
        """The row as it was kept."""
        return cls(
            **{
                **data,
                "happened_at": datetime.fromisoformat(data["happened_at"]),
                "performers": [(role, name) for role, name in data.get("performers", [])],
            }
        )
