"""One page on one screen: opened in Chromium, measured, and checked by axe."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Error, Page

from npsapp.accounts import sessions
from npsapp.accounts.models import User
from npsapp.db import transaction
from npsapp.lib.clock import utcnow
from tests.browser import RULES
from tests.pages.addresses import Address

MEASURE = Path(__file__).with_name("measure.js").read_text()
MOST_STAFF_KB, MOST_PUBLIC_KB = 100, 20
WIDTHS, LANGUAGES, SCHEMES = (360, 768, 1280), ("en", "ru", "uk"), ("light", "dark")
# Bytes of the page and of what it loads before its pictures, as they came over the wire.
WEIGHT = """() => performance.getEntries().filter(one => one.entryType === 'navigation' || one.entryType === 'resource'
  && one.initiatorType !== 'img').reduce((sum, one) => sum + (one.encodedBodySize || 0), 0)"""
OPEN = "kinds => document.querySelectorAll(kinds).forEach(one => { one.open = true; })"
SEND_EMPTY = """() => {
  const form = [...document.querySelectorAll('main form[method=post]')].find(
    one => new URL(one.action).pathname === location.pathname && one.querySelector('.field'));
  for (const one of form.elements) {
    if (one.matches('[type=checkbox], [type=radio]')) one.checked = false;
    else if (!one.matches('[type=hidden], [type=submit], button, select, fieldset')) one.value = '';
  }
  HTMLFormElement.prototype.submit.call(form);
}"""


@dataclass(frozen=True)
class Screen:
    """How somebody looks: width in CSS pixels, language, and light or dark."""

    width: int
    language: str
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.width} {self.language} {self.scheme}"


SCREENS = [Screen(*one) for one in product(WIDTHS, LANGUAGES, SCHEMES)]  # type: ignore[arg-type]


class Looker:
    """A browser window for one screen in which `user` is signed in."""

    def __init__(self, browser: Browser, app: Flask, address: str, user: User | None, screen: Screen) -> None:
        self.screen = screen
        self.context: BrowserContext = browser.new_context(
            viewport={"width": screen.width, "height": 900},
            base_url=address,
            locale=screen.language,
            color_scheme=screen.scheme,
        )
        self.context.set_default_timeout(30_000)
        if user:
            self.context.add_cookies(
                [{"name": "session", "value": signed_in(app, user, screen.language), "url": address}]
            )
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("console", lambda said: self.said.append(said.text) if said.type == "error" else None)

    def faults(self, address: Address, *, axe: bool = True) -> list[str]:
        """What is wrong with a page on this screen, in words."""
        self.said.clear()
        try:
            return list(self._faults(address, axe=axe))
        except Error as error:
            return [f"cannot be looked at: {error.message[:300]}"]

    def _faults(self, address: Address, *, axe: bool) -> Iterator[str]:
        joint = "&" if "?" in address.path else "?"
        answer = self.page.goto(f"{address.path}{joint}lang={self.screen.language}")
        if address.sent and urlsplit(self.page.url).path != address.path:
            return  # this company has no such page any more
        if address.sent:
            with self.page.expect_navigation() as sent:
                self.page.evaluate(SEND_EMPTY)
            answer = sent.value
        assert answer
        if answer.status not in address.status:
            yield f"answers {answer.status}"
        weight, most = self.page.evaluate(WEIGHT) / 1024, MOST_STAFF_KB
        if address.path.startswith(("/r/", "/u/", "/privacy/")):
            most = MOST_PUBLIC_KB
        if weight > most:
            yield f"weighs {weight:.0f} KB"
        yield from self.page.evaluate(MEASURE, False)
        self.page.evaluate(OPEN, "details:not(.drop, .nav)")
        if axe:
            yield from violations(self.page)
        self.page.evaluate(OPEN, "details")
        yield from (f"opened: {one}" for one in self.page.evaluate(MEASURE, True))
        yield from (one for one in self.said if "Failed to load resource" not in one or "status of 4" not in one)

    def close(self) -> None:
        self.context.close()


def violations(page: Page) -> list[str]:
    """What axe has to say against a page."""
    found: list[dict[str, Any]] = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


def signed_in(app: Flask, user: User, language: str) -> str:
    """The cookie of a new session of that user."""
    with transaction():
        token = sessions.begin_session(user, remember=False, agent="", now=utcnow())
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"], session["language"] = token, True, language
    cookie = client.get_cookie("session")
    assert cookie
    return str(cookie.value)
