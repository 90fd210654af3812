"""Workbooks (XLSX, ODS, XLS) read row by row, after a look at what unpacking them would cost."""

import importlib
import io
import re
import struct
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from npsapp.lib import archives, biff
from npsapp.lib.tables import MEGABYTE, FileRefused, Row, refuse_size
from npsapp.lib.texts import N_

MOST_PARTS = 2_000  # of an archive
MOST_UNPACKED = 300 * MEGABYTE
MOST_RATIO = 200  # unpacked to packed, from ten megabytes on
MOST_ROWS = 200_000
MOST_CELLS = 2_500_000  # the area of a sheet is kept in memory as a whole, about 110 bytes a cell
ODS_CONTENT = "content.xml"
WORKBOOKS = frozenset(("xl/workbook.xml", ODS_CONTENT))
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

DAMAGED = N_("The workbook is damaged or was not saved completely. Open it, save it as XLSX again, and retry.")
LOCKED = N_("The workbook is protected by a password. Save it without a password.")
BOMB = N_("The workbook unpacks to far more than its size allows (%(entry)s). It is not opened.")
FAULTS = (*archives.DAMAGED, OSError)


def sheets(path: Path) -> Iterator[tuple[str, Iterator[Row]]]:
    """The visible sheets of a workbook with their rows, its cost being checked beforehand."""
    content = path.read_bytes()
    if content.startswith(b"PK"):
        _check_archive(content)
    elif ENCRYPTED in content:
        raise FileRefused(LOCKED, code="password_protected")
    else:
        _check_old(content)
    calamine = importlib.import_module("python_calamine")  # loaded here: most processes read no workbook
    try:
        book = calamine.load_workbook(io.BytesIO(content))
        visible = [one.name for one in book.sheets_metadata if one.visible == calamine.SheetVisibleEnum.Visible]
        for name in visible:
            yield name, _rows(book.get_sheet_by_name(name))
    except calamine.PasswordError as error:
        raise FileRefused(LOCKED, code="password_protected") from error
    except BaseException as error:  # calamine raises whatever its parsers raise, and panics beside Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise FileRefused(DAMAGED, code="damaged_workbook") from error


def is_archived(path: Path) -> bool:
    """Whether an archive is a workbook, and not something else that was packed. Refuses one that is damaged."""
    try:
        with path.open("rb") as file:
            _check_directory(file)
        with zipfile.ZipFile(path) as archive:
            return bool(WORKBOOKS.intersection(archive.namelist()))
    except FAULTS as error:
        raise FileRefused(DAMAGED, code="damaged_workbook") from error


def _check_directory(file: BinaryIO) -> None:
    """A long list of parts fills the memory before any of them is opened."""
    if (archives.directory_bytes(file) or 0) > archives.LARGEST_DIRECTORY:
        raise FileRefused(BOMB, code="zip_bomb", entry="")


def _rows(sheet: Any) -> Iterator[Row]:
    if sheet.end is None:
        return
    _refuse_size(sheet.end[0] + 1, sheet.end[1] + 1)
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        if any(cell != "" for cell in cells):
            yield line, cells


def _check_archive(content: bytes) -> None:
    """Refuse what is no workbook or would fill disk and memory; unpacks every part once, in pieces."""
    try:
        _check_directory(io.BytesIO(content))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            _check_sizes(parts, len(content))
            if not WORKBOOKS.intersection(part.filename for part in parts):
                raise FileRefused(
                    N_("The file is an archive, not a workbook. Unpack it, or save the table as XLSX."),
                    code="not_a_workbook",
                )
            for part in parts:
                with archive.open(part) as file:  # a size that lies ends in a checksum error here
                    pieces = iter(partial(file.read, MEGABYTE), b"")
                    if part.filename.startswith("xl/worksheets/"):
                        _check_area(*_area(pieces))
                    elif part.filename == ODS_CONTENT:
                        _check_areas(_ods_areas(pieces))
                    deque(pieces, maxlen=0)
    except FAULTS as error:
        raise FileRefused(DAMAGED, code="damaged_workbook") from error


def _check_sizes(parts: list[zipfile.ZipInfo], packed: int) -> None:
    if any(part.flag_bits & 1 for part in parts):
        raise FileRefused(LOCKED, code="password_protected")
    total = sum(part.file_size for part in parts)
    suspicious = total > 10 * MEGABYTE and total > packed * MOST_RATIO
    if len(parts) > MOST_PARTS or total > MOST_UNPACKED or suspicious:
        largest = max(parts, key=lambda part: part.file_size)
        raise FileRefused(BOMB, code="zip_bomb", entry=largest.filename[:80])


# A cell with something in it (`<c r="B2">`, not `<c r="B2"/>`), and one that does not say where it stands.
_CELL = re.compile(rb"<(?:\w+:)?c\s(?:[^<>]*?\s)?r\s*=\s*[\"']([A-Z]{1,3})(\d{1,7})[\"'][^<>]*(?<!/)>")
_ROW = re.compile(rb"<(?:\w+:)?row\s(?:[^<>]*?\s)?r\s*=\s*[\"'](\d{1,7})[\"']")
_LOOSE = re.compile(rb"<(?:\w+:)?c(?:\s+(?!r\s*=)[\w:]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*>")


def _area(pieces: Iterable[bytes]) -> tuple[int, int]:
    """How many rows and columns a sheet's cells span."""
    last_row, rows_named, last_column, loose, rest = 0, 0, 0, False, b""
    for piece in pieces:
        text = rest + piece
        cut = text.rfind(b"<")
        text, rest = text[:cut], text[cut:]
        for column, row in set(_CELL.findall(text)):
            last_row, last_column = max(last_row, int(row)), max(last_column, _column_number(column))
        rows_named = max(rows_named, *map(int, _ROW.findall(text)), 0)
        loose = loose or bool(_LOOSE.search(text))
    return max(last_row, rows_named if loose else 0), last_column


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


# Of ODS the beginning of a row, table or cell; what stands in quotation marks may hold a bracket.
_WITHIN = rb"((?:\"[^\"]*\"|'[^']*'|[^'\">]++)*+)>"
_ODS_TAG = re.compile(
    rb"<table:table-row\b" + _WITHIN + rb"|<(/?table:table)[ >]|<table:(?:covered-)?table-cell\b" + _WITHIN
)
_ODS_ROWS = re.compile(rb"table:number-rows-repeated\s*=\s*[\"']([^\"']*)")
_ODS_COLUMNS = re.compile(rb"table:number-columns-repeated\s*=\s*[\"']([^\"']*)")


def _ods_areas(pieces: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """How many rows and columns the filled cells of each sheet span."""
    row = last_row = column = last_column = 0
    for in_row, table, in_cell in _ods_tags(pieces):
        if table:
            yield last_row, last_column
            row = last_row = last_column = 0
        elif in_cell:
            column += _times(_ODS_COLUMNS, in_cell)
            if b"value" in in_cell or not in_cell.endswith(b"/"):
                last_row, last_column = row, max(last_column, column)
        else:
            row, column = row + _times(_ODS_ROWS, in_row), 0


def _ods_tags(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bytes, bytes]]:
    rest = b""
    for piece in pieces:
        text = rest + piece
        cut = text.rfind(b"<")
        text, rest = text[:cut], text[cut:]
        yield from _ODS_TAG.findall(text)
    yield from _ODS_TAG.findall(rest)


def _times(repeated: re.Pattern[bytes], attributes: bytes) -> int:
    found = repeated.search(attributes)
    return int(found[1]) if found else 1  # what is no number is refused: no program writes it


def _check_old(content: bytes) -> None:
    try:
        _check_areas(biff.areas(content))
    except (ValueError, IndexError, struct.error) as error:
        raise FileRefused(DAMAGED, code="damaged_workbook") from error


def _check_areas(areas: Iterable[tuple[int, int]]) -> None:
    """Of sheets that are all kept in memory together."""
    total = 0
    for rows, columns in areas:
        total += rows * columns
        _check_area(rows, columns, total)


def _refuse_size(rows: int, columns: int) -> None:
    refuse_size(rows, rows, columns, most_rows=MOST_ROWS)


def _check_area(rows: int, columns: int, total: int = 0) -> None:
    _refuse_size(rows, columns)
    if max(total, rows * columns) > MOST_CELLS:
        raise FileRefused(
            N_("The sheet spreads over %(rows)d rows and %(columns)d columns, too many. Save it as CSV."),
            code="sheet_too_large",
            rows=rows,
            columns=columns,
        )
