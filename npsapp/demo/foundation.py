"""The demo company itself: brand, regions, units, colleagues, surveys with their policies, the source."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from npsapp.accounts import services as accounts
from npsapp.audit.services import COMMAND
from npsapp.cases import services as cases
from npsapp.db import db
from npsapp.delivery.models import Sender
from npsapp.delivery.rules import Channel
from npsapp.demo.company import COMPANY, POLICIES, REGIONS, SEGMENTS, TOUCHPOINTS, UNITS, ZONE
from npsapp.demo.rows import Row, Writer
from npsapp.intake.models import Source, SourceKind
from npsapp.invitations import policies
from npsapp.lib.clock import local_date
from npsapp.organization import services as organization
from npsapp.organization.models import Brand, Performer, Pool, Region, Segment, Unit
from npsapp.organization.rules import fold
from npsapp.permissions import Role
from npsapp.surveys import services as surveys
from npsapp.surveys.models import Touchpoint

SENDER_ADDRESS: str = COMPANY["brand"]["contact_email"]


def lay(writer: Writer, hashes: Mapping[str, str], *, founded: datetime, now: datetime) -> None:
    """Found the company as it was before its first purchase, and tell the writer its ids.

    `hashes`: e-mail → password hash. Everything is dated `founded`, and live since then.
    """
    _brand(writer, founded)
    _places(writer, founded)
    _colleagues(writer, hashes, founded)
    _source(writer, founded, now)
    _surveys(writer, founded)
    writer.ids["cause"] = cases.default_causes()


def _brand(writer: Writer, founded: datetime) -> None:
    pool = db.session.scalars(select(Pool).order_by(Pool.id)).first()
    pool = pool or organization.create_pool(name=COMPANY["brand"]["name"]["uk"])
    brand = organization.create(Brand, pool_id=pool.id, now=founded, is_demo=True, **COMPANY["brand"])
    writer.always |= {"pool_id": pool.id, "brand_id": brand.id, "channel": Channel.EMAIL}
    sender = {"sender": "demo", "name": brand.name, "address": SENDER_ADDRESS, "reply_to": SENDER_ADDRESS}
    writer.write(Sender, [sender], "sender")
    writer.always["sender_id"] = writer.ids["sender"]["demo"]


def _places(writer: Writer, founded: datetime) -> None:
    """Places, people, segments and touchpoints; files name units and people as they are called, others by a key."""
    units = {key: one | {"key": fold(one["name"]["uk"])} for key, one in UNITS.items()}
    performers = {one["name"]: one | {"key": fold(one["name"])} for one in COMPANY["performers"]}
    tables: dict[Any, dict[str, Row]] = {
        Region: REGIONS, Unit: units, Performer: performers, Segment: SEGMENTS, Touchpoint: TOUCHPOINTS,
    }  # fmt: skip
    for model, table in tables.items():
        kind = model.__tablename__
        rows = (
            {"key": key, **one, kind: key, "aliases": list(map(fold, one.get("aliases", []))), "created_at": founded}
            for key, one in table.items()
        )
        writer.write(model, rows, kind)


def _colleagues(writer: Writer, hashes: Mapping[str, str], founded: datetime) -> None:
    """Everybody who signs in; rows name the manager of a region by the region."""
    for one in COMPANY["colleagues"]:
        region = one.get("region")
        user = accounts.create_user(
            email=one["email"],
            name=one["name"],
            role=Role(one["role"]),
            language=one["language"],
            password_hash=hashes[one["email"]],
            region_ids=[writer.ids["region"][region]] if region else [],
            actor=COMMAND,
            now=founded,
        )
        user.is_demo = True
        if region:
            for deed in ("owner", "by", "read_by", "settled_by"):
                writer.ids[deed][region] = user.id
        if one.get("fallback"):
            accounts.set_duty(writer.always["pool_id"], None, user.id, actor=COMMAND, now=founded)
        if user.role is Role.ADMINISTRATOR:
            writer.always |= {"grounds_set_by_id": user.id, "set_by_id": user.id}


def _source(writer: Writer, founded: datetime, now: datetime) -> None:
    source = {
        "source": "demo",
        "name": "demo",
        "kind": SourceKind.DEMO,
        "timezone": ZONE,
        "currency": "UAH",
        "grounds": {"email": "contract", "phone": "contract"},
        "mapping": {},
        "live_at": founded,
        "live_from": local_date(founded, ZONE),
        "outbox_confirmed_at": now,
        "created_at": founded,
    }
    writer.write(Source, [source], "source")
    writer.always["source_id"] = writer.ids["source"]["demo"]


def _surveys(writer: Writer, founded: datetime) -> None:
    """Surveys and versions go by the name of their touchpoint."""
    for key, one in TOUCHPOINTS.items():
        brand_id, touchpoint_id = writer.always["brand_id"], writer.ids["touchpoint"][key]
        survey = surveys.create_survey(
            brand_id=brand_id, touchpoint_id=touchpoint_id, name=one["survey"], actor=COMMAND, now=founded
        )
        policies.create_policy(
            survey.id,
            delay_hours=one["delay_hours"],
            window_from=POLICIES[key].window_from,
            window_until=POLICIES[key].window_until,
        )
        surveys.publish(survey.id, actor=COMMAND, now=founded)
        writer.ids["survey"][key] = survey.id
        if survey.version_id:
            surveys.freeze(survey.version_id, now=founded)
            writer.ids["version"][key] = survey.version_id
