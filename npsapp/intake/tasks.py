"""Jobs of the intake: read one uploaded file, apply one confirmed file, and start again what stands still."""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from flask import current_app
from sqlalchemy import text

from npsapp.db import DATABASE_TROUBLE, db, is_sqlite, reading, transaction
from npsapp.intake import again, applying, calls, commerceml, queries, readers, staging
from npsapp.intake.columns import Layout
from npsapp.intake.models import BatchState, Source, SourceKind
from npsapp.intake.packages import remove_expired
from npsapp.intake.rules import InteractionRow, Rejection
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused, broken_at
from npsapp.lib.tables import MEGABYTE, FileRefused
from npsapp.lib.texts import N_
from npsapp.worker import job

OTHERS_WRITTEN = text("PRAGMA data_version")  # counts what other connections have committed
MOST_GIVEN_S = 0.5
LARGE_BYTES = MEGABYTE
"""Such a file is worth a process of its own, which takes a second to start."""

log = logging.getLogger(__name__)

READERS: dict[str, staging.Reader] = {"commerceml": commerceml.rows}
"""Format of a batch → its reader; a batch without a format is a table."""

TESTERS: dict[SourceKind, Callable[[Source], tuple[str, dict[str, Any]]]] = {
    SourceKind.BITRIX24: calls.test,
    SourceKind.AMOCRM: calls.test,
}
"""Kind → asks the other program whether it is there: gives good news (a msgid and its values), or raises `Refused`
with what is wrong and what helps. It speaks to the network, so no transaction is open."""


def uploads() -> Path:
    """The folder of uploaded files."""
    return Path(current_app.instance_path) / "uploads"


def packages() -> Path:
    """The folder of what 1C bases are just sending."""
    return uploads() / "1c"


def most_bytes() -> int:
    """The largest file this installation reads."""
    megabytes: int = current_app.config["UPLOAD_MEGABYTES"]
    return megabytes * MEGABYTE


def store(stream: BinaryIO) -> staging.StoredFile:
    """Keep what was sent in that folder. Refuses what is too large."""
    return staging.store(stream, uploads(), most_bytes=most_bytes())


def _patience() -> timedelta:
    return timedelta(seconds=current_app.config["LEASE"])


def _is_large(batch_id: int) -> bool:
    with reading():
        return queries.size_of(batch_id) > LARGE_BYTES


@job(apart=_is_large)
def stage_batch(batch_id: int) -> None:
    """Read and check one uploaded file. Whatever is wrong with the file, nothing of it is applied."""
    with transaction():
        claim = staging.begin(batch_id, now=utcnow(), patience=_patience())
    if claim is None:
        return
    layout: Layout | None = None
    refusal: Refused
    try:
        checked, layout = _open(claim)
        with reading():
            first_id = again.known(claim, layout)
        if first_id:
            with transaction():
                again.leave(claim, first_id, now=utcnow())
            _let_follow(batch_id)
            return
        for part in staging.parts(checked, claim):
            with transaction():
                if not staging.write(claim, part, now=utcnow()):
                    return
            _sweep()
        with transaction():
            staging.finish(claim, layout, now=utcnow())
        if claim.auto:
            apply_batch.enqueue(batch_id)
        return
    except DATABASE_TROUBLE:
        raise  # the database's trouble is not the file's: the batch is read again when its lease has run out
    except Refused as error:
        refusal = error
    except Exception as error:
        log.error("import %d: %s", batch_id, broken_at(error))
        refusal = FileRefused(N_("The file could not be read because of a fault in this program."))
    with transaction():
        staging.refuse(claim, refusal, layout, now=utcnow())


def _open(claim: staging.Reading) -> tuple[Iterator[InteractionRow | Rejection], Layout | None]:
    """What the batch's reader gives; a table has a layout beside its rows."""
    path = staging.path_of(uploads(), claim.stored_as)
    if claim.format:
        return READERS[claim.format](path, claim.setting), None
    sheet = readers.open_file(path, claim.expected)
    return staging.table_rows(sheet, claim), sheet.layout


@job(apart=_is_large)
def apply_batch(batch_id: int) -> None:
    """Apply one confirmed file in chunks, each in its own transaction, until nothing is left of it.

    Rows that fail together are repeated in smaller chunks, until the one at fault stands alone and is rejected.
    """
    with transaction():
        claim = applying.begin(batch_id, now=utcnow(), patience=_patience())
    if claim is None:
        return
    done: int | None = 1
    most = applying.CHUNK
    while done:
        try:
            done = _apply_next(claim, most=most)
            most = min(most * 4, applying.CHUNK)
        except DATABASE_TROUBLE:
            raise
        except Exception as error:
            if most == 1:
                log.error("import %d: %s", batch_id, broken_at(error))
                with transaction():
                    done = applying.reject_next(claim, now=utcnow())
            most = max(most // 8, 1)
    if done == 0:
        with transaction():
            applying.finish(claim, now=utcnow())
        _let_follow(batch_id)


def _let_follow(batch_id: int) -> None:
    """Apply the next batch of the same source, which waited for this one."""
    with reading():
        following = queries.following(batch_id)
    if following:
        apply_batch.enqueue(following)


def _apply_next(claim: applying.Applying, *, most: int) -> int | None:
    lease, said, began = claim.lease, claim.said, time.monotonic()
    try:
        with transaction():
            done = applying.apply_next(claim, now=utcnow(), most=most)
    except BaseException:
        claim.lease, claim.said = lease, said
        claim.names.forget()
        raise
    _sweep()
    _give_way(claim, time.monotonic() - began)
    return done


def _sweep() -> None:
    """Let go of what a chunk leaves behind: a hundred objects in rings, with their rows in tow.

    The usual sweep comes after many more chunks (see `worker`), and memory would grow with the file.
    """
    gc.collect(0)


def _give_way(claim: applying.Applying, seconds: float) -> None:
    """Leave SQLite to others for as long as a chunk had it, if they wrote meanwhile: they look only every tenth of a
    second whether it is their turn, and customers would wait for the end of the file.
    """
    if is_sqlite():
        with reading():
            before, claim.written = claim.written, db.session.scalar(OTHERS_WRITTEN) or 0
        if before and claim.written != before:
            time.sleep(min(seconds, MOST_GIVEN_S))


def resume_batches(now: datetime) -> int:
    """Start again what stands still: a lost job, a dead worker. Gives how many. Part of the heartbeat."""
    remove_expired(packages(), now=now)
    with reading():
        waiting = queries.standing_still(now, patience=_patience())
    for batch_id, state in waiting:
        starting = apply_batch if state is BatchState.APPLYING else stage_batch
        starting.enqueue(batch_id)
    return len(waiting)
