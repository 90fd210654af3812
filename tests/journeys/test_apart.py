"""A job that a process of its own does for the worker; that both may die is for tests/crashes/test_packages.py."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from npsapp import apart
from tests.journeys.conftest import Installation

READ = "npsapp.intake.tasks.stage_batch"


@pytest.fixture
def installation(install: Callable[..., Installation], monkeypatch: pytest.MonkeyPatch) -> Installation:
    found = install()
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    return found


def test_a_job_that_fails_apart_is_named_with_its_status(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    apart.run("npsapp.intake.tasks.no_such_job", 7)
    assert caplog.messages == ["job npsapp.intake.tasks.no_such_job(7,) ended with status 1"]


def test_a_job_that_finds_nothing_to_do_ends_well(installation: Installation, caplog: pytest.LogCaptureFixture) -> None:
    apart.run(READ, 7)
    assert caplog.messages == []


def test_nothing_is_done_for_a_worker_that_is_gone(
    installation: Installation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job that does not exist is not even looked for."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    apart.run("npsapp.intake.tasks.no_such_job", 7)
    assert caplog.messages == []


def test_the_same_job_is_not_begun_twice(installation: Installation, caplog: pytest.LogCaptureFixture) -> None:
    """Of four at once one is begun; when it has ended the job can be done again."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _turn: apart.run("npsapp.intake.tasks.no_such_job", 7), range(4)))
    assert len(caplog.messages) == 1
    apart.run("npsapp.intake.tasks.no_such_job", 7)
    assert len(caplog.messages) == 2
