"""Fifty scanners and one person at the same link at the same moment."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from npsapp import schedule
from npsapp.customers.models import ContactFact
from npsapp.customers.rules import FactKind
from npsapp.db import db, transaction
from npsapp.lib import clock
from npsapp.lib.clock import utcnow
from npsapp.reports.models import DailyTally
from npsapp.responses.models import Basis, Response, ResponseRevision
from tests.factories import make_invitation
from tests.races.conftest import AtOnce, count, rows
from tests.responses.visitor import Page, Visitor

HEADLESS = "Mozilla/5.0 (X11) HeadlessChrome/140.0.0.0 Safari/537.36"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"


def test_whatever_fifty_scanners_do_the_persons_score_stands_and_counts_once(
    app: Flask, company: Any, at_once: AtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("SOON", 60.0), ("FAST", 0.7), ("SWEEP", 60.0)):
        monkeypatch.setitem(app.config, f"ANSWER_{name}", seconds)
    start = utcnow()
    with transaction():
        link = f"/r/{make_invitation(company, now=start).steps[0].token}"

    def visitor(agent: str) -> Visitor:
        return Visitor(app.test_client(), **{"Accept-Language": "en", "User-Agent": agent})

    with clock.pretend(start - timedelta(minutes=10)):
        pages = [visitor(HEADLESS).open(f"{link}/{number % 11}") for number in range(50)]
        own = visitor(PHONE).open(f"{link}/9")

    def scans(page: Page) -> Any:
        return lambda: visitor(HEADLESS).press(page, gesture="submit").status

    def person() -> int:
        return visitor(PHONE).press(own, gesture="pointermove").status

    statuses = at_once(*map(scans, pages), person, now=start)
    assert set(statuses) == {200}
    assert count(Response) == 1
    with clock.pretend(start + timedelta(seconds=90)):
        assert person() == 200  # the page's script sends the next movement if the first was not believed

    (one,) = rows(Response)
    assert (one.score, one.basis) == (9, Basis.CONFIRMED)
    history = sorted(rows(ResponseRevision), key=lambda state: state.number)
    assert [state.number for state in history] == list(range(1, one.revision + 1))
    assert history[-1].score == 9
    assert count(ContactFact, ContactFact.kind == FactKind.ANSWERED) == 1
    schedule.recount(schedule.Beat())
    db.session.rollback()
    assert db.session.scalar(select(func.sum(DailyTally.n))) == 1
