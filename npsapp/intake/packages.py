"""What a 1C base is just sending: the files of one session in a folder of their own, until they are taken over."""

import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from npsapp.intake.commerceml import ROOT, not_commerceml
from npsapp.lib import archives, xml_stream
from npsapp.lib.tables import MEGABYTE, FileRefused
from npsapp.lib.texts import N_

EXPIRES_AFTER = timedelta(hours=6)  # without a new piece
MOST_PER_POST = 120 * MEGABYTE
MOST_BYTES = archives.MOST_BYTES  # of one session
_CLOSING = tuple(f"{ROOT}>".encode(encoding) for encoding in ("utf-8", "windows-1251", "utf-16-le", "utf-16-be"))
_TAIL_BYTES = 200


@dataclass(frozen=True)
class Package:
    """The files of one session; `folder` need not exist."""

    folder: Path

    def clear(self) -> int:
        """Forget everything; gives how many files were never taken over."""
        left = len(self.files())
        shutil.rmtree(self.folder, ignore_errors=True)
        return left

    def append(self, file_name: str, stream: IO[bytes]) -> str:
        """Add the next piece of a file; gives its harmless name. A piece that breaks off leaves nothing behind.

        Raises FileRefused when the session has become too large.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / archives.harmless_name(file_name)
        size = sum(file.stat().st_size for file in self.files())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            begin = file.seek(0, os.SEEK_END)
            try:
                while piece := stream.read(MEGABYTE):
                    size += len(piece)
                    if size > MOST_BYTES:
                        words = N_("More than %(most)d GB were sent at once. Send fewer documents at a time.")
                        raise FileRefused(words, code="package_too_large", most=MOST_BYTES // 1024**3)
                    file.write(piece)
            except BaseException:
                file.truncate(begin)
                raise
        _refuse_other_kinds(path)
        return path.name

    def is_whole(self, name: str) -> bool:
        """Whether a file has arrived to its end."""
        path = self.folder / name
        if archives.is_zip(path):
            return archives.is_whole(path)
        with path.open("rb") as file:
            file.seek(-min(_TAIL_BYTES, path.stat().st_size), os.SEEK_END)
            tail = file.read()
        return any(closing in tail for closing in _CLOSING)

    def unpack(self) -> int:
        """Put the files of all archives in the place of these; gives how many archives there were."""
        packed = [path for path in self.files() if archives.is_zip(path)]
        for path in packed:
            archives.unpack_xml(path, self.folder)
            path.unlink()
        return len(packed)

    def checked(self, name: str = "") -> list[Path]:
        """The file of that name, or all files, once each is known to be whole and CommerceML.

        Raises FileRefused when one is not; an archive must be unpacked before.
        """
        wanted = [path for path in self.files() if path.name == name or not name]
        for path in wanted:
            with path.open("rb") as file:
                if (root := xml_stream.root_of(file)[0]) != ROOT:
                    raise not_commerceml(root)
                xml_stream.check(file)
        return wanted

    def files(self) -> list[Path]:
        """What was sent so far and not taken over."""
        return sorted(path for path in self.folder.glob("*") if path.is_file())


def _refuse_other_kinds(path: Path) -> None:
    """Say at once what the beginning tells: it is neither an archive nor CommerceML."""
    if archives.is_zip(path):
        return
    try:
        with path.open("rb") as file:
            root, _attributes = xml_stream.root_of(file)
    except FileRefused as refusal:
        if refusal.code == "broken_off":  # so far only the very beginning came
            return
        raise
    if root != ROOT:
        raise not_commerceml(root)


def remove_expired(root: Path, *, now: datetime) -> int:
    """Delete the sessions below a folder to which nothing was added for six hours; gives how many."""
    before = (now - EXPIRES_AFTER).timestamp()
    old = [one for one in root.glob("*") if max(path.stat().st_mtime for path in (one, *one.glob("*"))) < before]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)
