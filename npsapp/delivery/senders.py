"""The address a brand's letters come from."""

from datetime import datetime

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.delivery import queries
from npsapp.delivery.models import Sender
from npsapp.delivery.rules import Channel


def set_sender(
    *, brand_id: int, name: dict[str, str], address: str, reply_to: str, actor: Actor, now: datetime
) -> list[str]:
    """Say who writes a brand's e-mails; letters still waiting leave under it too. Gives the names of what changed."""
    sender = queries.sender_of(brand_id, Channel.EMAIL)
    wanted = {"name": name, "address": address, "reply_to": reply_to}
    if sender is None:
        sender = Sender(brand_id=brand_id, channel=Channel.EMAIL, **wanted)
        db.session.add(sender)
        changed = sorted(wanted)
    else:
        changed = sorted(field for field, value in wanted.items() if getattr(sender, field) != value)
        for field in changed:
            setattr(sender, field, wanted[field])
    db.session.flush()
    if changed:
        audit.record(
            Event.SETTING_CHANGED,
            actor=actor,
            now=now,
            subject=("sender", sender.id),
            data={"fields": changed},
        )
    return changed
