"""A browser whose requests share nothing with the test but the database, as in real life."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from npsapp.db import db


class Browser(FlaskClient):
    """Gives every request an application context of its own, so that nothing kept in `g` outlives it."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make one request."""
        with self.application.app_context():
            return super().open(*args, **kwargs)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without a session."""
    return Browser(app, use_cookies=True)


def look_again() -> None:
    """Let go of what the test has read: requests wrote in their own sessions."""
    db.session.rollback()
