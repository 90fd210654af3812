"""The watched folder: whole files that another program dropped there are read once and moved aside.

One folder for each connection, `instance/inbox/<key>/`. A file is claimed by being moved, so of two workers one has
it; what a killed worker had comes back. Its content is known by its sum: the same again is said and not read.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select

from npsapp.db import alone, db, reading, transaction
from npsapp.i18n import speaking
from npsapp.intake import exchanges, queries, services, tasks
from npsapp.intake.models import BatchState, ImportBatch, Source, SourceKind
from npsapp.intake.packages import Package
from npsapp.intake.staging import StoredFile, UnknownColumns
from npsapp.lib import archives, workbooks
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.lib.tokens import new_token
from npsapp.worker import job

FOLDER, WORKING, PROCESSED, FAILED = "inbox", ".working", "processed", "failed"
QUIET = timedelta(minutes=1)  # without a change, after which a file is believed to be whole
GIVEN_BACK_AFTER = timedelta(minutes=15)  # by a worker that died
MOST_AT_ONCE = 50
UNFINISHED_NAMES = (".part", ".tmp", ".filepart", ".crdownload", ".partial")
LONGEST_NAME = 200  # bytes; file systems take 255
REASON = ".reason.txt"

FROM_FOLDER = N_("A file in the folder")
KNOWN = N_("The same content was read before, so nothing of it was read again.")


class NotWritable(Refused):
    """This program may not move files there."""

    wording = N_("This program cannot write into %(folder)s. Give its system user the right to.")


def folder_of(source: Source) -> Path:
    """Where files of a connection are dropped."""
    return Path(current_app.instance_path) / FOLDER / source.key


def start(_now: datetime) -> None:
    """Let every folder be looked at. Part of the heartbeat."""
    with reading():
        ids = queries.in_use(SourceKind.FOLDER)
    for source_id in ids:
        read_folder.enqueue(source_id)


def test(source: Source) -> tuple[str, dict[str, str]]:
    """Whether the folder is there and can be written to; makes it. :raise NotWritable:"""
    folder = folder_of(source)
    try:
        _furnish(folder)
    except OSError as error:
        raise NotWritable(folder=str(folder)) from error
    if not os.access(folder, os.W_OK):
        raise NotWritable(folder=str(folder))
    return N_("The folder is ready: %(folder)s. Files are read once a minute has passed since their last change."), {
        "folder": str(folder)
    }


tasks.TESTERS[SourceKind.FOLDER] = test


@job()
def read_folder(source_id: int) -> None:
    """Read the whole files that lie in a connection's folder."""
    with reading():
        source = db.session.get_one(Source, source_id)
        folder, language = folder_of(source), source.brand.language
    _furnish(folder)
    _take_back(folder, now=utcnow())
    for path in list(_whole_files(folder, now=utcnow()))[:MOST_AT_ONCE]:
        claim = folder / WORKING / new_token()
        claim.mkdir(mode=0o700)
        try:
            mine = path.rename(claim / path.name)
        except OSError:  # another worker was faster, or the file was taken away
            claim.rmdir()
            continue
        refusal = take_in(source_id, mine, what=FROM_FOLDER)
        _put_aside(mine, folder, refusal, language)


def put_aside() -> Iterator[Path]:
    """Files that were read or refused: they hold customers as the raw files of imports do."""
    root = Path(current_app.instance_path) / FOLDER
    for aside in (PROCESSED, FAILED):
        yield from (path for path in root.glob(f"*/{aside}/*") if path.is_file())


def _furnish(folder: Path) -> None:
    for name in (WORKING, PROCESSED, FAILED):
        (folder / name).mkdir(mode=0o770, parents=True, exist_ok=True)


def _take_back(folder: Path, *, now: datetime) -> None:
    """Files of a worker that died lie where they were dropped again."""
    for claim in (folder / WORKING).iterdir():
        if _unchanged_since(claim.stat(), now - GIVEN_BACK_AFTER):
            for path in claim.iterdir():
                path.rename(_free(folder, path.name))
            claim.rmdir()


def _whole_files(folder: Path, *, now: datetime) -> Iterator[Path]:
    """Ordinary files nobody has written to for a while, oldest first; links lead elsewhere and are left alone."""
    with os.scandir(folder) as found:
        files = [entry for entry in found if entry.is_file(follow_symlinks=False)]
    for entry in sorted(files, key=lambda entry: entry.stat().st_mtime):
        hidden = entry.name.startswith((".", "~$")) or entry.name.lower().endswith(UNFINISHED_NAMES)
        if not hidden and _unchanged_since(entry.stat(), now - QUIET):
            yield Path(entry.path)


def _unchanged_since(stat: os.stat_result, moment: datetime) -> bool:
    """By the moment of the last change of any kind, which copying programs cannot set back as they do `mtime`."""
    return stat.st_ctime <= moment.timestamp()


def _put_aside(path: Path, folder: Path, refusal: Refused | None, language: str) -> None:
    aside = folder / (FAILED if refusal else PROCESSED)
    try:
        moved = path.rename(_free(aside, path.name))
        path.parent.rmdir()
    except FileNotFoundError:  # taken back meanwhile: whoever has it now finds its content known
        return
    if refusal:
        with speaking(language):
            reason = str(_(refusal.wording, **refusal.values))
        _free(aside, moved.name + REASON).write_text(reason + "\n", encoding="utf-8")


def _free(folder: Path, name: str) -> Path:
    """A path of that name, shortened where needed, numbered where it is taken."""
    stem, dot, ending = name.rpartition(".") if "." in name[1:] else (name, "", "")
    room = LONGEST_NAME - len(os.fsencode(dot + ending))
    stem = os.fsdecode(os.fsencode(stem)[: max(room, 1)])
    path, number = folder / f"{stem}{dot}{ending}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem} ({number}){dot}{ending}"
    return path


# ---- what came, from a folder or a letter ----------------------------------------------------------------------


def take_in(source_id: int, path: Path, *, what: str) -> Refused | None:
    """Read one file that came by itself; gives why it was not read. What reading itself does not note is noted here.

    A table, or CommerceML, also as an archive of it. A refused table waits for somebody who assigns its columns.
    """
    folder = tasks.packages() / f"{source_id}-{new_token()}"
    ids: list[int] = []
    try:
        for one, kind in _contents(path, folder):
            with one.open("rb") as file:
                stored = tasks.store(file)
            if batch_id := _received(source_id, stored, one.name, kind):
                ids.append(batch_id)
            else:
                note(source_id, what, Refused(KNOWN), failed=False)
    except Refused as refusal:
        note(source_id, what, refusal)
        return refusal
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for batch_id in ids:
        tasks.stage_batch(batch_id)
    return _refusal(ids)


def note(source_id: int, what: str, said: Refused, *, failed: bool = True) -> None:
    """Write down among the exchanges of a connection why something was not read."""
    with transaction():
        exchanges.note(source_id, what, said, now=utcnow(), failed=failed)


def _contents(path: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """The files to be read, each with the format of its batch."""
    with path.open("rb") as file:
        head = file.read(512)
    packed = head.startswith(b"PK") and not workbooks.is_archived(path)
    if not packed and not archives.looks_like_xml(head):
        yield path, ""
        return
    package = Package(folder)
    with path.open("rb") as file:
        package.append(path.name, file)
    package.unpack()
    yield from ((one, "commerceml") for one in package.checked())


def _received(source_id: int, stored: StoredFile, name: str, kind: str) -> int | None:
    """The batch of a file; None when the same content was received before and not refused."""
    seen = select(ImportBatch.id).where(
        ImportBatch.source_id == source_id,
        ImportBatch.sha256 == stored.sha256,
        ImportBatch.state.not_in((BatchState.REFUSED, BatchState.UNDONE)),
    )
    with transaction():
        alone(FOLDER)
        if db.session.scalar(seen.limit(1)) is None:
            return services.receive(source_id, stored, file_name=name, format=kind, now=utcnow())
    (tasks.uploads() / stored.name).unlink(missing_ok=True)
    return None


def _refusal(ids: list[int]) -> Refused | None:
    """The first reason against one of these batches."""
    refused = ImportBatch.id.in_(ids), ImportBatch.state == BatchState.REFUSED
    with reading():
        found = select(ImportBatch.error, ImportBatch.error_values).where(*refused).order_by(ImportBatch.id)
        error, values = next(iter(db.session.execute(found)), ("", {}))
    if not error:
        return None
    return UnknownColumns() if "missing" in values else Refused(error, **values)
