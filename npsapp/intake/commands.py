"""What an operator types: `flask --app wsgi intake read FILE --source NAME`."""

from pathlib import Path

import click
from flask.cli import AppGroup

from npsapp.audit.services import COMMAND
from npsapp.customers.rules import GroundKind
from npsapp.db import db, reading, transaction
from npsapp.delivery import queries as delivery, senders
from npsapp.intake import queries, services, tasks
from npsapp.intake.models import BatchState, ImportBatch, Source
from npsapp.intake.rules import RejectReason
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization.rules import fold
from npsapp.surveys import queries as surveys

SURVEYED_BY = ("email", "phone")  # channels that a ground given on the command line is for

intake = AppGroup("intake", help="Files of purchases.")


class UnknownTouchpoint(Refused):
    """The touchpoint named on the command line does not exist."""

    wording = N_("There is no touchpoint %(key)s. Known: %(known)s.")


@intake.command("read")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--source", "source_name", required=True, help="Name of the source; a new one starts in trial.")
@click.option("--touchpoint", help="Key of the touchpoint for rows that name none.")
@click.option("--live", is_flag=True, help="Take the source live at once: people are asked.")
@click.option(
    "--ground",
    type=click.Choice([kind.value for kind in GroundKind]),
    help="Ground on which customers without an own one are written to (with --live: contract).",
)
@click.option("--sender", metavar="ADDRESS", help="Whom letters come from, for a company without a sender.")
@click.option("--dry-run", is_flag=True, help="Read and check the file, say what would be done, and forget it.")
def read(
    file: Path,
    source_name: str,
    touchpoint: str | None,
    live: bool,
    ground: str | None,
    sender: str | None,
    dry_run: bool,
) -> None:
    """Read a file of purchases (CSV, TXT, XLSX, XLS, ODS) and apply it."""
    batch_id = _upload(file, source_name, touchpoint, sender)
    tasks.stage_batch(batch_id)
    if dry_run:
        _say_and_forget(batch_id)
        return
    _confirm(batch_id, live=live, ground=ground)
    tasks.apply_batch(batch_id)
    _report(batch_id)


def _say_and_forget(batch_id: int) -> None:
    """What the file holds; nothing of it is kept but the source, if that is new."""
    with reading():
        batch = db.session.get_one(ImportBatch, batch_id, populate_existing=True)
        refusal = Refused(batch.error, **batch.error_values) if batch.state is BatchState.REFUSED else None
        if refusal is None:
            _say_rejects(batch_id)
            for title, meaning in batch.columns.items():
                click.echo(f"column {title}: {meaning or '-'}")
            for count in ("rows", "rejected", "no_address"):
                click.echo(f"{count.replace('_', ' ')}: {getattr(batch, count)}")
    with transaction():
        services.discard(batch_id, actor=COMMAND, now=utcnow())
    if refusal:
        raise refusal


def _say_rejects(batch_id: int) -> None:
    for reject in queries.every_reject(batch_id):
        reason, cell = RejectReason(reject.reason).label, f"{reject.column} {reject.value}".strip()
        click.echo(f"line {reject.line}: {reason} [{cell}]", err=True)


def _upload(file: Path, source_name: str, touchpoint: str | None, sender: str | None) -> int:
    with file.open("rb") as stream:
        stored = tasks.store(stream)
    now = utcnow()
    with transaction():
        source = services.get_or_create_source(name=source_name, actor=COMMAND, now=now)
        if sender and delivery.sender_of(source.brand_id) is None:
            brand = source.brand
            senders.set_sender(
                brand_id=brand.id, name=brand.name, address=sender, reply_to=sender, actor=COMMAND, now=now
            )
        options = {"touchpoint_id": _touchpoint(source, touchpoint)} if touchpoint else {}
        batch = services.create_batch(
            source_id=source.id, file_name=file.name, stored=stored, actor=COMMAND, now=now, **options
        )
        return batch.id


def _touchpoint(source: Source, key: str) -> int:
    known = surveys.touchpoint_lookup(source.brand.pool_id)
    if fold(key) not in known:
        keys = ", ".join(one.key for one in surveys.touchpoints(source.brand.pool_id))
        raise UnknownTouchpoint(key=key, known=keys or "-")
    return known[fold(key)]


def _confirm(batch_id: int, *, live: bool, ground: str | None) -> None:
    """Confirm at once; `--live` stands for the confirmations that the page asks for."""
    now = utcnow()
    with transaction():
        batch = db.session.get_one(ImportBatch, batch_id)
        if batch.state is BatchState.REFUSED:
            raise Refused(batch.error, **batch.error_values)
        grounds = batch.grounds
        if ground or (live and not grounds):
            grounds = dict.fromkeys(SURVEYED_BY, ground or GroundKind.CONTRACT.value)
        services.choose(batch_id, touchpoint_id=batch.touchpoint_id, grounds=grounds)
        services.confirm(batch_id, actor=COMMAND, now=now)
        if live:
            services.go_live(
                batch.source_id, live_from=None, first_day_cap=None, outbox_confirmed=True, actor=COMMAND, now=now
            )


def _report(batch_id: int) -> None:
    with reading():
        batch = db.session.get_one(ImportBatch, batch_id, populate_existing=True)
        if batch.state is not BatchState.DONE:
            raise click.ClickException("The file is being imported by another process. Look at its page.")
        _say_rejects(batch_id)
        for count in ("accepted", "updated", "unchanged", "rejected", "no_address"):
            click.echo(f"{count.replace('_', ' ')}: {getattr(batch, count)}")
        for value, count in batch.unmapped.get("region", {}).items():
            click.echo(f"unknown region: {value} ({count})", err=True)
        if batch.source.in_trial:
            click.echo("The source is in trial: nobody is asked until it is taken live (page Imports, or --live).")
