"""Staff pages: a letter with a real customer's purchase in it, and a test of exactly this letter to oneself."""

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.delivery import queries as delivery
from npsapp.delivery.rules import Channel
from npsapp.delivery.services import NoSender
from npsapp.delivery.tasks import send_next
from npsapp.i18n import language_name
from npsapp.invitations import real_letters, trials
from npsapp.invitations.rendering import Addresses
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys, texts
from npsapp.surveys.letter_views import letter_page, place, sms_page, text_page
from npsapp.surveys.models import StepWords, Survey
from npsapp.web import listing
from npsapp.web.access import Room, scope
from npsapp.web.headers import FRAMING_POLICY
from npsapp.web.pages import with_policy

bp = Room("letters", __name__, url_prefix="/surveys", template_folder="templates")


def _words(survey_id: int) -> tuple[Survey, StepWords]:
    """The survey with the text the address names."""
    survey, here = surveys.survey(survey_id) or abort(404), place()
    return survey, surveys.words(survey_id, **here.where).get(here.variant) or abort(404)


def _addresses() -> Addresses:
    return Addresses(current_app.config["PUBLIC_URL"], current_app.config["SECRET_KEYS"])


@bp.page("/<int:survey_id>/letter/real", Permission.SEE_SCHEDULE)
def real(survey_id: int) -> ResponseReturnValue:
    """Choose a purchase, and see what its customer would get: on a phone, on a desk, as plain text."""
    survey, words = _words(survey_id)
    found = real_letters.latest(survey, word=listing.word("q"), scope=scope(), now=utcnow())
    wanted = listing.whole("purchase")
    chosen = next((one for one in found if one.interaction.id == wanted), found[0] if found else None)
    language = listing.picked("show", survey.brand.languages, chosen.language if chosen else "")
    sender = delivery.sender_of(survey.brand_id, words.channel)
    page = render_template(
        "invitations/real_letter.html",
        survey=survey,
        words=words,
        place=place().arguments,
        steps=texts.steps(survey_id),
        q=listing.word("q"),
        examples=found,
        chosen=chosen,
        shown_in=language,
        spoken={code: language_name(code) for code in survey.brand.languages},
        sender=sender,
        sender_name=text_in(sender.name, language) if sender else "",
    )
    return with_policy(page, FRAMING_POLICY)


@bp.page("/<int:survey_id>/letter/real/<int:interaction_id>", Permission.SEE_SCHEDULE)
def shown(survey_id: int, interaction_id: int) -> ResponseReturnValue:
    """What stands in the frame: the letter, or its text."""
    survey, words = _words(survey_id)
    language = listing.picked("show", survey.brand.languages, survey.brand.language)
    purchase = real_letters.visible(survey, interaction_id, scope()) or abort(404)
    addresses = _addresses()
    made = real_letters.composed(survey, words, purchase, language=language, addresses=addresses)
    if words.channel is Channel.EMAIL and request.args.get("as") != "text":
        return letter_page(made["html"], survey.brand.site(addresses.public_url))
    if words.channel is Channel.SMS:
        return sms_page(survey, language, made["body"])
    return text_page(language, subject=made["subject"], body=made["body"])


@bp.deed("/<int:survey_id>/letter/real/<int:interaction_id>/test", Permission.EDIT_SURVEYS)
def test(survey_id: int, interaction_id: int) -> ResponseReturnValue:
    """Send exactly this letter to oneself: marked as a test, counted nowhere, with a link of its own."""
    survey, words = _words(survey_id)
    if words.channel is not Channel.EMAIL:
        abort(404)
    try:
        with transaction():
            message = trials.send(
                surveys.survey(survey.id) or abort(404),
                language=listing.picked("show", survey.brand.languages, survey.brand.language),
                to_address=current_user.email,
                about=real_letters.visible(survey, interaction_id, scope()) or abort(404),
                words_id=words.id,
                addresses=_addresses(),
                actor=me(),
                now=utcnow(),
            )
            message_id, sender_id = message.id, message.sender_id
    except NoSender as refusal:
        flash(_(refusal.wording), "error")
        return redirect(url_for(".real", survey_id=survey_id, **place().arguments), code=303)
    send_next(sender_id)  # a person waits: not with the next beat, but now
    return redirect(f"{request.script_root}/test-invitation?sent={message_id}", code=303)
