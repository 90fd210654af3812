"""Pictures: the same bytes for the same numbers, readable without eyes, safe with any text."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from npsapp.reports import charts, pictures
from npsapp.reports.pictures import Shape, Sheet
from npsapp.reports.rules import Split
from npsapp.reports.statistics import GroupCounts, summarise
from npsapp.reports.wording import Line
from npsapp.responses.rules import Group

SVG = "{http://www.w3.org/2000/svg}"


def line(name: str, *counts: int, value: str = "", interval: str = "") -> Line:
    return Line(name, summarise(GroupCounts(*counts)), value, interval, f"n {sum(counts)}")


MONTHS = (
    line("вер.", 20, 8, 12, value="20", interval="-5 … 42"),
    line("жовт.", 0, 0, 0),
    line("лист.", 2, 1, 3, value="-17", interval="-60 … 35"),
)
WORDS = ("NPS за місяцями", "Опис: 34 < 41 & «ґ»", "Листопад 2026, усі бренди")
TREND = Sheet(Split.MONTH, *WORDS, lines=MONTHS)
REGIONS = Sheet(Split.REGION, *WORDS, lines=MONTHS, whole=MONTHS[0])
GROUPS = (
    (Group.DETRACTOR, "Критики", "38 %"),
    (Group.PASSIVE, "Нейтрали", "27 %"),
    (Group.PROMOTER, "Прихильники", "35 %"),
)
COUNTS = tuple(score * 3 for score in range(11))
SCORES = Sheet(None, *WORDS, by_score=COUNTS, figures=tuple(map(str, COUNTS)), groups=GROUPS)
SHEETS = {"trend": TREND, "regions": REGIONS, "scores": SCORES}


def all_pictures(shape: Shape) -> dict[str, bytes]:
    return {name: charts.draw(sheet, shape) for name, sheet in SHEETS.items()}


def texts(svg: bytes) -> str:
    return " ".join(ElementTree.fromstring(svg).itertext())


@pytest.mark.parametrize("shape", Shape)
def test_equal_numbers_give_equal_bytes(shape):
    assert all_pictures(shape) == all_pictures(shape)


def test_drawing_in_several_threads_gives_the_same_bytes():
    alone = all_pictures(Shape.WIDE)

    with ThreadPoolExecutor(max_workers=4) as pool:
        together = list(pool.map(lambda _: all_pictures(Shape.WIDE), range(4)))

    assert together == [alone] * 4


@pytest.mark.parametrize("name", SHEETS)
def test_a_picture_is_announced_by_title_and_description(name):
    root = ElementTree.fromstring(all_pictures(Shape.WIDE)[name])
    titles, descriptions = root.findall(f"{SVG}title"), root.findall(f"{SVG}desc")

    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{titles[0].get('id')} {descriptions[0].get('id')}"
    assert [each.text for each in titles] == [WORDS[0]]
    assert [each.text for each in descriptions] == [WORDS[1]]


@pytest.mark.parametrize("name", SHEETS)
def test_a_picture_holds_no_date_no_script_and_nothing_from_elsewhere(name):
    svg = all_pictures(Shape.WIDE)[name].decode()

    assert "<dc:date>" not in svg
    assert "<script" not in svg
    assert "<image" not in svg
    assert "Matplotlib v" not in svg


@pytest.mark.parametrize("name", ["$5 off$", r"bad $\frac$", "<script>alert(1)</script>", "a & b", "{x}^2", "\x08"])
def test_user_text_stays_the_text_it_is(name):
    svg = charts.draw(replace(REGIONS, lines=(line(name, 5, 4, 3),)), Shape.WIDE)

    assert name.replace("\x08", "").strip() in texts(svg).replace("\n", " ")


def test_every_month_shows_its_n_also_without_answers():
    shown = texts(all_pictures(Shape.WIDE)["trend"])

    for month in MONTHS:
        assert month.name in shown
        assert month.n_text in shown


def test_two_years_of_months_are_all_named():
    months = tuple(line(f"{month % 12 + 1:02}.{2025 + month // 12}", 12, 9, 9) for month in range(24))

    shown = texts(charts.draw(replace(TREND, lines=months), Shape.WIDE))

    assert all(month.name in shown for month in months)


def test_the_scores_and_groups_stand_at_their_bars():
    shown = texts(all_pictures(Shape.WIDE)["scores"])

    assert all(str(count) in shown for count in SCORES.by_score)
    assert all(" ".join(group) in shown for _group, *group in GROUPS)


@pytest.mark.parametrize("name", SHEETS)
def test_every_colour_of_a_picture_has_one_for_dark_pages(name):
    svg = all_pictures(Shape.WIDE)[name].decode()
    style, drawing = svg.split("<style>", 1)[1].split("</style>", 1)

    painted = set(re.findall(r"(?:fill|stroke): (#\w{6})", drawing))
    assert painted
    assert painted <= charts.DARK.keys()
    assert all(f'fill: {colour}"]{{fill:{dark}' in style for colour, dark in charts.DARK.items())


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("lines", [(), (line("nobody", 0, 0, 0),)])
def test_nothing_to_show_is_still_a_picture(lines, shape):
    for sheet in (TREND, REGIONS):
        assert b"<svg" in charts.draw(replace(sheet, lines=lines, whole=None), shape)
    assert b"<svg" in charts.draw(replace(SCORES, by_score=(0,) * 11), shape)


@pytest.mark.parametrize("shape", Shape)
def test_a_page_can_keep_the_place_free(shape):
    for name, svg in all_pictures(shape).items():
        expected = f"0 0 {shape.width} {SHEETS[name].height(shape)}"
        assert ElementTree.fromstring(svg).get("viewBox") == expected


def test_no_page_and_no_command_loads_matplotlib_before_the_first_picture():
    program = "import sys, npsapp.cli, npsapp.schedule, npsapp.reports.views; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == "False", done.stderr


def test_pictures_are_drawn_by_a_process_of_their_own_again_when_it_has_ended():
    painter = pictures.Painter()
    try:
        drawing = painter.draw(REGIONS, Shape.WIDE)
        again = painter.draw(REGIONS, Shape.WIDE)
        painter._process.kill()  # as one that ends just when it is asked
        once_more = painter.draw(REGIONS, Shape.WIDE)
    finally:
        painter.rest()

    assert drawing == again == once_more == charts.draw(REGIONS, Shape.WIDE)


def test_the_process_that_draws_goes_with_the_one_that_asks_and_when_nobody_asks():
    program = "from npsapp.reports import charts; charts.IDLE_S = {}; charts.main()"
    unasked, left = (
        subprocess.Popen([sys.executable, "-c", program.format(idle)], stdin=subprocess.PIPE) for idle in (0.1, 9999)
    )

    assert unasked.wait(60) == 0
    left.communicate(timeout=60)  # closes its input
    assert left.returncode == 0
    unasked.communicate()
