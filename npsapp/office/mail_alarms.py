"""Administrators get a letter when a provider refuses all letters of a sender, or when a sender had to stop."""

from datetime import datetime

from npsapp.accounts import queries as accounts
from npsapp.accounts.models import User
from npsapp.db import reading, transaction
from npsapp.delivery import health, providers, queries as delivery, rates
from npsapp.delivery.models import SenderRate
from npsapp.office import alarms


def tell(*, public_url: str, now: datetime) -> None:
    """One letter about each stop that people have to look at, to each administrator."""
    with reading():
        stops = health.untold()
    for stop in stops:
        with transaction():
            if all(_letter(user, stop, public_url=public_url, now=now) for user in accounts.administrators()):
                rates.mark_told([stop.id], now=now)


def _letter(user: User, stop: SenderRate, *, public_url: str, now: datetime) -> bool:
    """Through a sender that works, of another brand if need be; False when no brand can write."""
    return alarms.tell(
        user,
        "office/mail/mail_alarm",
        brand_id=delivery.brand_that_writes(stop.sender.brand_id, now),
        now=now,
        stop=stop,
        provider="" if stop.domain == "*" else providers.name_of(stop.domain),
        link=f"{public_url}/mail-health/",
    )
