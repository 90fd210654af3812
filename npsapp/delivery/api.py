"""The door for delivery reports of SMS gateways."""

from flask import Response, abort, current_app, request
from flask.typing import ResponseReturnValue

from npsapp.db import transaction
from npsapp.delivery import receipts
from npsapp.delivery.channels.sms import REPORT
from npsapp.extensions import csrf
from npsapp.lib import tokens
from npsapp.lib.clock import utcnow
from npsapp.web.access import Room, public

bp = Room("sms", __name__, url_prefix="/sms")
csrf.exempt(bp)  # machines call; what they may do stands in the signature
LONGEST = 64 * 1024  # bytes


# GET acts here, as nowhere else: Kannel reports in no other way. No person and no scanner ever sees such an address; it
# goes to the gateway with the message, names that message alone, and only this installation can sign it.
@bp.form("/report/<token>", public)
def report(token: str) -> ResponseReturnValue:
    """What became of an SMS, told by its gateway: Kannel in the address, others in form fields or JSON."""
    request.max_content_length = LONGEST
    meant = tokens.read(current_app.config["SECRET_KEYS"], REPORT, token)
    if meant is None:
        abort(403)
    told = request.get_json(silent=True)
    said = {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}
    kind, id_ = meant
    with transaction():
        receipts.take(kind, id_, request.values.to_dict() | said, now=utcnow())
    return Response("ok", mimetype="text/plain")
