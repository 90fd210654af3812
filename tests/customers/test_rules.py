"""Whether we may write: every reason against, and their order."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npsapp.customers.rules import Choice, GroundFact, GroundKind, HoldReason, Standing, Stop, months_after, why_not
from npsapp.delivery.rules import Channel

CONTRACT = GroundFact(GroundKind.CONTRACT)
CONSENT = GroundFact(GroundKind.CONSENT)
TAKEN_BACK = GroundFact(GroundKind.CONSENT, withdrawn=True)


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
        (Standing(Channel.EMAIL, grounds=(TAKEN_BACK,), suppressed=True), Stop.SUPPRESSED),
        (Standing(Channel.EMAIL, grounds=(CONTRACT,), suppressed=True, not_mine=True), Stop.NOT_MINE),
    ],
)
def test_the_first_reason_against_wins(standing: Standing, expected: Stop | None) -> None:
    assert why_not(standing) is expected


@given(
    st.sampled_from(list(Channel)),
    st.lists(st.builds(GroundFact, st.sampled_from(list(GroundKind)), st.booleans()), max_size=4),
)
def test_no_ground_outweighs_a_withdrawal(channel: Channel, grounds: list[GroundFact]) -> None:
    standing = Standing(channel, grounds=(*grounds, TAKEN_BACK))

    assert why_not(standing) is Stop.WITHDRAWN


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
