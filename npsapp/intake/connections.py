"""Connections: other programs that send purchases by themselves, with their secrets in both directions."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import select

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import alone, db, put
from npsapp.intake import services
from npsapp.intake.commerceml import Trigger
from npsapp.intake.models import PLANNING, Source, SourceKind
from npsapp.lib import sealing
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.lib.tokens import digest, new_token, same
from npsapp.permissions import USUAL_SCOPES

KINDS = tuple(kind for kind in SourceKind if kind not in (SourceKind.FILE, SourceKind.DEMO, SourceKind.WAVE))
"""What an administrator can add; files, waves and the demo company make their own sources."""
WITHOUT_SECRET = frozenset({SourceKind.FOLDER, SourceKind.MAILBOX})
"""Kinds that nobody calls: this program fetches what they hold."""
USUAL: dict[SourceKind, dict[str, Any]] = {
    SourceKind.ONEC: {"trigger": Trigger.SHIPMENT.value, "encoding": "", "version": "2.09"},
    SourceKind.API: {"scopes": [scope.value for scope in USUAL_SCOPES]},
}
"""What holds where `Source.settings` says nothing, of what administrators choose on its page."""


class NameTaken(Refused):
    """Two connections may not be called the same."""

    wording = N_("There is a connection with this name already. Choose another name.")


def add(kind: SourceKind, name: str, *, actor: Actor, now: datetime, **chosen: Any) -> tuple[Source, str]:
    """Add a connection in trial; gives it with its secret, which is readable only now ("" for kinds without one).

    `chosen` are columns of `Source`; what is missing is taken from the oldest brand (see `found_company`).

    :raise NoName: when the name is empty or too long.
    :raise NameTaken: when another connection has it.
    """
    if services.source_named(name):
        raise NameTaken()
    usual = {"ids_are_persons": kind is not SourceKind.ONEC, "ask_completed": kind not in WITHOUT_SECRET}
    source = services.new_source(kind, name, actor=actor, now=now, **(usual | chosen))
    source.login = f"{kind.value}{source.id}"
    return source, "" if kind in WITHOUT_SECRET else _new_secret(source)


def change(
    source_id: int, values: Mapping[str, Any], settings: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    """Change columns of a connection, and what its kind needs (`settings`); purchases are looked at again.

    :raise NameTaken: when another connection has the name.
    """
    alone(PLANNING)
    source = db.session.get_one(Source, source_id)
    name = " ".join(values.get("name", source.name).split())
    if db.session.scalar(select(Source.id).where(Source.name == name, Source.id != source_id)):
        raise NameTaken()
    before = chosen(source)
    new = {key: value for key, value in settings.items() if before.get(key) != value}
    changed = [*put(source, {**values, "name": name}), *new]
    if new:
        source.settings = {**source.settings, **new}
    db.session.flush()
    if changed:
        data = {"fields": sorted(changed)} | {key: new[key] for key in ("scopes",) if key in new}
        audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("source", source_id), data=data)


def chosen(source: Source) -> dict[str, Any]:
    """What its kind needs: as somebody chose it, else as usual."""
    return USUAL.get(source.kind, {}) | source.settings


def rotate(source_id: int, *, actor: Actor, now: datetime) -> str:
    """Give a connection a new secret, readable only now; the old one no longer opens anything. Its address stays."""
    secret = _new_secret(db.session.get_one(Source, source_id))
    audit.record(Event.SOURCE_SECRET_CHANGED, actor=actor, now=now, subject=("source", source_id))
    return secret


def _new_secret(source: Source) -> str:
    secret = new_token()
    source.secret_digest = digest(secret)
    db.session.flush()
    return secret


def retire(source_id: int, *, actor: Actor, now: datetime) -> None:
    """Close a connection: its address and secret open nothing any more. What it brought stays."""
    source = db.session.get_one(Source, source_id)
    if source.retired_at is None:
        source.retired_at, source.sealed, source.alarm = now, "", ""
        db.session.flush()
        audit.record(Event.SOURCE_RETIRED, actor=actor, now=now, subject=("source", source_id))


def by_key(key: str) -> Source | None:
    """The connection with this key in its address; None: unknown or retired."""
    return db.session.scalars(select(Source).where(Source.key == key, Source.retired_at.is_(None))).first()


def by_login(login: str) -> Source | None:
    """The connection with this login, for addresses that carry no key; None: unknown or retired."""
    named = Source.login == login, Source.login != "", Source.retired_at.is_(None)
    return db.session.scalars(select(Source).where(*named)).first()


def secret_fits(source: Source | None, secret: str) -> bool:
    """Whether this is the connection's secret, in constant time, also where there is no connection."""
    return same(source.secret_digest if source else "", digest(secret))


def opened(source: Source) -> dict[str, str]:
    """The secrets we send, such as a mailbox's password; empty when there are none, or their key is gone."""
    plain = sealing.unseal(current_app.config["SECRET_KEYS"], source.sealed) if source.sealed else None
    return json.loads(plain) if plain else {}


def seal(source: Source, **typed: str) -> None:
    """Keep secrets we send; an empty one keeps what was stored."""
    kept = opened(source) | {name: value for name, value in typed.items() if value}
    source.sealed = sealing.seal(current_app.config["SECRET_KEYS"], json.dumps(kept)) if kept else ""
    db.session.flush()
