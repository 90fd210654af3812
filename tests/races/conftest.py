"""Doing things at the same moment: threads with application contexts of their own, a real server, slow commits."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from npsapp.accounts.models import User
from npsapp.db import db, transaction
from npsapp.lib import clock
from tests.journeys.conftest import Visitor

PATIENCE_S = 60.0
SLOW_S = 0.03

AtOnce = Callable[..., list[Any]]


@pytest.fixture
def slow_commits() -> Iterator[None]:
    """Every commit takes a while, so that transactions really overlap where the database lets them."""

    def wait(_session: Session) -> None:
        time.sleep(SLOW_S)

    event.listen(Session, "before_commit", wait)
    yield
    event.remove(Session, "before_commit", wait)


@pytest.fixture
def at_once(app: Flask) -> AtOnce:
    """`at_once(*deeds, now=None)`: do all deeds at the same moment; what each gave, or how it failed, in order."""

    def do(*deeds: Callable[[], Any], now: Any = None) -> list[Any]:
        together = Barrier(len(deeds))

        def run(deed: Callable[[], Any]) -> Any:
            with app.app_context(), clock.pretend(now or clock.utcnow()):
                together.wait(PATIENCE_S)
                try:
                    return deed()
                except Exception as error:
                    return error
                finally:
                    db.session.remove()

        db.session.rollback()
        with ThreadPoolExecutor(len(deeds)) as pool:
            return list(pool.map(run, deeds))

    return do


@pytest.fixture
def server(app: Flask) -> Iterator[str]:
    """The address of a server with a thread per request, in real time."""
    running = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def visit(server: str, company: SimpleNamespace) -> Callable[..., Visitor]:
    """`visit("manager_kyiv")`: a browser in which that colleague is signed in."""

    def enter(name: str) -> Visitor:
        visitor = Visitor(server)
        visitor.sign_in(getattr(company, name).email, "correct horse battery")
        return visitor

    return enter


def rows(model: Any, *where: Any) -> list[Any]:
    """What stands in a table now."""
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(select(model).where(*where)))


def count(model: Any, *where: Any) -> int:
    """How many rows of a table are so."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model).where(*where)) or 0


def change_user(user: User, **values: Any) -> None:
    """Set columns of a user."""
    with transaction() as session:
        session.execute(update(User).where(User.id == user.id).values(**values))
