"""Looking after colleagues: adding, changing, blocking them, their passwords and what they answer for."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, insert, select

from npsapp.accounts import queries, sessions
from npsapp.accounts.models import Duty, User, UserPerformer, UserRegion
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import added, alone, db, put
from npsapp.lib.addresses import normalise
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.permissions import Role


class EmailTaken(Refused):
    """Another user has this address already."""

    wording = N_("There is already a user with this e-mail address.")


class WrongEmail(Refused):
    """This is not an address letters can be sent to."""

    wording = N_("No letter can be sent to this e-mail address. Check it for typing errors.")


class UnknownDuty(Refused):
    """A duty for a company, region or person that does not exist."""

    wording = N_("This region or person no longer exists. Open the page again and choose anew.")


class LastAdministrator(Refused):
    """The last administrator who can sign in is neither blocked nor given another role: nobody could undo it."""

    wording = N_("This is the last administrator. Make somebody else an administrator first.")


def create_user(
    *,
    email: str,
    name: str,
    role: Role,
    language: str,
    password_hash: str,
    region_ids: Collection[int],
    actor: audit.Actor,
    now: datetime,
    timezone: str = "",
) -> User:
    """Add a colleague; a manager takes on those of the regions that have no manager yet. Needs a transaction.

    An empty `password_hash` means that nobody can sign in until a password is set. May raise EmailTaken or
    WrongEmail.
    """
    alone("adding users")
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
        timezone=timezone or _zone(region_ids),
        password_hash=password_hash,
        created_at=now,
        regions=_user_regions(region_ids),
    )
    added(user)
    data = {"role": role.value, "regions": sorted(region_ids)}
    audit.record(Event.USER_CREATED, actor=actor, now=now, subject=("user", user.id), data=data)
    if role is Role.MANAGER:
        _take_free_regions(user.id, region_ids, actor=actor, now=now)
    return user


def change_user(
    user: User,
    *,
    name: str,
    language: str,
    actor: audit.Actor,
    now: datetime,
    timezone: str = "",
    role: Role | None = None,
    region_ids: Collection[int] | None = None,
) -> None:
    """Change what a colleague is and sees; zone, role and regions stay when not given. Needs a transaction.

    Whoever is no manager any more manages no region any more. May raise LastAdministrator.
    """
    wanted = {"name": name, "language": language, "timezone": timezone or user.timezone, "role": role or user.role}
    if wanted["role"] is not Role.ADMINISTRATOR:
        _refuse_last_administrator(user)
    changed = put(user, wanted)
    if region_ids is not None and user.region_ids != set(region_ids):
        user.regions = _user_regions(region_ids)
        changed.append("regions")
    db.session.flush()
    if user.role is Role.MANAGER and region_ids:
        _take_free_regions(user.id, region_ids, actor=actor, now=now)
    elif "role" in changed:
        db.session.execute(delete(Duty).where(Duty.user_id == user.id, Duty.region_id.is_not(None)))
    if changed:
        data = {"fields": sorted(changed), "role": user.role.value}
        audit.record(Event.USER_CHANGED, actor=actor, now=now, subject=("user", user.id), data=data)


def set_blocked(user: User, *, blocked: bool, actor: audit.Actor, now: datetime, for_good: bool = False) -> None:
    """Let a colleague sign in no more (sessions end at once), or again. Needs a transaction.

    `for_good`: has left the company, out of lists and choices; letting in again undoes that too. Whoever blocks hands
    over cases and duties in the same transaction. May raise LastAdministrator.
    """
    if blocked:
        _refuse_last_administrator(user)
    user.blocked_at = (user.blocked_at or now) if blocked else None
    user.retired_at = now if blocked and for_good else None
    if not db.session.is_modified(user):
        return
    db.session.flush()
    if blocked:
        sessions.end_all(user.id)
    event = (Event.USER_RETIRED if for_good else Event.USER_BLOCKED) if blocked else Event.USER_UNBLOCKED
    audit.record(event, actor=actor, now=now, subject=("user", user.id))


def hand_over_duties(user_id: int, to_id: int, *, actor: audit.Actor, now: datetime) -> None:
    """Let somebody else answer for what this user answers for. Needs a transaction."""
    for pool_id, region_id in queries.duties_of(user_id):
        set_duty(pool_id, region_id, to_id, actor=actor, now=now)


def set_password(user: User, password_hash: str, *, actor: audit.Actor, now: datetime, keep_token: str = "") -> None:
    """Store a new password; every session ends, except the one with `keep_token`. Needs a transaction."""
    user.password_hash = password_hash
    db.session.flush()
    sessions.end_all(user.id, keep_token=keep_token)
    audit.record(Event.USER_PASSWORD_SET, actor=actor, now=now, subject=("user", user.id))


def set_duty(pool_id: int, region_id: int | None, user_id: int | None, *, actor: audit.Actor, now: datetime) -> None:
    """Say who manages a region (None: nobody), or who is the fallback owner when `region_id` is None.

    Needs a transaction. Blocked people answer for nothing, whatever stands here. Refuses with UnknownDuty.
    """
    region = organization.region(region_id) if region_id is not None else None
    known = pool_id in {one.id for one in organization.pools()}
    known &= region_id is None or (region is not None and region.pool_id == pool_id)
    known &= user_id is None or db.session.get(User, user_id) is not None
    if not known:
        raise UnknownDuty
    db.session.execute(delete(Duty).where(Duty.pool_id == pool_id, Duty.region_id == region_id))
    if user_id is not None:
        db.session.execute(insert(Duty).values(pool_id=pool_id, region_id=region_id, user_id=user_id))
    subject = ("region", region_id) if region_id else ("pool", pool_id)
    data = {"fields": ["manager" if region_id else "fallback_owner"], "user_id": user_id}
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=subject, data=data)


def set_performer_user(performer_id: int, user_id: int | None) -> bool:
    """Say which user a performer is, or that it is none; whether that is new. Needs a transaction; the caller audits.

    Refuses with UnknownDuty when there is no such user.
    """
    if queries.users_of_performers([performer_id]).get(performer_id) == user_id:
        return False
    if user_id is not None and db.session.get(User, user_id) is None:
        raise UnknownDuty
    db.session.execute(delete(UserPerformer).where(UserPerformer.performer_id == performer_id))
    if user_id is not None:
        db.session.execute(insert(UserPerformer).values(performer_id=performer_id, user_id=user_id))
    return True


def _take_free_regions(user_id: int, region_ids: Collection[int], *, actor: audit.Actor, now: datetime) -> None:
    taken = queries.duties()
    for region in organization.regions():
        if region.id in region_ids and (region.pool_id, region.id) not in taken:
            set_duty(region.pool_id, region.id, user_id, actor=actor, now=now)


def _user_regions(region_ids: Collection[int]) -> list[UserRegion]:
    return [UserRegion(region_id=region_id) for region_id in sorted(set(region_ids))]


def _refuse_last_administrator(user: User) -> None:
    able = User.role == Role.ADMINISTRATOR, User.blocked_at.is_(None), User.password_hash != ""
    active = select(User.id).where(*able).order_by(User.id)
    # Held until the transaction ends: of two administrators who demote each other the second finds only itself.
    if db.session.scalars(active.with_for_update(key_share=True)).all() == [user.id]:
        raise LastAdministrator()


def _zone(region_ids: Collection[int]) -> str:
    """Where a new colleague's clock stands: in the first region, else where the oldest brand is."""
    brands = organization.brands()
    region = organization.region(min(region_ids)) if region_ids else None
    return organization.zone_of(region, brands[0]) if brands else "Europe/Kyiv"
