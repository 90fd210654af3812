"""One page on its screens: opened once in Chromium, measured on each of them, and checked by axe."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
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
OPEN = """kinds => { for (const one of document.querySelectorAll(kinds)) if (!one.open) {
  one.open = true; (window.unfolded ??= []).push(one); } }"""
FOLD = "() => { for (const one of window.unfolded ?? []) one.open = false; window.unfolded = []; }"
# The bar at the bottom edge of a phone covers half of whatever link is there: for axe it stands at the end of its form.
AXE = """async rules => {
  const bars = [...document.querySelectorAll('.stick')];
  for (const one of bars) one.style.position = 'static';
  const found = await axe.run({ ...rules, resultTypes: ['violations'] });
  for (const one of bars) one.style.position = '';
  return found.violations;
}"""
CONTRAST = {"runOnly": ["color-contrast"]}
BUT_CONTRAST = RULES | {"rules": {"color-contrast": {"enabled": False}}}
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

    @property
    def rules(self) -> dict[str, Any] | None:
        """What axe is asked here. Colours do not depend on the language, nor anything else on light and dark."""
        if self.width not in AXED or (self.language, self.scheme) not in ASKED:
            return None
        return ASKED[self.language, self.scheme]


AXED = (360, 1280)
ASKED = {("en", "light"): RULES, ("en", "dark"): CONTRAST, ("ru", "light"): BUT_CONTRAST, ("uk", "light"): BUT_CONTRAST}
SCREENS = [Screen(*one) for one in product(WIDTHS, LANGUAGES, SCHEMES)]  # type: ignore[arg-type]


class Looker:
    """A browser window in which `user` is signed in and reads `language`."""

    def __init__(self, browser: Browser, app: Flask, address: str, user: User | None, language: str) -> None:
        self.language = language
        # Without motion: a button that still fades from light to dark has the contrast of neither.
        self.context: BrowserContext = browser.new_context(base_url=address, locale=language, reduced_motion="reduce")
        self.context.set_default_timeout(30_000)
        if user:
            self.context.add_cookies([{"name": "session", "value": signed_in(app, user, language), "url": address}])
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("console", lambda said: self.said.append(said.text) if said.type == "error" else None)

    def faults(
        self,
        address: Address,
        screens: Sequence[Screen],
        *,
        axe: Callable[[Screen], dict[str, Any] | None] = lambda _screen: RULES,
        seen: Callable[[Page, Screen], None] = lambda _page, _screen: None,
    ) -> list[tuple[Screen, str]]:
        """What is wrong with a page that is opened on the first of these screens and turned to the others, in words.

        `axe`: the rules for a screen, None for none; `seen` gets the page as it stands there.
        """
        self.said.clear()
        found, screen = [], screens[0]
        try:
            self._turn(screen)
            opened, there = self._open(address)
            found += [(screen, one) for one in opened]
            for screen in screens if there else ():
                self._turn(screen)
                seen(self.page, screen)
                found += [(screen, one) for one in self._measured(None if address.frame else axe(screen))]
        except Error as error:
            found.append((screen, f"cannot be looked at: {error.message[:300]}"))
        said = [one for one in self.said if "Failed to load resource" not in one or "status of 4" not in one]
        return found + [(screen, one) for one in said]

    def _turn(self, screen: Screen) -> None:
        self.page.set_viewport_size({"width": screen.width, "height": 900})
        self.page.emulate_media(color_scheme=screen.scheme)

    def _open(self, address: Address) -> tuple[list[str], bool]:
        """What is wrong with the answer, and whether there is a page to look at."""
        joint, found = "&" if "?" in address.path else "?", []
        answer = self.page.goto(f"{address.path}{joint}lang={self.language}")
        if address.sent and urlsplit(self.page.url).path != address.path:
            return [], False  # this company has no such page any more
        if address.sent:
            with self.page.expect_navigation() as sent:
                self.page.evaluate(SEND_EMPTY)
            answer = sent.value
        assert answer
        if answer.status not in address.status:
            found.append(f"answers {answer.status}")
        weight, most = self.page.evaluate(WEIGHT) / 1024, MOST_STAFF_KB
        if address.path.startswith(("/r/", "/o/", "/u/", "/privacy/")):
            most = MOST_PUBLIC_KB
        elif weight > most:  # staff pages may be long: nginx sends them compressed
            weight -= (len(answer.body()) - len(gzip.compress(answer.body()))) / 1024
        if weight > most:
            found.append(f"weighs {weight:.0f} KB")
        return found, True

    def _measured(self, rules: dict[str, Any] | None) -> Iterator[str]:
        """What is wrong with the page as it stands now; leaves it as it was."""
        yield from self.page.evaluate(MEASURE, False)
        self.page.evaluate(OPEN, "details:not(.drop, .nav)")
        if rules:
            yield from violations(self.page, rules)
        self.page.evaluate(OPEN, "details")
        yield from (f"opened: {one}" for one in self.page.evaluate(MEASURE, True))
        self.page.evaluate(FOLD)

    def close(self) -> None:
        self.context.close()


def violations(page: Page, rules: dict[str, Any]) -> list[str]:
    """What axe has to say against a page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(AXE, rules)
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


def signed_in(app: Flask, user: User, language: str) -> str:
    """The cookie of a new session of that user."""
    with transaction():
        user.language = language  # of pages that come after a form or another page; an address can name its own
        token = sessions.begin_session(user, remember=False, agent="", now=utcnow())
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"], session["language"] = token, True, language
    cookie = client.get_cookie("session")
    assert cookie
    return str(cookie.value)
