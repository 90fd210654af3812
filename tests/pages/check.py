"""Look at every page on every screen, with 0, 1 and 10,000 rows and with the longest names: `make pages`.

A page is opened once in each language and then turned to every width, light and dark. Axe looks at 360 and 1280 px: in
English with all rules, in the dark at contrasts, in the other languages at all but contrasts, which have no language.
`python -m tests.pages.check --rows longest --width 360 --only /reports/ --pictures DIR` looks at a part of it.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby, product
from operator import itemgetter
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from npsapp import create_app
from npsapp.db import db, transaction
from npsapp.lib.clock import utcnow
from npsapp.permissions import Role
from tests import cast
from tests.browser import ARGUMENTS, AS_A_PERSON, NAMED_AS_A_PERSONS
from tests.conftest import CHEAP_HASH
from tests.pages import stage
from tests.pages.addresses import Address, addresses, as_another
from tests.pages.crowd import crowded
from tests.pages.looks import EVERYTHING, LANGUAGES, NOTHING, SCHEMES, WIDTHS, Asked, Looker, Screen

MOST_SECONDS = 0.3
PICTURES_THERE = """() => Promise.all([...document.images].filter(one => one.checkVisibility() && !one.complete).map(
  one => new Promise(done => { one.onload = one.onerror = done; })))"""


def nothing(_company: SimpleNamespace, _now: object) -> None:
    """A company on its first day."""


ROWS: dict[str, Callable[..., None]] = {
    "none": nothing,
    "one": stage.one_of_everything,
    "longest": stage.longest_names,
    "many": crowded,
}


def main() -> int:
    """Print what is wrong; 1 when something is."""
    asked, worst = parsed(), 0
    logging.getLogger().setLevel(logging.CRITICAL)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*ARGUMENTS, AS_A_PERSON, NAMED_AS_A_PERSONS]
        )
        for rows in asked.rows:
            with served(rows) as (app, address, took):
                worst += look(browser, app, address, rows, asked)
                worst += slow(took, rows)
        browser.close()
    return bool(worst)


def parsed() -> argparse.Namespace:
    asking = argparse.ArgumentParser(prog="python -m tests.pages.check")
    asking.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    asking.add_argument("--width", nargs="+", type=int, choices=WIDTHS, default=WIDTHS)
    asking.add_argument("--language", nargs="+", choices=LANGUAGES, default=LANGUAGES)
    asking.add_argument("--scheme", nargs="+", choices=SCHEMES, default=SCHEMES)
    asking.add_argument("--role", type=Role, default=Role.ADMINISTRATOR, help="whose eyes: " + ", ".join(Role))
    asking.add_argument("--only", nargs="+", default=[""], help="addresses that hold one of these words")
    asking.add_argument(
        "--axe", choices=("some", "all", "none"), default="some", help="on which screens axe looks, too"
    )
    asking.add_argument("--pictures", type=Path, help="also photograph every page into this folder")
    return asking.parse_args()


@contextmanager
def served(rows: str) -> Iterator[tuple[Flask, str, dict[str, float]]]:
    """An application with these rows, its address, and how long it computed for each address, in seconds."""
    took: dict[str, float] = {}

    def clocked(environ: dict[str, Any], start: Any) -> Any:
        begun = time.thread_time()
        answer = app(environ, start)
        took[f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"] = time.thread_time() - begun
        return answer

    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{folder}/pages.db"
        app = create_app(
            {"TESTING": True, "SQLALCHEMY_DATABASE_URI": uri, "SECRET_KEY": "x" * 32}, instance_path=folder
        )
        with app.app_context():
            upgrade()
            fill(ROWS[rows])
            server = make_server("127.0.0.1", 0, clocked, threaded=True)
            thread = Thread(target=server.serve_forever)
            thread.start()
            try:
                yield app, f"http://127.0.0.1:{server.server_port}", took
            finally:
                server.shutdown()
                thread.join()
                db.session.remove()
                db.engine.dispose()


def fill(rows: Callable[..., None]) -> None:
    if rows is crowded:
        crowded(utcnow())
        return
    with transaction() as session:
        company = cast.found(session, password_hash=CHEAP_HASH, now=utcnow())
    rows(company, utcnow())


def look(browser: Browser, app: Flask, address: str, rows: str, asked: argparse.Namespace) -> int:
    """Every page on every screen that is asked for; gives the number of faults."""
    user = stage.somebody(Role.ADMINISTRATOR)
    pages = [one for one in addresses(app, as_user=user) if any(words in str(one) for words in asked.only)]
    if asked.role != Role.ADMINISTRATOR:
        user, pages = stage.somebody(asked.role), as_another(pages)
    wrong, looks, started = 0, 0, time.monotonic()
    for language in asked.language:
        screens = [Screen(width, language, scheme) for width, scheme in product(asked.width, asked.scheme)]
        for public in (False, True):
            looker = Looker(browser, app, address, None if public else user, language)
            for page in (one for one in pages if one.public == public):
                faults = looker.faults(page, screens, axe=axe_for(asked), seen=camera(page, rows, asked.pictures))
                for text, group in groupby(sorted(faults, key=itemgetter(1)), key=itemgetter(1)):
                    wrong += 1
                    print(f"{rows} | {'; '.join(str(one) for one, _text in group)} | {page} | {text}", flush=True)
                looks += len(screens)
            looker.close()
        print(f"{rows} {language}: {looks} looks, {wrong} faults, {time.monotonic() - started:.0f} s", flush=True)
    return wrong


def slow(took: dict[str, float], rows: str) -> int:
    """The number of pages that let people wait: in no language, thus not the first time either, under 300 ms."""
    least: dict[str, float] = {}
    for asked, seconds in took.items():
        page, _, _language = asked.rpartition("lang=")
        if page:
            least[page[:-1]] = min(seconds, least.get(page[:-1], seconds))
    late = [(page, seconds) for page, seconds in least.items() if seconds > MOST_SECONDS]
    for page, seconds in late:
        print(f"{rows} | {page} | computes {1000 * seconds:.0f} ms", flush=True)
    print(f"{rows}: {len(late)} of {len(least)} pages compute longer than {1000 * MOST_SECONDS:.0f} ms", flush=True)
    return len(late)


def axe_for(asked: argparse.Namespace) -> Callable[[Screen], Asked]:
    """What axe is asked: on part of the screens one may ask for everything everywhere, or for nothing."""
    return {"all": lambda _screen: EVERYTHING, "some": lambda screen: screen.asked, "none": lambda _screen: NOTHING}[
        asked.axe
    ]


def camera(page: Address, rows: str, folder: Path | None) -> Callable[[Page, Screen], None]:
    """Photographs the page as it opens, at most three screens of it."""

    def photograph(open_page: Page, screen: Screen) -> None:
        if not folder:
            return
        folder.mkdir(parents=True, exist_ok=True)
        high = min(open_page.evaluate("document.documentElement.scrollHeight"), 2700)
        open_page.set_viewport_size({"width": screen.width, "height": max(high, 900)})
        open_page.evaluate(PICTURES_THERE)
        open_page.screenshot(path=folder / f"{rows}-{name_of(page)}-{screen}.png".replace(" ", "-"))
        open_page.set_viewport_size({"width": screen.width, "height": 900})

    return photograph


def name_of(page: Address) -> str:
    return str(page).strip("/").translate(str.maketrans("/?&= ()", "_______")) or "start"


if __name__ == "__main__":
    sys.exit(main())
