"""The demo company in the database keeps every promise the program makes about its tables."""

from collections import Counter
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from npsapp.accounts.models import Duty, User
from npsapp.audit.models import AuditEntry
from npsapp.cases import queries as cases
from npsapp.cases.models import Case, CaseResponse, Cause
from npsapp.cases.rules import OPEN_STATES
from npsapp.customers.models import ContactFact, ContactPoint, Customer
from npsapp.customers.rules import FactKind
from npsapp.db import db, is_sqlite, transaction
from npsapp.delivery import queries as post
from npsapp.delivery.models import Message
from npsapp.demo import company, loader, services
from npsapp.intake.models import Interaction, InteractionPerformer, Source
from npsapp.invitations.models import Invitation, InvitationPolicy, InvitationStep
from npsapp.lib.clock import local_date
from npsapp.organization.models import Brand, Performer, Region, Unit
from npsapp.organization.rules import fold
from npsapp.permissions import Role
from npsapp.reports.models import DailyTally, PerformerTally
from npsapp.responses.models import DirtyDay, Response, ResponseRevision
from npsapp.surveys import queries as surveys
from npsapp.surveys.models import Survey, Touchpoint
from tests.demo.conftest import DRAWN_AT, SMALL


@pytest.fixture(scope="module", autouse=True)
def loaded(shared_app: Flask, drawn: loader.Drawn) -> Iterator[dict[str, int]]:
    """Loaded once for all tests of this file: they only look."""
    with shared_app.app_context():
        with transaction() as session:
            session.execute(update(Survey).values(version_id=None))  # the one circle among the tables
            for table in reversed(db.metadata.sorted_tables):
                session.execute(table.delete())
        with transaction():
            told = services.load(drawn, now=DRAWN_AT)
        yield told
        db.session.remove()


def _count(*what: object) -> int:
    return db.session.scalar(select(func.count()).select_from(*what)) or 0


def test_what_was_written_is_what_the_command_says(loaded: dict[str, int]):
    assert _count(Interaction) == loaded["interactions"] == SMALL
    assert _count(Customer) == loaded["customers"]
    assert _count(Response) == loaded["answers"]
    assert _count(Message) == loaded["letters sent"]
    assert _count(Case) == loaded["cases"]
    assert (_count(Region), _count(Unit), _count(Performer)) == (6, 24, 60)


def test_every_interaction_has_one_line_or_waits_for_it():
    lines = set(db.session.scalars(select(Invitation.interaction_id)))
    undecided = set(db.session.scalars(select(Interaction.id).where(Interaction.undecided)))

    assert _count(Invitation) == len(lines)
    assert not lines & undecided
    assert len(lines | undecided) == SMALL
    assert undecided


def test_references_lead_to_something():
    if is_sqlite():
        assert db.session.execute(text("PRAGMA foreign_key_check")).all() == []
    assert _count(InvitationStep) == _count(Message)
    assert _count(ResponseRevision) == _count(Response)
    assert _count(InteractionPerformer) > SMALL // 2


def test_every_letter_has_its_step_its_fact_and_an_address_of_its_customer():
    steps = db.session.execute(
        select(
            InvitationStep.due_at,
            Invitation.customer_id,
            Message.to_address,
            ContactPoint.value,
            ContactPoint.customer_id,
        )
        .join(Invitation, Invitation.id == InvitationStep.invitation_id)
        .join(Message, Message.id == InvitationStep.message_id)
        .join(ContactPoint, ContactPoint.id == InvitationStep.contact_point_id)
    ).all()
    invited = select(ContactFact.customer_id, ContactFact.at).where(ContactFact.kind == FactKind.INVITED)
    facts = Counter(tuple(row) for row in db.session.execute(invited))

    assert len(steps) == _count(Message)
    for due_at, customer_id, address, value, owner_id in steps:
        assert address == value
        assert owner_id == customer_id
        assert facts[customer_id, due_at] == 1


def test_every_critic_has_a_case_with_an_owner_who_manages_the_region():
    critics = db.session.execute(
        select(Response.region_id, Case.owner_id, User.role, Duty.user_id)
        .outerjoin(CaseResponse, CaseResponse.response_id == Response.id)
        .outerjoin(Case, Case.id == CaseResponse.case_id)
        .outerjoin(User, User.id == Case.owner_id)
        .outerjoin(Duty, Duty.region_id == Response.region_id)
        .where(Response.score <= 6)
    ).all()

    assert len(critics) > 10
    for _, owner_id, role, manager_id in critics:
        assert owner_id == manager_id
        assert role is Role.MANAGER


def test_the_first_beat_finds_no_old_case_work():
    assert cases.responses_to_look_at(100) == []
    assert cases.owners_to_tell(DRAWN_AT) == []


def test_ended_cases_have_a_root_cause_from_the_list():
    ended = db.session.scalars(select(Case.cause_id).where(Case.state.not_in(OPEN_STATES))).all()

    assert ended
    assert set(ended) <= set(db.session.scalars(select(Cause.id).where(Cause.parent_id.is_not(None))))


def test_tallies_agree_with_the_answers():
    scores = Counter(db.session.scalars(select(Response.score)))
    tallied = {score: db.session.scalar(select(func.sum(getattr(DailyTally, f"s{score}")))) for score in range(11)}
    by_performer = db.session.scalar(
        select(func.count())
        .select_from(Response)
        .join(InteractionPerformer, InteractionPerformer.interaction_id == Response.interaction_id)
    )

    assert {score: count for score, count in tallied.items() if count} == dict(scores)
    assert db.session.scalar(select(func.sum(PerformerTally.n))) == by_performer
    assert _count(DirtyDay) == 0


def test_answers_are_counted_on_the_local_day():
    for confirmed_at, day in db.session.execute(select(Response.confirmed_at, Response.local_date)):
        assert day == local_date(confirmed_at, company.ZONE)


def test_the_company_asks_at_four_touchpoints_by_its_policies():
    brand = db.session.scalars(select(Brand)).one()
    keys = {row.id: row.key for row in db.session.scalars(select(Touchpoint))}
    rules = {
        keys[survey.touchpoint_id]: db.session.get_one(InvitationPolicy, survey.id)
        for survey in surveys.active_map().values()
    }

    assert brand.is_demo
    assert {key: rule.delay_hours for key, rule in rules.items()} == {
        "purchase": 14 * 24,
        "delivery": 24,
        "service": 24,
        "warehouse": 0,
    }
    assert rules["warehouse"].window_from == rules["warehouse"].window_until


def test_the_source_is_live_and_files_find_regions_by_their_spellings():
    source = db.session.scalars(select(Source)).one()
    kyiv = db.session.scalars(select(Region).where(Region.key == "kyiv")).one()

    assert not source.in_trial
    assert kyiv.name == {"ru": "Киев", "uk": "Київ", "en": "Kyiv"}
    assert fold("г. Киев") in kyiv.aliases


def test_everybody_has_a_password_of_their_own(drawn: loader.Drawn):
    hashes = db.session.scalars(select(User.password_hash)).all()

    assert len(hashes) == len(company.COMPANY["colleagues"]) == len(set(hashes))
    assert len(set(drawn.passwords.values())) == len(company.COMPANY["colleagues"])
    assert all(len(password) >= 12 for password in drawn.passwords.values())


def test_whoever_unsubscribed_or_bounced_is_on_the_stop_list():
    bounced = set(db.session.scalars(select(Message.to_address).where(Message.state == "bounced")))
    brand_id = db.session.scalars(select(Brand.id)).one()

    stopped = post.suppressed("email", bounced, brand_id=brand_id, now=DRAWN_AT)

    assert bounced
    assert stopped == bounced


def test_loading_is_one_line_in_the_audit_log(loaded: dict[str, int]):
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.event == "demo.loaded")).one()

    assert entry.data == loaded
    assert services.is_loaded()
    assert not services.is_wanted()
    assert not services.was_removed()
