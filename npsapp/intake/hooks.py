"""The door other programs call when something happened there, and the jobs that read what they meant.

1. A call is kept as it came and answered at once; a job works it through some seconds later.
2. What a CRM sent only says which deals to read: they are read from its portal, once for all calls of these seconds.
3. What was read becomes a batch and goes the way of all files. The heartbeat makes lost jobs again, and asks portals
   every quarter of an hour for what changed, to repair calls that never came.
"""

from collections.abc import Sequence
from datetime import datetime

from flask import request
from flask.typing import ResponseReturnValue

from npsapp.db import db, reading, transaction
from npsapp.extensions import csrf
from npsapp.intake import api_rows, api_services, calls, connections, exchanges, received, staging
from npsapp.intake.calls import Found
from npsapp.intake.models import Source
from npsapp.intake.received import Outcome
from npsapp.intake.rules import RejectReason
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.web.access import Room, public
from npsapp.worker import job

LARGEST = 256 * 1024  # bytes of one call; CRMs send a few hundred, shops some thousand
EVENTS, CHANGES = N_("What the other program sent"), N_("Asking the portal for what changed")

bp = Room("hooks", __name__)
# Programs bring no cookie and no form token: the secret in their address or header stands for them.
csrf.exempt(bp)


# The door


@bp.deed("/hooks/<key>", public)
def hook(key: str) -> ResponseReturnValue:
    """A call with its secret in a header: X-Webhook-Secret, or Authorization with Bearer or Basic."""
    given = request.authorization
    said = (given.token or given.password or "") if given else ""
    return _receive(key, request.headers.get("X-Webhook-Secret") or said)


@bp.deed("/hooks/<key>/<token>", public)
def hook_with_secret(key: str, token: str) -> ResponseReturnValue:
    """A call with its secret in the address, for programs that can send no headers of ours."""
    return _receive(key, token)


def _receive(key: str, secret: str) -> ResponseReturnValue:
    source = connections.by_key(key)
    if not connections.secret_fits(source, secret) or source is None or source.kind not in received.CALLED:
        return "unauthorized\n", 401, {"WWW-Authenticate": "Bearer"}
    source_id, body = source.id, request.stream.read(LARGEST + 1)
    if len(body) > LARGEST:
        return "too large\n", 413
    text, now = body.decode("utf-8", "replace"), utcnow()
    with transaction():
        first = received.keep(source_id, content_type=request.mimetype, body=text, now=now)
    if first:
        work_through.later(received.TOGETHER.total_seconds(), source_id)
    return "ok\n"


# The jobs


@job()
def work_through(source_id: int) -> None:
    """Read what a connection sent, until nothing waits."""
    while True:
        with transaction():
            taken = received.take(source_id, now=utcnow())
        if not taken:
            return
        outcome, found = Outcome(), Found()
        try:
            with reading():
                reader = calls.reader_of(db.session.get_one(Source, source_id))
            found = reader.read(taken, outcome)
        except Refused as refusal:
            outcome.failed = {one.id: refusal for one in taken}
        with transaction():
            _take_in(source_id, found, outcome, what=EVENTS, now=utcnow())


def _take_in(source_id: int, found: Found, outcome: Outcome, *, what: str, now: datetime) -> None:
    """Apply what was read and write down what became of the calls, all or nothing."""
    became: Sequence[object] = ()
    if found.records:
        source = db.session.get_one(Source, source_id)
        rows = list(api_rows.interactions(found.records, staging.setting_of(source, {}, now=now)))
        lines = api_services.take_in(source, rows, now=now)
        became = [lines[line] for line in sorted(lines)]
    for id_, brought in found.of.items():
        reasons = [one for at in brought if isinstance(one := became[at], RejectReason)]
        if reasons and len(reasons) == len(brought):
            outcome.failed[id_] = Refused(reasons[0].label)
        else:
            outcome.done.append(id_)
    received.settle(outcome, now=now)
    exchanges.note(source_id, what, outcome.reason, count=len(became), now=now)


@job()
def look_for_changes(source_id: int) -> None:
    """Ask a portal for what changed; what was taken in unchanged already is left out."""
    try:
        with reading():
            reader = calls.reader_of(db.session.get_one(Source, source_id))
            start, seen = received.since(source_id, reader.stages, now=utcnow())
        for records, upto in reader.portal.changed(start) if reader.portal else ():
            fresh = [one for one in records if seen.get(one["external_id"]) != one["version"]]
            with transaction():
                if fresh:
                    _take_in(source_id, Found(fresh), Outcome(), what=CHANGES, now=utcnow())
                received.looked(source_id, to=upto, seen={one["external_id"]: one["version"] for one in records})
        with transaction():
            received.looked(source_id, to=start, seen={}, stages=reader.stages)
    except Refused as refusal:
        with transaction():
            exchanges.note(source_id, CHANGES, refusal, now=utcnow())


def start(now: datetime) -> None:
    """Make lost jobs again, and let portals be asked whose time has come. Part of the heartbeat."""
    with reading():
        waiting = received.due(now)
    with transaction():
        polls = received.polls_due(now)
    for source_id in waiting:
        work_through.enqueue(source_id)
    for source_id in polls:
        look_for_changes.enqueue(source_id)
