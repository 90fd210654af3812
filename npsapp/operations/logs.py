"""Log lines: one per event, on standard error, as text or JSON, without anybody's name, address, words or tokens."""

import json
import logging
import re
import sqlite3
import sys
import time
import traceback
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, TextIO

from flask import Flask, Response, request

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
        if self.as_json:
            return json.dumps(values, ensure_ascii=False, default=str)
        return " ".join([f"{name}={_quoted(value)}" for name, value in values.items()])


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
    handler = ToStandardError()
    handler.setFormatter(Lines(as_json=app.config["LOG_FORMAT"] == "json"))
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one.formatter, Lines)] + [handler]
    logging.getLogger("npsapp").setLevel(app.config["LOG_LEVEL"].upper())
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # its access log has whole addresses, tokens included
    # Lines do not tell which code, thread or process wrote them: what nobody reads is not looked up (logging's manual).
    logging._srcfile = None  # noqa: SLF001
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    app.before_request(_begin)
    app.after_request(_end)
    app.log_exception = _log_exception  # type: ignore[method-assign, assignment] # Flask's own names the address, too


def _begin() -> None:
    request.environ[STATE] = (new_token()[:12], time.perf_counter())


def _end(response: Response) -> Response:
    level = logging.DEBUG if request.endpoint == "static" else logging.INFO
    fields = _request()
    response.headers["X-Request-Id"] = fields["request"]
    log.log(level, "request", extra={"fields": fields | {"status": response.status_code}})
    return response


def _log_exception(failure: Failure) -> None:
    log.error("request failed", exc_info=failure, extra={"fields": _request()})


def _request() -> dict[str, Any]:
    """The route by its rule: the address itself may hold a token."""
    number, begun = request.environ.get(STATE, ("", time.perf_counter()))
    return {
        "method": request.method if request.method in {"GET", "HEAD", "POST", "OPTIONS"} else "other",
        "route": str(request.url_rule or "none"),
        "ms": round((time.perf_counter() - begun) * 1000, 1),
        "request": number,
    }
