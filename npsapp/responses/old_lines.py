"""What the lines of a previous program's files mean: answers, refusals, bounced addresses, dates of asking."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from npsapp.customers import services as customers
from npsapp.intake import columns, readers
from npsapp.intake.columns import PROPERTY, Expected, Field, plain_texts
from npsapp.intake.rules import AHEAD, EARLIEST
from npsapp.lib import addresses, amounts, phones
from npsapp.lib.clock import zone
from npsapp.lib.tables import Cell, FileRefused
from npsapp.lib.texts import N_, Worded
from npsapp.organization.rules import fold
from npsapp.responses.rules import COMMENT_MAX

LONGEST_NAME = 120
HEADINGS: dict[str, str] = {
    heading: key
    for key, headings in json.loads(Path(__file__).with_name("old_words.json").read_text("utf-8")).items()
    for heading in headings
}
"""How columns may be called that files of purchases do not have."""


class Holds(Worded):
    """What a line of the file means by itself."""

    ANSWERS = "answers", N_("Answers")
    UNSUBSCRIBED = "unsubscribed", N_("People who unsubscribed")
    BOUNCED = "bounced", N_("Addresses that bounced")
    ASKED = "asked", N_("People who were asked, with the last date")


class Meaning(Worded):
    """What a column may hold beside those that files of purchases have, too."""

    SCORE = "score", N_("Score from 0 to 10")
    COMMENT = "comment", N_("Comment")
    UNSUBSCRIBED = "unsubscribed", N_("Unsubscribed (yes, or the date)")
    BOUNCED = "bounced", N_("Bounced (yes, or the date)")
    LAST_ASKED = "last_asked", N_("Last asked on")


USED = (
    Field.HAPPENED_AT, Field.EXTERNAL_ID, Field.EMAIL, Field.PHONE, Field.CUSTOMER_ID, Field.CUSTOMER_NAME,
    Field.REGION, Field.UNIT, Field.SEGMENT, Field.TOUCHPOINT, Field.LANGUAGE,
)  # fmt: skip
MEANINGS: dict[str, str] = {PROPERTY + one.value: one.label for one in Meaning} | {one.value: one.label for one in USED}
"""Meaning of a column as it is kept → what it is called."""
PLACES = {"region": Field.REGION, "unit": Field.UNIT, "segment": Field.SEGMENT, "touchpoint": Field.TOUCHPOINT}


class Fault(Worded):
    """Why a line is left out."""

    SCORE = "score", N_("the score is not a whole number from 0 to 10")
    DATE = "date", N_("the date is missing, cannot be read, or lies ahead")
    WORD = "word", N_("says neither yes nor no nor a date")
    NOBODY = "nobody", N_("no usable e-mail, phone or customer id")
    NOTHING = "nothing", N_("says nothing that could be taken over")


@dataclass(frozen=True, slots=True)
class OldRow:
    """One line that can be taken over."""

    line: int
    key: str
    """Which line of that program it is."""
    at: datetime | None
    score: int | None
    comment: str
    email: str
    phone: str
    customer_id: str
    name: str
    language: str
    places: Mapping[str, str]
    unsubscribed: bool
    bounced: bool
    asked: datetime | None

    @property
    def person(self) -> customers.Incoming:
        """As it is looked for; an old file changes nothing that is known, and brings no ground."""
        name = "" if self.customer_id else self.name
        return customers.Incoming(self.customer_id, name, self.email, self.phone)


@dataclass(frozen=True, slots=True)
class Left:
    """One line that is left out."""

    line: int
    fault: Fault
    value: str = ""


class _Wrong(Exception):
    def __init__(self, fault: Fault, value: str = "") -> None:
        self.fault, self.value = fault, value


@dataclass
class Reader:
    """Reads the lines of one file, the same way every time."""

    holds: Holds
    programme: str
    zone_name: str
    country: str
    knows_ids: bool
    now: datetime
    repeats: Counter[str] = field(default_factory=Counter)

    def lines(self, sheet: readers.Sheet) -> Iterator[OldRow | Left]:
        """Every line of the table, in order."""
        at = {one.value: column for one, column in sheet.layout.columns.items()} | dict(sheet.layout.properties)
        if not at:
            raise FileRefused(N_("No column is known. Say on this page what the columns mean."), code="missing_columns")
        for line, cells in sheet.rows:
            if line > sheet.layout.line and any(cell not in (None, "") for cell in cells):
                try:
                    yield self._row(line, cells, at)
                except _Wrong as wrong:
                    yield Left(line, wrong.fault, wrong.value[:80])

    def _row(self, line: int, cells: Sequence[Cell], at: Mapping[str, int]) -> OldRow:
        texts = plain_texts(cells)
        said = {name: texts[column] if column < len(texts) else "" for name, column in at.items()}
        email = next(iter(addresses.addresses_in(said.get("email", ""))), "")
        phone = next(iter(phones.numbers_in(said.get("phone", ""), self.country)), "")
        person = said.get("customer_id", "") if self.knows_ids else ""
        score = self._score(said.get("score", ""))
        stops = {kind: self._stop(kind, said.get(kind)) for kind in (Holds.UNSUBSCRIBED, Holds.BOUNCED)}
        asked_on = said.get("last_asked") or (said.get("happened_at", "") if self.holds is Holds.ASKED else "")
        asked = self._moment(asked_on) if asked_on or self.holds is Holds.ASKED else None
        at_ = self._moment(said.get("happened_at", "")) if score is not None else None
        if score is None and not asked and not any(stops.values()):
            raise _Wrong(Fault.NOTHING)
        if (asked or any(stops.values())) and not (email or phone or person) or stops[Holds.BOUNCED] and not email:
            raise _Wrong(Fault.NOBODY, said.get("email", "") or said.get("phone", ""))
        who = email or phone or said.get("customer_id", "")
        comment = said.get("comment", "")[:COMMENT_MAX]
        return OldRow(
            line, self._key(said.get("external_id", ""), (at_, score, comment, who)), at_, score, comment, email, phone,
            person, said.get("customer_name", "")[:LONGEST_NAME], columns.language(said.get("language", "")),
            {name: said[name] for name in PLACES if said.get(name)},
            stops[Holds.UNSUBSCRIBED], stops[Holds.BOUNCED], asked,
        )  # fmt: skip

    def _score(self, text: str) -> int | None:
        if not text or self.holds is not Holds.ANSWERS:
            return None
        number = amounts.amount(text)
        if number is None or number != int(number) or not 0 <= number <= 10:
            raise _Wrong(Fault.SCORE, text)
        return int(number)

    def _stop(self, kind: Holds, text: str | None) -> bool:
        """Yes, or the date of it; a line of a file of stops is one unless it says no."""
        if not text:
            return text is None and self.holds is kind
        meant = columns.yes_or_no(text)
        if meant is None and amounts.moment(text, zone(self.zone_name)) is None:
            raise _Wrong(Fault.WORD, text)
        return meant is not False

    def _moment(self, text: str) -> datetime:
        found = amounts.moment(text, zone(self.zone_name)) if text else None
        if found is None or not EARLIEST <= found <= self.now + AHEAD:
            raise _Wrong(Fault.DATE, text)
        return min(found, self.now)

    def _key(self, given: str, otherwise: tuple[Any, ...]) -> str:
        """The program's own number of the answer, else what it says and which of the like lines it is."""
        whole = f"#{given}" if given else "\x1f".join(map(str, otherwise))
        digest = hashlib.sha256(f"{fold(self.programme)}\x1f{whole}".encode()).hexdigest()[:32]
        self.repeats[digest] += 1
        return digest if given or self.repeats[digest] == 1 else f"{digest}-{self.repeats[digest]}"


def open_sheet(path: Path, chosen: Mapping[str, str]) -> readers.Sheet:
    """The table of a file, with what people said about its columns."""
    return readers.open_file(path, Expected(chosen, HEADINGS))
