"""Whether a person chose a score: the rules by table and by chance."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from npsapp.responses import scanners
from npsapp.responses.human import Delays, Doubt, Post, Trace, Waiting, believable, doubt_of, is_promoted, is_sweep
from npsapp.responses.rules import agent_class

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
USUAL = Delays(soon=MINUTE, fast=timedelta(milliseconds=700), sweep=MINUTE, promote=timedelta(days=1))
OFF = Delays(timedelta(), timedelta(), timedelta(), timedelta())
PERSON = Post(timedelta(hours=3), 5 * SECOND, gesture=True, swept=False, scanned=False, scanner=False)


@pytest.mark.parametrize(
    ("facts", "doubt"),
    [
        ({}, None),
        ({"gesture": False}, None),
        ({"since_sent": None}, None),
        ({"since_sent": 59 * SECOND}, Doubt.SOON),
        ({"since_sent": 60 * SECOND}, None),
        ({"since_sent": -SECOND}, Doubt.SOON),
        ({"page_age": timedelta(milliseconds=699)}, Doubt.FAST),
        ({"page_age": timedelta(milliseconds=700)}, None),
        ({"swept": True}, Doubt.SWEEP),
        ({"scanned": True}, None),
        ({"scanned": True, "gesture": False}, Doubt.SCANNED),
        ({"scanner": True}, Doubt.SCANNER),
        ({"scanner": True, "swept": True, "since_sent": SECOND}, Doubt.SCANNER),
    ],
)
def test_a_post_is_doubted_for_what_is_known_of_it(facts, doubt):
    assert doubt_of(replace(PERSON, **facts), USUAL) is doubt


ages = st.integers(-5_000, 200_000).map(lambda ms: timedelta(milliseconds=ms))
posts = st.builds(Post, st.none() | ages, ages, st.booleans(), st.booleans(), st.booleans(), st.booleans())


@given(posts)
def test_a_gesture_and_more_time_never_raise_a_doubt(post):
    calmer = replace(post, gesture=True, page_age=post.page_age + MINUTE)
    calmer = replace(calmer, since_sent=None if post.since_sent is None else post.since_sent + MINUTE)

    if doubt_of(post, USUAL) is None:
        assert doubt_of(calmer, USUAL) is None
    if believable(post, USUAL):
        assert believable(calmer, USUAL)


@given(posts)
def test_with_all_delays_off_only_machines_are_doubted(post):
    assert doubt_of(post, OFF) in (None, Doubt.SCANNER, Doubt.SWEEP, Doubt.SCANNED)
    assert doubt_of(replace(post, scanner=False, swept=False, scanned=False), OFF) is None


@pytest.mark.parametrize(
    ("acts", "swept"),
    [
        ([], False),
        ([(0, 9)], False),
        ([(0, 9), (5, 9), (9, 9)], False),
        ([(0, 9), (60, 8)], True),
        ([(0, 9), (61, 8)], False),
        ([(0, 9), (50, 9), (100, 8)], True),
        ([(0, None), (1, 8)], False),
        ([(number, number) for number in range(11)], True),
    ],
)
def test_two_scores_within_a_minute_are_a_sweep(acts, swept):
    moments = [(AT + seconds * SECOND, score) for seconds, score in acts]

    assert is_sweep(moments, MINUTE) is swept
    assert is_sweep(reversed(moments), MINUTE) is swept
    assert not is_sweep(moments, timedelta())


# ---- a day later -----------------------------------------------------------------------------------------------


def opened(score, *, after=timedelta(hours=2), **over):
    return Trace(AT + after, score, **{"step_id": 1, "network": "203.0.113.0/24", "agent": "phone", **over})


POSTED = Trace(AT + timedelta(hours=2, seconds=5), 9, 1, "203.0.113.0/24", "phone", posted=True)
SENT = Waiting(
    Doubt.SOON, 9, AT + timedelta(hours=2), (AT,), scanned=False, other_posted=False, traces=(opened(9), POSTED)
)
LOOKED = replace(SENT, doubt=Doubt.OPENED, traces=(opened(9),))


@pytest.mark.parametrize(
    ("one", "promoted"),
    [
        (SENT, True),
        (replace(SENT, doubt=Doubt.FAST), True),
        (replace(SENT, doubt=Doubt.SCANNER), False),
        (replace(SENT, doubt=Doubt.SCANNED), False),
        (replace(SENT, doubt=Doubt.SWEEP), False),
        (replace(SENT, other_posted=True), False),
        (replace(SENT, traces=(opened(9), opened(3), POSTED)), False),
        (replace(SENT, traces=(opened(9), opened(None), POSTED)), True),
        (replace(SENT, traces=(opened(9, agent="scanner"), POSTED)), True),
        (replace(SENT, traces=(replace(POSTED, agent="scanner"),)), False),
        (replace(SENT, traces=(replace(POSTED, network="40.92.7.0/24"),)), False),
        (LOOKED, True),
        (replace(LOOKED, scanned=True), False),
        (replace(LOOKED, page_at=None), False),
        (replace(LOOKED, traces=()), False),
        (replace(LOOKED, traces=(opened(9), opened(8, after=timedelta(hours=9)))), False),
        (replace(LOOKED, traces=(opened(9, after=59 * SECOND),)), False),
        (replace(LOOKED, traces=(opened(9, after=60 * SECOND),)), True),
        (replace(LOOKED, sent=(AT, AT + timedelta(hours=30))), True),
        (replace(LOOKED, traces=(opened(9), opened(None, after=timedelta(hours=2, seconds=10)))), False),
        (replace(LOOKED, traces=(opened(9), opened(None, after=timedelta(hours=2, seconds=11)))), True),
        (replace(LOOKED, traces=(opened(9), opened(9, step_id=2, after=timedelta(hours=2, seconds=3)))), True),
        (replace(LOOKED, traces=(opened(9, agent="scanner"),)), False),
        (replace(LOOKED, traces=(opened(9, agent="program"),)), False),
        (replace(LOOKED, traces=(opened(9, network="67.231.145.0/24"),)), False),
        (replace(LOOKED, traces=(opened(9), opened(9, early=True))), False),
        (replace(LOOKED, traces=(opened(9), opened(9, early=True, network="198.51.100.0/24"))), True),
    ],
)
def test_a_day_later_an_unconfirmed_answer_is_counted_or_dropped(one, promoted):
    assert is_promoted(one, USUAL) is promoted


traces = st.lists(
    st.builds(
        Trace,
        st.integers(0, 100_000).map(lambda seconds: AT + seconds * SECOND),
        st.none() | st.integers(0, 10),
        st.integers(1, 2),
        st.sampled_from(["203.0.113.0/24", "40.92.7.0/24", ""]),
        st.sampled_from(["phone", "desktop", "scanner", "program", "unknown"]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
)


@given(traces, traces, st.sampled_from(list(Doubt)), st.booleans())
def test_more_evidence_of_machines_never_counts_an_answer_that_was_dropped(some, more, doubt, scanned):
    before = Waiting(doubt, 9, AT, (AT,), scanned=scanned, other_posted=False, traces=some)
    machines = [replace(trace, agent="scanner", score=trace.score or 3) for trace in more]
    after = replace(before, traces=[*some, *machines])

    if doubt is not Doubt.OPENED and not is_promoted(before, USUAL):
        assert not is_promoted(after, USUAL)
    if any(trace.score not in (None, 9) and not trace.posted for trace in some):
        assert not is_promoted(before, USUAL)


# ---- known scanners --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "known"),
    [
        ("40.107.9.0/24", True),
        ("203.0.113.0/24", False),
        ("", False),
        ("2a01:111:f400::/48", True),
        ("2001:db8::/48", False),
    ],
)
def test_networks_of_scanners_are_known_by_their_prefix(prefix, known):
    assert scanners.lives_in(prefix) is known


def test_every_scanner_names_its_source():
    assert all(one.name and one.source and (one.agents or one.networks) for one in scanners.SCANNERS)
    assert agent_class("Mozilla/5.0 (X11) HeadlessChrome/140.0") == "scanner"
    assert agent_class("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1") == "phone"
