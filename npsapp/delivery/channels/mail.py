"""Letters over SMTP with Flask-Mail, hardened where Flask-Mail trusts too much; or into the outbox folder."""

import contextlib
import os
import re
import smtplib
import ssl
import uuid
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Callable
from datetime import datetime
from email.header import Header
from email.utils import formataddr, formatdate
from functools import lru_cache
from pathlib import Path
from typing import Any

import flask_mail
from flask import Flask, current_app

from npsapp.delivery import bounces, queries
from npsapp.delivery.channels import ChannelError, Fate, OpenChannel, Outgoing, Server, Stays
from npsapp.delivery.models import Sender
from npsapp.delivery.rules import Failure, Security, read_smtp_answer
from npsapp.lib import sealing

# Flask-Mail asks the resolver for this host's name for every letter, only to make an id we never use.
setattr(flask_mail, "make_msgid", lambda: "")  # noqa: B010 - it is not part of Flask-Mail's typed surface

OUTBOX = "outbox"
BOUNDARY = "=_another_form_of_this_letter"  # no encoded line has "=_" in it


class _Letter(flask_mail.Message):
    """Flask-Mail's message, written out by ourselves, with body encodings that keep lines short (RFC 5322, 2.1.1).

    Flask-Mail's policy would fold the headers anew and lose quotes and spaces on the way: a name with a comma
    became two addresses. And the email package takes longer for a letter than a mail server does.
    """

    def __init__(self, *, cyrillic: bool, pair_from: tuple[str, str], pair_to: tuple[str, str], **values: Any) -> None:
        self.cyrillic, self.pair_from, self.pair_to = cyrillic, pair_from, pair_to
        super().__init__(sender=pair_from[1], recipients=[pair_to[1]], **values)

    def as_bytes(self) -> bytes:
        headers = {
            "Subject": _encoded("Subject", self.subject or ""),
            "From": _mailbox("From", *self.pair_from),
            "To": _mailbox("To", *self.pair_to),
            "Date": formatdate(self.date, localtime=True),
            "Message-ID": self.msgId,
            **({"Reply-To": _mailbox("Reply-To", "", str(self.reply_to))} if self.reply_to else {}),
            **{name: value.replace(", ", ",\n ") for name, value in (self.extra_headers or {}).items()},
            "MIME-Version": "1.0",
        }
        parts = [self._part("plain", self.body or ""), *(self._part(kind, text) for kind, text in self.alts.items())]
        if len(parts) > 1:
            headers["Content-Type"] = f'multipart/alternative; boundary="{BOUNDARY}"'
            parts = ["", *(f"--{BOUNDARY}\n{part}" for part in parts), f"--{BOUNDARY}--\n"]
        lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
        return (lines + "\n".join(parts)).replace("\n", "\r\n").encode("ascii")

    def _part(self, kind: str, text: str) -> str:
        """A text with the headers that say how it is encoded; lines end with a line feed."""
        encoding, encode = ("base64", encodebytes) if self.cyrillic else ("quoted-printable", b2a_qp)
        body = encode("\n".join(text.splitlines()).encode() + b"\n").decode("ascii")
        return f'Content-Type: text/{kind}; charset="utf-8"\nContent-Transfer-Encoding: {encoding}\n\n{body}'


def _encoded(header: str, text: str) -> str:
    """Text as RFC 2047 words, folded with the header's name in mind; plain ASCII stays readable."""
    return text if text.isascii() else Header(text, "utf-8", header_name=header).encode()


@lru_cache(maxsize=256)
def _mailbox(header: str, name: str, address: str) -> str:
    """Name and address; a name in another script, or with a comma, stays one name."""
    local, _, domain = address.rpartition("@")
    mailbox = f"{local}@{domain.encode('idna').decode()}"
    if name.isascii():
        return formataddr((name, mailbox))
    words = Header(name, "utf-8", header_name=header)
    words.append(f"<{mailbox}>", "us-ascii")
    return words.encode()


class _NotingSmtp:
    """Mixin for smtplib's connections: asks whether a letter's content may travel, and remembers that it began to."""

    content_begun = False
    leaves: Callable[[], bool]

    def send(self, s: Any) -> None:
        if isinstance(s, bytes):  # commands are texts
            if not self.leaves():
                self.close()  # type: ignore[attr-defined] # the server waits for the content; begun is not brought
                raise Stays
            self.content_begun = True
        super().send(s)  # type: ignore[misc]


class _Smtp(_NotingSmtp, smtplib.SMTP):
    pass


class _SmtpTls(_NotingSmtp, smtplib.SMTP_SSL):
    pass


class SafeConnection(flask_mail.Connection):
    """Flask-Mail's connection with a timeout, checked certificates and guarded extra headers.

    Flask-Mail 0.10 has no timeout, accepts any certificate, knows one server only, and would send
    `X: 1\\r\\nBcc: …` as two headers.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(current_app.extensions["mail"])
        self.server = server

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        server, config = self.server, current_app.config
        if server.password is None:
            raise smtplib.SMTPException("the stored password cannot be read with this secret key; enter it again")
        options = {"timeout": config["MAIL_TIMEOUT"], "local_hostname": config["MAIL_HELO"]}
        host: smtplib.SMTP | smtplib.SMTP_SSL
        if server.security is Security.TLS:
            host = _SmtpTls(server.host, server.port, context=_certificates(), **options)
        else:
            host = _Smtp(server.host, server.port, **options)
        try:
            if server.security is Security.STARTTLS:
                host.starttls(context=_certificates())
            if server.username:
                host.login(server.username, server.password)
            host.ehlo_or_helo_if_needed()  # the first letter, too, asks for what the server offers
        except BaseException:
            host.close()
            raise
        return host

    def send(self, message: flask_mail.Message, envelope_from: Any = None) -> None:
        for name, value in (message.extra_headers or {}).items():
            if re.search(r"[\r\n]", f"{name}{value}"):
                raise flask_mail.BadHeaderError
        super().send(message, envelope_from)


def _certificates() -> ssl.SSLContext:
    """Whom to believe; reading all of the system's takes as long as a dozen letters."""
    return ssl.create_default_context(cafile=current_app.config["MAIL_CA_FILE"] or None)


def init_app(app: Flask) -> None:
    """Bind Flask-Mail. Letters are really sent in tests too, to the test's own server."""
    app.config["MAIL_SUPPRESS_SEND"] = False
    app.config["MAIL_HELO"] = (app.config["PUBLIC_URL"].split("//")[1].split("/")[0].split(":")[0]) or "localhost"
    flask_mail.Mail(app)


def open_channel(sender: Sender) -> OpenChannel:
    """The sender's way out, connected: its own mail server, else that of the settings, else the outbox folder."""
    server = server_of(sender)
    return SmtpChannel(server) if server else OutboxChannel(Path(current_app.instance_path) / OUTBOX)


def server_of(sender: Sender) -> Server | None:
    """The mail server that takes a sender's letters; None: the outbox does."""
    if not sender.host:
        return server_of_settings()
    password = sealing.unseal(current_app.config["SECRET_KEYS"], sender.password) if sender.password else ""
    return Server(sender.host, sender.port, sender.security, sender.username, password)


def server_of_settings() -> Server | None:
    """The mail server named by the settings, for all senders without one of their own."""
    config = current_app.config
    if not config["MAIL_SERVER"]:
        return None
    security = (
        Security.TLS if config["MAIL_USE_SSL"] else Security.STARTTLS if config["MAIL_USE_TLS"] else Security.NONE
    )
    where = config["MAIL_SERVER"], config["MAIL_PORT"], security
    return Server(*where, config["MAIL_USERNAME"], config["MAIL_PASSWORD"])


def brands_without_server() -> frozenset[int]:
    """Brands in use whose letters go to the outbox, because neither their sender nor the settings name a server."""
    return frozenset() if current_app.config["MAIL_SERVER"] else queries.brands_without_server()


def check(server: Server) -> None:
    """Connect and sign in, and nothing else. May take `MAIL_TIMEOUT` for each step; ChannelError says what failed."""
    SmtpChannel(server).close()


class SmtpChannel:
    """One SMTP connection for a batch of letters; opens a new one when the server closed it."""

    def __init__(self, server: Server) -> None:
        self._connection = SafeConnection(server)
        self._connect()

    def _connect(self) -> None:
        try:
            self._connection.__enter__()
        except smtplib.SMTPResponseException as error:
            raise ChannelError(Fate.NO_CONNECTION, Failure(False, _words(error.smtp_code, error.smtp_error))) from error
        except (smtplib.SMTPException, OSError, UnicodeError) as error:  # UnicodeError: a name no host can have
            raise ChannelError(Fate.NO_CONNECTION, Failure(False, f"{type(error).__name__}: {error}"[:300])) from error

    def send(self, letter: Outgoing, leaves: Callable[[], bool]) -> None:
        """Hand over one letter; ChannelError says what became of it otherwise.

        It is written out, and the server hears from whom and for whom it is, while the database writes.
        """
        if self._connection.host is None or self._connection.host.sock is None:  # after 421 smtplib hangs up
            self._connect()
        host: Any = self._connection.host
        host.content_begun, host.leaves = False, leaves
        try:
            self._connection.send(_with_reports(compose(letter), letter, host), envelope_from=_envelope_from(letter))
        except flask_mail.BadHeaderError as error:
            raise ChannelError(Fate.REFUSED, Failure(True, "a line break in a header")) from error
        except smtplib.SMTPRecipientsRefused as error:
            status, words = next(iter(error.recipients.values()))
            raise ChannelError(Fate.REFUSED, read_smtp_answer(status, _text(words))) from error
        except smtplib.SMTPServerDisconnected as error:
            raise self._lost(host, error) from error
        except smtplib.SMTPResponseException as error:
            raise ChannelError(Fate.REFUSED, read_smtp_answer(error.smtp_code, _text(error.smtp_error))) from error
        except (smtplib.SMTPException, OSError) as error:
            raise self._lost(host, error) from error
        except UnicodeError as error:
            raise ChannelError(Fate.REFUSED, Failure(True, "the address cannot be written in a letter")) from error

    def _lost(self, host: Any, error: Exception) -> ChannelError:
        """After the content began to travel nobody knows whether the letter arrived (RFC 5321, 6.1)."""
        fate = Fate.UNKNOWN if host.content_begun else Fate.NO_CONNECTION
        self.close()
        return ChannelError(fate, Failure(False, f"{type(error).__name__}: {error}"[:300]))

    def close(self) -> None:
        host, self._connection.host = self._connection.host, None
        if host is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                host.quit()


class OutboxChannel:
    """Complete letters as files: what would have been sent, when no server is configured."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def send(self, letter: Outgoing, leaves: Callable[[], bool]) -> None:
        """Write the letter under its own name: a repeat replaces the same file."""
        target = self.folder / f"{letter.name}.eml"
        partial = self.folder / f".{letter.name}.{uuid.uuid4().hex}"
        whole = compose(letter).as_bytes()
        if not leaves():
            raise Stays
        try:
            partial.write_bytes(whole)
            os.replace(partial, target)
        except OSError as error:
            raise ChannelError(Fate.NO_CONNECTION, Failure(False, f"outbox: {error.strerror}")) from error

    def close(self) -> None:
        """Nothing is open."""


def remove_old_letters(folder: Path, *, before: datetime) -> int:
    """Delete what was written into the outbox before a moment, also halves of letters; gives how many files."""
    removed = 0
    for file in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # half a letter has another name when it is whole
            if file.stat().st_mtime < before.timestamp():
                file.unlink()
                removed += 1
    return removed


def compose(letter: Outgoing) -> flask_mail.Message:
    """The letter as Flask-Mail's message, with the headers of RFC 2369, 3834, 5322 and 8058."""
    message = _Letter(
        cyrillic=letter.cyrillic,
        subject=letter.subject,
        pair_from=(letter.from_name, letter.from_address),
        pair_to=(letter.to_name, letter.to_address),
        reply_to=letter.reply_to or None,
        body=letter.body,
        html=letter.html or None,
        extra_headers=_headers(letter),
    )
    message.msgId = letter.message_id
    return message


def _headers(letter: Outgoing) -> dict[str, str]:
    headers = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    if letter.feedback_id:
        headers["Feedback-ID"] = letter.feedback_id
    if letter.refers_to:
        headers |= {"In-Reply-To": letter.refers_to, "References": letter.refers_to}
    if letter.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>, <mailto:{_mail_to_unsubscribe(letter)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _mark(letter: Outgoing) -> str:
    return bounces.mark(current_app.config["SECRET_KEYS"][0], letter.id)


def _envelope_from(letter: Outgoing) -> str:
    """Whom servers tell what became of the letter; with a bounce address one that names the letter."""
    address = letter.bounce_address
    return bounces.return_address(address, _mark(letter)) if address else letter.from_address


def _mail_to_unsubscribe(letter: Outgoing) -> str:
    """An address whose letters are read by this program, where there is one; the token stands in it or beside it."""
    back = _envelope_from(letter)
    if letter.bounce_address and back != letter.bounce_address:
        return f"{back}?subject=unsubscribe"
    return f"{letter.bounce_address or letter.reply_to or back}?subject=unsubscribe%20{_mark(letter)}"


def _with_reports(message: flask_mail.Message, letter: Outgoing, host: Any) -> flask_mail.Message:
    """Ask a server that can (RFC 3461) to report failure and delay only, with our token and without the body."""
    if host.has_extn("dsn"):
        message.mail_options = ["RET=HDRS", f"ENVID={_mark(letter)}"]
        message.rcpt_options = ["NOTIFY=FAILURE,DELAY"]
    return message


def _text(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)


def _words(status: int, words: bytes | str) -> str:
    return f"{status} {_text(words)}"[:300]
