"""A database that may be a copy writes to nobody; ordinary starts and moves of the demo are not stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from npsapp import schedule
from npsapp.db import db, transaction
from npsapp.delivery import pauses
from npsapp.delivery.models import Message, Pause
from npsapp.delivery.rules import PauseCause, State
from npsapp.intake.models import Source, SourceKind
from npsapp.invitations import queries
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState
from npsapp.pulse import services as pulse
from tests import factories
from tests.operations.conftest import DAY, plan, wait_in_queue


@contextmanager
def address(app: Flask, url: str) -> Iterator[None]:
    before, app.config["PUBLIC_URL"] = app.config["PUBLIC_URL"], url
    yield
    app.config["PUBLIC_URL"] = before


def beat(app: Flask, now, url: str) -> list[PauseCause]:  # type: ignore[no-untyped-def]
    """One beat under an address; the causes of the pauses in force afterwards."""
    with transaction():
        pulse.beat(now)
    with address(app, url):
        schedule.run_steps(schedule.Beat())
    db.session.rollback()
    return list(db.session.scalars(select(Pause.cause)))


def test_the_first_start_and_every_start_at_the_same_address_send(app: Flask, company: SimpleNamespace, at_now) -> None:  # type: ignore[no-untyped-def]
    with transaction():
        plan(company, now=at_now, send_at=at_now + DAY)

    assert beat(app, at_now, "https://nps.example.com") == []
    assert beat(app, at_now + timedelta(minutes=1), "https://nps.example.com") == []


def test_another_address_stops_letters_to_customers_once(app: Flask, company: SimpleNamespace, at_now) -> None:  # type: ignore[no-untyped-def]
    with transaction():
        plan(company, now=at_now, send_at=at_now + DAY)
        sending = factories.make_message(
            company, now=at_now, state=State.CLAIMED, batch_id="b", lease_until=at_now + DAY
        )
    beat(app, at_now, "https://nps.example.com")

    with address(app, "https://nps.example.com"):
        schedule.before_the_first_job()  # the same address: nothing happens
    assert beat(app, at_now + DAY, "https://test.example.com") == [PauseCause.MOVED]
    assert beat(app, at_now + DAY, "https://test.example.com") == [PauseCause.MOVED]

    assert db.session.scalar(select(Invitation.state)) is InvitationState.PLANNED
    letter = db.session.get_one(Message, sending.id)
    assert (letter.state, letter.batch_id) == (State.QUEUED, "")


def test_without_letters_that_wait_a_new_address_is_no_news(app: Flask, company: SimpleNamespace, at_now) -> None:  # type: ignore[no-untyped-def]
    with transaction():
        plan(company, now=at_now, send_at=at_now + DAY)
        db.session.execute(update(Source).values(kind=SourceKind.DEMO))
    beat(app, at_now, "https://nps.example.com")

    assert beat(app, at_now, "https://test.example.com") == []


@pytest.fixture
def in_doubt(app: Flask, company: SimpleNamespace, at_now) -> SimpleNamespace:  # type: ignore[no-untyped-def]
    """Two letters planned for yesterday, one in the queue since an hour, one planned for tomorrow; a restore now."""
    with transaction():
        yesterday = [plan(company, now=at_now, send_at=at_now - DAY) for _each in range(2)]
        queued = wait_in_queue(company, now=at_now)
        tomorrow = plan(company, now=at_now, send_at=at_now + DAY)
        pauses.doubt(PauseCause.RESTORED, known_until=at_now - 2 * DAY, now=at_now)
    return SimpleNamespace(yesterday=yesterday, queued=queued, tomorrow=tomorrow, survey=company.survey.id)


def state(id_: int) -> tuple[str, bool]:
    line = db.session.get_one(Invitation, id_, populate_existing=True)
    return line.state.value, line.sent_at is not None


def test_what_was_due_before_is_in_doubt_and_nothing_else(in_doubt: SimpleNamespace, at_now) -> None:  # type: ignore[no-untyped-def]
    found = queries.in_doubt(at_now)

    assert found == {
        (in_doubt.survey, (at_now - DAY).date()): in_doubt.yesterday,
        (in_doubt.survey, at_now.date()): [in_doubt.queued],
    }


def test_a_beat_hands_nothing_over_while_everything_is_stopped(in_doubt: SimpleNamespace, at_now) -> None:  # type: ignore[no-untyped-def]
    schedule.run_steps(schedule.Beat())
    db.session.rollback()

    assert len(queries.in_doubt(at_now)) == 2


def test_letters_taken_as_sent_do_not_leave_and_their_links_stay_open(
    in_doubt: SimpleNamespace, client: FlaskClient, login, company: SimpleNamespace, at_now
) -> None:  # type: ignore[no-untyped-def]
    page = login(client, company.admin).get("/schedule/doubt").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    for day in (at_now - DAY, at_now):
        data = {"csrf_token": token, "survey": in_doubt.survey, "day": day.date().isoformat()}
        assert client.post("/schedule/doubt", data=data).status_code == 303

    assert [state(id_) for id_ in in_doubt.yesterday] == [("excluded", False)] * 2
    assert state(in_doubt.queued) == ("handed_over", True)
    assert db.session.scalar(select(Message.state)) is State.CANCELLED
    assert queries.in_doubt(at_now) == {}
    assert state(in_doubt.tomorrow) == ("planned", False)
    schedule.run_steps(schedule.Beat())
    link = db.session.get_one(Invitation, in_doubt.queued).steps[0].token
    assert client.get(f"/r/{link}/9").status_code == 200


def test_only_an_administrator_decides(in_doubt: SimpleNamespace, client: FlaskClient, login, company) -> None:  # type: ignore[no-untyped-def]
    login(client, company.analyst)

    assert client.get("/schedule/doubt").status_code == 403
    assert "/schedule/doubt" not in client.get("/schedule/").text


def test_without_a_restore_there_is_no_such_page(client: FlaskClient, login, company: SimpleNamespace) -> None:  # type: ignore[no-untyped-def]
    assert login(client, company.admin).get("/schedule/doubt").status_code == 404
