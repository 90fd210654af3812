"""The fixed people and places of the tests: Olena runs the program, Andriy answers for Kyiv, Ivan for Odesa."""

import re
from datetime import datetime
from types import SimpleNamespace

from sqlalchemy.orm import Session

from npsapp.accounts.models import Duty, User, UserRegion
from npsapp.audit.services import PROGRAM
from npsapp.delivery.models import Sender
from npsapp.delivery.rules import Channel
from npsapp.invitations.models import InvitationPolicy
from npsapp.organization.models import Brand, Pool, Region, Segment, Unit
from npsapp.permissions import Role
from npsapp.surveys import services as surveys
from npsapp.surveys.models import Survey, Touchpoint

PASSWORD = "correct horse battery"


def csrf(page: str) -> str:
    """The CSRF token in a page's first form."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, "the page has no CSRF token"
    return found.group(1)


def found(session: Session, *, password_hash: str, now: datetime) -> SimpleNamespace:
    """Write the company into empty tables and give its rows back."""
    pool = Pool(name="Standardpark")
    session.add(pool)
    session.flush()
    brand = Brand(
        pool_id=pool.id,
        key="vodolad",
        name={"en": "Vodolad", "ru": "Водолад", "uk": "Водолад"},
        phrase={"en": "Vodolad", "ru": "компанию «Водолад»", "uk": "компанію «Водолад»"},
        postal_address={"en": "1 River St, Kyiv", "ru": "Киев, ул. Речная, 1", "uk": "Київ, вул. Річкова, 1"},
        contact_email="hello@vodolad.example",
        created_at=now,
    )
    session.add(brand)
    session.flush()
    kyiv = _region(pool, "kyiv", "Kyiv", "Киев", "Київ", now)
    odesa = _region(pool, "odesa", "Odesa", "Одесса", "Одеса", now)
    session.add_all([kyiv, odesa])
    session.flush()
    units = SimpleNamespace(kyiv=_unit(brand, kyiv, "Лівий берег", now), odesa=_unit(brand, odesa, "Порт", now))
    segment = Segment(
        pool_id=pool.id, key="роздріб", name={"uk": "Роздріб", "en": "Retail"}, aliases=[], created_at=now
    )
    touchpoint = Touchpoint(
        pool_id=pool.id,
        key="purchase",
        name={"en": "Purchase", "ru": "Покупка", "uk": "Купівля"},
        aliases=[],
        created_at=now,
    )
    sender = Sender(
        brand_id=brand.id,
        channel=Channel.EMAIL,
        name=brand.name,
        address="nps@vodolad.example",
        reply_to="hello@vodolad.example",
    )
    session.add_all([units.kyiv, units.odesa, segment, touchpoint, sender])
    session.flush()
    people = _people(session, pool, kyiv, odesa, password_hash, now)
    survey = _survey(brand, touchpoint, now)
    session.add(InvitationPolicy(survey_id=survey.id))
    session.flush()
    session.refresh(survey)
    return SimpleNamespace(
        pool=pool,
        brand=brand,
        regions=SimpleNamespace(kyiv=kyiv, odesa=odesa),
        units=units,
        segment=segment,
        touchpoint=touchpoint,
        sender=sender,
        survey=survey,
        version=survey.version,
        **people,
    )


def _region(pool: Pool, key: str, en: str, ru: str, uk: str, now: datetime) -> Region:
    return Region(
        pool_id=pool.id,
        key=key,
        name={"en": en, "ru": ru, "uk": uk},
        aliases=[],
        timezone="Europe/Kyiv",
        created_at=now,
    )


def _unit(brand: Brand, region: Region, name: str, now: datetime) -> Unit:
    return Unit(
        brand_id=brand.id, key=name.casefold(), name={"uk": name}, aliases=[], region_id=region.id, created_at=now
    )


def _people(
    session: Session, pool: Pool, kyiv: Region, odesa: Region, password_hash: str, now: datetime
) -> dict[str, User]:
    def user(name: str, role: Role) -> User:
        return User(
            email=f"{name.lower()}@vodolad.example",
            name=name,
            role=role,
            language="en",
            timezone="Europe/Kyiv",
            password_hash=password_hash,
            created_at=now,
        )

    people = {
        "admin": user("Olena", Role.ADMINISTRATOR),
        "analyst": user("Vira", Role.ANALYST),
        "manager_kyiv": user("Andriy", Role.MANAGER),
        "manager_odesa": user("Ivan", Role.MANAGER),
        "support": user("Petro", Role.SUPPORT),
    }
    session.add_all(people.values())
    session.flush()
    for key, region in (("manager_kyiv", kyiv), ("manager_odesa", odesa)):
        session.add(UserRegion(user_id=people[key].id, region_id=region.id))
        session.add(Duty(pool_id=pool.id, region_id=region.id, user_id=people[key].id))
    session.add(Duty(pool_id=pool.id, region_id=None, user_id=people["admin"].id))
    session.flush()
    return people


def _survey(brand: Brand, touchpoint: Touchpoint, now: datetime) -> Survey:
    survey = surveys.create_survey(
        brand_id=brand.id, touchpoint_id=touchpoint.id, name="Purchase", actor=PROGRAM, now=now
    )
    surveys.publish(survey.id, actor=PROGRAM, now=now)
    return survey
