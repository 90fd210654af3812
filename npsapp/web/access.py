"""Guards: who may open a route, and whose rows that person may see."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, abort, g
from flask_login import current_user

from npsapp.extensions import login_manager
from npsapp.permissions import Permission, Scope, may

View = TypeVar("View", bound=Callable[..., Any])
Guard = Permission | Callable[..., Any]
NOTHING = Scope(frozenset())


def requires(permission: Permission) -> Callable[[View], View]:
    """Let in only users whose role carries `permission`; strangers are sent to the login page, others get 403."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not current_user.is_authenticated:
                return login_manager.unauthorized()
            if not may(current_user.role, permission):
                abort(403)
            return view(*args, **kwargs)

        guarded.guard = permission  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return decorate


def signed_in(view: View) -> View:
    """Let in every signed-in user, whatever the role: the own profile, the start page."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not current_user.is_authenticated:
            return login_manager.unauthorized()
        return view(*args, **kwargs)

    guarded.guard = "signed_in"  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]


def public(view: View) -> View:
    """Declare that a route is meant for everybody; a test refuses routes that declare nothing."""
    view.guard = "public"  # type: ignore[attr-defined]
    return view


class Room(Blueprint):
    """The routes of a room. Each says who may open it: a permission, or `signed_in` or `public`."""

    def page(self, path: str, guard: Guard) -> Callable[[View], View]:
        """Something to look at: opening it changes nothing."""
        return self._guarded(path, guard, "GET")

    def deed(self, path: str, guard: Guard) -> Callable[[View], View]:
        """Something that is done by pressing a button."""
        return self._guarded(path, guard, "POST")

    def form(self, path: str, guard: Guard) -> Callable[[View], View]:
        """A page whose form is sent to its own address."""
        return self._guarded(path, guard, "GET", "POST")

    def _guarded(self, path: str, guard: Guard, *methods: str) -> Callable[[View], View]:
        watch = requires(guard) if isinstance(guard, Permission) else guard
        return lambda view: self.route(path, methods=methods)(watch(view))


def can(permission: Permission | str) -> bool:
    """Whether the current user's role carries a permission; for templates."""
    return bool(current_user.is_authenticated and may(current_user.role, Permission(permission)))


def scope() -> Scope:
    """The regions the current user may see; nobody signed in sees nothing."""
    if not current_user.is_authenticated:
        return NOTHING
    if "scope" not in g:
        g.scope = current_user.scope
    found: Scope = g.scope
    return found
