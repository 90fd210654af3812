"""Portals (CRMs in the net): asking them for JSON over HTTPS within limits, and what all of them have in common."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from npsapp.lib.mailboxes import is_this_machine
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization.rules import fold

PATIENCE_S = 15.0  # for one read of the network, and for the whole answer
LARGEST = 4 * 1024 * 1024
_PIECE = 64 * 1024
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class BadAddress(Refused):
    """The address of a portal cannot be used."""

    wording = N_("The address of the portal is missing, or does not begin with https://.")


class Trouble(Refused):
    """The portal did not answer as it should; `wait` says when to ask again, None that it would be of no use."""

    wording = N_("%(host)s did not answer: %(why)s")

    def __init__(self, *, wait: timedelta | None = timedelta(), answer: Any = None, **values: Any) -> None:
        super().__init__(**values)
        self.wait, self.answer = wait, answer


class Foreign(Refused):
    """An event that does not come from our portal."""

    wording = N_("The event does not carry this portal’s token. Compare it with the one in the portal’s webhook.")


class NotAbout(Refused):
    """An event about something else than a deal; nothing is to be done."""

    wording = N_("The event is not about a deal.")


@dataclass(frozen=True)
class Ids:
    """The deals an event is about: those to be read, and those that were deleted."""

    read: list[int]
    deleted: list[int] = field(default_factory=list)


def numbers(values: Iterable[Any]) -> list[int]:
    """The values that are numbers of something, each once."""
    texts = [str(value).strip() for value in values]
    return list(dict.fromkeys(int(text) for text in texts if _NUMBER.fullmatch(text)))


def pieces(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """The values in pieces of at most `size`."""
    return (values[at : at + size] for at in range(0, len(values), size))


def effective(stage: str, usual: str, meanings: Mapping[str, str]) -> str:
    """The state of a deal by its stage: as people mapped it (folded stage → state), else as usual."""
    return meanings.get(fold(stage)) or usual


class _NoRedirects(HTTPRedirectHandler):
    """A redirect may lead into our own network, or carry the secret elsewhere."""

    def redirect_request(self, *_args: Any) -> None:
        """Follow nothing."""


opened = build_opener(_NoRedirects).open


def checked(address: str) -> str:
    """The address without its last slash.

    :raise BadAddress: when what is said there could be read on the way; this machine itself may be asked plainly.
    """
    parts = urlsplit(address.strip())
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise BadAddress()
    if parts.scheme == "http" and not is_this_machine(parts.hostname):
        raise BadAddress()
    return address.strip().rstrip("/")


def host(address: str) -> str:
    """The name of a portal, without the secret that its address may hold."""
    return urlsplit(address).hostname or ""


def ask(url: str, *, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Any:
    """The JSON a portal answers; POST with a body, else GET. None for "204 No Content". Needs the network.

    :raise Trouble: with the portal's own JSON as `answer`, if it sent one. Nothing in it tells the secret address.
    """
    portal = host(url)
    data = json.dumps(body).encode() if body is not None else None
    sent = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
    try:
        with opened(Request(url, data=data, headers=sent), timeout=PATIENCE_S) as answer:  # noqa: S310 - `checked`
            return _json(_read(answer), portal) if answer.status != HTTPStatus.NO_CONTENT else None
    except HTTPError as error:
        with error:
            raise _refused(error, portal) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise Trouble(host=portal, why=type(reason).__name__) from None


def _read(answer: HTTPResponse | HTTPError) -> bytes:
    end, pieces, size = time.monotonic() + PATIENCE_S, [], 0
    while piece := answer.read(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST or time.monotonic() > end:
            raise HTTPException("too much")
    return b"".join(pieces)


def _json(text: bytes, portal: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Trouble(host=portal, why="no JSON") from None


def _refused(error: HTTPError, portal: str) -> Trouble:
    """An answer with an error status: our own fault is not repeated, the portal's is."""
    try:
        answer = json.loads(_read(error))
    except (ValueError, RecursionError, OSError, HTTPException):
        answer = None
    again = error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code in (
        HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT
    )  # fmt: skip
    wait = timedelta(seconds=_seconds(error.headers.get("Retry-After"))) if again else None
    return Trouble(wait=wait, answer=answer, host=portal, why=f"HTTP {error.code}")


def _seconds(text: str | None) -> int:
    return min(int(text), 3600) if text and text.isascii() and text.isdigit() else 0
