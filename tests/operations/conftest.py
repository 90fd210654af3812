"""An installation with a company, asked customers, and letters that wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from flask import Flask

from npsapp import create_app
from npsapp.db import db, transaction
from npsapp.invitations.rules import InvitationState
from tests import cast, factories
from tests.conftest import CHEAP_HASH
from tests.journeys.conftest import Installation, install, mail_server  # noqa: F401 - fixtures

DAY = timedelta(days=1)


@contextmanager
def inside(installation: Installation) -> Iterator[Flask]:
    """The program itself with the installation's folder and settings."""
    own = {name.removeprefix("NPSAPP_"): value for name, value in installation.environment.items() if "NPSAPP_" in name}
    folder = own.pop("INSTANCE_PATH")
    app = create_app(own, instance_path=folder)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def command(app: Flask, *words: str, fails: bool = False) -> str:
    """Run a command of the program in this process; its output."""
    done = app.test_cli_runner().invoke(args=words)
    assert (done.exit_code != 0) == fails, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return str(done.output)


def seed(installation: Installation) -> SimpleNamespace:
    """A company, two customers with a letter, two letters planned for two days ago, one that waits.

    Gives the tokens of the two links; everything is real, nothing of it is the demo's.
    """
    now = datetime.now(UTC)
    with inside(installation), transaction() as session:
        company = cast.found(session, password_hash=CHEAP_HASH, now=now - 20 * DAY)
        asked = [factories.make_invitation(company, now=now).steps[0].token for _each in range(2)]
        for _each in range(2):
            plan(company, now=now, send_at=now - 2 * DAY)
        wait_in_queue(company, now=now)
    return SimpleNamespace(asked=asked)


def plan(company: SimpleNamespace, *, now: datetime, send_at: datetime) -> int:
    """An invitation whose letter is planned; its id."""
    interaction = factories.make_interaction(company, now=now, undecided=False)
    line = factories.make_invitation(company, now=now, interaction=interaction, state=InvitationState.PLANNED)
    line.send_at, line.sent_at, line.valid_until, line.handed_over_at = send_at, None, None, None
    for step in list(line.steps):
        db.session.delete(step)
    db.session.flush()
    return int(line.id)


def wait_in_queue(company: SimpleNamespace, *, now: datetime) -> int:
    """An invitation whose letter was handed to the post office an hour ago and has not left; its id."""
    line = factories.make_invitation(company, now=now)
    line.sent_at, line.handed_over_at = None, now - timedelta(hours=1)
    line.steps[0].message_id = factories.make_message(company, now=now - timedelta(hours=1)).id
    db.session.flush()
    return int(line.id)
