"""Files kept as they came, uploads and what was put aside in watched folders: read as text, counted, deleted."""

import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy import select

from npsapp.db import db
from npsapp.intake import inbox, queries, received, services, tasks
from npsapp.intake.models import BatchState, ImportBatch
from npsapp.lib import archives, workbooks
from npsapp.lib.tables import MEGABYTE, FileRefused

OVERLAP = 1_000  # characters in which a name or address stands, where a file is read in pieces
MOST_UNPACKED = 300 * MEGABYTE
ENCODINGS = ("utf-8", "cp1251", "utf-16-le", "utf-16-be")
UNREAD = (BatchState.UPLOADED, BatchState.STAGING)


def files() -> Iterator[Path]:
    """All of them but those that are still to be read."""
    waiting = {path.name for path in unread()}
    yield from (path for path in tasks.uploads().glob("*") if path.is_file() and path.name not in waiting)
    yield from inbox.put_aside()


def unread() -> list[Path]:
    """Uploads that are still to be read, or just being read."""
    names = db.session.scalars(select(ImportBatch.stored_as).where(ImportBatch.state.in_(UNREAD)))
    return [path for name in names if (path := tasks.uploads() / name).is_file()]


def old(before: datetime) -> list[Path]:
    """Those from before a moment."""
    uploaded, moment = {name for _id, name in queries.old_files(before)}, before.timestamp()
    found = [path for path in tasks.uploads().glob("*") if path.is_file()]
    aside = [path for path in inbox.put_aside() if path.stat().st_ctime <= moment]
    return [path for path in found if path.name in uploaded or path.stat().st_mtime < moment] + aside


def remove_old(before: datetime, *, limit: int) -> int:
    """Delete files and calls from before a moment; how many. Needs a transaction. Part of the heartbeat."""
    found = old(before)[:limit]
    for path in found:
        remove(path)
    return len(found) + received.forget(before, limit=limit)


def remove(path: Path) -> None:
    """Delete a file; its row forgets what was kept of it. Needs a transaction."""
    path.unlink(missing_ok=True)
    if path.parent != tasks.uploads():
        return  # put aside under the name somebody gave it, which may be no text at all
    for batch_id in db.session.scalars(select(ImportBatch.id).where(ImportBatch.stored_as == path.name)).all():
        services.forget_file(batch_id)


def texts(path: Path) -> Iterator[str]:
    """What stands in a file, piece by piece, in every encoding that may be meant.

    :raise FileRefused: when it cannot be searched, as a damaged archive or one that unpacks to very much.
    """
    with path.open("rb") as file:
        begin = file.read(4)
        file.seek(0)
        yield from _texts(file)
    if begin.startswith(b"PK"):
        yield from _packed(path)
    elif begin == b"\xd0\xcf\x11\xe0":  # an old workbook keeps phones as numbers
        for _name, rows in workbooks.sheets(path):
            yield from (" ".join(map(str, cells)) for _line, cells in rows)


def _packed(path: Path) -> Iterator[str]:
    left = MOST_UNPACKED
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                left -= entry.file_size
                if left < 0:
                    raise FileRefused(workbooks.BOMB, code="zip_bomb", entry="")
                with archive.open(entry) as file:
                    yield from _texts(file)
    except archives.DAMAGED as error:
        raise FileRefused(workbooks.DAMAGED, code="damaged_workbook") from error


def _texts(file: IO[bytes]) -> Iterator[str]:
    rest = b""
    while piece := file.read(MEGABYTE):
        rest = rest[-OVERLAP:] + piece
        yield from (rest.decode(encoding, "ignore") for encoding in ENCODINGS)
        yield rest[1:].decode("utf-16-le", "ignore")
