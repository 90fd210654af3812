"""What all doors share: guards, list pages, template filters, error pages, headers and static files."""

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter

from npsapp.web import api, assets, errors, filters, headers, listing, menu


class RowId(IntegerConverter):
    """A number in an address as long as ids are (32 bits): a longer one is no page, and no column takes it."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **{"max": 2**31 - 1} | options)


def init_app(app: Flask) -> None:
    """Bind everything the pages of all rooms use."""
    app.url_map.converters["int"] = RowId
    assets.init_app(app)
    filters.init_app(app)
    headers.init_app(app)
    errors.init_app(app)
    menu.init_app(app)
    api.init_app(app)
    app.add_template_global(listing.url_with, "url_with")
