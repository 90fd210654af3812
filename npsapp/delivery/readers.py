"""Reading the letters that lie in the outbox folder as one `.eml` file each."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path

# A file name that no path can be hidden in: one part, no leading dot, the one ending.
LETTER_NAME = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_@.+=-]{0,190}\.eml")
HEAD_BYTES = 16_384  # enough for the headers, so that the list never reads bodies


@dataclass(frozen=True)
class Letter:
    """One letter of the folder; size in bytes."""

    name: str
    message: EmailMessage
    written_at: datetime
    size: int

    def header(self, name: str) -> str:
        """A header in plain words; empty when the letter has none.

        Decoded here from its raw form: the modern parser puts a space between two encoded words of one name.
        """
        raw = dict(self.message.raw_items()).get(name, "")
        return str(make_header(decode_header(str(raw))))

    def part(self, kind: str) -> str | None:
        """The body as "plain" or "html"; None when the letter has no such part."""
        body = self.message.get_body(preferencelist=(kind,))
        return str(body.get_content()) if body else None


def newest(folder: Path, *, offset: int, limit: int) -> list[Letter]:
    """Some letters, newest first, without their bodies: names begin with the moment a letter was made."""
    names = sorted((path.name for path in folder.glob("*.eml") if LETTER_NAME.fullmatch(path.name)), reverse=True)
    return [read(folder / name, most=HEAD_BYTES) for name in names[offset : offset + limit]]


def find(folder: Path, name: str) -> Path | None:
    """The file of a letter; None for any name that is not a letter of this folder."""
    path = folder / name
    fits = LETTER_NAME.fullmatch(name) and path.is_file() and not path.is_symlink()
    return path if fits else None


def read(path: Path, *, most: int = -1) -> Letter:
    """One letter, or what its first `most` bytes tell."""
    with path.open("rb") as file:
        message = message_from_bytes(file.read(most), policy=policy.default)
    status = path.stat()
    return Letter(path.name, message, datetime.fromtimestamp(status.st_mtime, UTC), status.st_size)
