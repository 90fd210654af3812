"""Static files carry a hash of their content in the address, so browsers may keep them for a year."""

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request, url_for

FOREVER = "public, max-age=31536000, immutable"  # a year: the longest a cache need keep anything (RFC 9111)
BRIEFLY = "public, max-age=300"


def init_app(app: Flask) -> None:
    """Offer `asset()` to templates and set the caching of static files."""
    app.add_template_global(asset)
    app.after_request(_cache_static)


def asset(name: str) -> str:
    """The address of `static/<name>` with the hash of what it contains now; a missing file raises OSError."""
    return url_for("static", filename=name, v=_fingerprint(name))


def _fingerprint(name: str) -> str:
    file = Path(current_app.static_folder or "") / name
    return _digest(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(file: Path, changed_at: int) -> str:
    """`changed_at` only keys the cache: an edited file gets its new hash without a restart."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _cache_static(response: Response) -> Response:
    if request.endpoint != "static" or response.status_code not in (200, 206, 304):
        return response
    name = (request.view_args or {}).get("filename", "")
    response.headers["Cache-Control"] = FOREVER if request.args.get("v") == _fingerprint(name) else BRIEFLY
    return response
