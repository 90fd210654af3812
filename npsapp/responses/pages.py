"""The pages of a survey link, each state with its own words; for the page's script the same states as JSON."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any

from flask import Response, current_app, make_response, request
from flask_babel import gettext as _

from npsapp.customers import links
from npsapp.db import db
from npsapp.i18n import LANGUAGES, language_name, negotiate, speaking
from npsapp.lib import tokens
from npsapp.lib.refusals import Refused
from npsapp.responses import further, queries, rendering, rules
from npsapp.responses.forms import NOTHING, Fields
from npsapp.responses.models import DisputedAnswer
from npsapp.responses.queries import Link
from npsapp.surveys import fixed
from npsapp.web.assets import asset, changed, path_to
from npsapp.web.errors import wants_json

_PAGE, _EDIT, _OVERWRITE = "survey page", "right to edit", "right to overwrite"  # what the signatures are for


@dataclass(frozen=True)
class Visit:
    """One request with a link that leads to an invitation, and what its page sent. Signatures stand for a session."""

    link: Link
    language: str
    form: Fields
    now: datetime
    sure: bool = field(default=True, kw_only=True)
    """Whether what its page said counts; the right to edit goes only to such pages."""

    @property
    def way(self) -> rules.Way:
        return queries.way(self.link, now=self.now)

    def again(self) -> "Visit":
        """The visit after something was done in this transaction."""
        db.session.flush()
        return replace(self, link=queries.link(self.link.token) or self.link)

    @cached_property
    def nonce(self) -> str:
        """A signed mark for a page: its link and the moment it was made, in seconds. A POST counts only with one.

        What comes after a POST is still the same page: so it is known again without the right to edit.
        """
        if self.opened_at:
            return self.form.nonce
        return tokens.sign(_keys(), _PAGE, [self.link.step_id, int(self.now.timestamp() * 1000) / 1000])

    @cached_property
    def opened_at(self) -> datetime | None:
        """When the page that posts was made; None when its nonce is missing, altered, too old or another link's."""
        read = tokens.read(_keys(), _PAGE, self.form.nonce) if self.form.nonce else None
        if not isinstance(read, list) or len(read) != 2 or read[0] != self.link.step_id:
            return None
        moment = datetime.fromtimestamp(read[1], UTC)
        return moment if self.now - moment <= rules.NONCE_MAX_AGE else None

    @cached_property
    def right(self) -> str:
        """The signed right to edit the answer of this invitation; whoever confirmed it first gets it.

        Others get, by the button "change my answer", one that does not show them the words: letters are forwarded.
        """
        kind = _EDIT if self.may_read else _OVERWRITE
        return tokens.sign(_keys(), kind, self.link.invitation_id) if self.sure else ""

    @cached_property
    def may_edit(self) -> bool:
        """Whether the page that posts may change the answer."""
        return self._sent(_EDIT) or self._sent(_OVERWRITE)

    @property
    def may_read(self) -> bool:
        """Whether the words of the answer are this page's own."""
        return self._sent(_EDIT) or (self.link.response_id is None and not self.may_edit)

    def _sent(self, right: str) -> bool:
        return bool(self.form.edit and tokens.read(_keys(), right, self.form.edit) == self.link.invitation_id)

    def own(self) -> dict[str, Any]:
        """What its pages say of this visitor: addresses, and the name under which the script remembers."""
        token = links.unsubscribe_token(_keys(), self.link.contact_point_id, self.link.brand_id)
        return {
            "unsubscribe": path_to("unsubscribe.show", token=token, lang=self.language),
            "key": tokens.digest(self.link.token)[:16],
        }

    def promises_a_call(self, said: rules.Said) -> bool:
        """Whether the thanks may say that somebody will call."""
        return rules.promises_a_call(said.score or 0, said.contact)

    def kept(self, **over: Any) -> Fields:
        """What was posted, to be shown again with a fresh nonce."""
        more = "1" if self.form.final or self.form.comment else ""
        return replace(self.form, **{"nonce": self.nonce, "final": more, **over})


def _keys() -> tuple[str, ...]:
    keys: tuple[str, ...] = current_app.config["SECRET_KEYS"]
    return keys


@dataclass(frozen=True)
class Page:
    """What a page says, decided inside the transaction; it is put into words and HTML after that has ended."""

    template: str
    status: int = 200
    visit: Visit | None = None
    form: Fields = NOTHING
    said: Mapping[str, Any] = field(default_factory=dict)

    def response(self) -> Response:
        """The page; for the page's script the state and the words instead.

        For states that the script does not know it sends its form as one without scripts would, and shows the page
        that comes back.
        """
        if request.method == "POST" and wants_json():
            return make_response({"state": self.template, **vars(self.form), **self.said}, self.status)
        visit, form, said = self.visit, self.form.plain(), dict(self.said)
        frame, values = _look(visit, self.form.lang)
        if visit and frame.wording.further and self.template == "ask":
            asked = rendering.wording_of(visit.link, visit.language).further
            said |= further.blocks(visit.link, asked, self.form, visit.language)
            form["asked"] = said.pop("asked")
        elif visit is None and self.form.more:
            said["carried"] = further.carried(self.form)
        score = rules.score_or_none(self.form.score)
        said["group"] = "" if score is None else rules.classify(score).value
        text = rendering.page(self.template, frame, {**values, "form": form, "said": said})
        return Response(text, self.status, {"X-Robots-Tag": "noindex, nofollow"}, mimetype="text/html")


# ---- one page per state ----------------------------------------------------------------------------------------


def start(visit: Visit, *, score: str = "", status: int = 200) -> Page:
    """The question; or, opened again, what was answered, until when it can be changed, and the button for it."""
    form = Fields(nonce=visit.nonce, score=score)
    if visit.link.response_id is None:
        return Page("ask", status, visit, form, {"state": "open"})
    return Page("ask", status, visit, form, {"state": "answered", **_answered_words(visit)})


def ask(visit: Visit, form: Fields, state: str = "open") -> Page:
    """The question with the scale, filled in; with `form.final` the second question below it."""
    return Page("ask", 200, visit, form, {"state": state})


def once_more(visit: Visit) -> Page:
    """The page had no valid nonce: nothing was recorded, what was chosen is kept."""
    if visit.link.response_id is not None and not visit.form.edit and not wants_json():
        return start(visit, score=visit.form.score, status=422)
    with speaking(visit.language):
        words = _("Nothing is saved yet. Please press the button once more.")
    return Page("ask", 422, visit, visit.kept(), {"state": "again", "words": words})


def refused(visit: Visit, refusal: Refused, form: Fields, status: int = 422) -> Page:
    """Score or words cannot be taken; what was typed is kept."""
    with speaking(visit.language):
        words = _(refusal.wording, **refusal.values)
    at = refusal.values.get("at", "")
    return Page("ask", status, visit, form, {"state": "wrong", "words": words, "at": at})


def disputed(visit: Visit, other: DisputedAnswer) -> Page:
    """Another page has answered before: this answer is kept apart until its owner says so."""
    form = Fields(nonce=visit.nonce, score=str(other.score), comment=other.comment)
    return Page("disputed", 200, visit, form, {"disputed": str(other.id), **_answered_words(visit)})


def thanks(visit: Visit, said: rules.Said) -> Page:
    """After the final submit: one sentence by group, and what happens now if something does."""
    words = rendering.wording_of(visit.link, visit.language)
    score = said.score or 0
    promise = words.promise if visit.promises_a_call(said) else ""
    form = Fields(nonce=visit.nonce, edit=visit.right)
    return Page("thanks", 200, visit, form, {"thanks": words.thanks[rules.classify(score)], "promise": promise})


def elsewhere(visit: Visit) -> Page:
    """The page of a link that does not take what was posted, or takes nothing now."""
    if visit.way is rules.Way.OPEN:
        return start(visit, status=422)
    if visit.way is rules.Way.NOT_MINE:
        return Page("not_mine", 200, visit, Fields(nonce=visit.nonce))
    return Page("closed", 410, visit)


def own_work(visit: Visit) -> Page:
    """A colleague who served the customer may not answer for the customer."""
    return Page("own_work", 403, visit)


def unknown() -> Page:
    """The same words for every link that leads nowhere, whatever is wrong with it."""
    return Page("unknown", 404)


def trouble() -> Page:
    """Something broke on our side: the text stays in the form. Asks neither database nor session."""
    return Page("trouble", 503, form=Fields.read(request))


def changing(visit: Visit) -> Page:
    """The answer opened for a change. Only the page that answered sees the words again: letters are forwarded."""
    link = visit.link
    if link.response_id is None:
        return once_more(visit)
    form = Fields(score=str(link.score))
    if visit.may_edit and visit.may_read:
        contact = {None: "", True: "1", False: "0"}[link.contact_wanted]
        form = replace(form, comment=link.comment, contact=contact, more=further.stored(link))
    form = replace(form, nonce=visit.nonce, edit=visit.right, final="1")
    return ask(visit, replace(form, score=visit.form.score or form.score))


def _answered_words(visit: Visit) -> dict[str, str]:
    until = rendering.last_day(visit.link, visit.language, now=visit.now)
    with speaking(visit.language):
        return {
            "answered_heading": _("You have answered: %(score)s.", score=visit.link.score),
            "answered_until": _("You can change it until %(date)s.", date=until) if until else "",
        }


# ---- look ------------------------------------------------------------------------------------------------------


_BRANDED = attrgetter(
    "brand_key", "brand_name", "brand_phrase", "brand_accent", "brand_logo", "brand_group_colours",
    "brand_contact_email", "brand_languages", "test", "content",
)  # fmt: skip


def _look(visit: Visit | None, language: str) -> tuple[rendering.Frame, dict[str, dict[str, Any]]]:
    """The layout of a page and what it says of this visitor; without a brand for links that lead nowhere, and in
    trouble."""
    own_request = request._get_current_object()  # type: ignore[attr-defined] # asked often
    posted, root = own_request.method == "POST", own_request.script_root
    endpoint = "open.show" if own_request.blueprint == "open" else "survey.show"
    own = {"here": own_request.path, "address": path_to(endpoint, token=own_request.view_args["token"])}
    if visit is None:
        language = language if language in LANGUAGES else negotiate()
        return _frame(language, posted, root, _sources(language), (), ()), {"page": own}
    link, language = visit.link, visit.language
    own |= visit.own()
    purchase = rendering.purchase_of(link, language)
    frame = _frame(language, posted, root, _sources(language), _BRANDED(link), rendering.marks(purchase))
    return frame, {"page": own, "purchase": purchase}


def _sources(language: str) -> tuple[Any, ...]:
    """What pages are made of and may change: files, and the words typed for a language that is not the program's."""
    words = () if language in LANGUAGES else tuple(fixed.typed(language).items())
    return *_files(int(time.monotonic())), words


@lru_cache(maxsize=2)
def _files(_second: int) -> tuple[tuple[str, int], ...]:
    return changed("css/survey.css"), changed("js/survey.js"), changed("img/mark.svg")


@lru_cache(maxsize=256)
def _frame(
    language: str,
    posted: bool,
    _root: str,
    _sources: Any,
    brand: tuple[Any, ...],
    purchase: tuple[tuple[str, str], ...],
) -> rendering.Frame:
    """What does not differ between visitors, kept until a file or a row changes."""
    look = {
        "language": language,
        "posted": posted,
        "languages": tuple(LANGUAGES.items()),
        "style": asset("css/survey.css"),
        "script": path_to("survey.script", fingerprint=script().fingerprint),
        "icon": asset("img/mark.svg"),
    }
    if not brand:
        return rendering.Frame(look)
    key, name, phrase, accent, logo, group_colours, mailbox, languages, test, content = brand
    wording = rendering.worded(content, language, name, phrase, purchase)
    look |= {
        "brand": rendering.said_in(name, language),
        "logo": path_to("brand.logo", name=wording.picture or logo) if wording.picture or logo else "",
        "style": style_address((wording.accent or accent).lstrip("#")),
        "group_colours": group_colours,
        "test": test,
        "languages": tuple((code, language_name(code)) for code in rendering.listed(languages)),
        "mailbox": mailbox,
        "privacy": path_to("unsubscribe.privacy", brand_key=key, lang=language),
    }
    return rendering.Frame(look, wording)


def script() -> rendering.Loaded:
    """The one script of survey pages."""
    return rendering.script(*changed("js/survey.js"))


def stylesheet(accent: str) -> str:
    """The one stylesheet of survey pages in the colour of a brand, written without its #."""
    return rendering.stylesheet(*changed("css/survey.css"), f"#{accent}").text


def style_address(accent: str) -> str:
    """Where browsers find it; a change of its content changes the address."""
    fingerprint = rendering.stylesheet(*changed("css/survey.css"), f"#{accent}").fingerprint
    return path_to("survey.style", accent=accent, fingerprint=fingerprint)
