"""Files become headings and data rows."""

from datetime import datetime
from pathlib import Path

import pytest
import xlsxwriter

from npsapp.intake import readers
from npsapp.intake.columns import Expected, Field
from npsapp.lib.tables import FileRefused
from tests.intake.files import CSV_1C, XLSX_1C, csv_file, ods, raw_xlsx, workbook, xls

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


@pytest.mark.parametrize("rows", [[["a"], ["1"]], [[1, 2], [3, 4]], [["x"]] * 40 + [HEADING], [["a@b.co", "Олена"]]])
def test_a_table_without_headings_is_refused(tmp_path: Path, rows: list[list[object]]):
    with pytest.raises(FileRefused) as caught:
        readers.open_file(workbook(tmp_path / "a.xlsx", rows))

    assert caught.value.code == "no_heading"
    assert "30" in str(caught.value)


def test_an_empty_workbook_is_refused(tmp_path: Path):
    with pytest.raises(FileRefused):
        readers.open_file(raw_xlsx(tmp_path / "a.xlsx", ""))


@pytest.mark.parametrize("rows", [[["Коли", "Хто"], ["03.11.2026", "Олена"]], [["Сумма", "Цена"], [1, 2]]])
def test_unknown_headings_are_shown_so_that_a_person_can_assign_them(tmp_path: Path, rows: list[list[object]]):
    sheet = readers.open_file(workbook(tmp_path / "a.xlsx", rows))

    assert sheet.layout.titles == tuple(rows[0])
    assert sheet.layout.missing


@pytest.mark.parametrize("delimiter", [";", "\t", ",", "|"])
def test_what_people_chose_is_found_again_in_a_file_of_unknown_headings(tmp_path: Path, delimiter: str):
    lines = [delimiter.join(cells) for cells in (["03.11.2026", "Олена", "a@b.co"], ["04.11.2026", "Петро", "c@d.co"])]
    path = csv_file(tmp_path, lines, heading=delimiter.join(["Коли", "Хто", "Скринька"]))

    sheet = readers.open_file(path, Expected({"коли": "happened_at", "скринька": "email", "хто": ""}))

    assert not sheet.layout.missing
    assert [line for line, _ in sheet.data()] == [2, 3]


def test_headings_on_two_lines_with_merged_cells_are_read_as_one(tmp_path: Path):
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("TDSheet")
    sheet.merge_range("A1:E1", "Продажи по контрагентам")
    for column, title in ((0, "Номер"), (1, "Дата"), (4, "Сумма")):
        sheet.merge_range(2, column, 3, column, title)
    sheet.merge_range("C3:D3", "Контакты")
    sheet.write_row(3, 2, ["Телефон", "E-mail"])
    sheet.merge_range("A5:E5", "Роздріб Київ")
    sheet.write_row(5, 0, ["БУ00-000101", "03.11.2026 9:05:07", 380670000001.0, "a@b.co", 19100])
    sheet.write_row(6, 0, ["Итого", "", "", "", 19100])
    book.close()

    found = readers.open_file(path)

    assert found.layout.line == 4
    assert set(found.layout.columns) == {Field.NUMBER, Field.HAPPENED_AT, Field.PHONE, Field.EMAIL, Field.AMOUNT}
    assert [(line, cells[2]) for line, cells in found.data()] == [(6, 380670000001.0)]


def test_a_heading_on_one_line_is_not_joined_with_the_first_row(tmp_path: Path):
    sheet = readers.open_file(workbook(tmp_path / "a.xlsx", [HEADING, ["", "03.11.2026", "", "E-mail", "Телефон"]]))

    assert sheet.layout.line == 1


def test_declared_properties_are_found_by_any_of_their_names(tmp_path: Path):
    path = csv_file(tmp_path, ["1;03.11.2026;Самовивіз;x"], heading="Номер;Дата;СПОСІБ доставки;Менеджер")

    sheet = readers.open_file(path, Expected(properties={"спосіб доставки": "delivery", "менеджер": "lead"}))

    assert sheet.layout.properties == {"delivery": 2, "lead": 3}
    assert Field.PERFORMER not in sheet.layout.columns
    assert sheet.layout.chosen["Менеджер"] == "property:lead"


@pytest.mark.parametrize("make", [ods, xls])
def test_ods_and_xls_are_read_like_xlsx(tmp_path: Path, make):
    rows = [["Номер", "Дата", "Телефон", "Сумма"], ["1", 46329.5, 380670000001.0, 10.5], ["Итого", "", "", 10.5]]

    sheet = readers.open_file(make(tmp_path / "a", rows))

    assert [list(cells) for _, cells in sheet.data()] == [["1", 46329.5, 380670000001.0, 10.5]]
