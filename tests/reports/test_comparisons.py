"""Two texts by lot: response rates, the interval of their difference, and what the numbers say."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from npsapp.audit.services import by_user
from npsapp.db import db, transaction
from npsapp.delivery.rules import Channel
from npsapp.permissions import EVERYTHING, Scope
from npsapp.reports import comparisons, statistics
from npsapp.reports.comparisons import Comparison, Tried, Verdict
from npsapp.reports.rules import EVER, Period
from npsapp.surveys import queries as surveys, texts
from npsapp.surveys.letters import Variant
from npsapp.surveys.models import StepWords
from tests import factories as make


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_two_rates_has_newcombes_interval(
    a: tuple[int, int], b: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe 1998, table II, method 10; he subtracts the second share from the first."""
    found = statistics.rate_difference(b, a)

    assert (found.low, found.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))
    assert statistics.rate_difference((0, 0), a) is None


def test_how_many_letters_show_a_difference() -> None:
    """Two groups of 196 show 10 against 20 % with a power of 80 %; unequal groups need more."""
    assert statistics.needed(0.1, 0.2, share=0.5) == pytest.approx(2 * 196.2, abs=0.2)
    assert statistics.needed(0.1, 0.2, share=0.1) > 2 * statistics.needed(0.1, 0.2, share=0.5)
    assert statistics.needed(0.1, 0.1, share=0.5) == float("inf")


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ((0, 0), (0, 0), Verdict.EARLY),
        ((49, 1), (60, 40), Verdict.EARLY),
        ((400, 60), (400, 100), Verdict.B),
        ((400, 100), (400, 60), Verdict.A),
        ((400, 60), (400, 70), Verdict.OPEN),
        ((400, 60), (400, 60), Verdict.EQUAL),
        ((20_000, 3000), (20_000, 3010), Verdict.EQUAL),
    ],
)
def test_the_verdict_says_what_the_interval_says(a: tuple[int, int], b: tuple[int, int], says: Verdict) -> None:
    one = Comparison(StepWords(), StepWords(share=50), Tried(*a), Tried(*b))

    assert one.verdict is says


def test_a_number_of_letters_that_are_missing_looks_like_an_estimate() -> None:
    one = Comparison(StepWords(), StepWords(share=50), Tried(400, 60), Tried(400, 70))

    assert one.missing == 6100  # 6,829 are needed by the formula, 800 have left
    assert [comparisons.round_up(number) for number in (-5, 3, 11, 101, 12_345)] == [10, 10, 20, 110, 13_000]


# ---- real letters ------------------------------------------------------------------------------------------------


@pytest.fixture
def compared(company: SimpleNamespace, now: datetime) -> dict[Variant, StepWords]:
    """Four letters with text A, one of them answered; four with text B, three answered; and some that do not count."""
    where: dict[str, Any] = {"step": 1, "channel": Channel.EMAIL}
    who: dict[str, Any] = {"actor": by_user(company.admin.id), "now": now - timedelta(days=3)}
    with transaction():
        texts.compare(company.survey.id, **where, **who)
        texts.edit(company.survey.id, {"subject": {"en": "Other"}}, variant=Variant.B, **who)
        found = surveys.words(company.survey.id)
        for variant, answered in ((Variant.A, 1), (Variant.B, 3)):
            for number in range(4):
                letter(company, found, variant, now, answered=number < answered)
        letter(company, found, Variant.B, now, answered=True, test=True)
        letter(company, found, Variant.B, now, left=False)
    db.session.rollback()
    return surveys.words(company.survey.id)


def letter(
    company: SimpleNamespace, found: dict[Variant, StepWords], variant: Variant, now: datetime, **over: Any
) -> None:
    answered, left = over.pop("answered", False), over.pop("left", True)
    invitation = make.make_invitation(company, now=now, **over)
    message = make.make_message(company, now=now, sent_at=now - timedelta(days=1) if left else None)
    (step,) = invitation.steps
    step.message_id, step.words_id = message.id, found[variant].id
    step.against_id = next(row.id for one, row in found.items() if one is not variant)
    if answered:
        make.make_response(company, now=now, invitation=invitation)


def found(company: SimpleNamespace, now: datetime, **over: Any) -> list[tuple[int, int, int, int, int, int]]:
    asked = {"survey_id": company.survey.id, "period": EVER, "scope": EVERYTHING, "now": now} | over
    return [
        (a.sent, a.answered, a.still_open, b.sent, b.answered, b.still_open)
        for one in comparisons.comparisons(**asked)
        for a, b in [(one.of_a, one.of_b)]
    ]


def test_letters_that_left_are_counted_by_text(
    company: SimpleNamespace, compared: dict[Variant, StepWords], now: datetime
) -> None:
    assert found(company, now) == [(4, 1, 3, 4, 3, 1)]
    assert found(company, now, survey_id=company.survey.id + 1) == []
    assert found(company, now, scope=Scope(frozenset({company.regions.odesa.id}))) == []
    assert found(company, now, period=Period(date(2026, 11, 20), None)) == []
    assert found(company, now, period=Period(date(2026, 11, 19), date(2026, 11, 19))) == [(4, 1, 3, 4, 3, 1)]


def test_a_changed_text_begins_a_new_comparison(
    company: SimpleNamespace, compared: dict[Variant, StepWords], now: datetime
) -> None:
    with transaction():
        texts.edit(company.survey.id, {"subject": {"en": "New A"}}, actor=by_user(company.admin.id), now=now)
        letter(company, surveys.words(company.survey.id), Variant.A, now)

    assert found(company, now) == [(1, 0, 1, 0, 0, 0), (4, 1, 3, 4, 3, 1)]


def test_the_page_says_the_verdict_and_takes_the_better_text(
    client: FlaskClient, company: SimpleNamespace, compared: dict[Variant, StepWords], login
) -> None:
    admin = login(client, company.admin)
    page = admin.get(f"/reports/texts?survey={company.survey.id}&lang=en").text

    assert "Too early: each text needs at least 50 letters." in page
    assert "25.0 %" in page.replace("25.0%", "25.0 %")
    assert f"/surveys/{company.survey.id}/letter/take-b?step=1&amp;channel=email" in page
    assert "50.0 percentage points" in page
