"""The demo company itself: brand, regions, units, colleagues, surveys with their policies, the source."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import insert, select

from npsapp.accounts import services as accounts
from npsapp.audit.services import COMMAND
from npsapp.cases import services as cases
from npsapp.db import db
from npsapp.delivery.models import Sender
from npsapp.delivery.rules import Channel
from npsapp.demo import places
from npsapp.demo.asking import POLICIES
from npsapp.intake.models import Source, SourceKind
from npsapp.invitations import policies
from npsapp.lib.clock import local_date
from npsapp.organization import services as organization
from npsapp.organization.models import Brand, Pool
from npsapp.organization.rules import fold
from npsapp.permissions import Role
from npsapp.surveys import services as surveys

SOURCE = "demo"
"""Name of the source all interactions of the demo come from."""

SENDER_ADDRESS = "drenolad@example.com"

_SURVEYS = {
    "purchase": "Після покупки",
    "delivery": "Після доставки",
    "service": "Після монтажу та сервісу",
    "warehouse": "Після самовивозу",
}
# Other spellings that files use.
_ALIASES = {
    "kyiv": ("Kiev", "г. Киев", "м. Київ", "Киевская область", "Київська область"),
    "lviv": ("Lvov", "г. Львов", "м. Львів", "Львовская область", "Львівська область"),
    "odesa": ("Odessa", "г. Одесса", "м. Одеса", "Одесская область", "Одеська область"),
    "dnipro": ("Dnepr", "г. Днепр", "м. Дніпро", "Днепропетровская область", "Дніпропетровська область"),
    "kharkiv": ("Kharkov", "г. Харьков", "м. Харків", "Харьковская область", "Харківська область"),
    "vinnytsia": ("Vinnitsa", "г. Винница", "м. Вінниця", "Винницкая область", "Вінницька область"),
}
_SEGMENT_ALIASES = {
    "retail": ("розничный", "роздрібний", "B2C"),
    "contractors": ("строитель", "будівельник", "подрядчики", "підрядники"),
    "design": ("проектировщики", "проєктувальники", "B2B"),
}
_TOUCHPOINT_ALIASES = {
    "purchase": ("продажа", "продаж", "sale"),
    "delivery": ("доставлено",),
    "service": ("монтаж", "сервис", "сервіс"),
    "warehouse": ("самовывоз", "самовивіз", "склад"),
}


@dataclass(frozen=True)
class Colleague:
    """Somebody who signs in; `region` for managers, `fallback` for who gets cases nobody else gets."""

    email: str
    name: str
    role: Role
    language: str = "uk"
    region: str = ""
    fallback: bool = False


COLLEAGUES = (
    Colleague("administrator@example.com", "Соломія Яворчук", Role.ADMINISTRATOR),
    Colleague("analyst@example.com", "Ігор Перепелюк", Role.ANALYST),
    Colleague("support@example.com", "Марта Липчук", Role.SUPPORT),
    Colleague("care@example.com", "Роман Калиниченко", Role.SUPPORT, fallback=True),
    Colleague("kyiv@example.com", "Олена Садовенко", Role.MANAGER, region="kyiv"),
    Colleague("lviv@example.com", "Богдан Смеречук", Role.MANAGER, region="lviv"),
    Colleague("odesa@example.com", "Виктор Лелеченко", Role.MANAGER, "ru", region="odesa"),
    Colleague("dnipro@example.com", "Наталія Озерчук", Role.MANAGER, region="dnipro"),
    Colleague("kharkiv@example.com", "Ирина Туманюк", Role.MANAGER, "ru", region="kharkiv"),
    Colleague("vinnytsia@example.com", "Петро Вишненко", Role.MANAGER, region="vinnytsia"),
)

SHOWN = ("administrator@example.com", "analyst@example.com", "kyiv@example.com", "support@example.com")
"""The logins that are printed: one of each role."""


@dataclass
class Foundation:
    """Ids of everything the history refers to, by key."""

    pool_id: int
    brand_id: int
    sender_id: int
    source_id: int = 0
    administrator_id: int = 0
    regions: dict[str, int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    performers: dict[str, int] = field(default_factory=dict)
    segments: dict[str, int] = field(default_factory=dict)
    touchpoints: dict[str, int] = field(default_factory=dict)
    surveys: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    managers: dict[str, int] = field(default_factory=dict)
    causes: dict[str, int] = field(default_factory=dict)


def lay(
    performers: tuple[places.Performer, ...], *, hashes: dict[str, str], founded: datetime, now: datetime
) -> Foundation:
    """Found the company as it was before its first purchase; `hashes`: e-mail → password hash.

    Needs a transaction. Everything is dated `founded`, except that the source is live since then, too.
    """
    pool = db.session.scalars(select(Pool).order_by(Pool.id)).first()
    pool = pool or organization.create_pool(name=places.BRAND["uk"])
    brand = _brand(pool.id, founded)
    base = Foundation(pool_id=pool.id, brand_id=brand.id, sender_id=_sender(brand.id))
    _places(base, performers, founded)
    _colleagues(base, hashes, founded)
    _source(base, founded, now)
    _surveys(base, founded)
    base.causes = cases.default_causes(now=founded)
    return base


def _brand(pool_id: int, founded: datetime) -> Brand:
    return organization.create_brand(
        pool_id=pool_id,
        key="drenolad",
        name=places.BRAND,
        phrase={"ru": "компанию «Дренолад»", "uk": "компанію «Дренолад»", "en": "Drenolad"},
        now=founded,
        accent="#0B6E6E",
        language="uk",
        timezone=places.ZONE,
        contact_email=SENDER_ADDRESS,
        postal_address={
            "ru": "«Дренолад», ул. Примерная, 1, Киев",
            "uk": "«Дренолад», вул. Прикладна, 1, Київ",
            "en": "Drenolad, 1 Prykladna St, Kyiv",
        },
        is_demo=True,
    )


def _sender(brand_id: int) -> int:
    values = {
        "brand_id": brand_id,
        "channel": Channel.EMAIL,
        "name": places.BRAND,
        "address": SENDER_ADDRESS,
        "reply_to": SENDER_ADDRESS,
    }
    return db.session.execute(insert(Sender).values(values).returning(Sender.id)).scalar_one()


def _places(base: Foundation, performers: tuple[places.Performer, ...], founded: datetime) -> None:
    for region in places.REGIONS:
        aliases = [fold(alias) for alias in _ALIASES[region.key]]
        row = organization.create_region(
            pool_id=base.pool_id, key=region.key, name=region.names, aliases=aliases, now=founded
        )
        base.regions[region.key] = row.id
    for unit in places.UNITS:
        region_id = base.regions[unit.region]
        base.units[unit.key] = organization.create_unit(
            brand_id=base.brand_id, name=unit.names, region_id=region_id, now=founded
        ).id
    for one in performers:
        base.performers[one.key] = organization.create_performer(
            brand_id=base.brand_id, name=one.name, role=one.role, unit_id=base.units[one.unit], now=founded
        ).id
    for key, names in places.SEGMENTS.items():
        base.segments[key] = organization.create_segment(
            pool_id=base.pool_id, key=key, name=names, aliases=_SEGMENT_ALIASES[key], now=founded
        ).id


def _colleagues(base: Foundation, hashes: dict[str, str], founded: datetime) -> None:
    for one in COLLEAGUES:
        user = accounts.create_user(
            email=one.email,
            name=one.name,
            role=one.role,
            language=one.language,
            password_hash=hashes[one.email],
            region_ids=[base.regions[one.region]] if one.region else [],
            actor=COMMAND,
            now=founded,
        )
        if one.region:
            base.managers[one.region] = user.id
        if one.role is Role.ADMINISTRATOR:
            base.administrator_id = user.id
        if one.fallback:
            accounts.set_duty(base.pool_id, None, user.id, actor=COMMAND, now=founded)


def _source(base: Foundation, founded: datetime, now: datetime) -> None:
    values = {
        "name": SOURCE,
        "kind": SourceKind.DEMO,
        "brand_id": base.brand_id,
        "ids_are_persons": True,
        "timezone": places.ZONE,
        "currency": "UAH",
        "grounds": {"email": "contract", "phone": "contract"},
        "grounds_set_by_id": base.administrator_id,
        "mapping": {},
        "live_at": founded,
        "live_from": local_date(founded, places.ZONE),
        "outbox_confirmed_at": now,
        "created_at": founded,
    }
    base.source_id = db.session.execute(insert(Source).values(values).returning(Source.id)).scalar_one()


def _surveys(base: Foundation, founded: datetime) -> None:
    for key, names in places.TOUCHPOINTS.items():
        touchpoint = surveys.create_touchpoint(
            pool_id=base.pool_id, key=key, name=names, aliases=_TOUCHPOINT_ALIASES[key], now=founded
        )
        survey = surveys.create_survey(
            brand_id=base.brand_id,
            touchpoint_id=touchpoint.id,
            name=_SURVEYS[key],
            actor=COMMAND,
            now=founded,
        )
        rule = POLICIES[key]
        policies.create_policy(
            survey.id,
            delay_hours=rule.delay // timedelta(hours=1),
            window_from=rule.window_from,
            window_until=rule.window_until,
        )
        surveys.publish(survey.id, actor=COMMAND, now=founded)
        if survey.version_id is None:
            raise RuntimeError("a new survey has no version")
        surveys.freeze(survey.version_id, now=founded)
        base.touchpoints[key], base.surveys[key] = touchpoint.id, survey.id
        base.versions[key] = survey.version_id
