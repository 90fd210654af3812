"""How a door answers: a page with its form, a word that it is done, a table as a file."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, stream_with_context, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as Redirect
from wtforms import Field

from npsapp.i18n import language_now
from npsapp.lib.refusals import Refused
from npsapp.lib.tables import csv_pieces, delimiter_for


def form_page(template: str, form: FlaskForm, *, policy: str = "", **values: Any) -> Response:
    """A page with a form; its status is 422 when what was typed was not accepted."""
    page = render_template(template, form=form, **values)
    return with_policy(page, policy, status=422 if form.errors else 200)


@contextmanager
def told_at(field: Field, which: type[Refused] | tuple[type[Refused], ...] = Refused) -> Iterator[None]:
    """What is refused inside is said at a field of the form, with everything still in it."""
    try:
        yield
    except which as refusal:
        field.errors = [*field.errors, _(refusal.wording, **refusal.values)]


def with_policy(page: str | Response, policy: str, *, status: int = 200) -> Response:
    """A page with a content policy of its own; with an empty one it has that of all pages."""
    response = make_response(page, status)
    if policy:
        response.headers["Content-Security-Policy"] = policy
    return response


def done(words: str, endpoint: str, **place: Any) -> Redirect:
    """Say what was done and show a page again; loading that anew repeats nothing."""
    flash(words, "success")
    return redirect(url_for(endpoint, **place), code=303)


def saved(changed: Collection[str], endpoint: str, **place: Any) -> Redirect:
    """Say whether something was saved, by the names of what changed, and show a page again."""
    return done(_("Saved.") if changed else _("Nothing was changed."), endpoint, **place)


def csv_file(name: str, heading: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A table as `name`.csv for the reader's spreadsheet, streamed and kept nowhere."""
    pieces = csv_pieces(heading, rows, delimiter=delimiter_for(language_now()))
    response = Response(stream_with_context(pieces), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response
