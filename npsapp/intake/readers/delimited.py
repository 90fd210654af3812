"""Delimited text (CSV, TSV) as a sheet: encoding by rule, delimiter by which headings come out."""

import csv
import itertools
from collections.abc import Mapping
from pathlib import Path

from npsapp.intake.columns import HEADING_WITHIN
from npsapp.intake.readers.sheet import Sheet, find_heading, no_heading
from npsapp.lib import tables

SAMPLE_LINES = HEADING_WITHIN * 2  # rows may span lines


def read(path: Path, *, known: Mapping[str, str] | None, limits: tables.Limits) -> Sheet:
    """The table in a text file; refused when no delimiter brings out a heading row."""
    encoding = tables.encoding_of(path)
    delimiter = _delimiter(path, encoding, known)
    if delimiter is None:
        raise no_heading()
    rows = tables.text_rows(path, encoding=encoding, delimiter=delimiter, limits=limits)
    heading, rows = find_heading(rows, known)
    if heading is None:
        raise no_heading()
    return Sheet(heading, rows, encoding)


def _delimiter(path: Path, encoding: str, known: Mapping[str, str] | None) -> str | None:
    """The delimiter that brings out most known headings; None when no heading row is found with any."""
    with path.open("r", encoding=encoding, newline="") as file:
        lines = [line[:20_000] for line in itertools.islice(file, SAMPLE_LINES)]
    found: dict[str, int] = {}
    for delimiter in tables.DELIMITERS:
        rows = enumerate(csv.reader(lines, delimiter=delimiter), start=1)
        heading, _ = find_heading(rows, known)
        if heading is not None:
            found[delimiter] = len(heading.columns)
    return max(found, key=lambda delimiter: found[delimiter]) if found else None
