"""Short addresses of survey pages, for SMS: the page is shown at once, and wrong guesses are counted."""

import time
from collections import OrderedDict
from threading import Lock

from flask import request
from flask.typing import ResponseReturnValue

from npsapp.db import glancing
from npsapp.invitations import queries as invitations
from npsapp.responses import pages, public as survey
from npsapp.web.access import Room, public

bp = Room("short", __name__)

GUESSES, WITHIN_S, REMEMBERED = 20, 60.0, 10_000
"""So many wrong codes from one address within that time, and it has to wait; so many addresses are kept in mind."""


class Guesses:
    """Wrong guesses by address, in this process only and never written down."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def too_many(self, address: str) -> bool:
        """Whether whoever is at this address has to wait."""
        with self._lock:
            count, since = self._counts.get(address, (0, 0.0))
            return count >= GUESSES and time.monotonic() - since < WITHIN_S

    def count(self, address: str) -> None:
        """One more."""
        with self._lock:
            count, since = self._counts.pop(address, (0, time.monotonic()))
            fresh = time.monotonic() - since < WITHIN_S
            self._counts[address] = (count + 1, since) if fresh else (1, time.monotonic())
            if len(self._counts) > REMEMBERED:
                self._counts.popitem(last=False)


guesses = Guesses()


@bp.page("/s/<code>", public)
def show(code: str) -> ResponseReturnValue:
    """The page behind a short code: the same as behind its long link, which its forms go to."""
    address = request.remote_addr or ""
    request.view_args = {"token": code}  # what a page's own address is made of
    if guesses.too_many(address):
        return pages.Page("unknown", 429).response()
    with glancing():
        token = invitations.token_of(code)
    if token is None:
        guesses.count(address)
        return pages.unknown().response()
    request.view_args = {"token": token}
    return survey.show(token=token)
