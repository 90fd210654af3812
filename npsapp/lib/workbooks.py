"""Workbooks (XLSX, XLS, ODS) read row by row, after a look at what unpacking them would cost."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.parsers import expat

import python_calamine as calamine

from npsapp.lib.tables import LIMITS, MEGABYTE, FileRefused, Limits, Row, refuse_size
from npsapp.lib.texts import N_


def sheets(path: Path, limits: Limits = LIMITS) -> Iterator[tuple[str, Iterator[Row]]]:
    """The visible sheets of an XLSX, XLS or ODS file with their rows, its cost being checked beforehand."""
    with path.open("rb") as file:
        packed = file.read(2) == b"PK"
    if packed:
        _check_archive(path, limits)
    elif b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0" in path.read_bytes():
        raise _locked()
    with _opened(path) as book:
        for metadata in book.sheets_metadata:
            if metadata.visible == calamine.SheetVisibleEnum.Visible:
                yield metadata.name, _sheet_rows(book, metadata.name, limits)


def _opened(path: Path) -> calamine.CalamineWorkbook:
    try:
        return calamine.load_workbook(io.BytesIO(path.read_bytes()))
    except calamine.PasswordError as error:
        raise _locked() from error
    except Exception as error:  # calamine raises whatever its parsers raise, down to OSError
        raise _damaged() from error


def _sheet_rows(book: calamine.CalamineWorkbook, name: str, limits: Limits) -> Iterator[Row]:
    try:
        sheet = book.get_sheet_by_name(name)
    except calamine.PasswordError as error:
        raise _locked() from error
    except Exception as error:
        raise _damaged() from error
    if sheet.end is None:
        return
    refuse_size(sheet.end[0] + 1, sheet.end[0] + 1, sheet.end[1] + 1, limits)
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        if any(cell != "" for cell in cells):
            yield line, cells


def _damaged() -> FileRefused:
    return FileRefused(
        N_("The workbook is damaged or was not saved completely. Open it, save it as XLSX again, and retry."),
        code="damaged_workbook",
    )


def _locked() -> FileRefused:
    return FileRefused(
        N_("The workbook is protected by a password. Save it without a password."), code="password_protected"
    )


def _bomb(entry: str) -> FileRefused:
    return FileRefused(
        N_("The workbook unpacks to far more than its size allows (%(entry)s). It is not opened."),
        code="zip_bomb",
        entry=entry,
    )


def _check_archive(path: Path, limits: Limits) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_entries(entries, path.stat().st_size, limits)
            names = {entry.filename for entry in entries}
            if "xl/workbook.xml" in names:
                _check_xlsx(archive, limits)
            elif "content.xml" in names:
                _check_ods(archive, limits)
            else:
                raise FileRefused(
                    N_("The file is an archive, not a workbook. Unpack it, or save the table as XLSX."),
                    code="not_a_workbook",
                )
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise _damaged() from error


def _check_entries(entries: list[zipfile.ZipInfo], packed: int, limits: Limits) -> None:
    if len(entries) > limits.entries:
        raise _bomb(entries[limits.entries].filename[:80])
    if any(entry.flag_bits & 1 for entry in entries):
        raise _locked()
    total = sum(entry.file_size for entry in entries)
    largest = max(entries, key=lambda entry: entry.file_size, default=None)
    suspicious = total > MEGABYTE * 10 and total > packed * limits.ratio
    if largest is not None and (total > limits.unpacked_bytes or suspicious):
        raise _bomb(largest.filename[:80])


# A cell with something in it (`<c r="B2">`, not `<c r="B2"/>`), and one that does not say where it stands.
_XLSX_CELL = re.compile(rb"<(?:\w+:)?c\s(?:[^<>]*?\s)?r\s*=\s*[\"']([A-Z]{1,3})(\d{1,7})[\"'][^<>]*(?<!/)>")
_XLSX_ROW = re.compile(rb"<(?:\w+:)?row\s(?:[^<>]*?\s)?r\s*=\s*[\"'](\d{1,7})[\"']")
_XLSX_LOOSE = re.compile(rb"<(?:\w+:)?c(?:\s+(?!r\s*=)[\w:]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*>")


def _check_xlsx(archive: zipfile.ZipFile, limits: Limits) -> None:
    """Unpack every part once in pieces: finds sizes that lie and areas that would fill the memory."""
    for entry in archive.infolist():
        if entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml"):
            _check_area(*_xlsx_area(_pieces(archive, entry)), limits)
        else:
            for _ in _pieces(archive, entry):
                pass


def _pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(entry) as part:  # a size that lies ends in a checksum error here
        while piece := part.read(MEGABYTE):
            yield piece


def _xlsx_area(pieces: Iterable[bytes]) -> tuple[int, int]:
    last_row, rows_named, last_column, loose, rest = 0, 0, b"", False, b""
    for piece in pieces:
        text = rest + piece
        cut = text.rfind(b"<")
        text, rest = text[:cut], text[cut:]
        for column, row in set(_XLSX_CELL.findall(text)):
            last_row = max(last_row, int(row))
            last_column = max(last_column, column, key=_column_number)
        rows_named = max(rows_named, *map(int, _XLSX_ROW.findall(text)), 0)
        loose = loose or bool(_XLSX_LOOSE.search(text))
    return max(last_row, rows_named if loose else 0), _column_number(last_column)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _check_area(rows: int, columns: int, limits: Limits) -> None:
    refuse_size(rows, rows, columns, limits)
    if rows * columns > limits.grid_cells:
        raise FileRefused(
            N_("The sheet spreads over %(rows)d rows and %(columns)d columns, too many. Save it as CSV."),
            code="sheet_too_large",
            rows=rows,
            columns=columns,
        )


def _check_ods(archive: zipfile.ZipFile, limits: Limits) -> None:
    area = _OdsArea(limits)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = area.start
    parser.EndElementHandler = area.end
    parser.StartDoctypeDeclHandler = area.doctype
    try:
        for piece in _pieces(archive, archive.getinfo("content.xml")):
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _damaged() from error


class _OdsArea:
    """Counts the area of each ODS table, where one element may stand for a million repeated rows or cells."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rows = self.width = self.column = self.filled_to = 0
        self.repeat = 1

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "table":
            self.rows = self.width = 0
        elif tag == "table-row":
            self.repeat, self.column, self.filled_to = _repeated(attributes, "number-rows-repeated"), 0, 0
        elif tag in {"table-cell", "covered-table-cell"}:
            self.column += _repeated(attributes, "number-columns-repeated")
            if any(key.rpartition(" ")[2] in {"value-type", "formula"} for key in attributes):
                self.filled_to = self.column

    def end(self, name: str) -> None:
        if name.rpartition(" ")[2] == "table-row":
            self.rows += self.repeat
            if self.filled_to:
                self.width = max(self.width, self.filled_to)
                _check_area(self.rows, self.width, self.limits)

    def doctype(self, *_: object) -> None:
        raise _damaged()


def _repeated(attributes: dict[str, str], wanted: str) -> int:
    value = next((value for key, value in attributes.items() if key.rpartition(" ")[2] == wanted), "1")
    return int(value) if value.isdecimal() and len(value) < 9 else 1
