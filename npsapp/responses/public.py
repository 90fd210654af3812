"""The survey page's doors: what a customer opens with a link, and what a button there records.

No cookie and no session: a signed nonce in the page protects the form, a signed right to edit says "this is the
page that answered". GET and HEAD record nothing but a trace of the link.
"""

import functools
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Timer
from typing import Any

from flask import Flask, Response, after_this_request, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from npsapp.db import db, glancing, transaction
from npsapp.extensions import csrf
from npsapp.lib.clock import utcnow
from npsapp.responses import further, pages, queries, rendering, rules, services
from npsapp.responses.forms import Fields
from npsapp.responses.models import LinkAct
from npsapp.responses.pages import Page, Visit
from npsapp.web.access import Room, public
from npsapp.web.assets import FOREVER

log = logging.getLogger(__name__)
bp = Room("survey", __name__, url_prefix="/r", template_folder="templates")
csrf.exempt(bp)

CONTACT = {"1": True, "0": False}
BODY_MAX = 256 * 1024  # bytes; 5,000 characters, four bytes each and percent-encoded, fit four times
TOGETHER_S = 1.0
_traces: deque[dict[str, Any]] = deque(maxlen=2000)  # more at once mean load: the oldest is dropped (decisions.md 20)
_one_waits = Lock()


def visiting(view: Callable[[Visit, str], Page]) -> Callable[..., ResponseReturnValue]:
    """Hand the view the visit behind a token; whatever breaks, the visitor gets a page that still holds the text.

    A POST is one transaction: what was read to let it in is not read again to write. Nobody waits for its page.
    """

    @functools.wraps(view)
    def run(token: str, score: str = "") -> ResponseReturnValue:
        request.max_content_length = BODY_MAX
        posted = request.method == "POST"
        form = Fields.read(request.form) if posted else Fields()
        try:
            with transaction() if posted else glancing():
                visit = _visit(token, form)
                page = view(visit, score) if visit else pages.unknown()
            return page.response()
        except services.Closed:
            visit = _visit(token, form)
            return (pages.elsewhere(visit) if visit else pages.unknown()).response()
        except HTTPException:
            raise
        except Exception:
            db.session.rollback()
            log.exception("a survey page failed")
            return pages.trouble().response()

    return run


def posting(view: Callable[[Visit], Page]) -> Callable[..., ResponseReturnValue]:
    """Let in what an open link's page has sent with a good nonce, or with its right to edit."""

    @functools.wraps(view)
    def run(visit: Visit, _score: str) -> Page:
        if visit.way is not rules.Way.OPEN:
            return pages.elsewhere(visit)
        if not visit.may_edit and visit.opened_at is None:
            return pages.once_more(visit)
        return view(visit)

    return visiting(run)


def _visit(token: str, form: Fields) -> Visit | None:
    """The visit of a token and its language: asked for in the address, posted, the customer's, the brand's."""
    link = queries.link(token) if rules.looks_like_token(token) else None
    if link is None or rules.way(link.state, None, now=utcnow()) is rules.Way.NOWHERE:
        return None
    wanted = (request.args.get("lang", ""), form.switch, form.lang, link.language)
    language = next((one for one in wanted if one in rendering.listed(link.brand_languages)), link.brand_language)
    return Visit(link, language, form, utcnow())


# ---- reading ---------------------------------------------------------------------------------------------------


@bp.get("/<token>")
@bp.page("/<token>/<score>", public)
@visiting
def show(visit: Visit, score: str) -> Page:
    """The page behind a link with the tapped score chosen."""
    chosen = rules.score_or_none(score)
    if score and chosen is None:
        return pages.unknown()
    if visit.way is not rules.Way.OPEN:
        return pages.elsewhere(visit)
    _leave_trace(visit, chosen)
    return pages.start(visit, score=score)


@bp.page("/style/<accent>-<fingerprint>.css", public)
def style(accent: str, fingerprint: str) -> ResponseReturnValue:
    """The stylesheet in a brand's colour. Its address holds a hash of it, so browsers keep it for a year."""
    response = Response(pages.stylesheet(accent), mimetype="text/css")
    known = pages.style_address(accent) == request.path
    response.headers["Cache-Control"] = FOREVER if known else "no-cache"
    return response


def _leave_trace(visit: Visit, score: int | None) -> None:
    """Remember the opening after the response has left, in a transaction of its own, with those that came meanwhile."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    early = request.method == "HEAD" or "prefetch" in request.headers.get("Sec-Purpose", "")
    act = LinkAct.PREFETCHED if early else LinkAct.OPENED
    network, agent = rules.network_of(request.remote_addr), rules.agent_class(request.headers.get("User-Agent"))
    said = {"at": visit.now, "act": act, "score": score, "network": network, "agent": agent}
    _traces.append({"invitation_id": visit.link.invitation_id, "step_id": visit.link.step_id, **said})
    after_this_request(lambda response: _write_afterwards(app, response))


def _write_afterwards(app: Flask, response: Response) -> Response:
    """At most once a second: under load a transaction for each opening costs more than its page."""
    if app.testing:
        response.call_on_close(lambda: _write_traces(app))
    elif _one_waits.acquire(blocking=False):
        timer = Timer(TOGETHER_S, _write_traces, [app])
        timer.daemon = True
        timer.start()
    return response


def _write_traces(app: Flask) -> None:
    with suppress(RuntimeError):
        _one_waits.release()
    try:
        with app.app_context(), transaction():
            services.note_links([_traces.popleft() for _trace in range(len(_traces))])
    except Exception:
        log.warning("traces of links were dropped", exc_info=True)


# ---- recording -------------------------------------------------------------------------------------------------


@bp.post("/<token>")
@bp.deed("/<token>/<score>", public)
@posting
def record(visit: Visit) -> Page:
    """Take the posted score and words; a score in the address only says which link was tapped."""
    form = visit.form
    if form.switch:
        return pages.ask(visit, visit.kept())
    if form.score and rules.score_or_none(form.score) is None:
        return pages.refused(visit, rules.NotAScore(), visit.kept(), 400)
    try:
        return _take(visit, rules.comment_from(form.comment))
    except rules.TooLong as refusal:
        return _take(visit, "", refusal)
    except rules.NotAScore as refusal:
        return pages.refused(visit, refusal, visit.kept())


def _take(visit: Visit, words: str, too_long: rules.TooLong | None = None) -> Page:
    """Record the score with the words; too many of them never cost the score."""
    form, may_edit, opened_at = visit.form, visit.may_edit, visit.opened_at or visit.now
    final = not too_long and bool(form.final or words)
    reading = further.read(visit.link, form, visit.language) if final else None
    if reading and (reading.refusal or reading.unseen):
        final = False
    # A box that was emptied deletes the words; a missing or untouched one says nothing about them.
    said_words = words if words or (form.shown and form.final and not too_long) else None
    contact = reading.contact if reading else CONTACT.get(form.contact)
    said = rules.Said(rules.score_or_none(form.score), said_words, contact, reading.more if reading else None)
    submission = services.Submission(said, visit.language, final, may_edit, opened_at)
    answered = services.answer(visit.link, submission, now=visit.now)
    if too_long and not answered.disputed:
        return pages.refused(visit, too_long, visit.kept(edit=visit.right))
    if reading and not answered.disputed:
        if reading.refusal:
            return pages.refused(visit, reading.refusal, visit.kept(edit=visit.right))
        if reading.unseen:
            return pages.ask(visit, visit.kept(edit=visit.right), "saved")
    return _next_page(visit, answered, final=final)


def _next_page(visit: Visit, answered: services.Answered, *, final: bool) -> Page:
    """The disputed page, the second question, or thanks."""
    if answered.other and answered.disputed:
        return pages.disputed(visit.again(), answered.other)
    if final:
        return pages.thanks(visit, answered.said)
    form = Fields(nonce=visit.nonce, edit=visit.right, score=str(answered.said.score), final="1")
    return pages.ask(visit, form, "saved")


@bp.deed("/<token>/change", public)
@posting
def change(visit: Visit) -> Page:
    """The button "change my answer": this page may edit from now on, and a disputed answer is applied."""
    if not visit.form.disputed:
        return pages.changing(visit)
    answered = services.apply_disputed(visit.link, visit.form.disputed, now=visit.now)
    if answered is None or answered.other is None:
        return pages.once_more(visit)
    return _next_page(visit, answered, final=bool(answered.other.comment))


@bp.deed("/<token>/not-mine", public)
@posting
def not_mine(visit: Visit) -> Page:
    """The button "this was not my purchase": takes no score, marks the address, closes the invitation."""
    opened_at = visit.opened_at or visit.now
    services.not_mine(visit.link, may_edit=visit.may_edit, opened_at=opened_at, now=visit.now)
    return pages.elsewhere(visit.again())


@bp.deed("/<token>/mine", public)
@visiting
def mine(visit: Visit, _score: str) -> Page:
    """Take "not my purchase" back: the question again, or the answer that had been given."""
    if visit.way is rules.Way.NOT_MINE and visit.opened_at is not None:
        services.mine_after_all(visit.link, now=visit.now)
        visit = visit.again()
    return pages.start(visit) if visit.way is rules.Way.OPEN else pages.elsewhere(visit)
