"""Colleagues with the cases they hold, and letting one go: what he answers for is handed over with it."""

from dataclasses import dataclass

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from npsapp.accounts import queries as accounts, services
from npsapp.accounts.models import User
from npsapp.accounts.rules import UserState
from npsapp.audit import services as audit
from npsapp.cases import handling, queries as cases
from npsapp.cases.services import CASES
from npsapp.db import alone, transaction
from npsapp.i18n import language_now, words_of
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.office.blueprint import bp
from npsapp.organization import queries as organization
from npsapp.permissions import Permission, Role
from npsapp.web import listing
from npsapp.web.pages import done


class StillHolds(Refused):
    """Somebody with open cases or regions cannot go before another person takes them."""

    wording = N_("%(name)s still has open cases or answers for regions. Choose who takes them over.")


@dataclass(frozen=True)
class Holding:
    """What hangs on one user, and who may take all of it."""

    cases: list[int]
    regions: list[int]
    """Ids of the regions this user answers for."""
    fallback: bool
    takers: list[User]

    @property
    def anything(self) -> bool:
        return bool(self.cases or self.regions or self.fallback)


@bp.page("/users/", Permission.ADMINISTER)
def users() -> ResponseReturnValue:
    """Colleagues with role, regions, open cases and last sign-in; whoever has left is shown when asked for."""
    word, role, state = listing.word("q"), listing.one_of("role", Role), listing.one_of("state", UserState)
    part, found = listing.window(), accounts.find_users(word, role=role, state=state)
    roles, states = words_of(Role), words_of(UserState)
    given = [("q", word), ("role", roles.get(role or "", "")), ("state", states.get(state or "", ""))]
    return render_template(
        "office/users.html",
        page=listing.page(found[part.offset : part.offset + part.limit], part, total=len(found)),
        regions=organization.labels("region", {id_ for one in found for id_ in one.region_ids}, language_now()),
        cases=cases.open_counts(),
        missing=accounts.managers_missing(),
        roles=roles.items(),
        states=states.items(),
        active=listing.active_filters(given),
    )


@bp.page("/users/<int:user_id>/leave", Permission.ADMINISTER)
def leaving(user_id: int) -> ResponseReturnValue:
    """What blocking or leaving does, and who takes over what hangs on this person."""
    user = accounts.user(user_id) or abort(404)
    held = _held(user_id)
    names = organization.labels("region", held.regions, language_now())
    return render_template("office/leaving.html", user=user, held=held, regions=sorted(names.values()))


@bp.deed("/users/<int:user_id>/leave", Permission.ADMINISTER)
def leave(user_id: int) -> ResponseReturnValue:
    """Block somebody or let them go, and hand over all they hold, in one transaction."""
    to_id, for_good = request.form.get("to", type=int), request.form.get("how") == "retire"
    with transaction():
        user = accounts.user(user_id) or abort(404)
        let_go(user, to_id=to_id, for_good=for_good, by_id=current_user.id)
        name = user.name
    return done(_("%(name)s is signed out and cannot sign in any more.", name=name), ".users")


def let_go(user: User, *, to_id: int | None, for_good: bool, by_id: int) -> None:
    """Block first: from then on nothing new falls to this user, so nothing is overlooked. Needs a transaction.

    May raise StillHolds, LastAdministrator, and what handing over a case may raise.
    """
    alone(CASES)  # no case opens for somebody who is just being blocked
    actor, now = audit.by_user(by_id), utcnow()
    services.set_blocked(user, blocked=True, for_good=for_good, actor=actor, now=now)
    held = _held(user.id)
    if not held.anything:
        return
    if to_id not in {one.id for one in held.takers}:
        raise StillHolds(name=user.name)
    for case_id in held.cases:
        handling.hand_over(case_id, to_id=to_id, from_id=user.id, by_id=by_id, now=now)
    services.hand_over_duties(user.id, to_id, actor=actor, now=now)


def _held(user_id: int) -> Holding:
    """Takers work on cases and see every region in question."""
    mine, duties = cases.open_of(user_id), accounts.duties_of(user_id)
    regions = [region_id for _pool, region_id in duties if region_id]
    places = {row.region_id for row in mine} | set(regions) or {None}
    able = [{one.id: one for one in accounts.may_take(place)} for place in places]
    takers = [one for id_, one in able[0].items() if id_ != user_id and all(id_ in those for those in able)]
    return Holding([row.id for row in mine], regions, len(regions) < len(duties), takers)
