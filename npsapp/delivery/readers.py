"""Reading the letters that lie in the outbox folder as one `.eml` file each."""

import heapq
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_

# A file name that no path can be hidden in: one part, no leading dot, the one ending.
LETTER_NAME = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_@.+=-]{0,190}\.eml")
LETTER_MAX_BYTES = 5_000_000  # a letter of ours has at most 100 kB; whatever is larger is not ours
HEAD_BYTES = 16_384  # enough for the headers, so that the list never reads bodies
SHOWN_HEADERS = (
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post",
    "Auto-Submitted",
)  # fmt: skip


class NoSuchLetter(Refused):
    """There is no letter of that name in the outbox."""

    code = "no_such_letter"
    wording = N_("There is no such letter in the outbox.")


@dataclass(frozen=True)
class Listed:
    """One line of the outbox list; size in bytes."""

    name: str
    subject: str
    recipient: str
    written_at: datetime
    size: int


@dataclass(frozen=True)
class Letter:
    """One letter, taken apart; `html` is None when the letter has no such part."""

    name: str
    headers: list[tuple[str, str]]
    text: str
    html: str | None
    written_at: datetime
    size: int

    @property
    def subject(self) -> str:
        """The subject line, or an empty string."""
        return next((value for key, value in self.headers if key == "Subject"), "")


def newest(folder: Path, *, page: int, per_page: int) -> tuple[list[Listed], bool]:
    """One page of letters, newest first, and whether older ones follow.

    The cost of a page is one pass over the folder's entries plus the heads of the letters shown.
    """
    upto = page * per_page + 1
    try:
        with os.scandir(folder) as entries:
            stamped = ((e.stat().st_mtime_ns, e.name) for e in entries if LETTER_NAME.fullmatch(e.name))
            found = heapq.nlargest(upto, stamped)
    except FileNotFoundError:
        return [], False
    shown = found[(page - 1) * per_page : page * per_page]
    listed = (_listed(folder / name) for _, name in shown)
    return [line for line in listed if line is not None], len(found) == upto


def raw(folder: Path, name: str) -> bytes:
    """The bytes of one letter; refuses with `NoSuchLetter` any name that is not a letter of this folder."""
    if not LETTER_NAME.fullmatch(name):
        raise NoSuchLetter()
    path = folder / name
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LETTER_MAX_BYTES:
        raise NoSuchLetter()
    return path.read_bytes()


def letter(folder: Path, name: str) -> Letter:
    """One letter, taken apart for display; refuses with `NoSuchLetter`."""
    source = raw(folder, name)
    message = _parsed(source)
    return Letter(
        name=name,
        headers=[(key, str(message[key])) for key in SHOWN_HEADERS if message[key] is not None],
        text=_part(message, "plain") or "",
        html=_part(message, "html"),
        written_at=_written_at(folder / name),
        size=len(source),
    )


def _listed(path: Path) -> Listed | None:
    try:
        with path.open("rb") as file:
            message = _parsed(file.read(HEAD_BYTES))
        status = path.stat()
    except FileNotFoundError:  # cleared away between the list and the look
        return None
    return Listed(
        name=path.name,
        subject=str(message["Subject"] or ""),
        recipient=str(message["To"] or ""),
        written_at=datetime.fromtimestamp(status.st_mtime, UTC),
        size=status.st_size,
    )


def _parsed(source: bytes) -> EmailMessage:
    return message_from_bytes(source, policy=policy.default)


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        return cast(str, part.get_content())
    except (LookupError, UnicodeError):  # an unknown or wrongly named character set
        return cast(bytes, part.get_payload(decode=True)).decode("utf-8", "replace")


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
