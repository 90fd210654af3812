"""The pages on which the messages of a survey's steps are written, looked at, compared and brought back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import abort, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from npsapp.accounts import queries as accounts
from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.delivery import queries as delivery
from npsapp.delivery.parts import count_parts
from npsapp.delivery.rules import Channel
from npsapp.i18n import language_name, speaking
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import N_
from npsapp.organization import logos
from npsapp.permissions import Permission
from npsapp.surveys import differences, letters, queries, texts
from npsapp.surveys.forms import LABELS, WordsForm, words_form
from npsapp.surveys.letters import Variant
from npsapp.surveys.models import StepWords, Survey
from npsapp.surveys.rules import Texts
from npsapp.surveys.views import found, preview_language, sample, texts_page
from npsapp.web import listing
from npsapp.web.access import Room
from npsapp.web.headers import LETTER_IN_A_FRAME, SHOWN_IN_A_FRAME
from npsapp.web.pages import done, saved, with_policy

bp = Room("words", __name__, url_prefix="/surveys", template_folder="templates")
EDIT = Permission.EDIT_SURVEYS


@dataclass(frozen=True)
class Place:
    """Which message of a survey the address names."""

    step: int
    channel: Channel
    variant: Variant

    @property
    def arguments(self) -> dict[str, Any]:
        """The same as arguments of an address."""
        return {"step": self.step, "channel": self.channel.value, "text": self.variant.value}

    @property
    def where(self) -> dict[str, Any]:
        return {"step": self.step, "channel": self.channel}


def place() -> Place:
    """The message asked for; the first letter, unless another one is named."""
    step = listing.whole("step") or queries.FIRST
    channel = Channel(listing.picked("channel", letters.PARTS, Channel.EMAIL))
    return Place(step, channel, Variant(listing.picked("text", list(Variant), Variant.A)))


@bp.form("/<int:survey_id>/letter", EDIT)
def letter(survey_id: int) -> ResponseReturnValue:
    """The texts of the first letter, or of the message named by `step` and `channel`, in the brand's languages."""
    survey, _version = found(survey_id)
    here = place()
    current = queries.words(survey_id, **here.where)
    words = current.get(here.variant)
    if words is None and here.variant is Variant.B:
        abort(404)
    form = words_form(survey.brand.languages, here.channel)(based_on=texts.stamp(words), obj=words)
    if not form.is_submitted():
        form.show(letters.fields(words.texts if words else {}, here.channel))
    elif request.form.get("do") == "picture":
        _add_picture(form)
    elif form.names_no_fault(texts.faults(survey, form.typed(), here.channel)):
        return _save(survey_id, form, here)
    return _page(survey, form, here, current)


def _add_picture(form: WordsForm) -> None:
    """Keep the picture that was sent, and write its line at the end of every language's text."""
    given = request.files.get("picture")
    if not form.validate_on_submit() or not given:
        form.form_errors.append(_("Choose a picture first."))
        return
    try:
        picture = logos.recoded(given.stream, shown=logos.IN_LETTERS)
    except logos.LogoRefused as refusal:
        form.form_errors.append(_(refusal.wording))
        return
    name = logos.keep(picture, Path(current_app.instance_path) / logos.FOLDER)
    for language in form.languages:
        field = form[f"letter__body__{language}"]
        with speaking(language):
            field.data = f"{field.data or ''}\n\n[picture: {name} | {_('What the picture shows')}]".strip()


def _save(survey_id: int, form: WordsForm, here: Place) -> ResponseReturnValue:
    share = form.share.data if here.variant is Variant.B else None
    about: dict[str, Any] = {"based_on": form.based_on.data or "", "actor": me(), "now": utcnow()}
    with transaction():
        changed = texts.edit(survey_id, form.typed(), **here.where, variant=here.variant, share=share, **about)
    return saved(changed, ".letter", survey_id=survey_id, **here.arguments)


def _page(survey: Survey, form: WordsForm, here: Place, current: dict[Variant, StepWords]) -> ResponseReturnValue:
    return texts_page(
        "surveys/letter.html",
        survey,
        form,
        here=here,
        steps=texts.steps(survey.id),
        current=current,
        Variant=Variant,
        preview=url_for(".preview", survey_id=survey.id, **here.arguments),
        sender=delivery.sender_of(survey.brand_id) if here.channel is Channel.EMAIL else None,
        gateway=delivery.gateways().get(survey.brand_id) if here.channel is Channel.SMS else None,
    )


TURNS: dict[str, tuple[Callable[..., None], str]] = {
    "compare": (
        texts.compare,
        N_("Text B is a copy of text A so far. Change it: half of the messages get it from now on."),
    ),
    "take-a": (texts.keep_a, N_("The comparison has ended. Everybody gets text A.")),
    "take-b": (texts.take_b, N_("The comparison has ended. Text B is the text that everybody gets.")),
}


@bp.deed("/<int:survey_id>/letter/<any('compare', 'take-a', 'take-b'):turn>", EDIT)
def change(survey_id: int, turn: str) -> ResponseReturnValue:
    """Begin to compare two texts of a step, or end it with one of them."""
    found(survey_id)
    here, (act, words) = place(), TURNS[turn]
    with transaction():
        act(survey_id, **here.where, actor=me(), now=utcnow())
    return done(_(words), ".letter", survey_id=survey_id, **here.arguments)


# ---- what it said before ---------------------------------------------------------------------------------------------


@bp.page("/<int:survey_id>/letter/history", EDIT)
def history(survey_id: int) -> ResponseReturnValue:
    """Every text a step has had: who saved it, when, and what differs from the one before."""
    survey, _version = found(survey_id)
    here = place()
    rows = queries.words_history(survey_id, **here.where)
    chosen = next((row for row in rows if row.id == listing.whole("words")), None)
    shown = chosen or next(iter(rows), None)
    before = next((row for row in rows if shown and row.variant == shown.variant and row.number < shown.number), None)
    return render_template(
        "surveys/letter_history.html",
        survey=survey,
        here=here,
        steps=texts.steps(survey_id),
        rows=rows,
        shown=shown,
        before=before,
        changed=differences.between(before.texts if before else {}, shown.texts) if shown else [],
        labels={part: label for (_kind, part), label in LABELS.items()},
        language_name=language_name,
        authors=accounts.labels(row.saved_by_id for row in rows if row.saved_by_id is not None),
    )


@bp.deed("/<int:survey_id>/letter/history/<int:words_id>/restore", EDIT)
def restore(survey_id: int, words_id: int) -> ResponseReturnValue:
    """Let a step say again what it said once."""
    words = queries.words_rows([words_id]).get(words_id)
    if words is None or words.survey_id != survey_id:
        abort(404)
    where = {"step": words.step, "channel": words.channel.value}
    with transaction():
        changed = texts.restore(words_id, actor=me(), now=utcnow())
    return saved(changed, ".letter", survey_id=survey_id, **where)


# ---- how it reads ----------------------------------------------------------------------------------------------------


@bp.form("/<int:survey_id>/letter/preview", EDIT)
def preview(survey_id: int) -> ResponseReturnValue:
    """The message with made-up facts; POST shows what stands in the form and saves nothing."""
    survey, _version = found(survey_id)
    here = place()
    if request.method == "POST":
        said = words_form(survey.brand.languages, here.channel)().typed()
    else:
        words = queries.words(survey_id, **here.where).get(here.variant)
        said = words.texts if words else {}
    return _shown(survey, said, here.channel)


def _shown(survey: Survey, said: dict[str, Texts], channel: Channel) -> ResponseReturnValue:
    language = preview_language(survey)
    facts, site = sample(survey, language), survey.brand.site(current_app.config["PUBLIC_URL"])
    if channel is Channel.SMS:
        text = letters.short_message(said, language=language, values=facts, link=f"{site}/s/abcdefghij")
        return sms_page(survey, language, text)
    made = texts.sample(survey, said, language, facts, site=site)
    if request.values.get("as") == "text":
        return text_page(language, subject=made.subject, body=made.body)
    return letter_page(made.html, site)


def letter_page(html: str, site: str) -> ResponseReturnValue:
    """A letter for a frame; its pictures come from here, whatever address letters name."""
    return with_policy(html.replace(f"{site}/logos/", f"{request.script_root}/logos/"), LETTER_IN_A_FRAME)


def sms_page(survey: Survey, language: str, text: str) -> ResponseReturnValue:
    """A short message for a frame, with its parts, and what they cost where that is known."""
    parts, gateway = count_parts(text), delivery.gateways().get(survey.brand_id)
    price = {"cost": gateway.cost(parts.parts), "currency": gateway.currency} if gateway else {}
    return text_page(language, body=text, parts=parts, **price)


def text_page(language: str, **values: Any) -> ResponseReturnValue:
    """A plain text for a frame."""
    with speaking(language):
        page = render_template("surveys/preview_text.html", language=language, **values)
    return with_policy(page, SHOWN_IN_A_FRAME)
