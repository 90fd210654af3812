"""Filters with a name: what a user wants to see of a list again and again, one press away above it."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Flask, abort, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import delete, select

from npsapp.accounts.models import SavedFilter
from npsapp.db import db, transaction
from npsapp.web import listing
from npsapp.web.access import signed_in

bp = Blueprint("filters", __name__, url_prefix="/filters")

LISTS = ("/answers/", "/cases/", "/reports/")
MOST = 20  # per user and list; more would be a list of its own
LONGEST_NAME = 40
LONGEST_QUERY = 1_000  # characters, as browsers and mail programs pass on without cutting


def init_app(app: Flask) -> None:
    """Let the macro of the filters show those of the current user."""
    app.add_template_global(saved_filters)


def saved_filters() -> tuple[Sequence[SavedFilter], str] | None:
    """What this user saved for the list that is shown, and what now stands in its address; None: not such a list."""
    if request.path not in LISTS or not current_user.is_authenticated:
        return None
    return _saved(request.path), _tidy(request.query_string.decode("ascii", "ignore"))


def _saved(path: str) -> Sequence[SavedFilter]:
    own = SavedFilter.user_id == current_user.id, SavedFilter.path == path
    return db.session.scalars(select(SavedFilter).where(*own).order_by(SavedFilter.name)).all()


def _tidy(query: str) -> str:
    """The arguments that narrow a list, always in the same order."""
    return urlencode(sorted((name, value) for name, value in parse_qsl(query) if name not in (*listing.PAGING, "lang")))


@bp.post("/")
@signed_in
def keep() -> ResponseReturnValue:
    """Save what stands in the address of a list under a name; the same name again replaces it."""
    path, query, name = request.form.get("path"), _tidy(request.form.get("query", "")), _name()
    if path not in LISTS or not query or len(query) > LONGEST_QUERY:
        abort(400)
    others = [one for one in _saved(path) if one.name != name]
    if not name:
        flash(_("Nothing is saved: the filter needs a name."), "error")
    elif len(others) >= MOST:
        flash(_("Nothing is saved: remove a saved filter first, there are %(most)s.", most=MOST), "error")
    else:
        with transaction() as session:
            _forget(path, name)
            session.add(SavedFilter(user_id=current_user.id, path=path, name=name, query=query))
        flash(_("Saved: %(name)s", name=name), "success")
    return redirect(f"{request.script_root}{path}?{query}", code=303)


@bp.post("/remove")
@signed_in
def remove() -> ResponseReturnValue:
    """Forget a saved filter; the list stays as it is."""
    path = request.form.get("path")
    if path not in LISTS:
        abort(400)
    with transaction():
        _forget(path, _name())
    return redirect(f"{request.script_root}{path}", code=303)


def _name() -> str:
    return " ".join(request.form.get("name", "").replace("\0", "").split())[:LONGEST_NAME]


def _forget(path: str, name: str) -> None:
    own = SavedFilter.user_id == current_user.id, SavedFilter.path == path, SavedFilter.name == name
    db.session.execute(delete(SavedFilter).where(*own))
