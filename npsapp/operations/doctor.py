"""What is wrong with this installation, and what to do about it: one line per question, none of which may hang."""

import platform
import shutil
import smtplib
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, current_app
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from npsapp.db import UtcDateTime, db, transaction
from npsapp.delivery import queries as delivery
from npsapp.delivery.channels import Server, mail
from npsapp.delivery.rules import Security
from npsapp.office.health import revisions
from npsapp.operations import backups
from npsapp.pulse import queries as pulse, services as heart
from npsapp.pulse.rules import is_silent
from npsapp.worker import huey

PATIENCE_S = 15.0
BUILT_IN = 2026  # a clock that shows an earlier year was never set
CLOCKS_APART = timedelta(seconds=10)
GIGABYTE = 1_000_000_000
LONG_QUEUE = 1000


class Level(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One answer: what was seen, and what to do if that is not good."""

    level: Level
    seen: str
    advice: str = ""
    name: str = ""


def ok(seen: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, seen)


def warn(seen: str, advice: str) -> Finding:
    """It works, but not as it should."""
    return Finding(Level.WARN, seen, advice)


def fail(seen: str, advice: str) -> Finding:
    """Something does not work."""
    return Finding(Level.FAIL, seen, advice)


def versions(_now: datetime) -> Finding:
    return ok(f"npsapp {version('npsapp')}, Python {platform.python_version()}, {backups.server()}")


def clock(now: datetime) -> Finding:
    theirs = db.session.scalar(select(func.now(type_=UtcDateTime()))) or now
    seen = now.isoformat(timespec="seconds")
    if now.year < BUILT_IN or now < (pulse.last_beat() or now) - CLOCKS_APART:
        return fail(
            f"{seen} is earlier than the last heartbeat or this program", "set the clock: timedatectl set-ntp 1"
        )
    if abs(theirs - now) > CLOCKS_APART + timedelta(seconds=PATIENCE_S):
        return fail(f"{seen}, but the database says {theirs:%H:%M:%S}", "let both machines set their clocks by NTP")
    return ok(seen)


def folder(_now: datetime) -> Finding:
    place = Path(current_app.instance_path)
    with tempfile.TemporaryFile(dir=place) as file:
        file.write(b"x")
    key = place / "secret_key"
    if key.exists() and key.stat().st_mode & 0o077:
        return warn(f"{key} can be read by others", f"chmod 600 {key}")
    return ok(f"{place} can be written")


def disk(_now: datetime) -> Finding:
    free = shutil.disk_usage(current_app.instance_path).free
    seen, advice = f"{free / GIGABYTE:.1f} GB free", "make room: old backups, logs, another disk"
    if free < GIGABYTE / 5:
        return fail(seen, advice)
    return warn(seen, advice) if free < GIGABYTE else ok(seen)


def database(_now: datetime) -> Finding:
    begun = time.monotonic()
    with transaction():
        heart.release("doctor")  # a write that changes nothing
    return ok(f"{db.engine.url.render_as_string()} was written in {(time.monotonic() - begun) * 1000:.0f} ms")


def migrations(_now: datetime) -> Finding:
    found, wanted = revisions()
    if found == wanted:
        return ok(f"at {', '.join(sorted(found))}, none is pending")
    return fail(
        f"at {', '.join(sorted(found)) or 'none'}, wanted {', '.join(sorted(wanted))}", "flask --app wsgi db upgrade"
    )


def heartbeat(now: datetime) -> Finding:
    last = pulse.last_beat()
    seen = f"the last was {(now - last).total_seconds():.0f} s ago" if last else "there never was one"
    if is_silent(last, now):
        return fail(seen, "start the worker: python -OO -m npsapp work")
    stopped = delivery.all_stopped(now)
    if stopped:
        return warn(
            f"{seen}; letters to customers are paused since {stopped.since:%Y-%m-%d %H:%M} UTC", "see /schedule/"
        )
    return ok(seen)


def queue(_now: datetime) -> Finding:
    length = huey.pending_count()
    if length > LONG_QUEUE:
        return warn(f"{length} jobs wait", "is the worker running? see heartbeat; more NPSAPP_WORKER_THREADS")
    return ok(f"reachable, {length} jobs wait")


def address(_now: datetime) -> Finding:
    url = current_app.config["PUBLIC_URL"]
    host = urlsplit(url).hostname or ""
    seen = f"{url} leads to {_resolved(host)}"
    if current_app.config["DEMO"]:
        return ok(f"{seen} (demo)")
    if not url.startswith("https://") or host in {"localhost", "127.0.0.1"}:
        return warn(seen, "customers need an https address: NPSAPP_PUBLIC_URL=https://nps.example.com")
    return ok(seen)


def mail_servers(_now: datetime) -> Finding:
    """Every server letters leave by: its name, its certificate, the login, and its own words."""
    found = {server for server in map(mail.server_of, delivery.senders()) if server}
    servers = sorted({*found, *filter(None, [mail.server_of_settings()])}, key=lambda one: (one.host, one.port))
    if not servers:
        return warn("none is configured: letters go to the outbox", "set NPSAPP_MAIL_SERVER")
    said = [f"{one.host}:{one.port} ({_resolved(one.host)}) said {_greeting(one)}" for one in servers]
    if any(one.username and one.security is Security.NONE for one in servers):
        return warn("; ".join(said), "the password travels in the clear: NPSAPP_MAIL_USE_TLS=1")
    return ok("; ".join(said))


def _greeting(server: Server) -> str:
    connection = mail.SafeConnection(server).configure_host()
    try:
        status, words = connection.noop()
    finally:
        connection.close()
    return f"{status} {words.decode('utf-8', 'replace')}"


def _resolved(host: str) -> str:
    return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])


CHECKS: dict[str, tuple[Callable[[datetime], Finding], str]] = {
    "versions": (versions, "is the database running? see NPSAPP_SQLALCHEMY_DATABASE_URI"),
    "clock": (clock, "is the database running?"),
    "folder": (folder, "give the user that runs npsapp the instance folder: chown -R"),
    "disk": (disk, "is the disk mounted?"),
    "database": (database, "is the database running, may it write, is its disk full?"),
    "migrations": (migrations, "flask --app wsgi db upgrade"),
    "heartbeat": (heartbeat, "flask --app wsgi db upgrade, then start the worker"),
    "queue": (queue, "is Redis running? see NPSAPP_HUEY_URL"),
    "address": (address, "does the name exist? see NPSAPP_PUBLIC_URL and your DNS"),
    "mail": (mail_servers, "see NPSAPP_MAIL_* or Settings, Company, Sender; the words are the server's"),
}
"""Question → how it is answered, and what to do when it cannot be."""


def examine(app: Flask, *, now: datetime, patience_s: float = PATIENCE_S) -> list[Finding]:
    """Answer all questions at once; one that is not answered in time is a failure."""
    answers: dict[str, Finding] = {}

    def ask(name: str) -> None:
        check, advice = CHECKS[name]
        with app.app_context():
            try:
                answers[name] = check(now)
            except Exception as error:
                answers[name] = fail(_words(error), advice)

    threads = [threading.Thread(target=ask, args=(name,), name=f"doctor {name}", daemon=True) for name in CHECKS]
    end = time.monotonic() + patience_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    silent = {name: fail(f"no answer within {patience_s:.0f} s", advice) for name, (_check, advice) in CHECKS.items()}
    return [replace(answers.get(name, silent[name]), name=name) for name in CHECKS]


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        answer = error.smtp_error
        return f"{error.smtp_code} {answer.decode('utf-8', 'replace') if isinstance(answer, bytes) else answer}"
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return f"{type(cause).__name__}: {cause}".splitlines()[0]
