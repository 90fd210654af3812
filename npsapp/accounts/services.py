"""Looking after colleagues: adding, changing, blocking them, their passwords and what they answer for."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import delete, insert, select

from npsapp.accounts import queries, sessions
from npsapp.accounts.models import Duty, User, UserRegion
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.lib.addresses import normalise
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.organization.models import Region
from npsapp.permissions import Role


class EmailTaken(Refused):
    """Another user has this address already."""

    code = "email_taken"
    wording = N_("There is already a user with this e-mail address.")


class WrongEmail(Refused):
    """This is not an address letters can be sent to."""

    code = "wrong_email"
    wording = N_("No letter can be sent to this e-mail address. Check it for typing errors.")


class LastAdministrator(Refused):
    """The last administrator can be neither blocked nor given another role: nobody could undo it."""

    code = "last_administrator"
    wording = N_("This is the last administrator. Make somebody else an administrator first.")


class NoSuchUser(Refused):
    """There is no such user, or only a blocked one."""

    code = "no_such_user"
    wording = N_("There is no such active user.")


def create_user(
    *,
    email: str,
    name: str,
    role: Role,
    language: str,
    password_hash: str,
    region_ids: Collection[int],
    actor: Actor,
    now: datetime,
) -> User:
    """Add a colleague; a manager takes on those of the regions that have no manager yet. Needs a transaction.

    An empty `password_hash` means that nobody can sign in until a password is set. May raise EmailTaken or
    WrongEmail.
    """
    address = normalise(email)
    if address is None:
        raise WrongEmail()
    if queries.user_by_email(address):
        raise EmailTaken()
    user = User(
        email=address,
        name=name or address,
        role=role,
        language=language,
        password_hash=password_hash,
        created_at=now,
    )
    user.timezone = _zone(region_ids)
    db.session.add(user)
    db.session.flush()
    _set_regions(user, region_ids)
    audit.record(
        Event.USER_CREATED,
        actor=actor,
        now=now,
        subject=("user", user.id),
        data={"role": role.value, "regions": sorted(region_ids)},
    )
    if role is Role.MANAGER:
        take_free_regions(user.id, region_ids, actor=actor, now=now)
    return user


def change_user(
    user: User,
    *,
    name: str,
    role: Role,
    language: str,
    region_ids: Collection[int],
    actor: Actor,
    now: datetime,
) -> list[str]:
    """Change what a colleague is and sees; gives the names of changed fields. Needs a transaction.

    Whoever is no manager any more manages no region any more. May raise LastAdministrator.
    """
    if role is not Role.ADMINISTRATOR:
        _refuse_last_administrator(user)
    wanted = {"name": name, "role": role, "language": language}
    changed = [field for field, value in wanted.items() if getattr(user, field) != value]
    for field in changed:
        setattr(user, field, wanted[field])
    if {row.region_id for row in user.regions} != set(region_ids):
        _set_regions(user, region_ids)
        changed.append("regions")
    db.session.flush()
    if role is Role.MANAGER:
        take_free_regions(user.id, region_ids, actor=actor, now=now)
    elif "role" in changed:
        db.session.execute(delete(Duty).where(Duty.user_id == user.id, Duty.region_id.is_not(None)))
    if changed:
        data = {"fields": sorted(changed), "role": role.value}
        audit.record(Event.USER_CHANGED, actor=actor, now=now, subject=("user", user.id), data=data)
    return changed


def change_profile(user: User, *, name: str, language: str, now: datetime) -> list[str]:
    """Change the own name and language; gives the names of changed fields. Needs a transaction."""
    wanted = {"name": name, "language": language}
    changed = [field for field, value in wanted.items() if getattr(user, field) != value]
    for field in changed:
        setattr(user, field, wanted[field])
    db.session.flush()
    if changed:
        audit.record(
            Event.USER_CHANGED,
            actor=audit.by_user(user.id),
            now=now,
            subject=("user", user.id),
            data={"fields": changed},
        )
    return changed


def block(user: User, *, actor: Actor, now: datetime) -> None:
    """Let a colleague sign in no more; sessions end at once. Needs a transaction; may raise LastAdministrator."""
    _refuse_last_administrator(user)
    if user.blocked_at is None:
        user.blocked_at = now
        db.session.flush()
        audit.record(Event.USER_BLOCKED, actor=actor, now=now, subject=("user", user.id))
    sessions.end_all(user.id)


def unblock(user: User, *, actor: Actor, now: datetime) -> None:
    """Let a blocked colleague sign in again. Needs a transaction."""
    if user.blocked_at is not None:
        user.blocked_at = None
        db.session.flush()
        audit.record(Event.USER_UNBLOCKED, actor=actor, now=now, subject=("user", user.id))


def set_password(
    user: User, password_hash: str, *, actor: Actor, now: datetime, keep_token: str = ""
) -> None:
    """Store a new password; every session ends, except the one with `keep_token`. Needs a transaction."""
    user.password_hash = password_hash
    db.session.flush()
    sessions.end_all(user.id, keep_token=keep_token)
    audit.record(Event.USER_PASSWORD_SET, actor=actor, now=now, subject=("user", user.id))


def take_free_regions(user_id: int, region_ids: Iterable[int], *, actor: Actor, now: datetime) -> list[int]:
    """Make a user the manager of those regions that have none; gives their ids. Needs a transaction."""
    free = queries.regions_without_duty(region_ids)
    for region in free:
        set_duty(region.pool_id, region.id, user_id, actor=actor, now=now)
    return [region.id for region in free]


def set_duty(
    pool_id: int, region_id: int | None, user_id: int | None, *, actor: Actor, now: datetime
) -> None:
    """Say who manages a region (None: nobody), or who is the fallback owner when `region_id` is None.

    Needs a transaction. May raise NoSuchUser: blocked people answer for nothing.
    """
    if user_id is not None and not _is_active(user_id):
        raise NoSuchUser()
    same = Duty.region_id == region_id if region_id is not None else Duty.region_id.is_(None)
    db.session.execute(delete(Duty).where(Duty.pool_id == pool_id, same))
    if user_id is not None:
        db.session.execute(insert(Duty), [{"pool_id": pool_id, "region_id": region_id, "user_id": user_id}])
    subject = ("region", region_id) if region_id is not None else ("pool", pool_id)
    data = {"fields": ["manager" if region_id is not None else "fallback_owner"], "user_id": user_id}
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=subject, data=data)


def _set_regions(user: User, region_ids: Collection[int]) -> None:
    db.session.execute(delete(UserRegion).where(UserRegion.user_id == user.id))
    rows = [{"user_id": user.id, "region_id": region_id} for region_id in sorted(set(region_ids))]
    if rows:
        db.session.execute(insert(UserRegion), rows)
    db.session.expire(user, ["regions"])


def _is_active(user_id: int) -> bool:
    found = db.session.get(User, user_id)
    return found is not None and found.is_active


def _refuse_last_administrator(user: User) -> None:
    others = [one for one in queries.active_administrators() if one.id != user.id]
    if user.role is Role.ADMINISTRATOR and user.is_active and not others:
        raise LastAdministrator()


def _zone(region_ids: Collection[int]) -> str:
    """Where a new colleague's clock stands: the zone of the first region, else of the oldest brand."""
    zone = db.session.scalars(
        select(Region.timezone)
        .where(Region.id.in_(sorted(region_ids)), Region.timezone.is_not(None))
        .order_by(Region.id)
        .limit(1)
    ).first()
    brands = organization.brands()
    return zone or (brands[0].timezone if brands else "Europe/Kyiv")
