"""The clock of one case, counted from what is stored: its answers, the region's calendar, the outages."""

from datetime import datetime, time

from npsapp.cases import queries, rules
from npsapp.cases.calendar import NoWorkingTime, WorkingCalendar
from npsapp.cases.models import Case
from npsapp.cases.rules import Deadlines
from npsapp.organization import queries as organization
from npsapp.organization.models import Brand, Region
from npsapp.pulse import queries as pulse


def calendar_of(region: Region | None, brand: Brand) -> WorkingCalendar:
    """When people of a region work; a case without a region goes by Monday to Friday, 9 to 18, in the brand's zone."""
    zone_name = organization.zone_of(region, brand)
    holidays = frozenset(organization.holidays(region.id if region else None))
    if region is None:
        return WorkingCalendar(zone_name, holidays=holidays)
    try:
        return WorkingCalendar(
            zone_name,
            weekdays=frozenset(int(day) - 1 for day in region.workdays),
            opens=region.work_from or time(0),
            closes=region.work_until,
            holidays=holidays,
        )
    except NoWorkingTime:
        # A calendar that was entered wrongly must not keep cases from being opened.
        return WorkingCalendar(zone_name, holidays=holidays)


def count(case: Case, *, now: datetime) -> Deadlines | None:
    """The deadlines of a case as they follow from its answers; None when none of them needs anybody any more.

    Nothing starts before the case's own `clock_from`: that of a reopened case is the moment of reopening.
    """
    key_customer = bool(case.customer and case.customer.is_key)
    starts = [
        (max(at, case.clock_from), hot)
        for history in queries.histories(case.id)
        for at, hot in rules.clock_starts(history.states, key_customer=key_customer)
    ]
    if not starts:
        return None
    return _deadlines(case, starts, now=now)


def restart(case: Case, *, now: datetime) -> Deadlines:
    """The deadlines of a case whose clock begins anew at `now`, because somebody reopened it."""
    return _deadlines(case, [(now, False)], now=now)


def _deadlines(case: Case, starts: list[tuple[datetime, bool]], *, now: datetime) -> Deadlines:
    calendar = calendar_of(case.region, case.brand)
    outages = pulse.outages(min(at for at, _hot in starts), now)
    return rules.earliest(
        [
            rules.deadlines(
                at, hot=hot, working_time=calendar, outages=outages, call_back_at=case.call_back_at
            )
            for at, hot in starts
        ]
    )


def stored(case: Case) -> Deadlines:
    """The deadlines as they stand in the table."""
    return Deadlines(case.acknowledge_by, case.attempt_by, case.contact_by, case.settle_by)


def columns(clock: Deadlines, state: rules.State) -> dict[str, datetime]:
    """The columns of the table for a clock; `due_at` is the deadline that counts in this state."""
    due = rules.due_now(state, clock)
    found = {
        "acknowledge_by": clock.acknowledge_by,
        "attempt_by": clock.attempt_by,
        "contact_by": clock.contact_by,
        "settle_by": clock.settle_by,
    }
    return found if due is None else found | {"due_at": due.at}
