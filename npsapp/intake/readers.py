"""Readers: a file in, its heading and the rows that stand for something out, one at a time with line numbers."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from npsapp.intake.columns import ADDRESSES, HEADING_WITHIN, NOTHING, Expected, Field, Layout, is_heading, layout
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
        """The rows below the heading that stand for something: no totals, group rows, repeated headings.

        As long as nobody has said what the columns mean, all rows: somebody looks at the first of them.
        """
        unexplained, at = bool(self.layout.missing), self.layout.columns.get(Field.HAPPENED_AT)
        titled = at is None or self.layout.titles[at][:1].isdigit()
        for line, cells in self.rows:
            date = cells[at] if at is not None and at < len(cells) else None
            dated = isinstance(date, str) and not titled and date[:1].isdigit()  # no heading once more
            if line > self.layout.line and (dated or unexplained or _is_data(cells, self.layout)):
                yield line, cells


def open_file(path: Path, expected: Expected = NOTHING) -> Sheet:
    """The table in a file, whatever its format.

    Of a workbook the first visible sheet with all required columns is taken, else the first with headings. Without
    any heading we know, the row that looks most like headings is taken, so that a person can say what they mean.
    Raises `FileRefused` when the file cannot be read or has no heading row. It may still come while rows are
    drawn from the sheet, so nothing is applied before the last one was seen.
    """
    second_best = None
    for rows in _tables(path, expected):
        heading, rows = _find_heading(rows, expected)
        if heading is not None and not heading.missing:
            return Sheet(heading, rows)
        if heading is not None and (second_best is None or len(second_best.layout.columns) < len(heading.columns)):
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


def _tables(path: Path, expected: Expected) -> Iterator[Iterator[Row]]:
    if tables.is_workbook(path):
        yield from (rows for _name, rows in itertools.islice(workbooks.sheets(path), MOST_SHEETS))
    else:
        encoding = tables.encoding_of(path)
        yield tables.text_rows(path, encoding=encoding, delimiter=_delimiter(path, encoding, expected))


def _delimiter(path: Path, encoding: str, expected: Expected) -> str:
    """The delimiter that brings out most known headings, else the one that divides most lines alike."""
    with path.open("r", encoding=encoding, newline="") as file:
        lines = [line[:20_000] for line in itertools.islice(file, SAMPLE_LINES)]

    def divides(delimiter: str) -> tuple[int, int]:
        rows = list(csv.reader(lines, delimiter=delimiter))
        found, _ = _find_heading(enumerate(rows, start=1), expected)
        widths = Counter(len(cells) for cells in rows if len(cells) > 1)
        return len(found.columns) if found else 0, max(widths.values(), default=0)

    return max(tables.DELIMITERS, key=divides)


def _find_heading(rows: Iterable[Row], expected: Expected) -> tuple[Layout | None, Iterator[Row]]:
    """The heading row within the first 30, complete ones first, and all rows again from the start."""
    walk = iter(rows)
    first = list(itertools.islice(walk, HEADING_WITHIN))
    layouts = [layout(line, cells, expected) for line, cells in first]
    two_lines = (_joined(above, below, expected) for above, below in itertools.pairwise(first))
    known = [found for found in itertools.chain.from_iterable(zip(two_lines, layouts, strict=False)) if found]
    headings = sorted(filter(is_heading, [*known, *layouts[-1:]]), key=lambda found: bool(found.missing))
    likely = [layout(line, cells, expected) for line, cells in first if _like_headings(cells)]
    return next(iter([*headings, *likely]), None), itertools.chain(first, walk)


def _joined(above: Row, below: Row, expected: Expected) -> Layout | None:
    """Headings on two lines: cells merged over both stand in the upper one, "Contacts" stands above "Phone, E-mail".

    Only where the lower line adds headings we know, and says nothing below those the upper one has.
    """
    upper, lower = list(above[1]), list(below[1])
    width = max(len(upper), len(lower))
    upper, lower = (cells + [""] * (width - len(cells)) for cells in (upper, lower))
    whole = layout(below[0], [low or up for up, low in zip(upper, lower, strict=True)], expected)
    alone = layout(above[0], upper, expected)
    untouched = all(not lower[at] for at in alone.columns.values())
    return whole if untouched and is_heading(alone) and len(whole.columns) > len(alone.columns) else None


def _like_headings(cells: Sequence[Cell]) -> bool:
    """Two words or more, and nothing that is a number, a date or there twice."""
    filled = [str(cell).strip() for cell in cells if cell not in (None, "")]
    words = [text for text in filled if any(map(str.isalpha, text)) and "@" not in text and not text[:1].isdigit()]
    return 2 <= len(filled) == len(words) == len(set(words))


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
