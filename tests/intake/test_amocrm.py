"""amoCRM and Kommo over HTTP: leads and their contacts are read by the API, lost calls are repaired."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from npsapp.intake import portals as net, received
from npsapp.intake.models import SourceKind
from npsapp.intake.rules import DocumentState, ReceivedState
from tests.intake import portals
from tests.intake.test_bitrix24 import call
from tests.intake.test_hooks import beat, bodies, connect, interactions

CALL = portals.form("amocrm_leads_status.form")
ID = 25399013


@pytest.fixture
def account() -> Iterator[portals.AmoCRM]:
    with portals.served(portals.AmoCRM()) as stub:
        yield stub  # type: ignore[misc]


@pytest.fixture
def crm(company: SimpleNamespace, at_now: datetime, account: portals.AmoCRM) -> Any:
    return connect(
        SourceKind.AMOCRM, at_now, settings={"places": {"unit": "fields.Магазин"}},
        address=account.address, token="long-lived", account="7039099",
    )[0]  # fmt: skip


def test_a_won_lead_becomes_an_interaction_with_its_contact(client: FlaskClient, crm: Any) -> None:
    call(client, crm, CALL)

    (one,) = interactions()
    assert (one.external_id, one.title, str(one.amount), one.currency) == (str(ID), "Замовлення 101", "18450.00", "UAH")
    assert int(one.happened_at.timestamp()) == 1793880000
    assert one.state == DocumentState.COMPLETED
    assert one.customer.name == "Тестова Олена"
    assert sorted(point.value for point in one.customer.contact_points) == [
        "+380670000001",
        "olena.testova@example.com",
    ]
    assert "Київ-Лівий берег" in one.unit.name.values()


def test_several_leads_of_one_call_are_read_together(client: FlaskClient, crm: Any, account: portals.AmoCRM) -> None:
    for id_ in (1, 2):
        account.rows["leads"][id_] = account.rows["leads"][ID] | {"id": id_}
    several = b"leads[add][3][id]=1&leads[update][0][id]=2&leads[status][7][id]=%d&leads[status][7][price]=5" % ID
    call(client, crm, several + b"&account[id]=7039099")

    assert {one.external_id for one in interactions()} == {"1", "2", str(ID)}
    assert account.asked == ["/api/v4/leads", "/api/v4/contacts"]


@pytest.mark.parametrize(
    "body", [CALL.replace(b"account%5Bid%5D=7039099", b"account%5Bid%5D=1"), CALL.partition(b"&account")[0]]
)
def test_a_call_of_another_account_is_not_believed(
    client: FlaskClient, crm: Any, account: portals.AmoCRM, body: bytes
) -> None:
    call(client, crm, body)

    assert (bodies()[0].state, bodies()[0].error) == (ReceivedState.FAILED, net.Foreign.wording)
    assert account.asked == []


def test_calls_about_contacts_are_ignored(client: FlaskClient, crm: Any, account: portals.AmoCRM) -> None:
    call(client, crm, b"contacts[update][0][id]=5&account[id]=7039099", b"leads=1&account[id]=7039099")

    assert [one.state for one in bodies()] == [ReceivedState.IGNORED] * 2
    assert account.asked == []


@pytest.mark.parametrize(
    ("status", "state"), [(143, DocumentState.CANCELLED), (7039101, DocumentState.OPEN), (None, DocumentState.OPEN)]
)
def test_leads_that_are_not_won_wait_or_are_cancelled(
    client: FlaskClient, crm: Any, account: portals.AmoCRM, status: int | None, state: DocumentState
) -> None:
    account.rows["leads"][ID] |= {"status_id": status}
    call(client, crm, CALL)

    assert [(one.state, one.customer) for one in interactions()] == [(state, None)]
    assert account.asked == ["/api/v4/leads"]


def test_a_deleted_lead_is_cancelled(client: FlaskClient, crm: Any, account: portals.AmoCRM) -> None:
    call(client, crm, CALL)
    account.rows["leads"].clear()
    call(client, crm, CALL.replace(b"status%5D%5B0", b"delete%5D%5B0"))

    assert [one.state for one in interactions()] == [DocumentState.CANCELLED]


def test_lost_calls_are_repaired_by_asking_for_changes(client: FlaskClient, crm: Any, account: portals.AmoCRM) -> None:
    for id_ in range(1, 301):
        account.rows["leads"][id_] = account.rows["leads"][ID] | {"id": id_}
    beat(after=timedelta())
    assert len(interactions()) == 301

    account.rows["leads"][ID] |= {"price": 7, "updated_at": 1793880100}
    beat(after=received.POLL_EVERY)

    assert len(interactions()) == 301
    assert [str(one.amount) for one in interactions() if one.external_id == str(ID)] == ["7.00"]


def test_a_token_that_no_longer_opens_is_said(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime, account: Any
) -> None:
    old = connect(SourceKind.AMOCRM, at_now, address=account.address, token="expired")[0]
    call(client, old, CALL)

    assert (bodies()[0].state, bodies()[0].error_values["why"]) == (ReceivedState.FAILED, "HTTP 401")


def test_too_many_requests_are_repeated_when_the_account_says(
    client: FlaskClient, crm: Any, account: portals.AmoCRM
) -> None:
    account.trouble, account.headers = (429, {}), {"Retry-After": "600"}
    call(client, crm, CALL)
    account.trouble = None

    beat(after=timedelta(minutes=9))
    assert bodies()[0].state is ReceivedState.RECEIVED
    beat(after=timedelta(minutes=11))

    assert bodies()[0].state is ReceivedState.DONE
