"""What a mail server types: handing over one letter that came back."""

import sys

import click
from flask.cli import AppGroup

from npsapp.delivery import bounces, return_tasks
from npsapp.lib.tables import MEGABYTE

mail = AppGroup("mail", help="What comes back to letters.")

TRY_LATER = 75  # EX_TEMPFAIL of sysexits.h: the mail server keeps the letter


@mail.command("receive")
@click.option("--recipient", default="", help="The address the letter was delivered to, as the mail server knows it.")
def receive(recipient: str) -> None:
    """Read one letter from standard input. Ends with 0, or with 75 when it should come again later."""
    raw = sys.stdin.buffer.read(bounces.MOST_BYTES)
    while sys.stdin.buffer.read(MEGABYTE):
        pass  # the mail server wants to get rid of all of it
    try:
        kind = return_tasks.receive(raw, recipient)
    except Exception as error:
        click.echo(f"not taken in, try again later: {type(error).__name__}", err=True)
        sys.exit(TRY_LATER)
    click.echo(kind.value if kind else "nothing of ours")
