"""The rules of signing in: how often one may try, which passwords, where to go afterwards."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from npsapp.accounts import rules

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)


def _failures(*minutes_ago: float) -> list[datetime]:
    return [NOW - timedelta(minutes=m) for m in minutes_ago]


@pytest.mark.parametrize(
    ("minutes_ago", "wait_minutes"),
    [
        ([], None),
        ([1, 2, 3, 4], None),
        ([0, 1, 2, 3, 4], 15),
        ([10, 11, 12, 13, 14], 5),
        ([15, 16, 17, 18, 19], None),
        ([0, 1, 2, 3, 16], None),
        ([0, 10, 20, 30, 40, 50, 60, 70, 80, 90], 60),
        ([60 * n for n in range(20)], 240),
    ],
)
def test_tries_on_one_account_wait_longer_and_longer(minutes_ago, wait_minutes):
    until = rules.wait_until(_failures(*minutes_ago), rules.ACCOUNT_LIMITS, now=NOW)

    assert until == (None if wait_minutes is None else NOW + timedelta(minutes=wait_minutes))


def test_one_address_has_thirty_tries_in_a_quarter_of_an_hour():
    few = _failures(*[n / 10 for n in range(29)])
    many = _failures(*[n / 10 for n in range(30)])

    assert rules.wait_until(few, rules.ADDRESS_LIMITS, now=NOW) is None
    assert rules.wait_until(many, rules.ADDRESS_LIMITS, now=NOW) == NOW + timedelta(minutes=15)


@given(st.lists(st.integers(0, 3 * 24 * 3600), max_size=60))
def test_nobody_is_locked_out_for_more_than_four_hours(seconds_ago):
    failures = [NOW - timedelta(seconds=s) for s in seconds_ago]

    until = rules.wait_until(failures, rules.ACCOUNT_LIMITS, now=NOW)

    assert until is None or NOW < until <= NOW + timedelta(hours=4)


@given(st.lists(st.integers(0, 3 * 24 * 3600), max_size=60))
def test_attempts_older_than_the_kept_ones_change_nothing(seconds_ago):
    failures = [NOW - timedelta(seconds=s) for s in seconds_ago]
    kept = [at for at in failures if at >= NOW - rules.KEPT_FOR]

    for limits in (rules.ACCOUNT_LIMITS, rules.ADDRESS_LIMITS):
        assert rules.wait_until(failures, limits, now=NOW) == rules.wait_until(kept, limits, now=NOW)


@pytest.mark.parametrize(
    ("password", "fine"),
    [
        ("correct horse battery", True),
        ("дренажний колодязь", True),
        ("short", False),
        ("          ", False),
        ("         a         ", False),
        ("aaaaaaaaaaaa", False),
        ("Password123", False),
        ("x" * 150 + "abcd" * 20, False),
        ("olena.koval", False),
        ("olena.koval@example.com", False),
    ],
)
def test_a_password_is_long_and_not_obvious(password, fine):
    problem = rules.password_problem(password, email="olena.koval@example.com")

    assert (problem is None) is fine


def test_failed_tries_are_kept_for_a_day():
    assert timedelta(hours=24) == rules.KEPT_FOR


@pytest.mark.parametrize("target", ["/", "/cases/?owner=me", "/reports/?from=2026-01-01#trend", "/a:b"])
def test_signing_in_leads_to_a_page_of_this_site(target):
    assert rules.safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None, "", "cases", "//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)",
        "/\t/evil.example", "/cases\r\nSet-Cookie: a=b", "\\\\evil.example", " /cases", "///evil.example",
    ],
)  # fmt: skip
def test_signing_in_never_leads_to_another_site(target):
    assert rules.safe_next(target) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2::1", "20010db800010002"),
        ("2001:db8:1:2:ffff::9", "20010db800010002"),
        ("unknown", "unknown"),
    ],
)
def test_one_visitor_cannot_change_network_by_choosing_another_address(address, network):
    assert rules.network_of(address) == network


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox, Android"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari, iPhone"),
        ("curl/8.0", ""),
    ],
)
def test_a_device_is_named_as_its_owner_knows_it(agent, words):
    assert rules.device(agent) == words


PARENTS = {1: None, 2: 1, 3: 1, 4: 3, 5: None, 6: 7, 7: 6}


@pytest.mark.parametrize(
    ("region_id", "manager"), [(2, 20), (4, 10), (3, 10), (1, 10), (5, None), (None, None), (6, None), (99, None)]
)
def test_the_nearest_manager_above_answers_for_a_region(region_id, manager):
    assert rules.manager_of(region_id, parents=PARENTS, managers={1: 10, 2: 20}) == manager


def test_regions_nobody_answers_for_are_named_but_not_those_that_only_group_others():
    assert rules.unmanaged(parents={1: None, 2: 1, 3: 1, 5: None}, managers={2: 20}) == [3, 5]
