"""The survey page's doors: what a customer opens with a link, and what a button there records.

No cookie and no session: a signed nonce in the page protects the form, a signed right to edit says "this is the
page that answered". GET and HEAD record nothing but a trace of the link.
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from flask import Response, current_app, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import IntegrityError, OperationalError
from werkzeug.exceptions import HTTPException

from npsapp.db import db, glancing, transaction
from npsapp.extensions import csrf
from npsapp.i18n import first_spoken
from npsapp.lib.clock import utcnow
from npsapp.responses import further, guard, human, pages, queries, rendering, rules, scanners, services, traces
from npsapp.responses.forms import NOTHING, Fields
from npsapp.responses.human import Doubt
from npsapp.responses.models import LinkAct
from npsapp.responses.pages import Page, Visit
from npsapp.web.access import Room, public
from npsapp.web.assets import FOREVER

log = logging.getLogger(__name__)
bp = Room("survey", __name__, url_prefix="/r", template_folder="templates")
csrf.exempt(bp)

CONTACT = {"1": True, "0": False}
DEADLOCK = "40P01"  # how PostgreSQL says that it took back one of two that waited for each other
BODY_MAX = 256 * 1024  # bytes; 5,000 characters, four bytes each and percent-encoded, fit four times


def visiting(
    view: Callable[[Visit, str], Page], find: Callable[[str, Fields], Visit | None] | None = None
) -> Callable[..., ResponseReturnValue]:
    """Hand the view the visit behind a token; whatever breaks, the visitor gets a page that still holds the text.

    `find` gives the visit of a token where it is no invitation's. A POST is one transaction: what was read to let it
    in is not read again to write. Nobody waits for its page.
    """

    find = find or _visit

    @functools.wraps(view)
    def run(token: str, score: str = "") -> ResponseReturnValue:
        request.max_content_length = BODY_MAX
        posted = request.method == "POST"
        form = Fields.read(request) if posted else NOTHING
        colleague = _colleague()

        def page() -> Page:
            with transaction() if posted else glancing():
                visit = find(token, form)
                if visit and colleague and _is_own_work(visit, colleague):
                    return pages.own_work(visit)
                return view(visit, score) if visit else pages.unknown()

        try:
            try:
                return page().response()
            except (IntegrityError, OperationalError) as error:  # somebody answered at the same moment: now it is found
                if isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", "") != DEADLOCK:
                    raise
                return page().response()
        except services.Closed:
            visit = find(token, form)
            return (pages.elsewhere(visit) if visit else pages.unknown()).response()
        except HTTPException:
            raise
        except Exception:
            db.session.rollback()
            log.exception("a survey page failed")
            return pages.trouble().response()

    return run


def _colleague() -> int | None:
    """Id of whoever of the staff is signed in on this device; customers have no cookie of ours, and nobody looks."""
    if "HTTP_COOKIE" not in request.environ or current_app.config["SESSION_COOKIE_NAME"] not in request.cookies:
        return None
    return current_user.id if current_user.is_authenticated else None


def _is_own_work(visit: Visit, user_id: int) -> bool:
    link = visit.link
    if link.test or link.interaction_id is None or not guard.is_own_work(user_id, link.interaction_id):
        return False
    _leave_trace(visit, None, LinkAct.REFUSED)
    return True


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
    return Visit(link, language_for(link, form, link.language), form, utcnow())


def language_for(link: queries.Link, form: Fields, usual: str) -> str:
    """Of the brand's languages the one asked for in the address, posted, or usual; else the brand's own."""
    asked = request.args.get("lang", "") if request.query_string else ""
    wishes = asked, form.switch, form.lang, usual
    return first_spoken(wishes, rendering.listed(link.brand_languages), link.brand_language)


def delays() -> human.Delays:
    """The settings that tell people from machines."""
    config = current_app.config
    return _delays(*[config[name] for name in ("ANSWER_SOON", "ANSWER_FAST", "ANSWER_SWEEP", "ANSWER_PROMOTE")])


@functools.lru_cache(maxsize=8)
def _delays(*seconds: float) -> human.Delays:
    soon, fast, sweep, promote = (timedelta(seconds=one) for one in seconds)
    return human.Delays(soon=soon, fast=fast, sweep=sweep, promote=promote)


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
    early = request.method == "HEAD" or "prefetch" in request.headers.get("Sec-Purpose", "")
    _leave_trace(visit, chosen, LinkAct.PREFETCHED if early else LinkAct.OPENED)
    return pages.start(visit, score=score)


@bp.page("/style/<accent>-<fingerprint>.css", public)
def style(accent: str, fingerprint: str) -> ResponseReturnValue:
    """The stylesheet in a brand's colour. Its address holds a hash of it, so browsers keep it for a year."""
    response = Response(pages.stylesheet(accent), mimetype="text/css")
    known = pages.style_address(accent) == request.path
    response.headers["Cache-Control"] = FOREVER if known else "no-cache"
    return response


@bp.page("/script/<fingerprint>.js", public)
def script(fingerprint: str) -> ResponseReturnValue:
    """The script, as the stylesheet."""
    found = pages.script()
    response = Response(found.text, mimetype="text/javascript")
    response.headers["Cache-Control"] = FOREVER if found.fingerprint == fingerprint else "no-cache"
    return response


def _network() -> str:
    return rules.network_of(request.remote_addr)


def _agent() -> str:
    return rules.agent_class(request.headers.get("User-Agent"))


def _leave_trace(visit: Visit, score: int | None, act: LinkAct) -> None:
    """Remember what was done with the link, and from where."""
    link = {"invitation_id": visit.link.invitation_id, "step_id": visit.link.step_id}
    said = {"at": visit.now, "act": act, "score": score, "network": _network(), "agent": _agent()}
    traces.leave(link | said, window=delays().sweep)


# ---- recording -------------------------------------------------------------------------------------------------


@bp.post("/<token>")
@bp.deed("/<token>/<score>", public)
@posting
def record(visit: Visit) -> Page:
    """Take the posted score and words; a score in the address only says which link was tapped."""
    own_page = visit.may_edit or visit.opened_at == visit.link.page_at
    score = None if own_page else rules.score_or_none(visit.form.score)
    _leave_trace(visit, score, LinkAct.GESTURE if visit.form.gesture in human.GESTURES else LinkAct.POSTED)
    return taken(visit, services.answer)


@bp.deed("/<token>/left", public)
@posting
def left(visit: Visit) -> Page:
    """A page was looked at for some seconds and left untouched: a weak sign, which waits if there is no other."""
    score, link = rules.score_or_none(visit.form.score), visit.link
    if score is not None and link.response_id is None and link.unsure_id is None:
        _leave_trace(visit, score, LinkAct.LEFT)
        said = rules.Said(score)
        opened_at = visit.opened_at or visit.now
        submission = services.Submission(said, visit.language, False, False, opened_at, Doubt.OPENED, False)
        services.answer(link, submission, now=visit.now)
    return pages.start(visit)


def taken(visit: Visit, answer: Callable[..., services.Answered]) -> Page:
    """The page that follows on a POST, whose score and words `answer` stores."""
    form = visit.form
    if form.switch:
        return pages.ask(visit, visit.kept())
    if form.score and rules.score_or_none(form.score) is None:
        return pages.refused(visit, rules.NotAScore(), visit.kept(), 400)
    try:
        return _take(visit, answer, rules.comment_from(form.comment))
    except rules.TooLong as refusal:
        return _take(visit, answer, "", refusal)
    except rules.NotAScore as refusal:
        return pages.refused(visit, refusal, visit.kept())


def _take(
    visit: Visit, answer: Callable[..., services.Answered], words: str, too_long: rules.TooLong | None = None
) -> Page:
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
    doubt, believable = _judge(visit)
    submission = services.Submission(said, visit.language, final, may_edit, opened_at, doubt, believable)
    answered = answer(visit.link, submission, now=visit.now)
    visit = visit if answered.sure else replace(visit, sure=False)
    if too_long and not answered.disputed:
        return pages.refused(visit, too_long, visit.kept(edit=visit.right))
    if reading and not answered.disputed:
        if reading.refusal:
            return pages.refused(visit, reading.refusal, visit.kept(edit=visit.right))
        if reading.unseen:
            return pages.ask(visit, visit.kept(edit=visit.right), "saved")
    return _next_page(visit, answered, final=final)


def _judge(visit: Visit) -> tuple[Doubt | None, bool]:
    """Why a POST is not believed, and whether it may confirm an earlier one of its page; nothing is asked of tests and
    of open links, which bring no letter."""
    link, now, limits = visit.link, visit.now, delays()
    if link.invitation_id is None or link.test:
        return None, True
    sent = link.sent_at or (now if link.message_id else None)  # still under way: its program was faster than ours
    post = human.Post(
        since_sent=now - sent if sent else None,
        page_age=now - (visit.opened_at or now),
        gesture=visit.form.gesture in human.GESTURES,
        swept=_is_swept(link, now, limits.sweep),
        scanned=link.scanned_at is not None and now - link.scanned_at < human.SCANNED_FOR,
        scanner=scanners.lives_in(_network()) or _agent() == "scanner",
    )
    return human.doubt_of(post, limits), human.believable(post, limits)


def _is_swept(link: queries.Link, now: datetime, window: timedelta) -> bool:
    """Whether several scores were opened just now, by what is written down and what still waits for that."""
    waiting = traces.openings(link.invitation_id)
    return (link.swept_at is not None and now - link.swept_at < window) or human.is_sweep(waiting, window)


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
        return pages.changing(_with_its_answer(visit))
    answered = services.apply_disputed(visit.link, visit.form.disputed, now=visit.now)
    if answered is None or answered.other is None:
        return pages.once_more(visit)
    return _next_page(visit, answered, final=bool(answered.other.comment))


def _with_its_answer(visit: Visit) -> Visit:
    """Pressing the button is an act: it confirms what its page has said, if that waits."""
    if visit.link.unsure_id is None or visit.opened_at is None or visit.opened_at != visit.link.page_at:
        return visit
    nothing, (_doubt, believable) = rules.Said(None), _judge(visit)
    submission = services.Submission(nothing, visit.language, False, False, visit.opened_at, believable=believable)
    services.answer(visit.link, submission, now=visit.now)
    return visit.again()


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
