"""Calls of other programs: kept and answered at once, worked through once, repeated when something died or was away."""

import base64
from datetime import UTC, datetime, timedelta
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.intake import calls, connections, exchanges, hooks, kept, received
from npsapp.intake.models import Interaction, ReceivedBody, Source, SourceKind
from npsapp.intake.rules import ReceivedState
from npsapp.lib import clock
from npsapp.worker import collecting, huey
from tests.browser import ONE_DATABASE
from tests.intake import portals

PLACES = {"external_id": "id", "number": "no", "happened_at": "at", "email": "mail", "amount": "sum"}
ORDER = {"id": "A-1", "no": "1", "at": "2026-11-18T10:00:00+02:00", "mail": "olena@example.com", "sum": 99.5}


def connect(
    kind: SourceKind, now: datetime, *, settings: dict[str, Any] | None = None, **secrets: str
) -> tuple[Any, str]:
    """A connection and its secret."""
    with transaction():
        source, secret = connections.add(
            kind, f"{kind} {secrets.get('address')}", actor=PROGRAM, now=now, settings=settings or {}
        )
        connections.seal(source, **secrets)
        return SimpleNamespace(id=source.id, key=source.key, path=f"/hooks/{source.key}/{secret}"), secret


def bodies() -> list[ReceivedBody]:
    db.session.rollback()  # what jobs wrote is seen from here on
    return list(db.session.scalars(select(ReceivedBody).order_by(ReceivedBody.id)))


def interactions() -> list[Interaction]:
    db.session.rollback()  # what jobs wrote is seen from here on
    return list(db.session.scalars(select(Interaction).order_by(Interaction.id)))


def beat(after: timedelta) -> None:
    """The step of the heartbeat, and all jobs it makes, some time later."""
    with clock.pretend(clock.utcnow() + after), collecting() as run:
        hooks.start(clock.utcnow())
        run()


@pytest.fixture
def shop(company: SimpleNamespace, at_now: datetime) -> Any:
    """A webhook connection with places."""
    return connect(SourceKind.WEBHOOK, at_now, settings={"places": PLACES})[0]


def test_a_call_is_kept_answered_and_worked_through(client: FlaskClient, shop: Any) -> None:
    with collecting() as run:
        answer = client.post(shop.path, json=ORDER)
        assert interactions() == []
        run()

    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert [(one.external_id, one.number, str(one.amount)) for one in interactions()] == [("A-1", "1", "99.50")]
    assert interactions()[0].customer is not None
    assert [one.state for one in bodies()] == [ReceivedState.DONE]
    assert [(one.failed, one.count) for one in exchanges.newest(shop.id)] == [(False, 1)]


@pytest.mark.parametrize("way", ["header", "bearer", "basic"])
def test_the_secret_may_stand_in_a_header(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime, way: str
) -> None:
    source, secret = connect(SourceKind.WEBHOOK, at_now)
    basic = base64.b64encode(f"anybody:{secret}".encode()).decode()
    headers = {
        "header": {"X-Webhook-Secret": secret},
        "bearer": {"Authorization": f"Bearer {secret}"},
        "basic": {"Authorization": f"Basic {basic}"},
    }[way]

    assert client.post(f"/hooks/{source.key}", json=ORDER, headers=headers).status_code == 200
    assert len(bodies()) == 1


def test_a_wrong_secret_opens_nothing(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime, shop: Any
) -> None:
    api, secret = connect(SourceKind.API, at_now)
    with transaction():
        retired, old = connections.add(SourceKind.WEBHOOK, "old", actor=PROGRAM, now=at_now)
        connections.retire(retired.id, actor=PROGRAM, now=at_now)
        old_path = f"/hooks/{retired.key}/{old}"
    wrong = [
        f"/hooks/{shop.key}",
        f"/hooks/{shop.key}/wrong",
        "/hooks/unknown/wrong",
        f"/hooks/{api.key}/{secret}",
        old_path,
    ]

    assert [client.post(path, json=ORDER).status_code for path in wrong] == [401] * len(wrong)
    assert client.post(f"/hooks/{shop.key}", json=ORDER, headers={"Authorization": "Digest x"}).status_code == 401
    assert client.get(shop.path).status_code == 405
    assert bodies() == []


def test_a_huge_body_is_refused_and_not_kept(client: FlaskClient, shop: Any) -> None:
    answer = client.post(shop.path, data=b"x" * (hooks.LARGEST + 1), content_type="application/json")

    assert answer.status_code == 413
    assert bodies() == []


@ONE_DATABASE
@pytest.mark.parametrize("body", [b"", b"\x00\xff\xfe", b"hello", b"{", b"[" * 20_000, b'"text"', b"[1, 2]"])
def test_garbage_is_answered_kept_and_said_so(client: FlaskClient, shop: Any, body: bytes) -> None:
    with collecting() as run:
        assert client.post(shop.path, data=body, content_type="application/json").status_code == 200
        run()

    kept = bodies()[0]
    assert kept.state is ReceivedState.FAILED
    assert kept.error in (calls.webhook.NotReadable.wording, calls.webhook.NoItems.wording)
    assert exchanges.newest(shop.id)[0].failed


def test_what_is_not_taken_in_says_why(client: FlaskClient, shop: Any) -> None:
    with collecting() as run:
        client.post(shop.path, json=ORDER | {"at": "whenever"})
        client.post(shop.path, json=ORDER)
        run()

    assert [one.state for one in bodies()] == [ReceivedState.FAILED, ReceivedState.DONE]
    assert "date" in bodies()[0].error
    assert len(interactions()) == 1


def test_without_places_a_body_waits_for_them_and_is_worked_through_again(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime
) -> None:
    source, _ = connect(SourceKind.WEBHOOK, at_now)
    with collecting() as run:
        client.post(source.path, json=ORDER)
        run()
    kept = bodies()[0]
    assert kept.error == calls.NoPlaces.wording

    with transaction():
        db.session.get_one(Source, source.id).settings = {"places": PLACES}
        received.again(kept.id, now=at_now)
    hooks.work_through(source.id)

    assert [one.state for one in bodies()] == [ReceivedState.DONE]
    assert len(interactions()) == 1


def test_a_body_without_a_place_for_the_date_happened_when_it_came(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime
) -> None:
    source, _ = connect(SourceKind.WEBHOOK, at_now, settings={"places": {"number": "order_id", "status": "status"}})
    with collecting() as run:
        client.post(
            source.path,
            data=portals.form("retailcrm_trigger_post.form"),
            content_type="application/x-www-form-urlencoded",
        )
        run()

    assert [(one.number, one.happened_at) for one in interactions()] == [("9001", at_now)]


def test_calls_within_seconds_make_one_job(client: FlaskClient, shop: Any) -> None:
    with collecting() as run:
        for number in range(5):
            client.post(shop.path, json=ORDER | {"id": f"A-{number}", "no": f"{number}"})

        assert run() == 1
    assert len(interactions()) == 5
    assert {one.state for one in bodies()} == {ReceivedState.DONE}


def test_the_job_waits_in_the_queue_for_a_moment(client: FlaskClient, shop: Any) -> None:
    before = huey.pending_count()
    for number in range(3):
        client.post(shop.path, json=ORDER | {"id": f"A-{number}"})

    assert huey.pending_count() == before + 1
    job = huey.pending()[-1]
    assert (job.name, job.args) == ("work_through", (shop.id,))
    assert timedelta() < job.eta - datetime.now(UTC).replace(tzinfo=None) <= received.TOGETHER


def test_two_workers_share_what_waits(client: FlaskClient, shop: Any, app: Flask, at_now: datetime) -> None:
    with collecting():
        for number in range(60):
            client.post(shop.path, json=ORDER | {"id": f"A-{number}", "no": f"{number}"})

    def work() -> None:
        with clock.pretend(at_now):
            hooks.work_through(shop.id)

    workers = [Thread(target=work) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert len(interactions()) == 60
    assert {one.state for one in bodies()} == {ReceivedState.DONE}
    assert sum(one.count for one in exchanges.newest(shop.id)) == 60


def test_a_lost_job_is_made_again_by_the_heartbeat(client: FlaskClient, shop: Any) -> None:
    with collecting():
        client.post(shop.path, json=ORDER)  # the job is never run

    beat(after=timedelta(minutes=1))

    assert len(interactions()) == 1


def test_a_worker_that_dies_between_taking_and_applying_loses_nothing(
    client: FlaskClient, shop: Any, at_now: datetime
) -> None:
    with collecting():
        client.post(shop.path, json=ORDER)
    with transaction():
        assert len(received.take(shop.id, now=at_now)) == 1  # and then it is gone
    with transaction():
        assert received.take(shop.id, now=at_now) == []  # nobody else takes it before its lease has run out

    beat(after=timedelta(minutes=1))
    assert interactions() == []
    beat(after=received.LEASE + timedelta(seconds=1))

    assert len(interactions()) == 1
    assert bodies()[0].state is ReceivedState.DONE


def test_bodies_are_deleted_with_the_imported_files(client: FlaskClient, shop: Any, at_now: datetime) -> None:
    with collecting():
        client.post(shop.path, json=ORDER)

    with transaction():
        assert kept.remove_old(at_now, limit=9) == 0
        assert kept.remove_old(at_now + timedelta(seconds=1), limit=9) == 1
    assert bodies() == []


def test_nothing_of_a_body_stands_in_the_log(client: FlaskClient, shop: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with collecting() as run:
        client.post(shop.path, json=ORDER | {"at": {"odd": "olena@example.com"}})
        run()

    assert "olena" not in caplog.text
