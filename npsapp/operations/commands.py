"""What whoever runs the server types: doctor, backup, restore."""

from pathlib import Path

import click
import flask_migrate
from flask import current_app
from flask.cli import with_appcontext

from npsapp.audit.services import COMMAND
from npsapp.customers import erasing
from npsapp.db import transaction
from npsapp.delivery import pauses
from npsapp.delivery.rules import PauseCause
from npsapp.lib.clock import utcnow
from npsapp.operations import backups
from npsapp.operations.doctor import Level, examine
from npsapp.pulse import services as pulse
from npsapp.worker import huey

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("doctor")
@with_appcontext
def doctor() -> None:
    """Say what is wrong with this installation and what to do; ends with status 1 when something does not work."""
    findings = examine(current_app._get_current_object(), now=utcnow())  # type: ignore[attr-defined]
    for one in findings:
        click.echo(f"{one.level:<5}{one.name:<11}{one.seen}{f' -> {one.advice}' if one.advice else ''}")
    if any(one.level is Level.FAIL for one in findings):
        raise click.exceptions.Exit(1)


@click.command("backup")
@click.argument("folder", type=FOLDER)
@with_appcontext
def backup(folder: Path) -> None:
    """Save database, keys, settings, logos, uploads and outbox into a new folder. Web and worker may run."""
    manifest = backups.make(folder, now=utcnow())
    size = sum(int(told["size"]) for told in manifest.files.values())
    click.echo(f"saved {len(manifest.files)} files, {size / 1e6:.1f} MB, in {folder}; it holds keys and addresses")


@click.command("restore")
@click.argument("folder", type=FOLDER)
@click.option("--replace", is_flag=True, help="Put the backup in the place of the data that are here.")
@with_appcontext
def restore(folder: Path, replace: bool) -> None:
    """Read a backup back; letters to customers are paused until somebody decides about those that may have left."""
    now = utcnow()
    manifest = backups.read(folder)
    erased = erasing.everybody() if backups.has_data() else []
    told = backups.write_back(folder, manifest, replace=replace)
    flask_migrate.upgrade()
    huey.flush()
    with transaction():
        pulse.came_from(current_app.config["PUBLIC_URL"])
        pauses.doubt(PauseCause.RESTORED, known_until=manifest.moment, now=now)
        again = erasing.once_more(erased, actor=COMMAND, now=now)
    for sentence in told:
        click.echo(sentence)
    if again:
        click.echo(f"erased after the backup, and again when the worker runs: {again} of the people")
    click.echo(f"restored the installation as it was at {manifest.made_at}")
    click.echo("letters to customers are paused: start web and worker, then see Schedule, /schedule/doubt")
