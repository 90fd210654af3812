"""Mailboxes on other servers: opened over IMAP or POP3, their letters fetched and put away."""

import imaplib
import poplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_, Worded

PATIENCE_S = 20
USUAL_PORT = 993
LINES_OF_TOO_LONG = 2000  # what is read over POP3 of a letter that is larger than wished

# 2,048 bytes, less than programs write into one line; the connection could not be used after a longer one.
setattr(poplib, "_MAXLINE", 1_000_000)  # noqa: B010 - it is not part of poplib's typed surface


class Way(Worded):
    """How a mailbox is read."""

    IMAP = "imap", N_("IMAP (usually port 993)")
    POP3 = "pop3", N_("POP3 (usually port 995)")


class NoMailbox(Refused):
    """The mail server does not answer, or lets us in no further; `said` are its own words."""

    wording = N_("The mailbox cannot be opened: %(said)s. Check server, port, user, password and folder.")


class NotEncrypted(Refused):
    """A password over the open network could be read by anybody on the way."""

    wording = N_("Without encryption only a mail server on this machine is used. Choose the port for TLS, usually 993.")


@dataclass(frozen=True)
class Access:
    """How a mailbox is opened."""

    host: str
    user: str
    password: str = field(repr=False)
    port: int = USUAL_PORT
    plain: bool = False
    """Without TLS, on this machine only."""
    folder: str = "INBOX"
    """Of IMAP only."""
    ca_file: str | None = None
    """Certificate authority of an own mail server; None: the system's."""


def is_this_machine(name: str) -> bool:
    """Whether nothing that goes to this host leaves the machine."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


@contextmanager
def opened(access: Access) -> Iterator[imaplib.IMAP4]:
    """An IMAP mailbox with its folder selected. :raise NoMailbox: whatever goes wrong with it :raise NotEncrypted:"""
    with _explained():
        box = _connected(access)
        try:
            _sign_in(box, access)
            agreed(box.select(quoted(access.folder)))
            yield box
        finally:
            box.shutdown()


@contextmanager
def opened_box(way: Way, access: Access) -> Iterator["Box"]:
    """A mailbox of either kind. :raise NoMailbox: :raise NotEncrypted:"""
    if way is Way.IMAP:
        with opened(access) as box:
            yield ImapBox(box)
        return
    with _explained():
        pop = _pop3(access)
        try:
            pop.user(access.user)
            pop.pass_(access.password)
            yield Pop3Box(pop)
            pop.quit()  # only now what was deleted is gone
        finally:
            pop.close()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (OSError, imaplib.IMAP4.error, poplib.error_proto, ssl.SSLError, ValueError) as error:
        raise NoMailbox(said=_words_of(error)) from error


def _connected(access: Access) -> imaplib.IMAP4:
    if _in_plain(access):
        return imaplib.IMAP4(access.host, access.port, timeout=PATIENCE_S)
    return imaplib.IMAP4_SSL(access.host, access.port, ssl_context=_certificates(access), timeout=PATIENCE_S)


def _pop3(access: Access) -> poplib.POP3:
    if _in_plain(access):
        return poplib.POP3(access.host, access.port, timeout=PATIENCE_S)
    return poplib.POP3_SSL(access.host, access.port, context=_certificates(access), timeout=PATIENCE_S)


def _in_plain(access: Access) -> bool:
    if access.plain and not is_this_machine(access.host):
        raise NotEncrypted
    return access.plain


def _certificates(access: Access) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=access.ca_file)


def _sign_in(box: imaplib.IMAP4, access: Access) -> None:
    """With a mechanism that takes every character, where the server has it; then ask what it can do (RFC 3501, 6.2)."""
    if "AUTH=PLAIN" in box.capabilities:
        pair = f"\0{access.user}\0{access.password}".encode()
        box.authenticate("PLAIN", lambda _challenge: pair)
    else:
        box.login(quoted(access.user), access.password)
    box.capabilities = tuple(agreed(box.capability())[0].decode("ascii", "replace").upper().split())


def _words_of(error: Exception) -> str:
    """The server's own words; a password never stands in them, and they are cut to a line."""
    said = error.args[0] if error.args else type(error).__name__
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
    return " ".join(text.split())[:200]


def agreed(answer: tuple[str, list[bytes | None]]) -> list[bytes]:
    """The lines of an IMAP server's answer. :raise imaplib.IMAP4.error: when it says no"""
    kind, lines = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(next(iter(lines), b"") or kind)
    return [line for line in lines if line]


def quoted(text: str) -> str:
    """Text as IMAP reads it (RFC 3501, 4.3). :raise ValueError: outside ASCII"""
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"{text[:50]!r} is not a name in ASCII")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def put_away(box: imaplib.IMAP4, number: str, folder: str) -> None:
    """Move the letter with this UID into a folder, which is made when it is missing; without one delete it."""
    if folder:
        box.create(quoted(folder))  # says NO when it is there
    if folder and "MOVE" in box.capabilities:
        agreed(box.uid("MOVE", number, quoted(folder)))
        return
    if folder:
        agreed(box.uid("COPY", number, quoted(folder)))
    agreed(box.uid("STORE", number, "+FLAGS", r"(\Deleted)"))
    if "UIDPLUS" in box.capabilities:  # a plain EXPUNGE would remove letters others have marked
        agreed(box.uid("EXPUNGE", number))


class ImapBox:
    """A folder of an IMAP server; marks of letters are `uidvalidity.uid`, which rise (RFC 3501, 2.3.1.1)."""

    def __init__(self, box: imaplib.IMAP4) -> None:
        self._box = box
        said = box.response("UIDVALIDITY")[1]
        self._validity = (said[0] or b"").decode("ascii", "replace") if said else ""

    def new(self, after: str) -> list[str]:
        """Marks of the letters that came after one, oldest first; all when that mark is unknown by now."""
        validity, _dot, uid = after.rpartition(".")
        last = int(uid) if validity == self._validity and re.fullmatch("[0-9]{1,12}", uid) else 0
        lines = agreed(self._box.uid("SEARCH", "UID", f"{last + 1}:*", "UNDELETED"))
        numbers = sorted({int(number) for line in lines for number in line.split()})
        return [f"{self._validity}.{number}" for number in numbers if number > last]

    def fetch(self, mark: str, *, most: int) -> bytes:
        """The beginning of a letter, at most `most` bytes; it stays unread."""
        _kind, parts = self._box.uid("FETCH", _uid(mark), f"(BODY.PEEK[]<0.{most}>)")
        return next((part[1] for part in parts if isinstance(part, tuple)), b"")

    def put_away(self, mark: str, folder: str) -> None:
        """Move a letter into a folder, or delete it when none is named."""
        put_away(self._box, _uid(mark), folder)


def _uid(mark: str) -> str:
    return mark.rpartition(".")[2]


class Pop3Box:
    """A POP3 mailbox; marks are the server's own ids (RFC 1939, UIDL)."""

    def __init__(self, box: poplib.POP3) -> None:
        self._box = box
        self._numbers = {mark: number for number, mark in _pairs(box.uidl()[1])}
        self._sizes = {number: int(size) for number, size in _pairs(box.list()[1])}

    def new(self, after: str) -> list[str]:
        """As for IMAP."""
        marks = list(self._numbers)
        with suppress(ValueError):
            return marks[marks.index(after) + 1 :]
        return marks

    def fetch(self, mark: str, *, most: int) -> bytes:
        """As for IMAP; of a larger letter its first lines."""
        number = self._numbers[mark]
        whole = self._sizes.get(number, 0) <= most
        lines = self._box.retr(number)[1] if whole else self._box.top(number, LINES_OF_TOO_LONG)[1]
        return b"\r\n".join(lines)[:most]

    def put_away(self, mark: str, folder: str) -> None:
        """Delete it: there are no folders over POP3."""
        self._box.dele(self._numbers[mark])


Box = ImapBox | Pop3Box
"""An open mailbox whose letters are told apart by marks that stay the same from one opening to the next."""


def _pairs(lines: list[bytes]) -> list[tuple[int, str]]:
    """Number and word of each line of an answer."""
    split = (line.decode("ascii", "replace").split() for line in lines)
    return [(int(one[0]), one[1]) for one in split if len(one) >= 2]
