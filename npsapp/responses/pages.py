"""The pages of a survey link, each state with its own words; for the page's script the same states as JSON."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Response, current_app, jsonify, make_response, request, url_for
from flask_babel import gettext as _

from npsapp.customers import links
from npsapp.i18n import LANGUAGES, negotiate, speaking
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.lib import tokens
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import text_in
from npsapp.organization.models import Brand
from npsapp.responses import queries, rendering, rules
from npsapp.responses.forms import Posted
from npsapp.responses.models import DisputedAnswer
from npsapp.responses.models import Response as Answer
from npsapp.web.assets import asset
from npsapp.web.errors import wants_json

_PAGE, _EDIT = "survey page", "right to edit"  # what the two signatures are for


@dataclass(frozen=True)
class Visit:
    """One request with a link that leads to an invitation."""

    token: str
    step: InvitationStep
    language: str
    now: datetime

    @property
    def invitation(self) -> Invitation:
        return self.step.invitation

    @property
    def brand(self) -> Brand:
        return self.invitation.interaction.brand

    @property
    def way(self) -> rules.Way:
        return queries.way(self.invitation, now=self.now)


@dataclass(frozen=True)
class Form:
    """What is filled into the page, and what travels hidden."""

    nonce: str = ""
    edit: str = ""
    score: int | None = None
    comment: str = ""
    contact: bool | None = None
    why: bool = False
    """Whether the second question is shown."""
    saved: bool = False
    posted: bool = False
    """Whether the page answers a POST: a link to another language would lose what was typed."""
    fault: str = ""

    @property
    def group(self) -> str:
        return "" if self.score is None else rules.classify(self.score).value


# ---- signatures: they stand for a session ----------------------------------------------------------------------


def nonce(visit: Visit) -> str:
    """A signed mark of this page: its link and the moment it was made. A POST counts only with one."""
    return tokens.sign(_keys(), _PAGE, [visit.step.id, int(visit.now.timestamp())])


def opened_at(visit: Visit, posted: Posted) -> datetime | None:
    """When the page that posts was made; None when its nonce is missing, altered, too old or another link's."""
    read = tokens.read(_keys(), _PAGE, posted.nonce)
    if not isinstance(read, list) or len(read) != 2 or read[0] != visit.step.id:
        return None
    moment = datetime.fromtimestamp(read[1], UTC)
    return moment if visit.now - moment <= rules.NONCE_MAX_AGE else None


def right(visit: Visit) -> str:
    """The signed right to edit the answer of this invitation; whoever confirmed it first gets it."""
    return tokens.sign(_keys(), _EDIT, visit.invitation.id)


def has_right(visit: Visit, posted: Posted) -> bool:
    """Whether the page that posts may change the answer."""
    return bool(tokens.read(_keys(), _EDIT, posted.edit) == visit.invitation.id)


def _keys() -> tuple[str, ...]:
    keys: tuple[str, ...] = current_app.config["SECRET_KEYS"]
    return keys


# ---- one page per state ----------------------------------------------------------------------------------------


def ask(visit: Visit, form: Form, status: int = 200) -> Response:
    """The question with the scale; with `form.why` the second question below it."""
    if _for_script():
        return _json(
            {"state": "wrong" if form.fault else "saved", "words": form.fault, "edit": form.edit}, status
        )
    return _page("ask", visit, form, status)


def resumed(visit: Visit, answer: Answer) -> Response:
    """The stored answer for the script of the page that gave it."""
    contact = {None: "", True: "1", False: "0"}[answer.contact_wanted]
    return _json({"state": "open", "score": answer.score, "comment": answer.comment, "contact": contact})


def once_more(visit: Visit, posted: Posted, answer: Answer | None) -> Response:
    """The page had no valid nonce: nothing was recorded, what was chosen is kept."""
    if _for_script():
        return _json({"state": "again", "nonce": nonce(visit)}, 422)
    form = kept(visit, posted)
    if answer is not None and not form.edit:
        return answered(visit, form, answer, status=422)
    with speaking(visit.language):
        words = _("Nothing is saved yet. Please press the button once more.")
    return ask(visit, replace(form, fault=words), 422)


def refused(visit: Visit, form: Form, refusal: Refused, status: int) -> Response:
    """Score or words cannot be taken; what was typed is kept."""
    with speaking(visit.language):
        words = _(refusal.wording, **refusal.values)
    return ask(visit, replace(form, fault=words), status)


def kept(visit: Visit, posted: Posted, edit: str = "") -> Form:
    """What was posted, for showing it again."""
    return Form(
        nonce=nonce(visit),
        edit=edit or posted.edit,
        score=rules.score_or_none(posted.score),
        comment=posted.comment,
        contact=posted.contact,
        why=posted.final or bool(posted.comment) or bool(edit),
        posted=True,
    )


def answered(visit: Visit, form: Form, answer: Answer, status: int = 200) -> Response:
    """Opened again: what was answered, until when it can be changed, and the button for it."""
    return _page("ask", visit, form, status, **_answered_words(visit, answer))


def disputed(visit: Visit, answer: Answer, kept_apart: DisputedAnswer) -> Response:
    """Another page has answered before: this answer is kept apart until its owner says so."""
    if _for_script():
        return _json({"state": "disputed"})
    form = Form(nonce(visit), score=kept_apart.score, comment=kept_apart.comment)
    return _page("disputed", visit, form, disputed=kept_apart.id, **_answered_words(visit, answer))


def thanks(visit: Visit, answer: Answer) -> Response:
    """After the final submit: one sentence by group, and what happens now if something does."""
    words = rendering.wording_of(visit.invitation, visit.language)
    promise = words.promise if rules.promises_a_call(answer.score, answer.contact_wanted) else ""
    said: dict[str, Any] = {
        "thanks": words.thanks.get(rules.classify(answer.score).value, ""),
        "promise": promise,
    }
    if _for_script():
        return _json({"state": "finished", "edit": right(visit), **said})
    return _page("thanks", visit, Form(nonce(visit), edit=right(visit)), **said)


def elsewhere(visit: Visit) -> Response:
    """The page of a link that takes no answers now."""
    if visit.way is rules.Way.NOWHERE:
        return unknown()
    if _for_script():
        return _json({"state": visit.way.value}, 410)
    if visit.way is rules.Way.NOT_MINE:
        return _page("not_mine", visit, Form(nonce(visit)))
    return _page("closed", visit, Form(), 410)


def busy(visit: Visit) -> Response:
    """Too many tries with one link."""
    with speaking(visit.language):
        words = _(
            "This link was used very often in the last minutes. Please wait ten minutes and open it again."
        )
    if _for_script():
        return _json({"state": "trouble", "words": words}, 429)
    response = _page("busy", visit, Form(), 429, words=words)
    response.headers["Retry-After"] = "600"
    return response


def unknown() -> Response:
    """The same words for every link that leads nowhere, whatever is wrong with it."""
    if _for_script():
        return _json({"state": "nowhere"}, 404)
    return _rendered("unknown", Look.plain(negotiate()), 404)


def trouble(token: str) -> Response:
    """Something broke on our side: the text stays in the form. Asks neither database nor session."""
    if _for_script():
        return _json({"state": "trouble"}, 503)
    language = request.form.get("lang", "")
    look = Look.plain(language if language in LANGUAGES else negotiate())
    carried = {
        name: request.form[name]
        for name in ("score", "nonce", "edit", "lang", "final", "shown", "contact")
        if request.form.get(name)
    }
    look = replace(look, address=url_for("survey.show", token=token))
    return _rendered("trouble", look, 503, carried=carried, comment=request.form.get("comment", ""))


# ---- look ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What the layout of every page needs."""

    language: str
    style: str
    script: str
    icon: str
    address: str = ""
    here: str = ""
    key: str = ""
    brand: str = ""
    logo: str = ""
    group_colours: bool = False
    mailbox: str = ""
    unsubscribe: str = ""
    privacy: str = ""
    languages: dict[str, str] | None = None

    @classmethod
    def plain(cls, language: str) -> "Look":
        """Without a brand: for links that lead nowhere, and when nothing can be asked."""
        return cls(
            language,
            style=asset("css/survey.css"),
            script=asset("js/survey.js"),
            icon=asset("img/mark.svg"),
            here=request.path,
            languages=LANGUAGES,
        )


def _look(visit: Visit) -> Look:
    brand = visit.brand
    unsubscribe = links.unsubscribe_token(_keys(), visit.step.contact_point_id, brand.id)
    return replace(
        Look.plain(visit.language),
        address=url_for("survey.show", token=visit.token),
        key=tokens.digest(visit.token)[:16],
        brand=text_in(brand.name, visit.language),
        logo=_logo(brand),
        style=url_for("survey.style", brand_id=brand.id, fingerprint=fingerprint(stylesheet(brand))),
        group_colours=brand.group_colours,
        mailbox=brand.contact_email,
        unsubscribe=f"{request.script_root}/u/{unsubscribe}?lang={visit.language}",
        privacy=f"{request.script_root}/privacy/{brand.key}?lang={visit.language}",
    )


def _logo(brand: Brand) -> str:
    """The logo's address; without a page that serves logos the name is shown."""
    served = brand.logo and "organization.logo" in current_app.view_functions
    return url_for("organization.logo", brand_id=brand.id) if served else ""


def stylesheet(brand: Brand) -> str:
    """The one stylesheet of a brand's survey pages."""
    file = Path(current_app.static_folder or "") / "css" / "survey.css"
    return rendering.brand_stylesheet(file, file.stat().st_mtime_ns, brand.accent, brand.group_colours)


def fingerprint(text: str) -> str:
    """A short hash of a stylesheet for its address."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _answered_words(visit: Visit, answer: Answer) -> dict[str, Any]:
    until = rendering.last_day(visit.invitation, visit.language, now=visit.now)
    with speaking(visit.language):
        return {
            "answered": True,
            "answered_heading": _("You have answered: %(score)s.", score=answer.score),
            "answered_until": _("You can change it until %(date)s.", date=until) if until else "",
        }


def _page(template: str, visit: Visit, form: Form, status: int = 200, **values: Any) -> Response:
    words = rendering.wording_of(visit.invitation, visit.language)
    values = {"form": form, "wording": words, "limit": rules.COMMENT_MAX, **values}
    return _rendered(template, _look(visit), status, **values)


def _rendered(template: str, look: Look, status: int, **values: Any) -> Response:
    """Rendered without Flask's context processors: they would ask who is signed in and touch the session."""
    with speaking(look.language):
        text = current_app.jinja_env.get_template(f"responses/{template}.html").render(page=look, **values)
    return _private(make_response(text, status))


def _for_script() -> bool:
    """Whether the page's script posts and wants a state instead of a page."""
    return request.method == "POST" and wants_json()


def _json(state: dict[str, Any], status: int = 200) -> Response:
    response = jsonify(state)
    response.status_code = status
    return _private(response)


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.vary.update(("Accept", "Accept-Language"))
    return response
