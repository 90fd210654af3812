"""Draws sheets of QR codes as PDF; a program of its own, asked on standard input (see `sheets`).

Codes are drawn as areas and not as pictures, so that any printer gets their edges right.
"""

import json
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, BinaryIO

import matplotlib as mpl
import numpy as np
import segno
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from npsapp.reports.sheets import GRIDS, Code

mpl.rcParams["pdf.fonttype"] = 42  # whole letters, so that Cyrillic can be searched and copied
INK, MUTED = "#1b2430", "#5a6675"  # as on light pages
A4 = 210.0, 297.0  # mm
POINT = 72 / 25.4  # in a millimetre
QUIET = 4  # modules of white around a code (ISO/IEC 18004, 6.3.8)
SMALLEST = 2.2  # mm of a letter that is still read
OVERLAP = 0.02  # of a module: viewers show hairlines between areas that only touch


def matrix(address: str) -> tuple[bytearray, ...]:
    """The modules of a code row by row, 1 is dark. A quarter may be dirty or torn."""
    return segno.make(address, error="q", micro=False).matrix


def main() -> None:
    """Draw the codes that are asked for."""
    codes, per_page = json.load(sys.stdin)
    draw([Code(*one) for one in codes], per_page, sys.stdout.buffer)


def draw(codes: Sequence[Code], per_page: int, file: BinaryIO) -> None:
    """Write the sheets as PDF."""
    with PdfPages(file, metadata={"Creator": None, "Producer": None, "CreationDate": None}) as pages:
        for first in range(0, len(codes), per_page):
            pages.savefig(_page(codes[first : first + per_page], per_page))


def _page(codes: Sequence[Code], per_page: int) -> Figure:
    columns, rows = GRIDS[per_page]
    width, height = A4[0] / columns, A4[1] / rows
    figure = Figure(figsize=(A4[0] / 25.4, A4[1] / 25.4), dpi=72)
    for at, code in enumerate(codes):
        left, top = at % columns * width, A4[1] - at // columns * height
        _place(figure, code, left + width / 2, top, width, height)
    return figure


def _place(figure: Figure, code: Code, middle: float, top: float, width: float, height: float) -> None:
    """One code in its part of the page, everything in proportion to the part's height; all in mm."""
    side = min(0.58 * height, 0.7 * width)
    unit = side / 100
    below = top - 0.06 * height - _say(figure, code.brand, middle, top - 0.06 * height, 9 * unit, width, bold=True)
    below -= 2 * unit + _say(figure, code.question, middle, below - 2 * unit, 7 * unit, width)
    figure.add_artist(_drawn(figure, code.address, middle - side / 2, below - side, side))
    below -= side
    below -= _say(figure, code.help, middle, below, 5 * unit, width)
    below -= unit + _say(figure, code.address.partition("//")[2], middle, below - unit, 5 * unit, width, bold=True)
    _say(figure, code.place, middle, below - unit, 4 * unit, width, colour=MUTED)


def _say(
    figure: Figure, words: str, x: float, y: float, size: float, width: float, *, bold: bool = False, colour: str = INK
) -> float:
    """Centred lines with letters of `size` mm below `y`; gives how high they are. Many words become smaller."""
    size = max(size, SMALLEST)
    lines = textwrap.wrap(words, int(0.86 * width / (0.6 * size)))
    if len(lines) > 2 and size == SMALLEST:
        lines = [*lines[:1], f"{lines[1][:-1]}…"]
    if len(lines) > 2:
        return _say(figure, words, x, y, size * 0.85, width, bold=bold, colour=colour)
    looks: dict[str, Any] = {"fontsize": size * POINT, "color": colour, "fontweight": "bold" if bold else "normal"}
    figure.text(x / A4[0], y / A4[1], "\n".join(lines), ha="center", va="top", linespacing=1.2, **looks)
    return 1.3 * size * len(lines)


def _drawn(figure: Figure, address: str, left: float, bottom: float, side: float) -> PathPatch:
    """The dark modules of a code as one shape, its white edge left free."""
    modules = matrix(address)
    count = len(modules)
    step = side / (count + 2 * QUIET)
    runs = [(*run, row) for row, line in enumerate(modules) for run in _runs(line)]
    corners = []
    for start, end, row in runs:
        low, high = count - 1 - row + QUIET, count - row + QUIET + OVERLAP
        x0, x1 = start + QUIET, end + QUIET
        corners += [(x0, low), (x1, low), (x1, high), (x0, high), (x0, low)]
    points = np.array(corners) * step + (left, bottom)
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(runs)
    # Millimetres of the page: matplotlib's own unit is an inch.
    looks = {"facecolor": "black", "linewidth": 0, "transform": figure.dpi_scale_trans}
    return PathPatch(Path(points / 25.4, codes), **looks)


def _runs(line: Sequence[int]) -> list[tuple[int, int]]:
    """Beginnings and ends of the dark stretches of a row."""
    edges = np.flatnonzero(np.diff([0, *line, 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


if __name__ == "__main__":
    main()
