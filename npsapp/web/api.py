"""The kernel of the JSON API: keys with scopes, pace, bodies read safely, problems that name the field.

No session and no form token takes part: the key comes with every request. The request's number is the answer's
`X-Request-Id`.
"""

import functools
import json
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, request
from flask.sansio.app import App
from flask_babel import gettext
from werkzeug.exceptions import RequestEntityTooLarge

from npsapp.lib.texts import N_
from npsapp.permissions import ApiScope
from npsapp.web.access import View, public

MOST_MEGABYTES = 8  # a thousand purchases with long names take about one
BURST_S = 60.0  # a minute's worth of requests may come at once
DOCS = "/api/docs"
PROBLEM = "application/problem+json"

# Code → status, what happened, what to do. The page of the API lists them.
PROBLEMS: dict[str, tuple[int, str, str]] = {
    "no_key": (401, N_("The key is missing"),
               N_("Send the connection's key in the header Authorization: Bearer KEY.")),
    "wrong_key": (401, N_("The key is not known"),
                  N_("It may have been replaced, or its connection closed. Ask an administrator for the current one.")),
    "no_scope": (403, N_("The key may not do this"),
                 N_("It needs the right %(scope)s. An administrator can add it on the page of the connection.")),
    "no_step": (404, N_("There is no such step"),
                N_("It belongs to another brand, or was never handed out. Ask for the due steps again.")),
    "not_persons": (409, N_("This connection's customer ids are no persons"),
                    N_("One of its ids may stand for many people. Send the person with each purchase instead.")),
    "too_large": (413, N_("The body is too large"), N_("Send at most %(most)d MB at once; split it into several.")),
    "not_json": (422, N_("The body is not JSON"), N_("Send JSON in UTF-8, not compressed.")),
    "wrong_shape": (422, N_("The body has another shape than described"),
                    N_("Send one object, a list of objects, or an object with the list in the field named here.")),
    "too_many": (422, N_("Too many records"), N_("Send at most %(most)d records at once; split them into several.")),
    "wrong_type": (422, N_("A field has another type than described"), N_("Send %(wanted)s in this field.")),
    "bad_value": (422, N_("A field has a value that cannot be used"), N_("Correct the field named here.")),
    "bad_idempotency_key": (422, N_("The Idempotency-Key cannot be used"),
                            N_("Send 1 to 200 visible ASCII characters, a new key for every new body.")),
    "reused_idempotency_key": (422, N_("The Idempotency-Key was used for another request"),
                               N_("Send a new key for a new body; the same key only repeats the same request.")),
    "too_fast": (429, N_("Too many requests"), N_("Wait for %(seconds)d s. A thousand records fit into one request.")),
}  # fmt: skip

Loader = Callable[[str], "Key | None"]


@dataclass(frozen=True)
class Key:
    """Whoever asks: the number of what the key belongs to, and what it may do."""

    id: int
    scopes: frozenset[str]


class Problem(Exception):
    """A request that is refused as a whole; `code` is one of `PROBLEMS`, `field` the part of the body at fault."""

    def __init__(
        self, code: str, *, field: str = "", detail: str = "", headers: Mapping[str, str] | None = None, **values: Any
    ) -> None:
        self.code, self.field, self.detail, self.headers, self.values = code, field, detail, headers or {}, values
        super().__init__(code)

    @property
    def words(self) -> str:
        """What to do, as a msgid with `values`."""
        return self.detail or PROBLEMS[self.code][2]


def init_app(app: Flask) -> None:
    """Answer every problem as `application/problem+json`."""
    app.extensions["api_pace"] = Pace()
    app.register_error_handler(Problem, answer)


def load_keys_with(app: App, loader: Loader) -> None:
    """Say who finds the key behind a secret; gives None for one that is not known (any more)."""
    app.extensions["api_keys"] = loader


def answer(problem: Problem) -> Response:
    """The problem as a document, in the language the program asks for."""
    status, title, _advice = PROBLEMS[problem.code]
    detail = gettext(problem.words, **problem.values)
    response = problem_response(status, problem.code, gettext(title), detail, field=problem.field)
    response.headers.extend(problem.headers)
    return response


def problem_response(status: int, code: str, title: str, detail: str, *, field: str = "") -> Response:
    """A problem document (RFC 9457); `code` and `errors`, which name the field, are members of our own."""
    about = f"{current_app.config['PUBLIC_URL']}{DOCS}#{code}" if code in PROBLEMS else "about:blank"
    body: dict[str, Any] = {"type": about, "title": title, "status": status, "detail": detail, "code": code}
    if field:
        body["errors"] = [{"field": field, "detail": detail}]
    response = jsonify(body)
    response.status_code, response.mimetype = status, PROBLEM
    response.headers["Cache-Control"] = "no-store"
    return response


# ---- who asks, and how often ----


def needs(scope: ApiScope) -> Callable[[View], View]:
    """Let in keys with this scope, as fast as keys may ask; the view finds the key in `g.api_key`."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.api_key = _key()
            _keep_pace(g.api_key)
            if scope.value not in g.api_key.scopes:
                raise Problem("no_scope", scope=scope.value)
            return view(*args, **kwargs)

        return public(guarded)  # type: ignore[return-value] # no session: the key has just been checked

    return decorate


def _key() -> Key:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    given = secret.strip() if kind.lower() == "bearer" else request.headers.get("X-Api-Key", "").strip()
    found = current_app.extensions["api_keys"](given) if given else None
    if found is None:
        headers = {"WWW-Authenticate": 'Bearer realm="npsapp"'}
        raise Problem("wrong_key" if given else "no_key", headers=headers)
    key: Key = found
    return key


def _keep_pace(key: Key) -> None:
    seconds = current_app.extensions["api_pace"].wait(key.id, current_app.config["API_PER_MINUTE"])
    if seconds:
        raise Problem("too_fast", headers={"Retry-After": str(seconds)}, seconds=seconds)


class Pace:
    """How fast each key asks, in the memory of this process: with several processes each allows the whole pace.

    A token bucket as one moment per key (GCRA): when its bucket would be full again.
    """

    def __init__(self) -> None:
        self._full_at: dict[int, float] = {}
        self._lock = threading.Lock()

    def wait(self, key_id: int, per_minute: int) -> int:
        """Whole seconds until this key may ask again; 0 lets the request in and counts it. `per_minute` 0: no limit."""
        if not per_minute:
            return 0
        now = time.monotonic()
        with self._lock:
            full_at = max(self._full_at.get(key_id, now), now) + 60.0 / per_minute
            if full_at > now + BURST_S + 1e-6:
                return math.ceil(full_at - now - BURST_S)
            self._full_at[key_id] = full_at
        return 0


# ---- what is asked ----


@dataclass(frozen=True)
class Body:
    """What was sent: its JSON with numbers as they were written, and a digest of request and bytes."""

    json: Any
    digest: str


def body() -> Body:
    """The JSON of the request; a byte order mark is accepted, for 1C writes one.

    :raise Problem: when it is too large or cannot be read.
    """
    request.max_content_length = MOST_MEGABYTES * 1024 * 1024
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise Problem("too_large", most=MOST_MEGABYTES) from None
    digest = sha256(f"{request.method} {request.path}\n".encode() + raw).hexdigest()
    return Body(_read(raw), digest)


def _read(raw: bytes) -> Any:
    """Numbers stay text: nothing is lost of an amount, and no number is too long."""
    try:
        found = json.loads(raw.decode("utf-8-sig"), parse_int=str, parse_float=str, parse_constant=_no_number)
        if b"\\ud" in raw or b"\\uD" in raw:
            json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise Problem("not_json") from None
    return found


def _no_number(word: str) -> Any:
    raise ValueError(word)


def idempotency_key() -> str:
    """What the caller calls this request, so that repeating it does nothing twice; empty: no name."""
    given = request.headers.get("Idempotency-Key")
    if given is not None and not re.fullmatch(r"[!-~]{1,200}", given):
        raise Problem("bad_idempotency_key", field="Idempotency-Key")
    return given or ""


def records(found: Any, *names: str, most: int) -> list[Any]:
    """The records of a body: one object, a list of them, or an object with the list under one of `names`."""
    if isinstance(found, dict):
        wrapped = next((name for name in names if name in found), None)
        found = [found] if wrapped is None else found[wrapped]
    if not isinstance(found, list):
        raise Problem("wrong_shape", field=names[0])
    if len(found) > most:
        raise Problem("too_many", field=names[0], most=most)
    return found
