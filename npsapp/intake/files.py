"""The uploaded files themselves: kept in `instance/uploads/` under random names, readable by their owner only."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from npsapp.lib.tables import MEGABYTE, FileRefused
from npsapp.lib.texts import N_
from npsapp.lib.tokens import new_token

PIECE = MEGABYTE
_STORED_NAME = re.compile(r"[A-Za-z0-9_-]{20,60}")


@dataclass(frozen=True)
class StoredFile:
    """A file as it lies in the folder; size in bytes."""

    name: str
    sha256: str
    size: int


def store(stream: BinaryIO, folder: Path, *, most_bytes: int) -> StoredFile:
    """Copy a stream into the folder. Refuses what is larger than `most_bytes`, leaving nothing behind."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name, digest, size = new_token(), hashlib.sha256(), 0
    path = folder / name
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            while piece := stream.read(PIECE):
                size += len(piece)
                if size > most_bytes:
                    raise too_large(most_bytes)
                digest.update(piece)
                file.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return StoredFile(name, digest.hexdigest(), size)


def too_large(most_bytes: int) -> FileRefused:
    """The refusal of a file that is larger than this installation reads."""
    return FileRefused(
        N_("The file is larger than %(most)d MB. Split it into parts."),
        code="file_too_large",
        most=most_bytes // MEGABYTE,
    )


def path_of(folder: Path, stored_as: str) -> Path:
    """Where a stored file lies; refuses names that cannot be ours and files that are gone."""
    path = folder / stored_as
    if not _STORED_NAME.fullmatch(stored_as) or not path.is_file():
        raise FileRefused(N_("The file is no longer stored. Upload it again."), code="file_gone")
    return path


def remove(folder: Path, stored_as: str) -> None:
    """Delete a stored file; one that is gone already is fine."""
    if _STORED_NAME.fullmatch(stored_as):
        (folder / stored_as).unlink(missing_ok=True)
