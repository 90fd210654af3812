"""What an operator types about numbers: the NPS itself, and a check of the arithmetic."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from npsapp.db import reading
from npsapp.permissions import EVERYTHING
from npsapp.reports import queries, verification
from npsapp.reports.queries import ByScore, Selection
from npsapp.reports.rules import Period, Split
from npsapp.reports.statistics import counts_of_distribution, summarise
from npsapp.reports.verification import UnreadableCases
from npsapp.reports.wording import hundredfold
from npsapp.responses import filters

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


def _report(selection: Selection, split: Split | None) -> dict[str, Any]:
    """The figures of all answers and of their parts; a part without region or segment has the name null."""
    counted = queries.counted(selection)
    groups: list[dict[str, Any]] = []
    if split:
        names = filters.options(EVERYTHING).get(split, {})
        for key, by_score in counted.parts[split].items():
            name = f"{key:%Y-%m}" if split is Split.MONTH else names.get(key) if key else None
            groups.append({"name": name, **_figures(by_score)})
    return {**_figures(counted.by_score), "groups": groups}


def _figures(by_score: ByScore) -> dict[str, Any]:
    """NPS and interval on -100..100, unrounded, null without answers; counts by group."""
    summary = summarise(counts_of_distribution(by_score))
    ends = {"low": None, "high": None} if summary.interval is None else asdict(summary.interval)
    figures = {name: hundredfold(value) for name, value in {"nps": summary.value, **ends}.items()}
    return {**figures, "n": summary.n, **{name: int(count) for name, count in asdict(summary.counts).items()}}


def _table(found: dict[str, Any]) -> str:
    """The same for people: one line for each part, the total at the end."""
    rows = [*found["groups"], {**found, "name": "all answers"}]
    width = max(len(row["name"] or "none") for row in rows)
    return "\n".join(f"{row['name'] or 'none':<{width}}  {_in_short(row)}" for row in rows)


def _in_short(row: dict[str, Any]) -> str:
    """NPS with interval, and n."""
    if row["nps"] is None:
        return "no answers yet"
    return f"NPS {row['nps']:.0f} ({row['low']:.0f} … {row['high']:.0f})  n {row['n']}"


@click.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(file: Path) -> None:
    """Recompute the reference cases of FILE and print every difference; exit status 1 if there is one."""
    try:
        result = verification.verify(file.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        problem = f"{file} is not UTF-8 text: {error.reason} at byte {error.start}"
        raise click.ClickException(problem) from error
    except UnreadableCases as refusal:
        raise click.ClickException(str(refusal)) from refusal
    for one in result.differences:
        click.echo(f"{one.place}: expected {one.expected!r}, computed {one.computed!r}")
    if result.unknown_sections:
        click.echo(f"not computed by this program yet: {', '.join(result.unknown_sections)}")
    click.echo(f"{result.agreeing} agree, {len(result.differences)} differ")
    if result.differences:
        raise SystemExit(1)
