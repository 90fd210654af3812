"""The last moment before a letter leaves: what the database knows by then, and what still keeps the letter here."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from npsapp.db import db, is_sqlite, transaction
from npsapp.delivery import emptying, services, tasks
from npsapp.delivery.channels import Outgoing, mail
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, State, SuppressionReason
from npsapp.worker import collecting
from tests.delivery.test_lost_connections import at
from tests.delivery.test_sending import queue, send_all, state_of
from tests.mailserver import MailServer

STATE = text("SELECT state FROM message WHERE id = :id")


class Between:
    """The way out, with something that happens before a letter's last moment: `before(letter, leaves)`."""

    def __init__(self, sender: object, before: Callable[[Outgoing, Callable[[], bool]], bool]) -> None:
        self.channel, self.before = mail.open_channel(sender), before  # type: ignore[arg-type]

    def send(self, letter: Outgoing, leaves: Callable[[], bool]) -> str | None:
        return self.channel.send(letter, lambda: self.before(letter, leaves))

    def close(self) -> None:
        self.channel.close()


@pytest.fixture
def between(mailing: MailServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`between(before)`: that happens when the server waits for the content of a letter."""

    def set_up(before: Callable[[Outgoing, Callable[[], bool]], bool]) -> None:
        monkeypatch.setitem(tasks.OPENED_BY, Channel.EMAIL, lambda sender: Between(sender, before))

    return set_up


def seen_by_others(message_id: int) -> str:
    """The state as another connection reads it: what is committed."""
    with db.engine.connect() as connection:
        return str(connection.execute(STATE, {"id": message_id}).scalar())


def test_a_letter_leaves_when_everybody_can_see_that_it_is_about_to_and_nothing_before_is_open(
    company: SimpleNamespace, mailing: MailServer, between: Callable[..., None], at_now: datetime
) -> None:
    seen = []

    def look(letter: Outgoing, leaves: Callable[[], bool]) -> bool:
        may = leaves()
        seen.append((may, seen_by_others(letter.id), len(mailing.letters)))
        return may

    between(look)
    messages = [queue(company, at_now) for _ in range(3)]

    send_all(company)

    assert seen == [(True, State.SENDING, 0), (True, State.SENDING, 1), (True, State.SENDING, 2)]
    assert mailing.ids() == [one.message_id for one in messages]
    assert {state_of(one) for one in messages} == {State.SENT}


def stop_address(address: str, now: datetime) -> None:
    services.suppress(channel=Channel.EMAIL, address=address, reason=SuppressionReason.BY_HAND, now=now)


def erase(address: str, _now: datetime) -> None:
    emptying.erase([address], [])


@pytest.mark.parametrize("how", [stop_address, erase])
def test_who_is_stopped_or_erased_while_the_batch_travels_gets_no_letter_and_the_others_do(
    how: Callable[[str, datetime], None],
    company: SimpleNamespace,
    mailing: MailServer,
    between: Callable[..., None],
    at_now: datetime,
) -> None:
    messages = [queue(company, at_now, to_address=f"buyer{number}@example.com") for number in range(4)]

    def before(letter: Outgoing, leaves: Callable[[], bool]) -> bool:
        may = leaves()
        if letter.id == messages[0].id:  # all four have been read, two are no more to be written to
            with transaction():
                how("buyer1@example.com", at_now)
                how("buyer2@example.com", at_now)
        return may

    between(before)

    send_all(company)

    assert [state_of(one) for one in messages] == [State.SENT, State.CANCELLED, State.CANCELLED, State.SENT]
    assert [one.rcpt_tos for one in mailing.envelopes] == [["buyer0@example.com"], ["buyer3@example.com"]]


def test_a_recipient_refused_while_being_stopped_is_stopped_and_not_dead(
    company: SimpleNamespace, mailing: MailServer, between: Callable[..., None], at_now: datetime
) -> None:
    mailing.refuse["buyer1@example.com"] = "550 5.1.1 no such user"
    messages = [queue(company, at_now, to_address=f"buyer{number}@example.com") for number in range(3)]

    def before(_letter: Outgoing, leaves: Callable[[], bool]) -> bool:
        may = leaves()
        if not mailing.letters:
            with transaction():
                stop_address("buyer1@example.com", at_now)
        return may

    between(before)

    send_all(company)

    assert [state_of(one) for one in messages] == [State.SENT, State.CANCELLED, State.SENT]


@contextmanager
def database_trouble(message_id: int) -> Iterator[Callable[[], None]]:
    """PostgreSQL cannot write the message, and ends all connections when the function given is called.

    SQLite, which has no server, fails as on a full disk.
    """
    if is_sqlite():
        yield _full_disk
        return
    with db.engine.connect() as other:
        other.execute(text("SELECT 1 FROM message WHERE id = :id FOR UPDATE"), {"id": message_id})
        ours = "pid <> pg_backend_pid() AND datname = current_database()"
        yield lambda: other.execute(
            text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
        ).close()


def _full_disk() -> None:
    raise OperationalError("COMMIT", None, OSError("disk full"))


def test_a_database_lost_while_the_server_waits_keeps_the_letter_here_and_all_arrive_later(
    company: SimpleNamespace, mailing: MailServer, between: Callable[..., None], at_now: datetime
) -> None:
    messages = [queue(company, at_now, to_address=f"buyer{number}@example.com") for number in range(3)]
    ids, last = [one.message_id for one in messages], messages[1].id
    with ExitStack() as later:

        def before(letter: Outgoing, leaves: Callable[[], bool]) -> bool:
            if letter.id == last:
                trouble()
            return leaves()

        between(before)
        jobs = stamped(company)
        trouble = later.enter_context(database_trouble(last))
        with pytest.raises(OperationalError):
            tasks.send_batch(*jobs)
    last = 0
    db.session.rollback()
    db.engine.dispose()
    assert mailing.ids() == ids[:1]

    for hours in (2, 4):
        with at(at_now + timedelta(hours=hours)):
            send_all(company)

    assert {state_of(one) for one in messages} == {State.SENT}
    assert set(mailing.ids()) == set(ids)
    repeated = [one for one in ids if mailing.ids().count(one) > 1]
    assert repeated in ([], ids[:1]), "only what had left, and was not noted"


def stamped(company: SimpleNamespace) -> list[str]:
    """The next batch of the company's sender, which nobody sends yet."""
    with collecting():
        tasks.send_next(company.sender.id)
    batches = db.session.scalars(select(Message.batch_id).where(Message.batch_id != "").distinct()).all()
    db.session.rollback()
    return list(batches)
