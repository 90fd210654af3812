"""Who writes a brand's letters, and through which mail server."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any

from sqlalchemy import inspect

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import db, put
from npsapp.delivery import queries, rates
from npsapp.delivery.models import Gateway, Sender
from npsapp.delivery.rules import Channel
from npsapp.lib import sealing
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_

HOURS = time(9), time(20)
"""Between which hours of the customer's day SMS leave, unless a gateway says otherwise."""


def set_sender(
    *,
    brand_id: int,
    name: dict[str, str],
    address: str,
    reply_to: str,
    actor: Actor,
    now: datetime,
    which: Sender | None = None,
    **server: Any,
) -> Sender:
    """Say who writes a brand's e-mails; letters still waiting leave under it too. Needs a transaction.

    `which` of its senders is meant, also a new one; None: its first. `server` are the further columns of `Sender`, the
    password sealed already.
    """
    sender = which or queries.sender_of(brand_id) or Sender(brand_id=brand_id, channel=Channel.EMAIL)
    for column, value in {"name": name, "address": address, "reply_to": reply_to, **server}.items():
        if getattr(sender, column) != value:
            setattr(sender, column, value)
    db.session.add(sender)
    changed = sorted(one.key for one in inspect(sender).attrs if one.history.has_changes())
    db.session.flush()
    if changed:
        rates.resume_sender(sender.id, actor=actor, now=now)
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


def set_gateway(
    brand_id: int,
    sender: Mapping[str, Any],
    gateway: Mapping[str, Any],
    *,
    secret: str,
    keys: Sequence[str],
    actor: Actor,
    now: datetime,
) -> None:
    """Say how a brand's SMS leave; those still waiting leave so too. Needs a transaction.

    `sender` and `gateway` are columns; the secret is sealed here. An empty one keeps that which was typed for the
    same user at the same address.
    """
    row = queries.sender_of(brand_id, Channel.SMS)
    row = row or Sender(brand_id=brand_id, channel=Channel.SMS, name={}, reply_to="", username="")
    gate = db.session.get(Gateway, row.id) if row.id else None
    same = gate is not None and (gate.url, row.username) == (gateway["url"], sender["username"])
    password = sealing.seal(keys, secret) if secret else row.password if same else ""
    changed = put(row, {**sender, "password": password})
    db.session.add(row)
    db.session.flush()
    gate = gate or Gateway(sender_id=row.id)
    changed += put(gate, gateway)
    db.session.add(gate)
    db.session.flush()
    if changed:
        rates.resume_sender(row.id, actor=actor, now=now)
        data = {"fields": sorted(set(changed))}
        audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("sender", row.id), data=data)


def note_selectors(sender_id: int, selectors: str) -> None:
    """Remember under which names the DKIM keys of a sender stand. Needs a transaction."""
    queries.sender(sender_id).selectors = selectors


class LastSender(Refused):
    """A brand that writes letters needs somebody they come from."""

    wording = N_("This is the only sender of the brand. Add another one first.")


def retire(sender_id: int, *, actor: Actor, now: datetime) -> None:
    """Use a sender no more; what waits for it goes to another of its brand. Refuses with LastSender."""
    sender = queries.sender(sender_id)
    if len(queries.senders_of(sender.brand_id)) < 2:
        raise LastSender
    sender.retired_at = now
    data = {"fields": ["retired_at"]}
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("sender", sender.id), data=data)
