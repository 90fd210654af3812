"""Letters that let their reader set a password, and the links in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from npsapp.accounts import queries, rules
from npsapp.accounts.models import User
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.delivery import rendering
from npsapp.delivery import services as delivery
from npsapp.delivery.rules import Purpose
from npsapp.delivery.services import NoSender
from npsapp.lib import tokens
from npsapp.organization import queries as organization

RESET, WELCOME = "password_reset", "welcome"
# How long the link of each letter works, in seconds.
LASTS_S = {RESET: rules.RESET_LETTER_S, WELCOME: rules.WELCOME_LETTER_S}


@dataclass(frozen=True)
class PasswordLetter:
    """A letter ready to be queued; without `user_id` there is nobody to send it to."""

    user_id: int | None
    to_address: str
    to_name: str
    language: str
    lasts: timedelta
    words: rendering.Letter


def password_letter(
    user: User | None, *, keys: Sequence[str], public_url: str, language: str, kind: str = RESET
) -> PasswordLetter:
    """The letter with the link, in the user's language; for nobody in `language`. Needs an application context."""
    link = f"{public_url}/password/reset/{_link(user, keys=keys, kind=kind)}"
    spoken = user.language if user else language
    words = rendering.staff_letter(
        f"accounts/mail/{kind}",
        language=spoken,
        name=user.name if user else "",
        email=user.email if user else "",
        link=link,
        hours=LASTS_S[kind] // 3600,
        days=LASTS_S[kind] // 86400,
    )
    return PasswordLetter(
        user_id=user.id if user else None,
        to_address=user.email if user else "",
        to_name=user.name if user else "",
        language=spoken,
        lasts=timedelta(seconds=LASTS_S[kind]),
        words=words,
    )


def send(letter: PasswordLetter, *, actor: Actor, now: datetime) -> None:
    """Hand the letter to the post office. Needs a transaction; may raise NoSender when no brand can write yet."""
    brands = organization.brands()
    if not brands:
        raise NoSender()
    delivery.queue(
        purpose=Purpose.PASSWORD,
        to_address=letter.to_address,
        to_name=letter.to_name,
        to_user_id=letter.user_id,
        brand_id=brands[0].id,
        language=letter.language,
        subject=letter.words.subject,
        body=letter.words.body,
        html=letter.words.html,
        due_at=now,
        useful_until=now + letter.lasts,
        now=now,
    )
    audit.record(Event.USER_PASSWORD_ASKED, actor=actor, now=now, subject=("user", letter.user_id))


def user_of(token: str, *, keys: Sequence[str]) -> User | None:
    """The user whose password this link may set; None when it is altered, too old, or was used."""
    for kind, lasts in LASTS_S.items():
        found = tokens.read(keys, kind, token, max_age=lasts, timed=True)
        if isinstance(found, dict):
            user = queries.user(int(found["user"]))
            if user and user.is_active and tokens.same(str(found["print"]), _fingerprint(user)):
                return user
    return None


def _link(user: User | None, *, keys: Sequence[str], kind: str) -> str:
    payload = {"user": user.id if user else 0, "print": _fingerprint(user)}
    return tokens.sign(keys, kind, payload, timed=True)


def _fingerprint(user: User | None) -> str:
    """What changes with the password and the address: a link works until either is another one."""
    return tokens.digest(f"{user.id}:{user.email}:{user.password_hash}" if user else "")[:24]
