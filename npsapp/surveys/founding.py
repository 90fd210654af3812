"""The smallest company with which the program can ask: for who sends in purchases before setting anything up."""

from datetime import datetime

from npsapp.audit.services import Actor
from npsapp.delivery import senders
from npsapp.organization import queries as organization
from npsapp.organization import services as organization_services
from npsapp.organization.models import Brand
from npsapp.surveys import queries, services

KEY = "company"
NAME = {"en": "My company", "ru": "Моя компания", "uk": "Моя компанія"}
PHRASE = {"en": "our company", "ru": "нашу компанию", "uk": "нашу компанію"}
PURCHASE = "purchase"
PURCHASE_NAME = {"en": "Purchase", "ru": "Покупка", "uk": "Покупка"}
# Nobody has said from whom letters come; the address belongs to nobody until somebody does (RFC 2606).
SENDER_ADDRESS = "company@example.com"


def found_company(*, actor: Actor, now: datetime) -> Brand:
    """The oldest brand; when there is none, a new one with its sender and a published survey after purchases.

    Needs a transaction. Repeating it changes nothing.
    """
    if brands := organization.brands():
        return brands[0]
    pool = next(iter(organization.pools()), None) or organization_services.create_pool(name=NAME["en"])
    brand = organization_services.create_brand(
        pool_id=pool.id, key=KEY, name=NAME, phrase=PHRASE, language="uk", timezone="Europe/Kyiv", now=now
    )
    organization_services.note("brand", brand.id, ["created"], actor=actor, now=now)
    senders.set_sender(
        brand_id=brand.id, name=NAME, address=SENDER_ADDRESS, reply_to=SENDER_ADDRESS, actor=actor, now=now
    )
    survey = services.create_survey(
        brand_id=brand.id, touchpoint_id=_purchase(pool.id, now), name="Purchase", actor=actor, now=now
    )
    services.publish(survey.id, actor=actor, now=now)
    return brand


def _purchase(pool_id: int, now: datetime) -> int:
    known = queries.touchpoint_lookup(pool_id).get(PURCHASE)
    return known or services.create_touchpoint(pool_id=pool_id, key=PURCHASE, name=PURCHASE_NAME, now=now).id
