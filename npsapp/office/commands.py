"""`flask setup-link`, the way into a new installation, and `flask connection …`, for those who connect by shell."""

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from npsapp.audit.services import COMMAND
from npsapp.db import db, reading, transaction
from npsapp.intake import connections, queries as intake
from npsapp.intake.models import Source, SourceKind
from npsapp.lib.clock import utcnow
from npsapp.office.company import setup_link
from npsapp.office.instructions import instructions


@click.command("setup-link")
@with_appcontext
def setup() -> None:
    """Print the link on which a new installation is set up; it works once and lasts a day."""
    link = setup_link()
    if link is None:
        raise click.ClickException("this installation is set up already: flask --app wsgi user add EMAIL")
    click.echo(link)


connection = AppGroup("connection", help="Programs that send purchases by themselves.")


@connection.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice([kind.value for kind in connections.KINDS]), required=True)
def add(name: str, kind: str) -> None:
    """Add a connection in trial and print, once, what to enter on the other side."""
    with transaction():
        source, secret = connections.add(SourceKind(kind), name, actor=COMMAND, now=utcnow())
        source_id = source.id
    _print(source_id, secret)


@connection.command("list")
def show_all() -> None:
    """List the connections: name, kind, state, last record."""
    with reading():
        for source in intake.sources():
            state = "closed" if source.retired_at else "trial" if source.in_trial else "live"
            heard = source.accepted_at.isoformat(timespec="minutes") if source.accepted_at else "-"
            click.echo("\t".join((source.name, source.kind.value, state, heard, source.alarm or "-")))


@connection.command("rotate")
@click.argument("name")
def rotate(name: str) -> None:
    """Give a connection a new secret and print it, once; the old one stops working."""
    with transaction():
        found = next((one for one in intake.sources() if one.name == name and not one.retired_at), None)
        if found is None or not found.secret_digest:
            raise click.ClickException(f"there is no connection {name} with a secret: flask connection list")
        source_id, secret = found.id, connections.rotate(found.id, actor=COMMAND, now=utcnow())
    _print(source_id, secret)


def _print(source_id: int, secret: str) -> None:
    with reading():
        source = db.session.get_one(Source, source_id)
        for label, value in instructions(source, current_app.config["PUBLIC_URL"], secret).facts:
            click.echo(f"{label}: {value}")
    if secret:
        click.echo("The secret is shown only now.")
