"""Whether we may write: every reason against, and their order."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from npsapp.customers.rules import Choice, GroundKind, HoldReason, Stop, months_after, why_not
from npsapp.delivery.rules import Channel

Stated = tuple[GroundKind, datetime | None]

CONTRACT = (GroundKind.CONTRACT, None)
CONSENT = (GroundKind.CONSENT, None)
TAKEN_BACK = (GroundKind.CONSENT, datetime(2026, 11, 20, tzinfo=UTC))


@pytest.mark.parametrize(
    ("channel", "grounds", "against", "expected"),
    [
        (Channel.EMAIL, [CONTRACT], {}, None),
        (Channel.EMAIL, [(GroundKind.INTEREST, None)], {}, None),
        (Channel.PHONE, [CONTRACT], {}, None),
        (Channel.SMS, [CONSENT], {}, None),
        (Channel.SMS, [CONTRACT], {}, Stop.NO_GROUND),
        (Channel.EMAIL, [], {}, Stop.NO_GROUND),
        (Channel.EMAIL, [CONTRACT, TAKEN_BACK], {}, Stop.NO_GROUND),
        (Channel.EMAIL, [TAKEN_BACK], {"suppressed": True}, Stop.SUPPRESSED),
        (Channel.EMAIL, [CONTRACT], {"suppressed": True, "not_mine": True}, Stop.NOT_MINE),
    ],
)
def test_the_first_reason_against_wins(
    channel: Channel, grounds: list[Stated], against: dict[str, bool], expected: Stop | None
) -> None:
    assert why_not(channel, grounds, **against) is expected


@given(
    st.sampled_from(list(Channel)),
    st.lists(st.tuples(st.sampled_from(list(GroundKind)), st.sampled_from([None, TAKEN_BACK[1]])), max_size=4),
)
def test_no_ground_outweighs_a_withdrawal(channel: Channel, grounds: list[Stated]) -> None:
    assert why_not(channel, [*grounds, TAKEN_BACK]) is Stop.NO_GROUND


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
