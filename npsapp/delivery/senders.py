"""Who writes a brand's letters, and through which mail server."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import inspect

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.delivery import queries
from npsapp.delivery.models import Sender
from npsapp.delivery.rules import Channel
from npsapp.lib import sealing


def set_sender(
    *, brand_id: int, name: dict[str, str], address: str, reply_to: str, actor: Actor, now: datetime, **server: Any
) -> Sender:
    """Say who writes a brand's e-mails; letters still waiting leave under it too. Needs a transaction.

    `server` are the further columns of `Sender`, the password sealed already.
    """
    sender = queries.sender_of(brand_id) or Sender(brand_id=brand_id, channel=Channel.EMAIL)
    for column, value in {"name": name, "address": address, "reply_to": reply_to, **server}.items():
        if getattr(sender, column) != value:
            setattr(sender, column, value)
    db.session.add(sender)
    changed = sorted(one.key for one in inspect(sender).attrs if one.history.has_changes())
    db.session.flush()
    if changed:
        data = {"fields": changed}
        audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("sender", sender.id), data=data)
    return sender


def sealed_password(sender: Sender | None, *, typed: str, host: str, username: str, keys: Sequence[str]) -> str:
    """What to store: the typed password sealed, else the one stored already.

    That one stays only for the same user at the same host: nobody who cannot read it may send it elsewhere.
    """
    if typed:
        return sealing.seal(keys, typed)
    same = sender is not None and (sender.host, sender.username) == (host, username)
    return sender.password if sender and same else ""
