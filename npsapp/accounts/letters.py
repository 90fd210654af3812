"""Letters to colleagues, and the one that lets its reader set a password, with the link in it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from npsapp.accounts import queries, rules
from npsapp.accounts.models import User
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.delivery import rendering, services as delivery
from npsapp.delivery.rules import Purpose
from npsapp.lib import tokens
from npsapp.organization import queries as organization

PURPOSE = "password"


def password_letter(user: User, *, keys: Sequence[str], public_url: str, now: datetime) -> rendering.Letter:
    """The letter with the link, in the user's language; a welcome while there is no password yet."""
    return rendering.staff_letter(
        "accounts/mail/password_reset" if user.password_hash else "accounts/mail/welcome",
        language=user.language,
        name=user.name,
        email=user.email,
        link=password_link(user, keys=keys, public_url=public_url, now=now),
    )


def password_link(user: User, *, keys: Sequence[str], public_url: str, now: datetime) -> str:
    """The address on which the user sets a password, once; for a page that shows it where letters do not leave."""
    payload = {"user": user.id, "print": _fingerprint(user), "until": (now + _lasts(user)).timestamp()}
    return f"{public_url}/password/reset/{tokens.sign(keys, PURPOSE, payload)}"


def send(user: User, letter: rendering.Letter, *, actor: audit.Actor, now: datetime) -> None:
    """Hand the letter to the post office. Needs a transaction; may raise NoSender while no brand can write yet."""
    brand_id = next((one.id for one in organization.brands()), 0)
    queue(user, letter, Purpose.PASSWORD, brand_id=brand_id, useful_until=now + _lasts(user), now=now)
    audit.record(Event.USER_PASSWORD_ASKED, actor=actor, now=now, subject=("user", user.id))


def queue(
    user: User, letter: rendering.Letter, purpose: Purpose, *, brand_id: int, useful_until: datetime, now: datetime
) -> None:
    """Hand a letter to a colleague to the post office. Needs a transaction; may raise NoSender."""
    to: dict[str, Any] = {"to_address": user.email, "to_name": user.name, "to_user_id": user.id}
    to |= {"language": user.language, **asdict(letter)}
    delivery.queue(purpose=purpose, brand_id=brand_id, **to, due_at=now, useful_until=useful_until, now=now)


def user_of(token: str, *, keys: Sequence[str], now: datetime) -> User | None:
    """The user whose password this link may set; None when it is altered, too old, or was used."""
    found = tokens.read(keys, PURPOSE, token)
    if not found or found["until"] < now.timestamp():
        return None
    user = queries.user(found["user"])
    fits = user and user.is_active and tokens.same(found["print"], _fingerprint(user))
    return user if fits else None


def _lasts(user: User) -> timedelta:
    return rules.RESET_LASTS if user.password_hash else rules.WELCOME_LASTS


def _fingerprint(user: User) -> str:
    """What changes with the password and the address: a link works until either is another one."""
    return tokens.digest(f"{user.id}:{user.email}:{user.password_hash}")[:24]
