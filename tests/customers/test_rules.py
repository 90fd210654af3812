"""Whether we may write: every reason against, and their order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npsapp.customers.rules import (
    Choice,
    GroundFact,
    GroundKind,
    HoldFact,
    HoldReason,
    Standing,
    Stop,
    months_after,
    why_not,
)
from npsapp.delivery.rules import Channel

AT = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
CONTRACT = GroundFact(GroundKind.CONTRACT)
CONSENT = GroundFact(GroundKind.CONSENT)
TAKEN_BACK = GroundFact(GroundKind.CONSENT, withdrawn=True)
OPEN_HOLD = HoldFact(HoldReason.BY_HAND, AT - timedelta(days=1))


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (Standing(Channel.EMAIL, grounds=(CONTRACT,)), None),
        (Standing(Channel.EMAIL, grounds=(GroundFact(GroundKind.INTEREST),)), None),
        (Standing(Channel.PHONE, grounds=(CONTRACT,)), None),
        (Standing(Channel.SMS, grounds=(CONSENT,)), None),
        (Standing(Channel.SMS, grounds=(CONTRACT,)), Stop.NO_GROUND),
        (Standing(Channel.EMAIL), Stop.NO_GROUND),
        (Standing(Channel.EMAIL, grounds=(CONTRACT, TAKEN_BACK)), Stop.WITHDRAWN),
        (Standing(Channel.EMAIL, grounds=(CONTRACT,), holds=(OPEN_HOLD,)), Stop.ON_HOLD),
        (Standing(Channel.EMAIL, grounds=(CONTRACT,), suppressed=True, holds=(OPEN_HOLD,)), Stop.SUPPRESSED),
        (Standing(Channel.EMAIL, grounds=(CONTRACT,), not_mine=True), Stop.NOT_MINE),
        (Standing(Channel.EMAIL, has_address=False, suppressed=True), Stop.NO_ADDRESS),
    ],
)
def test_the_first_reason_against_wins(standing: Standing, expected: Stop | None) -> None:
    assert why_not(standing, now=AT) is expected


@pytest.mark.parametrize(
    ("hold", "stops"),
    [
        (HoldFact(HoldReason.LATER, AT, AT + timedelta(days=1)), True),
        (HoldFact(HoldReason.LATER, AT - timedelta(days=2), AT), False),
        (HoldFact(HoldReason.LATER, AT + timedelta(seconds=1)), False),
        (HoldFact(HoldReason.OPEN_CASE, AT - timedelta(days=400)), True),
        (HoldFact(HoldReason.OPEN_CASE, AT - timedelta(days=400), lifted=True), False),
    ],
)
def test_a_hold_is_half_open_and_may_be_lifted(hold: HoldFact, stops: bool) -> None:
    assert hold.stops(AT) is stops


@given(
    st.sampled_from(list(Channel)),
    st.lists(st.builds(GroundFact, st.sampled_from(list(GroundKind)), st.booleans()), max_size=4),
)
def test_no_ground_outweighs_a_withdrawal(channel: Channel, grounds: list[GroundFact]) -> None:
    standing = Standing(channel, grounds=(*grounds, TAKEN_BACK))

    assert why_not(standing, now=AT) is Stop.WITHDRAWN


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (datetime(2026, 8, 31, tzinfo=UTC), 6, datetime(2027, 2, 28, tzinfo=UTC)),
        (datetime(2026, 3, 15, 7, 30, tzinfo=UTC), 6, datetime(2026, 9, 15, 7, 30, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), 1, datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_six_months_later_is_the_same_day_or_the_last(start: datetime, months: int, end: datetime) -> None:
    assert months_after(start, months) == end


def test_asking_later_is_a_hold_of_its_own() -> None:
    assert Choice.LATER.hold is HoldReason.LATER
    assert Choice.NOTHING.hold is Choice.NO_LETTERS.hold is HoldReason.UNSUBSCRIBED


@pytest.mark.parametrize("stop", Stop)
def test_every_reason_has_words(stop: Stop) -> None:
    assert stop.label
