"""The doors of open links: the survey page for people without an invitation, on their phone or on the store's tablet.

Each opening of a page has a key of its own, signed into the page: it answers once, and may change that for a while.
"""

import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from flask import current_app, request
from flask.typing import ResponseReturnValue

from npsapp.db import db
from npsapp.extensions import csrf
from npsapp.lib import phones, tokens
from npsapp.lib.clock import utcnow
from npsapp.responses import (
    further,
    open_queries as queries,
    open_rules,
    open_services as services,
    pages,
    public,
    rendering,
    rules,
)
from npsapp.responses.forms import Fields
from npsapp.responses.open_rules import Asks
from npsapp.responses.pages import Page, Visit
from npsapp.responses.queries import Link
from npsapp.surveys.rules import SurveyState
from npsapp.web.access import Room, public as for_everybody

bp = Room("open", __name__, url_prefix="/o", template_folder="templates")
csrf.exempt(bp)  # no cookie, no session: the page's signature protects its form

_PAGE, _EDIT = "open page", "right to edit an open answer"  # what the two signatures are for


@dataclass(frozen=True)
class OpenVisit(Visit):
    """One request with an open link. `key` is the page's that posts, or of the page that is being made."""

    key: str
    made_at: datetime | None
    """When the page that posts was made; None when nothing good was posted."""

    @property
    def way(self) -> rules.Way:
        asks = self.link.state == SurveyState.ACTIVE and self.link.content and self.link.retired_at is None
        return rules.Way.OPEN if asks else rules.Way.CLOSED

    def again(self) -> "OpenVisit":
        """The visit after something was done in this transaction."""
        db.session.flush()
        return replace(self, link=queries.link(self.link.token, self.key) or self.link)

    @cached_property
    def nonce(self) -> str:
        """A signed mark for this page: its link, its key and the moment it was made."""
        return tokens.sign(_keys(), _PAGE, [self.link.open_link_id, self.key, int(self.now.timestamp())])

    @property
    def opened_at(self) -> datetime | None:
        return self.made_at

    @cached_property
    def right(self) -> str:
        """The signed right to edit what this page answered."""
        return tokens.sign(_keys(), _EDIT, [self.link.open_link_id, self.key])

    @property
    def may_edit(self) -> bool:
        """For an hour; on a tablet until the thanks: the next one there is somebody else."""
        link = self.link
        if self.made_at is None or link.response_id is None or (link.tablet and link.finished_at):
            return False
        return bool(self.now - link.confirmed_at <= open_rules.EDIT_FOR)

    @property
    def may_read(self) -> bool:
        """Nobody else has this page."""
        return self.may_edit

    def own(self) -> dict[str, Any]:
        """What its pages say: whether to ask for a number, and on a tablet nothing to remember anybody by."""
        link = self.link
        own = {"open": True, "asks": link.asks is not Asks.NOTHING, "needs": link.asks is Asks.REQUIRED}
        return own | {"tablet": link.tablet, "key": "" if link.tablet else tokens.digest(f"open {link.token}")[:16]}

    def promises_a_call(self, said: rules.Said) -> bool:
        """Only to whoever left a phone number; an order's number may be anybody's, or nobody's."""
        typed = self.form.reference or (said.more or {}).get(further.ADDRESS, "")
        given = open_rules.reference_from(str(typed), phones.country_of_zone(self.link.zone)).phone
        return bool(given) and super().promises_a_call(said)


def _keys() -> tuple[str, ...]:
    keys: tuple[str, ...] = current_app.config["SECRET_KEYS"]
    return keys


def _visit(token: str, form: Fields) -> OpenVisit | None:
    """The visit of a link's page: its key and age by its right to edit, else by its nonce, else a new page."""
    now, link = utcnow(), queries.link(token, "")
    if link is None:
        return None
    key, made_at = _signed(form, link.open_link_id)
    fresh = made_at is None or now - made_at > rules.NONCE_MAX_AGE
    key = secrets.token_urlsafe(16) if fresh else key
    language = public.language_for(link, form, _spoken(link))
    return OpenVisit(queries.link(token, key) or link, language, form, now, key, None if fresh else made_at)


def _spoken(link: Link) -> str:
    """What the visitor's phone speaks; a tablet speaks the brand's language."""
    if link.tablet:
        return ""
    return request.accept_languages.best_match(rendering.listed(link.brand_languages)) or ""


def _signed(form: Fields, open_link_id: int) -> tuple[str, datetime | None]:
    page, right = tokens.read(_keys(), _PAGE, form.nonce), tokens.read(_keys(), _EDIT, form.edit)
    if isinstance(right, list) and right[0] == open_link_id:
        return right[1], utcnow()
    if isinstance(page, list) and page[0] == open_link_id:
        return page[1], datetime.fromtimestamp(page[2], UTC)
    return "", None


def opening(view: Callable[[OpenVisit], Page]) -> Callable[..., ResponseReturnValue]:
    """Hand the view the visit behind an open link that still asks."""

    def run(visit: Any, _score: str) -> Page:
        return view(visit) if visit.way is rules.Way.OPEN else pages.elsewhere(visit)

    return public.visiting(functools.wraps(view)(run), _visit)


@bp.get("/<token>")
@bp.page("/<token>/<score>", for_everybody)
@opening
def show(visit: OpenVisit) -> Page:
    """The question, for whoever comes; a score in the address was chosen before the language was."""
    score = (request.view_args or {}).get("score", "")
    return pages.start(visit, score=score if rules.score_or_none(score) is not None else "")


@bp.deed("/<token>", for_everybody)
@opening
def record(visit: OpenVisit) -> Page:
    """Take what a page has sent: the first time as an answer, then as a change of it."""
    form, link = visit.form, visit.link
    if visit.opened_at is None:
        return pages.once_more(visit)
    if link.response_id is not None and not visit.may_edit:  # sent once more: it is there
        return pages.thanks(visit, rules.Said(link.score, contact=False))
    most = current_app.config["OPEN_ANSWERS_PER_HOUR"]
    network = rules.network_of(request.remote_addr)
    answer = functools.partial(services.answer, key=visit.key, typed=form.reference, network=network, most=most)
    try:
        return public.taken(visit, answer)
    except open_rules.NoReference as refusal:
        if form.final or form.comment:
            return pages.refused(visit, refusal, visit.kept(final="1"))
        return pages.ask(visit, visit.kept(final="1"), "waiting")
    except open_rules.TooMany as refusal:
        return pages.refused(visit, refusal, visit.kept(), 429)


@bp.deed("/<token>/change", for_everybody)
@opening
def change(visit: OpenVisit) -> Page:
    """The button "change my answer" of the page that answered."""
    return pages.changing(visit) if visit.may_edit else pages.once_more(visit)
