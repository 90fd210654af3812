"""Files become headings and data rows."""

from datetime import datetime
from pathlib import Path

import pytest
import xlsxwriter

from npsapp.intake import readers
from npsapp.intake.columns import Field
from npsapp.lib.tables import FileRefused
from tests.intake.files import CSV_1C, XLSX_1C, csv_file, raw_xlsx, workbook

HEADING = ["Номер", "Дата", "E-mail", "Сумма", "Магазин"]


def _lines(path: Path) -> list[int]:
    return [line for line, _ in readers.open_file(path).data()]


def test_a_1c_sales_file_in_windows_1251_is_read_without_its_total():
    sheet = readers.open_file(CSV_1C)

    rows = list(sheet.data())

    assert [line for line, _ in rows] == [2, 3, 4]
    assert rows[1][1][2] == 'ТОВ "ПРИКЛАД-БУД"; філія'


def test_a_1c_report_is_read_without_title_groups_and_total():
    sheet = readers.open_file(XLSX_1C)

    rows = list(sheet.data())

    assert sheet.layout.line == 5
    assert [(line, cells[0]) for line, cells in rows] == [(7, "БУ00-000101"), (8, "РК00-000900"), (10, "БУ00-000102")]
    assert rows[0][1][sheet.layout.columns[Field.HAPPENED_AT]] == datetime(2026, 11, 3, 10, 15)  # noqa: DTZ001


@pytest.mark.parametrize("delimiter", [";", "\t", ",", "|"])
def test_the_delimiter_is_the_one_that_brings_out_the_headings(tmp_path: Path, delimiter: str):
    heading = delimiter.join(HEADING)
    path = csv_file(tmp_path, [delimiter.join(["1", "03.11.2026", "a@b.co", "10", '"Склад; а, б|в"'])], heading=heading)

    sheet = readers.open_file(path)

    assert [cells for _, cells in sheet.data()] == [["1", "03.11.2026", "a@b.co", "10", "Склад; а, б|в"]]


def test_excels_own_hint_line_and_titles_above_the_heading_are_skipped(tmp_path: Path):
    path = csv_file(
        tmp_path, ["Продажи за ноябрь 2026, Киев", "", ";".join(HEADING), "1;03.11.2026;a@b.co;10;К"], heading="sep=;"
    )

    sheet = readers.open_file(path)

    assert sheet.layout.line == 4
    assert len(list(sheet.data())) == 1


def test_rows_that_are_no_purchases_are_skipped_and_purchases_without_date_are_not(tmp_path: Path):
    path = csv_file(
        tmp_path,
        [
            "Роздріб Київ;;;269200;",
            "1;03.11.2026;a@b.co;10;К",
            ";".join(HEADING),
            "БУ00-000105;;;99,90;",
            ";;c@d.co;5;",
            "Разом;;;279;",
            "ВСЬОГО:;;;279;",
            "Grand total;;;279;",
            ";;;;",
        ],
        heading=";".join(HEADING),
    )

    assert _lines(path) == [3, 5, 6]


def test_the_sheet_with_the_headings_is_found_behind_others(tmp_path: Path):
    path = tmp_path / "a.xlsx"
    import_rows = [HEADING, ["1", "03.11.2026", "a@b.co", 10, "К"]]
    _two_sheets(path, [["Зміст"], ["1", "2", "3"]], import_rows)

    assert _lines(path) == [2]


def _two_sheets(path: Path, *sheets: list[list[object]]) -> None:
    book = xlsxwriter.Workbook(str(path))
    for rows in sheets:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    book.close()


@pytest.mark.parametrize("rows", [[["a", "b"], ["1", "2"]], [["Сумма", "Цена"], [1, 2]], [["x"]] * 40 + [HEADING]])
def test_a_table_without_headings_is_refused(tmp_path: Path, rows: list[list[object]]):
    with pytest.raises(FileRefused) as caught:
        readers.open_file(workbook(tmp_path / "a.xlsx", rows))

    assert caught.value.code == "no_heading"
    assert "30" in str(caught.value)


def test_an_empty_workbook_is_refused(tmp_path: Path):
    with pytest.raises(FileRefused):
        readers.open_file(raw_xlsx(tmp_path / "a.xlsx", ""))
