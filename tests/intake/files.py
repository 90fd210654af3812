"""Files for the tests of the intake, made on the spot."""

import io
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import xlsxwriter

DATA = Path(__file__).parent.parent / "data" / "tables"
CSV_1C = DATA / "1c_sales_cp1251_semicolon.csv"
XLSX_1C = DATA / "1c_report_tdsheet.xlsx"
HEADING = "external_id;happened_at;email;unit;region;amount;customer_name"

_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="{target}" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/{kind}"/></Relationships>'
)
_BOOK = (
    '<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
_SHEET = (
    '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<sheetData>{cells}</sheetData></worksheet>"
)


def csv_file(folder: Path, lines: Sequence[str], *, heading: str = HEADING, encoding: str = "utf-8") -> Path:
    """A delimited file of these lines under a heading."""
    path = folder / "Продажі за листопад.csv"
    path.write_bytes("\r\n".join([heading, *lines, ""]).encode(encoding))
    return path


def purchases(count: int, *, first: int = 0) -> list[str]:
    """Lines under HEADING: every purchase of another customer, on 1 to 5 November 2026."""
    return [
        f"P{n};0{n % 5 + 1}.11.2026 10:15;buyer{n}@shop.example;Лівий берег;Київ;{n},50;Покупець Тест {n}"
        for n in range(first, first + count)
    ]


def workbook(path: Path, rows: Sequence[Sequence[object]], **options: object) -> Path:
    """An XLSX file with these rows."""
    book = xlsxwriter.Workbook(str(path), options)
    sheet = book.add_worksheet("TDSheet")
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    return path


def raw_xlsx(path: Path, cells: str, *, extra: dict[str, bytes] | None = None) -> Path:
    """An XLSX file with this XML between `<sheetData>` and its end."""
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS.format(target="xl/workbook.xml", kind="officeDocument"),
        "xl/workbook.xml": _BOOK,
        "xl/_rels/workbook.xml.rels": _RELATIONS.format(target="worksheets/sheet1.xml", kind="worksheet"),
        "xl/worksheets/sheet1.xml": _SHEET.format(cells=cells),
    }
    return _zip(path, {**{name: text.encode() for name, text in parts.items()}, **(extra or {})})


_NAMES = "urn:oasis:names:tc:opendocument:xmlns"
_ODS = (
    f'<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="{_NAMES}:office:1.0" '
    f'xmlns:table="{_NAMES}:table:1.0" xmlns:text="{_NAMES}:text:1.0"><office:body><office:spreadsheet>{{tables}}'
    "</office:spreadsheet></office:body></office:document-content>"
)


def ods(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """An ODS file with these rows, and with the empty rest of the sheet, as LibreOffice writes it."""
    lines = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    empty = '<table:table-cell table:number-columns-repeated="16384"/>'
    rest = f'<table:table-row table:number-rows-repeated="1048000">{empty}</table:table-row>'
    return raw_ods(path, f'<table:table table:name="S">{lines}{rest}</table:table>')


def raw_ods(path: Path, tables: str) -> Path:
    """An ODS file with this XML between `<office:spreadsheet>` and its end."""
    manifest = f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{_NAMES}:manifest:1.0"/>'
    parts = {"META-INF/manifest.xml": manifest, "content.xml": _ODS.format(tables=tables)}
    kind = {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}
    return _zip(path, kind | {name: text.encode() for name, text in parts.items()})


def _ods_cell(value: object) -> str:
    if isinstance(value, float | int):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'


FREE, END, TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def xls(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """An XLS file with these rows."""
    return raw_xls(path, {(row, at): value for row, cells in enumerate(rows) for at, value in enumerate(cells)})


def raw_xls(path: Path, cells: dict[tuple[int, int], object], *, small: bool = False) -> Path:
    """An XLS file with these cells: a workbook in a compound file; `small` puts it among the small streams."""
    front = _begin(5) + _record(0x85, bytes(8) + b"S") + _record(0x0A)
    named = _record(0x85, struct.pack("<IBBBB", len(front), 0, 0, 1, 0) + b"S")
    sheet = _begin(0x10) + b"".join(_xls_cell(*at, value) for at, value in cells.items()) + _record(0x0A)
    book = _begin(5) + named + _record(0x0A) + sheet
    if small:
        return _compound(path, b"", book)
    return _compound(path, book.ljust(max(4096, -(-len(book) // 512) * 512), b"\0"), b"")


def _compound(path: Path, book: bytes, small: bytes) -> Path:
    """The book's sectors, or those of small streams and their table; then the list of entries and the table."""
    data = book or small.ljust(-(-len(small) // 512) * 512, b"\0")
    links = [number + 1 for number in range(-(-len(small) // 64))]
    links[-1:] = [END] if links else []
    count = len(data) // 512
    chain = [*range(1, count), END]
    body = data
    if small:
        body += struct.pack("<128I", *links, *[FREE] * (128 - len(links)))
        chain.append(END)
    entries = len(body) // 512
    tables = -(-(entries + 2) // 127)
    chain += [END, *[TABLE] * tables]
    chain += [FREE] * (tables * 128 - len(chain))
    root = _entry("Root Entry", 5, 0 if small else END, len(data) if small else 0, child=1)
    body += root + _entry("Workbook", 2, 0, len(small or book)) + _entry("", 0, 0, 0) * 2
    body += struct.pack(f"<{len(chain)}I", *chain)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    first_small = (count, 1) if small else (END, 0)
    head += struct.pack("<9I", 0, tables, entries, 0, 4096, *first_small, END, 0)
    listed = [entries + 1 + number for number in range(tables)]
    head += struct.pack("<109I", *listed, *[FREE] * (109 - tables))
    path.write_bytes(head + body)
    return path


def _entry(name: str, kind: int, start: int, size: int, child: int = FREE) -> bytes:
    written = (name + "\0").encode("utf-16-le") if name else b""
    sides = struct.pack("<HBB3I", len(written), kind, 1, FREE, FREE, child)
    return written.ljust(64, b"\0") + sides + bytes(36) + struct.pack("<IQ", start, size)


def _record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _begin(kind: int) -> bytes:
    return _record(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 0, 0, 0))


def _xls_cell(row: int, column: int, value: object) -> bytes:
    at = struct.pack("<HHH", row, column, 0)
    if isinstance(value, float | int):
        return _record(0x203, at + struct.pack("<d", value))
    return _record(0x204, at + struct.pack("<HB", len(str(value)), 1) + str(value).encode("utf-16-le"))


def _zip(path: Path, parts: dict[str, bytes]) -> Path:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    return path
