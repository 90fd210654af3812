"""The sheet a chart is drawn on: grounds and sizes, title and source line, and the finished document."""

import io
import textwrap
import warnings
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from threading import Lock

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npsapp.responses.rules import Group

# One set for the process, never a context per drawing: those are not safe with several threads.
mpl.rcParams.update(
    {
        "svg.fonttype": "none",  # text stays text: small, sharp, and found by searching
        "svg.hashsalt": "npsapp",  # equal numbers give equal bytes, so that an ETag means something
        "text.parse_math": False,  # a name like "$5 off$" is a name
        "font.family": "sans-serif",
        "font.size": 11,
        "axes.unicode_minus": True,
    }
)
# Fonts and text layout are caches shared by all figures.
_drawing = Lock()

TITLE_PT = 13
SMALL_PT = 9.5
LINE_PX = 14
# Signs that would make the document unreadable as XML, should a name hold one.
_NOT_IN_XML = dict.fromkeys([*(set(range(32)) - {9, 10, 13}), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF])


class Look(StrEnum):
    """On which ground the picture will stand."""

    LIGHT = "light"
    DARK = "dark"
    PRINT = "print"


class Shape(StrEnum):
    """How much room the page has."""

    WIDE = "wide"
    NARROW = "narrow"

    @property
    def width(self) -> int:
        """Width of the drawing in CSS pixels."""
        return {Shape.WIDE: 720, Shape.NARROW: 344}[self]


@dataclass(frozen=True, slots=True)
class Palette:
    """The tokens of variables.css that pictures use."""

    ink: str
    muted: str
    line: str
    paper: str
    accent: str
    groups: dict[Group, str]


_FILLS = {Group.DETRACTOR: "#D55E00", Group.PASSIVE: "#E69F00", Group.PROMOTER: "#009E73"}
PALETTES = {
    Look.LIGHT: Palette("#1B2430", "#5A6675", "#D5DBE3", "#FFFFFF", "#1F5FBF", _FILLS),
    Look.DARK: Palette(
        "#E8EDF3",
        "#A3AFBD",
        "#2C3642",
        "#11161D",
        "#7FB2FF",
        {Group.DETRACTOR: "#FF8A3D", Group.PASSIVE: "#FFC24D", Group.PROMOTER: "#3CCBA0"},
    ),
    Look.PRINT: Palette("#000000", "#404A56", "#C4CBD4", "#FFFFFF", "#1F5FBF", _FILLS),
}


@dataclass(frozen=True, slots=True)
class Words:
    """What stands around the numbers: a title that says what is shown, the same for those who cannot see
    it, and the line with period, filter and rule."""

    title: str
    description: str
    source: str


def empty_sheet(
    words: Words, palette: Palette, shape: Shape, height: int, *, foot: int, left: int = 38, right: int = 12
) -> tuple[Figure, Axes]:
    """An empty sheet with title and source line, and the axes in the room between the given margins (px)."""
    width = shape.width
    # At 72 dots an inch one point is one CSS pixel of the drawing.
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=palette.paper)
    bottom, top = foot + tail(shape), height - head(shape)
    axes = figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (top - bottom) / height)
    )
    axes.set_facecolor(palette.paper)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=6)
    title = "\n".join(lines(words.title, 84 if shape is Shape.WIDE else 38))
    figure.text(
        10 / width, 1 - 10 / height, title, va="top", fontsize=TITLE_PT, fontweight="bold", color=palette.ink
    )
    source = "\n".join(lines(words.source, 116 if shape is Shape.WIDE else 54))
    figure.text(10 / width, 8 / height, source, va="bottom", fontsize=SMALL_PT, color=palette.muted)
    return figure, axes


def head(shape: Shape) -> int:
    """Room for the title: one line, or two where the sheet is narrow."""
    return 50 if shape is Shape.WIDE else 62


def tail(shape: Shape) -> int:
    """Room for the source line: two lines, or four where the sheet is narrow."""
    return 16 + LINE_PX * (2 if shape is Shape.WIDE else 4)


def lines(text: str, length: int) -> list[str]:
    """The text in lines of about so many characters; one unbroken word stays whole."""
    return textwrap.wrap(text, length, break_long_words=False) or [""]


def finished(figure: Figure, words: Words) -> bytes:
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
        f'<title id="picture-t">{escape(words.title)}</title>'
        f'<desc id="picture-d">{escape(words.description)}</desc>{rest}'
    )
    return document.translate(_NOT_IN_XML).encode()
