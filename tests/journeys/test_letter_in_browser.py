"""A letter's whole way in a browser: written, looked at, tried, compared with another, sent by lot, and judged."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from npsapp import schedule, worker
from npsapp.db import db, transaction
from npsapp.invitations.models import InvitationPolicy, InvitationStep
from npsapp.lib.clock import utcnow
from npsapp.surveys import queries as surveys
from npsapp.surveys.letters import Variant
from tests import cast, factories as make
from tests.browser import ONE_DATABASE
from tests.mailserver import MailServer

pytestmark = [pytest.mark.browser, ONE_DATABASE]
LETTERS = 8


@pytest.fixture
def server(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """The mail server that the program speaks to."""
    running = MailServer().start()
    monkeypatch.setitem(app.config, "MAIL_SERVER", "127.0.0.1")
    monkeypatch.setitem(app.config, "MAIL_PORT", running.port)
    yield running
    running.stop()


@pytest.fixture
def tab(chromium: Browser, address: str, company: SimpleNamespace) -> Iterator[Page]:
    """A tab in which the administrator is signed in; script errors fail the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, base_url=address, locale="en")
    context.set_default_timeout(10_000)
    page, errors = context.new_page(), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto("/login")
    page.fill("#email", company.admin.email)
    page.fill("#password", cast.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    yield page
    context.close()
    assert errors == []


def test_a_letter_is_written_tried_compared_and_sent_by_lot(
    tab: Page, company: SimpleNamespace, server: MailServer
) -> None:
    with transaction():
        customer = make.make_customer(company, now=utcnow(), name="Зоря Ясна", name_key="зоря ясна", address_as="Зоре")
        make.make_interaction(company, now=utcnow(), customer=customer, title="решітка")
    letter = f"/surveys/{company.survey.id}/letter"

    write_in_blocks(tab, letter)
    try_with_a_real_purchase(tab, letter, server)
    compare(tab, letter)
    with transaction():
        for _purchase in range(LETTERS - 1):
            make.make_interaction(company, now=utcnow())
    one_day(company)

    subjects = [str(one["Subject"]) for one in server.letters[1:]]
    steps = db.session.query(InvitationStep).filter(InvitationStep.against_id.is_not(None)).all()
    b = surveys.words(company.survey.id)[Variant.B].id
    assert len(subjects) == len(steps) == LETTERS
    assert subjects.count("Друга тема") == len([one for one in steps if one.words_id == b])
    judge(tab)


def write_in_blocks(tab: Page, letter: str) -> None:
    """By the buttons, looked at before it is saved; what is faulty is named at its field."""
    tab.goto(letter)
    text = tab.locator("#letter__body__uk")
    text.focus()
    text.evaluate("one => one.setSelectionRange(one.value.length, one.value.length)")
    tab.locator("[data-insert]").get_by_role("button", name="Signature").click()
    expect(text).to_have_value(re.compile(r"\n\n\[signature: Manager’s name \| position\]$"))
    text.fill("# Вітаємо[, {name}]\n\n[scale]\n\n[button: Магазин | https://shop.example]\n\nВи купили {nmae}.")
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.locator("#letter__body__uk-error")).to_contain_text("{nmae}")
    text.fill(text.input_value().replace("nmae", "title"))
    tab.get_by_role("button", name="Українська").click()
    frame = tab.frame_locator(".preview-frame")
    expect(frame.locator("h2")).to_have_text("Вітаємо, Олено Іванівно")
    expect(frame.get_by_role("link", name="Магазин")).to_have_attribute("href", "https://shop.example")
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.get_by_text("Saved.")).to_be_visible()
    tab.goto(f"{letter}/history")
    expect(tab.locator(".changes ins").first).to_contain_text("#")


def try_with_a_real_purchase(tab: Page, letter: str, server: MailServer) -> None:
    """The very letter a customer would get arrives in one's own mailbox."""
    tab.goto(f"{letter}/real?q=Зоря")
    expect(tab.frame_locator("iframe").first.locator("h2")).to_have_text("Вітаємо, Зоре")
    tab.get_by_role("button", name="Send me exactly this letter").click()
    expect(tab.get_by_role("status").first).to_contain_text("Letter to")
    work()
    (arrived,) = server.letters
    assert "Вітаємо, Зоре" in arrived.get_body(("plain",)).get_content()
    assert "решітка" in arrived.get_body(("html",)).get_content()


def compare(tab: Page, letter: str) -> None:
    """Text B with another subject."""
    tab.goto(letter)
    tab.locator("summary", has_text="Start with a copy").click()
    tab.locator(".confirm-box button").last.click()
    expect(tab.get_by_text("Text B is a copy of text A so far.")).to_be_visible()
    tab.fill("#letter__subject__uk", "Друга тема")
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.get_by_text("Saved.")).to_be_visible()


def one_day(company: SimpleNamespace) -> None:
    """What the beat does with purchases: plan, hand over at any hour, send."""
    with transaction() as session:
        rule = session.get_one(InvitationPolicy, company.survey.id)
        rule.window_from = rule.window_until = rule.window_from.replace(hour=0)
    for step in (schedule.plan, schedule.hand_over, schedule.send):
        step(schedule.Beat())
    work()
    db.session.rollback()


def work() -> None:
    """What the worker does with the queue."""
    while (task := worker.huey.dequeue()) is not None:
        worker.huey.execute(task)


def judge(tab: Page) -> None:
    """The report says it is too early, and takes text B all the same."""
    tab.goto("/reports/texts")
    expect(tab.locator(".lede")).to_have_text("Too early: each text needs at least 50 letters.")
    tab.locator("summary", has_text="Take B as the text").click()
    tab.locator("details[open] button").click()
    expect(tab.get_by_text("The comparison has ended.")).to_be_visible()
    expect(tab.locator("#letter__subject__uk")).to_have_value("Друга тема")
