"""Staff pages: ready-made automations, and how a company leaves people alone."""

from collections.abc import Sequence

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from npsapp.audit.doors import me
from npsapp.customers import queries as customers
from npsapp.customers.rules import GROUNDS_FOR
from npsapp.db import transaction
from npsapp.delivery.rules import Channel
from npsapp.i18n import language_now
from npsapp.invitations import automations, effects, policies, policy_pages, queries, waves
from npsapp.invitations.candidates import care_of
from npsapp.invitations.chains import CHANNELS, READY, missing_channels
from npsapp.invitations.forms import CareForm
from npsapp.invitations.rules import Care, wave_months
from npsapp.lib.clock import utcnow
from npsapp.organization import queries as organization
from npsapp.organization.models import Brand
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.web import listing
from npsapp.web.access import Room, scope
from npsapp.web.pages import done, form_page, saved

bp = Room("asking", __name__, template_folder="templates")


@bp.form("/contact-policy/", Permission.ADMINISTER)
def care() -> ResponseReturnValue:
    """How one company leaves people alone, over all surveys and channels."""
    pools = organization.pools()
    if not pools:
        return render_template("invitations/care_none.html")
    wanted = listing.whole("pool") or pools[0].id
    pool = next((one for one in pools if one.id == wanted), None) or abort(404)
    row = queries.contact_policy(pool.id)
    form = CareForm(obj=row, staff=None)
    if not form.is_submitted():
        form.staff.data = "\n".join(row.staff)
    elif form.validate():
        with transaction():
            changed = policies.change_care(pool.id, form.values(), actor=me(), now=utcnow())
        return saved(changed, ".care", pool=pool.id)
    grounds = customers.grounds_in_force(pool.id)
    needs = [(CHANNELS[channel], GROUNDS_FOR[channel], grounds.get(channel, {})) for channel in list(Channel)[:3]]
    return form_page("invitations/care.html", form, pools=pools, pool=pool, needs=needs)


@bp.page("/surveys/automations/", Permission.EDIT_SURVEYS)
def ready_made() -> ResponseReturnValue:
    """What can be switched on, with a picture of each and whom it would have asked last month."""
    brands = organization.brands()
    brand = _brand(brands, listing.whole("brand")) if brands else None
    care = care_of(queries.contact_policy(brand.pool_id) if brand else None)
    ready = queries.ready(brand.id) if brand else READY
    asked = _asked(brand, care) if brand else {}
    shown = [
        {
            "is": one,
            "picture": list(policy_pages.picture(automations.policy(one, care), wave=one.wave)),
            "missing": [
                _(CHANNELS[channel])
                for channel in missing_channels(one.channels, mobile_sms=one.mobile_sms, ready=ready)
            ],
            "asked": asked.get(one.key, 0),
        }
        for one in automations.AUTOMATIONS
    ]
    about = {"brand": brand, "brands": brands, "months": wave_months(care), "counted": policy_pages.counted(scope())}
    return render_template("invitations/automations.html", shown=shown, **about)


def _brand(brands: Sequence[Brand], brand_id: int | None) -> Brand:
    return next((one for one in brands if one.id == brand_id), brands[0])


def _asked(brand: Brand, care: Care) -> dict[str, int]:
    """About how many customers each automation would have asked last month."""
    now, lookup = utcnow(), surveys.touchpoint_lookup(brand.pool_id)
    found = {one.key: waves.share(brand, now=now, scope=scope()) if one.wave else 0 for one in automations.AUTOMATIONS}
    others = [one for one in automations.AUTOMATIONS if not one.wave and one.touchpoint in lookup]
    rules = [(lookup[one.touchpoint], automations.policy(one, care)) for one in others]
    asked = effects.would_have_asked(brand.id, rules, now=now, scope=scope()) if rules else []
    return found | {one.key: number for one, number in zip(others, asked, strict=True)}


@bp.deed("/surveys/automations/<key>", Permission.EDIT_SURVEYS)
def switch_on(key: str) -> ResponseReturnValue:
    """Make a draft of it, to be looked at and published."""
    one = automations.of(key) or abort(404)
    brands = organization.brands() or abort(404)
    with transaction():
        brand = _brand(brands, request.form.get("brand", type=int))
        survey_id = automations.switch_on(one, brand, language_now(), actor=me(), now=utcnow()).id
    words = _("The survey is a draft with its rule. Look at both, adapt them, and publish the survey.")
    return done(words, "invitations.policy", survey_id=survey_id)
