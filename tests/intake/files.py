"""Files for the tests of the intake, made on the spot."""

import io
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


def _zip(path: Path, parts: dict[str, bytes]) -> Path:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    return path
