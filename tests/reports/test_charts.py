"""Pictures: the same bytes for the same numbers, readable without eyes, safe with any text."""

from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import pytest

from npsapp.reports import charts
from npsapp.reports.charts import Bar, Point
from npsapp.reports.sheets import Look, Shape, Words
from npsapp.responses.rules import Group

SVG = "{http://www.w3.org/2000/svg}"
WORDS = Words("NPS за місяцями", "Опис: 34 < 41 & «ґ»", "Листопад 2026, усі бренди")
MONTHS = [
    Point("вер.", 40, 20.0, 1.5, 37.0, text="20 (2 … 37)", n_text="n 40"),
    Point("жовт.", 0, n_text="n 0", few=True),
    Point("лист.", 6, -16.7, -60.0, 35.0, few=True, text="-17 (-60 … 35)", n_text="n 6"),
]
BARS = [Bar(score, score * 3, str(score * 3)) for score in range(11)]
GROUPS = {
    Group.DETRACTOR: ("Критики", "38 %"),
    Group.PASSIVE: ("Нейтрали", "27 %"),
    Group.PROMOTER: ("Прихильники", "35 %"),
}


def all_pictures(look: Look, shape: Shape, words: Words = WORDS) -> dict[str, bytes]:
    return {
        "trend": charts.trend(MONTHS, words, look=look, shape=shape),
        "split": charts.split(MONTHS, words, look=look, shape=shape, whole=MONTHS[0]),
        "distribution": charts.distribution(BARS, GROUPS, words, look=look, shape=shape),
    }


def texts(svg: bytes) -> str:
    return " ".join(ElementTree.fromstring(svg).itertext())


@pytest.mark.parametrize("shape", Shape)
def test_equal_numbers_give_equal_bytes(shape):
    assert all_pictures(Look.LIGHT, shape) == all_pictures(Look.LIGHT, shape)


def test_drawing_in_several_threads_gives_the_same_bytes():
    alone = all_pictures(Look.LIGHT, Shape.WIDE)

    with ThreadPoolExecutor(max_workers=4) as pool:
        together = list(pool.map(lambda _: all_pictures(Look.LIGHT, Shape.WIDE), range(4)))

    assert together == [alone] * 4


@pytest.mark.parametrize("name", ["trend", "split", "distribution"])
def test_a_picture_is_announced_by_title_and_description(name):
    root = ElementTree.fromstring(all_pictures(Look.LIGHT, Shape.WIDE)[name])
    titles, descriptions = root.findall(f"{SVG}title"), root.findall(f"{SVG}desc")

    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{titles[0].get('id')} {descriptions[0].get('id')}"
    assert [each.text for each in titles] == [WORDS.title]
    assert [each.text for each in descriptions] == [WORDS.description]


@pytest.mark.parametrize("name", ["trend", "split", "distribution"])
def test_a_picture_holds_no_date_no_script_and_nothing_from_elsewhere(name):
    svg = all_pictures(Look.LIGHT, Shape.WIDE)[name].decode()

    assert "<dc:date>" not in svg
    assert "<script" not in svg
    assert "<image" not in svg
    assert "Matplotlib v" not in svg


@pytest.mark.parametrize(
    "name", ["$5 off$", r"bad $\frac$", "<script>alert(1)</script>", "a & b", "{x}^2", "\x08"]
)
def test_user_text_stays_the_text_it_is(name):
    svg = charts.split(
        [Point(name, 12, 1.0, -20.0, 22.0, n_text="n 12")], WORDS, look=Look.LIGHT, shape=Shape.WIDE
    )

    assert name.replace("\x08", "").strip() in texts(svg).replace("\n", " ")


def test_every_month_shows_its_n_also_without_answers():
    shown = texts(all_pictures(Look.LIGHT, Shape.WIDE)["trend"])

    for month in MONTHS:
        assert month.label in shown
        assert month.n_text in shown


def test_two_years_of_months_are_all_named():
    months = [Point(f"{month % 12 + 1:02}.{2025 + month // 12}", 30, 5.0, -9.0, 19.0) for month in range(24)]

    shown = texts(charts.trend(months, WORDS, look=Look.LIGHT, shape=Shape.WIDE))

    assert all(month.label in shown for month in months)


def test_the_scores_and_groups_stand_at_their_bars():
    shown = texts(all_pictures(Look.LIGHT, Shape.WIDE)["distribution"])

    assert all(bar.text in shown for bar in BARS)
    assert all(" ".join(group) in shown for group in GROUPS.values())


def test_each_look_has_its_own_ground_and_group_colours():
    light, dark = (
        all_pictures(look, Shape.WIDE)["distribution"].decode().lower() for look in (Look.LIGHT, Look.DARK)
    )

    assert "#d55e00" in light
    assert "#11161d" not in light
    assert "#ff8a3d" in dark
    assert "#11161d" in dark


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("points", [[], [Point("nobody", 0, few=True, n_text="n 0")]])
def test_nothing_to_show_is_still_a_picture(points, shape):
    for draw in (charts.trend, charts.split):
        assert b"<svg" in draw(points, WORDS, look=Look.LIGHT, shape=shape)
    assert b"<svg" in charts.distribution([], {}, WORDS, look=Look.LIGHT, shape=shape)


@pytest.mark.parametrize("shape", Shape)
def test_a_page_can_keep_the_place_free(shape):
    pictures = all_pictures(Look.LIGHT, shape)
    heights = {
        "trend": charts.trend_height(len(MONTHS), shape),
        "split": charts.split_height(len(MONTHS), shape),
        "distribution": charts.distribution_height(shape),
    }

    for name, svg in pictures.items():
        assert ElementTree.fromstring(svg).get("viewBox") == f"0 0 {shape.width} {heights[name]}"
