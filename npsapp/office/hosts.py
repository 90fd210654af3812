"""Whether a brand's own address leads to this installation: asked over the network, and answered with a signature."""

import logging
from urllib.error import URLError

from flask import Response, current_app

from npsapp.intake import portals
from npsapp.lib import tokens
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.office.blueprint import bp
from npsapp.web.access import public

log = logging.getLogger(__name__)

PURPOSE = "own address"
TIMEOUT_S = 5.0
MOST_BYTES = 1000


class NotHere(Refused):
    """Nobody answers at the address, or somebody else does."""

    wording = N_(
        "%(url)s was opened, and this program did not answer there. Let the name point to this server and the web "
        "server pass it on, with a certificate, then check again."
    )


@bp.page("/healthz/<token>", public)
def here(token: str) -> Response:
    """Sign a random word, which only this installation can."""
    answer = Response(tokens.sign(current_app.config["SECRET_KEYS"], PURPOSE, token[:64]), mimetype="text/plain")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def check(url: str) -> None:
    """Open `url` and see that this installation answers. Slow: never inside a transaction.

    :raise NotHere: when nobody does within five seconds, or somebody else.
    """
    word = tokens.new_token()
    try:
        with portals.opened(f"{url}/healthz/{word}", timeout=TIMEOUT_S) as answer:
            said = answer.read(MOST_BYTES).decode("ascii", "replace")
    except (URLError, OSError, ValueError) as error:
        log.info("the own address of a brand could not be opened: %s", error)
        raise NotHere(url=url) from error
    if tokens.read(current_app.config["SECRET_KEYS"], PURPOSE, said) != word:
        raise NotHere(url=url)
