"""What a file's words mean: which column holds what, and cells that say one of a few things, in three languages.

The words stand in `words.json`. Headings have up to three groups per field, stronger ones first: a weaker one is
taken only where no better column claims the field ("Подразделение" is the unit only if there is no "Склад").
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

from babel import Locale

from npsapp.lib.tables import Cell
from npsapp.lib.texts import N_, Worded

WORDS = json.loads(Path(__file__).with_name("words.json").read_text(encoding="utf-8"))
HEADING_WITHIN = 30  # rows; titles and filters of a report stand above the headings
LONGEST_NAME = 160


class Field(Worded):
    """What a column of a file of purchases may hold."""

    EXTERNAL_ID = "external_id", N_("Identifier in the other system")
    NUMBER = "number", N_("Number of the receipt or order")
    HAPPENED_AT = "happened_at", N_("Date of the purchase")
    BRAND = "brand", N_("Brand")
    TOUCHPOINT = "touchpoint", N_("Touchpoint")
    UNIT = "unit", N_("Unit (store, warehouse)")
    REGION = "region", N_("Region")
    PERFORMER = "performer", N_("Performer (seller, courier)")
    SEGMENT = "segment", N_("Segment")
    TITLE = "title", N_("What was bought")
    PRODUCT_GROUP = "product_group", N_("Product group")
    PARTNER = "partner", N_("Partner")
    AMOUNT = "amount", N_("Amount")
    CURRENCY = "currency", N_("Currency")
    CUSTOMER_ID = "customer_id", N_("Identifier of the customer")
    CUSTOMER_NAME = "customer_name", N_("Name of the customer")
    EMAIL = "email", N_("E-mail")
    PHONE = "phone", N_("Phone")
    LANGUAGE = "language", N_("Language")
    CONSENT_EMAIL = "consent_email", N_("Consent to letters")
    CONSENT_SMS = "consent_sms", N_("Consent to SMS")
    CONSENT_PHONE = "consent_phone", N_("Consent to calls")
    KEY_CUSTOMER = "key_customer", N_("Key customer")
    STATUS = "status", N_("State of the order")


FIELDS = frozenset(one.value for one in Field)
ADDRESSES = (Field.EMAIL, Field.PHONE)
IDENTITIES = (Field.EXTERNAL_ID, Field.NUMBER, *ADDRESSES)


def normal_heading(title: str) -> str:
    """The form in which headings are compared: case, blanks, punctuation, ё and apostrophes do not count."""
    return re.sub(r"[\W_]+", "", title.casefold().replace("ё", "е").replace("№", "номер "))


def _known() -> dict[str, list[tuple[int, Field]]]:
    """Normal heading: the fields it may mean, each with its rank (0 = the field's own name, then 1, 2, 3)."""
    found: dict[str, list[tuple[int, Field]]] = {}
    for meant in Field:
        for rank, group in enumerate([[meant.value], *WORDS["headings"][meant.value]]):
            for heading in group:
                found.setdefault(normal_heading(heading), []).append((rank, meant))
    return found


_KNOWN = _known()


PROPERTY = "property:"
"""Before the key of a declared property, where a column's meaning is written down."""


@dataclass(frozen=True)
class Layout:
    """Where the heading row stands (line from 1), its texts, and which column (from 0) holds which field."""

    line: int
    titles: tuple[str, ...]
    columns: Mapping[Field, int]
    properties: Mapping[str, int] = field(default_factory=dict)
    """Key of a declared property → its column."""

    @property
    def missing(self) -> tuple[str, ...]:
        """What the required columns are short of, as wording to be translated; empty when all are there."""
        faults = []
        if Field.HAPPENED_AT not in self.columns and not self._number_tells_the_date:
            faults.append(N_("the date of the purchase"))
        if not any(identity in self.columns for identity in IDENTITIES):
            faults.append(N_("an identifier, a number, an e-mail or a phone"))
        return tuple(faults)

    @property
    def _number_tells_the_date(self) -> bool:
        """A column "Документ" of 1C holds "Реализация БУ00-000101 от 03.11.2026 10:15:00"."""
        at = self.columns.get(Field.NUMBER)
        claims = _KNOWN.get(normal_heading(self.titles[at]), []) if at is not None else []
        return any(rank > 1 and meant is Field.NUMBER for rank, meant in claims)

    @property
    def chosen(self) -> dict[str, str]:
        """Title → field, "" where a column is ignored: what a person confirms and what is kept."""
        by_column = {at: meant.value for meant, at in self.columns.items()}
        by_column |= {at: PROPERTY + key for key, at in self.properties.items()}
        return {title: by_column.get(at, "") for at, title in enumerate(self.titles)}


@dataclass(frozen=True)
class Expected:
    """What is known of a file's headings beforehand."""

    chosen: Mapping[str, str] = field(default_factory=dict)
    """Title → meaning as people chose it for such files: a field, `PROPERTY` and a key, "" = ignored."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """Name of a declared property, in any spelling → its key."""


NOTHING = Expected()


def layout(line: int, cells: Sequence[object], expected: Expected = NOTHING) -> Layout:
    """What a row means as heading row: what people chose counts first, then declared properties, then our words."""
    titles = _unique_titles(cells)
    chosen = {normal_heading(title): meaning for title, meaning in expected.chosen.items()}
    declared = {normal_heading(name): PROPERTY + key for name, key in expected.properties.items()}
    claims: list[tuple[int, int, str]] = []  # sorted, stronger headings choose first, then the leftmost
    for at, heading in enumerate(map(normal_heading, titles)):
        if heading in chosen:
            claims.append((-1, at, chosen[heading]))
        elif heading in declared:
            claims.append((0, at, declared[heading]))
        else:
            claims += [(rank, at, meant.value) for rank, meant in _KNOWN.get(heading, [])]
    taken: dict[str, int] = {}
    for _rank, at, meaning in sorted(claims, key=lambda claim: claim[:2]):
        if meaning and meaning not in taken and at not in taken.values():
            taken[meaning] = at
    keys = set(declared.values())
    return Layout(
        line,
        titles,
        {Field(meaning): at for meaning, at in taken.items() if meaning in FIELDS},
        {meaning.removeprefix(PROPERTY): at for meaning, at in taken.items() if meaning in keys},
    )


def is_heading(found: Layout) -> bool:
    """Three known headings make a heading row, or two with the date among them."""
    count = len(found.columns) + len(found.properties)
    return count >= 3 or (count == 2 and Field.HAPPENED_AT in found.columns)


def _unique_titles(cells: Sequence[object]) -> tuple[str, ...]:
    """The titles as written, each once: a second "Телефон" becomes "Телефон (2)", a blank one "(5)"."""
    titles: list[str] = []
    for at, cell in enumerate(cells, start=1):
        title = " ".join(str(cell if cell is not None else "").replace("\ufeff", "").split())[:120] or f"({at})"
        while title in titles:
            title += f" ({at})"
        titles.append(title)
    return tuple(titles)


# Words in cells

_UNWANTED = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")

_YES, _NO = frozenset(WORDS["yes"]), frozenset(WORDS["no"])
_LANGUAGES, _CURRENCIES, _ROLES = (
    {str(word): str(meaning) for meaning, words in WORDS[kind].items() for word in words}
    for kind in ("languages", "currencies", "roles")
)
# "Отменён" arrives with е as well; a part that came back changes the amount, not the purchase.
_TAKEN_BACK, _NOT_TAKEN_BACK, _NOBODY = (
    re.compile("|".join(WORDS[kind])) for kind in ("taken_back", "not_taken_back", "nobody")
)


def plain_texts(cells: Sequence[Cell]) -> list[str]:
    """All cells of a row as `plain_text` gives them; a row of ordinary texts is looked at as a whole."""
    try:
        whole = "|".join(cells)  # type: ignore[arg-type]
    except TypeError:  # numbers and dates of a workbook
        whole = "\n"
    if whole.isprintable() and "  " not in whole:
        bare = " |" not in whole and "| " not in whole and whole.strip() == whole
        return list(cells) if bare else [cell.strip() for cell in cells]  # type: ignore[arg-type, union-attr]
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


def yes_or_no(text: str) -> bool | None:
    """True, False, or None when the text says neither."""
    word = text.strip().casefold().rstrip(".")
    return True if word in _YES else False if word in _NO else None


def language(text: str) -> str:
    """The code of a language, or empty: an unknown language is the same as none."""
    word = text.strip().casefold().replace("_", "-").split("-")[0].rstrip(".")
    return _LANGUAGES.get(word) or (_languages().get(word, "") if word else "")


@cache
def _languages() -> dict[str, str]:
    """Codes of two letters, and names in the program's languages → code."""
    known = [(code, name) for own in WORDS["languages"] for code, name in Locale(own).languages.items()]
    return {word.casefold(): code for code, name in known if len(code) == 2 for word in (code, name)}


@lru_cache(maxsize=1000)
def currency(text: str) -> str | None:
    """The ISO 4217 code a cell means, or None when it means none."""
    word = text.strip().casefold().rstrip(".")
    return _CURRENCIES.get(word) or (word.upper() if re.fullmatch(r"[a-z]{3}", word) else None)


@lru_cache(maxsize=1000)
def taken_back(status: str) -> bool:
    """Whether the state of an order says that it was cancelled or returned as a whole."""
    word = " ".join(status.casefold().replace("ё", "е").split())
    return bool(_TAKEN_BACK.search(word)) and not _NOT_TAKEN_BACK.search(word)


@lru_cache(maxsize=10_000)
def performers(cell: str) -> tuple[tuple[str, str], ...]:
    """(role, name) of `Name` or `seller: Name; courier: Name`; roles are free words and may be empty."""
    found = []
    for part in re.split(r"[;\n]", cell):
        role, _, name = part.rpartition(":")
        role, name = " ".join(role.casefold().split()), " ".join(name.split())[:LONGEST_NAME]
        if name:
            found.append((_ROLES.get(role, role)[:40], name))
    return tuple(dict.fromkeys(found))[:8]


@lru_cache(maxsize=5_000)
def nobody(name: str) -> bool:
    """Whether a customer's name says that nobody is known: one card stands for thousands of retail buyers."""
    return bool(_NOBODY.fullmatch(" ".join(name.casefold().split())))
