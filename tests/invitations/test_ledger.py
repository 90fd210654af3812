"""The ledger: what was decided about each purchase, why, asking somebody all the same, and pauses of sending."""

from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.audit.services import by_user
from npsapp.customers import services as customers
from npsapp.customers.rules import FactKind
from npsapp.db import db, transaction
from npsapp.delivery.models import Pause
from npsapp.delivery.rules import PauseKind
from npsapp.intake import selections
from npsapp.intake.models import Interaction
from npsapp.intake.selections import Rule
from npsapp.invitations import ledger, services
from npsapp.invitations.models import Invitation, InvitationPolicy
from npsapp.invitations.quota_models import Quota, Stratum
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.permissions import EVERYTHING, Scope
from tests import cast, factories


@pytest.fixture
def admin(client: FlaskClient, login: Any, company: SimpleNamespace) -> FlaskClient:
    return login(client, company.admin)


def held_back(company: SimpleNamespace, reason: Reason, now: datetime, **over: Any) -> Invitation:
    with transaction():
        bought = factories.make_interaction(company, now=now, undecided=False, **over)
        return factories.make_invitation(
            company, now=now, interaction=bought, state=InvitationState.EXCLUDED, reason=reason,
            send_at=None, sent_at=None, valid_until=None,
        )  # fmt: skip


def press(client: FlaskClient, path: str, **words: Any) -> Any:
    token = cast.csrf(client.get("/profile").get_data(as_text=True))
    return client.post(path, data={"csrf_token": token, **words})


def test_every_line_says_why_and_what_would_change_it(
    company: SimpleNamespace, at_now: datetime, admin: FlaskClient
) -> None:
    held_back(company, Reason.NO_SURVEY, at_now)
    with transaction():
        factories.make_invitation(company, now=at_now)

    page = admin.get("/schedule/ledger/").get_data(as_text=True)
    narrowed = admin.get("/schedule/ledger/?reason=no_survey").get_data(as_text=True)

    assert "no survey asks at this touchpoint" in page
    assert "asked" in page
    assert narrowed.count('class="lead"') == 1
    assert "Publish a survey for this touchpoint." in narrowed


def test_a_line_is_found_by_name_address_and_number(
    company: SimpleNamespace, at_now: datetime, admin: FlaskClient
) -> None:
    with transaction():
        anna = factories.make_customer(
            company, now=at_now, name="Анна Знайдена", name_key="анна знайдена", email="anna@example.com"
        )
        bought = factories.make_interaction(company, now=at_now, customer=anna, number="ЧК-77", undecided=False)
        line = factories.make_invitation(company, now=at_now, interaction=bought)
        factories.make_invitation(company, now=at_now)

    for word in ("знайдена", "anna@example.com", "чк-77"):
        found = ledger.lines(ledger.Asked(word=word), EVERYTHING, limit=10)
        assert [one.id for one in found] == [line.id], word


def test_the_ledger_ends_at_the_scope(company: SimpleNamespace, at_now: datetime) -> None:
    held_back(company, Reason.TOO_OLD, at_now, region_id=company.regions.odesa.id)
    kyiv = Scope(frozenset({company.regions.kyiv.id}))

    assert ledger.lines(ledger.Asked(), kyiv, limit=10) == []
    assert ledger.by_month(at_now - timedelta(days=1), kyiv) == {}
    assert sum(ledger.by_month(at_now - timedelta(days=1), EVERYTHING)[Reason.TOO_OLD].values()) == 1


@pytest.mark.parametrize(("days", "asked_before"), [(60, None), (20, 10)])
def test_somebody_is_asked_by_hand_with_a_reason(
    company: SimpleNamespace, at_now: datetime, admin: FlaskClient, days: int, asked_before: int | None
) -> None:
    with transaction():
        anna = factories.make_customer(company, now=at_now)
        then = at_now - timedelta(days=days)
        bought = factories.make_interaction(company, now=at_now, customer=anna, happened_at=then).id
        if asked_before:
            at = at_now - timedelta(days=asked_before)
            customers.record_fact(customer_id=anna.id, kind=FactKind.INVITED, at=at, survey_id=company.survey.id)
    plan(at_now)
    held = line_of(bought)
    assert held.reason is (Reason.QUARANTINE if asked_before else Reason.TOO_OLD)
    why = "The director wants to know"

    press(admin, f"/schedule/ledger/{held.id}/ask", why=why)
    plan(at_now)

    assert line_of(bought).state is InvitationState.PLANNED
    assert why in admin.get("/schedule/ledger/").get_data(as_text=True)


def test_who_was_not_drawn_is_asked_by_hand_past_the_lot(
    company: SimpleNamespace, at_now: datetime, admin: FlaskClient
) -> None:
    with transaction():
        month, unit = at_now.date().replace(day=1), company.units.kyiv.id
        db.session.add(Quota(survey_id=company.survey.id, month=month, kind=Stratum.UNIT, place_id=unit, target=1))
        bought = factories.make_interaction(company, now=at_now, undecided=False)
        held = factories.make_invitation(
            company, now=at_now, interaction=bought, state=InvitationState.EXCLUDED, reason=Reason.NOT_DRAWN,
            send_at=None, sent_at=None, valid_until=None,
        )  # fmt: skip
        db.session.delete(held.steps[0])  # nobody was asked, so there is no link
        interaction_id, held_id = bought.id, held.id

    press(admin, f"/schedule/ledger/{held_id}/ask", why="They asked to be heard")
    plan(at_now)

    assert line_of(interaction_id).state is InvitationState.PLANNED


def line_of(interaction_id: int) -> Invitation:
    db.session.expire_all()
    return db.session.scalars(select(Invitation).where(Invitation.interaction_id == interaction_id)).one()


def plan(now: datetime) -> None:
    with transaction():
        ids = db.session.scalars(select(Interaction.id).where(Interaction.undecided)).all()
        services.plan(ids, without_mail=set(), now=now)
    db.session.expire_all()


@pytest.mark.parametrize("reason", [Reason.NO_GROUND, Reason.SUPPRESSED, Reason.ON_HOLD, Reason.CANCELLED])
def test_what_the_customer_or_the_law_says_is_not_overruled(
    company: SimpleNamespace, at_now: datetime, admin: FlaskClient, reason: Reason
) -> None:
    line = held_back(company, reason, at_now)

    press(admin, f"/schedule/ledger/{line.id}/ask", why="please")

    db.session.expire_all()
    assert db.session.get_one(Invitation, line.id).reason is reason


def test_a_region_is_paused_until_a_day_with_everything_below_it(
    company: SimpleNamespace, at_now: datetime, admin: FlaskClient
) -> None:
    tomorrow = (at_now + timedelta(days=2)).date().isoformat()

    press(admin, "/schedule/pauses", what=f"region-{company.regions.kyiv.id}", until=tomorrow)

    pause = db.session.scalars(select(Pause)).one()
    assert (pause.kind, pause.ref_id) == (PauseKind.REGION, company.regions.kyiv.id)
    assert pause.until
    assert "Kyiv" in admin.get("/schedule/pauses").get_data(as_text=True)


def test_a_pause_that_is_over_already_is_refused(
    company: SimpleNamespace, at_now: datetime, admin: FlaskClient
) -> None:
    answer = press(admin, "/schedule/pauses", what="everything", until="2020-01-01")

    assert answer.status_code == 422
    assert db.session.scalars(select(Pause)).all() == []


def test_a_survey_asks_only_customers_of_a_selection(company: SimpleNamespace, at_now: datetime) -> None:
    with transaction():
        me, rule = by_user(company.admin.id), Rule(turnover_from="500", currency="UAH")
        rich = selections.save(None, "Rich", rule, makes_key=False, actor=me, now=at_now)
        db.session.get_one(InvitationPolicy, company.survey.id).criteria = {"selections": [rich.id]}
        then, uah = at_now - timedelta(days=15), {"currency": "UAH"}
        big, small = (
            factories.make_interaction(company, now=at_now, amount=Decimal(amount), happened_at=then, **uah).id
            for amount in (900, 100)
        )
    plan(at_now)

    assert line_of(big).state is InvitationState.PLANNED
    assert line_of(small).reason is Reason.NOT_MEANT
