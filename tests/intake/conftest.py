"""Fixtures of the intake's tests."""

from datetime import datetime
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.intake.program import Program, connect


@pytest.fixture
def program(
    app: Flask, client: FlaskClient, company: SimpleNamespace, at_now: datetime, monkeypatch: pytest.MonkeyPatch
) -> Program:
    """A connection of an own program, in trial, that may ask as fast as it likes."""
    monkeypatch.setitem(app.config, "API_PER_MINUTE", 0)
    return connect(client, company, at_now)
