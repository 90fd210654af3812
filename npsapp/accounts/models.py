"""People who work here: users, what they answer for, their sessions and login attempts."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.accounts.rules import UserState
from npsapp.db import Base, Numbered, code
from npsapp.permissions import Role, Scope


class User(Numbered):
    """Somebody who signs in. One role; a scope of regions (none listed: everything, except for managers)."""

    email: Mapped[str] = mapped_column(unique=True)
    """Lower case; the login name and where staff letters go."""
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(code(Role, "role"))
    language: Mapped[str] = mapped_column(default="uk")
    timezone: Mapped[str] = mapped_column(default="Europe/Kyiv")
    password_hash: Mapped[str] = mapped_column(default="")
    """werkzeug scrypt; empty: no password yet, nobody can sign in."""
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]
    blocked_at: Mapped[datetime | None]
    """Cannot sign in since then; also set for whoever has left."""
    retired_at: Mapped[datetime | None]
    """Left the company: out of lists and choices, kept for history."""
    is_demo: Mapped[bool] = mapped_column(default=False)
    """Somebody of the demo company, who leaves with it."""
    regions: Mapped[list["UserRegion"]] = relationship(back_populates="user", cascade="all, delete-orphan")

    # What Flask-Login asks for. `session_token` and `scope` are no columns: the loader sets them on each request.
    is_authenticated = True
    is_anonymous = False
    session_token = ""
    scope = Scope(frozenset())

    @property
    def is_active(self) -> bool:
        return self.blocked_at is None

    @property
    def state(self) -> UserState:
        """Whether this user can sign in, and why not."""
        if self.retired_at or self.blocked_at:
            return UserState.RETIRED if self.retired_at else UserState.BLOCKED
        return UserState.ACTIVE if self.password_hash else UserState.INVITED

    @property
    def region_ids(self) -> set[int]:
        """The listed regions; what lies inside them is not spelled out."""
        return {row.region_id for row in self.regions}

    def get_id(self) -> str:
        """Flask-Login's name of this login: the random token of the session."""
        return self.session_token


class UserRegion(Base):
    """A region (with its subtree) whose rows a user may see."""

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("region.id"), primary_key=True, index=True)
    user: Mapped[User] = relationship(back_populates="regions")


class Duty(Numbered):
    """Who gets the cases of a region; the row without a region names the fallback owner of a pool."""

    __table_args__ = (UniqueConstraint("pool_id", "region_id"),)

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    user: Mapped[User] = relationship()


class UserPerformer(Base):
    """Which user a performer is; a user may be a performer of several brands."""

    performer_id: Mapped[int] = mapped_column(ForeignKey("performer.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)


class UserSession(Numbered):
    """One login on one device; ends when it is revoked, expires, or the password changes."""

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    """SHA-256 of the random token in the cookie (`lib.tokens.digest`)."""
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """Written at most every five minutes."""
    expires_at: Mapped[datetime]
    remember: Mapped[bool] = mapped_column(default=False)
    agent: Mapped[str] = mapped_column(default="")
    """Class of browser and system, as the person recognises it: "Firefox, Android"."""
    network: Mapped[str] = mapped_column(default="")
    """Prefix of the network it began in (`lib.networks`); answers from there are marked."""
    user: Mapped[User] = relationship()


class SavedFilter(Numbered):
    """A view of a list that a user named, to be opened again."""

    __tablename__ = "saved_filter"
    __table_args__ = (Index("ix_saved_filter_user", "user_id", "path"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    path: Mapped[str]
    """The list: `/cases/`."""
    name: Mapped[str]
    query: Mapped[str]
    """Its arguments: `region=3&tab=overdue`."""


class LoginAttempt(Numbered):
    """A failed login, kept for throttling only; holds keyed hashes, no addresses. Deleted after a day."""

    __table_args__ = (Index("ix_login_attempt_key", "key", "at"),)

    key: Mapped[str]
    """`account:<hmac>`, `address:<hmac>` or `letter:<hmac>`."""
    at: Mapped[datetime] = mapped_column(index=True)
