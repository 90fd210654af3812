"""Letters that tell one colleague of something that needs a look. What the letter says is the caller's."""

from datetime import datetime, timedelta
from typing import Any

from npsapp.accounts import letters
from npsapp.accounts.models import User
from npsapp.delivery import rendering
from npsapp.delivery.rules import Purpose
from npsapp.delivery.services import NoSender

USEFUL_FOR = timedelta(days=3)


def tell(user: User, template: str, *, brand_id: int, now: datetime, **values: Any) -> bool:
    """Queue a staff letter in the user's language; False when the brand cannot write. Needs a transaction."""
    letter = rendering.staff_letter(template, language=user.language, name=user.name, **values)
    try:
        letters.queue(user, letter, Purpose.STAFF, brand_id=brand_id, useful_until=now + USEFUL_FOR, now=now)
    except NoSender:
        return False
    return True
