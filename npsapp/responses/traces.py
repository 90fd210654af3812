"""What links did, until it is written down: after the responses have left, many at once.

Nothing here decides anything: evidence is judged in human.py, and kept by settling.py.
"""

import logging
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock, Timer
from typing import Any

from flask import Flask, Response, after_this_request, current_app

from npsapp.db import transaction
from npsapp.responses import evidence, settling

log = logging.getLogger(__name__)

TOGETHER_S = 1.0
MOST_LINKS = 2000  # more at once mean load: the oldest is dropped (decisions.md 20)
MOST_OF_ONE = 50
Trace = dict[str, Any]
"""Columns of LinkEvent."""

_waiting: dict[int | None, deque[Trace]] = {}  # by invitation: every answer asks for those of its own
_access, _one_waits = Lock(), Lock()


def leave(trace: Trace, *, window: timedelta) -> None:
    """Remember it after the response has left, in a transaction of its own, with those that came meanwhile."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    invitation_id = trace["invitation_id"]
    with _access:
        if invitation_id not in _waiting:
            if len(_waiting) >= MOST_LINKS:
                del _waiting[next(iter(_waiting))]
            _waiting[invitation_id] = deque(maxlen=MOST_OF_ONE)
        _waiting[invitation_id].append(trace)
    if app.testing:
        after_this_request(lambda response: _write_afterwards(app, response, window))
    elif _one_waits.acquire(blocking=False):
        # At most once a second: under load a transaction for each opening costs more than its page.
        timer = Timer(TOGETHER_S, _write, [app, window])
        timer.daemon = True
        timer.start()


def openings(invitation_id: int | None) -> list[tuple[datetime, int | None]]:
    """When a link was opened with which score, as far as that still waits to be written."""
    with _access:
        its = _waiting.get(invitation_id, ())
        return [(trace["at"], trace["score"]) for trace in its if trace["act"] in evidence.OPENINGS]


def _write_afterwards(app: Flask, response: Response, window: timedelta) -> Response:
    response.call_on_close(lambda: _write(app, window))
    return response


def _write(app: Flask, window: timedelta) -> None:
    with suppress(RuntimeError):
        _one_waits.release()
    try:
        with app.app_context(), transaction():
            settling.note_links(_taken(), window=window)
    except Exception:
        log.warning("traces of links were dropped", exc_info=True)


def _taken() -> list[Trace]:
    """All that wait, in the order in which they came."""
    with _access:
        found = [trace for its in _waiting.values() for trace in its]
        _waiting.clear()
    return sorted(found, key=lambda trace: trace["at"])
