"""Scanners that run scripts, in Chromium: what they do is not counted, and the person's score stands."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select, update

from npsapp import schedule
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.delivery.rules import State
from npsapp.lib import clock
from npsapp.lib.clock import utcnow
from npsapp.responses.human import Doubt
from npsapp.responses.models import Basis, LinkAct, LinkEvent, Response, Sweep
from tests.browser import ONE_DATABASE
from tests.factories import make_invitation, make_message

pytestmark = [pytest.mark.browser, ONE_DATABASE]

PHONE = {
    "viewport": {"width": 320, "height": 640},
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (iPhone) Safari/604.1",
}
AGO = timedelta(hours=1)


@pytest.fixture(autouse=True)
def usual(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delays of a real installation."""
    for name, seconds in (("SOON", 60.0), ("FAST", 0.7), ("SWEEP", 60.0)):
        monkeypatch.setitem(app.config, f"ANSWER_{name}", seconds)


@pytest.fixture
def link(company: SimpleNamespace, address: str) -> str:
    """The link of a letter that left an hour ago."""
    with transaction():
        invitation = make_invitation(company, now=utcnow())
        sent = {"state": State.SENT, "sent_at": utcnow() - AGO, "domain": "works.example"}
        invitation.steps[0].message_id = make_message(company, now=utcnow(), **sent).id
        return f"{address}/r/{invitation.steps[0].token}"


@pytest.fixture
def person(chromium: Browser) -> Iterator[BrowserContext]:
    """A phone in somebody's hand."""
    opened = chromium.new_context(**PHONE)
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def machine(launch: Callable[..., Browser]) -> Iterator[Browser]:
    """A driven browser without a screen, which says so."""
    launched = launch()
    yield launched
    launched.close()


def just_left() -> None:
    """The letter leaves now."""
    with transaction():
        db.session.execute(update(Message).values(sent_at=utcnow()))


def an_hour_later() -> None:
    """What has been done so far was done an hour ago."""
    with transaction():
        db.session.execute(update(Message).values(sent_at=utcnow() - AGO))
        for model in (Sweep, LinkEvent):
            db.session.execute(update(model).values(at=utcnow() - AGO))


def answers() -> list[Response]:
    db.session.rollback()
    return list(db.session.scalars(select(Response)))


def acts() -> list[LinkAct]:
    db.session.rollback()
    return list(db.session.scalars(select(LinkEvent.act).order_by(LinkEvent.id)))


def move(page: Page) -> None:
    page.wait_for_timeout(800)
    page.mouse.move(20, 300)
    page.mouse.move(40, 320)


def taps(person: BrowserContext, link: str, score: int) -> Page:
    """Somebody taps a score in the letter and holds the phone."""
    page = person.new_page()
    page.goto(f"{link}/{score}?lang=en")
    move(page)
    expect(page.get_by_role("status")).to_have_text("Your score is saved. You can still change it.")
    return page


def test_a_machine_that_opens_everything_and_waits_leaves_the_person_the_only_answer(machine, person, link):
    just_left()
    for score in (0, 5, 10):
        tab = machine.new_page()
        tab.goto(f"{link}/{score}")
        move(tab)
        tab.close()
    assert not answers()
    assert len(db.session.scalars(select(Sweep)).all()) == 1
    an_hour_later()

    taps(person, link, 9)
    (one,) = answers()
    assert (one.score, one.basis) == (9, Basis.CONFIRMED)
    assert acts()[-1] is LinkAct.GESTURE


def test_a_machine_that_presses_the_button_is_kept_apart_and_the_person_counts(machine, person, link):
    just_left()
    tab = machine.new_page()
    tab.goto(f"{link}/3?lang=en")
    tab.wait_for_timeout(800)
    tab.get_by_role("button", name="Send").click()
    expect(tab.get_by_role("heading", name="Thank you.")).to_be_visible()
    (one,) = answers()
    assert (one.score, one.basis, one.doubt) == (3, Basis.PROVISIONAL, Doubt.SCANNER)
    an_hour_later()

    page = taps(person, link, 9)
    tab.get_by_role("button", name="Change my answer").click()
    tab.locator("label", has_text="7").first.click()
    tab.get_by_role("button", name="Send").click()
    tab.wait_for_timeout(300)
    tab.close()
    page.locator("#comment").fill("Good")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="Thank you.")).to_be_visible()
    (one,) = answers()
    assert (one.score, one.comment, one.basis) == (9, "Good", Basis.CONFIRMED)


def test_a_script_that_submits_the_form_at_once_is_not_believed(chromium, link, app, monkeypatch):
    monkeypatch.setitem(app.config, "ANSWER_FAST", 20.0)  # a busy machine is slower than a scanner
    masked = chromium.new_context(**PHONE)
    tab = masked.new_page()
    # The page's own, for what is evaluated from outside passes for a hand.
    tab.add_init_script("addEventListener('load', () => document.getElementById('answer').requestSubmit())")
    tab.goto(f"{link}/10?lang=en")
    expect(tab.get_by_role("heading", name="Thank you.")).to_be_visible()
    masked.close()

    (one,) = answers()
    assert (one.basis, one.doubt) == (Basis.PROVISIONAL, Doubt.FAST)
    assert LinkAct.POSTED in acts()


def test_whoever_was_too_quick_is_confirmed_by_the_next_movement(person, link):
    just_left()
    page = taps(person, link, 9)
    assert answers()[0].basis is Basis.PROVISIONAL
    page.mouse.move(60, 340)
    page.wait_for_timeout(200)
    assert answers()[0].basis is Basis.PROVISIONAL, "the same movement of the hand"

    page.wait_for_timeout(3_000)
    page.mouse.move(90, 360)
    page.wait_for_timeout(500)
    (one,) = answers()
    assert (one.score, one.basis, one.doubt) == (9, Basis.CONFIRMED, Doubt.SOON)


def test_who_looks_and_leaves_is_asked_a_day_later_by_the_rules_only(person, link):
    page = person.new_page()
    page.goto(f"{link}/8?lang=en")
    page.wait_for_timeout(3_200)
    page.goto("about:blank")
    page.wait_for_timeout(500)

    (one,) = answers()
    assert (one.score, one.basis, one.doubt) == (8, Basis.PROVISIONAL, Doubt.OPENED)
    with clock.pretend(utcnow() + timedelta(days=1, minutes=1)):
        schedule.settle_answers(schedule.Beat())
    assert answers()[0].basis is Basis.PROMOTED


def test_who_leaves_at_once_leaves_nothing(person, link):
    page = person.new_page()
    page.goto(f"{link}/8?lang=en")
    page.wait_for_timeout(1_000)
    page.goto("about:blank")
    page.wait_for_timeout(300)

    assert not answers()
    assert acts() == [LinkAct.OPENED]
