"""The pictures of a report: which there are, what stands on them, how large they are; drawn ones are remembered."""

import pickle
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from threading import Lock
from typing import Any

from flask_babel import gettext as _

from npsapp.reports import wording
from npsapp.reports.queries import Counted
from npsapp.reports.rules import Period, Split
from npsapp.reports.wording import Line
from npsapp.responses.filters import Options
from npsapp.responses.rules import Group
from npsapp.web.filters import number, percent

# More months than this make a picture that nobody can read; the table and the file have them all.
MOST_MONTHS = 36
# From this many months on their labels stand upright.
CROWDED = 13
# Drawing takes a fifth of a second; a page asks for the same pictures each time somebody looks at it.
REMEMBERED = 16
LINE_PX = 14
# Room under lines for the figures of the axis and its unit.
UNIT_FOOT = 38


class Shape(StrEnum):
    """How much room the page has."""

    WIDE = "wide"
    NARROW = "narrow"

    @property
    def width(self) -> int:
        """Width of the drawing in CSS pixels."""
        return {Shape.WIDE: 720, Shape.NARROW: 344}[self]

    @property
    def head(self) -> int:
        """Room for the title: one line, or two where the sheet is narrow."""
        return {Shape.WIDE: 50, Shape.NARROW: 62}[self]

    @property
    def tail(self) -> int:
        """Room for the source line: two lines, or four where the sheet is narrow."""
        return 16 + LINE_PX * {Shape.WIDE: 2, Shape.NARROW: 4}[self]


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that stands on one picture, in the reader's language: a title that says what is shown, the same for
    those who cannot see it, the line with period, filters and rule, and the numbers."""

    split: Split | None
    """None: by score."""
    title: str
    description: str
    source: str
    lines: tuple[Line, ...] = ()
    whole: Line | None = None
    """The NPS of all of them, to compare with."""
    by_score: tuple[int, ...] = ()
    figures: tuple[str, ...] = ()
    """The same, as the reader writes numbers."""
    groups: tuple[tuple[Group, str, str], ...] = ()
    """Name and share of each group."""

    def upright(self, shape: Shape) -> bool:
        """Whether months stand side by side; where there is no room for that they are lines as well."""
        return self.split is Split.MONTH and shape is Shape.WIDE

    def height(self, shape: Shape) -> int:
        """Height in CSS pixels, so that a page can keep the place free."""
        if self.split is None:
            return 300 if shape is Shape.WIDE else 340
        if self.upright(shape):
            return 360 if len(self.lines) >= CROWDED else 320
        return shape.head + max(len(self.lines), 1) * 34 + UNIT_FOOT + shape.tail


def sheet(split: Split | None, counted: Counted, period: Period, options: Options, source: str) -> Sheet:
    """What stands on the picture of one division; `source` is the line with period, filters and rule."""
    total = wording.line(_("All answers"), counted.by_score)
    if split is None:
        groups = tuple(
            (group, name, percent(count / total.summary.n if total.summary.n else None))
            for group, name, count in wording.groups(total)
        )
        described = [f"{name}: {share}" for _group, name, share in groups]
        figures = tuple(number(count) for count in counted.by_score)
        described += [f"{score}: {figure}" for score, figure in enumerate(figures)]
        title, words = _("How often each score was given"), "; ".join(described)
        return Sheet(None, title, words, source, by_score=counted.by_score, figures=figures, groups=groups)
    lines = wording.lines(split, counted, period, options)[-MOST_MONTHS if split is Split.MONTH else 0 :]
    described = [
        f"{each.label}: {each.value} ({each.interval}), {each.n_text}"
        if each.interval
        else f"{each.label}: {each.n_text}"
        for each in lines
    ]
    whole = None if split is Split.MONTH else total
    return Sheet(split, _(wording.DIVISIONS[split][-1]), "; ".join(described), source, tuple(lines), whole)


class Painter:
    """A process that draws, started when somebody asks; it ends by itself when nobody does for a while.

    Loading matplotlib takes a second and 60 MB, which no process that lives long need keep.
    """

    def __init__(self) -> None:
        self._one_at_a_time = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def draw(self, sheet: Sheet, shape: Shape) -> bytes:
        """The picture as SVG. EOFError when drawing failed; the process has said why on standard error."""
        with self._one_at_a_time:
            try:
                return self._ask(self._living(), sheet, shape)
            except (EOFError, BrokenPipeError):  # it went home just now
                return self._ask(self._living(fresh=True), sheet, shape)

    def _living(self, *, fresh: bool = False) -> "subprocess.Popen[bytes]":
        if self._process is None or fresh or self._process.poll() is not None:
            self.rest()
            program = [sys.executable, "-m", "npsapp.reports.charts"]
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        return self._process

    def _ask(self, process: Any, *wanted: Sheet | Shape) -> bytes:
        pickle.dump(wanted, process.stdin)
        process.stdin.flush()
        svg: bytes = pickle.load(process.stdout)  # noqa: S301 - from our own child
        return svg

    def rest(self) -> None:
        """End the process, if there is one."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._process = None


painter = Painter()


@lru_cache(REMEMBERED)
def drawn(sheet: Sheet, shape: Shape) -> bytes:
    """The picture as SVG, the same bytes for the same numbers."""
    return painter.draw(sheet, shape)
