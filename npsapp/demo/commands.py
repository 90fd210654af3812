"""`flask demo load`: the invented company, for a walk through the program."""

import time

import click
from flask.cli import AppGroup

from npsapp.db import reading, transaction
from npsapp.demo import services
from npsapp.demo.company import COMPANY
from npsapp.demo.history import INTERACTIONS
from npsapp.demo.loader import draw
from npsapp.lib.clock import utcnow

demo = AppGroup("demo", help="The invented demo company.")


@demo.command("load")
def load() -> None:
    """Load the demo company into a database without a company, and print its logins, once."""
    try:
        load_into_empty()
    except services.AlreadyLoaded as refusal:
        click.echo(str(refusal))


def load_into_empty(*, interactions: int = INTERACTIONS) -> None:
    """Draw and write the demo company, and print what was loaded and the logins.

    May raise `services.AlreadyLoaded` or `services.AnotherCompany`, before anything is drawn or written.
    """
    started = time.monotonic()
    with reading():
        services.refuse_unless_empty()
    click.echo("loading the demo company …")
    now = utcnow()
    drawn = draw(now=now, interactions=interactions)  # slow, therefore outside of the transaction
    with transaction():
        counts = services.load(drawn, now=now)
    click.echo(f"loaded in {time.monotonic() - started:.1f} s:")
    for kind, count in counts.items():
        click.echo(f"{count:>8} {kind}")
    click.echo("logins, printed this once:")
    for one in COMPANY["colleagues"]:
        click.echo(f"  {one['role']:<13}  {one['email']:<25}  {drawn.passwords[one['email']]}")
