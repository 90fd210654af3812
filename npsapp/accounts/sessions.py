"""Signing in and out: throttled tries, sessions that can be listed and ended."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, update

from npsapp.accounts import queries, rules
from npsapp.accounts.models import LoginAttempt, User, UserSession
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.lib.tokens import digest, keyed, new_token

VISITOR = Actor("visitor")  # somebody who has not shown who they are


class TooManyTries(Refused):
    """Too many failed tries from here or for this account; `until` is when the next one is looked at."""

    code = "too_many_tries"
    wording = N_("Too many failed tries. Wait a little, or set a new password by letter.")

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__()


class NoSuchSession(Refused):
    """The session has ended already, or belongs to somebody else."""

    code = "no_such_session"
    wording = N_("This session has already ended.")


def begin_try(*, email: str, address: str, key: str, now: datetime) -> list[int]:
    """Count a try before the password is looked at, so that tries at the same moment cannot pass together.

    Needs a transaction. Gives the ids that `begin_session` takes back when the try succeeds. May raise
    TooManyTries; a try that is refused is not counted.
    """
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.at < now - rules.KEPT_FOR))
    account, place = _account_key(email, key), _address_key(address, key)
    _refuse_too_many(account, rules.ACCOUNT_LIMITS, now)
    _refuse_too_many(place, rules.ADDRESS_LIMITS, now)
    tries = [LoginAttempt(key=account, at=now), LoginAttempt(key=place, at=now)]
    db.session.add_all(tries)
    db.session.flush()
    return [one.id for one in tries]


def begin_letter(*, email: str, address: str, key: str, now: datetime) -> None:
    """Count a wish for a letter that sets a password. Needs a transaction; may raise TooManyTries."""
    wanted, place = f"letter:{keyed(key, 'throttle', email.strip().lower())}", _address_key(address, key)
    _refuse_too_many(wanted, rules.LETTER_LIMITS, now)
    _refuse_too_many(place, rules.ADDRESS_LIMITS, now)
    db.session.add_all([LoginAttempt(key=wanted, at=now), LoginAttempt(key=place, at=now)])
    db.session.flush()


def note_failure(user_id: int | None, *, now: datetime) -> None:
    """Remember in the audit that a try failed; the account's id only if there is one. Needs a transaction."""
    audit.record(Event.USER_LOGIN_FAILED, actor=VISITOR, now=now, subject=("user", user_id))


def begin_session(
    user: User, *, tries: list[int], email: str, key: str, remember: bool, agent: str, now: datetime
) -> str:
    """Sign a user in whose password was right; gives the random token for the cookie. Needs a transaction.

    The account's failed tries are forgotten; those of the address stay, or whoever owns one account could try
    all the others for ever.
    """
    forget_tries(email, key=key, tries=tries)
    db.session.execute(delete(UserSession).where(UserSession.expires_at < now))
    token = new_token()
    db.session.add(
        UserSession(
            user_id=user.id,
            token_hash=digest(token),
            created_at=now,
            seen_at=now,
            expires_at=rules.session_end(remember=remember, now=now),
            remember=remember,
            agent=rules.device(agent),
        )
    )
    user.last_login_at = now
    db.session.flush()
    audit.record(Event.USER_LOGGED_IN, actor=audit.by_user(user.id), now=now, subject=("user", user.id))
    return token


def forget_tries(email: str, *, key: str, tries: Sequence[int] = ()) -> None:
    """Let an account be tried again at once: its owner showed the password or set a new one. Needs a transaction.

    `tries` are those that just succeeded: they count against the address no more.
    """
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.id.in_(tries)))
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.key == _account_key(email, key)))


def seen(session_id: int, *, now: datetime) -> None:
    """Remember that a session is in use; without "stay signed in" that prolongs it. Needs a transaction."""
    used = update(UserSession).where(UserSession.id == session_id)
    db.session.execute(used.values(seen_at=now))
    db.session.execute(
        used.where(UserSession.remember.is_(False)).values(
            expires_at=rules.session_end(remember=False, now=now)
        )
    )


def end(token: str, *, user_id: int, now: datetime) -> None:
    """Sign out on this device. Needs a transaction."""
    db.session.execute(delete(UserSession).where(UserSession.token_hash == digest(token)))
    audit.record(Event.USER_LOGGED_OUT, actor=audit.by_user(user_id), now=now, subject=("user", user_id))


def revoke(session_id: int, *, user_id: int, now: datetime) -> None:
    """Sign the user out on another device. Needs a transaction; may raise NoSuchSession."""
    ended = db.session.execute(
        delete(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == user_id)
        .returning(UserSession.id)
    )
    if ended.scalar() is None:
        raise NoSuchSession()
    audit.record(Event.SESSION_REVOKED, actor=audit.by_user(user_id), now=now, subject=("user", user_id))


def end_all(user_id: int, *, keep_token: str = "") -> None:
    """Sign a user out everywhere, except where `keep_token` is in the cookie. Needs a transaction."""
    ending = delete(UserSession).where(UserSession.user_id == user_id)
    if keep_token:
        ending = ending.where(UserSession.token_hash != digest(keep_token))
    db.session.execute(ending)


def _refuse_too_many(key: str, limits: tuple[rules.Limit, ...], now: datetime) -> None:
    until = rules.wait_until(queries.failures(key), limits, now=now)
    if until:
        raise TooManyTries(until)


def _account_key(email: str, key: str) -> str:
    return f"account:{keyed(key, 'throttle', email.strip().lower())}"


def _address_key(address: str, key: str) -> str:
    return f"address:{keyed(key, 'throttle', rules.network_of(address))}"
