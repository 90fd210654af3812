"""Workbooks (XLSX, XLS) read row by row, after a look at what unpacking them would cost."""

import io
import re
import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import python_calamine as calamine

from npsapp.lib.tables import MEGABYTE, FileRefused, Row, refuse_size
from npsapp.lib.texts import N_

MOST_PARTS = 2_000  # of an archive
MOST_UNPACKED = 300 * MEGABYTE
MOST_RATIO = 200  # unpacked to packed, from ten megabytes on
MOST_CELLS = 10_000_000  # the area of a sheet is kept in memory as a whole, about 32 bytes a cell
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

DAMAGED = N_("The workbook is damaged or was not saved completely. Open it, save it as XLSX again, and retry.")
LOCKED = N_("The workbook is protected by a password. Save it without a password.")
BOMB = N_("The workbook unpacks to far more than its size allows (%(entry)s). It is not opened.")
FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


def sheets(path: Path) -> Iterator[tuple[str, Iterator[Row]]]:
    """The visible sheets of an XLSX or XLS file with their rows, its cost being checked beforehand."""
    content = path.read_bytes()
    if content.startswith(b"PK"):
        _check_archive(content)
    elif ENCRYPTED in content:
        raise FileRefused(LOCKED, code="password_protected")
    try:
        book = calamine.load_workbook(io.BytesIO(content))
        visible = [one.name for one in book.sheets_metadata if one.visible == calamine.SheetVisibleEnum.Visible]
        for name in visible:
            yield name, _rows(book.get_sheet_by_name(name))
    except calamine.PasswordError as error:
        raise FileRefused(LOCKED, code="password_protected") from error
    except Exception as error:  # calamine raises whatever its parsers raise, down to OSError
        raise FileRefused(DAMAGED, code="damaged_workbook") from error


def _rows(sheet: calamine.CalamineSheet) -> Iterator[Row]:
    if sheet.end is None:
        return
    refuse_size(sheet.end[0] + 1, sheet.end[0] + 1, sheet.end[1] + 1)
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        if any(cell != "" for cell in cells):
            yield line, cells


def _check_archive(content: bytes) -> None:
    """Refuse what is no workbook or would fill disk and memory; unpacks every part once, in pieces."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            _check_sizes(parts, len(content))
            if not any(part.filename == "xl/workbook.xml" for part in parts):
                raise FileRefused(
                    N_("The file is an archive, not a workbook. Unpack it, or save the table as XLSX."),
                    code="not_a_workbook",
                )
            for part in parts:
                with archive.open(part) as file:  # a size that lies ends in a checksum error here
                    pieces = iter(partial(file.read, MEGABYTE), b"")
                    if part.filename.startswith("xl/worksheets/"):
                        _check_area(*_area(pieces))
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


def _check_area(rows: int, columns: int) -> None:
    refuse_size(rows, rows, columns)
    if rows * columns > MOST_CELLS:
        raise FileRefused(
            N_("The sheet spreads over %(rows)d rows and %(columns)d columns, too many. Save it as CSV."),
            code="sheet_too_large",
            rows=rows,
            columns=columns,
        )
