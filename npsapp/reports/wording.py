"""How a report reads: names, numbers and sentences in the reader's language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from babel.dates import format_date
from flask_babel import get_locale, gettext as _, ngettext

from npsapp.i18n import DEFAULT_LANGUAGE, language_now
from npsapp.lib.texts import N_
from npsapp.reports.queries import NO_ANSWERS, ByScore, Counted, Said
from npsapp.reports.rules import Period, Split, month_within, months_between
from npsapp.reports.statistics import FEW_ANSWERS, Summary, counts_of_distribution, summarise
from npsapp.responses import further
from npsapp.responses.filters import Options
from npsapp.responses.forms import MORE
from npsapp.responses.queries import ANY
from npsapp.responses.rules import Group
from npsapp.surveys.rules import FURTHER, Question, Questionnaire
from npsapp.web.filters import day, number, percent


@dataclass(frozen=True, slots=True)
class Line:
    """One part of a report, all words and figures as people read them; equal lines make equal pictures."""

    name: str
    summary: Summary
    value: str
    """The NPS as a whole number."""
    interval: str
    """Both ends of the score interval: 26 … 41; empty without answers."""
    n_text: str
    filters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What narrows the list of answers to this part."""
    month: date | None = None
    era: str = ""
    """The year of a month, where it begins."""

    @property
    def label(self) -> str:
        """The name in one line."""
        return f"{self.name} {self.era}".rstrip()


DIVISIONS = {
    Split.MONTH: (N_("Month"), N_("By month"), N_("NPS by month, with its interval")),
    Split.REGION: (N_("Region"), N_("By region"), N_("NPS by region, with its interval")),
    Split.SEGMENT: (N_("Segment"), N_("By segment"), N_("NPS by segment, with its interval")),
}
"""What a part is called, the heading over all of them, the title of their picture; in the order of the page."""


def line(name: str, by_score: ByScore, filters: Mapping[str, Any] | None = None, **more: Any) -> Line:
    """The line of a part with these answers."""
    summary = summarise(counts_of_distribution(by_score))
    found = summary.interval
    return Line(
        name,
        summary,
        value=number(hundredfold(summary.value)),
        interval=f"{number(100 * found.low)} … {number(100 * found.high)}" if found else "",
        n_text=_("n %(count)s", count=number(summary.n)),
        filters=filters or {},
        **more,
    )


def lines(split: Split, counted: Counted, period: Period, options: Options) -> list[Line]:
    """The parts of one division: months in order, also those without answers; others by name, nameless last."""
    parts = counted.parts[split]
    if split is Split.MONTH:
        months = months_between(min(parts), max(parts)) if parts else []
        return [_month(month, parts.get(month, NO_ANSWERS), period, months[0]) for month in months]
    return [line(name, parts[id_], {split.value: id_}) for id_, name in options[split].items() if id_ in parts]


def property_lines(name: str, parts: Mapping[str, ByScore], options: Options) -> list[Line]:
    """The parts of a division by a declared property; values too many to be offered are one line, without a filter."""
    named = options.get(name, {})
    known = [
        line(words, parts[text], {name: id_}) for id_, words in named.items() if (text := words if id_ else "") in parts
    ]
    others = [counts for text, counts in parts.items() if text and text not in named.values()]
    return known + ([line(_("Other values"), tuple(map(sum, zip(*others, strict=True))))] if others else [])


@dataclass(frozen=True, slots=True)
class Asked:
    """A further question of a survey with its answers, in words."""

    title: str
    sentence: str
    n: int
    filters: Mapping[str, Any]
    """What narrows the list of answers to those of this question."""
    rows: list[tuple[str, int, float, Mapping[str, Any]]]
    """Answer, how often, its share of those who answered, and what narrows the list to it."""

    @property
    def few(self) -> bool:
        return self.n < FEW_ANSWERS


def questions(survey_id: int, questionnaire: Questionnaire, said: Mapping[str, Said]) -> list[Asked]:
    """The further questions of a survey that were answered, in its order."""
    language, found = language_now(), []
    for one in questionnaire.questions:
        if one.kind not in FURTHER or one.key not in said:
            continue
        answers, about = said[one.key], {"survey": survey_id}
        words = {value: further.spoken_value(questionnaire, one.key, value, language) for value in one.values()}
        found.append(
            Asked(
                title=further.title(questionnaire, one.key, language),
                sentence=_answered(one, answers, words),
                n=answers.n,
                filters=about | {f"{MORE}{one.key}": ANY},
                rows=[
                    (text, count, count / answers.n, about | {f"{MORE}{one.key}": value})
                    for value, text in words.items()
                    for count in [answers.by_value.get(value, 0)]
                ],
            )
        )
    return found


def _answered(question: Question, said: Said, words: Mapping[str, str]) -> str:
    """What the answers to one question come to, in one sentence."""
    n = number(said.n)
    if question.scale:
        mean = sum(int(value) * count for value, count in said.by_value.items()) / said.n
        about = {"mean": number(mean, 1), "highest": question.scale.highest, "answers": n}
        sentence: str = ngettext(
            "On average %(mean)s of %(highest)s, from %(answers)s answer",
            "On average %(mean)s of %(highest)s, from %(answers)s answers",
            said.n,
            **about,
        )
    elif question.options:
        most = max(words, key=lambda value: said.by_value.get(value, 0))
        about = {"option": words[most], "share": percent(said.by_value.get(most, 0) / said.n), "answers": n}
        sentence = ngettext(
            "Chosen most often: “%(option)s”, by %(share)s of %(answers)s customer",
            "Chosen most often: “%(option)s”, by %(share)s of %(answers)s customers",
            said.n,
            **about,
        )
    else:
        sentence = ngettext(
            "%(answers)s customer wrote something", "%(answers)s customers wrote something", said.n, answers=n
        )
    return sentence


def _month(month: date, by_score: ByScore, period: Period, first: date) -> Line:
    name = format_date(month, "LLL", locale=get_locale() or DEFAULT_LANGUAGE)
    era = str(month.year) if month.month == 1 or month == first else ""
    return line(name, by_score, days(month_within(month, period)), month=month, era=era)


def headline(total: Line) -> str:
    """The report in one sentence."""
    if not total.summary.n:
        return str(_("No answers yet"))
    sentence: str = ngettext(
        "NPS %(value)s (%(interval)s) from %(answers)s answer",
        "NPS %(value)s (%(interval)s) from %(answers)s answers",
        total.summary.n,
        value=total.value,
        interval=total.interval,
        answers=number(total.summary.n),
    )
    return sentence


def period_text(period: Period) -> str:
    """The days of a report for people."""
    first, last = (day(end) if end else "" for end in (period.first, period.last))
    if first and last:
        return str(_("%(first)s to %(last)s", first=first, last=last))
    if first:
        return str(_("from %(date)s", date=first))
    return str(_("until %(date)s", date=last)) if last else str(_("all days"))


def groups(total: Line) -> list[tuple[Group, str, int]]:
    """The three groups in the order of the scale, with name and count."""
    counts = total.summary.counts
    return [
        (Group.DETRACTOR, _("Detractors"), int(counts.detractors)),
        (Group.PASSIVE, _("Passives"), int(counts.passives)),
        (Group.PROMOTER, _("Promoters"), int(counts.promoters)),
    ]


def hundredfold(value: float | None) -> float | None:
    """From the scale of calculations, -1..1, to that of people, -100..100."""
    return None if value is None else 100 * value


def days(period: Period) -> dict[str, str]:
    """A period as it stands in an address."""
    ends = {"from": period.first, "to": period.last}
    return {name: end.isoformat() for name, end in ends.items() if end is not None}


def sheet(
    counted: Counted,
    period: Period,
    options: Options,
    more: Iterable[tuple[str, Line]] = (),
    questions: Iterable[Asked] = (),
) -> tuple[list[str], list[list[object]]]:
    """Heading and rows of the exported file; NPS and its interval are whole numbers, the counts are exact.

    `more` are lines of further divisions, each with what its part is called; answers to further `questions` are
    counted only.
    """
    heading = [
        _("Part"), _("Name of the part"), _("Answers"), _("Promoters"), _("Passives"), _("Detractors"),
        "NPS", _("NPS, lower end"), _("NPS, upper end"), _("Note"),
    ]  # fmt: skip
    rows = [_sheet_row(_("Total"), line(_("All answers"), counted.by_score))]
    for split, (part, _heading, _title) in DIVISIONS.items():
        rows += [_sheet_row(_(part), each) for each in lines(split, counted, period, options)]
    rows += [_sheet_row(part, each) for part, each in more]
    empty = [None] * (len(heading) - 3)
    rows += [[_("Score"), str(at), n, *empty] for at, n in enumerate(counted.by_score)]
    return heading, rows + [[one.title, text, n, *empty] for one in questions for text, n, _share, _about in one.rows]


def _sheet_row(part: str, line: Line) -> list[object]:
    """One line of the file; months by number, so that every program sorts them."""
    counts, found = line.summary.counts, line.summary.interval
    name = line.month.strftime("%Y-%m") if line.month else line.name
    values = (line.summary.value, found.low, found.high) if found else (None, None, None)
    return [
        part,
        name,
        *(int(count) for count in (counts.n, counts.promoters, counts.passives, counts.detractors)),
        *(None if value is None else round(100 * value) for value in values),
        _("few answers") if line.summary.n and line.summary.few else "",
    ]
