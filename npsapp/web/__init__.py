"""What all doors share: guards, list pages, template filters, error pages, headers and static files."""

from flask import Flask

from npsapp.web import api, assets, errors, filters, headers, listing, menu


def init_app(app: Flask) -> None:
    """Bind everything the pages of all rooms use."""
    assets.init_app(app)
    filters.init_app(app)
    headers.init_app(app)
    errors.init_app(app)
    menu.init_app(app)
    api.init_app(app)
    app.add_template_global(listing.url_with, "url_with")
