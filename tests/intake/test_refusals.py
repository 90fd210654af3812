"""A "no" beside a mistyped address: it holds for whatever good one takes its place, and nothing is sent."""

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from npsapp.audit.services import by_user
from npsapp.customers import merging, queries
from npsapp.customers.models import ContactPoint, Customer, Ground
from npsapp.db import db, transaction
from npsapp.delivery.rules import Channel
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState, Reason
from tests.intake.files import csv_file
from tests.intake.program import CONSENTS, CUSTOMERS, PURCHASES, Program, bought
from tests.intake.test_arrivals import _batch, plan_live

HEADING = "external_id;happened_at;email;phone;consent_email"
WRONG, GOOD = "ivan.gmail.com", "ivan@gmail.com"
NO = {"email": False}


def decisions(now: datetime) -> dict[str, InvitationState | Reason]:
    """By the id of the purchase: planned, or why not."""
    plan_live(now)
    found = db.session.scalars(select(Invitation)).all()
    return {one.interaction.external_id: one.reason or one.state for one in found}


def refused(value: str) -> set[Channel]:
    db.session.rollback()
    rows = (
        select(Ground.channel).join(ContactPoint).where(ContactPoint.value == value, Ground.withdrawn_at.is_not(None))
    )
    return set(db.session.scalars(rows))


@pytest.mark.parametrize(
    ("known", "phone"),
    [("", ""), ("", "067 123 45 67"), (f"B1;05.11.2026 10:15;{GOOD};;", "")],
    ids=["by its purchase", "by the phone", "somebody known has the address"],
)
def test_a_no_in_a_file_holds_for_the_corrected_address(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path, known: str, phone: str
):
    lines = [f"A1;05.11.2026 10:15;{WRONG};{phone};no", *filter(None, [known])]
    _batch(csv_file(tmp_path, lines, heading=HEADING), company, at_now)
    assert refused(WRONG) == {Channel.EMAIL}

    corrected = f"A1;05.11.2026 10:15;{GOOD};{phone}"
    _batch(csv_file(tmp_path, [corrected], heading=HEADING.removesuffix(";consent_email")), company, at_now)

    assert refused(GOOD) == {Channel.EMAIL}
    assert set(decisions(at_now).values()) == {Reason.NO_GROUND}
    again = f"A2;06.11.2026 10:15;{GOOD};{phone};yes"
    _batch(csv_file(tmp_path, [again], heading=HEADING), company, at_now)
    assert set(decisions(at_now).values()) == {Reason.NO_GROUND}


def test_a_no_beside_a_mistyped_address_holds_for_the_good_ones_the_person_has(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    lines = [
        f"A1;05.11.2026 10:15;{GOOD};067 123 45 67;",
        f"A2;06.11.2026 10:15;{WRONG};067 123 45 67;no",
        "B1;06.11.2026 10:15;other@gmail.com;067 123 45 68;",
    ]
    _batch(csv_file(tmp_path, lines, heading=HEADING), company, at_now)
    told = {"A1": Reason.NO_GROUND, "A2": Reason.NO_GROUND, "B1": InvitationState.PLANNED}
    assert decisions(at_now) == told

    newer = "A3;07.11.2026 10:15;newer@gmail.com;067 123 45 67;"
    _batch(csv_file(tmp_path, [newer, lines[1]], heading=HEADING), company, at_now)

    assert decisions(at_now) == told | {"A3": Reason.NO_GROUND}
    assert refused(GOOD) == refused("newer@gmail.com") == {Channel.EMAIL}


def test_a_no_to_another_channel_stops_no_letter(program: Program, at_now: datetime):
    program.put(CUSTOMERS + "c1", {"emails": [WRONG], "consents": {"sms": False}})
    program.post(PURCHASES, [bought(1)])

    assert decisions(at_now) == {"p1": InvitationState.PLANNED}


@pytest.mark.parametrize("by_consent", [False, True])
def test_a_program_that_sent_a_no_may_correct_the_address_later(program: Program, at_now: datetime, by_consent: bool):
    program.put(CUSTOMERS + "c1", {"emails": [WRONG]} | ({} if by_consent else {"consents": NO}))
    if by_consent:
        word = {"external_id": "c1", "channel": "email", "given": False}
        assert [program.post(CONSENTS, word).json["results"][0]["result"] for _ in "12"] == ["accepted", "unchanged"]
    assert refused(WRONG) == {Channel.EMAIL}

    program.put(CUSTOMERS + "c1", {"emails": [GOOD]})
    program.post(PURCHASES, [bought(1, customer={"external_id": "c1"})])

    assert decisions(at_now) == {"p1": Reason.NO_GROUND}
    proof = {"external_id": "c1", "channel": "email", "at": "2026-11-19", "how": "form"}
    assert program.post(CONSENTS, proof).json["rejected"][0]["code"] == "withdrawn"


def test_a_row_repeating_what_is_mistyped_beside_one_that_corrects_it_loses_no_refusal(program: Program):
    one = {"external_id": "c1", "emails": [WRONG], "consents": NO}
    program.post(PURCHASES, [bought(1, customer=one)])

    answer = program.post(PURCHASES, [bought(2, customer=one), bought(3, customer=one | {"emails": [GOOD]})])

    assert answer.json["accepted"] == 2
    assert refused(WRONG) == refused(GOOD) == {Channel.EMAIL}


def test_merged_people_heed_a_no_at_an_address_that_is_none(
    program: Program, company: SimpleNamespace, at_now: datetime
):
    program.put(CUSTOMERS + "c2", {"emails": [WRONG], "consents": NO})
    program.post(PURCHASES, [bought(1, customer={"external_id": "c1", "emails": [GOOD]})])
    first, second = db.session.scalars(select(Customer.id).order_by(Customer.id.desc())).all()
    db.session.rollback()
    with transaction():
        merging.merge(second, first, reason="one voice", actor=by_user(company.admin.id), now=at_now)

    assert decisions(at_now) == {"p1": Reason.NO_GROUND}
    assert [box.mistyped for theirs in queries.mailboxes([first, second]).values() for box in theirs] == [True, False]
