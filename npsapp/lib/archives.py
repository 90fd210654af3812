"""Zip archives of others: what XML is in them, within bounds, under harmless names."""

import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from npsapp.lib.tables import FileRefused
from npsapp.lib.texts import N_

MOST_ENTRIES = 1_000
MOST_BYTES = 2 * 1024**3  # of all entries together, unpacked
MOST_RATIO = 200  # unpacked to packed; XML of 1C packs to a thirtieth
HARMLESS_BYTES = 10 * 1024**2  # an entry below that may be packed as tightly as it likes
LARGEST_DIRECTORY = 1024**2
LONGEST_NAME = 100
PIECE = 256 * 1024

_END, _END_BYTES = b"PK\x05\x06", 22
_LOCATOR_64, _LOCATOR_64_BYTES = b"PK\x06\x07", 20
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What zipfile raises for an archive it cannot read; NotImplementedError for a compression it does not know."""
_UNUSUAL = re.compile(r"[^\w.-]+")
_ENCRYPTED = 1


def harmless_name(name: str) -> str:
    """A file name without folders of either kind and without characters that mean something; never empty."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return _UNUSUAL.sub("_", last)[-LONGEST_NAME:].lstrip(".") or "file"


def is_zip(path: Path) -> bool:
    """Whether a file begins as an archive does; it need not be whole."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def is_whole(path: Path) -> bool:
    """Whether the archive has arrived to its last byte."""
    with path.open("rb") as file:
        return directory_bytes(file) is not None


def unpack_xml(path: Path, folder: Path) -> None:
    """Write the XML files of an archive into a folder; everything else is left out.

    May raise FileRefused, perhaps halfway: damaged, encrypted, too many entries or too large.
    """
    with path.open("rb") as file:
        directory = directory_bytes(file)
    if directory is None:
        raise _damaged()
    if directory > LARGEST_DIRECTORY:
        raise _too_large()
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _refuse_bombs(entries)
            for entry in entries:
                _write(archive, entry, folder)
    except DAMAGED as error:
        raise _damaged() from error


def directory_bytes(file: BinaryIO) -> int | None:
    """Size of the list of entries as the end of the archive tells it; None when the end is not there."""
    size = file.seek(0, 2)
    begin = max(0, size - _END_BYTES - 0xFFFF)
    file.seek(begin)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        return None
    directory, offset, comment = struct.unpack("<IIH", tail[at + 12 : at + _END_BYTES])
    whole = at + _END_BYTES + comment == len(tail) and offset + directory <= begin + at
    if tail[max(0, at - _LOCATOR_64_BYTES) :].startswith(_LOCATOR_64):  # more than 4 GB, or wants to look so
        return LARGEST_DIRECTORY + 1
    return directory if whole else None


def _refuse_bombs(entries: list[zipfile.ZipInfo]) -> None:
    """Sizes are as declared: no more than that is ever read of an entry."""
    tight = (one for one in entries if one.file_size > HARMLESS_BYTES)
    if (
        len(entries) > MOST_ENTRIES
        or sum(one.file_size for one in entries) > MOST_BYTES
        or any(one.file_size > MOST_RATIO * one.compress_size for one in tight)
    ):
        raise _too_large()
    if any(one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for one in entries):
        raise _damaged()
    if any(one.flag_bits & _ENCRYPTED for one in entries):
        raise FileRefused(N_("The archive is encrypted. Send it without a password."), code="zip_encrypted")


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    """The entry under a name nobody has yet, if it is XML."""
    with archive.open(entry) as packed:
        if not looks_like_xml(piece := packed.read(PIECE)):
            return
        with _free(folder / harmless_name(entry.filename)).open("xb") as file:
            while piece:
                file.write(piece)
                piece = packed.read(PIECE)


def looks_like_xml(head: bytes) -> bool:
    """Whether the first bytes of a file may begin XML, in any encoding."""
    return head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")


def _free(path: Path) -> Path:
    number = 1
    while path.exists():
        number += 1
        path = path.with_name(f"{number}_{path.name}")
    return path


def _damaged() -> FileRefused:
    return FileRefused(N_("The archive is damaged or did not arrive whole. Send it again."), code="zip_damaged")


def _too_large() -> FileRefused:
    return FileRefused(
        N_("The archive holds more than is read at once: %(entries)d files and %(gigabytes)d GB unpacked."),
        code="zip_too_large",
        entries=MOST_ENTRIES,
        gigabytes=MOST_BYTES // 1024**3,
    )
