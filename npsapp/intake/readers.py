"""Readers: a file in, its heading and the rows that stand for something out, one at a time with line numbers."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from npsapp.intake.columns import ADDRESSES, HEADING_WITHIN, Field, Layout, is_heading, layout
from npsapp.lib import tables, workbooks
from npsapp.lib.tables import Cell, FileRefused, Row
from npsapp.lib.texts import N_

MOST_SHEETS = 20
SAMPLE_LINES = HEADING_WITHIN * 2  # rows may span lines

_TOTAL = re.compile(r"(?i)(?:итого|всего|разом|всього|усього|підсумок|total|grand total|subtotal)(?!\w)")
_LIKE_A_NUMBER = re.compile(r"\d{3}")


@dataclass
class Sheet:
    """A table with its heading; `rows` can be walked once."""

    layout: Layout
    rows: Iterator[Row]

    def data(self) -> Iterator[Row]:
        """The rows below the heading that stand for something: no totals, group rows, repeated headings."""
        for line, cells in self.rows:
            if line > self.layout.line and _is_data(cells, self.layout):
                yield line, cells


def open_file(path: Path, *, known: Mapping[str, str] | None = None) -> Sheet:
    """The table in a file, whatever its format; `known` (title → field) is what people chose for such files.

    Of a workbook the first visible sheet with all required columns is taken, else the first with headings.
    Raises `FileRefused` when the file cannot be read or has no heading row. It may still come while rows are
    drawn from the sheet, so nothing is applied before the last one was seen.
    """
    second_best = None
    for rows in _tables(path, known):
        heading, rows = _find_heading(rows, known)
        if heading is not None and not heading.missing:
            return Sheet(heading, rows)
        if heading is not None and second_best is None:
            second_best = Sheet(heading, rows)
    if second_best is not None:
        return second_best
    raise FileRefused(
        N_(
            "No row with column headings was found in the first %(rows)d rows. The table needs headings such "
            "as number, date, e-mail, or their Russian and Ukrainian names."
        ),
        code="no_heading",
        rows=HEADING_WITHIN,
    )


def _tables(path: Path, known: Mapping[str, str] | None) -> Iterator[Iterator[Row]]:
    if tables.is_workbook(path):
        yield from (rows for _name, rows in itertools.islice(workbooks.sheets(path), MOST_SHEETS))
    else:
        encoding = tables.encoding_of(path)
        yield tables.text_rows(path, encoding=encoding, delimiter=_delimiter(path, encoding, known))


def _delimiter(path: Path, encoding: str, known: Mapping[str, str] | None) -> str:
    """The delimiter that brings out most known headings."""
    with path.open("r", encoding=encoding, newline="") as file:
        lines = [line[:20_000] for line in itertools.islice(file, SAMPLE_LINES)]

    def headings(delimiter: str) -> int:
        found, _ = _find_heading(enumerate(csv.reader(lines, delimiter=delimiter), start=1), known)
        return len(found.columns) if found else 0

    return max(tables.DELIMITERS, key=headings)


def _find_heading(rows: Iterable[Row], known: Mapping[str, str] | None) -> tuple[Layout | None, Iterator[Row]]:
    """The heading row within the first 30, complete ones first, and all rows again from the start."""
    walk = iter(rows)
    first = list(itertools.islice(walk, HEADING_WITHIN))
    layouts = (layout(line, cells, known) for line, cells in first)
    headings = sorted((found for found in layouts if is_heading(found)), key=lambda found: bool(found.missing))
    return next(iter(headings), None), itertools.chain(first, walk)


def _is_data(cells: Sequence[Cell], heading: Layout) -> bool:
    if date := _cell(cells, heading, Field.HAPPENED_AT):
        return " ".join(date.split()) != heading.titles[heading.columns[Field.HAPPENED_AT]]
    filled = [cell for cell in cells if cell is not None and not str(cell).isspace() and cell != ""]
    label = str(filled[0]).strip() if filled else ""
    return bool(label) and not (_TOTAL.match(label) or _is_group(label, filled[1:], cells, heading))


def _is_group(label: str, others: Sequence[Cell], cells: Sequence[Cell], heading: Layout) -> bool:
    """A row of a grouped report: a name, perhaps with sums, without date and address.

    What looks like a document number is no group: it is a row whose date is missing, to be reported.
    """
    if any(_cell(cells, heading, field) for field in ADDRESSES) or _LIKE_A_NUMBER.search(label):
        return False
    return all(isinstance(cell, (int, float)) or not any(map(str.isalpha, str(cell))) for cell in others)


def _cell(cells: Sequence[Cell], heading: Layout, field: Field) -> str:
    at = heading.columns.get(field)
    return str(cells[at]).strip() if at is not None and at < len(cells) and cells[at] is not None else ""
