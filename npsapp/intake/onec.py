"""The exchange with 1C and BAS, as 1C-Bitrix answers it: stock clients and the Bitrix module send documents here.

The other side compares our answers letter by letter: status 200 but for a wrong password, lines parted by line feeds,
control words in ASCII, the rest in Russian as Bitrix says it; windows-1251 to older clients, UTF-8 to newer ones, which
send `sessid` or `version`.
"""

import base64
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from flask import Response, current_app, g, request
from flask_babel import gettext as _
from sqlalchemy import select

from npsapp.accounts import sessions
from npsapp.db import db, reading, transaction
from npsapp.extensions import csrf
from npsapp.i18n import speaking
from npsapp.intake import connections, exchanges, services, staging, tasks
from npsapp.intake.commerceml import ROOT
from npsapp.intake.models import BatchState, ImportBatch, Source, SourceKind
from npsapp.intake.packages import EXPIRES_AFTER, MOST_BYTES, MOST_PER_POST, Package
from npsapp.lib.archives import harmless_name
from npsapp.lib.clock import utcnow, zone
from npsapp.lib.refusals import Refused, broken_at
from npsapp.lib.tables import FileRefused
from npsapp.lib.texts import N_
from npsapp.lib.tokens import keyed, same
from npsapp.web.access import Room, public

log = logging.getLogger(__name__)
bp = Room("onec", __name__)
csrf.exempt(bp)  # a program sends its password with every request, and no form token

COOKIE = "NPS1C"
CHARSETS = ("windows-1251", "utf-8")  # of older and newer clients
FILE_LIMIT = 52_428_800  # bytes of one piece, as the client is told
USUAL_VERSION = "2.09"  # what Bitrix answers for sales whatever was asked; УТ 11 works with nothing newer
WAIT_S = 1.0  # for an import to end, before "progress" is answered
SIGN_IN_NOTED_EVERY = timedelta(minutes=10)  # a client signs in before every step
LANGUAGE = "ru"  # of the log that an accountant of the other side reads
UNFINISHED = (BatchState.UPLOADED, BatchState.STAGING, BatchState.STAGED, BatchState.APPLYING)
_SESSION = re.compile(r"[0-9a-f]{32}")

SIGNED_IN = N_("1C signed in")
CHECK_PASSWORD = N_("The user name or the password is wrong. Enter those of this page in 1C, or make a new password.")
REFUSED = N_("1C was not let in")
NOT_READ = N_("1C sent a file that cannot be read")
LEFT_OVER = N_("1C sent a file and never finished it")


class WrongPassword(Refused):
    """The only answer with another status than 200."""

    wording = "Неверное имя пользователя или пароль"


class Unknown(Refused):
    """A mode nobody asks for, or a file nobody sent."""

    wording = "Неизвестная команда"


@dataclass
class Call:
    """One request of a connection."""

    source: Source
    now: datetime

    @property
    def mode(self) -> str:
        return request.args.get("mode", "").strip().lower()

    @property
    def is_sale(self) -> bool:
        """Catalogues are accepted and dropped; nobody asked for them."""
        return request.args.get("type", "sale").strip().lower() != "catalog"

    @property
    def file_name(self) -> str:
        return harmless_name(request.args.get("filename", ""))

    @cached_property
    def session(self) -> str:
        """Names the folder of this session: as `sessid` says, else as follows from the cookie."""
        said = request.args.get("sessid", "").lower()
        return said if _SESSION.fullmatch(said) else _session_of(request.cookies.get(COOKIE, ""))

    @cached_property
    def package(self) -> Package:
        return Package(tasks.packages() / f"{self.source.id}-{self.session}")


def _is_newer() -> bool:
    """Whether the client is one that sends `version` or `sessid` and asks for the import by itself."""
    return "sessid" in request.args or "version" in request.args


@bp.form("/1c/exchange/<path:key>", public)  # it checks the connection's own password
@bp.form("/1c/exchange", public)
@bp.form("/bitrix/admin/1c_exchange.php", public)
def exchange(key: str = "") -> Response:
    """Answer one request. Without a key in the address the connection is found by its user name."""
    request.max_content_length = MOST_PER_POST
    now = utcnow()
    with speaking(LANGUAGE):
        try:
            call = Call(_signed_in(key.strip("/"), now=now), now)
            g.charset = call.source.settings.get("encoding")
            if call.mode not in MODES:
                raise Unknown()
            return MODES[call.mode](call)
        except WrongPassword as refusal:
            answer = _lines("failure", _(refusal.wording), status=401)
            answer.headers["WWW-Authenticate"] = 'Basic realm="1C", charset="UTF-8"'
            return answer
        except Refused as refusal:
            return _lines("failure", _(refusal.wording, **refusal.values))


@bp.errorhandler(Exception)
def _fault(error: Exception) -> Response:
    """Whatever happens, 1C gets a line it understands and tries again later. Files stand in no log."""
    log.error("1c exchange: %s", broken_at(error))
    return _lines("failure", "Технический сбой, повторите позже")


# Who is calling


def _signed_in(key: str, *, now: datetime) -> Source:
    """The connection whose user name and password came with the request. May raise WrongPassword."""
    login, password = _credentials()
    source = connections.by_key(key) if key else connections.by_login(login)
    if source and source.kind is not SourceKind.ONEC:
        source = None
    fits = connections.secret_fits(source, password)
    if source and fits and same(login, source.login):
        return source
    if not login and not password:  # a client asks first whether it has to say who it is
        raise WrongPassword()
    source_id = source.id if source else None
    key = current_app.config["SECRET_KEY"]
    who = sessions.claim(f"1c:{source_id}", request.remote_addr or "", key=key)
    who = replace(who, place=keyed(key, "1c", who.place))  # a base with a wrong password locks nobody of its office out
    with transaction():
        try:
            sessions.begin_try(who, now=now)
        except sessions.TooManyTries as refusal:
            raise WrongPassword("Слишком много неудачных попыток, повторите позже") from refusal
        if source_id:
            exchanges.note(source_id, REFUSED, Refused(CHECK_PASSWORD), now=now)
    raise WrongPassword()


def _credentials() -> tuple[str, str]:
    """User name and password, in UTF-8 or windows-1251."""
    scheme, _blank, coded = request.headers.get("Authorization", "").partition(" ")
    try:
        pair = base64.b64decode(coded if scheme.lower() == "basic" else "", validate=True)
    except ValueError:
        return "", ""
    try:
        text = pair.decode("utf-8")
    except UnicodeDecodeError:
        text = pair.decode("windows-1251", "replace")
    login, _colon, password = text.partition(":")
    return login, password


def _session_of(cookie: str) -> str:
    return keyed(current_app.config["SECRET_KEY"], "1c session", cookie)[:32]


# Answers


def _lines(*lines: str, status: int = 200) -> Response:
    return _encoded("\n".join(lines), "text/plain", status=status)


def _encoded(text: str, kind: str, *, status: int = 200) -> Response:
    charset = _charset()
    return Response(text.encode(charset, "replace"), status, content_type=f"{kind}; charset={charset}")


def _charset() -> str:
    """As the connection says, else what this client reads."""
    said = g.get("charset")
    return said if said in CHARSETS else CHARSETS[_is_newer()]


def _xml(body: str) -> Response:
    return _encoded(f'<?xml version="1.0" encoding="{_charset()}"?>\n{body}', "text/xml")


# Modes


def _check_auth(call: Call) -> Response:
    """Sign in: the client builds its cookie from the second and third line by itself."""
    if call.source.heard_at is None or call.source.heard_at < call.now - SIGN_IN_NOTED_EVERY:
        with transaction():
            exchanges.note(call.source.id, SIGNED_IN, now=call.now)
    value = secrets.token_hex(16)
    return _lines("success", COOKIE, value, f"sessid={_session_of(value)}", f"timestamp={int(call.now.timestamp())}")


def _init(call: Call) -> Response:
    """Begin to send: a clean folder. Older clients stop at any other number of lines than two."""
    if call.is_sale and call.package.clear():
        with transaction():
            exchanges.note(call.source.id, LEFT_OVER, now=call.now, failed=True)
    lines = ["zip=yes", f"file_limit={FILE_LIMIT}"]
    if "version" in request.args:
        lines += [f"sessid={call.session}", f"version={call.source.settings.get('version') or USUAL_VERSION}"]
    return _lines(*lines)


def _query(call: Call) -> Response:
    """What we have for 1C: nothing, which must be said in valid CommerceML."""
    version = (call.source.settings.get("version") or USUAL_VERSION) if _is_newer() else "2.05"
    at = call.now.astimezone(zone(call.source.timezone)).strftime("%Y-%m-%dT%H:%M:%S")
    return _xml(f'<{ROOT} ВерсияСхемы="{version}" ДатаФормирования="{at}"/>')


def _info(_call: Call) -> Response:
    """No statuses, payments and deliveries; the first letter of the list is a Latin C at Bitrix, and compared so."""
    return _xml(f"<Справочник><{'C' + 'татусы'}/><ПлатежныеСистемы/><СлужбыДоставки/></Справочник>")


def _success(_call: Call) -> Response:
    return _lines("success")


def _file(call: Call) -> Response:
    """Take the next piece of a file. Older clients never ask for the import: their file is taken over when whole."""
    if call.is_sale:
        with _noting(call):
            name = call.package.append(call.file_name, request.stream)
        if not _is_newer() and call.package.is_whole(name):
            _take_over(call)
    return _lines("success")


def _import(call: Call) -> Response:
    """Newer clients ask until the file they name is imported: unpack, take over, wait."""
    if not call.is_sale:
        return _lines("success")
    with _noting(call):
        if call.package.unpack():
            return _lines("progress", "Распаковка архива завершена")
    name, waiting = call.file_name, [path.name for path in call.package.files()]
    if name in waiting or (waiting and not _batches(call, name)):
        others = (one for one in _recent(call) if one.options.get("session") != call.session)
        if any(one.state in UNFINISHED for one in others):  # one import at a time
            return _lines("progress", "Загружаются ранее переданные файлы")
        _take_over(call, name)
    batches = _batches(call, name)[-1:] or _batches(call)
    if not batches:
        raise Unknown("Файл не передан")
    return _outcome([one.id for one in batches])


MODES: dict[str, Callable[[Call], Response]] = {
    "checkauth": _check_auth,
    "init": _init,
    "query": _query,
    "success": _success,
    "file": _file,
    "import": _import,
    "info": _info,
    "complete": _success,
    "deactivate": _success,
}


# Taking over what was sent


@contextmanager
def _noting(call: Call) -> Iterator[None]:
    """What cannot be read is forgotten, and its reason kept with the connection's exchanges."""
    try:
        yield
    except FileRefused as refusal:
        call.package.clear()
        with transaction():
            exchanges.note(call.source.id, NOT_READ, refusal, now=call.now)
        raise


def _take_over(call: Call, name: str = "") -> None:
    """Make a batch of the named file, or of each file, and let them be read. Raises Refused when one is damaged."""
    with _noting(call):
        call.package.unpack()
        paths = call.package.checked(name) or call.package.checked()
    stored = []
    for path in paths:
        with path.open("rb") as file:
            stored.append((path.name, staging.store(file, tasks.uploads(), most_bytes=MOST_BYTES)))
    with transaction():
        made = [
            services.receive(
                call.source.id, one, file_name=file_name, format="commerceml", now=call.now, session=call.session
            )
            for file_name, one in stored
        ]
    for path in paths:
        path.unlink()
    for batch_id in made:
        tasks.stage_batch.enqueue(batch_id)


def _batches(call: Call, name: str = "") -> Sequence[ImportBatch]:
    """What this session sent, under this name."""
    mine = (one for one in _recent(call) if one.options.get("session") == call.session)
    return [one for one in mine if not name or one.file_name == name]


def _recent(call: Call) -> Sequence[ImportBatch]:
    since = ImportBatch.source_id == call.source.id, ImportBatch.created_at > call.now - EXPIRES_AFTER
    return db.session.scalars(select(ImportBatch).where(*since).order_by(ImportBatch.id)).all()


def _outcome(ids: Sequence[int]) -> Response:
    """Success once all are applied; some waiting here spares the client a hundred questions."""
    end = time.monotonic() + WAIT_S
    while True:
        with reading():
            batches = db.session.scalars(select(ImportBatch).where(ImportBatch.id.in_(ids))).all()
            if time.monotonic() > end or not any(one.state in UNFINISHED for one in batches):
                return _said(batches)
        time.sleep(0.1)


def _said(batches: Sequence[ImportBatch]) -> Response:
    for one in batches:
        if one.state is BatchState.REFUSED:
            return _lines("failure", _(one.error, **one.error_values))
    rows = sum(one.rows for one in batches)
    if any(one.state in UNFINISHED for one in batches):
        return _lines("progress", f"Обработано записей: {sum(one.applied for one in batches)} из {rows}")
    return _lines("success", f"Принято записей: {rows}")
