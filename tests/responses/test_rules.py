"""Scores, words, links and whose answer counts: the rules without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from npsapp.invitations.rules import InvitationState
from npsapp.responses import rules
from npsapp.responses.rules import Group, Said, Way

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("score", "group"),
    [(0, "detractor"), (6, "detractor"), (7, "passive"), (8, "passive"), (9, "promoter"), (10, "promoter")],
)
def test_the_bounds_of_the_groups(score, group):
    assert rules.classify(score) is Group(group)


@pytest.mark.parametrize("wrong", [-1, 11, 7.0, 7.5, "7", None, True, False])
def test_nothing_but_an_integer_from_0_to_10_has_a_group(wrong):
    with pytest.raises(ValueError, match="not a score"):
        rules.classify(wrong)


def test_the_eleven_scores_are_read():
    assert [rules.score_or_none(str(score)) for score in range(11)] == list(range(11))


WRONG_SCORES = [
    "",
    " ",
    "-1",
    "11",
    "7.5",
    "7.0",
    "07",
    "00",
    "+7",
    "1e1",
    " 9",
    "9 ",
    "9\n",
    "0x9",
    "ten",
    "９",
    "٣",
    "100",
    "10.",
    "-0",
    "null",
    "9;",
    "𝟗",
]


@pytest.mark.parametrize("wrong", WRONG_SCORES)
def test_other_spellings_are_no_scores(wrong):
    assert rules.score_or_none(wrong) is None


@given(st.text())
def test_a_text_is_a_score_only_if_it_is_one_of_eleven(text):
    assert (rules.score_or_none(text) is not None) == (text in {str(score) for score in range(11)})


@given(st.text(max_size=rules.COMMENT_MAX))
def test_words_of_any_script_are_kept_but_for_controls_and_edges(text):
    stored = rules.comment_from(text)

    assert "\r" not in stored
    assert "\x00" not in stored
    assert stored == stored.strip()
    stored.encode("utf-8")  # no lone surrogates: no database takes them
    assert rules.comment_from(stored) == stored


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Дякую!  ", "Дякую!"),
        ("раз\r\nдва\rтри\n", "раз\nдва\nтри"),
        ("a\x00b\x07c", "abc"),
        ("table\tcell", "table\tcell"),
        ("שלום <b>👍🏽</b> مرحبا", "שלום <b>👍🏽</b> مرحبا"),
        ("\r\n \t", ""),
    ],
)
def test_how_words_are_stored(typed, stored):
    assert rules.comment_from(typed) == stored


def test_five_thousand_characters_fit_and_one_more_does_not():
    assert len(rules.comment_from("я" * 5000)) == 5000
    assert len(rules.comment_from("👍" * 5000)) == 5000
    assert len(rules.comment_from("a\r\n" * 2499 + "ab")) == 5000  # a line end counts once

    with pytest.raises(rules.TooLong) as refusal:
        rules.comment_from("я" * 5001)
    assert refusal.value.values == {"count": 5001, "limit": 5000}


LATER, EARLIER = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("state", "valid_until", "leads"),
    [
        (InvitationState.PLANNED, LATER, Way.NOWHERE),
        (InvitationState.EXCLUDED, None, Way.NOWHERE),
        (InvitationState.HANDED_OVER, LATER, Way.OPEN),
        (InvitationState.HANDED_OVER, None, Way.OPEN),
        (InvitationState.HANDED_OVER, NOW, Way.CLOSED),
        (InvitationState.ANSWERED, LATER, Way.OPEN),
        (InvitationState.ANSWERED, EARLIER, Way.CLOSED),
        (InvitationState.EXPIRED, LATER, Way.CLOSED),
        (InvitationState.WITHDRAWN, LATER, Way.CLOSED),
        (InvitationState.NOT_MINE, LATER, Way.NOT_MINE),
        (InvitationState.NOT_MINE, EARLIER, Way.CLOSED),
    ],
)
def test_where_a_link_leads(state, valid_until, leads):
    assert rules.way(state, valid_until, now=NOW) is leads


@pytest.mark.parametrize(
    ("stored", "said", "changed"),
    [
        (Said(9, "", None), Said(9), []),
        (Said(9, "good", True), Said(9), []),
        (Said(9, "", None), Said(None, "words"), ["comment"]),
        (Said(9, "good", True), Said(9, "good", True), []),
        (Said(9, "good", None), Said(9, ""), ["comment"]),
        (Said(9, "good", None), Said(3, "bad", False), ["score", "comment", "contact"]),
        (Said(9, "", True), Said(9, contact=False), ["contact"]),
    ],
)
def test_what_a_post_changes(stored, said, changed):
    assert rules.differs(stored, said) == changed


def test_a_double_click_only_adds():
    assert rules.only_adds(Said(9, ""), Said(9))
    assert rules.only_adds(Said(9, ""), Said(9, "and words now"))
    assert rules.only_adds(Said(9, ""), Said(None, "and words now"))
    assert rules.only_adds(Said(9, "words"), Said(9, "words"))


def test_another_score_and_other_words_do_not():
    assert not rules.only_adds(Said(9, ""), Said(8))
    assert not rules.only_adds(Said(9, "words"), Said(9, "other words"))


@pytest.mark.parametrize(("opened", "confirmed", "same"), [(-60, -10, True), (-5, -10, False), (-9000, -601, False)])
def test_a_later_page_and_a_late_post_are_not_the_page_that_answered(opened, confirmed, same):
    moments = {"confirmed_at": NOW + timedelta(seconds=confirmed), "opened_at": NOW + timedelta(seconds=opened)}
    assert rules.is_same_page(**moments, now=NOW) is same


@pytest.mark.parametrize(
    ("score", "contact", "promised"),
    [
        (3, None, True),
        (3, False, False),
        (3, True, True),
        (8, None, False),
        (8, True, False),
        (10, True, False),
        (10, False, False),
    ],
)
def test_a_call_is_promised_only_to_detractors_who_do_not_decline(score, contact, promised):
    assert rules.promises_a_call(score, contact) is promised


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("", ""),
        (None, ""),
        ("nonsense", ""),
    ],
)
def test_only_the_prefix_of_a_network_is_kept(address, network):
    assert rules.network_of(address) == network


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126 Mobile Safari/537.36", "phone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/127.0", "desktop"),
        ("curl/8.5.0", "program"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", "scanner"),
        ("Mozilla/5.0 HeadlessChrome/126", "scanner"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_only_the_class_of_a_browser_is_kept(agent, kind):
    assert rules.agent_class(agent) == kind
