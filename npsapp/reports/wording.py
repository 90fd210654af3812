"""How a report reads: names, numbers and sentences in the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from babel.dates import format_date
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _

from npsapp.i18n import DEFAULT_LANGUAGE
from npsapp.reports.queries import NONE, Counted, Overview
from npsapp.reports.rules import Period, month_within, months_between
from npsapp.reports.statistics import GroupCounts, Summary, summarise
from npsapp.responses.rules import Group
from npsapp.web.filters import day, number, spoken


@dataclass(frozen=True, slots=True)
class Line:
    """One part of a report: its name, its NPS, and the filters of the list of its answers (None: no such)."""

    name: str
    summary: Summary
    filters: Mapping[str, str] | None
    month: date | None = None
    era: str = ""
    """The year of a month, where it begins."""

    @property
    def value(self) -> str:
        """The NPS as a whole number; nothing without answers."""
        return number(hundredfold(self.summary.value))

    @property
    def interval(self) -> str:
        """Both ends of the score interval."""
        return interval(self.summary)


@dataclass(frozen=True, slots=True)
class Share:
    """One group of the answers."""

    group: Group
    name: str
    count: int
    share: float | None


def headline(summary: Summary) -> str:
    """The report in one sentence."""
    if summary.value is None or summary.interval is None:
        return str(_("No answers yet"))
    sentence: str = ngettext(
        "NPS %(value)s (%(low)s … %(high)s) from %(answers)s answer",
        "NPS %(value)s (%(low)s … %(high)s) from %(answers)s answers",
        summary.n,
        value=number(hundredfold(summary.value)),
        low=number(100 * summary.interval.low),
        high=number(100 * summary.interval.high),
        answers=number(summary.n),
    )
    return sentence


def interval(summary: Summary) -> str:
    """26 … 41; empty without answers."""
    if summary.interval is None:
        return ""
    return f"{number(100 * summary.interval.low)} … {number(100 * summary.interval.high)}"


def period_text(period: Period) -> str:
    """The days of a report for people."""
    if period.first and period.last:
        return str(_("%(first)s to %(last)s", first=day(period.first), last=day(period.last)))
    if period.first:
        return str(_("from %(first)s on", first=day(period.first)))
    if period.last:
        return str(_("until %(last)s", last=day(period.last)))
    return str(_("all days"))


def month_lines(overview: Overview, period: Period) -> list[Line]:
    """All months from the first to the last with answers; those between without answers stand there empty."""
    counted = {part.month: part.counts for part in overview.months if part.month is not None}
    if not counted:
        return []
    return [
        Line(
            short_month(month),
            summarise(counted.get(month, GroupCounts())),
            days(month_within(month, period)),
            month=month,
            era=str(month.year) if month.month == 1 or month == min(counted) else "",
        )
        for month in months_between(min(counted), max(counted))
    ]


def region_lines(overview: Overview) -> list[Line]:
    """The regions by name, those without at the end."""
    return _named_lines(overview.regions, overview.region_names, "region", _("No region"))


def segment_lines(overview: Overview) -> list[Line]:
    """The segments by name, customers without one at the end."""
    return _named_lines(overview.segments, overview.segment_names, "segment", _("No segment"))


def groups(overview: Overview) -> list[Share]:
    """The three groups in the order of the scale, with their shares."""
    counts = overview.counts
    named = (
        (Group.DETRACTOR, _("Detractors"), counts.detractors),
        (Group.PASSIVE, _("Passives"), counts.passives),
        (Group.PROMOTER, _("Promoters"), counts.promoters),
    )
    return [
        Share(group, name, int(count), count / counts.n if counts.n else None) for group, name, count in named
    ]


def short_month(month: date) -> str:
    """Nov, as it stands alone."""
    return format_date(month, "LLL", locale=get_locale() or DEFAULT_LANGUAGE)


def hundredfold(value: float | None) -> float | None:
    """From the scale of calculations, -1..1, to that of people, -100..100."""
    return None if value is None else 100 * value


def days(period: Period) -> dict[str, str]:
    """A period as it stands in an address."""
    ends = {"from": period.first, "to": period.last}
    return {name: end.isoformat() for name, end in ends.items() if end is not None}


def sheet(overview: Overview, period: Period) -> tuple[list[str], list[list[object]]]:
    """Heading and rows of the exported file; NPS and its interval are whole numbers, the counts are exact."""
    heading = [
        _("Part"), _("Name"), _("Answers"), _("Promoters"), _("Passives"), _("Detractors"),
        "NPS", _("NPS, lower end"), _("NPS, upper end"), _("Note"),
    ]  # fmt: skip
    everything = Line(_("All answers"), summarise(overview.counts), None)
    parts = (
        (_("Total"), [everything]),
        (_("Month"), month_lines(overview, period)),
        (_("Region"), region_lines(overview)),
        (_("Segment"), segment_lines(overview)),
    )
    rows = [_sheet_row(part, line) for part, lines in parts for line in lines]
    scores = [
        [_("Score"), str(score), count, *[None] * (len(heading) - 3)]
        for score, count in enumerate(overview.by_score)
    ]
    return heading, rows + scores


def _named_lines(
    parts: Sequence[Counted], names: Mapping[int, dict[str, str]], argument: str, nameless: str
) -> list[Line]:
    """Parts with their names in the order of the alphabet; the part without one stands last, without link."""
    named = [
        Line(spoken(names.get(part.id)), summarise(part.counts), {argument: str(part.id)})
        for part in parts
        if part.id != NONE
    ]
    rest = [Line(nameless, summarise(part.counts), None) for part in parts if part.id == NONE]
    return sorted(named, key=lambda line: line.name.casefold()) + rest


def _sheet_row(part: str, line: Line) -> list[object]:
    """One line of the file; months by number, so that every program sorts them."""
    counts, found = line.summary.counts, line.summary.interval
    name = line.month.strftime("%Y-%m") if line.month else line.name
    values = (line.summary.value, found.low, found.high) if found else (None, None, None)
    return [
        part,
        name,
        line.summary.n,
        int(counts.promoters),
        int(counts.passives),
        int(counts.detractors),
        *(None if value is None else round(100 * value) for value in values),
        _("few answers") if line.summary.n and line.summary.few else "",
    ]
