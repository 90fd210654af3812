"""Letters over SMTP with Flask-Mail, hardened where Flask-Mail trusts too much; or into the outbox folder."""

import contextlib
import os
import re
import smtplib
import ssl
import uuid
from datetime import datetime
from email import policy
from email.charset import BASE64, QP, SHORTEST, Charset
from email.header import Header
from email.mime.text import MIMEText
from email.utils import formataddr
from pathlib import Path
from typing import Any, cast

import flask_mail
from flask import Flask, current_app

from npsapp.delivery.channels import ChannelError, Fate, OpenChannel, Outgoing
from npsapp.delivery.rules import Failure, read_smtp_answer

# Flask-Mail asks the resolver for this host's name for every letter, only to make an id we never use.
setattr(flask_mail, "make_msgid", lambda: "")  # noqa: B010 - it is not part of Flask-Mail's typed surface

OUTBOX = "outbox"


class _Letter(flask_mail.Message):
    """Flask-Mail's message with body encodings that keep lines short (RFC 5322, 2.1.1: 998 octets)."""

    def __init__(self, *, cyrillic: bool, pair_from: tuple[str, str], pair_to: tuple[str, str], **values: Any) -> None:
        self.pair_from, self.pair_to = pair_from, pair_to
        self._body_charset = Charset("utf-8")
        self._body_charset.header_encoding = SHORTEST
        self._body_charset.body_encoding = BASE64 if cyrillic else QP
        super().__init__(sender=pair_from[1], recipients=[pair_to[1]], **values)

    def _message(self) -> Any:
        """Flask-Mail's message without its outer multipart/mixed, which is for attachments we never have.

        Its policy would decode and fold the headers anew, and lose quotes and spaces on the way: a name with a
        comma became two addresses. They are encoded already and go out as they are.
        """
        message = cast(Any, super()._message())
        message.policy = policy.compat32.clone(linesep="\r\n")
        message.replace_header("Subject", _encoded("Subject", self.subject))
        message.replace_header("From", _mailbox("From", *self.pair_from))
        message.replace_header("To", _mailbox("To", *self.pair_to))
        if message.get_content_type() == "multipart/mixed":
            message.set_payload(message.get_payload()[0].get_payload())
            message.set_type("multipart/alternative")
        return message

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMEText:
        part = MIMEText("", subtype, "utf-8")
        del part["Content-Transfer-Encoding"]
        part.set_payload(text or "", self._body_charset)
        return part


def _encoded(header: str, text: str) -> str:
    """Text as RFC 2047 words, folded with the header's name in mind; plain ASCII stays readable."""
    return text if text.isascii() else Header(text, "utf-8", header_name=header).encode()


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
    """Mixin for smtplib's connections: remembers whether a letter's content had begun to travel."""

    content_begun = False

    def data(self, msg: Any) -> Any:
        self.content_begun = True
        return super().data(msg)  # type: ignore[misc]


class _Smtp(_NotingSmtp, smtplib.SMTP):
    pass


class _SmtpTls(_NotingSmtp, smtplib.SMTP_SSL):
    pass


class SafeConnection(flask_mail.Connection):
    """Flask-Mail's connection with a timeout, checked certificates and guarded extra headers.

    Flask-Mail 0.10 has no timeout, accepts any certificate, and would send `X: 1\\r\\nBcc: …` as two headers.
    """

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        mail, config = self.mail, current_app.config
        context = ssl.create_default_context(cafile=config["MAIL_CA_FILE"] or None)
        options = {"timeout": config["MAIL_TIMEOUT"], "local_hostname": config["MAIL_HELO"]}
        host: smtplib.SMTP | smtplib.SMTP_SSL
        if mail.use_ssl:
            host = _SmtpTls(mail.server, mail.port, context=context, **options)
        else:
            host = _Smtp(mail.server, mail.port, **options)
        if mail.use_tls:
            host.starttls(context=context)
        if mail.username:
            host.login(mail.username, mail.password or "")
        return host

    def send(self, message: flask_mail.Message, envelope_from: Any = None) -> None:
        for name, value in (message.extra_headers or {}).items():
            if re.search(r"[\r\n]", f"{name}{value}"):
                raise flask_mail.BadHeaderError
        super().send(message, envelope_from)


class SafeMail(flask_mail.Mail):
    """Flask-Mail that opens safe connections."""

    def connect(self) -> SafeConnection:
        return SafeConnection(current_app.extensions["mail"])


mail = SafeMail()


def init_app(app: Flask) -> None:
    """Bind Flask-Mail. Letters are really sent in tests too, to the test's own server."""
    app.config["MAIL_SUPPRESS_SEND"] = False
    app.config["MAIL_HELO"] = (app.config["PUBLIC_URL"].split("//")[1].split("/")[0].split(":")[0]) or "localhost"
    mail.init_app(app)


def open_channel() -> OpenChannel:
    """The mail channel of this installation, connected: SMTP, or the outbox folder without a server."""
    if current_app.config["MAIL_SERVER"]:
        return SmtpChannel()
    return OutboxChannel(Path(current_app.instance_path) / OUTBOX)


class SmtpChannel:
    """One SMTP connection for a batch of letters; opens a new one when the server closed it."""

    def __init__(self) -> None:
        self._connection = mail.connect()
        self._connect()

    def _connect(self) -> None:
        try:
            self._connection.__enter__()
        except smtplib.SMTPResponseException as error:
            raise ChannelError(Fate.NO_CONNECTION, Failure(False, _words(error.smtp_code, error.smtp_error))) from error
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelError(Fate.NO_CONNECTION, Failure(False, f"{type(error).__name__}: {error}"[:300])) from error

    def send(self, letter: Outgoing) -> None:
        """Hand over one letter; ChannelError says what became of it otherwise."""
        if self._connection.host is None:
            self._connect()
        host: Any = self._connection.host
        host.content_begun = False
        try:
            self._connection.send(compose(letter), envelope_from=letter.from_address)
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

    def send(self, letter: Outgoing) -> None:
        """Write the letter under its own name: a repeat replaces the same file."""
        target = self.folder / f"{letter.name}.eml"
        partial = self.folder / f".{letter.name}.{uuid.uuid4().hex}"
        try:
            partial.write_bytes(compose(letter).as_bytes())
            os.replace(partial, target)
        except OSError as error:
            raise ChannelError(Fate.NO_CONNECTION, Failure(False, f"outbox: {error.strerror}")) from error

    def close(self) -> None:
        """Nothing is open."""


def remove_old_letters(folder: Path, *, before: datetime) -> int:
    """Delete letters of the outbox that were written before a moment; gives how many."""
    old = [file for file in folder.glob("*.eml") if file.stat().st_mtime < before.timestamp()]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


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
    if letter.unsubscribe_url:
        mailbox = letter.reply_to or letter.from_address
        headers["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>, <mailto:{mailbox}?subject=unsubscribe>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _text(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)


def _words(status: int, words: bytes | str) -> str:
    return f"{status} {_text(words)}"[:300]
