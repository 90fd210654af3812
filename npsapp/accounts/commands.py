"""What an operator types about users: adding one, setting a password."""

import io
import secrets
import select
import sys
from typing import Any

import click
from flask.cli import AppGroup

from npsapp.accounts import queries, rules, services
from npsapp.accounts.hashing import hash_password
from npsapp.audit.services import COMMAND
from npsapp.db import transaction
from npsapp.lib.clock import utcnow
from npsapp.organization import queries as organization
from npsapp.permissions import Role

group = AppGroup("user", help="People who work here.")

MADE_PASSWORD_BYTES = 12  # 96 bits, 16 characters
PIPE_WAIT_S = 5  # a pipe nobody writes into must not stop the command for ever


@group.command("add")
@click.argument("email")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]), help="What the user may do.")
@click.option("--region", "regions", multiple=True, metavar="NAME", help="Key or name; may be repeated.")
def add(email: str, role: str, regions: tuple[str, ...]) -> None:
    """Add a user with the password from standard input, or with a new one that is printed once."""
    region_ids = [_region(text) for text in regions]
    password, made = _password(email)
    hashed = hash_password(password)
    who: dict[str, Any] = {"email": email, "name": "", "role": Role(role), "language": "uk", "region_ids": region_ids}
    with transaction():
        user = services.create_user(**who, password_hash=hashed, actor=COMMAND, now=utcnow())
    click.echo(f"added {user.email} ({role})")
    if role == Role.MANAGER and not region_ids:
        click.echo("warning: a manager without --region sees nothing", err=True)
    click.echo(made, nl=False)


@group.command("password")
@click.argument("email")
def password(email: str) -> None:
    """Set a user's password from standard input, or make one and print it once; all sessions end."""
    user = queries.user_by_email(email)
    if user is None:
        raise click.ClickException(f"there is no user {email}")
    chosen, made = _password(email)
    hashed = hash_password(chosen)
    with transaction():
        services.set_password(user, hashed, actor=COMMAND, now=utcnow())
    click.echo(f"password of {email} is set; all sessions of this user ended")
    click.echo(made, nl=False)


def _region(text: str) -> int:
    """Id of the region with this key or name; an unknown one ends the command with the list of known ones."""
    for pool in organization.pools():
        found = organization.find_region(text, pool.id)
        if found:
            return found.id
    known = ", ".join(f"{one.key} ({' / '.join(one.name.values())})" for one in organization.regions())
    raise click.ClickException(f"unknown region {text!r}; known are: {known or 'none yet'}")


def _password(email: str) -> tuple[str, str]:
    """The first line of standard input when something is piped in; else a new one, and the line that tells it."""
    typed = _piped()
    if not typed:
        made = secrets.token_urlsafe(MADE_PASSWORD_BYTES)
        return made, f"password (shown only now): {made}\n"
    problem = rules.password_problem(typed, email=email)
    if problem and len(typed) > rules.PASSWORD_MAX:
        raise click.ClickException(problem)
    if problem:  # whoever has the server's shell may do it all the same
        click.echo(f"warning: {problem}", err=True)
    return typed, ""


def _piped() -> str:
    stream = sys.stdin
    if stream is None or stream.closed or stream.isatty():
        return ""
    try:
        ready = bool(select.select([stream], [], [], PIPE_WAIT_S)[0])
    except (io.UnsupportedOperation, ValueError):  # not a real file: it cannot block either
        ready = True
    return stream.readline().strip("\r\n") if ready else ""
