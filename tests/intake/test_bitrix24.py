"""Bitrix24 over HTTP: deals are read from the portal, lost calls are repaired, a busy portal is left alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from npsapp.db import transaction
from npsapp.intake import exchanges, portals as net, received
from npsapp.intake.models import SourceKind, SourceValue, ValueKind
from npsapp.intake.rules import DocumentState, ReceivedState
from npsapp.worker import collecting
from tests.browser import ONE_DATABASE
from tests.intake import portals
from tests.intake.test_hooks import beat, bodies, connect, interactions

FORM = "application/x-www-form-urlencoded"
EVENT = portals.form("bitrix24_event_oncrmdealupdate.form")


@pytest.fixture
def portal() -> Iterator[portals.Bitrix24]:
    with portals.served(portals.Bitrix24()) as stub:
        yield stub  # type: ignore[misc]


@pytest.fixture
def crm(company: SimpleNamespace, at_now: datetime, portal: portals.Bitrix24) -> Any:
    return connect(
        SourceKind.BITRIX24, at_now, settings={"places": {"unit": "ufCrm_1700000000001"}},
        address=f"{portal.address}/rest/6/secret/", token="test-application-token",
    )[0]  # fmt: skip


def call(client: FlaskClient, crm: Any, *events: bytes) -> None:
    """The portal calls, and what it wants is worked through."""
    with collecting() as run:
        for event in events or (EVENT,):
            assert client.post(crm.path, data=event, content_type=FORM).status_code == 200
        run()


def about(id_: int) -> bytes:
    return EVENT.replace(b"=7405&", b"=%d&" % id_)


def test_a_won_deal_becomes_an_interaction_with_its_buyer(client: FlaskClient, crm: Any) -> None:
    call(client, crm)

    (one,) = interactions()
    assert (one.external_id, one.title, str(one.amount), one.currency) == (
        "7405",
        "Замовлення №7405",
        "18450.00",
        "UAH",
    )
    assert one.happened_at.isoformat() == "2026-11-05T10:00:00+00:00"
    assert one.state == DocumentState.COMPLETED
    assert "Магазин Київ-Лівий берег" in one.unit.name.values()
    assert one.customer.name == "Олена Тестова"
    assert sorted(point.value for point in one.customer.contact_points) == [
        "+380670000001",
        "olena.testova@example.com",
    ]


def test_fifty_events_of_one_deal_are_one_request_and_one_interaction(
    client: FlaskClient, crm: Any, portal: portals.Bitrix24
) -> None:
    call(client, crm, *[EVENT] * 50)

    assert len(interactions()) == 1
    assert {one.state for one in bodies()} == {ReceivedState.DONE}
    assert portal.asked == ["/rest/6/secret/batch"] * 2  # the deal, and its contact


def test_many_deals_are_read_fifty_at_a_time(client: FlaskClient, crm: Any, portal: portals.Bitrix24) -> None:
    for id_ in range(1, 121):
        portal.add(id_)

    call(client, crm, *(about(id_) for id_ in range(1, 121)))

    assert len(interactions()) == 120
    assert len(portal.asked) == 4  # three times deals, once the one contact


def test_an_event_without_the_portals_token_is_not_believed(
    client: FlaskClient, crm: Any, portal: portals.Bitrix24
) -> None:
    call(client, crm, EVENT.replace(b"test-application-token", b"guessed"), EVENT.partition(b"&auth")[0])

    assert [one.state for one in bodies()] == [ReceivedState.FAILED] * 2
    assert bodies()[0].error == net.Foreign.wording
    assert interactions() == []
    assert portal.asked == []


@pytest.mark.parametrize("event", [b"ONCRMCONTACTUPDATE", b"ONTASKADD"])
def test_events_about_something_else_are_ignored(
    client: FlaskClient, crm: Any, portal: portals.Bitrix24, event: bytes
) -> None:
    call(client, crm, EVENT.replace(b"ONCRMDEALUPDATE", event))

    assert [one.state for one in bodies()] == [ReceivedState.IGNORED]
    assert portal.asked == []


def test_the_robot_webhook_is_understood(client: FlaskClient, crm: Any) -> None:
    call(client, crm, b"document_id[0]=crm&document_id[1]=CCrmDocumentDeal&document_id[2]=DEAL_7405"
                      b"&auth[application_token]=test-application-token")  # fmt: skip

    assert [one.external_id for one in interactions()] == ["7405"]


def test_a_deal_without_contact_belongs_to_its_company(client: FlaskClient, crm: Any, portal: portals.Bitrix24) -> None:
    portal.deal |= {"contactId": 0, "contactIds": [], "companyId": 5}
    call(client, crm)

    assert interactions()[0].customer.name == "ТОВ Тест"


def test_open_deals_wait_and_nobodys_address_is_read(client: FlaskClient, crm: Any, portal: portals.Bitrix24) -> None:
    portal.deal |= {"stageId": "C3:NEW", "stageSemanticId": "P"}
    call(client, crm)

    (one,) = interactions()
    assert (one.state, one.customer) == (DocumentState.OPEN, None)
    assert portal.asked == ["/rest/6/secret/batch"]


def test_a_stage_that_people_call_completed_is_read_again_with_its_buyers(
    client: FlaskClient, crm: Any, portal: portals.Bitrix24, at_now: datetime
) -> None:
    portal.deal |= {"stageId": "C3:DELIVERED", "stageSemanticId": "P"}
    beat(after=timedelta())
    assert interactions()[0].customer is None

    with transaction() as session:
        word = session.query(SourceValue).filter_by(kind=ValueKind.STATUS, raw="c3:delivered").one()
        word.meaning = DocumentState.COMPLETED.value
    beat(after=received.POLL_EVERY)

    (one,) = interactions()
    assert (one.state, one.customer.name) == (DocumentState.COMPLETED, "Олена Тестова")


def test_a_lost_deal_and_a_deleted_one_are_cancelled(client: FlaskClient, crm: Any, portal: portals.Bitrix24) -> None:
    portal.add(8)
    call(client, crm, EVENT, about(8))
    portal.deal |= {"stageId": "LOSE", "stageSemanticId": "F"}
    del portal.items[2][8]

    call(client, crm, EVENT, about(8).replace(b"DEALUPDATE", b"DEALDELETE"))

    assert [(one.state, one.cancelled_at is None) for one in interactions()] == [(DocumentState.CANCELLED, False)] * 2
    assert interactions()[0].customer.name == "Олена Тестова"  # what is not said again is not forgotten


def test_a_deal_the_portal_does_not_show_is_said(client: FlaskClient, crm: Any) -> None:
    call(client, crm, about(99), EVENT)

    assert [one.state for one in bodies()] == [ReceivedState.FAILED, ReceivedState.DONE]
    assert len(interactions()) == 1


def test_lost_events_are_repaired_by_asking_for_changes(
    client: FlaskClient, crm: Any, portal: portals.Bitrix24, at_now: datetime
) -> None:
    for id_ in range(1, 61):
        portal.add(id_)
    beat(after=timedelta())
    assert len(interactions()) == 61

    portal.deal |= {"opportunity": 5.0, "updatedTime": "2026-11-05T12:03:00+02:00"}
    portal.asked.clear()
    beat(after=timedelta(minutes=5))
    assert portal.asked == []  # not yet
    beat(after=received.POLL_EVERY)

    assert len(interactions()) == 61
    assert {str(one.amount) for one in interactions() if one.external_id == "7405"} == {"5.00"}
    assert [one.count for one in exchanges.newest(crm.id)] == [1, 11, 50]  # what is unchanged is not taken in again


@ONE_DATABASE
@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ((503, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}), "QUERY_LIMIT_EXCEEDED"),
        (
            (429, {"error": "OPERATION_TIME_LIMIT", "time": {"start": 100.5, "operating_reset_at": 400}}),
            "OPERATION_TIME_LIMIT",
        ),
        ((500, b"<html>oops"), "HTTP 500"),
        ((200, b"<html>login"), "no JSON"),
        ((200, {"nothing": 1}), "no result"),
        ((200, b"[" * 20_000), "no JSON"),
    ],
)
def test_a_portal_in_trouble_is_asked_again_later(
    client: FlaskClient, crm: Any, portal: portals.Bitrix24, trouble: Any, why: str
) -> None:
    portal.trouble = trouble
    call(client, crm)

    assert bodies()[0].state is ReceivedState.RECEIVED
    last = exchanges.newest(crm.id)[0]
    assert (last.failed, last.error_values) == (True, {"host": "127.0.0.1", "why": why})

    portal.trouble = None
    beat(after=timedelta(seconds=20))
    assert bodies()[0].state is ReceivedState.RECEIVED
    beat(after=timedelta(minutes=6))

    assert len(interactions()) == 1
    assert bodies()[0].state is ReceivedState.DONE


def test_a_portal_that_is_down_is_asked_again_until_it_answers(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime
) -> None:
    stub = portals.Bitrix24()
    with portals.served(stub):
        pass  # its port is free again
    down = connect(SourceKind.BITRIX24, at_now, address=f"{stub.address}/rest/6/secret/")[0]
    call(client, down)

    assert (bodies()[0].state, bodies()[0].attempts) == (ReceivedState.RECEIVED, 1)
    assert "ConnectionRefusedError" in str(exchanges.newest(down.id)[0].error_values)
    for hours in range(1, received.ATTEMPTS):
        assert bodies()[0].state is ReceivedState.RECEIVED
        beat(after=timedelta(hours=2 * hours))
    assert (bodies()[0].state, bodies()[0].attempts) == (ReceivedState.FAILED, received.ATTEMPTS)


def test_a_wrong_address_of_the_portal_is_no_use_to_repeat(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime, portal: portals.Bitrix24
) -> None:
    wrong = connect(SourceKind.BITRIX24, at_now, address=f"{portal.address}/rest/6/wrong/")[0]
    call(client, wrong)

    assert (bodies()[0].state, bodies()[0].error_values["why"]) == (ReceivedState.FAILED, "INVALID_CREDENTIALS")


@ONE_DATABASE
@pytest.mark.parametrize(
    "address", ["http://portal.example/rest/1/x", "ftp://127.0.0.1/", "", "https://u:p@portal.example/"]
)
def test_an_address_that_others_could_read_is_not_asked(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime, address: str
) -> None:
    plain = connect(SourceKind.BITRIX24, at_now, address=address)[0]
    call(client, plain)

    assert (bodies()[0].state, bodies()[0].error) == (ReceivedState.FAILED, net.BadAddress.wording)


@ONE_DATABASE
def test_a_redirect_is_not_followed(client: FlaskClient, crm: Any, portal: portals.Bitrix24) -> None:
    portal.trouble, portal.headers = (302, b""), {"Location": f"{portal.address}/inside"}
    call(client, crm)

    assert "/inside" not in portal.asked
    assert bodies()[0].error_values["why"] == "HTTP 302"


@ONE_DATABASE
def test_an_endless_answer_is_cut_off(
    client: FlaskClient, crm: Any, portal: portals.Bitrix24, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net, "LARGEST", 1_000)
    portal.trouble = (200, b" " * 100_000)
    call(client, crm)

    assert bodies()[0].state is ReceivedState.RECEIVED
    assert interactions() == []


@ONE_DATABASE
@pytest.mark.parametrize("odd", [
    {"contactId": "x", "contactIds": None}, {"opportunity": None}, {"stageSemanticId": None}, {"movedTime": "soon"},
    {"title": None, "currencyId": None}, {"contactIds": "84", "contactId": None},
])  # fmt: skip
def test_odd_deals_break_nothing(client: FlaskClient, crm: Any, portal: portals.Bitrix24, odd: dict[str, Any]) -> None:
    portal.deal |= odd
    portal.add(8, **portals.shape("bitrix24_crm_item_get_deal.json")["result"]["item"] | {"id": 8})
    call(client, crm, EVENT, about(8))

    assert "8" in [one.external_id for one in interactions()]
    assert ReceivedState.RECEIVED not in {one.state for one in bodies()}
