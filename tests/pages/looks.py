"""One page on its screens: opened once in Chromium, measured on each of them, and checked by axe."""

import gzip
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple
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
# Everything on one screen in one go: each call to the browser waits its turn.
LOOK = f"asked => ({Path(__file__).with_name('look.js').read_text()})({MEASURE}, asked)"
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


class Asked(NamedTuple):
    """What axe is asked: all rules but contrast, and contrast."""

    rules: bool
    contrast: bool


EVERYTHING, NOTHING = Asked(True, True), Asked(False, False)


@dataclass(frozen=True)
class Screen:
    """How somebody looks: width in CSS pixels, language, and light or dark."""

    width: int
    language: str
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.width} {self.language} {self.scheme}"

    @property
    def asked(self) -> Asked:
        """What axe is asked here. Colours do not depend on the language, nor anything else on light and dark."""
        narrow_or_wide = self.width in (360, 1280)
        return Asked(narrow_or_wide and self.scheme == "light", narrow_or_wide and self.language == "en")


SCREENS = [Screen(*one) for one in product(WIDTHS, LANGUAGES, SCHEMES)]  # type: ignore[arg-type]


class Looker:
    """A browser window in which `user` is signed in and reads `language`."""

    def __init__(self, browser: Browser, app: Flask, address: str, user: User | None, language: str) -> None:
        self.language = language
        # Without motion: a button that still fades from light to dark has the contrast of neither.
        self.context: BrowserContext = browser.new_context(base_url=address, locale=language, reduced_motion="reduce")
        self.context.set_default_timeout(120_000)
        if user:
            self.context.add_cookies([{"name": "session", "value": signed_in(app, user, language), "url": address}])
        self.page: Page = self.context.new_page()
        self.page.add_init_script(f"if (window === top) {{ {AXE_SCRIPT} }}")
        self.known: defaultdict[str, set[str]] = defaultdict(set)
        self.said: list[str] = []
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("console", lambda said: self.said.append(said.text) if said.type == "error" else None)

    def faults(
        self,
        address: Address,
        screens: Sequence[Screen],
        *,
        axe: Callable[[Screen], Asked] = lambda _screen: EVERYTHING,
        seen: Callable[[Page, Screen], None] = lambda _page, _screen: None,
    ) -> list[tuple[Screen, str]]:
        """What is wrong with a page that is opened on the first of these screens and turned to the others, in words.

        `axe`: what it is asked on a screen; `seen` gets the page as it stands there.
        """
        self.said.clear()
        found, screen = [], screens[0]
        try:
            opened, there = self._open(address, screen)
            found += [(screen, one) for one in opened]
            for screen in screens if there else ():
                self._turn(screen)
                seen(self.page, screen)
                found += [(screen, one) for one in self._looked(screen, NOTHING if address.frame else axe(screen))]
        except Error as error:
            found.append((screen, f"cannot be looked at: {error.message[:300]}"))
        said = [one for one in self.said if "Failed to load resource" not in one or "status of 4" not in one]
        return found + [(screen, one) for one in said]

    def _turn(self, screen: Screen) -> None:
        if self.page.viewport_size != (size := {"width": screen.width, "height": 900}):
            self.page.set_viewport_size(size)
        self.page.emulate_media(color_scheme=screen.scheme)

    def _open(self, address: Address, screen: Screen) -> tuple[list[str], bool]:
        """What is wrong with the answer, and whether there is a page to look at."""
        self._turn(screen)
        found, answer, asked = [], None, address.read_in(self.language)
        if not address.sent or not self.page.url.endswith(asked):
            answer = self.page.goto(asked)
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

    def _looked(self, screen: Screen, asked: Asked) -> list[str]:
        """What is wrong with the page as it stands now."""
        known = self.known[screen.scheme]
        rules = BUT_CONTRAST if asked.rules else None
        seen = self.page.evaluate(LOOK, {"rules": rules, "contrast": asked.contrast, "known": list(known)})
        known.update(seen["known"])
        return list(seen["wrong"])

    def close(self) -> None:
        self.context.close()


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
