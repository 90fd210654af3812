"""The pace of senders towards each provider: never exceeded, delaying nobody else, stopping and going on by itself."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings, strategies as st
from sqlalchemy import select, update

from npsapp.audit.services import by_user
from npsapp.db import db, transaction
from npsapp.delivery import queries, rates, services
from npsapp.delivery.models import Message, Sender, SenderRate, Suppression
from npsapp.delivery.rules import Channel, Failure, Purpose, State, Stop, spent, stop_lasts, tokens
from npsapp.delivery.tasks import send_next, start_sending
from npsapp.lib import clock
from npsapp.office import mail_alarms
from npsapp.worker import collecting
from tests.delivery.heaps import copy_letters, counted_steps
from tests.mailserver import MailServer

LEASE = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def mailing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    server = MailServer().start()
    for name, value in (("SERVER", "127.0.0.1"), ("PORT", server.port), ("TIMEOUT", 3.0), ("PER_MINUTE", 0)):
        monkeypatch.setitem(app.config, f"MAIL_{name}", value)
    yield server
    server.stop()


def letter_to(company: SimpleNamespace, address: str, now: datetime, **over: Any) -> int:
    over = {"purpose": Purpose.INVITATION, "brand_id": company.brand.id, "language": "uk", "due_at": now} | over
    words = {"subject": "s", "body": "b", "html": ""}
    return services.queue(to_address=address, now=now, **words, **over).id


def letters_to(company: SimpleNamespace, now: datetime, *addresses: str) -> list[int]:
    with transaction():
        return [letter_to(company, address, now) for address in addresses]


def stamp(company: SimpleNamespace, now: datetime, per_minute: int = 0, connections: int = 99) -> list[str]:
    """The domains of the next batch, in order."""
    with transaction():
        batch = rates.stamp(company.sender.id, now=now, per_minute=per_minute, connections=connections, lease=LEASE)
    rows = select(Message.domain).where(Message.batch_id == batch, Message.state == State.CLAIMED)
    return list(db.session.scalars(rows.order_by(Message.id))) if batch else []


def send_all(company: SimpleNamespace, now: datetime) -> None:
    with clock.pretend(now), collecting() as run_jobs:
        send_next(company.sender.id)
        run_jobs()
    db.session.rollback()


def states(ids: list[int]) -> list[State]:
    db.session.rollback()
    return [db.session.get_one(Message, one, populate_existing=True).state for one in ids]


def rate(domain: str) -> SenderRate:
    db.session.rollback()
    found = select(SenderRate).where(SenderRate.domain == domain).execution_options(populate_existing=True)
    return db.session.scalars(found).one()


def limit(company: SimpleNamespace, domain: str, per_minute: int | None, now: datetime) -> None:
    with transaction():
        rates.limit(company.sender.id, domain, per_minute, actor=by_user(company.admin.id), now=now)


@settings(deadline=None)
@given(st.integers(1, 200), st.lists(st.tuples(st.floats(0, 200), st.integers(1, 300)), min_size=1, max_size=60))
def test_in_no_stretch_of_time_more_leave_than_a_minutes_worth_and_the_pace(
    per_minute: int, asked: list[tuple[float, int]]
) -> None:
    now = start = datetime(2026, 11, 20, tzinfo=clock.utcnow().tzinfo)
    free, left = start - timedelta(days=1), []
    for seconds, wanted in asked:
        now += timedelta(seconds=seconds)
        taken = min(wanted, tokens(free, now=now, per_minute=per_minute, burst=per_minute))
        if taken:
            free = spent(free, taken, now=now, per_minute=per_minute)
        left.append((now, taken))
    for at, (first, _taken) in enumerate(left):
        total = 0
        for moment, taken in left[at:]:
            total += taken
            assert total <= per_minute * ((moment - first) / MINUTE + 1) + 0.01


def test_a_slow_provider_delays_nobody_else(company: SimpleNamespace, now: datetime) -> None:
    limit(company, "gmail.com", 10, now)
    limit(company, "slow.example", 5, now)
    letters_to(company, now, *(f"a{n}@gmail.com" for n in range(30)), *(f"b{n}@slow.example" for n in range(150)))
    later = now + timedelta(seconds=1)
    letters_to(company, later, *(f"c{n}@quick.example" for n in range(60)))

    first, second = Counter(stamp(company, later)), Counter(stamp(company, later))
    after_a_minute = Counter(stamp(company, later + MINUTE))

    assert first == {"gmail.com": 10, "slow.example": 5, "quick.example": 60}
    assert second == {}
    assert after_a_minute == {"gmail.com": 10, "slow.example": 5}


def test_a_providers_domains_share_its_pace(company: SimpleNamespace, now: datetime) -> None:
    limit(company, "mail.ru", 3, now)
    letters_to(company, now, "a@mail.ru", "b@bk.ru", "c@list.ru", "d@inbox.ru")

    assert stamp(company, now) == ["mail.ru"] * 3


def test_letters_to_staff_go_first_and_through_every_stop(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        rates.stop_domain(company.sender.id, "gmail.com", cause=Stop.REPUTATION, words="", now=now)
        letter_to(company, "customer@gmail.com", now)
        staff = letter_to(company, "olena@gmail.com", now, purpose=Purpose.PASSWORD)

    assert stamp(company, now) == ["gmail.com"]
    assert states([staff]) == [State.CLAIMED]


def test_several_workers_never_exceed_the_pace_of_a_provider(
    app: Flask, company: SimpleNamespace, now: datetime
) -> None:
    limit(company, "gmail.com", 7, now)
    letters_to(company, now, *(f"a{n}@gmail.com" for n in range(60)), *(f"b{n}@quick.example" for n in range(20)))
    taken: list[tuple[int, str]] = []
    sender_id = company.sender.id

    def work(number: int) -> None:
        with app.app_context():
            for second in range(0, 120, 20):
                moment = now + timedelta(seconds=second)
                with transaction():
                    batch = rates.stamp(sender_id, now=moment, per_minute=0, connections=99, lease=LEASE)
                rows = select(Message.domain).where(Message.batch_id == (batch or "-"))
                taken.extend((second, domain) for domain in db.session.scalars(rows))
            db.session.remove()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    # Their clocks run side by side and not together: whoever is ahead takes from the time to come, nobody twice.
    assert Counter(domain for _second, domain in taken)["quick.example"] == 20
    assert 7 < Counter(domain for _second, domain in taken)["gmail.com"] <= 7 + 7 * 100 / 60


@pytest.mark.sqlite_only
def test_thousands_of_blocked_letters_are_not_read(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        rates.stop_domain(company.sender.id, "slow.example", cause=Stop.REPUTATION, words="", now=now)
    letters_to(company, now, *(f"b{n}@quick.example" for n in range(60)))
    alone = _steps(company, now)
    old = (now - timedelta(hours=1)).strftime("'%Y-%m-%d %H:%M:%S.000000'")
    lane = {"lane": "'slow.example'", "domain": "'slow.example'", "due_at": old}
    copy_letters(30_000, message_id=letters_to(company, now, "b@quick.example")[0], **lane)

    assert _steps(company, now) < 2 * alone


def _steps(company: SimpleNamespace, now: datetime) -> int:
    with transaction(), counted_steps() as steps:
        rates.stamp(company.sender.id, now=now, per_minute=0, connections=99, lease=LEASE)
    return steps()


def test_blocked_letters_step_aside_once(company: SimpleNamespace, now: datetime) -> None:
    letters_to(company, now, *(f"a{n}@slow.example" for n in range(30)))
    later = now + timedelta(seconds=1)
    letters_to(company, later, *(f"b{n}@quick.example" for n in range(5)))
    with transaction():
        rates.stop_domain(company.sender.id, "slow.example", cause=Stop.SLOW, words="", now=now)

    assert stamp(company, later) == ["quick.example"] * 5
    assert db.session.query(Message).filter_by(lane="slow.example").count() == 30
    assert queries.lanes(company.sender.id) == ["slow.example"]


def test_what_is_not_worth_remembering_is_forgotten(company: SimpleNamespace, now: datetime) -> None:
    limit(company, "own.example", 10, now)
    with transaction():
        rates.went_wrong(company.sender.id, "busy.example", Failure(False, "450 busy", "4.2.0"), now=now)
        rates.stop_domain(company.sender.id, "slow.example", cause=Stop.SLOW, words="", now=now)
        rates.forget(now=now + timedelta(days=4))

    assert queries.rates(company.sender.id).keys() == {"own.example", "slow.example", rates.ALL}


# ---- answers of servers --------------------------------------------------------------------------------------------


def test_a_provider_that_asks_to_wait_gets_nothing_then_one_letter_then_all(
    company: SimpleNamespace, mailing: MailServer, now: datetime
) -> None:
    slow = letters_to(company, now, *(f"a{n}@slow.example" for n in range(4)))
    quick = letters_to(company, now, "b@quick.example")
    mailing.refuse = {f"a{n}@slow.example": "421 4.7.0 too many connections from you" for n in range(4)}

    send_all(company, now)

    assert states(slow) == [State.QUEUED] * 4
    assert states(quick) == [State.SENT]
    assert (rate("slow.example").cause, rate("slow.example").stops) == (Stop.SLOW, 1)
    assert len(mailing.envelopes) == 1

    mailing.refuse = {}
    send_all(company, now + timedelta(minutes=4))
    assert State.SENT not in states(slow)
    send_all(company, now + timedelta(minutes=6))
    assert states(slow).count(State.SENT) == 4, "the trial went well, so that the others followed at once"
    assert (rate("slow.example").stops, rate("slow.example").stopped_until) == (0, None)


def test_each_refusal_of_the_trial_doubles_the_time(
    company: SimpleNamespace, mailing: MailServer, now: datetime
) -> None:
    letters_to(company, now, *(f"a{n}@slow.example" for n in range(30)))
    mailing.refuse = {f"a{n}@slow.example": "451 4.7.1 later" for n in range(30)}
    moment, waits = now, []
    for _round in range(8):
        send_all(company, moment)
        until = rate("slow.example").stopped_until
        assert until
        waits.append((until - moment) / MINUTE)
        moment = until + timedelta(seconds=1)

    assert waits == [5, 10, 20, 40, 80, 160, 240, 240]
    assert stop_lasts(Stop.SLOW, 1000) == timedelta(hours=4)


def test_several_temporary_refusals_in_a_row_stop_a_domain_and_a_success_between_does_not(
    company: SimpleNamespace, mailing: MailServer, now: datetime
) -> None:
    busy = [f"a{n}@busy.example" for n in range(8)]
    mailing.refuse = dict.fromkeys(busy, "450 4.2.0 busy")
    letters_to(company, now, *busy[:4], "fine@busy.example", *busy[4:])

    send_all(company, now)

    assert rate("busy.example").stops == 0
    letters_to(company, now, "c1@busy.example", "c2@busy.example")
    mailing.refuse |= {"c1@busy.example": "450 4.2.0 busy", "c2@busy.example": "450 4.2.0 busy"}
    send_all(company, now)
    assert rate("busy.example").stops == 1


def test_distrust_stops_the_provider_tells_administrators_once_and_kills_no_address(
    company: SimpleNamespace, mailing: MailServer, now: datetime
) -> None:
    mailing.refuse = {"a@gmail.com": "550 5.7.26 Unauthenticated email from vodolad.example is not accepted"}
    letters_to(company, now, "a@gmail.com", "b@gmail.com", "c@other.example")

    send_all(company, now)

    stopped = rate("gmail.com")
    assert (stopped.cause, stopped.stopped_until) == (Stop.REPUTATION, now + timedelta(days=1))
    assert [envelope.rcpt_tos for envelope in mailing.envelopes] == [["c@other.example"]]
    assert db.session.query(Suppression).count() == 0
    for _beat in range(2):
        mail_alarms.tell(public_url="https://nps.example", now=now)
    alarms = db.session.scalars(select(Message).where(Message.purpose == Purpose.STAFF)).all()
    assert [one.to_address for one in alarms] == [company.admin.email]
    assert "Gmail" in alarms[0].subject

    with transaction():
        rates.resume(rate("gmail.com").id, actor=by_user(company.admin.id), now=now)
    send_all(company, now)
    assert ["b@gmail.com"] in [envelope.rcpt_tos for envelope in mailing.envelopes]


def test_a_sender_whose_server_is_away_stops_and_another_one_takes_over(
    company: SimpleNamespace, app: Flask, mailing: MailServer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "MAIL_CONNECTIONS", 1)
    ids = letters_to(company, now, "a@one.example", "b@two.example")
    mailing.stop()
    moment = now
    for _round in range(10):
        send_all(company, moment)
        moment += timedelta(hours=13)
    stopped = rate("*")
    assert (stopped.stops, stopped.cause) == (1, Stop.ERRORS)
    assert stamp(company, moment - timedelta(hours=13)) == []

    mailing.start()
    with transaction():
        second = Sender(
            brand_id=company.brand.id, channel=Channel.EMAIL, name={}, address="b@vodolad.example", reply_to=""
        )
        db.session.add(second)
        db.session.execute(update(SenderRate).values(stopped_until=moment + timedelta(minutes=15)))
    with clock.pretend(moment):
        start_sending(company.sender.id)
        with collecting() as run_jobs:
            start_sending(second.id)
            run_jobs()

    assert states(ids) == [State.SENT] * 2
    assert {envelope.mail_from for envelope in mailing.envelopes} == {"b@vodolad.example"}


def test_a_sender_tries_one_letter_after_its_stop(company: SimpleNamespace, mailing: MailServer, now: datetime) -> None:
    with transaction():
        for number in range(10):
            rates.went_wrong(company.sender.id, "", Failure(False, f"gone {number}"), now=now)
    letters_to(company, now, *(f"a{n}@one.example" for n in range(5)))

    assert stamp(company, now + timedelta(minutes=14)) == []
    assert stamp(company, now + timedelta(minutes=16)) == ["one.example"]
    assert stamp(company, now + timedelta(minutes=17)) == [], "the first trial is still under way"
    assert stamp(company, now + timedelta(minutes=32)) == ["one.example"], "nobody knows what became of it"


def test_refusals_by_one_domain_only_do_not_stop_the_sender(
    company: SimpleNamespace, mailing: MailServer, now: datetime
) -> None:
    mailing.refuse = {f"a{n}@one.example": "550 5.1.1 no such user" for n in range(20)}
    letters_to(company, now, *mailing.refuse)
    send_all(company, now)
    assert rate("*").stops == 0

    mailing.refuse = {f"a@d{n}.example": "550 5.5.0 no" for n in range(20)}
    ids = letters_to(company, now, *mailing.refuse)
    send_all(company, now)
    assert rate("*").cause is Stop.ERRORS
    assert Counter(states(ids)) == {State.FAILED: 9, State.QUEUED: 11}


def test_a_brands_letters_are_spread_and_each_customer_keeps_its_sender(
    company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        second = Sender(brand_id=company.brand.id, channel=Channel.EMAIL, name={}, address="b@x.example", reply_to="")
        db.session.add(second)
    addresses = [f"a{n}@one.example" for n in range(60)]
    first, again = letters_to(company, now, *addresses), letters_to(company, now, *addresses)

    chosen = [[db.session.get_one(Message, one).sender_id for one in ids] for ids in (first, again)]

    assert chosen[0] == chosen[1]
    assert 15 < Counter(chosen[0])[second.id] < 45


# ---- dead addresses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "dead"),
    [
        (["550 5.1.1 no such user"], True),
        (["550 5.2.1 disabled"], True),
        (["550 User unknown"], True),
        (["552 5.2.2 over quota"] * 2, False),
        (["552 5.2.2 over quota"] * 3, True),
        (["550 5.7.1 blocked"], False),
        (["554 5.6.0 bad content"], False),
    ],
)
def test_a_refusal_at_once_kills_the_address_or_not(
    company: SimpleNamespace, mailing: MailServer, now: datetime, answers: list[str], dead: bool
) -> None:
    for day, answer in enumerate(answers):
        moment = now + timedelta(days=day)
        mailing.refuse = {"a@one.example": answer}
        letters_to(company, moment, "a@one.example")
        send_all(company, moment)

    later = now + timedelta(days=9)
    stopped = queries.suppressed(Channel.EMAIL, ["a@one.example"], brand_id=company.brand.id, now=later)
    assert bool(stopped) is dead


def test_a_letter_that_comes_back_counts_like_one_refused_at_once(
    company: SimpleNamespace, mailing: MailServer, now: datetime
) -> None:
    ids = letters_to(company, now, "dead@one.example", "fine@one.example", "a@gmail.com")
    send_all(company, now)
    with transaction():
        assert services.record_bounced(ids[0], status="5.1.1", words="<dead@one.example> unknown", now=now)
        assert not services.record_bounced(ids[0], status="5.1.1", words="again", now=now)
        assert services.record_bounced(ids[2], status="5.7.1", words="blocked", now=now)

    returned = db.session.get_one(Message, ids[0])
    assert (returned.state, returned.status, returned.error) == (State.BOUNCED, "5.1.1", "<…> unknown")
    assert queries.suppressed(
        Channel.EMAIL, ["dead@one.example", "a@gmail.com"], brand_id=None, now=now + timedelta(days=1)
    ) == {"dead@one.example"}
    assert rate("gmail.com").cause is Stop.REPUTATION
