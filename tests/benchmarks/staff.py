"""Somebody of the staff at a running server: a process of its own, for it needs what tests need."""

import html
import re
import sys
import time

from flask import current_app

from npsapp import create_app
from tests import cast
from tests.benchmarks.ours import timed
from tests.journeys.conftest import Visitor

PAGES = ("/", "/reports/", "/answers/", "/cases/", "/customers/", "/imports/", "/schedule/ledger/", "/schedule/")


def look(seconds: str) -> None:
    """Somebody of the staff goes round the pages of a running server, its pictures included, for so long."""
    visitor = Visitor(current_app.config["PUBLIC_URL"])
    visitor.sign_in("olena@vodolad.example", cast.PASSWORD)
    seen, end = 0, time.monotonic() + float(seconds)
    with timed() as say:
        while time.monotonic() < end:
            for path in PAGES:
                page = visitor.open(path)
                assert visitor.status == 200, f"{path}: {visitor.status}"
                for picture in re.findall(r'src(?:set)?="(/reports/pictures/[^" ]+)', page):
                    visitor.open(html.unescape(picture))
                    assert visitor.status == 200, picture
                seen += 1
                time.sleep(0.5)
        say(pages=seen)


if __name__ == "__main__":
    with create_app().app_context():
        look(sys.argv[1])
