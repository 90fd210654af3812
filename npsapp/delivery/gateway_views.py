"""Staff pages: through which gateway a brand's SMS leave."""

from dataclasses import asdict

from flask import abort, current_app, request
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.delivery import queries, rates, senders, services
from npsapp.delivery.channels.gateways import PRESETS, Recipe
from npsapp.delivery.channels.sms import OF_SENDER, report_url
from npsapp.delivery.gateway_forms import GatewayForm, TestForm
from npsapp.delivery.models import Gateway
from npsapp.delivery.rules import Channel, GatewayKind, Purpose
from npsapp.delivery.tasks import send_next
from npsapp.i18n import language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.organization import queries as organization
from npsapp.organization.models import Brand
from npsapp.permissions import Permission
from npsapp.web.access import Room
from npsapp.web.pages import done, form_page

bp = Room("gateways", __name__, template_folder="templates")


@bp.form("/senders/<int:brand_id>/sms", Permission.ADMINISTER)
def gateway(brand_id: int) -> Response:
    """Sender name and gateway of a brand's SMS; a provider's recipe may be filled in from a preset."""
    brand, found = organization.brand(brand_id) or abort(404), queries.gateways().get(brand_id)
    form = GatewayForm(data=_stored(found, brand))
    form.offer()
    if not form.validate_on_submit():
        return _page(brand, found, form, TestForm(formdata=None))
    keys, actor = current_app.config["SECRET_KEYS"], me()
    with transaction():
        senders.set_gateway(
            brand_id,
            form.of_sender(),
            form.of_gateway(),
            secret=form.secret.data or "",
            keys=keys,
            actor=actor,
            now=utcnow(),
        )
    return done(_("The changes are saved. Send yourself a test SMS."), ".gateway", brand_id=brand_id)


def _stored(found: Gateway | None, brand: Brand) -> dict[str, object]:
    """What the form shows before anybody has typed: what is stored, else a preset, else Kannel on this machine."""
    usual = asdict(Recipe())
    if found:
        names = ("kind", "url", "price", "currency", "hours_from", "hours_until")
        stored = {name: getattr(found, name) for name in names}
        stored |= {name: getattr(found.sender, name) for name in ("address", "username", "per_minute")}
        stored["price"] = None if found.price is None else f"{found.price.normalize():f}"
        return usual | asdict(Recipe.of(found.recipe)) | stored
    first = {"hours_from": senders.HOURS[0], "hours_until": senders.HOURS[1], "currency": brand.currency}
    if preset := PRESETS.get(request.args.get("preset", "")):
        return first | asdict(preset[2]) | {"kind": GatewayKind.HTTP, "url": preset[1]}
    return usual | first | {"kind": GatewayKind.KANNEL, "url": "http://127.0.0.1:13013/cgi-bin/sendsms"}


def _page(brand: Brand, found: Gateway | None, form: GatewayForm, test: TestForm) -> Response:
    page = form_page(
        "delivery/gateway.html",
        form,
        test=test,
        brand=brand,
        gateway=found,
        presets={key: name for key, (name, _url, _recipe) in PRESETS.items()},
        reports=report_url(OF_SENDER, found.sender_id) if found and found.kind is GatewayKind.HTTP else "",
        stopped=queries.rates(found.sender_id).get(rates.ALL) if found else None,
    )
    page.status_code = 422 if test.errors else page.status_code
    return page


@bp.deed("/senders/<int:brand_id>/sms/test", Permission.ADMINISTER)
def test(brand_id: int) -> Response:
    """Send an SMS to oneself, on the way that customers' SMS take."""
    brand, found = organization.brand(brand_id) or abort(404), queries.gateways().get(brand_id) or abort(404)
    form, shown = TestForm(), GatewayForm(formdata=None, data=_stored(found, brand))
    if not form.validate_on_submit():
        shown.offer()
        return _page(brand, found, shown, form)
    words = _("This is a test SMS from %(brand)s.", brand=text_in(brand.name, language_now()))
    with transaction():
        now = utcnow()
        services.queue(
            purpose=Purpose.TEST,
            channel=Channel.SMS,
            to_address=form.phone.data,
            to_user_id=current_user.id,
            brand_id=brand_id,
            language=current_user.language,
            subject="",
            body=words,
            html="",
            due_at=now,
            now=now,
        )
        sender_id = found.sender_id
    send_next(sender_id)
    words = _("A test SMS goes to %(phone)s. Under Letters you see what becomes of it.", phone=form.phone.data)
    return done(words, ".gateway", brand_id=brand_id)
