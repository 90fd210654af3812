"""npsapp: a self-hosted, closed-loop Net Promoter Score system. `create_app` is the only place that knows all rooms."""

import importlib
from typing import Any

from flask import Flask

from npsapp import config, db, proxies, worker
from npsapp.extensions import babel, csrf
from npsapp.i18n import select_locale, select_timezone

# What has to be bound to the application besides its doors; log lines first, so that they measure the whole request.
STARTS = (
    "npsapp.operations.logs",
    "npsapp.web",
    "npsapp.accounts.login",
    "npsapp.accounts.filters",
    "npsapp.delivery.channels.mail",
)
# Every door of every room; a room that is left out here does not exist for visitors.
DOORS = (
    "npsapp.accounts.views",
    "npsapp.accounts.users",
    "npsapp.accounts.filters",
    "npsapp.organization.public",
    "npsapp.customers.public",
    "npsapp.surveys.views",
    "npsapp.surveys.letter_views",
    "npsapp.intake.hooks",
    "npsapp.intake.api",
    "npsapp.intake.onec",
    "npsapp.invitations.views",
    "npsapp.invitations.letter_views",
    "npsapp.invitations.asking_views",
    "npsapp.invitations.quota_views",
    "npsapp.invitations.ledger_views",
    "npsapp.invitations.api",
    "npsapp.delivery.views",
    "npsapp.delivery.health_views",
    "npsapp.delivery.gateway_views",
    "npsapp.delivery.api",
    "npsapp.delivery.return_views",
    "npsapp.delivery.suppression_views",
    "npsapp.responses.public",
    "npsapp.responses.short_public",
    "npsapp.responses.open_public",
    "npsapp.responses.open_views",
    "npsapp.responses.views",
    "npsapp.responses.reply_views",
    "npsapp.cases.views",
    "npsapp.reports.views",
    "npsapp.reports.text_views",
    "npsapp.office.doors",
    "npsapp.office.settings",
    "npsapp.operations.views",
)


def create_app(
    overrides: dict[str, Any] | None = None, *, instance_path: str | None = None, commands: bool = True
) -> Flask:
    """Build the application: settings, extensions, rooms, and what `flask` can do with it. `overrides` are for tests.

    `commands`: with Alembic, the demo company and backups they take 20 MB, which no process that lives long need keep.
    """
    app = Flask(__name__, instance_relative_config=True, instance_path=instance_path or config.instance_path())
    config.load(app, overrides)
    # None of our views and hooks is async; Flask would look at ten of them again with each request.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign]
    db.init_app(app)
    csrf.init_app(app)
    babel.init_app(app, locale_selector=select_locale, timezone_selector=select_timezone)
    worker.init_app(app)
    proxies.init_app(app)
    _open_rooms(app)
    if commands:
        importlib.import_module("npsapp.cli").init_app(app)
    return app


def _open_rooms(app: Flask) -> None:
    """Import every room once: its doors, its jobs, its commands. Imported here, because rooms import us."""
    for name in STARTS:
        importlib.import_module(name).init_app(app)
    for name in DOORS:
        app.register_blueprint(importlib.import_module(name).bp)
