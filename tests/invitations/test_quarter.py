"""A quarter of purchases through the database: every draw is the one the planner on paper makes."""

from types import SimpleNamespace

import pytest

from npsapp import schedule
from npsapp.db import is_sqlite
from tests.benchmarks.quarter import Quarter

SEED = 20261001


def test_a_quarter_of_purchases_is_drawn_as_on_paper_and_breaks_no_rule(
    company: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20,000 purchases on SQLite; PostgreSQL gets fewer, for there each statement has a way to go.

    The stores of a day are drawn in several parts, as those of a large company are.
    """
    monkeypatch.setattr(schedule, "LETTERS_AT_ONCE", 4)
    print(f"seed {SEED}")
    quarter = Quarter(company, count=20_000 if is_sqlite() else 4_000, stores=10 if is_sqlite() else 5, seed=SEED)

    quarter.run()

    print(f"{quarter.draws} draws, {quarter.states}, {quarter.reached:.0%} of targets reached")
    assert quarter.broken == []
    assert quarter.draws == 92 * len(quarter.stores)
    assert quarter.not_drawn > 0
    assert quarter.states["quarantine"] > 0
    assert quarter.reached > 0.6  # thirty small targets; test_pace.py has two thousand
