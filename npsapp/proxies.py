"""Forwarded headers count only when they come from a trusted proxy."""

from collections.abc import Iterable
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix


class TrustedProxies:
    """WSGI middleware: `X-Forwarded-For/Proto/Host` are believed only from the addresses listed.

    Anybody can send these headers; believing strangers would let them choose the address that throttling sees.
    """

    def __init__(self, app: Any, addresses: Iterable[str]) -> None:
        self.direct = app
        self.proxied = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self.addresses = frozenset(addresses)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        trusted = environ.get("REMOTE_ADDR") in self.addresses
        return (self.proxied if trusted else self.direct)(environ, start_response)


def init_app(app: Flask) -> None:
    """Wrap the application when `NPSAPP_TRUSTED_PROXIES` names any."""
    if app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = TrustedProxies(app.wsgi_app, app.config["TRUSTED_PROXIES"])  # type: ignore[method-assign]
