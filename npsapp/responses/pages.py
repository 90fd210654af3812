"""The pages of a survey link, each state with its own words; for the page's script the same states as JSON."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Response, current_app, make_response, request, url_for
from flask_babel import gettext as _

from npsapp.customers import links
from npsapp.i18n import LANGUAGES, negotiate, speaking
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.lib import tokens
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import text_in
from npsapp.responses import queries, rendering, rules
from npsapp.responses.forms import Fields
from npsapp.responses.models import DisputedAnswer, Response as Answer
from npsapp.web.assets import asset
from npsapp.web.errors import wants_json

_PAGE, _EDIT = "survey page", "right to edit"  # what the two signatures are for


@dataclass(frozen=True)
class Visit:
    """One request with a link that leads to an invitation, and what its page sent. Signatures stand for a session."""

    token: str
    step: InvitationStep
    language: str
    form: Fields
    now: datetime

    @property
    def invitation(self) -> Invitation:
        return self.step.invitation

    @property
    def way(self) -> rules.Way:
        return queries.way(self.invitation, now=self.now)

    @property
    def answer(self) -> Answer | None:
        return queries.of_invitation(self.invitation.id)

    @property
    def nonce(self) -> str:
        """A signed mark for a page: its link and the moment it was made. A POST counts only with one."""
        return tokens.sign(_keys(), _PAGE, [self.step.id, int(self.now.timestamp())])

    @property
    def opened_at(self) -> datetime | None:
        """When the page that posts was made; None when its nonce is missing, altered, too old or another link's."""
        read = tokens.read(_keys(), _PAGE, self.form.nonce)
        if not isinstance(read, list) or len(read) != 2 or read[0] != self.step.id:
            return None
        moment = datetime.fromtimestamp(read[1], UTC)
        return moment if self.now - moment <= rules.NONCE_MAX_AGE else None

    @property
    def right(self) -> str:
        """The signed right to edit the answer of this invitation; whoever confirmed it first gets it."""
        return tokens.sign(_keys(), _EDIT, self.invitation.id)

    @property
    def may_edit(self) -> bool:
        """Whether the page that posts may change the answer."""
        return bool(tokens.read(_keys(), _EDIT, self.form.edit) == self.invitation.id)

    def kept(self, **over: str) -> Fields:
        """What was posted, to be shown again with a fresh nonce."""
        more = "1" if self.form.final or self.form.comment else ""
        return replace(self.form, **{"nonce": self.nonce, "final": more, **over})


def _keys() -> tuple[str, ...]:
    keys: tuple[str, ...] = current_app.config["SECRET_KEYS"]
    return keys


# ---- one page per state ----------------------------------------------------------------------------------------


def start(visit: Visit, *, score: str = "", status: int = 200) -> Response:
    """The question; or, opened again, what was answered, until when it can be changed, and the button for it."""
    form, answer = Fields(nonce=visit.nonce, score=score), visit.answer
    if answer is None:
        return _page("ask", visit, form, status, state="open")
    return _page("ask", visit, form, status, state="answered", **_answered_words(visit, answer))


def ask(visit: Visit, form: Fields, state: str = "open") -> Response:
    """The question with the scale, filled in; with `form.final` the second question below it."""
    return _page("ask", visit, form, state=state)


def once_more(visit: Visit) -> Response:
    """The page had no valid nonce: nothing was recorded, what was chosen is kept."""
    if visit.answer is not None and not visit.form.edit and not wants_json():
        return start(visit, score=visit.form.score, status=422)
    with speaking(visit.language):
        words = _("Nothing is saved yet. Please press the button once more.")
    return _page("ask", visit, visit.kept(), 422, state="again", words=words)


def refused(visit: Visit, refusal: Refused, form: Fields, status: int = 422) -> Response:
    """Score or words cannot be taken; what was typed is kept."""
    with speaking(visit.language):
        words = _(refusal.wording, **refusal.values)
    return _page("ask", visit, form, status, state="wrong", words=words)


def disputed(visit: Visit, answer: Answer, other: DisputedAnswer) -> Response:
    """Another page has answered before: this answer is kept apart until its owner says so."""
    form = Fields(nonce=visit.nonce, score=str(other.score), comment=other.comment)
    return _page("disputed", visit, form, disputed=other.id, **_answered_words(visit, answer))


def thanks(visit: Visit, answer: Answer) -> Response:
    """After the final submit: one sentence by group, and what happens now if something does."""
    words = rendering.wording_of(visit.invitation, visit.language)
    promise = words.promise if rules.promises_a_call(answer.score, answer.contact_wanted) else ""
    form = Fields(nonce=visit.nonce, edit=visit.right)
    return _page("thanks", visit, form, thanks=words.thanks.get(answer.group, ""), promise=promise)


def elsewhere(visit: Visit) -> Response:
    """The page of a link that does not take what was posted, or takes nothing now."""
    if visit.way is rules.Way.OPEN:
        return start(visit, status=422)
    if visit.way is rules.Way.NOT_MINE:
        return _page("not_mine", visit, Fields(nonce=visit.nonce))
    return _page("closed", visit, Fields(), 410)


def unknown() -> Response:
    """The same words for every link that leads nowhere, whatever is wrong with it."""
    return _rendered("unknown", _look(negotiate()), 404)


def trouble(token: str) -> Response:
    """Something broke on our side: the text stays in the form. Asks neither database nor session."""
    form = Fields.read(request.form)
    look = _look(form.lang if form.lang in LANGUAGES else negotiate())
    look["address"] = url_for("survey.show", token=token)
    return _rendered("trouble", look, 503, form=form)


def changing(visit: Visit) -> Response:
    """The answer opened for a change. Only the page that answered sees the words again: letters are forwarded."""
    answer = visit.answer
    if answer is None:
        return once_more(visit)
    form = _stored(answer) if visit.may_edit else Fields(score=str(answer.score))
    form = replace(form, nonce=visit.nonce, edit=visit.right, final="1")
    return ask(visit, replace(form, score=visit.form.score or form.score))


def _stored(answer: Answer) -> Fields:
    contact = {None: "", True: "1", False: "0"}[answer.contact_wanted]
    return Fields(score=str(answer.score), comment=answer.comment, contact=contact)


# ---- look ------------------------------------------------------------------------------------------------------


def _look(language: str) -> dict[str, Any]:
    """What the layout of every page needs; without a brand for links that lead nowhere, and in trouble."""
    return {
        "language": language,
        "languages": LANGUAGES,
        "style": asset("css/survey.css"),
        "script": asset("js/survey.js"),
        "icon": asset("img/mark.svg"),
        "here": request.path,
    }


def _branded(visit: Visit) -> dict[str, Any]:
    brand, language = visit.invitation.interaction.brand, visit.language
    unsubscribe = links.unsubscribe_token(_keys(), visit.step.contact_point_id, brand.id)
    return {
        **_look(language),
        "address": url_for("survey.show", token=visit.token),
        "key": tokens.digest(visit.token)[:16],
        "brand": text_in(brand.name, language),
        "logo": url_for("brand.logo", name=brand.logo) if brand.logo else "",
        "style": style_address(brand.accent.lstrip("#")),
        "group_colours": brand.group_colours,
        "test": visit.invitation.test,
        "mailbox": brand.contact_email,
        "unsubscribe": url_for("unsubscribe.show", token=unsubscribe, lang=language),
        "privacy": url_for("unsubscribe.privacy", brand_key=brand.key, lang=language),
    }


def stylesheet(accent: str) -> str:
    """The one stylesheet of survey pages in the colour of a brand, written without its #."""
    file = Path(current_app.static_folder or "", "css", "survey.css")
    return rendering.stylesheet(file, file.stat().st_mtime_ns, f"#{accent}")


def style_address(accent: str) -> str:
    """Where browsers find it; a change of its content changes the address."""
    fingerprint = tokens.digest(stylesheet(accent))[:12]
    return url_for("survey.style", accent=accent, fingerprint=fingerprint)


def _answered_words(visit: Visit, answer: Answer) -> dict[str, Any]:
    until = rendering.last_day(visit.invitation, visit.language, now=visit.now)
    with speaking(visit.language):
        return {
            "answered_heading": _("You have answered: %(score)s.", score=answer.score),
            "answered_until": _("You can change it until %(date)s.", date=until) if until else "",
        }


def _page(template: str, visit: Visit, form: Fields, status: int = 200, **said: Any) -> Response:
    said["wording"] = rendering.wording_of(visit.invitation, visit.language)
    score = rules.score_or_none(form.score)
    group = rules.classify(score) if form.final and score is not None else None
    return _rendered(template, _branded(visit), status, form=form, group=group, limit=rules.COMMENT_MAX, **said)


def _rendered(template: str, look: dict[str, Any], status: int, **values: Any) -> Response:
    """Rendered without Flask's context processors: they would ask who is signed in and touch the session.

    The page's script gets the state and the words instead; for states it does not know it sends its form as one
    without scripts would, and shows the page that comes back.
    """
    if request.method == "POST" and wants_json():
        form = values.pop("form", Fields())
        said = {name: value for name, value in values.items() if isinstance(value, str)}
        return make_response({"state": template, **vars(form), **said}, status)
    with speaking(look["language"]):
        text = current_app.jinja_env.get_template(f"responses/{template}.html").render(page=look, **values)
    return make_response(text, status, {"X-Robots-Tag": "noindex, nofollow"})
