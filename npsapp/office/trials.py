"""“Send me a test invitation”: the whole way of a letter, to oneself."""

from flask import abort, current_app, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import SelectField
from wtforms.validators import DataRequired, Email, Length

from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.delivery.channels import mail
from npsapp.delivery.channels.mail import OUTBOX
from npsapp.delivery.rules import State
from npsapp.delivery.services import NoSender, letter_name
from npsapp.delivery.tasks import send_next
from npsapp.i18n import language_name
from npsapp.invitations import trials
from npsapp.invitations.rendering import Addresses
from npsapp.lib.clock import utcnow
from npsapp.office import uses
from npsapp.office.blueprint import bp
from npsapp.organization.forms import EMAIL_MAX, line, options
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.surveys.models import Survey
from npsapp.web import listing
from npsapp.web.pages import form_page

WAITING = (State.QUEUED, State.CLAIMED, State.SENDING)


class TestForm(FlaskForm):
    """Which letter, in which language, to whom."""

    __test__ = False

    survey = SelectField(_l("Survey"), coerce=int)
    language = SelectField(_l("Language"))
    address = line(
        *(_l("E-mail"), DataRequired(), Email(), Length(max=EMAIL_MAX)), look={"type": "email", "autocomplete": "email"}
    )


@bp.form("/test-invitation", Permission.EDIT_SURVEYS)
def test_invitation() -> ResponseReturnValue:
    """Choose the letter and send it; afterwards the page says where it is."""
    found = [one for one in surveys.surveys() if one.newest]
    form = TestForm(
        survey=listing.whole("survey"), language=found[0].brand.language if found else None, address=current_user.email
    )
    form.survey.choices = options((str(one.id), _with_draft(one)) for one in found)
    codes = dict.fromkeys(code for one in found for code in one.brand.languages)
    form.language.choices = options((code, language_name(code)) for code in codes)
    return _send(form) if form.validate_on_submit() else _page(form)


def _with_draft(survey: Survey) -> str:
    return _("%(name)s, with its draft", name=survey.name) if survey.draft else survey.name


bp.add_app_template_global(lambda survey_id: uses.in_use("survey", [survey_id])[survey_id], "survey_uses")


def _send(form: TestForm) -> ResponseReturnValue:
    config, actor, now = current_app.config, me(), utcnow()
    try:
        with transaction():
            message = trials.send(
                surveys.survey(form.survey.data) or abort(404),
                language=form.language.data,
                to_address=form.address.data or "",
                addresses=Addresses(config["PUBLIC_URL"], config["SECRET_KEYS"]),
                actor=actor,
                now=now,
            )
            message_id, sender_id = message.id, message.sender_id
    except NoSender as refusal:
        flash(_(refusal.wording), "error")
        return redirect(url_for("delivery.senders_list"), code=303)
    send_next(sender_id)  # a person waits: not with the next beat, but now
    return redirect(url_for(".test_invitation", sent=message_id), code=303)


def _page(form: TestForm) -> ResponseReturnValue:
    sent = trials.state_of(listing.whole("sent") or 0)
    outbox = sent is not None and sent.brand_id in mail.brands_without_server()
    name = f"{letter_name(sent.created_at, sent.id)}.eml" if sent and outbox else None
    waits = sent is not None and sent.state in WAITING
    return form_page("office/test.html", form, sent=sent, waits=waits, letter=name, folder=OUTBOX)
