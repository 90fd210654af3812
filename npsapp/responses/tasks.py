"""Jobs of old answers: read a file through, take it over in chunks, and start again what stands still."""

import itertools
import logging
import traceback
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import current_app

from npsapp.db import DATABASE_TROUBLE, reading, transaction
from npsapp.intake.columns import plain_texts
from npsapp.intake.models import BatchState
from npsapp.intake.staging import SAMPLE_ROWS, path_of
from npsapp.intake.tasks import uploads
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.tables import FileRefused
from npsapp.lib.texts import N_
from npsapp.responses import old, old_lines
from npsapp.responses.models import OldImport
from npsapp.responses.old_lines import OldRow
from npsapp.worker import job

log = logging.getLogger(__name__)

COUNTED_AT_ONCE = 2_000
WORKING = (BatchState.UPLOADED, BatchState.STAGING, BatchState.APPLYING)


def _patience() -> timedelta:
    return timedelta(seconds=current_app.config["LEASE"])


@job()
def read_old(import_id: int) -> None:
    """Read a file through and count what it would bring; nothing of it is taken over."""
    states = (BatchState.UPLOADED, BatchState.STAGING)
    with transaction():
        one = old.claim(import_id, *states, now=utcnow(), patience=_patience(), state=BatchState.STAGING)
    if one:
        _or_refused(import_id, _read, one)


def _read(one: OldImport) -> None:
    path = path_of(uploads(), one.stored_as)
    first = list(itertools.islice(old_lines.open_sheet(path, one.columns).rows, SAMPLE_ROWS + 1))
    sheet = old_lines.open_sheet(path, one.columns)
    with transaction():
        sample = [plain_texts(cells) for _line, cells in first[1:]]
        seen: dict[str, Any] = {"sample": [[text[:80] for text in texts] for texts in sample]}
        old.move(one.id, BatchState.STAGING, columns=sheet.layout.chosen, seen=seen, error="", error_values={})
    with reading():
        lines, found_before = old.reader(one).lines(sheet), 0
    while found := list(itertools.islice(lines, COUNTED_AT_ONCE)):
        with transaction():
            old.count(found, seen, one)
            found_before += sum(isinstance(row, OldRow) for row in found)
            until = utcnow() + _patience()
            old.move(one.id, BatchState.STAGING, rows=found_before, seen=dict(seen), lease_until=until)
    if not found_before:
        raise FileRefused(
            N_("Nothing in this file can be taken over. Say what its columns mean."), code="missing_columns"
        )
    with transaction():
        old.move(one.id, BatchState.STAGING, state=BatchState.STAGED, lease_until=None)


@job()
def apply_old(import_id: int) -> None:
    """Take a confirmed file over in chunks, each in its own transaction; whoever comes later goes on from there."""
    with transaction():
        one = old.claim(import_id, BatchState.APPLYING, now=utcnow(), patience=_patience())
    if one:
        _or_refused(import_id, _apply, one)


def _apply(one: OldImport) -> None:
    with reading():
        done, path = one.applied, path_of(uploads(), one.stored_as)
        rows = (
            row for row in old.reader(one).lines(old_lines.open_sheet(path, one.columns)) if isinstance(row, OldRow)
        )
    left = itertools.islice(rows, done, None)
    while found := list(itertools.islice(left, old.CHUNK)):
        if not _apply_chunk(one.id, found, done):
            return
        done += len(found)
    with transaction():
        old.finish(one.id, now=utcnow())


def _apply_chunk(import_id: int, rows: Sequence[OldRow], done: int) -> bool:
    with transaction():
        return old.apply(import_id, rows, done=done, now=utcnow(), patience=_patience())


def _or_refused(import_id: int, work: Any, one: OldImport) -> None:
    """Do it; what is wrong with the file is kept for its page. What was taken over before stays and can be undone."""
    refusal: Refused
    try:
        work(one)
        return
    except (*DATABASE_TROUBLE, old.NotWaiting):
        raise  # not the file's trouble: it is tried again when its lease has run out
    except Refused as error:
        refusal = error
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__))  # without words of the file
        log.error("old answers %d: %s\n%s", import_id, type(error).__name__, where)
        refusal = FileRefused(N_("The file could not be read because of a fault in this program."))
    with transaction():
        why = {"error": refusal.wording, "error_values": refusal.values}
        old.move(import_id, *WORKING, state=BatchState.REFUSED, lease_until=None, finished_at=utcnow(), **why)


def resume_old_answers(now: datetime) -> None:
    """Start again what stands still. Part of the heartbeat."""
    with reading():
        waiting = old.standing_still(now, patience=_patience())
    for import_id, state in waiting:
        (apply_old if state is BatchState.APPLYING else read_old).enqueue(import_id)
