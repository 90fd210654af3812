"""A mailbox with reports: tables and CommerceML attached to letters of named senders are read, once each.

Only unread letters whose From is one of the named senders are touched; everything else in the mailbox stays as it is.
The From of a letter can be forged: what can be required is that the receiving server found it to be true (`authserv`).
"""

import email
import imaplib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from pathlib import Path

from flask import current_app

from npsapp.db import db, reading
from npsapp.intake import connections, inbox, queries, tasks
from npsapp.intake.models import Source, SourceKind
from npsapp.lib import mailboxes
from npsapp.lib.mailboxes import USUAL_PORT
from npsapp.lib.refusals import Refused
from npsapp.lib.tables import MEGABYTE
from npsapp.lib.texts import N_
from npsapp.worker import job

EVERY = timedelta(minutes=5)
ENDINGS = frozenset((".csv", ".tsv", ".txt", ".xls", ".xlsx", ".ods", ".xml", ".zip"))
MOST_LETTERS, MOST_FILES, MOST_PARTS = 20, 10, 100  # of one round, of one letter
IN_BASE64 = 1.4  # a letter is larger than the files in it

FROM_LETTER, LOOKED = N_("A file in a letter"), N_("Looking into the mailbox")
_looked_at: dict[int, datetime] = {}
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


class TooLarge(Refused):
    """A letter above the limit is not fetched."""

    wording = N_("A letter is larger than %(most)d MB and was left alone. Send its file in parts.")


class Forged(Refused):
    """The receiving server did not confirm the sender."""

    wording = N_(
        "A letter says it comes from a named sender, and the mail server did not confirm that. It was not read."
    )


class NoFile(Refused):
    """A letter of a named sender without a file we read."""

    wording = N_(
        "A letter of a named sender had no table and no CommerceML attached. CSV, XLSX, XLS, ODS, XML, ZIP are read."
    )


@dataclass(frozen=True)
class Settings(mailboxes.Access):
    """How a mailbox is opened and read; the names are those in `Source.settings`."""

    done: str = ""
    """Where letters that were read go; empty: they are marked as read."""
    senders: tuple[str, ...] = ()
    """Addresses, or @domain for all of one."""
    authserv: str = ""
    """The receiving server's name in its Authentication-Results; then it must say dmarc=pass."""

    @classmethod
    def of(cls, source: Source) -> "Settings":
        """What was entered for a connection, its password opened."""
        said = source.settings
        return cls(
            host=str(said.get("host", "")),
            user=str(said.get("user", "")),
            password=connections.opened(source).get("password", ""),
            port=int(said.get("port") or USUAL_PORT),
            plain=bool(said.get("plain")),
            ca_file=current_app.config["MAIL_CA_FILE"] or None,
            folder=str(said.get("folder") or "INBOX"),
            done=str(said.get("done") or ""),
            senders=tuple(str(one).strip().lower() for one in said.get("senders", [])),
            authserv=str(said.get("authserv") or "").lower(),
        )

    def names(self, address: str) -> bool:
        """Whether an address is one of the named senders."""
        return address in self.senders or "@" + address.rpartition("@")[2] in self.senders


def start(now: datetime) -> None:
    """Let every mailbox be looked into whose time has come. Part of the heartbeat."""
    with reading():
        ids = queries.in_use(SourceKind.MAILBOX)
    for source_id in ids:
        if now - _looked_at.get(source_id, now - EVERY) >= EVERY:
            _looked_at[source_id] = now
            read_mailbox.enqueue(source_id)


def test(source: Source) -> tuple[str, dict[str, int]]:
    """Open the mailbox and count the letters that would be read. :raise Refused:"""
    settings = Settings.of(source)
    with mailboxes.opened(settings) as box:
        count = len(_waiting(box, settings))
    return N_("The mailbox answers. Unread letters of the named senders: %(count)d."), {"count": count}


tasks.TESTERS[SourceKind.MAILBOX] = test


@job()
def read_mailbox(source_id: int) -> None:
    """Read the files of the unread letters of named senders. No transaction is open while the server is spoken to."""
    with reading():
        settings = Settings.of(db.session.get_one(Source, source_id))
    try:
        with mailboxes.opened(settings) as box:
            for number in _waiting(box, settings)[:MOST_LETTERS]:
                _read_letter(box, number, settings, source_id)
    except Refused as refusal:
        inbox.note(source_id, LOOKED, refusal)


def _waiting(box: imaplib.IMAP4, settings: Settings) -> list[str]:
    """Numbers (UID) of unread letters that name one of the senders, oldest first."""
    found: set[int] = set()
    for sender in settings.senders:
        lines = mailboxes.agreed(box.uid("SEARCH", "UNSEEN", "FROM", mailboxes.quoted(sender)))
        found |= {int(number) for line in lines for number in line.split()}
    return [str(number) for number in sorted(found)]


def _read_letter(box: imaplib.IMAP4, number: str, settings: Settings, source_id: int) -> None:
    """Read the files of one letter; what was read, or can never be, is marked so."""
    try:
        letter = _fetched(box, number)
        if not _from_named(letter, settings):
            return  # the search looks for parts of words: this is somebody else's letter
        with tempfile.TemporaryDirectory(prefix="npsapp-letter-") as folder:
            paths = list(_files(letter, Path(folder)))
            for path in paths:
                inbox.take_in(source_id, path, what=FROM_LETTER)
        if not paths:
            raise NoFile
    except Refused as refusal:
        inbox.note(source_id, FROM_LETTER, refusal)
        _done(box, number, replace(settings, done=""))
    else:
        _done(box, number, settings)


def _fetched(box: imaplib.IMAP4, number: str) -> Message:
    most = int(tasks.most_bytes() * IN_BASE64)
    sizes = b" ".join(mailboxes.agreed(box.uid("FETCH", number, "(RFC822.SIZE)")))
    size = _SIZE.search(sizes)
    if size is None or int(size[1]) > most:
        raise TooLarge(most=most // MEGABYTE)
    _kind, parts = box.uid("FETCH", number, "(BODY.PEEK[])")
    raw = next((part[1] for part in parts if isinstance(part, tuple)), b"")
    try:
        return email.message_from_bytes(raw)
    except (RecursionError, MessageError) as error:
        raise NoFile from error


def _from_named(letter: Message, settings: Settings) -> bool:
    """Whether the letter has one author, who is a named sender. :raise Forged: when the server does not confirm it."""
    written = [str(value) for value in letter.get_all("From", [])]
    authors = [address.lower() for _name, address in getaddresses(written)]
    if len(authors) != 1 or not settings.names(authors[0]):
        return False
    if settings.authserv and not _confirmed(letter, settings.authserv):
        raise Forged
    return True


def _confirmed(letter: Message, authserv: str) -> bool:
    """What the receiving server wrote on top of the letter; lines below may be the sender's own (RFC 8601)."""
    first, _semicolon, results = str(next(iter(letter.get_all("Authentication-Results", [])), "")).partition(";")
    return first.split()[:1] == [authserv] and bool(re.search(r"(?i)(?:^|;)\s*dmarc\s*=\s*pass\b", results))


def _files(letter: Message, folder: Path) -> Iterator[Path]:
    """The attachments with an ending we read, written into the folder; a letter of too many parts is cut."""
    count = 0
    for at, part in enumerate(letter.walk()):
        name = _decoded(str(part.get_filename() or ""))
        path = (
            folder
            / str(at)
            / ("".join(char for char in name if char.isprintable() and char not in "/\\")[-100:] or "?")
        )
        if at >= MOST_PARTS or count >= MOST_FILES:
            return
        if path.suffix.lower() not in ENDINGS or part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        count += 1
        path.parent.mkdir()
        path.write_bytes(content if isinstance(content, bytes) else b"")
        yield path


def _decoded(name: str) -> str:
    """A file name as its author wrote it; one in an unknown encoding stays as it came."""
    try:
        return str(make_header(decode_header(name)))
    except (LookupError, ValueError, MessageError):
        return name


def _done(box: imaplib.IMAP4, number: str, settings: Settings) -> None:
    """Mark a letter as read, or move it where letters that were read go."""
    mailboxes.agreed(box.uid("STORE", number, "+FLAGS", r"(\Seen)"))
    if settings.done:
        mailboxes.put_away(box, number, settings.done)
