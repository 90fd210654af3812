"""Workbooks (XLSX, XLS, ODS) as a sheet: the first visible sheet with a complete heading row."""

from collections.abc import Mapping
from pathlib import Path

from npsapp.intake.readers.sheet import Sheet, find_heading, no_heading
from npsapp.lib import tables, workbooks

MOST_SHEETS = 20


def read(path: Path, *, known: Mapping[str, str] | None, limits: tables.Limits) -> Sheet:
    """The table in a workbook; a sheet without the required columns is taken only if there is no better."""
    second_best = None
    for number, (_name, rows) in enumerate(workbooks.sheets(path, limits)):
        if number == MOST_SHEETS:
            break
        heading, rows = find_heading(rows, known)
        if heading is not None and not heading.missing:
            return Sheet(heading, rows)
        if heading is not None and second_best is None:
            second_best = Sheet(heading, rows)
    if second_best is None:
        raise no_heading()
    return second_best
