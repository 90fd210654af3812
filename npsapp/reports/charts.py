"""Numbers in, pictures out: SVG for light pages, dark pages and paper, the same bytes for the same numbers.

Everything people read comes in as text in their language; user text is never read as mathematics.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from npsapp.reports.sheets import (
    PALETTES,
    SMALL_PT,
    Look,
    Palette,
    Shape,
    Words,
    empty_sheet,
    finished,
    head,
    lines,
    tail,
)
from npsapp.responses.rules import Group, classify

# Average width of a character at 11 px; only used to keep room, never to cut.
CHARACTER_PX = 6.4
# From this many months on their labels stand upright.
CROWDED = 13
WHOLE_SCALE = 100
# Room under lines for the figures of the axis and its unit.
UNIT_FOOT = 38


@dataclass(frozen=True, slots=True)
class Point:
    """One NPS with its interval on -100..100; without answers there is no value. `era` is the year of a
    month, where it begins."""

    label: str
    n: int
    value: float | None = None
    low: float = 0.0
    high: float = 0.0
    few: bool = False
    text: str = ""
    n_text: str = ""
    era: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """The answers with one score."""

    score: int
    count: int
    text: str


# The name of a group and its share of the answers.
GroupTexts = tuple[str, str]


def trend(points: Sequence[Point], words: Words, *, look: Look, shape: Shape) -> bytes:
    """The NPS over the months, oldest first: a band and points with whiskers, n with each month."""
    if shape is Shape.NARROW:
        return split(points, words, look=look, shape=shape)
    palette = PALETTES[look]
    crowded = len(points) >= CROWDED
    figure, axes = empty_sheet(
        words, palette, shape, trend_height(len(points), shape), foot=112 if crowded else 62
    )
    shown = [(x, point) for x, point in enumerate(points) if point.value is not None]
    _band(axes, points, palette)
    for x, point in shown:
        _whisker(axes, point, palette, x=x)
    axes.set_xlim(-0.6, max(len(points), 1) - 0.4)
    axes.set_ylim(*_limits(points))
    axes.grid(axis="y", color=palette.line, linewidth=0.8)
    labels = [_month_label(point, upright=crowded) for point in points]
    axes.set_xticks(range(len(points)), labels, rotation=90 if crowded else 0, color=palette.ink)
    axes.tick_params(axis="y", labelcolor=palette.muted)
    axes.set_title("NPS", loc="left", fontsize=SMALL_PT, color=palette.muted, pad=4)
    _zero(axes.axhline, axes.get_ylim(), palette)
    return finished(figure, words)


def split(
    points: Sequence[Point], words: Words, *, look: Look, shape: Shape, whole: Point | None = None
) -> bytes:
    """One line per group, in the order given: point with whiskers, value and n beside it; `whole` is the
    NPS of all of them, drawn as a line to compare with."""
    palette = PALETTES[look]
    labels = ["\n".join(lines(_label(point), _label_length(shape))) for point in points]
    left = _room([line for label in labels for line in label.split("\n")])
    beside = [_beside(point, shape) for point in points]
    height = split_height(len(points), shape)
    figure, axes = empty_sheet(words, palette, shape, height, left=left, right=_room(beside), foot=UNIT_FOOT)
    axes.set_xlim(*_limits([*points, *([whole] if whole else [])]))
    _zero(axes.axvline, axes.get_xlim(), palette)
    if whole is not None and whole.value is not None:
        _whole_line(axes, whole.value, whole.label, palette)
    for y, point in enumerate(points):
        if point.value is not None:
            _whisker(axes, point, palette, y=y)
        axes.annotate(
            beside[y],
            (1, y),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=palette.muted if point.few else palette.ink,
        )
    axes.set_ylim(max(len(points), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(points)), labels, color=palette.ink)
    axes.grid(axis="x", color=palette.line, linewidth=0.8)
    axes.tick_params(axis="x", labelcolor=palette.muted)
    axes.set_xlabel("NPS", loc="right", fontsize=SMALL_PT, color=palette.muted, labelpad=2)
    return finished(figure, words)


def distribution(
    bars: Sequence[Bar], groups: Mapping[Group, GroupTexts], words: Words, *, look: Look, shape: Shape
) -> bytes:
    """How often each score was given: bars in the colours of the groups, the groups named above them."""
    palette = PALETTES[look]
    figure, axes = empty_sheet(words, palette, shape, distribution_height(shape), left=10, foot=24)
    highest = max((bar.count for bar in bars), default=0) or 1
    for bar in bars:
        axes.bar(bar.score, bar.count, width=0.8, color=palette.groups[classify(bar.score)])
        axes.annotate(
            bar.text,
            (bar.score, bar.count),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL_PT,
            color=palette.ink,
        )
    for group, texts in groups.items():
        _bracket(axes, group, texts, highest, palette, shape)
    axes.set_xlim(-0.6, 10.6)
    axes.set_ylim(0, highest * 1.45)
    axes.set_xticks(range(11), [str(score) for score in range(11)], color=palette.ink)
    axes.set_yticks([])
    return finished(figure, words)


def trend_height(count: int, shape: Shape) -> int:
    """Height in CSS pixels, so that a page can keep the place free."""
    if shape is Shape.NARROW:
        return split_height(count, shape)
    return 360 if count >= CROWDED else 320


def split_height(count: int, shape: Shape) -> int:
    """Height in CSS pixels of a picture with so many lines."""
    return head(shape) + max(count, 1) * 34 + UNIT_FOOT + tail(shape)


def distribution_height(shape: Shape) -> int:
    """Height in CSS pixels."""
    return 300 if shape is Shape.WIDE else 340


def _band(axes: Axes, points: Sequence[Point], palette: Palette) -> None:
    """The band of the intervals and the line through the values, interrupted where a month has no value."""
    gap = float("nan")
    values = [gap if point.value is None else point.value for point in points]
    lows = [gap if point.value is None else point.low for point in points]
    highs = [gap if point.value is None else point.high for point in points]
    axes.fill_between(range(len(points)), lows, highs, color=palette.accent, alpha=0.14, linewidth=0)
    axes.plot(range(len(points)), values, color=palette.accent, linewidth=1.6)


def _whisker(axes: Axes, point: Point, palette: Palette, *, x: float | None = None, y: float = 0) -> None:
    """A point with its interval: upright at x, or lying at y. Few answers make it grey and hollow."""
    colour = palette.muted if point.few else palette.accent
    ends, value = (point.low, point.high), point.value or 0.0
    line = ((x, x), ends) if x is not None else (ends, (y, y))
    place = (x, value) if x is not None else (value, y)
    axes.plot(*line, color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot(
        [place[0]],
        [place[1]],
        marker="o",
        markersize=7,
        color=colour,
        markerfacecolor=palette.paper if point.few else colour,
        markeredgewidth=1.4,
    )


def _whole_line(axes: Axes, value: float, label: str, palette: Palette) -> None:
    """The NPS of everybody, named at its upper end."""
    axes.axvline(value, color=palette.accent, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(
        label,
        (value, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL_PT,
        color=palette.accent,
    )


def _bracket(
    axes: Axes, group: Group, texts: GroupTexts, highest: int, palette: Palette, shape: Shape
) -> None:
    """The name and share of a group over the span of its scores."""
    scores = [score for score in range(11) if classify(score) is group]
    height = highest * 1.2
    axes.plot((scores[0] - 0.4, scores[-1] + 0.4), (height, height), color=palette.groups[group], linewidth=4)
    axes.annotate(
        ("\n" if shape is Shape.NARROW else " ").join(texts),
        ((scores[0] + scores[-1]) / 2, height),
        xytext=(0, 5),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL_PT if shape is Shape.NARROW else None,
        color=palette.ink,
    )


def _limits(points: Sequence[Point]) -> tuple[float, float]:
    """Ends of the NPS axis: whole twenties around all intervals, at least 40 wide, never beyond ±100."""
    shown = [point for point in points if point.value is not None]
    if not shown:
        return -WHOLE_SCALE, WHOLE_SCALE
    low = 20 * (min(point.low for point in shown) // 20)
    high = -20 * (-max(point.high for point in shown) // 20)
    if high - low < 40:
        low, high = low - 20, high + 20
    # A little air, so that a whisker at the end of the scale is seen whole.
    return max(low, -WHOLE_SCALE) - 2, min(high, WHOLE_SCALE) + 2


def _zero(draw: Callable[..., object], limits: tuple[float, float], palette: Palette) -> None:
    """As many promoters as detractors: a line that is seen among those of the grid."""
    if limits[0] < 0 < limits[1]:
        draw(0, color=palette.muted, linewidth=1)


def _month_label(point: Point, *, upright: bool) -> str:
    """Month, year and n below each other, or in one upright line."""
    if upright:
        return f"{_label(point)} · {point.n_text}"
    return f"{point.label}\n{point.era}\n{point.n_text}"


def _label(point: Point) -> str:
    """The name in one line."""
    return f"{point.label} {point.era}".rstrip()


def _beside(point: Point, shape: Shape) -> str:
    """What stands to the right of a line."""
    if shape is Shape.NARROW or not point.text:
        return point.n_text
    return f"{point.text} · {point.n_text}"


def _label_length(shape: Shape) -> int:
    """After how many characters the name of a group goes to the next line."""
    return 28 if shape is Shape.WIDE else 15


def _room(texts: Sequence[str]) -> int:
    """Pixels for the longest of these texts and the air around it."""
    return int(max((len(text) for text in texts), default=0) * CHARACTER_PX) + 20
