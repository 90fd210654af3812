"""Words of a source: names that mean nothing here are collected with their counts, and stand for what people say."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update

from npsapp.db import added, db, pairs, table, write
from npsapp.intake.models import SourceValue, ValueKind
from npsapp.intake.rules import InteractionRow
from npsapp.organization.rules import fold

MOST_VALUES = 2_000  # of one kind of a source; a column of order numbers is no list of stores
KEEP, IGNORE = "keep", "ignore"
_COUNT = update(table(SourceValue)).where(table(SourceValue).c.id == bindparam("this"))


@dataclass(slots=True)
class Word:
    """What is known of one value."""

    id: int
    target_id: int | None
    meaning: str
    count: int


class Words:
    """The words of one source while its rows are applied; after a rollback it must `forget`.

    `reading`: what is not known yet stays so, nothing is written.
    """

    def __init__(self, source_id: int, *, now: datetime, reading: bool = False) -> None:
        self._source_id, self._now, self.reading = source_id, now, reading
        self._known: dict[tuple[ValueKind, str], Word] | None = None
        self._counts: Counter[int] = Counter()
        self._touchpoints: dict[str, int] = {}

    def forget(self) -> None:
        """Look everything up again."""
        self._known = None
        self._counts.clear()
        self._touchpoints.clear()

    @property
    def known(self) -> dict[tuple[ValueKind, str], Word]:
        """By kind and folded text."""
        if self._known is None:
            mine = select(SourceValue).where(SourceValue.source_id == self._source_id)
            self._known = {
                (one.kind, one.raw): Word(one.id, one.target_id, one.meaning, one.count)
                for one in db.session.scalars(mine)
            }
        return self._known

    def target(self, kind: ValueKind, text: str) -> int | None:
        """What people said the word stands for; None: nothing."""
        word = self.known.get((kind, fold(text))) if text else None
        return word.target_id if word else None

    def collect(self, kind: ValueKind, text: str, target_id: int | None = None) -> Word | None:
        """The word, remembered if it is new; None when there are too many of its kind."""
        key = kind, fold(text)
        if key in self.known or self.reading:
            return self.known.get(key)
        if sum(known_kind is kind for known_kind, _raw in self.known) >= MOST_VALUES:
            return None
        value = SourceValue(
            source_id=self._source_id, kind=kind, raw=key[1], shown=text, target_id=target_id,
            first_at=self._now, last_at=self._now,
        )  # fmt: skip
        self.known[key] = Word(added(value).id, target_id, "", 0)
        return self.known[key]

    def understand(self, rows: Sequence[InteractionRow], declared: dict[str, str]) -> None:
        """Let rows say what people said their statuses and extra fields mean.

        `declared`: folded name of a declared property → its key.
        """
        for row in rows:
            if row.status_raw:
                word = self.collect(ValueKind.STATUS, row.status_raw)
                row.state = (word.meaning if word else "") or row.state
            if row.properties:
                row.properties = self._properties(row, declared)

    def _properties(self, row: InteractionRow, declared: dict[str, str]) -> dict[str, str]:
        """Extra fields under their declared keys; those that stand for a column of ours are moved there."""
        kept: dict[str, str] = {}
        for name, value in row.properties.items():
            if key := declared.get(fold(name)):
                kept[key] = value
                continue
            word = self.collect(ValueKind.PROPERTY, name)
            meaning = word.meaning if word else IGNORE
            if meaning in COLUMNS:
                setattr(row, COLUMNS[meaning], getattr(row, COLUMNS[meaning]) or value)
            elif meaning == ValueKind.PERFORMER:
                row.performers = (*row.performers, ("", value))
            elif meaning == ValueKind.TOUCHPOINT:
                self._touchpoint(row, value)
            elif meaning != IGNORE:
                kept[name] = value
        return kept

    def _touchpoint(self, row: InteractionRow, name: str) -> None:
        if word := self.collect(ValueKind.TOUCHPOINT, name):
            row.touchpoint_id = word.target_id or row.touchpoint_id
            self._touchpoints[row.external_id] = word.id

    def of(self, row: InteractionRow) -> set[int]:
        """Ids of the words of a row's status, extra fields and touchpoint."""
        ids = {self._touchpoints[row.external_id]} if row.external_id in self._touchpoints else set()
        if row.properties or row.status_raw:
            said = [(ValueKind.PROPERTY, name) for name in row.properties]
            said += [(ValueKind.STATUS, row.status_raw)] if row.status_raw else []
            ids |= {word.id for kind, text in said if (word := self.known.get((kind, fold(text))))}
        return ids

    def count(self, ids: Iterable[int]) -> None:
        """Interactions came with these words."""
        self._counts.update(ids)

    def write_counts(self) -> None:
        """Write down what was counted."""
        counted = [word for word in self.known.values() if word.id in self._counts]
        for word in counted:
            word.count += self._counts[word.id]
        if counted:
            write(_COUNT, [{"this": word.id, "count": word.count, "last_at": self._now} for word in counted])
        self._counts.clear()
        self._touchpoints.clear()


def said(source_id: int, kind: ValueKind) -> dict[str, int]:
    """Folded words of a kind → what people said they stand for."""
    mine = SourceValue.source_id == source_id, SourceValue.kind == kind, SourceValue.target_id.is_not(None)
    return pairs(select(SourceValue.raw, SourceValue.target_id).where(*mine))


COLUMNS: dict[str, str] = {ValueKind.REGION: "region", ValueKind.UNIT: "unit", ValueKind.SEGMENT: "segment"}


def joined(ids: Iterable[int]) -> str:
    """Word ids as an interaction keeps them."""
    return f",{','.join(map(str, sorted(ids)))}," if ids else ""


def parted(words: str) -> set[int]:
    """Word ids of an interaction."""
    return {int(id_) for id_ in words.split(",") if id_}
