"""Erasing a person: it is not taken in again, and a job takes it out of rows, letters, and files and calls kept raw."""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from flask import abort, current_app
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from npsapp.audit.doors import me
from npsapp.cases import services as cases
from npsapp.customers import erasing, retention
from npsapp.db import db, reading, transaction
from npsapp.delivery import emptying
from npsapp.delivery.channels.mail import OUTBOX
from npsapp.intake import kept, services as intake, webhook
from npsapp.intake.models import ApiAnswer, ImportBatch, ReceivedBody, RejectedRow, StagedPart
from npsapp.invitations import letters
from npsapp.lib.clock import utcnow
from npsapp.lib.tables import FileRefused
from npsapp.office import queries
from npsapp.office.blueprint import bp
from npsapp.permissions import Permission
from npsapp.responses import old, services as responses
from npsapp.responses.models import OldImport
from npsapp.web.access import scope
from npsapp.web.pages import done
from npsapp.worker import job

AT_ONCE = 500
Deed = Callable[[Collection[int]], None]
SEARCHED: tuple[tuple[Any, Any, Deed], ...] = (
    (ReceivedBody, ReceivedBody.body, intake.forget_bodies),
    (RejectedRow, RejectedRow.value, intake.forget_rejects),
    (ApiAnswer, ApiAnswer.answer, intake.forget_api_answers),
    (ImportBatch, ImportBatch.options, intake.forget_samples),
    (OldImport, OldImport.seen, old.forget_seen),
)
"""Tables whose rows name nobody by number and may quote anybody: the column, and what becomes of rows that do."""


@bp.deed("/customers/<int:customer_id>/erase", Permission.ADMINISTER)
def customer_erase(customer_id: int) -> ResponseReturnValue:
    """Take a person out for good. Scores, dates and places stay, so that reports stay as they were."""
    if queries.visible_customer(customer_id, scope()) is None:
        abort(404)
    with transaction():
        erasing.begin(customer_id, actor=me(), now=utcnow())
        letters.stop_for(customer_id, now=utcnow())
    erase.enqueue(customer_id)
    return done(_("This person is being erased. It takes a few minutes at most."), ".customer_search")


def resume() -> None:
    """Go on with erasings whose job was lost. Part of the heartbeat."""
    with reading():
        ids = erasing.unfinished()
    for customer_id in ids:
        erase.enqueue(customer_id)


@job()
def erase(customer_id: int) -> None:
    """Search what was kept raw, then empty what hangs on the person. Safe to repeat: the person goes last.

    While a file about the person is still being read, the heartbeat repeats it: what is read is searched, too.
    """
    with reading():
        if customer_id not in erasing.unfinished():
            return
        traces = erasing.traces(customer_id)
        about = traces.pattern.search
        being_read = any(_names(path, about) for path in kept.unread())
    for model, column, deed in SEARCHED:
        for ids in _found(model, column, about):
            with transaction():
                deed(ids)
    for ids in _found(StagedPart, StagedPart.rows, about):
        with transaction():
            intake.forget_staged(ids, about)
    with reading():
        files = [path for path in kept.files() if _names(path, about)]
    for path in files:
        with transaction():
            kept.remove(path)
    if being_read:
        return
    with transaction():
        gone = emptying.erase(traces.addresses, traces.names)
        for room in (cases, responses, intake):
            room.forget_people(traces.customer_ids)
        retention.forget_people(traces.customer_ids, now=utcnow())
    for name in gone:
        (Path(current_app.instance_path) / OUTBOX / f"{name}.eml").unlink(missing_ok=True)


def _found(model: Any, column: Any, about: Callable[[str], object]) -> Iterator[list[int]]:
    """Rows that name the person, in some bunches."""
    last = 0
    rows = select(model.id, column).order_by(model.id).limit(AT_ONCE)
    while True:
        with reading():
            some = db.session.execute(rows.where(model.id > last)).all()
        if not some:
            return
        last = some[-1][0]
        if ids := [id_ for id_, said in some if about(_readable(said))]:
            yield ids


def _readable(said: Any) -> str:
    """What is kept as text, also without the escapes of JSON and forms."""
    with suppress(webhook.NotReadable):
        plain = webhook.tree(said) if isinstance(said, str) else said
        return f"{said}\n{json.dumps(plain, ensure_ascii=False)}"
    return str(said)


def _names(path: Path, about: Callable[[str], object]) -> bool:
    """Whether a file is about the person; one that cannot be searched counts as if it were."""
    try:
        return any(map(about, chain([path.name], kept.texts(path))))
    except FileRefused:
        return True
