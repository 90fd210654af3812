"""The survey page's doors: what a customer opens with a link, and what a button there records.

No cookie and no session: a signed nonce in the page protects the form, a signed right to edit says "this is the
page that answered". GET and HEAD record nothing but a trace of the link.
"""

import functools
import logging
from collections.abc import Callable
from threading import BoundedSemaphore

from flask import Blueprint, Flask, Response, abort, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import StatementError
from werkzeug.exceptions import HTTPException

from npsapp.db import db, transaction
from npsapp.extensions import csrf
from npsapp.i18n import LANGUAGES
from npsapp.invitations import queries as invitations
from npsapp.lib import tokens
from npsapp.lib.clock import utcnow
from npsapp.organization import queries as organization
from npsapp.responses import forms, pages, queries, rules, services
from npsapp.responses.forms import Posted
from npsapp.responses.models import LinkAct
from npsapp.responses.pages import Form, Visit
from npsapp.web.access import public
from npsapp.web.assets import FOREVER

log = logging.getLogger(__name__)
bp = Blueprint("survey", __name__, url_prefix="/r", template_folder="templates")
csrf.exempt(bp)

BODY_MAX = 256 * 1024  # bytes; 5,000 characters, four bytes each and percent-encoded, fit four times
_traces = BoundedSemaphore(2)  # more at once mean load: further ones are dropped (decisions.md 20)


def steady(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Whatever breaks, the visitor gets a page that still holds the text."""

    @functools.wraps(view)
    def run(token: str, **rest: str) -> ResponseReturnValue:
        request.max_content_length = BODY_MAX
        try:
            return view(token, **rest)
        except HTTPException:
            raise
        except Exception as error:
            db.session.rollback()
            if isinstance(error, StatementError):
                error.hide_parameters = True  # the token is among them, and logs hold no tokens
            log.exception("a survey page failed")
            return pages.trouble(token)

    return run


def posting(view: Callable[[Visit, Posted], ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Find the invitation, stop who presses too often, and hand the view what was posted."""

    @functools.wraps(view)
    def run(token: str, **_rest: str) -> ResponseReturnValue:
        posted = forms.read_posted(request.form)
        visit = _visit(token, posted.switch or posted.language)
        if visit is None:
            return pages.unknown()
        if not _turnstile().passes(tokens.digest(token), now=visit.now):
            return pages.busy(visit)
        return view(visit, posted)

    return steady(run)


# ---- reading ---------------------------------------------------------------------------------------------------


@bp.get("/<token>")
@bp.get("/<token>/<score>")
@public
@steady
def show(token: str, score: str = "") -> ResponseReturnValue:
    """The page behind a link with the tapped score chosen."""
    visit = _visit(token, "")
    chosen = rules.score_or_none(score)
    if visit is None or (score and chosen is None):
        return pages.unknown()
    if visit.way is not rules.Way.OPEN:
        return pages.elsewhere(visit)
    answer = queries.of_invitation(visit.invitation.id)
    form = Form(pages.nonce(visit), score=chosen)
    response = pages.ask(visit, form) if answer is None else pages.answered(visit, form, answer)
    _leave_trace(response, visit, chosen)
    return response


@bp.get("/style/<int:brand_id>-<fingerprint>.css")
@public
def style(brand_id: int, fingerprint: str) -> ResponseReturnValue:
    """A brand's stylesheet. Its address holds a hash of its content, so browsers keep it for a year. :raise 404:"""
    brand = organization.brand(brand_id)
    if brand is None:
        abort(404)
    text = pages.stylesheet(brand)
    response = Response(text, mimetype="text/css")
    known = fingerprint == pages.fingerprint(text)
    response.headers["Cache-Control"] = FOREVER if known else "no-cache"
    return response


# ---- recording -------------------------------------------------------------------------------------------------


@bp.post("/<token>")
@bp.post("/<token>/<score>")
@public
@posting
def record(visit: Visit, posted: Posted) -> ResponseReturnValue:
    """Take the posted score and words; a score in the address only says which link was tapped."""
    if visit.way is not rules.Way.OPEN:
        return pages.elsewhere(visit)
    if posted.switch:
        return pages.ask(visit, pages.kept(visit, posted))
    answer = queries.of_invitation(visit.invitation.id)
    if posted.resume:
        known = answer is not None and pages.has_right(visit, posted)
        return pages.resumed(visit, answer) if answer and known else pages.unknown()
    if pages.opened_at(visit, posted) is None and not pages.has_right(visit, posted):
        return pages.once_more(visit, posted, answer)
    score = rules.score_or_none(posted.score)
    if score is None:
        return pages.refused(
            visit, pages.kept(visit, posted), rules.NotAScore(), 400 if posted.score else 422
        )
    return _take(visit, posted, score)


def _take(visit: Visit, posted: Posted, score: int) -> ResponseReturnValue:
    """Record a score with the words if they can be stored: too many of them never cost the score."""
    too_long: rules.TooLong | None = None
    words = ""
    try:
        words = rules.comment_from(posted.comment)
    except rules.TooLong as refusal:
        too_long = refusal
    emptied = posted.shown and posted.final and not too_long
    submission = services.Submission(
        rules.Said(score, words if words or emptied else None, posted.contact),
        language=visit.language,
        final=not too_long and (posted.final or bool(words)),
        may_edit=pages.has_right(visit, posted),
        opened_at=pages.opened_at(visit, posted) or visit.now,
    )
    try:
        with transaction():
            answered = services.answer(visit.step.id, submission, now=visit.now)
    except services.Closed:
        return pages.elsewhere(visit)
    if too_long and answered.disputed is None:
        return pages.refused(visit, pages.kept(visit, posted, edit=pages.right(visit)), too_long, 422)
    return _next_page(visit, answered, final=submission.final)


def _next_page(visit: Visit, answered: services.Answered, *, final: bool) -> ResponseReturnValue:
    """The disputed page, the second question, or thanks."""
    answer = answered.response
    if answered.outcome is services.Outcome.DISPUTED and answered.disputed is not None:
        return pages.disputed(visit, answer, answered.disputed)
    if final:
        return pages.thanks(visit, answer)
    form = Form(pages.nonce(visit), pages.right(visit), answer.score, why=True, saved=True, posted=True)
    return pages.ask(visit, form)


@bp.post("/<token>/change")
@public
@posting
def change(visit: Visit, posted: Posted) -> ResponseReturnValue:
    """The button "change my answer": this page may edit from now on, and a disputed answer is applied."""
    if visit.way is not rules.Way.OPEN:
        return pages.elsewhere(visit)
    known = pages.has_right(visit, posted)
    answer = queries.of_invitation(visit.invitation.id)
    if answer is None or (pages.opened_at(visit, posted) is None and not known):
        return pages.once_more(visit, posted, answer)
    if posted.disputed is not None:
        with transaction():
            answered = services.apply_disputed(visit.step.id, posted.disputed, now=visit.now)
        if answered is None or answered.disputed is None:
            return pages.once_more(visit, posted, answer)
        return _next_page(visit, answered, final=bool(answered.disputed.comment))
    score = rules.score_or_none(posted.score)
    # Only the page that answered sees the words again: letters are forwarded.
    form = Form(
        pages.nonce(visit),
        pages.right(visit),
        answer.score if score is None else score,
        comment=answer.comment if known else "",
        contact=answer.contact_wanted if known else None,
        why=True,
        posted=True,
    )
    return pages.ask(visit, form)


@bp.post("/<token>/not-mine")
@public
@posting
def not_mine(visit: Visit, posted: Posted) -> ResponseReturnValue:
    """The button "this was not my purchase": takes no score, marks the address, closes the invitation."""
    if visit.way is not rules.Way.OPEN:
        return pages.elsewhere(visit)
    may_edit, opened_at = pages.has_right(visit, posted), pages.opened_at(visit, posted)
    answer = queries.of_invitation(visit.invitation.id)
    if opened_at is None and not may_edit:
        return pages.once_more(visit, posted, answer)
    try:
        with transaction():
            services.not_mine(
                visit.step.id, may_edit=may_edit, opened_at=opened_at or visit.now, now=visit.now
            )
    except services.AlreadyAnswered:
        return pages.once_more(visit, posted, answer)
    return pages.elsewhere(visit)


@bp.post("/<token>/mine")
@public
@posting
def mine(visit: Visit, posted: Posted) -> ResponseReturnValue:
    """Take "not my purchase" back: the question again, or the answer that had been given."""
    if visit.way is rules.Way.NOT_MINE and pages.opened_at(visit, posted) is not None:
        with transaction():
            services.mine_after_all(visit.step.id, now=visit.now)
    if visit.way is not rules.Way.OPEN:
        return pages.elsewhere(visit)
    answer = queries.of_invitation(visit.invitation.id)
    form = Form(pages.nonce(visit))
    return pages.ask(visit, form) if answer is None else pages.answered(visit, form, answer)


# ---- around it -------------------------------------------------------------------------------------------------


def _visit(token: str, posted_language: str) -> Visit | None:
    """The visit of a token and its language: asked for in the address, posted, the customer's, the brand's."""
    step = invitations.by_token(token) if rules.looks_like_token(token) else None
    if step is None or rules.way(step.invitation.state, None, now=utcnow()) is rules.Way.NOWHERE:
        return None
    wanted = (request.args.get("lang", ""), posted_language, step.invitation.language)
    own = step.invitation.interaction.brand.language
    language = next((language for language in wanted if language in LANGUAGES), own)
    return Visit(token, step, language, utcnow())


def _turnstile() -> rules.Turnstile:
    """The counter of this process and application."""
    found: rules.Turnstile = current_app.extensions.setdefault("survey_turnstile", rules.Turnstile())
    return found


def _leave_trace(response: Response, visit: Visit, score: int | None) -> None:
    """Remember the opening after the response has left, in a transaction of its own."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    early = request.method == "HEAD" or "prefetch" in request.headers.get("Sec-Purpose", "")
    write = functools.partial(
        services.note_link,
        visit.step.id,
        act=LinkAct.PREFETCHED if early else LinkAct.OPENED,
        score=score,
        network=rules.network_of(request.remote_addr),
        agent=rules.agent_class(request.user_agent.string),
        now=visit.now,
    )
    response.call_on_close(lambda: _write_trace(app, write))


def _write_trace(app: Flask, write: Callable[[], None]) -> None:
    if not _traces.acquire(blocking=False):
        return
    try:
        with app.app_context(), transaction():
            write()
    except Exception:
        log.warning("the trace of a link was dropped", exc_info=True)
    finally:
        _traces.release()
