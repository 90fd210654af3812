"""Which of two texts a letter gets, and a letter with a real customer's purchase before it goes out."""

from collections import Counter
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from npsapp.audit.services import by_user
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, Purpose
from npsapp.intake.models import Interaction
from npsapp.invitations import letters, lots, real_letters
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.rendering import Addresses
from npsapp.invitations.rules import InvitationState
from npsapp.permissions import Scope
from npsapp.surveys import queries as surveys, texts
from npsapp.surveys.letters import Variant
from tests import factories as make
from tests.cast import csrf

ADDRESSES = Addresses("https://nps.example", ["a key"])
FIRST: dict[str, Any] = {"step": 1, "channel": Channel.EMAIL}


@pytest.fixture
def compared(company: SimpleNamespace, now: datetime) -> dict[Variant, int]:
    """Two texts of the first letter, which differ in their subject: variant → id."""
    who: dict[str, Any] = {"actor": by_user(company.admin.id), "now": now}
    with transaction():
        texts.compare(company.survey.id, **FIRST, **who)
        texts.edit(company.survey.id, {"subject": {"uk": "Другий"}}, variant=Variant.B, **who)
    db.session.rollback()
    return {variant: row.id for variant, row in surveys.words(company.survey.id).items()}


def composed(company: SimpleNamespace, now: datetime) -> tuple[InvitationStep, Message]:
    """A letter given to the post office, as the planner does it."""
    interaction = make.make_interaction(company, now=now, undecided=False)
    invitation = Invitation(
        interaction=interaction, customer_id=interaction.customer_id, survey_id=company.survey.id,
        brand_id=company.brand.id, touchpoint_id=company.touchpoint.id, region_id=interaction.region_id,
        state=InvitationState.PLANNED, send_at=now, decided_at=now, language="uk",
        valid_until=now + timedelta(days=30),
    )  # fmt: skip
    db.session.add(invitation)
    db.session.flush()
    message = letters.queue_letter(
        invitation, company.survey.version, purpose=Purpose.INVITATION, to_address="a@b.example",
        contact_point_id=None, addresses=ADDRESSES, now=now,
    )  # fmt: skip
    db.session.refresh(invitation)
    return invitation.steps[0], message


def test_the_lot_is_fair_and_always_the_same() -> None:
    drawn = Counter(lots.lot("key", 7, number) < 30 for number in range(20_000))

    assert abs(drawn[True] / 20_000 - 0.3) < 0.015  # five standard errors
    assert all(0 <= lots.lot("key", 7, number) < 100 for number in range(500))
    first = [lots.lot("key", 7, number) for number in range(100)]
    assert first == [lots.lot("key", 7, number) for number in range(100)]
    assert first != [lots.lot("key", 8, number) for number in range(100)]
    assert first != [lots.lot("other", 7, number) for number in range(100)]


def test_a_letter_remembers_its_text_and_against_which_it_was_drawn(
    company: SimpleNamespace, compared: dict[Variant, int], now: datetime
) -> None:
    with transaction():
        found = [composed(company, now) for _letter in range(12)]
        seen = {(step.words_id, step.against_id, message.subject == "Другий") for step, message in found}

    a, b = compared[Variant.A], compared[Variant.B]
    assert seen == {(a, b, False), (b, a, True)}


def test_without_a_comparison_the_version_is_remembered(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        step, message = composed(company, now)
        assert (step.words_id, step.against_id) == (surveys.words(company.survey.id)[Variant.A].id, None)
        texts.edit(company.survey.id, {"subject": {"uk": "Нова"}}, actor=by_user(company.admin.id), now=now)
        message_id = message.id

    assert db.session.get_one(Message, message_id).subject.startswith("Ваше замовлення")  # it keeps its words


# ---- before it goes out ------------------------------------------------------------------------------------------


@pytest.fixture
def bought(company: SimpleNamespace, now: datetime) -> Interaction:
    """A purchase in Odesa, after six in Kyiv."""
    with transaction():
        for _purchase in range(6):
            make.make_interaction(company, now=now)
        customer = make.make_customer(company, now=now, name="Зоря Ясна", name_key="зоря ясна", address_as="Зоре")
        place = {"region_id": company.regions.odesa.id, "unit_id": company.units.odesa.id}
        one = make.make_interaction(company, now=now, customer=customer, title="решітка", number="ZZ-777", **place)
        id_ = one.id
    return db.session.get_one(Interaction, id_)


def latest(company: SimpleNamespace, now: datetime, word: str = "", scope: Scope | None = None) -> list[str]:
    found = real_letters.latest(company.survey, word=word, scope=scope or Scope(None), now=now)
    return [one.interaction.number for one in found]


def test_the_last_five_purchases_the_survey_would_ask_about_are_offered(
    company: SimpleNamespace, bought: Interaction, now: datetime
) -> None:
    with transaction():
        customer = make.make_customer(company, now=now, email="", phone="")
        unreachable = make.make_interaction(company, now=now, customer=customer, number="X-1").number

    found = latest(company, now)

    assert len(found) == 5
    assert found[0] == "ZZ-777"
    assert unreachable not in found


def test_a_purchase_is_found_by_name_or_number_in_ones_own_regions(
    company: SimpleNamespace, bought: Interaction, now: datetime
) -> None:
    kyiv = Scope(frozenset({company.regions.kyiv.id}))

    assert latest(company, now, "Зоря") == latest(company, now, "zz-777") == ["ZZ-777"]
    assert latest(company, now, "Зоря", kyiv) == []
    assert real_letters.visible(company.survey, bought.id, kyiv) is None


def test_a_real_purchase_stands_in_a_frame_without_scripts(
    client: FlaskClient, company: SimpleNamespace, login, bought: Interaction
) -> None:
    analyst = login(client, company.analyst)
    url = f"/surveys/{company.survey.id}/letter/real"

    page = analyst.get(f"{url}?q=Зоря").text
    frame = analyst.get(f"{url}/{bought.id}?show=uk")
    plain = analyst.get(f"{url}/{bought.id}?show=uk&as=text").text

    assert "ZZ-777" in page
    assert "Водолад, nps@vodolad.example" in page
    assert page.count("<iframe") == page.count(" sandbox") == 3
    assert "Зоре, добрий день" in frame.text
    assert "«решітка»" in frame.text
    assert "/r/preview/10" in frame.text
    assert "default-src 'none'" in frame.headers["Content-Security-Policy"]
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert "script-src" not in frame.headers["Content-Security-Policy"]
    assert "<h1>Ваше замовлення від 5 листопада: одне запитання</h1>" in plain


def test_managers_look_at_letters_to_their_own_regions_and_send_no_tests(
    client: FlaskClient, company: SimpleNamespace, login, bought: Interaction
) -> None:
    manager = login(client, company.manager_kyiv)
    url = f"/surveys/{company.survey.id}/letter/real"

    assert "ZZ-777" not in manager.get(f"{url}?q=ZZ").text
    assert manager.get(f"{url}/{bought.id}").status_code == 404
    token = csrf(manager.get(f"{url}").text)
    assert manager.post(f"{url}/{bought.id}/test", data={"csrf_token": token}).status_code == 403


def test_a_test_of_exactly_this_letter_goes_to_oneself_and_counts_nowhere(
    client: FlaskClient, company: SimpleNamespace, login, app: Flask, bought: Interaction, compared: dict[Variant, int]
) -> None:
    analyst = login(client, company.analyst)
    url = f"/surveys/{company.survey.id}/letter/real"
    token = csrf(analyst.get(f"{url}?text=b&q=Зоря").text)

    answer = analyst.post(f"{url}/{bought.id}/test?show=uk&text=b", data={"csrf_token": token})

    message = db.session.query(Message).filter_by(purpose=Purpose.TEST).one()
    step = db.session.query(InvitationStep).filter_by(message_id=message.id).one()
    assert (answer.status_code, answer.location) == (303, f"/test-invitation?sent={message.id}")
    assert (message.to_address, message.subject) == (company.analyst.email, "Другий")
    assert "Зоре, добрий день" in message.body
    assert (step.invitation.test, step.invitation.customer_id, step.against_id) == (True, None, None)
    assert step.invitation.interaction.customer_id is None
    assert step.invitation.interaction.title == "решітка"
