"""Schemathesis asks a served API by its own OpenAPI document: no failure, and no answer that is not described."""

import subprocess
import sys
from collections.abc import Iterator
from threading import Thread

import pytest
from flask import Flask
from werkzeug.serving import make_server

from npsapp.db import db
from npsapp.intake.models import Exchange
from tests.intake.program import Program

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
)


@pytest.fixture
def server(app: Flask) -> Iterator[str]:
    """The address of a server with a thread per request."""
    running = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=running.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{running.server_port}"
    yield address
    running.shutdown()
    thread.join()
    running.server_close()


def test_no_request_that_can_be_made_of_the_document_breaks_its_word(
    app: Flask, program: Program, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "PUBLIC_URL", server)
    ask = [sys.executable, "-m", "schemathesis.cli", "run", f"{server}/api/v1/openapi.json", "--no-color"]
    ask += ["-H", f"Authorization: Bearer {program.secret}", "--checks", ",".join(CHECKS)]
    ask += ["--phases", "examples,fuzzing", "--max-examples", "20", "--seed", "1", "--generation-database", "none"]

    done = subprocess.run(ask, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stdout + done.stderr
    db.session.rollback()
    assert db.session.query(Exchange).count() > 30  # it did get through to us
