"""Sheets in, pictures out: SVG for light and dark pages and for paper. User text is never read as mathematics.

Run as a program it draws what it is asked on standard input, until nobody asked for a while.
"""

import io
import pickle
import select
import sys
import textwrap
import warnings
from collections.abc import Sequence
from html import escape
from threading import Lock
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npsapp.reports.pictures import CROWDED, UNIT_FOOT, Shape, Sheet
from npsapp.reports.wording import Line
from npsapp.responses.rules import Group, classify

# One set for the process, never a context per drawing: those are not safe with several threads.
mpl.rcParams.update(
    {
        "svg.fonttype": "none",  # text stays text: small, sharp, and found by searching
        "svg.hashsalt": "npsapp",  # equal numbers give equal bytes, so that an ETag means something
        "text.parse_math": False,  # a name like "$5 off$" is a name
        "font.family": "sans-serif",
        "font.size": 11,
    }
)
# Fonts and text layout are caches shared by all figures.
_drawing = Lock()

# So long after the last picture somebody is still looking at reports.
IDLE_S = 20
TITLE_PT = 13
SMALL_PT = 9.5
# Average width of a character at 11 px; only used to keep room, never to cut.
CHARACTER_PX = 6.4
# The tokens of variables.css, light; each colour is another one on dark pages.
INK, MUTED, LINE, PAPER, ACCENT = "#1b2430", "#5a6675", "#d5dbe3", "#ffffff", "#1f5fbf"
FILLS = {Group.DETRACTOR: "#d55e00", Group.PASSIVE: "#e69f00", Group.PROMOTER: "#009e73"}
DARK = dict(
    zip(
        (INK, MUTED, LINE, PAPER, ACCENT, *FILLS.values()),
        ("#e8edf3", "#a3afbd", "#2c3642", "#11161d", "#7fb2ff", "#ff8a3d", "#ffc24d", "#3ccba0"),
        strict=True,
    )
)
# matplotlib writes colours into the tags, so the sheet of styles finds them there.
DARK_STYLE = "".join(
    f'[style*="{paint}: {light}"]{{{paint}:{dark}!important}}'
    for light, dark in DARK.items()
    for paint in ("fill", "stroke")
)
# Signs that would make the document unreadable as XML, should a name hold one.
_NOT_IN_XML = dict.fromkeys([*(set(range(32)) - {9, 10, 13}), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF])


def draw(sheet: Sheet, shape: Shape) -> bytes:
    """The picture of a sheet."""
    if sheet.split is None:
        return _distribution(sheet, shape)
    return _trend(sheet, shape) if sheet.upright(shape) else _split(sheet, shape)


def _trend(sheet: Sheet, shape: Shape) -> bytes:
    """The NPS over the months, oldest first: a band and points with whiskers, n with each month."""
    lines, crowded = sheet.lines, len(sheet.lines) >= CROWDED
    figure, axes = _empty(sheet, shape, foot=112 if crowded else 62)
    ends = [_ends(line) for line in lines]
    low, value, high = zip(*ends, strict=True) if ends else ((), (), ())
    axes.fill_between(range(len(lines)), low, high, color=ACCENT, alpha=0.14, linewidth=0)
    axes.plot(range(len(lines)), value, color=ACCENT, linewidth=1.6)
    for x, line in enumerate(lines):
        _whisker(axes, line, x, upright=True)
    labels = [f"{line.name}\n{line.era}\n{line.n_text}" for line in lines]
    upright = [f"{line.label} · {line.n_text}" for line in lines]
    axes.set_xlim(-0.6, max(len(lines), 1) - 0.4)
    axes.set_ylim(*_limits(lines))
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.set_xticks(range(len(lines)), upright if crowded else labels, rotation=90 if crowded else 0, color=INK)
    axes.tick_params(axis="y", labelcolor=MUTED)
    axes.set_title("NPS", loc="left", fontsize=SMALL_PT, color=MUTED, pad=4)
    if axes.get_ylim()[0] < 0 < axes.get_ylim()[1]:
        axes.axhline(0, color=MUTED, linewidth=1)
    return _finished(figure, sheet)


def _split(sheet: Sheet, shape: Shape) -> bytes:
    """One line per part, in the order given: point with whiskers, value and n beside it."""
    wide, lines = shape is Shape.WIDE, sheet.lines
    names = [_wrapped(line.label, 28 if wide else 15) for line in lines]
    beside = [_beside(line, shape) for line in lines]
    rows = [row for name in names for row in name.split("\n")]
    figure, axes = _empty(sheet, shape, left=_room(rows), right=_room(beside), foot=UNIT_FOOT)
    axes.set_xlim(*_limits([*lines, *([sheet.whole] if sheet.whole else [])]))
    if axes.get_xlim()[0] < 0 < axes.get_xlim()[1]:
        axes.axvline(0, color=MUTED, linewidth=1)
    if sheet.whole and sheet.whole.summary.n:
        _whole(axes, sheet.whole)
    for y, line in enumerate(lines):
        _whisker(axes, line, y, upright=False)
        colour = MUTED if line.summary.few else INK
        _say(axes, beside[y], (1, y), (8, 0), va="center", color=colour, xycoords=("axes fraction", "data"))
    axes.set_ylim(max(len(lines), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(lines)), names, color=INK)
    axes.grid(axis="x", color=LINE, linewidth=0.8)
    axes.tick_params(axis="x", labelcolor=MUTED)
    axes.set_xlabel("NPS", loc="right", fontsize=SMALL_PT, color=MUTED, labelpad=2)
    return _finished(figure, sheet)


def _distribution(sheet: Sheet, shape: Shape) -> bytes:
    """How often each score was given: bars in the colours of the groups, the groups named above them."""
    figure, axes = _empty(sheet, shape, left=10, foot=24)
    highest = max(sheet.by_score) or 1
    for score, count in enumerate(sheet.by_score):
        axes.bar(score, count, width=0.8, color=FILLS[classify(score)])
        _say(axes, sheet.figures[score], (score, count), (0, 3), ha="center", fontsize=SMALL_PT, color=INK)
    for group, *texts in sheet.groups:
        scores = [score for score in range(11) if classify(score) is group]
        ends, height, wide = (scores[0] - 0.4, scores[-1] + 0.4), highest * 1.2, shape is Shape.WIDE
        axes.plot(ends, (height, height), color=FILLS[group], linewidth=4)
        words, size = (" " if wide else "\n").join(texts), None if wide else SMALL_PT
        # On a phone the last two names would touch.
        aside = 0 if wide or group is not Group.PROMOTER else 8
        _say(axes, words, (sum(ends) / 2, height), (aside, 5), ha="center", va="bottom", fontsize=size, color=INK)
    axes.set_xlim(-0.6, 10.6)
    axes.set_ylim(0, highest * 1.45)
    axes.set_xticks(range(11), [str(score) for score in range(11)], color=INK)
    axes.set_yticks([])
    return _finished(figure, sheet)


def _ends(line: Line) -> tuple[float, float, float]:
    """Lower end, value and upper end on -100..100; without answers no numbers, so that a line is interrupted."""
    value, found = line.summary.value, line.summary.interval
    if value is None or found is None:
        return (float("nan"),) * 3
    return 100 * found.low, 100 * value, 100 * found.high


def _whisker(axes: Axes, line: Line, at: int, *, upright: bool) -> None:
    """A point with its interval. Few answers make it grey and hollow."""
    low, value, high = _ends(line)
    few = line.summary.few
    colour = MUTED if few else ACCENT
    whisker, point = ((at, at), (low, high)), ((at,), (value,))
    axes.plot(*(whisker if upright else whisker[::-1]), color=colour, linewidth=1.6, solid_capstyle="butt")
    looks: dict[str, Any] = {"color": colour, "markerfacecolor": PAPER if few else colour}
    axes.plot(*(point if upright else point[::-1]), marker="o", markersize=7, markeredgewidth=1.4, **looks)


def _whole(axes: Axes, line: Line) -> None:
    """The NPS of everybody, named at its upper end."""
    value = _ends(line)[1]
    axes.axvline(value, color=ACCENT, linewidth=1, linestyle=(0, (4, 3)))
    words, where = f"{line.label}: {line.value}", ("data", "axes fraction")
    looks = {"ha": "center", "va": "bottom", "fontsize": SMALL_PT, "color": ACCENT}
    _say(axes, words, (value, 1), (0, 2), xycoords=where, **looks)


def _say(axes: Axes, words: str, at: tuple[float, float], offset: tuple[int, int], **looks: Any) -> None:
    axes.annotate(words, at, xytext=offset, textcoords="offset points", **looks)


def _limits(lines: Sequence[Line]) -> tuple[float, float]:
    """Ends of the NPS axis: whole twenties around all intervals, at least 40 wide, never beyond ±100."""
    shown = [_ends(line) for line in lines if line.summary.n]
    if not shown:
        return -100, 100
    low = 20 * (min(ends[0] for ends in shown) // 20)
    high = -20 * (-max(ends[2] for ends in shown) // 20)
    if high - low < 40:
        low, high = low - 20, high + 20
    # A little air, so that a whisker at the end of the scale is seen whole.
    return max(low, -100) - 2, min(high, 100) + 2


def _beside(line: Line, shape: Shape) -> str:
    """What stands to the right of a line."""
    if shape is Shape.NARROW or not line.interval:
        return line.n_text
    return f"{line.value} ({line.interval}) · {line.n_text}"


def _room(texts: Sequence[str]) -> int:
    """Pixels for the longest of these texts and the air around it."""
    return int(max((len(text) for text in texts), default=0) * CHARACTER_PX) + 20


def _wrapped(text: str, length: int) -> str:
    """The text in lines of about so many characters; one unbroken word stays whole."""
    return "\n".join(textwrap.wrap(text, length, break_long_words=False))


def _empty(sheet: Sheet, shape: Shape, *, foot: int, left: int = 38, right: int = 12) -> tuple[Figure, Axes]:
    """A sheet with title and source line, and the axes in the room between the given margins (px)."""
    width, height, wide = shape.width, sheet.height(shape), shape is Shape.WIDE
    # At 72 dots an inch one point is one CSS pixel of the drawing.
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=PAPER)
    bottom, top = foot + shape.tail, height - shape.head
    axes = figure.add_axes((left / width, bottom / height, (width - left - right) / width, (top - bottom) / height))
    axes.set_facecolor(PAPER)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=6)
    title, source = _wrapped(sheet.title, 84 if wide else 38), _wrapped(sheet.source, 116 if wide else 54)
    looks: dict[str, Any] = {"va": "top", "fontsize": TITLE_PT, "fontweight": "bold", "color": INK}
    figure.text(10 / width, 1 - 10 / height, title, **looks)
    figure.text(10 / width, 8 / height, source, va="bottom", fontsize=SMALL_PT, color=MUTED)
    return figure, axes


def _finished(figure: Figure, sheet: Sheet) -> bytes:
    """The figure as a document that a screen reader announces by its title and description."""
    buffer = io.StringIO()
    with _drawing, warnings.catch_warnings():
        # The reader's own fonts draw the text; which letters ours has matters only for measuring.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, facecolor="auto")
    drawn = buffer.getvalue()
    head, rest = drawn[drawn.index("<svg") :].split(">", 1)
    document = (
        f'<?xml version="1.0" encoding="utf-8"?>\n{head} role="img" aria-labelledby="picture-t picture-d">'
        f'<title id="picture-t">{escape(sheet.title)}</title>'
        f'<desc id="picture-d">{escape(sheet.description)}</desc>'
        f"<style>@media screen and (prefers-color-scheme:dark){{{DARK_STYLE}}}</style>{rest}"
    )
    return document.translate(_NOT_IN_XML).encode()


def main() -> None:
    """Draw for the process that started us, one sheet after the other."""
    while select.select([sys.stdin], [], [], IDLE_S)[0]:
        try:
            sheet, shape = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
        except EOFError:
            return
        pickle.dump(draw(sheet, shape), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
