"""The pictures of a report: which there are, what stands on them, and the drawing of each, remembered."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

from flask_babel import gettext as _

from npsapp.reports import charts
from npsapp.reports.charts import Bar, GroupTexts, Point
from npsapp.reports.queries import Overview
from npsapp.reports.rules import Period, Split
from npsapp.reports.sheets import Look, Shape, Words
from npsapp.reports.statistics import summarise
from npsapp.reports.wording import (
    Line,
    groups,
    hundredfold,
    month_lines,
    region_lines,
    segment_lines,
)
from npsapp.responses.rules import Group
from npsapp.web.filters import number, percent

# More months than this make a picture that nobody can read; the table and the file have them all.
MONTHS_IN_PICTURE = 36
# Drawing takes a fifth of a second; a page asks for the same pictures each time somebody looks at it.
REMEMBERED = 256


class Picture(StrEnum):
    """One picture of the report page."""

    DISTRIBUTION = "distribution"
    TREND = "trend"
    REGIONS = "regions"
    SEGMENTS = "segments"

    @property
    def divides(self) -> Split | None:
        """The division it shows."""
        return _SPLITS.get(self)


_SPLITS = {
    Picture.TREND: Split.MONTH,
    Picture.REGIONS: Split.REGION,
    Picture.SEGMENTS: Split.SEGMENT,
}


def drawn(
    picture: Picture, overview: Overview, period: Period, source: str, look: Look, shape: Shape
) -> bytes:
    """The picture as SVG; `source` is the line with period, filters and rule."""
    if picture is Picture.DISTRIBUTION:
        words = Words(title(picture), _described_groups(overview), source)
        return _distribution(_bars(overview), _group_texts(overview), words, look, shape)
    lines = lines_of(picture, overview, period)
    words = Words(title(picture), _described(lines), source)
    if picture is Picture.TREND:
        return _trend(_points(lines), words, look, shape)
    return _split(_points(lines), words, look, shape, _whole(overview))


def size(picture: Picture, overview: Overview, period: Period, shape: Shape) -> tuple[int, int]:
    """Width and height in CSS pixels, so that the page keeps the place free."""
    if picture is Picture.DISTRIBUTION:
        return shape.width, charts.distribution_height(shape)
    count = len(lines_of(picture, overview, period))
    height = charts.trend_height if picture is Picture.TREND else charts.split_height
    return shape.width, height(count, shape)


def title(picture: Picture) -> str:
    """What the picture shows, as a statement."""
    titles: dict[Picture, str] = {
        Picture.DISTRIBUTION: _("How often each score was given"),
        Picture.TREND: _("NPS by month, with 95 % intervals"),
        Picture.REGIONS: _("NPS by region, with 95 % intervals"),
        Picture.SEGMENTS: _("NPS by segment, with 95 % intervals"),
    }
    return titles[picture]


def lines_of(picture: Picture, overview: Overview, period: Period) -> list[Line]:
    """The parts that a picture of NPS values shows."""
    if picture is Picture.TREND:
        return month_lines(overview, period)[-MONTHS_IN_PICTURE:]
    return region_lines(overview) if picture is Picture.REGIONS else segment_lines(overview)


@lru_cache(REMEMBERED)
def _trend(points: tuple[Point, ...], words: Words, look: Look, shape: Shape) -> bytes:
    return charts.trend(points, words, look=look, shape=shape)


@lru_cache(REMEMBERED)
def _split(points: tuple[Point, ...], words: Words, look: Look, shape: Shape, whole: Point) -> bytes:
    return charts.split(points, words, look=look, shape=shape, whole=whole)


@lru_cache(REMEMBERED)
def _distribution(
    bars: tuple[Bar, ...],
    texts: tuple[tuple[Group, GroupTexts], ...],
    words: Words,
    look: Look,
    shape: Shape,
) -> bytes:
    return charts.distribution(bars, dict(texts), words, look=look, shape=shape)


def _points(lines: Sequence[Line]) -> tuple[Point, ...]:
    """Lines as the drawing wants them."""
    return tuple(_point(line) for line in lines)


def _point(line: Line) -> Point:
    """One line; without answers only its name and n stand there."""
    n_text = _("n %(count)s", count=number(line.summary.n))
    found = line.summary.interval
    if found is None:
        return Point(line.name, 0, few=True, n_text=n_text, era=line.era)
    return Point(
        line.name,
        line.summary.n,
        hundredfold(line.summary.value),
        100 * found.low,
        100 * found.high,
        few=line.summary.few,
        text=f"{line.value} ({line.interval})",
        n_text=n_text,
        era=line.era,
    )


def _whole(overview: Overview) -> Point:
    """All answers, to compare the parts with."""
    line = Line("", summarise(overview.counts), None)
    return _point(Line(_("all: %(value)s", value=line.value), line.summary, None))


def _bars(overview: Overview) -> tuple[Bar, ...]:
    """The eleven scores with their counts."""
    return tuple(Bar(score, count, number(count)) for score, count in enumerate(overview.by_score))


def _group_texts(overview: Overview) -> tuple[tuple[Group, GroupTexts], ...]:
    """Name and share of each group."""
    return tuple((share.group, (share.name, percent(share.share))) for share in groups(overview))


def _described(lines: Sequence[Line]) -> str:
    """The values in words, for those who cannot see the picture."""
    return "; ".join(_described_line(line) for line in lines)


def _described_line(line: Line) -> str:
    name = f"{line.name} {line.era}".rstrip()
    if line.summary.value is None:
        return str(_("%(name)s: no answers", name=name))
    described: str = _(
        "%(name)s: %(value)s (%(interval)s), n %(count)s",
        name=name,
        value=line.value,
        interval=line.interval,
        count=number(line.summary.n),
    )
    return described


def _described_groups(overview: Overview) -> str:
    """The shares of the groups and the count of each score in words."""
    shares = "; ".join(f"{share.name}: {percent(share.share)}" for share in groups(overview))
    scores = "; ".join(f"{score}: {number(count)}" for score, count in enumerate(overview.by_score))
    return f"{shares}. {scores}"
