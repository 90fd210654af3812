"""Whom the demo company asked, by the program's own rules, and what the answers look like."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta

import pytest

from npsapp.demo import company
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.lib.clock import zone
from npsapp.reports.statistics import GroupCounts, counts_of_distribution, nps, score_interval
from npsapp.responses.rules import Group, classify
from tests.demo.conftest import Story


def counts_of(scores: Iterable[int]) -> GroupCounts:
    given = Counter(scores)
    return counts_of_distribution([given[score] for score in range(11)])


def test_about_three_thousand_answers_came_back(story: Story):
    assert 2600 <= len(story.answered) <= 3400


def test_promoters_prevail_but_critics_are_many_enough(story: Story):
    groups = Counter(classify(answer.score) for _, answer in story.answered)
    count = sum(groups.values())

    assert 0.12 < groups[Group.DETRACTOR] / count < 0.22
    assert 0.48 < groups[Group.PROMOTER] / count < 0.66


def test_every_score_was_given(story: Story):
    assert {answer.score for _, answer in story.answered} == set(range(11))


def test_most_critics_say_why_and_in_two_languages(story: Story):
    critics = [answer for _, answer in story.answered if classify(answer.score) is Group.DETRACTOR]
    languages = Counter(one.language for one, answer in story.answered if answer.comment)

    assert sum(bool(answer.comment) for answer in critics) > 0.7 * len(critics)
    assert min(languages["ru"], languages["uk"]) > 0.3 * sum(languages.values())
    assert 0.01 < languages["en"] / sum(languages.values()) < 0.1


def test_comments_hardly_ever_repeat(story: Story):
    comments = [answer.comment for _, answer in story.answered if answer.comment]
    longer = [comment for comment in comments if len(comment) > 30]

    assert len(comments) > 1200
    assert len(set(longer)) == len(longer)


def test_exactly_what_was_held_back_has_a_reason(story: Story):
    for one in story.decided:
        assert (one.state is InvitationState.EXCLUDED) == (one.reason is not None)
        assert one.state is not InvitationState.PLANNED or one.send_at


def test_several_reasons_held_letters_back(story: Story):
    reasons = Counter(one.reason for one in story.decided)

    for reason in (Reason.QUARANTINE, Reason.NO_ADDRESS, Reason.NO_GROUND, Reason.SUPPRESSED, Reason.CANCELLED):
        assert reasons[reason] > 10, reason


def test_nothing_in_the_past_is_left_to_be_done(story: Story):
    for one in story.decided:
        if one.state is InvitationState.PLANNED:
            assert one.send_at > story.now
        if one.again_at:
            assert one.again_at > story.now
        if one.state is InvitationState.HANDED_OVER:
            assert one.valid_until > story.now


def test_nobody_was_asked_within_the_quarantine(story: Story):
    sent = defaultdict(list)
    for one in story.decided:
        if one.sent_at and one.customer:
            sent[one.customer.serial].append((one.send_at, one.touchpoint))

    assert sum(len(letters) > 1 for letters in sent.values()) > 500
    for letters in sent.values():
        letters.sort()
        for (earlier, first), (later, second) in zip(letters, letters[1:], strict=False):
            assert later - earlier >= timedelta(days=90 if first == second else 30)


def test_letters_left_in_the_sending_hours_only(story: Story):
    for one in story.decided:
        if one.sent_at and one.touchpoint != "warehouse":
            assert 10 <= one.send_at.astimezone(zone(company.ZONE)).hour < 19


def test_letters_left_when_the_policy_says(story: Story):
    for one in story.decided:
        if one.sent_at:
            delay = company.POLICIES[one.touchpoint].delay
            assert one.happened_at + delay <= one.sent_at <= one.latest_at + timedelta(minutes=2)


def test_answers_came_after_the_letter_and_while_the_link_was_valid(story: Story):
    for one, answer in story.answered:
        assert one.sent_at < answer.confirmed_at <= answer.finished_at <= story.now
        assert answer.confirmed_at < one.valid_until
        assert one.state is InvitationState.ANSWERED


def _scores(story: Story, unit: str, *, since: timedelta | None = None, before: timedelta | None = None) -> list[int]:
    return [
        answer.score
        for one, answer in story.answered
        if one.unit == unit
        and (since is None or answer.confirmed_at > story.now - since)
        and (before is None or answer.confirmed_at <= story.now - before)
    ]


def test_one_store_got_worse_beyond_doubt(story: Story):
    months = timedelta(days=150)
    before = score_interval(counts_of(_scores(story, company.WORSE_STORE, before=months)))
    since = score_interval(counts_of(_scores(story, company.WORSE_STORE, since=months)))

    assert since.high < before.low


def test_one_store_only_looks_better(story: Story):
    network = nps(counts_of(answer.score for _, answer in story.answered))
    scores = _scores(story, company.LUCKY_STORE)
    interval = score_interval(counts_of(scores))

    assert 3 <= len(scores) <= 20
    assert nps(counts_of(scores)) > network + 0.15
    assert interval.low < network < interval.high


@pytest.mark.parametrize("touchpoint", sorted(company.TOUCHPOINTS))
def test_every_touchpoint_has_enough_answers_for_a_picture(story: Story, touchpoint):
    assert sum(one.touchpoint == touchpoint for one, _ in story.answered) > 200
