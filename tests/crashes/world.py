"""One installation with its processes and servers: started, killed, started again, and looked into from outside."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, time as clock_time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from werkzeug.security import generate_password_hash

from npsapp import create_app
from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.delivery import senders
from npsapp.delivery.rules import Channel, GatewayKind
from npsapp.intake import services as intake
from npsapp.invitations import policies
from npsapp.invitations.chains import ChainStep
from npsapp.invitations.models import InvitationPolicy
from npsapp.lib.clock import utcnow
from tests import cast
from tests.crashes.gateway import RECIPE, Gateway
from tests.crashes.sink import Sink
from tests.journeys.conftest import Installation
from tests.postgres import PostgresServer
from tests.redis import RedisServer
from tests.responses.test_further import ask_more

SOURCE = "shop"
CONNECTIONS = 2
PATIENCE_S = 90.0
PAGE_S = 10.0
SETTINGS = {
    "MAIL_SERVER": "127.0.0.1",
    "MAIL_CONNECTIONS": str(CONNECTIONS),
    "MAIL_PER_MINUTE": "0",
    "MAIL_TIMEOUT": "5",
    "MAIL_LEASE": "2",
    "MAIL_UNKNOWN_AFTER": "1",
    "LEASE": "3",
    "BEAT_EVERY": "1",
}


class Violation(AssertionError):
    """Something that must hold does not."""


def wait_until(happened: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Ask until the answer is true; a violation named `what` when patience ends."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if answer := happened():
            return answer
        time.sleep(0.03)
    raise Violation(f"waited {patience_s:.0f} s in vain: {what}")


class World:
    """A company of our own on `sqlite`, or on `postgres` with its queue on Redis; web and worker run."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.sink = Sink()
        self.gateway = Gateway()
        self.postgres = PostgresServer().start(durable=True) if kind == "postgres" else None
        self.redis = RedisServer().start() if kind == "postgres" else None
        self.uri = self.postgres.database("crashes") if self.postgres else f"sqlite:///{folder / 'npsapp.db'}"
        settings = {**SETTINGS, "MAIL_PORT": str(self.sink.port), "SQLALCHEMY_DATABASE_URI": self.uri}
        if self.redis:
            settings["HUEY_URL"] = self.redis.database()
        self.installation = Installation(folder, **settings)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.engine = create_engine(self.uri, pool_pre_ping=True)

    @property
    def victims(self) -> tuple[str, ...]:
        """What can be killed here."""
        return ("worker", "web", "database", "queue") if self.redis else ("worker", "web", "database")

    def start(self) -> "World":
        self.sink.start()
        self.gateway.start()
        self.installation.flask("db", "upgrade")
        _found(self.uri, self.installation.folder, self.gateway)
        self._run("web", "serve")
        self._run("worker", "work")
        wait_until(self.answers, "the web process answers")
        return self

    def stop(self) -> None:
        self.engine.dispose()
        self.installation.stop()
        self.sink.stop()
        self.gateway.stop()
        if self.postgres:
            self.postgres.stop()
        if self.redis:
            self.redis.stop()

    # ---- dying and coming back -----------------------------------------------------------------------------

    def kill(self, victim: str) -> None:
        """End it with -9. SQLite lives inside both processes, so there the database dies with them."""
        if victim == "queue":
            assert self.redis
            self.redis.kill()
        elif victim == "database" and self.postgres:
            self.postgres.crash()
        else:
            for name in ("web", "worker") if victim == "database" else (victim,):
                os.killpg(self.processes[name].pid, signal.SIGKILL)
                self.processes[name].wait()

    def kill_helper(self, name: str) -> None:
        """End the process that does a job for one of them, with -9."""
        (helper,) = self.helpers(name)
        os.kill(helper, signal.SIGKILL)

    def helpers(self, name: str) -> list[int]:
        """Numbers of the processes that one of them has started (Linux: proc(5), "children")."""
        threads = Path(f"/proc/{self.processes[name].pid}/task").glob("*/children")
        return [int(child) for thread in threads for child in thread.read_text().split()]

    def revive(self, victim: str) -> None:
        """Start what was killed, and nothing else: the others must come back by themselves."""
        if victim == "queue":
            assert self.redis
            self.redis.start()
        elif victim == "database" and self.postgres:
            self.postgres.resume()
        if victim == "web" or (victim == "database" and not self.postgres):
            self._run("web", "serve")
        if victim == "worker" or (victim == "database" and not self.postgres):
            self._run("worker", "work")

    def _run(self, name: str, command: str) -> None:
        self.processes[name] = self.installation.run(command)

    def all_live(self) -> bool:
        """Whether web and worker run: whoever is not killed does not die of another's death."""
        return all(process.poll() is None for process in self.processes.values())

    # ---- asking --------------------------------------------------------------------------------------------

    def ask(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str
    ) -> tuple[int, str, http.client.HTTPMessage]:
        """One request to the web process: status, page, headers. OSError or HTTPException when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.installation.port, timeout=PAGE_S)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace"), answer.headers
        finally:
            connection.close()

    def answers(self) -> bool:
        """Whether the web process reads the database and says so."""
        try:
            return self.ask("GET", "/r/a-link-that-leads-nowhere")[0] == 404
        except (OSError, http.client.HTTPException):
            return False

    def beaten_since(self, moment: float) -> bool:
        """Whether a heartbeat began after a moment (seconds since 1970)."""
        at = self.value("SELECT beat_at FROM heartbeat")
        return at is not None and seconds(at) > moment

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Many statements about one moment."""
        level = "REPEATABLE READ" if self.postgres else "SERIALIZABLE"
        with self.engine.connect().execution_options(isolation_level=level) as connection:
            yield connection

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql), values))

    def value(self, sql: str, **values: Any) -> Any:
        """One number or text; None where there is none, or nobody answers."""
        try:
            return next((row[0] for row in self.rows(sql, **values)), None)
        except DBAPIError:
            return None

    def change(self, sql: str, **values: Any) -> None:
        """Turn the clock of rows, from outside."""
        with self.engine.begin() as connection:
            connection.execute(text(sql), values)


def seconds(at: datetime | str) -> float:
    """A stored moment since 1970; SQLite gives it as text."""
    return (datetime.fromisoformat(f"{at}+00:00") if isinstance(at, str) else at).timestamp()


def _found(uri: str, folder: Path, gateway: Gateway) -> None:
    """The company of the tests, asking at any hour and at once, with reminders by letter and SMS; a source is live.

    Customers who left a mobile phone alone are asked by SMS.
    """
    app = create_app({"SQLALCHEMY_DATABASE_URI": uri}, instance_path=str(folder))
    with app.app_context():
        now, cheap = utcnow(), generate_password_hash(cast.PASSWORD, method="scrypt:1024:8:1")
        with transaction() as session:
            company = cast.found(session, password_hash=cheap, now=now)
            ask_more(company.survey, now=now)
            policy = session.get_one(InvitationPolicy, company.survey.id)
            policy.delay_hours, policy.window_from, policy.window_until = 0, clock_time(0), clock_time(0)
            any_hour = {"kind": GatewayKind.HTTP, "hours_from": clock_time(0), "hours_until": clock_time(0)}
            senders.set_gateway(
                company.brand.id,
                {"address": "NPS", "per_minute": 0},
                {"url": gateway.url, "recipe": RECIPE.stored(), **any_hour},
                secret="",
                keys=app.config["SECRET_KEYS"],
                actor=PROGRAM,
                now=now,
            )
            reminders = [ChainStep(2, Channel.EMAIL, timedelta(days=4)), ChainStep(3, Channel.SMS, timedelta(days=4))]
            policies.change_policy(
                company.survey.id, {"mobile_sms": True}, follow_ups=reminders, actor=PROGRAM, now=now
            )
            source = intake.get_or_create_source(name=SOURCE, actor=PROGRAM, now=now)
            source.grounds = {"email": "contract"}
            intake.go_live(
                source.id, live_from=None, first_day_cap=None, outbox_confirmed=False, actor=PROGRAM, now=now
            )
        db.session.remove()
        db.engine.dispose()
