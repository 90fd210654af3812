"""The page on which an administrator says from whom a brand's letters come."""

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from npsapp.audit import services as audit
from npsapp.db import transaction
from npsapp.delivery import queries, senders
from npsapp.delivery.forms import SenderForm
from npsapp.lib.clock import utcnow
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.web.access import requires

bp = Blueprint("senders", __name__, url_prefix="/organization/brands", template_folder="templates")


@bp.route("/<int:brand_id>/sender", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit(brand_id: int) -> ResponseReturnValue:
    """Name, address and reply address of a brand's letters."""
    brand = organization.brand(brand_id) or abort(404)
    sender = queries.sender_of(brand_id)
    form = SenderForm(obj=sender)
    if not form.is_submitted():
        form.put_texts("name", sender.name if sender else brand.name)
        form.reply_to.data = sender.reply_to if sender else brand.contact_email
    if not form.validate_on_submit():
        page = render_template("delivery/sender.html", form=form, brand=brand)
        return page, 422 if form.is_submitted() else 200
    with transaction():
        senders.set_sender(
            brand_id=brand_id,
            name=form.texts("name"),
            address=(form.address.data or "").lower(),
            reply_to=(form.reply_to.data or "").lower(),
            actor=audit.by_user(current_user.id),
            now=utcnow(),
        )
    flash(_("Letters of this brand come from %(address)s.", address=form.address.data), "ok")
    return redirect(url_for("organization.index"), code=303)
