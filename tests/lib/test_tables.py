"""Tables in text files and workbooks: reading what people save, refusing what would harm, writing safely."""

import csv
import io
import zipfile
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from npsapp.lib import tables, workbooks
from npsapp.lib.tables import FileRefused
from tests.intake.files import DATA, raw_ods, raw_xls, raw_xlsx, workbook

UKRAINIAN = "Номер;Дата;Покупець\r\n1;03.11.2026;Їжак Ґалаґан — «Лівий берег»\r\n"
RUSSIAN = "Номер;Дата;Покупець\r\n1;03.11.2026;Ёжик Пётр - Большой Подъезд\r\n"


def _rows(path: Path, delimiter: str = ";") -> list[tuple[int, list[object]]]:
    encoding = tables.encoding_of(path)
    return [(line, list(cells)) for line, cells in tables.text_rows(path, encoding=encoding, delimiter=delimiter)]


def _read_all(path: Path) -> None:
    if tables.is_workbook(path):
        for _, rows in workbooks.sheets(path):
            list(rows)
    else:
        _rows(path)


def _refusal(path: Path) -> str:
    with pytest.raises(FileRefused) as caught:
        _read_all(path)
    assert "%(" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1251", "cp1251"),
        ("cp866", "cp866"),
        ("cp1125", "cp1125"),
        ("koi8-u", "koi8-u"),
        ("iso8859-5", "iso8859-5"),
    ],
)
def test_the_encoding_is_found_by_the_bytes(tmp_path: Path, encoding: str, found: str):
    file = tmp_path / "a.csv"
    text = RUSSIAN if encoding in ("cp866", "iso8859-5") else UKRAINIAN
    file.write_bytes((text * 20).encode(encoding, "replace"))

    assert tables.encoding_of(file) == found
    assert _rows(file)[0][1] == ["Номер", "Дата", "Покупець"]


@pytest.mark.parametrize(
    "text", ["id;date;name\n1;2;Иванов\n2;3;Smith\n", "НОМЕР;ДАТА;КЛИЕНТ\n1;2;ИВАНОВ\n", "n;c\n1;Рим\n"]
)
@pytest.mark.parametrize("encoding", ["cp1251", "cp866", "koi8-u"])
def test_a_few_words_are_enough_to_know_the_encoding(tmp_path: Path, encoding: str, text: str):
    file = tmp_path / "a.csv"
    file.write_bytes(text.encode(encoding))

    assert file.read_text(tables.encoding_of(file)) == text


def test_a_damaged_utf8_file_is_refused_with_its_line_and_not_read_as_another_encoding(tmp_path: Path):
    file = tmp_path / "a.csv"
    lines = UKRAINIAN.encode().split(b"\r\n")
    lines[1] = lines[1][:-1]
    file.write_bytes(b"\n".join(lines))

    with pytest.raises(FileRefused) as caught:
        tables.encoding_of(file)

    assert caught.value.code == "wrong_encoding"
    assert caught.value.values["line"] == 2


def test_a_byte_that_fits_nothing_is_refused_with_its_line(tmp_path: Path):
    file = tmp_path / "a.csv"
    file.write_bytes("номер;дата\nпервый;второй\n".encode("cp1251") + b"\x98\n")

    with pytest.raises(FileRefused) as caught:
        tables.encoding_of(file)

    assert caught.value.values["line"] == 3


def test_rows_know_the_line_they_begin_on_in_spite_of_line_breaks_in_cells(tmp_path: Path):
    file = tmp_path / "a.csv"
    file.write_text('a;b\n1;"two\nlines; and ""quotes"""\n\n3;4\n')

    assert _rows(file) == [(1, ["a", "b"]), (2, ["1", 'two\nlines; and "quotes"']), (5, ["3", "4"])]


@pytest.mark.parametrize("tail", ["1;x\n" * 3, "1;x\n" * 200, "1;x\n" * 100_000])
def test_an_unclosed_quotation_mark_is_refused_with_its_line(tmp_path: Path, tail: str):
    file = tmp_path / "a.csv"
    file.write_text('a;b\n1;"open\n' + tail)

    with pytest.raises(FileRefused) as caught:
        _rows(file)

    assert caught.value.code == "unclosed_quote"
    assert caught.value.values["line"] == 2


def test_a_quotation_mark_inside_a_name_does_no_harm(tmp_path: Path):
    file = tmp_path / "a.csv"
    file.write_text('a;b\n1;ТОВ "Ромашка"\n2;19" труба\n')

    assert _rows(file)[1:] == [(2, ["1", 'ТОВ "Ромашка"']), (3, ["2", '19" труба'])]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "not_a_table"),
        (b"%PDF-1.7 ...", "not_a_table"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0", "not_a_table"),
        (b"PK\x03\x04 this is cut off", "damaged_workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "damaged_workbook"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, code: str):
    file = tmp_path / "a"
    file.write_bytes(content)

    assert _refusal(file) == code


def test_a_truncated_workbook_is_refused(tmp_path: Path):
    file = tmp_path / "a.xlsx"
    file.write_bytes((DATA / "1c_report_tdsheet.xlsx").read_bytes()[:4000])

    assert _refusal(file) == "damaged_workbook"


def test_a_workbook_with_a_damaged_part_is_refused(tmp_path: Path):
    file = tmp_path / "a.xlsx"
    content = bytearray((DATA / "1c_report_tdsheet.xlsx").read_bytes())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        at = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 200
    content[at : at + 20] = b"\0" * 20
    file.write_bytes(bytes(content))

    assert _refusal(file) == "damaged_workbook"


def test_a_workbook_with_a_password_is_refused(tmp_path: Path):
    file = tmp_path / "a.xlsx"
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512
    file.write_bytes(head + "EncryptedPackage".encode("utf-16-le") + b"\0" * 512)

    assert _refusal(file) == "password_protected"


def test_a_zip_bomb_is_refused_by_size_by_ratio_and_by_number_of_parts(tmp_path: Path, monkeypatch):
    big = raw_xlsx(tmp_path / "big.xlsx", "", extra={"xl/media/a": b"0" * 20 * tables.MEGABYTE})
    many = raw_xlsx(tmp_path / "many.xlsx", "", extra={f"xl/media/{n}": b"" for n in range(3000)})

    assert _refusal(big) == "zip_bomb"
    assert _refusal(many) == "zip_bomb"
    monkeypatch.setattr(workbooks, "MOST_RATIO", 10**9)
    monkeypatch.setattr(workbooks, "MOST_UNPACKED", 10 * tables.MEGABYTE)
    assert _refusal(big) == "zip_bomb"


def test_a_part_that_lies_about_its_size_is_refused(tmp_path: Path):
    file = raw_xlsx(tmp_path / "a.xlsx", "", extra={"xl/media/a": b"0" * 3 * tables.MEGABYTE})
    content = file.read_bytes()
    true_size = (3 * tables.MEGABYTE).to_bytes(4, "little")
    file.write_bytes(content.replace(true_size, (1000).to_bytes(4, "little")))

    assert _refusal(file) == "damaged_workbook"


@pytest.mark.parametrize(
    "cells",
    [
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="AAA1048576"><v>1</v></c></row>',
        "<row r='1'><c r='A1'><v>1</v></c></row><row r='90000'><c s='1' r='HZ90000'><v>1</v></c></row>",
        '<row r="1"><c r="ZZ1"><v>1</v></c></row><row r="1000000"><c><v>1</v></c></row>',
    ],
)
def test_two_far_cells_do_not_fill_the_memory(tmp_path: Path, cells: str):
    assert _refusal(raw_xlsx(tmp_path / "a.xlsx", cells)) in {"sheet_too_large", "too_many_rows", "too_many_columns"}


_CELL = '<table:table-cell office:value-type="string"{more}><text:p>x</text:p></table:table-cell>'
_FAR = "<table:table-row{rows}><table:table-cell/></table:table-row><table:table-row>{cell}</table:table-row>"


@pytest.mark.parametrize(
    "tables_",
    [
        _FAR.format(rows=' table:number-rows-repeated="900000"', cell=_CELL.format(more="")),
        _FAR.format(rows="", cell=_CELL.format(more=' table:number-columns-repeated="16000"')),
        _FAR.format(rows="", cell=_CELL.format(more=' a=">" table:number-columns-repeated="16000"')),
        _FAR.format(rows="", cell=_CELL.format(more=' table:number-columns-repeated="&#49;6000"')),
        "".join(f'</table:table><table:table table:name="{n}">' + _FAR.format(
            rows=' table:number-rows-repeated="100000"', cell=_CELL.format(more=' table:number-columns-repeated="20"')
        ) for n in range(3)),
    ],
)  # fmt: skip
def test_repeated_cells_of_ods_do_not_fill_the_memory(tmp_path: Path, tables_: str):
    file = raw_ods(tmp_path / "a.ods", f'<table:table table:name="S">{tables_}</table:table>')

    assert _refusal(file) in {"sheet_too_large", "too_many_rows", "too_many_columns", "damaged_workbook"}


@pytest.mark.parametrize("small", [False, True])
def test_two_far_cells_of_an_old_workbook_do_not_fill_the_memory(tmp_path: Path, small: bool):
    near = raw_xls(tmp_path / "near.xls", {(0, 0): "a", (1, 1): 2.5}, small=small)
    far = raw_xls(tmp_path / "far.xls", {(0, 0): "a", (65_535, 255): 2.5}, small=small)

    ((_, rows),) = [(name, list(rows)) for name, rows in workbooks.sheets(near)]
    assert rows == [(1, ["a", ""]), (2, ["", 2.5])]
    assert _refusal(far) == "sheet_too_large"


@given(st.binary(max_size=3000), st.integers(0, 3000))
def test_a_damaged_old_workbook_is_refused_and_breaks_nothing(tmp_path_factory, noise: bytes, at: int):
    file = tmp_path_factory.mktemp("xls") / "a.xls"
    content = bytearray(raw_xls(file, {(0, 0): "a", (1, 1): 2.5}, small=True).read_bytes())
    content[8 + at : 8 + at + len(noise)] = noise
    file.write_bytes(bytes(content))

    with suppress(FileRefused):
        _read_all(file)


def test_a_workbook_has_at_most_200_000_rows(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(workbooks, "MOST_ROWS", 2)

    assert _refusal(workbook(tmp_path / "a.xlsx", [["a"], ["b"], ["c"]])) == "too_many_rows"


def test_an_archive_with_an_endless_list_of_parts_is_refused_before_it_is_opened(tmp_path: Path):
    file = raw_xlsx(tmp_path / "a.xlsx", "", extra={f"xl/media/{n:040}": b"" for n in range(15_000)})

    assert _refusal(file) == "zip_bomb"
    with pytest.raises(FileRefused):
        workbooks.is_archived(file)


def test_empty_formatted_cells_far_below_do_no_harm(tmp_path: Path):
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576" s="1"/></row>'
    path = raw_xlsx(tmp_path / "a.xlsx", cells)

    ((_, rows),) = [(name, list(rows)) for name, rows in workbooks.sheets(path)]

    assert rows == [(1, [1.0])]


def test_a_workbook_gives_rows_with_the_numbers_a_person_sees(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", [["a", 1], [], ["b", 2.5]])

    ((name, rows),) = [(name, list(rows)) for name, rows in workbooks.sheets(path)]

    assert name == "TDSheet"
    assert rows == [(1, ["a", 1.0]), (3, ["b", 2.5])]


def test_formulas_are_made_harmless_and_numbers_stay_numbers():
    rows = [
        ["=1+1", "+380671234567", "-5", "@cmd", "\tx", " =2", "＝3", "Олена"],
        [-5, Decimal("-1.50"), None, datetime(2026, 11, 3, 10, 15), True, "", 2.5, "a;b"],  # noqa: DTZ001
    ]

    text = b"".join(tables.csv_pieces(["=h", "b"], rows, delimiter=";")).decode("utf-8")

    assert text.startswith("\ufeff")
    heading, first, second = csv.reader(io.StringIO(text[1:]), delimiter=";")
    assert heading == ["'=h", "b"]
    assert first == ["'=1+1", "'+380671234567", "'-5", "'@cmd", "'\tx", "' =2", "'＝3", "Олена"]
    assert second == ["-5", "-1.50", "", "2026-11-03 10:15:00", "True", "", "2.5", "a;b"]


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20), min_size=2, max_size=2
        )
    )
)
def test_no_written_cell_begins_like_a_formula(rows: list[list[str]]):
    text = b"".join(tables.csv_pieces(["a", "b"], rows)).decode("utf-8-sig")

    for row in csv.reader(io.StringIO(text)):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")) for cell in row)


@given(st.lists(st.tuples(st.text(max_size=15), st.text(max_size=15)), max_size=8), st.sampled_from(tables.DELIMITERS))
def test_what_was_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list, delimiter: str):
    plain = [[cell.replace("\0", "").replace("\r", "") for cell in row] for row in rows]
    plain = [row for row in plain if any(row)]
    file = tmp_path_factory.mktemp("csv") / "a.csv"
    with file.open("w", encoding="utf-8-sig", newline="", errors="replace") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(["Заголовок", "ще один"])
        writer.writerows(plain)

    found = [cells for _, cells in _rows(file, delimiter)]

    assert found[1:] == [[cell.encode("utf-8", "replace").decode() for cell in row] for row in plain]
