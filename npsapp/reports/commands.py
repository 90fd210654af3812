"""What an operator types about numbers: the NPS itself, and a check of the arithmetic."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from npsapp.db import reading
from npsapp.i18n import DEFAULT_LANGUAGE
from npsapp.lib.texts import text_in
from npsapp.reports import queries, verification
from npsapp.reports.queries import Counted, Selection
from npsapp.reports.rules import Period, Split
from npsapp.reports.statistics import GroupCounts, counts_of_distribution, summarise
from npsapp.reports.verification import Comparison, UnreadableCases

report = AppGroup("report", help="Numbers from the answers.")

DAY = click.DateTime(formats=["%Y-%m-%d"])


@report.command("nps")
@click.option("--by", type=click.Choice([split.value for split in Split]), help="Divide the answers.")
@click.option("--from", "first", type=DAY, metavar="DATE", help="First local day, 2026-11-03.")
@click.option("--to", "last", type=DAY, metavar="DATE", help="Last local day, included.")
@click.option("--json", "as_json", is_flag=True, help="Unrounded, for programs.")
def nps(by: str | None, first: datetime | None, last: datetime | None, as_json: bool) -> None:
    """Print the NPS with its 95 % score interval: unweighted, of all answers when no period is given."""
    period = Period(first.date() if first else None, last.date() if last else None)
    if period.backwards:
        raise click.BadParameter("the end lies before the beginning", param_hint="--to")
    with reading():
        found = _report(Selection(period=period), Split(by) if by else None)
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else _table(found))


@click.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(file: Path) -> None:
    """Recompute the reference cases of FILE and print every difference; exit status 1 if there is one."""
    try:
        result = verification.verify(file.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise click.ClickException(
            f"{file} is not UTF-8 text: {error.reason} at byte {error.start}"
        ) from error
    except UnreadableCases as refusal:
        raise click.ClickException(str(refusal)) from refusal
    for difference in result.differences:
        click.echo(_in_words(difference))
    if result.unknown_sections:
        click.echo(f"not computed by this program yet: {', '.join(result.unknown_sections)}")
    click.echo(f"{result.agreeing} agree, {len(result.differences)} differ")
    if result.differences:
        raise SystemExit(1)


def _in_words(difference: Comparison) -> str:
    """One difference in a line."""
    return f"{difference.place}: expected {difference.expected!r}, computed {difference.computed!r}"


def _report(selection: Selection, split: Split | None) -> dict[str, Any]:
    """The figures of all answers and of their parts."""
    counts = counts_of_distribution(queries.distribution(selection))
    return {**_figures(counts), "groups": _groups(selection, split) if split else []}


def _groups(selection: Selection, split: Split) -> list[dict[str, Any]]:
    """The figures of each part with its name; a part without region or segment has the name null."""
    parts = queries.divided(selection, split)
    names = {} if split is Split.MONTH else queries.names(split, parts)
    return [{"name": _name(part, names), **_figures(part.counts)} for part in parts]


def _name(part: Counted, names: dict[int, dict[str, str]]) -> str | None:
    """2026-11, or what the region or segment is called in English, else in any language it has."""
    if part.month is not None:
        return part.month.strftime("%Y-%m")
    return text_in(names.get(part.id), DEFAULT_LANGUAGE) or None


def _figures(counts: GroupCounts) -> dict[str, Any]:
    """NPS and interval on -100..100, unrounded, null without answers; counts by group."""
    summary = summarise(counts)
    found = summary.interval
    return {
        "nps": None if summary.value is None else 100 * summary.value,
        "low": None if found is None else 100 * found.low,
        "high": None if found is None else 100 * found.high,
        "n": summary.n,
        "promoters": int(counts.promoters),
        "passives": int(counts.passives),
        "detractors": int(counts.detractors),
    }


def _table(found: dict[str, Any]) -> str:
    """The same for people: one line for each part, the total at the end."""
    rows = [*found["groups"], {**found, "name": "all answers"}]
    width = max(len(row["name"] or "none") for row in rows)
    return "\n".join(_row(row, width) for row in rows)


def _row(row: dict[str, Any], width: int) -> str:
    """Name, NPS with interval, n."""
    name = f"{row['name'] or 'none':<{width}}"
    if row["nps"] is None:
        return f"{name}  no answers yet"
    return f"{name}  NPS {row['nps']:.0f} ({row['low']:.0f} … {row['high']:.0f})  n {row['n']}"
