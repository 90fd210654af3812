"""Signing in and out: throttled tries, sessions that can be listed and ended."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Delete, case, delete, func, insert, select, true, update

from npsapp.accounts import queries, rules
from npsapp.accounts.models import LoginAttempt, User, UserSession
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import alone, change, db
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.lib.tokens import digest, keyed, new_token

VISITOR = audit.Actor("visitor")  # somebody who has not shown who they are


@dataclass(frozen=True)
class Claim:
    """Who somebody says to be, and from where: keyed hashes, as tries are counted by them."""

    account: str
    place: str


class TooManyTries(Refused):
    """Too many failed tries from here or for this account; the value `until` is when the next is looked at."""

    wording = N_("Too many failed tries. Wait a little, or set a new password by letter.")


class PasswordChanged(Refused):
    """What was proven is no longer the password, or its owner was blocked meanwhile."""

    wording = N_("The password has been changed meanwhile. Sign in with the new one.")


def claim(email: str, address: str, *, key: str) -> Claim:
    """The claim of a visitor at a network address to be the user with that e-mail address."""
    account, place = email.strip().lower(), rules.network_of(address)
    return Claim(account=keyed(key, "throttle", account), place=keyed(key, "throttle", place))


def begin_try(who: Claim, *, now: datetime) -> None:
    """Count a try before the password is looked at, so that tries at the same moment cannot pass together.

    Needs a transaction. May raise TooManyTries; a try that is refused is not counted.
    """
    _count({f"account:{who.account}": rules.ACCOUNT_LIMITS}, who, now)


def begin_letter(who: Claim, *, now: datetime) -> None:
    """Count a wish for a letter that sets a password. Needs a transaction; may raise TooManyTries."""
    _count({f"letter:{who.account}": rules.LETTER_LIMITS}, who, now)


def _count(limits: dict[str, tuple[rules.Limit, ...]], who: Claim, now: datetime) -> None:
    alone("signing in")
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.at < now - rules.KEPT_FOR))
    limits = limits | {f"address:{who.place}": rules.ADDRESS_LIMITS}
    for key, limit in limits.items():
        until = rules.wait_until(queries.failures(key), limit, now=now)
        if until:
            raise TooManyTries(until=until)
    db.session.execute(insert(LoginAttempt), [{"key": key, "at": now} for key in limits])


def forget_tries(who: Claim) -> None:
    """Let an account be tried again at once: its owner showed the password or set a new one. Needs a transaction.

    Of the tries from the address only the last one is forgotten, or whoever owns one account could try all the
    others for ever.
    """
    place = LoginAttempt.key == f"address:{who.place}"
    last = select(func.max(LoginAttempt.id)).where(place).scalar_subquery()
    own = LoginAttempt.key == f"account:{who.account}"
    db.session.execute(delete(LoginAttempt).where(own | (LoginAttempt.id == last)))


def note_failure(user_id: int | None, *, now: datetime) -> None:
    """Remember in the audit that a try failed; the account's id only if there is one. Needs a transaction."""
    audit.record(Event.USER_LOGIN_FAILED, actor=VISITOR, now=now, subject=("user", user_id))


def still_proven(user_id: int, stored: str) -> None:
    """Keep the password that was proven as it is until the transaction ends. May raise PasswordChanged."""
    now = select(User.password_hash, User.blocked_at).where(User.id == user_id)
    row = db.session.execute(now.with_for_update(key_share=True)).one()
    if row.password_hash != stored or row.blocked_at:
        raise PasswordChanged


def begin_session(user: User, *, remember: bool, agent: str, now: datetime, network: str = "") -> str:
    """Sign a user in whose password was right; gives the random token for the cookie. Needs a transaction."""
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
            network=network,
        )
    )
    user.last_login_at = now
    db.session.flush()
    audit.record(Event.USER_LOGGED_IN, actor=audit.by_user(user.id), now=now, subject=("user", user.id))
    return token


def seen(session_id: int, *, now: datetime) -> None:
    """Remember that a session is in use; without "stay signed in" that prolongs it. Needs a transaction."""
    later = rules.session_end(remember=False, now=now)
    ends = case((UserSession.remember, UserSession.expires_at), else_=later)
    db.session.execute(update(UserSession).where(UserSession.id == session_id).values(seen_at=now, expires_at=ends))


def end(token: str, *, user_id: int, now: datetime) -> None:
    """Sign out on this device. Needs a transaction."""
    db.session.execute(delete(UserSession).where(UserSession.token_hash == digest(token)))
    audit.record(Event.USER_LOGGED_OUT, actor=audit.by_user(user_id), now=now, subject=("user", user_id))


def revoke(user_id: int, session_id: int | None, *, actor: audit.Actor, now: datetime, keep_token: str = "") -> None:
    """Sign a user out on one device, or (None) on all, except where `keep_token` is. Needs a transaction."""
    which = true() if session_id is None else UserSession.id == session_id
    if count := change(_others(user_id, keep_token).where(which)):
        data = {"count": count}
        audit.record(Event.SESSION_REVOKED, actor=actor, now=now, subject=("user", user_id), data=data)


def end_all(user_id: int, *, keep_token: str = "") -> None:
    """Sign a user out everywhere, except where `keep_token` is in the cookie. Needs a transaction."""
    db.session.execute(_others(user_id, keep_token))


def _others(user_id: int, keep_token: str) -> Delete:
    return delete(UserSession).where(UserSession.user_id == user_id, UserSession.token_hash != digest(keep_token))
