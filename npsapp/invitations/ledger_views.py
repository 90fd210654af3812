"""Staff pages: the ledger with its reasons over time, asking somebody by hand, and pauses of sending."""

from datetime import date, time

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _, lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import DateField, SelectField, ValidationError
from wtforms.validators import Optional

from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.delivery import pauses, queries as delivery
from npsapp.delivery.rules import PauseKind
from npsapp.i18n import language_now
from npsapp.invitations import by_hand, ledger, queries
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.lib.clock import at_local, local_date, utcnow
from npsapp.organization import queries as organization
from npsapp.organization.forms import options
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.web import listing
from npsapp.web.access import Room, scope
from npsapp.web.filters import day
from npsapp.web.pages import done, form_page

bp = Room("ledger", __name__, template_folder="templates")
PAGE_SIZE = 50
MONTHS_SHOWN = 6
WHY_MAX = 300

Named = dict[PauseKind, dict[int, str]]
"""Kind of what may be paused → id → name."""


@bp.page("/schedule/ledger/", Permission.SEE_SCHEDULE)
def index() -> str:
    """Every interaction with what was decided about it, newest decision first."""
    asked, seen = _asked(), scope()
    rows = ledger.lines(asked, seen, limit=PAGE_SIZE + 1, before=listing.whole("after"))
    words = {
        "state": {state.value: _(state.label) for state in InvitationState},
        "reason": {reason.value: _(reason.label) for reason in Reason},
        "survey": {str(one.id): one.name for one in (*surveys.surveys(), *surveys.surveys(archived=True))},
        "region": {str(id_): name for id_, name in organization.choices("region", language_now(), scope=scope())},
    }
    given = [(name, known.get(request.args.get(name, ""), "")) for name, known in words.items()]
    given += [("q", asked.word), ("from", day(listing.day("from"))), ("to", day(listing.day("to")))]
    return render_template(
        "invitations/ledger.html",
        page=listing.page_by_key(rows, size=PAGE_SIZE, key=lambda row: (row.id,)),
        words=words,
        active=listing.active_filters(given),
        asked=asked,
        by_hand=by_hand.MAY_BE_ASKED,
    )


def _asked() -> ledger.Asked:
    return ledger.Asked(
        state=listing.one_of("state", InvitationState),
        reason=listing.one_of("reason", Reason),
        survey_id=listing.whole("survey"),
        region_id=listing.whole("region"),
        since=listing.since("from", current_user.timezone),
        until=listing.since("to", current_user.timezone, days=1),
        word=listing.word("q"),
    )


@bp.page("/schedule/ledger/reasons", Permission.SEE_SCHEDULE)
def reasons() -> str:
    """Why people were not asked, by month."""
    this = local_date(utcnow(), "UTC").replace(day=1)
    months = [this]
    while len(months) < MONTHS_SHOWN:
        months.insert(0, date.fromordinal(months[0].toordinal() - 1).replace(day=1))
    rows = ledger.by_month(at_local(months[0], time(), "UTC"), scope())
    return render_template("invitations/reasons.html", months=months, rows=rows)


@bp.deed("/schedule/ledger/<int:invitation_id>/ask", Permission.EDIT_SURVEYS)
def ask(invitation_id: int) -> Response:
    """Ask somebody who is held back all the same, and say why."""
    queries.visible(invitation_id, scope()) or abort(404)
    why = " ".join(request.form.get("why", "").split())[:WHY_MAX]
    if not why:
        flash(_("Say why this customer is asked all the same."), "error")
        return redirect(url_for(".index"), code=303)
    with transaction():
        by_hand.ask(invitation_id, why, actor=me(), now=utcnow())
    return done(_("The customer is asked at the next sending time, if nothing else stands against it."), ".index")


# ---- pauses --------------------------------------------------------------------------------------------------------


class PauseForm(FlaskForm):
    """What is paused, and until when."""

    what = SelectField(_l("What to pause"))
    until = DateField(
        _l("Until the beginning of"),
        validators=[Optional()],
        description=_l("Empty: until somebody resumes it."),
        render_kw={"class": "short"},
    )

    def offer(self, named: Named) -> None:
        """Put in what may be paused, in words of this moment's language."""
        words = {
            PauseKind.SURVEY: _l("Survey: %(name)s"),
            PauseKind.BRAND: _l("Brand: %(name)s"),
            PauseKind.REGION: _l("Region with everything below it: %(name)s"),
        }
        choices = [(PauseKind.EVERYTHING.value, _("everything"))]
        for kind, said in words.items():
            choices += [(f"{kind.value}-{id_}", str(said) % {"name": name}) for id_, name in named[kind].items()]
        self.what.choices = options(choices)

    def validate_until(self, field: DateField) -> None:
        """A pause that is over already stops nothing."""
        if field.data and field.data <= local_date(utcnow(), current_user.timezone):
            raise ValidationError(_("Choose a day after today."))

    @property
    def paused(self) -> tuple[PauseKind, list[int | None]]:
        """The kind and the ids of what is paused: of a region with those below; None: everything."""
        kind, _dash, id_ = self.what.data.partition("-")
        if kind == PauseKind.REGION:
            return PauseKind.REGION, [*sorted(organization.subtree_ids([int(id_)]))]
        return PauseKind(kind), [int(id_) if id_ else None]


@bp.form("/schedule/pauses", Permission.ADMINISTER)
def stops() -> Response:
    """What is paused, and pausing a survey, a brand, a region or everything; letters to colleagues still go out."""
    form, now, named = PauseForm(), utcnow(), _named()
    form.offer(named)
    if form.validate_on_submit():
        until = at_local(form.until.data, time(), current_user.timezone) if form.until.data else None
        kind, refs = form.paused
        with transaction():
            for ref_id in refs:
                pauses.pause(kind=kind, ref_id=ref_id, until=until, by_user_id=current_user.id, now=now)
        return done(_("Paused. Nothing of it leaves until the pause ends."), ".stops")
    return form_page("invitations/pauses.html", form, pauses=delivery.pauses(now), named=named)


def _named() -> Named:
    """What may be paused."""
    language = language_now()
    return {
        PauseKind.SURVEY: {one.id: one.name for one in surveys.surveys()},
        PauseKind.BRAND: dict(organization.choices("brand", language)),
        PauseKind.REGION: dict(organization.choices("region", language)),
    }
