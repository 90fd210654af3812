"""What browser tests share: Chromium, a server for it to visit, and the rules that axe checks."""

import shutil
from collections.abc import Callable, Iterator
from threading import Thread

import pytest
from flask import Flask
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# What a page does in a browser does not depend on the database behind it.
ONE_DATABASE = pytest.mark.parametrize("shared_app", ["sqlite"], indirect=True)
# Chromium says `navigator.webdriver` when it is driven; a person's browser does not.
AS_A_PERSON = "--disable-blink-features=AutomationControlled"
# Without a screen it calls itself HeadlessChrome, as scanners of links do.
NAMED_AS_A_PERSONS = "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Browser]]:
    """`launch(*arguments)`: Chromium with further arguments."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as driver:
        yield lambda *more: driver.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])


@pytest.fixture(scope="module")
def chromium(launch: Callable[..., Browser]) -> Iterator[Browser]:
    """A browser as people have it."""
    launched = launch(AS_A_PERSON, NAMED_AS_A_PERSONS)
    yield launched
    launched.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The address of a running server."""
    running = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()
