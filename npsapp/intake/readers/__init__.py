"""Readers: a file in, its heading and rows out, one at a time with line numbers; they know no database."""

from collections.abc import Mapping
from pathlib import Path

from npsapp.intake.readers import delimited, workbook
from npsapp.intake.readers.sheet import Sheet
from npsapp.lib import tables


def open_file(
    path: Path, *, known: Mapping[str, str] | None = None, limits: tables.Limits = tables.LIMITS
) -> Sheet:
    """The table in a file, whatever its format; `known` (title → field) is what people chose for such files.

    Raises `FileRefused` when the file cannot be read or has no heading row. It may still come while rows are
    drawn from the sheet, so nothing is applied before the last one was seen.
    """
    if tables.is_workbook(path, limits):
        return workbook.read(path, known=known, limits=limits)
    return delimited.read(path, known=known, limits=limits)
