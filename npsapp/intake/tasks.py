"""Jobs of the intake: read one uploaded file, apply one confirmed file, and start again what stands still."""

import logging
import traceback
from datetime import datetime
from pathlib import Path

from flask import current_app
from sqlalchemy.exc import OperationalError

from npsapp.audit.services import PROGRAM
from npsapp.db import reading, transaction
from npsapp.intake import applying, files, queries, readers, services, staging
from npsapp.intake.models import BatchState
from npsapp.intake.names import Names
from npsapp.intake.readers.sheet import Sheet
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.tables import MEGABYTE, FileRefused, Limits
from npsapp.lib.texts import N_
from npsapp.worker import job

log = logging.getLogger(__name__)
SMALLER_CHUNK = 25  # rows; a chunk that fails is repeated in parts of this size


def uploads() -> Path:
    """The folder of uploaded files."""
    return Path(current_app.instance_path) / "uploads"


def most_bytes() -> int:
    """The largest file this installation reads."""
    megabytes: int = current_app.config["UPLOAD_MEGABYTES"]
    return megabytes * MEGABYTE


@job()
def stage_batch(batch_id: int) -> None:
    """Read and check one uploaded file. Whatever is wrong with the file, nothing of it is applied."""
    with transaction():
        claim = staging.begin(batch_id, now=utcnow())
    if claim is None:
        return
    sheet: Sheet | None = None
    try:
        path = files.path_of(uploads(), claim.stored_as)
        sheet = readers.open_file(path, known=claim.known, limits=Limits(file_bytes=most_bytes()))
        for part in staging.parts(sheet, claim):
            with transaction():
                if not staging.write(claim, part, now=utcnow()):
                    return
        with transaction():
            staging.finish(claim, sheet.layout)
    except Refused as refusal:
        _refuse(claim, refusal, sheet)
    except OperationalError:
        raise  # the database's trouble is not the file's: the batch is read again when its lease has run out
    except Exception as error:
        _log_without_words(batch_id, error)
        _refuse(
            claim, FileRefused(N_("The file could not be read because of a fault in this program.")), sheet
        )


def _refuse(claim: staging.Claim, refusal: Refused, sheet: Sheet | None) -> None:
    with transaction():
        staging.refuse(claim, refusal, sheet.layout if sheet else None, actor=PROGRAM, now=utcnow())


def _log_without_words(batch_id: int, error: Exception) -> None:
    """Where it broke, without the error's own words: they may quote the file, and with it customers."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("import %d: %s\n%s", batch_id, type(error).__name__, where)


@job()
def apply_batch(batch_id: int) -> None:
    """Apply one confirmed file in chunks, each in its own transaction, until nothing is left of it."""
    now = utcnow()
    with transaction():
        claim = applying.begin(batch_id, now=now)
    if claim is None:
        return
    names = Names(claim.brand_id, now=now)
    done: int | None = 1
    while done:
        try:
            done = _apply_some(claim, names)
        except OperationalError:
            raise
        except Exception as error:
            _log_without_words(batch_id, error)
            done = _in_parts(claim, names, rows=applying.CHUNK, size=SMALLER_CHUNK)
    if done == 0:
        with transaction():
            applying.finish(claim, now=utcnow())


def _in_parts(claim: applying.Claim, names: Names, *, rows: int, size: int) -> int | None:
    """Repeat rows that failed together in smaller parts, in the end one by one: only rows at fault are rejected.

    As `applying.apply_next`: 0 at the end, None when another worker has the batch.
    """
    done: int | None = rows
    for _ in range(rows // size):
        try:
            done = _apply_some(claim, names, most=size)
        except OperationalError:
            raise
        except Exception as error:
            _log_without_words(claim.batch_id, error)
            done = _reject_next(claim) if size == 1 else _in_parts(claim, names, rows=size, size=1)
        if not done:
            break
    return done


def _reject_next(claim: applying.Claim) -> int | None:
    with transaction():
        return applying.reject_next(claim, now=utcnow())


def _apply_some(claim: applying.Claim, names: Names, *, most: int = applying.CHUNK) -> int | None:
    lease = claim.lease
    try:
        with transaction():
            return applying.apply_next(claim, names, now=utcnow(), most=most)
    except BaseException:
        claim.lease = lease
        names.forget()
        raise


def resume_batches(now: datetime) -> int:
    """Start again what stands still: a lost job, a dead worker. Gives how many. Part of the heartbeat."""
    with reading():
        waiting = queries.standing_still(now)
    for batch_id, state in waiting:
        starting = apply_batch if state is BatchState.APPLYING else stage_batch
        starting.enqueue(batch_id)
    return len(waiting)


def remove_old_files(now: datetime) -> int:
    """Delete raw files that were kept long enough (90 days). Part of the heartbeat."""
    with reading():
        old = queries.old_files(now)
    for batch_id, stored_as in old:
        files.remove(uploads(), stored_as)
        with transaction():
            services.forget_file(batch_id)
    return len(old)
