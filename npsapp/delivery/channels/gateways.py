"""HTTP gateways of SMS providers by recipe: how one is asked, what its answers and reports mean. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from npsapp.delivery.rules import Failure
from npsapp.lib.texts import N_, Worded

DEAD, NO, LATER = "5.1.1", "5.0.0", "4.0.0"
"""What is known of the number, as RFC 3463 writes it of addresses: dead, nothing, or that it may work later."""
LONGEST_NUMBER = re.compile(r"\d{7,}")
WORDS_MAX = 200
TOO_MANY, AWAY = 429, 503
# The gateway's own server gave up waiting or broke off: the message may be on its way all the same.
IN_DOUBT = frozenset({500, 502, 504})
NOT_LET_IN = frozenset({401, 402, 403})


@dataclass(frozen=True)
class Gate:
    """A gateway as a channel needs it, independent of the database session."""

    url: str
    name: str
    """The sender name that phones show."""
    username: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Short:
    """One SMS: our id, the number in digits, its words, and the address to which reports go."""

    id: int
    to: str
    text: str
    report_url: str


@dataclass(frozen=True)
class Asked:
    """An HTTP request; what is secret stands in headers or body, never in the address."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What a gateway said: it took the message (`ref`: its id for it, or empty), or why not."""

    ref: str = ""
    failure: Failure | None = None
    in_doubt: bool = False
    """It may have taken it."""


class News(StrEnum):
    """What a delivery report says of a message."""

    ON_ITS_WAY = "on_its_way"
    DELIVERED = "delivered"
    NOT_DELIVERED = "not_delivered"


@dataclass(frozen=True)
class Report:
    """A delivery report; `failure` says why it was not delivered."""

    news: News
    failure: Failure | None = None


class Way(Worded):
    """How the fields of a request travel."""

    JSON = "json", N_("POST, JSON")
    FORM = "form", N_("POST, form fields")
    QUERY = "query", N_("GET, in the address")


@dataclass(frozen=True)
class Recipe:
    """How one provider is spoken to. Placeholders: to, text, sender, id, report, user, secret, each in braces.

    Places are JSON paths ("result.0.id"; empty: the whole answer), meanings are regular expressions.
    """

    way: Way = Way.JSON
    headers: str = ""
    """Lines "Name: value"."""
    body: str = ""
    """The JSON document, or lines "field=value"."""
    answer_at: str = ""
    accepted: str = ""
    number: str = ""
    """The number cannot get SMS, now or later."""
    ours: str = ""
    """Our account is at fault: password, credit, sender name."""
    ref_at: str = ""
    """Where the answer says under which id the gateway knows the message; empty: nowhere."""
    report_ref: str = ""
    """Reports: the field with that id …"""
    report_status: str = ""
    """… and the one with the status."""
    delivered: str = ""
    failed: str = ""

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> "Recipe":
        """From what the database holds."""
        texts = {name: text for name, text in stored.items() if name != "way"}
        return cls(way=Way(stored.get("way", Way.JSON)), **texts)

    def stored(self) -> dict[str, str]:
        """For the database."""
        return {name: str(value) for name, value in asdict(self).items()}

    @property
    def reports(self) -> bool:
        """Whether the gateway reports what became of messages."""
        return bool(self.report_ref or "{report}" in self.body)


TURBOSMS = Recipe(
    headers="Authorization: Bearer {secret}",
    body='{"recipients": ["{to}"], "sms": {"sender": "{sender}", "text": "{text}"}}',
    answer_at="response_result.0.response_code",
    accepted="^0$",
    number="RECIPIENT|PHONE",
    ours="TOKEN|AUTH|ACCOUNT|BALANCE|FUNDS|SENDER",
    ref_at="response_result.0.message_id",
)
SMSC = Recipe(
    way=Way.FORM,
    body="apikey={secret}\nphones={to}\nmes={text}\nsender={sender}\nid={id}\ncharset=utf-8\nfmt=3",
    accepted=r'"cnt"\s*:',
    number=r'"error_code"\s*:\s*[78]\b|^22$',
    ours=r'"error_code"\s*:\s*[2346]\b',
    ref_at="id",
    report_ref="id",
    report_status="status",
    delivered="^[12]$",
    failed="^(3|2[0-9])$",
)
PRESETS = {
    "turbosms": ("TurboSMS", "https://api.turbosms.ua/message/send.json", TURBOSMS),
    "smsc": ("SMSC", "https://smsc.ua/sys/send.php", SMSC),
}
"""Written from the providers' descriptions, untried: nobody has sent an SMS with them yet."""


class WrongRecipe(ValueError):
    """A recipe that no request can be made of."""


def ask(gate: Gate, recipe: Recipe, short: Short) -> Asked:
    """The request that hands over one message. Raises WrongRecipe for a body that is none."""
    values = {"to": short.to, "text": short.text, "sender": gate.name, "id": str(short.id)}
    values |= {"report": short.report_url, "user": gate.username, "secret": gate.secret}
    headers = dict(_pairs(_filled(recipe.headers, values), ":"))
    if recipe.way is Way.JSON:
        body = json.dumps(_filled_in(_document(recipe.body), values), ensure_ascii=False).encode()
        return Asked("POST", gate.url, {"Content-Type": "application/json; charset=utf-8", **headers}, body)
    fields = urlencode([(name, _filled(value, values)) for name, value in _pairs(recipe.body, "=")])
    if recipe.way is Way.FORM:
        kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return Asked("POST", gate.url, {**kind, **headers}, fields.encode())
    return Asked("GET", f"{gate.url}{'&' if '?' in gate.url else '?'}{fields}", headers, b"")


def _document(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise WrongRecipe(str(error)) from error


def _pairs(lines: str, between: str) -> list[tuple[str, str]]:
    """Lines of a name and a value; empty ones are left out."""
    found = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        name, middle, value = line.partition(between)
        if not middle or not name.strip():
            raise WrongRecipe(line)
        found.append((name.strip(), value.strip()))
    return found


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


def _filled_in(document: Any, values: Mapping[str, str]) -> Any:
    """Filled where it is text already, so that nothing a customer is called can end a string."""
    if isinstance(document, dict):
        return {name: _filled_in(one, values) for name, one in document.items()}
    if isinstance(document, list):
        return [_filled_in(one, values) for one in document]
    return _filled(document, values) if isinstance(document, str) else document


def read_answer(recipe: Recipe, status: int, body: str) -> Answer:
    """What an answer means. A refusal that names neither number nor account is about this message alone."""
    said = _at(body, recipe.answer_at)
    said, words = body if said is None else said, words_of(status, body)
    if status < 300 and recipe.accepted and re.search(recipe.accepted, said):
        return Answer(ref=(_at(body, recipe.ref_at) or "")[:100] if recipe.ref_at else "")
    if status in IN_DOUBT:
        return Answer(failure=Failure(False, words, LATER), in_doubt=True)
    if status in (TOO_MANY, AWAY):
        return Answer(failure=Failure(False, words, LATER))
    if _means(recipe.ours, body) or status in NOT_LET_IN or 300 <= status < 400:
        return Answer(failure=Failure(False, words, NO, ours=True))
    return Answer(failure=Failure(True, words, DEAD if _means(recipe.number, body) else NO))


def _means(pattern: str, said: str) -> bool:
    return bool(pattern and re.search(pattern, said))


def _at(body: str, path: str) -> str | None:
    """What stands at a place of a JSON answer, as text; None where there is nothing."""
    if not path:
        return body
    try:
        found = json.loads(body)
        for step in path.split("."):
            found = found[int(step)] if isinstance(found, list) else found[step]
    except (ValueError, LookupError, TypeError):
        return None
    return str(found)


def words_of(status: int, body: str) -> str:
    """A server's words on one line, without telephone numbers."""
    return f"{status} {LONGEST_NUMBER.sub('…', ' '.join(body.split()))}"[:WORDS_MAX]


def read_report(recipe: Recipe, said: Mapping[str, str]) -> Report | None:
    """The meaning of a call with these fields; None when it says nothing about the outcome."""
    status = said.get(recipe.report_status, "")
    if _means(recipe.delivered, status):
        return Report(News.DELIVERED)
    if _means(recipe.failed, status):
        words = f"status {LONGEST_NUMBER.sub('…', status)}"[:WORDS_MAX]
        return Report(News.NOT_DELIVERED, Failure(True, words, DEAD if _means(recipe.number, status) else NO))
    return None


def fault_of(recipe: Recipe) -> str:
    """The field of a recipe that cannot be used, or an empty string."""
    for name in ("accepted", "number", "ours", "delivered", "failed"):
        try:
            re.compile(getattr(recipe, name))
        except re.error:
            return name
    if recipe.way is Way.QUERY and "{secret}" in recipe.body:
        return "body"  # addresses are written into logs
    for name, part in (("headers", Recipe(Way.FORM, recipe.headers)), ("body", Recipe(recipe.way, "", recipe.body))):
        try:
            ask(Gate("", ""), part, Short(0, "", "", ""))
        except WrongRecipe:
            return name
    return ""
