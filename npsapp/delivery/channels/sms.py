"""SMS over HTTP: Kannel, or a provider's gateway by its recipe."""

import ssl
from collections.abc import Callable
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from flask import current_app

from npsapp.db import db
from npsapp.delivery.channels import ChannelError, Fate, OpenChannel, Outgoing, Stays, gateways, kannel
from npsapp.delivery.channels.gateways import Answer, Asked, Gate, Recipe, Short
from npsapp.delivery.models import Gateway, Sender
from npsapp.delivery.rules import Failure, GatewayKind
from npsapp.lib import sealing, tokens

REPORT, OF_MESSAGE, OF_SENDER = "sms report", "m", "s"
"""What a signature in the address of reports is for, and whose they are."""
LONGEST_ANSWER = 64 * 1024  # bytes


def open_channel(sender: Sender) -> OpenChannel:
    """The gateway of a sender. Nothing is connected before the first message: each takes a connection of its own.

    One that is used again may have been closed meanwhile, and then nobody knows whether the message went.
    """
    gateway = db.session.get(Gateway, sender.id)
    if gateway is None:
        raise ChannelError(Fate.NO_CONNECTION, Failure(False, "no SMS gateway is set up", ours=True))
    return SmsChannel(gateway)


def report_url(kind: str, id_: int) -> str:
    """Where reports go: of one message, or of all that a sender's gateway has. Nobody else can make such an address."""
    signed = tokens.sign(current_app.config["SECRET_KEYS"], REPORT, [kind, id_])
    return f"{current_app.config['PUBLIC_URL']}/sms/report/{signed}"


class SmsChannel:
    """A gateway that takes one message with each request."""

    def __init__(self, gateway: Gateway) -> None:
        sender = gateway.sender
        secret = sealing.unseal(current_app.config["SECRET_KEYS"], sender.password) if sender.password else ""
        if secret is None:
            words = "the stored password cannot be read with this secret key; enter it again"
            raise ChannelError(Fate.NO_CONNECTION, Failure(False, words, ours=True))
        self._gate = Gate(gateway.url, sender.address, sender.username, secret)
        self._recipe = None if gateway.kind is GatewayKind.KANNEL else Recipe.of(gateway.recipe)

    def send(self, letter: Outgoing, leaves: Callable[[], bool]) -> str:
        """Hand over one SMS; gives the gateway's id of it, or nothing. ChannelError says what became of it else."""
        digits = "".join(char for char in letter.to_address if char.isdecimal())
        short = Short(letter.id, digits, letter.body, report_url(OF_MESSAGE, letter.id))
        recipe = self._recipe
        try:
            asked = gateways.ask(self._gate, recipe, short) if recipe else kannel.ask(self._gate, short)
        except gateways.WrongRecipe as error:
            raise ChannelError(Fate.NO_CONNECTION, Failure(False, "the recipe is faulty", ours=True)) from error
        if not leaves():
            raise Stays
        status, body = _talk(asked)
        answer = gateways.read_answer(recipe, status, body) if recipe else kannel.read_answer(status, body)
        if answer.failure:
            raise ChannelError(_fate(answer), answer.failure)
        return answer.ref

    def close(self) -> None:
        """Nothing is open."""


def _fate(answer: Answer) -> Fate:
    if answer.in_doubt:
        return Fate.UNKNOWN
    return Fate.NO_CONNECTION if answer.failure and answer.failure.ours else Fate.REFUSED


def _talk(asked: Asked) -> tuple[int, str]:
    """Status and words of the answer. Redirects are not followed: nobody else shall see the message or the secret."""
    connection = _connection(asked.url)
    try:
        connection.connect()
    except (OSError, UnicodeError) as error:
        connection.close()
        raise ChannelError(Fate.NO_CONNECTION, Failure(False, f"{type(error).__name__}: {error}"[:300])) from error
    try:
        connection.request(asked.method, _path(asked.url), asked.body or None, dict(asked.headers))
        answer = connection.getresponse()
        return answer.status, answer.read(LONGEST_ANSWER).decode("utf-8", "replace")
    except ValueError as error:  # a header that cannot be one; nothing has travelled yet
        raise ChannelError(Fate.NO_CONNECTION, Failure(False, "a header cannot be sent", ours=True)) from error
    except (OSError, HTTPException) as error:
        raise ChannelError(Fate.UNKNOWN, Failure(False, f"{type(error).__name__}: {error}"[:300])) from error
    finally:
        connection.close()


def _connection(url: str) -> HTTPConnection:
    parts, timeout = urlsplit(url), current_app.config["MAIL_TIMEOUT"]
    if parts.scheme == "https":
        return HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=_certificates())
    return HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Whom to believe; reading all of the system's takes as long as a message."""
    return ssl.create_default_context()
