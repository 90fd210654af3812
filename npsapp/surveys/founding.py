"""The one way a company comes into being: a data controller, a brand, what it asks after, and a survey that asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from npsapp.audit.services import Actor
from npsapp.delivery import senders
from npsapp.organization import queries as organization, services as organization_services
from npsapp.organization.models import Brand
from npsapp.surveys import queries, services, wording
from npsapp.surveys.models import Survey, Touchpoint
from npsapp.surveys.rules import Texts


@dataclass(frozen=True)
class Company:
    """What one has to know of a company to let it ask; a company without a sender address writes no letters."""

    name: Texts
    phrase: Texts
    key: str = ""
    """Stable name for addresses; empty: made of the name."""
    touchpoint: str = "purchase"
    """A key of `wording.touchpoints()`."""
    look: Mapping[str, Any] = field(default_factory=lambda: {"language": "uk", "timezone": "Europe/Kyiv"})
    """Further columns of its brand."""
    sender: str = ""
    reply_to: str = ""


# For whoever sends in purchases before setting anything up.
UNNAMED = Company(
    name={"en": "My company", "ru": "Моя компания", "uk": "Моя компанія"},
    phrase={"en": "our company", "ru": "нашу компанию", "uk": "нашу компанію"},
    key="company",
)


def found(company: Company, *, actor: Actor, now: datetime) -> Survey:
    """Write a company into a pool of its own, and publish its survey. Needs a transaction.

    A brand in use that cannot write letters yet, made by a file that came first, becomes this company.
    """
    brand = unfinished() or _new_brand(company, now)
    fields = {"name": company.name, "phrase": company.phrase, "contact_email": company.reply_to, **company.look}
    organization_services.change_fields(brand, fields, actor=actor, now=now)
    if company.sender:
        senders.set_sender(
            brand_id=brand.id,
            name=company.name,
            address=company.sender,
            reply_to=company.reply_to,
            actor=actor,
            now=now,
        )
    touchpoint_id = touchpoint(brand.pool_id, company.touchpoint, now)
    asks = queries.active_map().get((brand.id, touchpoint_id))
    return asks or _survey(brand, touchpoint_id, company, actor=actor, now=now)


def found_company(*, actor: Actor, now: datetime) -> Brand:
    """The oldest brand; when there is none, one without a name of its own. Needs a transaction."""
    brands = organization.brands()
    return brands[0] if brands else found(UNNAMED, actor=actor, now=now).brand


def unfinished() -> Brand | None:
    """The brand nobody has set up: its name was invented by this room."""
    return next((one for one in organization.brands() if one.name == UNNAMED.name), None)


def _new_brand(company: Company, now: datetime) -> Brand:
    pool = organization_services.create_pool(name=next(iter(company.name.values())))
    return organization_services.create(Brand, pool_id=pool.id, name=company.name, key=company.key, now=now)


def touchpoint(pool_id: int, key: str, now: datetime) -> int:
    """The touchpoint of that key (of `wording.touchpoint_names()`), made when there is none: its id."""
    known = queries.touchpoint_lookup(pool_id).get(key)
    names = wording.touchpoint_names()[key]
    return known or organization_services.create(Touchpoint, pool_id=pool_id, key=key, name=names, now=now).id


def _survey(brand: Brand, touchpoint_id: int, company: Company, *, actor: Actor, now: datetime) -> Survey:
    names = wording.touchpoints()[company.touchpoint]
    survey = services.create_survey(
        brand_id=brand.id, touchpoint_id=touchpoint_id, name=names[brand.language], actor=actor, now=now
    )
    services.publish(survey.id, actor=actor, now=now)
    return survey
