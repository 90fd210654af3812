"""Places in the bodies of any program: what stands there, and what is no place."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from npsapp.intake import webhook

CRM = Path(__file__).parents[1] / "data" / "crm"
ORDER: dict[str, Any] = {
    "order": {
        "id": 7,
        "customer": {"phones": [{"number": "+380671234567"}, {"number": "+380501234567"}], "name": None},
        "first": "Олена", "last": "Коваль", "mails": ["a@example.com", "", "b@example.com"], "paid": True, "sum": 10.5,
    }
}  # fmt: skip


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("order.id", "7"),
        ("order.sum", "10.5"),
        ("order.paid", "true"),
        ("order.customer.phones[1].number", "+380501234567"),
        ("order.customer.phones[9].number", ""),
        ("order.id.deeper[0]", ""),
        ("order.mails", "a@example.com; b@example.com"),
        ("order.customer", ""),
        ("order.customer.name | order.first", "Олена"),
        ("order.first + order.last", "Олена Коваль"),
        ("order.nick + order.last | order.first", "Коваль"),
        ('order.currency | "UAH"', "UAH"),
        ("'a | b'", "a | b"),
        ('order.currency | "грн | UAH + 1"', "грн | UAH + 1"),
    ],
)
def test_what_stands_at_a_place(place: str, text: str) -> None:
    assert webhook.said(ORDER, place) == text


@pytest.mark.parametrize("place", ["", ".", "a..b", "a[x]", "a[0", "a]", "a |", "x" * 400, ".".join("a" * 60)])
def test_what_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(webhook.NoPlace):
        webhook.check(place)


@given(st.text("ab.[]0|+'\" ", max_size=30), st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_no_place_and_no_body_break_the_reader(place: str, body: object) -> None:
    with contextlib.suppress(webhook.NoPlace):
        webhook.said({"a": body}, place)


def test_items_of_a_list_are_records_of_their_own() -> None:
    page = webhook.tree((CRM / "retailcrm_orders_page.json").read_text(), "application/json")
    places = {
        "external_id": "externalId | id", "number": "number", "amount": "totalSumm",
        "customer_name": "firstName + lastName",
        "phone": "customer.phones[0].number", "region": "delivery.address.region", "title": "items[0].offer.name",
    }  # fmt: skip

    assert webhook.records(page, places, items="orders") == [
        {
            "external_id": "101", "number": "9001C", "amount": "18450", "customer_name": "Олена Тестова",
            "phone": "+380670000001", "region": "Київська область", "title": "Котел електричний",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind", "place", "text"),
    [
        ("keycrm_order_status_webhook.json", "application/json", "context.grand_total", "18450.0"),
        ("keycrm_order_status_webhook.json", "", "context.source_uuid", "SHOP-101"),
        ("retailcrm_trigger_post.form", "application/x-www-form-urlencoded", "external_id", "101"),
        ("amocrm_leads_status.form", "", "leads.status[0].custom_fields[0].values[0].value", "Київ-Лівий берег"),
    ],
)
def test_json_and_forms_are_told_apart(name: str, kind: str, place: str, text: str) -> None:
    tree = webhook.tree((CRM / name).read_text(), kind)

    assert webhook.said(tree, place) == text


@pytest.mark.parametrize("items", ["orders", "list", "number"])
def test_a_list_that_is_not_there_is_refused(items: str) -> None:
    with pytest.raises(webhook.NoItems):
        webhook.records({"list": [], "number": 3, "orders": [{}, 1]}, {"number": "a"}, items=items)


def test_too_many_items_are_refused() -> None:
    with pytest.raises(webhook.TooManyItems):
        webhook.records([{}] * 1_001, {"number": "a"})


@pytest.mark.parametrize("body", ["", "hello", "[" * 100_000, "{", '{"a": 1', "\x00\x01"])
def test_garbage_is_refused(body: str) -> None:
    with pytest.raises(webhook.NotReadable):
        webhook.tree(body)


def test_a_leading_mark_of_byte_order_does_no_harm() -> None:
    assert webhook.tree("\ufeff" + json.dumps({"a": 1})) == {"a": 1}
