"""Which column of a file means what: the fields we take in and the headings people give them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from npsapp.intake.headings import HEADINGS
from npsapp.lib.texts import N_


class Field(StrEnum):
    """What a column of a file of purchases may hold."""

    EXTERNAL_ID = "external_id"
    NUMBER = "number"
    HAPPENED_AT = "happened_at"
    BRAND = "brand"
    TOUCHPOINT = "touchpoint"
    UNIT = "unit"
    REGION = "region"
    PERFORMER = "performer"
    SEGMENT = "segment"
    TITLE = "title"
    PRODUCT_GROUP = "product_group"
    PARTNER = "partner"
    AMOUNT = "amount"
    CURRENCY = "currency"
    CUSTOMER_ID = "customer_id"
    CUSTOMER_NAME = "customer_name"
    EMAIL = "email"
    PHONE = "phone"
    LANGUAGE = "language"
    CONSENT_EMAIL = "consent_email"
    CONSENT_SMS = "consent_sms"
    CONSENT_PHONE = "consent_phone"
    KEY_CUSTOMER = "key_customer"
    STATUS = "status"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Field.EXTERNAL_ID: N_("Identifier in the other system"),
    Field.NUMBER: N_("Number of the receipt or order"),
    Field.HAPPENED_AT: N_("Date of the purchase"),
    Field.BRAND: N_("Brand"),
    Field.TOUCHPOINT: N_("Touchpoint"),
    Field.UNIT: N_("Unit (store, warehouse)"),
    Field.REGION: N_("Region"),
    Field.PERFORMER: N_("Performer (seller, courier)"),
    Field.SEGMENT: N_("Segment"),
    Field.TITLE: N_("What was bought"),
    Field.PRODUCT_GROUP: N_("Product group"),
    Field.PARTNER: N_("Partner"),
    Field.AMOUNT: N_("Amount"),
    Field.CURRENCY: N_("Currency"),
    Field.CUSTOMER_ID: N_("Identifier of the customer"),
    Field.CUSTOMER_NAME: N_("Name of the customer"),
    Field.EMAIL: N_("E-mail"),
    Field.PHONE: N_("Phone"),
    Field.LANGUAGE: N_("Language"),
    Field.CONSENT_EMAIL: N_("Consent to letters"),
    Field.CONSENT_SMS: N_("Consent to SMS"),
    Field.CONSENT_PHONE: N_("Consent to calls"),
    Field.KEY_CUSTOMER: N_("Key customer"),
    Field.STATUS: N_("State of the order"),
}

HEADING_WITHIN = 30  # rows: above the heading stand title, period and filter of a printed report
ADDRESSES = (Field.EMAIL, Field.PHONE)
IDENTITIES = (Field.EXTERNAL_ID, Field.NUMBER, *ADDRESSES)

_MEANINGLESS = re.compile(r"[\W_]+")


def normal_heading(text: object) -> str:
    """The form in which headings are compared: case, blanks, punctuation, ё and apostrophes do not count."""
    plain = str(text or "").casefold().replace("ё", "е").replace("№", "номер ").replace("\ufeff", "")
    return _MEANINGLESS.sub("", plain)


def _known() -> dict[str, list[tuple[int, Field]]]:
    """Normal heading: the fields it may mean, each with its rank (0 = the field's own name, then 1, 2, 3)."""
    found: dict[str, list[tuple[int, Field]]] = {normal_heading(field.value): [(0, field)] for field in Field}
    for entry in re.split(r"\n(?! )", HEADINGS.strip()):
        name, _, text = entry.partition(":")
        for rank, group in enumerate(text.split("|"), start=1):
            for heading in group.split(","):
                if normal := normal_heading(heading):
                    found.setdefault(normal, []).append((rank, Field(name)))
    return found


_KNOWN = _known()


@dataclass(frozen=True)
class Layout:
    """Where the heading row stands (line from 1), its texts, and which column (from 0) holds which field."""

    line: int
    titles: tuple[str, ...]
    columns: Mapping[Field, int]

    @property
    def missing(self) -> tuple[str, ...]:
        """What the required columns are short of, as wording to be translated; empty when all are there."""
        faults = []
        if Field.HAPPENED_AT not in self.columns and not self._number_tells_the_date:
            faults.append(N_("the date of the purchase"))
        if not any(field in self.columns for field in IDENTITIES):
            faults.append(N_("an identifier, a number, an e-mail or a phone"))
        return tuple(faults)

    @property
    def _number_tells_the_date(self) -> bool:
        """A column "Документ" of 1C holds "Реализация БУ00-000101 от 03.11.2026 10:15:00"."""
        if Field.NUMBER not in self.columns:
            return False
        title = normal_heading(self.titles[self.columns[Field.NUMBER]])
        return any(rank > 1 and field is Field.NUMBER for rank, field in _KNOWN.get(title, []))

    @property
    def chosen(self) -> dict[str, str]:
        """Title → field, "" where a column is ignored: what a person confirms and what is kept."""
        by_column = {at: field.value for field, at in self.columns.items()}
        return {title: by_column.get(at, "") for at, title in enumerate(self.titles)}


def layout(line: int, cells: Sequence[object], known: Mapping[str, str] | None = None) -> Layout:
    """What a row means as heading row; `known` (title → field, "" = ignored) is what people chose before."""
    titles = _unique_titles(cells)
    chosen: dict[Field, int] = {}
    settled: set[int] = set()
    folded = {normal_heading(title): field for title, field in (known or {}).items()}
    for at, title in enumerate(titles):
        field = folded.get(normal_heading(title))
        if field is not None:
            settled.add(at)
            if field and Field(field) not in chosen:
                chosen[Field(field)] = at
    for _rank, at, field in sorted(_claims(titles)):
        if field not in chosen and at not in settled:
            chosen[field] = at
            settled.add(at)
    return Layout(line, titles, chosen)


def is_heading(found: Layout) -> bool:
    """Three known headings make a heading row, or two with the date among them."""
    count = len(found.columns)
    return count >= 3 or (count == 2 and Field.HAPPENED_AT in found.columns)


def _claims(titles: Sequence[str]) -> Iterator[tuple[int, int, Field]]:
    """(rank, column, field): sorted, stronger headings choose first and the leftmost wins among equals."""
    for at, title in enumerate(titles):
        for rank, field in _KNOWN.get(normal_heading(title), []):
            yield rank, at, field


def _unique_titles(cells: Sequence[object]) -> tuple[str, ...]:
    """The titles as written, each once: a second "Телефон" becomes "Телефон (2)", a blank one "(5)"."""
    seen: dict[str, int] = {}
    titles = []
    for at, cell in enumerate(cells, start=1):
        title = " ".join(str(cell if cell is not None else "").replace("\ufeff", "").split())[:120]
        seen[title] = seen.get(title, 0) + 1
        again = seen[title] > 1
        titles.append(f"{title} ({seen[title]})" if title and again else title or f"({at})")
    return tuple(titles)
