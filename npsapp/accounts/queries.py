"""Who works here, who answers for a region, what a user may see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import selectinload

from npsapp.accounts import rules
from npsapp.accounts.models import Duty, LoginAttempt, User, UserRegion, UserSession
from npsapp.db import db
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.lib.tokens import digest
from npsapp.organization import queries as organization
from npsapp.organization.models import Pool, Region
from npsapp.permissions import EVERYTHING, Permission, Role, Scope, may


class NoOwner(Refused):
    """There is nobody at all who could own a case."""

    code = "no_owner"
    wording = N_("There is no active user who could take the case.")


@dataclass(frozen=True)
class RegionDuty:
    """A line of the page of duties: a region, how deep it lies, and who manages it, if anybody."""

    region: Region
    depth: int
    user_id: int | None
    unmanaged: bool


def user(user_id: int) -> User | None:
    """One user, also a blocked one."""
    return db.session.get(User, user_id)


def user_by_email(email: str) -> User | None:
    """The user with this login name, in any case; also a blocked one."""
    return db.session.scalars(select(User).where(User.email == email.strip().lower())).first()


def users(*, search: str = "", limit: int, offset: int = 0) -> Sequence[User]:
    """Colleagues by name with their regions, those whose name or address contains `search`; blocked ones last.

    Folded here and not in the database: SQLite cannot fold Cyrillic, and colleagues are few.
    """
    everybody = db.session.scalars(select(User).options(selectinload(User.regions))).all()
    wanted = search.strip().casefold()
    found = [one for one in everybody if wanted in one.name.casefold() or wanted in one.email]
    found.sort(key=lambda one: (not one.is_active, one.name.casefold(), one.id))
    return found[offset : offset + limit]


def active_users() -> Sequence[User]:
    """Everybody who can sign in, by name."""
    return db.session.scalars(
        select(User).where(User.blocked_at.is_(None)).order_by(User.name, User.id)
    ).all()


def active_administrators() -> Sequence[User]:
    """Administrators who can sign in, oldest first."""
    return db.session.scalars(
        select(User).where(User.role == Role.ADMINISTRATOR, User.blocked_at.is_(None)).order_by(User.id)
    ).all()


def scope_of(user: User) -> Scope:
    """What a user may see: the listed regions with everything inside, else all; a manager without regions nothing."""
    listed = frozenset(db.session.scalars(select(UserRegion.region_id).where(UserRegion.user_id == user.id)))
    return scope_from(user.role, listed)


def scope_from(role: Role, listed: Iterable[int]) -> Scope:
    """As `scope_of`, for somebody whose own regions were read already."""
    roots = frozenset(listed)
    if not roots and role is not Role.MANAGER:
        return EVERYTHING
    return Scope(organization.subtree_ids(roots))


def session_of(token_hash: str, *, now: datetime) -> tuple[UserSession, User, Scope] | None:
    """The living session behind a token with its user and scope; None when it ended or its user is blocked.

    One statement, and a second one for users who are limited to regions.
    """
    rows = db.session.execute(
        select(UserSession, User, UserRegion.region_id)
        .join(User, User.id == UserSession.user_id)
        .outerjoin(UserRegion, UserRegion.user_id == User.id)
        .where(UserSession.token_hash == token_hash, UserSession.expires_at > now, User.blocked_at.is_(None))
    ).all()
    if not rows:
        return None
    session, owner, _region = rows[0]
    return (
        session,
        owner,
        scope_from(owner.role, {row.region_id for row in rows if row.region_id is not None}),
    )


def sessions(user_id: int, *, now: datetime) -> Sequence[UserSession]:
    """The devices on which a user is signed in, last used first."""
    return db.session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user_id, UserSession.expires_at > now)
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    ).all()


def session_id(token: str) -> int | None:
    """Id of the session with this token."""
    return db.session.scalar(select(UserSession.id).where(UserSession.token_hash == digest(token)))


def failures(key: str) -> Sequence[datetime]:
    """When tries with this throttling key failed, within the time they are kept."""
    return db.session.scalars(select(LoginAttempt.at).where(LoginAttempt.key == key)).all()


def owner_for_region(region_id: int | None) -> int:
    """Id of the user who gets a new case of that region.

    The region's manager, else the nearest one above, else the fallback owner, else the oldest administrator, else
    anybody; only people who can sign in. Raises NoOwner when there is not a single one.
    """
    found = rules.manager_of(region_id, parents=_parents(), managers=_managers())
    if found is None:
        found = _fallback_owner(region_id)
    if found is None:
        found = db.session.scalars(
            select(User.id)
            .where(User.blocked_at.is_(None))
            .order_by((User.role == Role.ADMINISTRATOR).desc(), User.id)
            .limit(1)
        ).first()
    if found is None:
        raise NoOwner()
    return found


def may_take(region_id: int | None) -> list[User]:
    """Everybody who can sign in, works on cases and sees that region, by name."""
    path = set(rules.upwards(region_id, _parents()))
    people = db.session.scalars(
        select(User)
        .options(selectinload(User.regions))
        .where(User.blocked_at.is_(None))
        .order_by(User.name, User.id)
    )
    return [one for one in people if may(one.role, Permission.WORK_CASES) and _sees(one, path)]


def managers_missing() -> list[Region]:
    """Regions in use nobody answers for; regions that only group others are not counted."""
    in_use = {one.id: one for one in organization.regions()}
    missing = rules.unmanaged(
        parents={id_: one.parent_id for id_, one in in_use.items()}, managers=_managers()
    )
    return [in_use[id_] for id_ in missing]


def region_duties() -> list[RegionDuty]:
    """All regions in use as a tree, each with its own manager and whether nobody answers for it."""
    managers = _managers()
    missing = {one.id for one in managers_missing()}
    return [
        RegionDuty(region=one, depth=depth, user_id=managers.get(one.id), unmanaged=one.id in missing)
        for depth, one in organization.region_tree()
    ]


def fallback_owners() -> dict[int, int]:
    """Pool → the user who gets cases of regions without a manager."""
    rows = db.session.execute(
        select(Duty.pool_id, Duty.user_id).where(Duty.region_id.is_(None)).order_by(Duty.id)
    )
    return {row.pool_id: row.user_id for row in rows}


def duties_of(user_id: int) -> Sequence[Duty]:
    """The regions a user manages, and the fallback duty (without region)."""
    return db.session.scalars(select(Duty).where(Duty.user_id == user_id).order_by(Duty.id)).all()


def regions_without_duty(region_ids: Iterable[int]) -> list[Region]:
    """Those of the regions that have no manager of their own yet."""
    taken = exists().where(Duty.region_id == Region.id)
    return list(db.session.scalars(select(Region).where(Region.id.in_(sorted(region_ids)), ~taken)))


def labels(ids: Iterable[int]) -> dict[int, str]:
    """Id → name of users, for pages that show who did something; blocked ones too."""
    wanted = sorted({id_ for id_ in ids if id_ is not None})
    rows = db.session.execute(select(User.id, User.name, User.email).where(User.id.in_(wanted)))
    return {row.id: row.name or row.email for row in rows} if wanted else {}


def _parents() -> dict[int, int | None]:
    rows = db.session.execute(select(Region.id, Region.parent_id).order_by(Region.id))
    return {row.id: row.parent_id for row in rows}


def _managers() -> dict[int, int]:
    """Region → its manager; only people who can sign in."""
    rows = db.session.execute(
        select(Duty.region_id, Duty.user_id)
        .join(User, User.id == Duty.user_id)
        .where(Duty.region_id.is_not(None), User.blocked_at.is_(None))
    )
    return {row.region_id: row.user_id for row in rows}


def _fallback_owner(region_id: int | None) -> int | None:
    """The one of the region's pool; without a region the oldest there is."""
    pool = select(Region.pool_id).where(Region.id == region_id).scalar_subquery()
    wanted = Duty.pool_id == func.coalesce(pool, Duty.pool_id)
    return db.session.scalars(
        select(Duty.user_id)
        .join(User, User.id == Duty.user_id)
        .join(Pool, Pool.id == Duty.pool_id)
        .where(Duty.region_id.is_(None), User.blocked_at.is_(None), wanted)
        .order_by(Duty.pool_id)
        .limit(1)
    ).first()


def _sees(one: User, path: set[int]) -> bool:
    listed = {row.region_id for row in one.regions}
    if not listed:
        return one.role is not Role.MANAGER
    return bool(listed & path)
