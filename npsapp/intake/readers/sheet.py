"""One table: finding its heading row and telling its data rows from titles, group rows and totals."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from npsapp.intake.columns import ADDRESSES, HEADING_WITHIN, Field, Layout, is_heading, layout
from npsapp.lib.tables import Cell, FileRefused, Row
from npsapp.lib.texts import N_

_TOTAL = re.compile(r"(?i)(?:итого|всего|разом|всього|усього|підсумок|total|grand total|subtotal)(?!\w)")
_LIKE_A_NUMBER = re.compile(r"\d{3}")


@dataclass
class Sheet:
    """A table with its heading; `rows` can be walked once."""

    layout: Layout
    rows: Iterator[Row]
    encoding: str = ""
    """Of a text file; empty for workbooks."""

    def data(self) -> Iterator[Row]:
        """The rows below the heading that stand for something: no totals, group rows, repeated headings."""
        for line, cells in self.rows:
            if line > self.layout.line and _is_data(cells, self.layout):
                yield line, cells


def find_heading(rows: Iterable[Row], known: Mapping[str, str] | None) -> tuple[Layout | None, Iterator[Row]]:
    """The heading row within the first 30, complete ones first, and all rows again from the start."""
    walk = iter(rows)
    first = list(itertools.islice(walk, HEADING_WITHIN))
    layouts = (layout(line, cells, known) for line, cells in first if _texts(cells) >= 2)
    headings = [found for found in layouts if is_heading(found)]
    best = next((found for found in headings if not found.missing), None) or next(iter(headings), None)
    return best, itertools.chain(first, walk)


def no_heading() -> FileRefused:
    """The refusal of a file in which no heading row was found."""
    return FileRefused(
        N_(
            "No row with column headings was found in the first %(rows)d rows. The table needs headings such "
            "as number, date, e-mail, or their Russian and Ukrainian names."
        ),
        code="no_heading",
        rows=HEADING_WITHIN,
    )


def _texts(cells: Sequence[Cell]) -> int:
    return sum(isinstance(cell, str) and bool(cell.strip()) for cell in cells)


def _is_data(cells: Sequence[Cell], heading: Layout) -> bool:
    filled = [cell for cell in cells if cell is not None and (not isinstance(cell, str) or cell.strip())]
    if not filled:
        return False
    if _cell(cells, heading, Field.HAPPENED_AT):
        return not _repeats_heading(cells, heading)
    label = str(filled[0]).strip()
    return not (_TOTAL.match(label) or _is_group(label, filled[1:], cells, heading))


def _repeats_heading(cells: Sequence[Cell], heading: Layout) -> bool:
    return all(
        " ".join(str(cells[at] or "").split()) == heading.titles[at]
        for at in heading.columns.values()
        if at < len(cells)
    )


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
