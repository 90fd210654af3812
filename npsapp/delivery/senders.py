"""The address a brand's letters come from."""

from datetime import datetime

from sqlalchemy import inspect

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.delivery import queries
from npsapp.delivery.models import Sender
from npsapp.delivery.rules import Channel


def set_sender(
    *, brand_id: int, name: dict[str, str], address: str, reply_to: str, actor: Actor, now: datetime
) -> None:
    """Say who writes a brand's e-mails; letters still waiting leave under it too. Needs a transaction."""
    sender = queries.sender_of(brand_id) or Sender(brand_id=brand_id, channel=Channel.EMAIL)
    sender.name, sender.address, sender.reply_to = name, address, reply_to
    db.session.add(sender)
    changed = [one.key for one in inspect(sender).attrs if one.history.has_changes()]
    db.session.flush()
    data = {"fields": changed}
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("sender", sender.id), data=data)
