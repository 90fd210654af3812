"""Who works here, who answers for a region, what a user may see."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import contains_eager, selectinload

from npsapp.accounts import rules
from npsapp.accounts.models import Duty, LoginAttempt, User, UserPerformer, UserSession
from npsapp.db import db, pairs
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.organization.models import Region
from npsapp.organization.rules import upwards
from npsapp.permissions import EVERYTHING, Permission, Role, Scope, may


class NoOwner(Refused):
    """There is nobody at all who could own a case."""

    wording = N_("There is no active user who could take the case.")


def user(user_id: int) -> User | None:
    """One user, also a blocked one."""
    return db.session.get(User, user_id)


def user_by_email(email: str) -> User | None:
    """The user with this login name, in any case; also a blocked one."""
    return db.session.scalars(select(User).where(User.email == email.strip().lower())).first()


def users() -> list[User]:
    """All colleagues with their regions, by name, blocked ones last.

    Sorted here and not in the database: SQLite cannot fold Cyrillic.
    """
    everybody = db.session.scalars(select(User).options(selectinload(User.regions)))
    return sorted(everybody, key=lambda one: (not one.is_active, one.name.casefold(), one.id))


def administrators() -> list[User]:
    """Whoever can set things up here now."""
    return [one for one in users() if one.is_active and one.role is Role.ADMINISTRATOR]


def find_users(word: str, *, role: Role | None, state: rules.UserState | None) -> list[User]:
    """Colleagues by a part of name or address, role and state; whoever has left only when asked for."""
    wanted = word.casefold()
    return [
        one
        for one in users()
        if (wanted in one.name.casefold() or wanted in one.email)
        and role in (None, one.role)
        and (one.state is state if state else one.retired_at is None)
    ]


def scope_of(user: User) -> Scope:
    """What a user may see: the listed regions with everything inside, else all; a manager without regions nothing."""
    if not user.region_ids and user.role is not Role.MANAGER:
        return EVERYTHING
    return Scope(organization.subtree_ids(user.region_ids))


def session_of(token_hash: str, *, now: datetime) -> UserSession | None:
    """The living session behind a token, with its user and the user's regions; none for blocked users."""
    found = db.session.scalars(
        select(UserSession)
        .join(UserSession.user)
        .where(UserSession.token_hash == token_hash, UserSession.expires_at > now, User.blocked_at.is_(None))
        .options(contains_eager(UserSession.user).joinedload(User.regions))
    )
    return found.unique().first()


def sessions(user_id: int, *, now: datetime) -> Sequence[UserSession]:
    """The devices on which a user is signed in, last used first."""
    return db.session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user_id, UserSession.expires_at > now)
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    ).all()


def failures(key: str) -> Sequence[datetime]:
    """When tries with this throttling key failed, within the time they are kept."""
    return db.session.scalars(select(LoginAttempt.at).where(LoginAttempt.key == key)).all()


def owner_for_region(region_id: int | None) -> int:
    """Id of the user who gets a new case of that region.

    The region's manager, else the nearest one above, else the fallback owner, else the oldest administrator, else
    anybody; only people who can sign in. Raises NoOwner when there is not a single one.
    """
    owner = rules.manager_of(region_id, parents=organization.parents(), managers=_managers()) or _stand_in(region_id)
    if owner is None:
        raise NoOwner()
    return owner


def may_take(region_id: int | None) -> list[User]:
    """Everybody who can sign in, works on cases and sees that region, by name."""
    path = set(upwards(region_id, organization.parents()))
    return [one for one in users() if one.is_active and may(one.role, Permission.WORK_CASES) and _sees(one, path)]


def managers_missing() -> list[Region]:
    """Regions in use nobody answers for; regions that only group others are not counted."""
    in_use = {one.id: one for one in organization.regions()}
    parents = {id_: one.parent_id for id_, one in in_use.items()}
    return [in_use[id_] for id_ in rules.unmanaged(parents=parents, managers=_managers())]


def duties() -> dict[tuple[int, int | None], int]:
    """(Pool, region) → who manages it, (pool, None) → the fallback owner; only people who can sign in."""
    rows = db.session.execute(
        select(Duty.pool_id, Duty.region_id, Duty.user_id).join(Duty.user).where(User.blocked_at.is_(None))
    )
    return {(row.pool_id, row.region_id): row.user_id for row in rows}


def duties_of(user_id: int) -> list[tuple[int, int | None]]:
    """(Pool, region) this user answers for, blocked or not; without a region: the fallback owner of the pool."""
    rows = select(Duty.pool_id, Duty.region_id).where(Duty.user_id == user_id).order_by(Duty.id)
    return [(row.pool_id, row.region_id) for row in db.session.execute(rows)]


def users_of_performers(performer_ids: Iterable[int]) -> dict[int, int]:
    """Performer → the user who is that performer; the others are left out."""
    wanted = UserPerformer.performer_id.in_(set(performer_ids))
    return pairs(select(UserPerformer.performer_id, UserPerformer.user_id).where(wanted))


def labels(ids: Iterable[int]) -> dict[int, str]:
    """Id → name of users, for pages that show who did something; blocked ones too."""
    called = func.coalesce(func.nullif(User.name, ""), User.email)
    return pairs(select(User.id, called).where(User.id.in_(set(ids))))


def _managers() -> dict[int, int]:
    return {region_id: user_id for (_pool, region_id), user_id in duties().items() if region_id}


def _stand_in(region_id: int | None) -> int | None:
    """The fallback owner of the region's pool (without a region: of the oldest), else whoever can sign in."""
    pool = select(Region.pool_id).where(Region.id == region_id).scalar_subquery()
    fallback = and_(
        Duty.user_id == User.id, Duty.region_id.is_(None), Duty.pool_id == func.coalesce(pool, Duty.pool_id)
    )
    return db.session.scalars(
        select(User.id)
        .outerjoin(Duty, fallback)
        .where(User.blocked_at.is_(None))
        .order_by(Duty.id.is_(None), Duty.pool_id, (User.role == Role.ADMINISTRATOR).desc(), User.id)
        .limit(1)
    ).first()


def _sees(one: User, path: set[int]) -> bool:
    return bool(one.region_ids & path) if one.region_ids else one.role is not Role.MANAGER
