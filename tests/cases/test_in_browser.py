"""The list and the case in a real browser on a phone; barriers and the keyboard are tested with all staff pages."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from npsapp.lib.clock import utcnow
from tests import cast
from tests.cases.stories import opened

pytestmark = pytest.mark.browser

LONG = "Дуже-Довге-Прізвище-Подвійне Олександра Володимирівна"


@pytest.fixture
def cases(company) -> list[int]:
    """An overdue case with a long name and long words, and a fresh one of a key customer."""
    now = utcnow()
    late = opened(
        company,
        now=now - timedelta(days=9),
        score=0,
        comment="Неймовірнодовгесловобезпробілів" * 8,
        person={"name": LONG, "address_as": "Олександро Володимирівно"},
    )
    fresh = opened(company, now=now, score=6, comment="", person={"name": "ТОВ «Дренаж»", "is_key": True})
    return [late.id, fresh.id]


def signed_in(chromium: Browser, address: str) -> Page:
    """A phone of the manager of Kyiv."""
    page = chromium.new_context(viewport={"width": 360, "height": 800}, locale="en-GB").new_page()
    page.goto(f"{address}/login")
    page.fill("[name=email]", "andriy@vodolad.example")
    page.fill("[name=password]", cast.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: not url.endswith("/login"))
    return page


def test_long_names_and_words_fit_on_a_phone(chromium, address, cases):
    page = signed_in(chromium, address)

    for path in ("/cases/", *(f"/cases/{case_id}" for case_id in cases)):
        page.goto(address + path)
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, path


def test_on_a_phone_the_call_is_at_the_thumb(chromium, address, cases):
    page = signed_in(chromium, address)
    page.goto(f"{address}/cases/{cases[0]}")

    call = page.locator(".phone-bar").get_by_role("link", name="Call", exact=True)

    expect(call).to_be_in_viewport()
    assert (call.get_attribute("href") or "").startswith("tel:+380")
    box = call.bounding_box()
    assert box is not None
    assert box["height"] >= 44


def test_a_mistake_is_named_at_the_field_and_nothing_typed_is_lost(chromium, address, cases):
    page = signed_in(chromium, address)
    page.goto(f"{address}/cases/{cases[0]}")

    page.get_by_label("What was done").fill("обіцяли знижку")
    page.get_by_role("button", name="Settle", exact=True).click()

    expect(page.get_by_role("alert").get_by_text("Outcome: Choose the outcome.")).to_be_visible()
    expect(page.get_by_label("What was done")).to_have_value("обіцяли знижку")
