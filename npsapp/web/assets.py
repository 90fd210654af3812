"""Static files carry a hash of their content in the address, so browsers may keep them for a year."""

import hashlib
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request, url_for

FOREVER = "public, max-age=31536000, immutable"  # a year: the longest a cache need keep anything (RFC 9111)
BRIEFLY = "public, max-age=300"


def init_app(app: Flask) -> None:
    """Offer `asset()` to templates and set the caching of static files."""
    app.add_template_global(asset)
    app.after_request(_cache_static)


def asset(name: str) -> str:
    """The address of `static/<name>` with the hash of what it contains now; a missing file raises OSError."""
    return path_to("static", filename=name, v=_fingerprint(*changed(name)))


def path_to(endpoint: str, *, token: str = "", **values: Any) -> str:
    """As `url_for`, kept for the next page: an address without a host. `token` is URL-safe and differs every time."""
    if token:
        values["token"] = _TOKEN
    return _path(request.script_root if request else "", endpoint, tuple(values.items())).replace(_TOKEN, token)


_TOKEN = "TOKEN"  # noqa: S105 - a place in an address


@lru_cache(maxsize=1024)
def _path(_root: str, endpoint: str, values: tuple[tuple[str, Any], ...]) -> str:
    return url_for(endpoint, **dict(values))


def changed(name: str) -> tuple[str, int]:
    """Where a static file lies, and when it was changed: an edited file counts a second later, without a restart."""
    return _changed(f"{current_app.static_folder}/{name}", int(time.monotonic()))


@lru_cache(maxsize=256)
def _changed(file: str, _second: int) -> tuple[str, int]:
    return file, os.stat(file).st_mtime_ns


@lru_cache(maxsize=256)
def _fingerprint(file: str, _changed_at: int) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12]


def _cache_static(response: Response) -> Response:
    if request.endpoint != "static" or response.status_code not in (200, 206, 304):
        return response
    name = (request.view_args or {}).get("filename", "")
    response.headers["Cache-Control"] = FOREVER if request.args.get("v") == _fingerprint(*changed(name)) else BRIEFLY
    return response
