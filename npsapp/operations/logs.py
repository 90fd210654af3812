"""Log lines: one per event, on standard error, as text or JSON, without anybody's name, address, words or tokens."""

import json
import logging
import re
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, TextIO

from flask import Flask, request

from npsapp.lib.clock import utcnow
from npsapp.lib.tokens import new_token

log = logging.getLogger("npsapp.requests")

STATE = "npsapp.request"
FRAMES = 12  # innermost places of a failure; more is the framework
# E-mail addresses, telephone numbers, and what stands in an address where a token could stand.
_PLAIN = re.compile(r"[^\s\"=]+")
PRIVATE = re.compile(r"[^\s@/'\"<(]+@[^\s@/]+\.\w+|\+?(?:\d[ ()-]{0,2}){8,}\d|(?<=[/=])[\w.-]{16,}")


class ToStandardError(logging.StreamHandler[TextIO]):
    """Whatever standard error is at that moment; Flask's own handler looks for it in the request four times a line."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


Failure = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Lines(logging.Formatter):
    """One line per record: `key=value` pairs or one JSON object; `extra={"fields": {…}}` become keys of their own.

    Of an exception only its kind and its places are told: its words may hold whatever a customer typed.
    """

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        values = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _without_private(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            values |= _told(record.exc_info[1])
        return self.line(values, _quoted)

    def line(self, values: dict[str, Any], quoted: Callable[[Any], str] = str) -> str:
        """The values as one line; those of requests are known to need no quotes."""
        if self.as_json:
            return json.dumps(values, ensure_ascii=False, default=str)
        return " ".join([f"{name}={quoted(value)}" for name, value in values.items()])


@lru_cache(maxsize=1024)
def _without_private(message: str) -> str:
    return PRIVATE.sub("…", message)


def _quoted(value: Any) -> str:
    text = str(value)
    return text if isinstance(value, int | float) or _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _told(error: BaseException) -> dict[str, str]:
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    kinds: list[str] = []
    one: BaseException | None = error
    while one and len(kinds) < FRAMES:
        kinds.append(f"{type(one).__module__}.{type(one).__qualname__}{_harmless_words(one)}")
        one = one.__cause__ or one.__context__
    return {"error": " < ".join(kinds), "trace": " > ".join(places[-FRAMES:])}


def _harmless_words(error: BaseException) -> str:
    """What the system or the database says without repeating values."""
    words = getattr(error, "sqlstate", None)
    if isinstance(error, OSError):
        words = error.strerror
    elif isinstance(error, sqlite3.Error):
        words = str(error)
    return f" ({words})" if words else ""


def init_app(app: Flask) -> None:
    """Write to standard error, in the form and from the level the settings name, and one line per request."""
    handler, lines = ToStandardError(), Lines(as_json=app.config["LOG_FORMAT"] == "json")
    handler.setFormatter(lines)
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one.formatter, Lines)] + [handler]
    logging.getLogger("npsapp").setLevel(app.config["LOG_LEVEL"].upper())
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # its access log has whole addresses, tokens included
    # Lines do not tell which code, thread or process wrote them: what nobody reads is not looked up (logging's manual).
    logging._srcfile = None  # noqa: SLF001
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    app.wsgi_app = Noted(app.wsgi_app, lines)  # type: ignore[method-assign]
    app.log_exception = _log_exception  # type: ignore[method-assign, assignment] # Flask's own names the address, too


class Noted:
    """WSGI middleware: every request has a number, which its answer tells, and a line.

    There are many of them, so they go past the logging of Python, which takes longer than writing them.
    """

    def __init__(self, app: Any, lines: Lines) -> None:
        self.app, self.lines = app, lines

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        number, begun = new_token()[:12], time.perf_counter()
        environ[STATE] = number, begun

        def answer(status: str, headers: list[tuple[str, str]], *failure: Any) -> Any:
            headers.append(("X-Request-Id", number))
            level = logging.DEBUG if request.endpoint == "static" else logging.INFO
            if log.isEnabledFor(level):
                at = utcnow().isoformat(timespec="milliseconds")
                first = {"at": at, "level": logging.getLevelName(level).lower(), "logger": log.name, "event": "request"}
                sys.stderr.write(f"{self.lines.line({**first, **_request(), 'status': int(status[:3])})}\n")
            return start_response(status, headers, *failure)

        return self.app(environ, answer)


def _log_exception(failure: Failure) -> None:
    log.error("request failed", exc_info=failure, extra={"fields": _request()})


def _request() -> dict[str, Any]:
    """The route by its rule: the address itself may hold a token."""
    own = request._get_current_object()  # type: ignore[attr-defined] # each question to `request` looks for it again
    number, begun = own.environ.get(STATE, ("", time.perf_counter()))
    return {
        "method": own.method if own.method in {"GET", "HEAD", "POST", "OPTIONS"} else "other",
        "route": own.url_rule.rule if own.url_rule else "none",
        "ms": round((time.perf_counter() - begun) * 1000, 1),
        "request": number,
    }
