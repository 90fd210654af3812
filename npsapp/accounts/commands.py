"""What an operator types about users: adding one, setting a password."""

import io
import secrets
import select
import sys

import click
from flask.cli import AppGroup

from npsapp.accounts import queries, rules, services
from npsapp.accounts.hashing import hash_password
from npsapp.audit.services import COMMAND
from npsapp.db import transaction
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.organization import queries as organization
from npsapp.permissions import Role

group = AppGroup("user", help="People who work here.")

MADE_PASSWORD_BYTES = 12  # 96 bits, 16 characters
PIPE_WAIT_S = 5  # a pipe nobody writes into must not stop the command for ever


@group.command("add")
@click.argument("email")
@click.option(
    "--role", required=True, type=click.Choice([role.value for role in Role]), help="What the user may do."
)
@click.option(
    "--region", "regions", multiple=True, metavar="NAME", help="Key or name of a region; may be repeated."
)
@click.option("--name", default="", help="How colleagues call the user; the address when missing.")
@click.option(
    "--language", default="uk", type=click.Choice(["en", "ru", "uk"]), help="Language of pages and letters."
)
def add(email: str, role: str, regions: tuple[str, ...], name: str, language: str) -> None:
    """Add a user with the password from standard input, or with a new one that is printed once."""
    region_ids = [_region(text) for text in regions]
    password, made = _password(email)
    hashed = hash_password(password)
    try:
        with transaction():
            user = services.create_user(
                email=email,
                name=name.strip(),
                role=Role(role),
                language=language,
                password_hash=hashed,
                region_ids=region_ids,
                actor=COMMAND,
                now=utcnow(),
            )
            address = user.email
    except Refused as refusal:
        raise click.ClickException(str(refusal)) from refusal
    click.echo(f"added {address} ({role})")
    if role == Role.MANAGER and not region_ids:
        click.echo("warning: a manager without --region sees nothing", err=True)
    _tell(password, made=made)


@group.command("password")
@click.argument("email")
def password(email: str) -> None:
    """Set a user's password from standard input, or make one and print it once; all sessions end."""
    if queries.user_by_email(email) is None:
        raise click.ClickException(f"there is no user {email}")
    chosen, made = _password(email)
    hashed = hash_password(chosen)
    with transaction():
        user = queries.user_by_email(email)
        if user is None:
            raise click.ClickException(f"there is no user {email}")
        services.set_password(user, hashed, actor=COMMAND, now=utcnow())
    click.echo(f"password of {email} is set; all sessions of this user ended")
    _tell(chosen, made=made)


def _region(text: str) -> int:
    """Id of the region with this key or name; an unknown one ends the command with the list of known ones."""
    for pool in organization.pools():
        found = organization.find_region(text, pool.id)
        if found:
            return found.id
    known = ", ".join(
        f"{one.key} ({' / '.join(dict.fromkeys(one.name.values()))})" for one in organization.regions()
    )
    raise click.ClickException(f"unknown region {text!r}; known are: {known or 'none yet'}")


def _password(email: str) -> tuple[str, bool]:
    """The first line of standard input when something is piped in, else a new one; and whether it was made here."""
    typed = _piped()
    if not typed:
        return secrets.token_urlsafe(MADE_PASSWORD_BYTES), True
    if len(typed) > rules.PASSWORD_MAX:
        raise click.ClickException(f"a password may have at most {rules.PASSWORD_MAX} characters")
    problem = rules.password_problem(typed, email=email)
    if problem:  # whoever has the server's shell may do it all the same
        click.echo(f"warning: {problem}", err=True)
    return typed, False


def _piped() -> str:
    stream = sys.stdin
    if stream is None or stream.closed or stream.isatty():
        return ""
    try:
        ready, _out, _err = select.select([stream], [], [], PIPE_WAIT_S)
    except (io.UnsupportedOperation, ValueError):  # not a real file: it cannot block either
        return stream.readline().strip("\r\n")
    return stream.readline().strip("\r\n") if ready else ""


def _tell(password: str, *, made: bool) -> None:
    if made:
        click.echo(f"password (shown only now): {password}")
