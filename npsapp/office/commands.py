"""`flask setup-link`: the way into a new installation."""

import click
from flask.cli import with_appcontext

from npsapp.office.company import setup_link


@click.command("setup-link")
@with_appcontext
def setup() -> None:
    """Print the link on which a new installation is set up; it works once and lasts a day."""
    link = setup_link()
    if link is None:
        raise click.ClickException("this installation is set up already: flask --app wsgi user add EMAIL")
    click.echo(link)
