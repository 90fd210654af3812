"""Reading what comes back: the mailboxes of the heartbeat, and single letters from a mail server's own command."""

import logging
from datetime import datetime

from flask import current_app

from npsapp.db import DATABASE_TROUBLE, db, reading, transaction
from npsapp.delivery import bounces, incoming
from npsapp.delivery.bounces import Kind
from npsapp.delivery.incoming_models import ReturnBox
from npsapp.lib import mailboxes
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.worker import job

log = logging.getLogger(__name__)

MOST_LETTERS = 1000  # of one round: ten seconds with a server nearby; more of them come with the next heartbeat


def start(now: datetime) -> None:
    """Let every mailbox be looked into whose time has come. Part of the heartbeat."""
    with reading():
        ids = incoming.due(now)
    for box_id in ids:
        read_box.enqueue(box_id)


def receive(raw: bytes, recipient: str = "") -> Kind | None:
    """Take in one letter, from wherever it came; None when it belongs to none of ours. A door."""
    letter = bounces.read(raw, recipient)
    with transaction():
        return incoming.take_in(letter, keys=current_app.config["SECRET_KEYS"], now=utcnow())


@job()
def read_box(box_id: int) -> None:
    """Read what is new in a mailbox. No transaction is open while the server is spoken to."""
    config = current_app.config
    with transaction():
        box = incoming.claim(box_id, now=utcnow())
    if box is None:
        return
    access, said = incoming.access(box, keys=config["SECRET_KEYS"], ca_file=config["MAIL_CA_FILE"] or None), ""
    marks: list[str] = []
    try:
        with mailboxes.opened_box(box.way, access) as server:
            marks = server.new(box.position)
            for mark in marks[:MOST_LETTERS]:
                _read(server, mark, box)
                with transaction():
                    incoming.has_read(box_id, mark)
    except Refused as refusal:
        said = str(refusal.values.get("said", refusal))
    with transaction():
        incoming.looked(box_id, said)
        if not said and len(marks) > MOST_LETTERS:
            incoming.hurry(box_id)


def _read(server: mailboxes.Box, mark: str, box: ReturnBox) -> None:
    """Take in one letter; one that nobody can read is passed over, and stays in the mailbox."""
    raw = server.fetch(mark, most=bounces.MOST_BYTES)
    try:
        kind = receive(raw)
    except DATABASE_TROUBLE:
        raise
    except Exception:
        db.session.rollback()
        log.exception("a letter in a mailbox could not be read and is passed over")
        return
    if box.tidy and kind not in (None, Kind.REPLY):
        server.put_away(mark, box.done)
