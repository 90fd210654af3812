"""What a letter that came back to us says: returned, delayed, marked as spam, "unsubscribe", or a person's reply.

Reading only, whoever wrote it: RFC 3464 and 5965 as they should be, and the ways in which servers bend them. Nothing
here is believed yet: whose letter it is about is decided by `incoming`, with tokens only we can make.
"""

import hmac
import re
from base64 import b32encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from html import unescape

from npsapp.delivery import refusals
from npsapp.lib import tokens

MOST_BYTES = 262_144  # of a letter; reports stand before the letter they return
MOST_TEXT = 20_000
MOST_PARTS = 50
MOST_OF_HEADER = 2_000
MOST_MARKS = 20  # of each kind: a letter that names more of ours is none of a server
PURPOSE = "bounce"
MAC_CHARS = 8


class Kind(StrEnum):
    """What a letter that came back is."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    AUTOMATIC = "automatic"
    """An answer of a machine, which says nothing about the address: never answered, and no bounce."""
    REPLY = "reply"


@dataclass(frozen=True)
class Returned:
    """A letter that came back, read."""

    kind: Kind
    marks: tuple[str, ...] = ()
    """What may be tokens of ours (`mark`), those of the envelope first."""
    message_ids: tuple[str, ...] = ()
    """What may be Message-IDs of ours: answered to, or in the headers of the letter returned."""
    status: str = ""
    """RFC 3463, such as 5.1.1."""
    words: str = ""
    """Of the server that refused, without addresses."""
    own_id: str = ""
    sender: str = ""
    subject: str = ""
    text: str = ""
    attachments: int = 0


# ---- tokens: which letter of ours it is about ------------------------------------------------------------------

_MARK = re.compile(rf"(?<![\w.])([0-9]{{1,15}})\.([a-z2-7]{{{MAC_CHARS}}})(?![\w.])", re.IGNORECASE)


@lru_cache(maxsize=64)
def mark(key: str, message_id: int) -> str:
    """The token of a letter in its return address and envelope id: its number, and 40 bits only we can know."""
    digest = hmac.digest(f"{PURPOSE}:{key}".encode(), str(message_id).encode(), "sha256")
    return f"{message_id}.{b32encode(digest[:5]).decode().lower()}"


def marked(keys: Sequence[str], marks: Iterable[str]) -> Iterator[int]:
    """The letters whose tokens are genuine; all `keys` are accepted, so that old letters may come back late."""
    for one in marks:
        number = int(one.partition(".")[0])
        if any(tokens.same(one, mark(key, number)) for key in keys):
            yield number


def return_address(bounce_address: str, one: str) -> str:
    """Where servers return a letter to: `name+@domain` and `@domain` take its token in, other addresses do not."""
    local, _, domain = bounce_address.rpartition("@")
    if local and not local.endswith("+"):
        return bounce_address
    return f"{local or 'b+'}{one}@{domain}"


# ---- reading ---------------------------------------------------------------------------------------------------

_RECIPIENTS = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Rcpt-To", "To", "Cc")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{3,300}>")
_RETURNED_ID = re.compile(r"^[> ]{0,4}Message-ID:\s{0,80}(<[!-;=?-~]{3,300}>)", re.IGNORECASE | re.MULTILINE)
_RETURNED = re.compile(r"^[> ]{0,4}(?:Return-Path|Received|Message-ID|DKIM-Signature|From):", re.I | re.M)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.#:])([45]\d\d)(?=[ \-])")
_UNKNOWN = re.compile(
    r"user unknown|unknown user|no such (?:user|mailbox|recipient|person)|user (?:was )?not found|no mailbox here|"
    r"(?:invalid|unknown) (?:mailbox|recipient|local part)|(?:does not|doesn't) exist|unrouteable address|"
    r"recipient (?:address )?rejected|не существует|не існує|не найден|не знайден|нет такого|немає такого",
    re.IGNORECASE,
)
_FULL = re.compile(r"quota|mailbox (?:is )?full|insufficient storage|переполнен|переповнен", re.IGNORECASE)
_WAITING = re.compile(
    r"delayed|not been delivered yet|will (?:be retried|keep trying|continue to try)|still being retried|"
    r"only a warning|задерж|затрим",
    re.IGNORECASE,
)
_SENT_BACK = re.compile(
    r"undeliver|failure notice|delivery (?:status|failure|report)|delivery has failed|returned (?:mail|to sender)|"
    r"mail delivery|delayed|не ?доставлен|невозможно доставить|неможливо доставити",
    re.IGNORECASE,
)
_OF_ROBOTS = ("X-Autoreply", "X-Autorespond", "X-Auto-Reply", "X-Failed-Recipients", "List-Id")
_ROBOTS = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon|maildaemon)\b", re.IGNORECASE)


def read(raw: bytes, recipient: str = "") -> Returned:
    """What a letter says, whatever its bytes; `recipient` is the address it was delivered to, where that is known."""
    try:
        letter = message_from_bytes(raw[:MOST_BYTES])
        return _read(letter, recipient)
    except (RecursionError, MessageError, LookupError, ValueError, TypeError, AttributeError, AssertionError):
        return Returned(Kind.AUTOMATIC)  # the library meets letters that its authors did not think of


def _read(letter: Message, recipient: str) -> Returned:
    parts = list(_parts(letter))
    texts = ["" if part is letter else _fields(part) for part in parts]
    texts = [f"{fields}\n{_payload(part)}" for fields, part in zip(texts, parts, strict=True)]
    whole = "\n".join([recipient, *_headers(letter, *_RECIPIENTS), _header(letter, "Subject"), *texts])
    report = _delivery_report(parts)
    said = _said(texts)
    kind, status, words = _report(report, said) if report else _by_words(letter, parts, said)
    marks = dict.fromkeys(f"{int(number)}.{mac.lower()}" for number, mac in _MARK.findall(whole))
    ids = [*_ids(letter, "In-Reply-To"), *_ids(letter, "References")[-MOST_MARKS:], *_RETURNED_ID.findall(whole)]
    own_id = next(iter(_ids(letter, "Message-ID")), "")
    return Returned(
        kind=kind,
        marks=tuple(marks)[:MOST_MARKS],
        message_ids=tuple(one for one in dict.fromkeys(ids) if one != own_id)[:MOST_MARKS],
        status=status,
        words=refusals.without_addresses(_one_line(words[:1000])),
        own_id=own_id,
        sender=_author(letter),
        subject=_one_line(_header(letter, "Subject"))[:300],
        text=_body(parts),
        attachments=sum(bool(part.get_filename()) for part in parts),
    )


def _parts(letter: Message) -> Iterator[Message]:
    """Everything that is in a letter, as far as anybody looks."""
    for at, part in enumerate(letter.walk()):
        if at >= MOST_PARTS:
            return
        yield part


def _delivery_report(parts: Iterable[Message]) -> Message | None:
    """What servers say about the letter (RFC 3464, 2.3): of several recipients the one that failed."""
    blocks = [
        block
        for part in parts
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status")
        for block in _blocks(part)
        if block["Action"] or block["Status"]
    ]
    return next((one for one in blocks if _action(one) is Kind.FAILED), blocks[0] if blocks else None)


def _blocks(part: Message) -> list[Message]:
    inner = part.get_payload()
    return [one for one in inner if isinstance(one, Message)] if isinstance(inner, list) else []


def _action(block: Message) -> Kind:
    action, status = _header(block, "Action").strip().lower(), _header(block, "Status").strip()
    named = {"failed": Kind.FAILED, "delayed": Kind.DELAYED, "delivered": Kind.DELIVERED}
    if action in named:
        return named[action]
    by_class = {"5": Kind.FAILED, "4": Kind.DELAYED}  # relayed and expanded are news of no use
    return Kind.AUTOMATIC if action else by_class.get(status[:1], Kind.AUTOMATIC)


def _report(block: Message, said: str) -> tuple[Kind, str, str]:
    """Of a proper report: its status, or a more exact one in the server's own words."""
    words = _header(block, "Diagnostic-Code").partition(";")[2].strip()
    found = _STATUS.search(_header(block, "Status"))
    status = found[1] if found else ""
    if not status or status in ("4.0.0", "5.0.0") or status.startswith("5.5."):
        status = _status_in(words) or status or _status_in(said)
    return _action(block), status, words or said[-300:]


def _by_words(letter: Message, parts: Sequence[Message], said: str) -> tuple[Kind, str, str]:
    """Of a letter without a report: what it is by its headers, and of a returned one what its text tells."""
    feedback = next((part for part in parts if part.get_content_type() == "message/feedback-report"), None)
    if feedback is not None:
        about = " ".join(_header(one, "Feedback-Type") for one in _blocks(feedback))
        return (Kind.AUTOMATIC if "not-spam" in about.lower() else Kind.COMPLAINT), "", ""
    if re.match(r"\s*unsubscribe\b", _header(letter, "Subject"), re.IGNORECASE):
        return Kind.UNSUBSCRIBE, "", ""
    if not automatic(letter, parts):
        return Kind.REPLY, "", ""
    status = _status_in(said) if _sent_back(letter) else ""
    if not status or status.startswith("2"):
        return Kind.AUTOMATIC, "", ""
    waits = status.startswith("4") and _WAITING.search(said)
    return (Kind.DELAYED if waits else Kind.FAILED), status, said[-300:]


def automatic(letter: Message, parts: Sequence[Message] = ()) -> bool:
    """Whether a machine wrote it (RFC 3834, 2): it is never answered."""
    submitted = _header(letter, "Auto-Submitted").split(";")[0].strip().lower()
    return (
        submitted not in ("", "no")
        or _header(letter, "Return-Path").strip() == "<>"
        or any(letter[name] for name in _OF_ROBOTS)
        or _header(letter, "Precedence").strip().lower() in ("auto_reply", "bulk", "junk", "list")
        or letter.get_content_type() == "multipart/report"
        or any(part.get_content_type() == "message/disposition-notification" for part in parts)
        or bool(_ROBOTS.match(_author(letter)))
    )


def _sent_back(letter: Message) -> bool:
    """Whether it looks like a letter returned, and not like a person's absence."""
    robot = _ROBOTS.match(_author(letter)) or letter["X-Failed-Recipients"]
    return bool(robot or _SENT_BACK.search(_header(letter, "Subject")))


def _said(texts: Iterable[str]) -> str:
    """A server's words, without the letter that stands below them."""
    found = "\n".join(texts)
    end = _RETURNED.search(found)
    return found[: end.start() if end else MOST_TEXT].strip()


def _status_in(said: str) -> str:
    """The status in a server's words: written out, by its reply code, or by what it says."""
    code = _STATUS.search(said) or _REPLY_CODE.search(said)
    if code:
        return refusals.enhanced_status(int(code[1][0]) * 100, said)
    by_words = ((_FULL, "5.2.2"), (_UNKNOWN, "5.1.1"), (_WAITING, "4.0.0"))
    return next((status for pattern, status in by_words if pattern.search(said)), "")


# ---- pieces of letters -----------------------------------------------------------------------------------------


def _header(letter: Message, name: str) -> str:
    """A header in plain words, as far as its encoding is known."""
    value = str(letter.get(name) or "")[:MOST_OF_HEADER]
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError, MessageError):
        return value


def _headers(letter: Message, *names: str) -> list[str]:
    return [str(value) for name in names for value in letter.get_all(name, [])]


def _ids(letter: Message, name: str) -> list[str]:
    return [one for value in _headers(letter, name) for one in _MESSAGE_ID.findall(value)]


def _author(letter: Message) -> str:
    found = getaddresses([str(letter.get("From") or "")])
    return _one_line(found[0][1].lower()) if found else ""


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _payload(part: Message) -> str:
    """The words of a part; of what is no text, none."""
    content = part.get_payload(decode=True) if part.get_content_maintype() == "text" else None
    return decoded(content, part.get_content_charset()) if isinstance(content, bytes) else ""


def _fields(part: Message) -> str:
    """The headers of what is inside: of the letter returned, or the lines of a report."""
    return "\n".join(f"{name}: {value}" for name, value in part.items())


def decoded(content: bytes, charset: str | None) -> str:
    """Bytes as text: in the encoding that was named, else in one of those that are forgotten to be named."""
    for encoding in (charset, "utf-8", "cp1251"):
        try:
            return content.decode(encoding or "ascii")
        except (LookupError, UnicodeError):
            continue
    return content.decode("utf-8", "replace")


def _body(parts: Sequence[Message]) -> str:
    """What a person wrote: the plain text, else that of the HTML."""
    own = [part for part in parts if not part.get_filename()]
    plain = next((_payload(part) for part in own if part.get_content_type() == "text/plain"), "").strip()
    page = "" if plain else next((_payload(part) for part in own if part.get_content_type() == "text/html"), "")
    found = plain or plain_of(page)
    whole = found.replace("\r\n", "\n").replace("\0", "").strip()[:MOST_TEXT]
    return whole.encode(errors="replace").decode()  # some encodings can write halves of characters


_PIECES = re.compile(r"<(/?)([a-z]{1,20}\d?)[^<>]*>|[^<]+|<", re.IGNORECASE)
_HIDDEN = ("style", "script", "head")
_BLOCKS = ("br", "p", "div", "tr", "li", "blockquote", "h1", "h2", "h3")


def plain_of(html: str) -> str:
    """The words of a page, a line for each of its blocks; in one pass, whatever it holds."""
    words, hidden = [], ""
    for piece in _PIECES.finditer(html[:MOST_BYTES]):
        tag = (piece[2] or "").lower()
        if hidden:
            hidden = "" if piece[1] and tag == hidden else hidden
        elif tag in _HIDDEN:
            hidden = "" if piece[1] else tag
        elif tag:
            words.append("\n" if tag in _BLOCKS else "")
        else:
            words.append(re.sub(r"\s", " ", piece[0]))
    lines = (" ".join(line.split()) for line in unescape("".join(words)).splitlines())
    return "\n".join(line for line in lines if line)


_QUOTED = re.compile(
    r"^(?:>.*|.{0,200}(?:wrote|пишет|пише|написал|написала|написав)(?:\(а\))?:\s*|_{10,}\s*"
    r"|[-_]{2,}\s*(?:Original Message|Forwarded|Исходное|Оригінал|Переслан).*"
    r"|(?:From|От|Від|Отправитель|Відправник):\s.*@.*)$",
    re.IGNORECASE | re.MULTILINE,
)


def without_quotes(text: str) -> tuple[str, str]:
    """What a person wrote, and the letter it answers to, which mail programs put below; all of it if nothing else."""
    found = _QUOTED.search(text)
    own = text[: found.start()].strip() if found else ""
    return (own, text[found.start() :].strip()) if found and own else (text, "")


def digest(letter: Returned, message_id: int) -> str:
    """What tells a letter that came back from others, also when it is read twice or through both doors."""
    said = letter.own_id or f"{letter.sender} {letter.subject} {letter.text}"
    return sha256(f"{message_id} {letter.kind} {said}".encode(errors="replace")).hexdigest()
