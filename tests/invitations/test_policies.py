"""The rule of a survey and the care for people: criteria, windows, what a change would do, what is refused."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import func, select, update

from npsapp import schedule
from npsapp.accounts.models import UserRegion
from npsapp.audit.services import by_user
from npsapp.cases import services as cases
from npsapp.cases.models import Case
from npsapp.cases.rules import Outcome, State
from npsapp.customers.models import ContactFact, Customer, Hold
from npsapp.customers.rules import HoldReason
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel
from npsapp.intake.models import Interaction, Source, SourceKind
from npsapp.invitations import automations, candidates, effects, letters, policies, queries, services, waves
from npsapp.invitations.chains import FIRST, LONGER_THAN_VALID, SAME_CHANNEL, TOO_SOON, ChainStep, chain_faults
from npsapp.invitations.criteria import ANY, Acquaintance, Criteria
from npsapp.invitations.models import ContactPolicy, Invitation, InvitationPolicy, PolicyStep
from npsapp.invitations.rendering import Addresses
from npsapp.invitations.rules import Care, InvitationState, Policy, Reason, sending_time, wave_months, wave_turn
from npsapp.organization import queries as organization
from npsapp.organization.models import Brand, Holiday, Segment
from npsapp.permissions import EVERYTHING, Scope
from npsapp.surveys import queries as written, services as surveys, texts
from npsapp.surveys.models import StepWords, Survey
from npsapp.surveys.rules import SurveyState
from tests import factories as make
from tests.cast import csrf

ADDRESSES = Addresses("https://nps.example", ("a key for tests only, 1234",))
PURCHASE = SimpleNamespace(
    segment_id=1, region_id=2, unit_id=3, amount=Decimal("100.00"), properties={"way": "courier", "gift": "yes"}
)


# ---- criteria ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("criteria", "meant"),
    [
        (ANY, True),
        (Criteria(segments=frozenset({1, 9})), True),
        (Criteria(segments=frozenset({9})), False),
        (Criteria(regions=frozenset({9})), False),
        (Criteria(units=frozenset({3}), regions=frozenset({2})), True),
        (Criteria(amount_from=Decimal(100), amount_to=Decimal(100)), True),
        (Criteria(amount_from=Decimal("100.01")), False),
        (Criteria(amount_to=Decimal("99.99")), False),
        (Criteria(acquaintance=Acquaintance.NEW), True),
        (Criteria(acquaintance=Acquaintance.RETURNING), False),
        (Criteria(properties={"way": frozenset({"courier", "post"}), "gift": frozenset({"yes"})}), True),
        (Criteria(properties={"way": frozenset({"post"})}), False),
        (Criteria(properties={"colour": frozenset({"red"})}), False),
    ],
)
def test_a_purchase_meets_its_criteria(criteria: Criteria, meant: bool) -> None:
    assert criteria.met_by(PURCHASE, is_new=True) is meant
    assert Criteria.from_json(criteria.to_json()) == criteria


def test_a_purchase_without_an_amount_meets_no_limit() -> None:
    nothing = SimpleNamespace(**vars(PURCHASE) | {"amount": None})

    assert not Criteria(amount_from=Decimal(0)).met_by(nothing, is_new=True)


def test_only_what_is_meant_is_asked(company: SimpleNamespace, now: datetime) -> None:
    criteria = Criteria(regions=frozenset({company.regions.kyiv.id}), acquaintance=Acquaintance.NEW)
    change(company, now, criteria=criteria.to_json())
    with transaction():
        customer = make.make_customer(company, now=now)
        make.make_interaction(company, now=now, customer=customer, happened_at=now - timedelta(days=90))
        again = make.make_interaction(company, now=now, customer=customer)
        first = make.make_interaction(company, now=now)
        odesa = make.make_interaction(company, now=now, region_id=company.regions.odesa.id)
    plan(now, again, first, odesa)

    assert [line(one).reason for one in (again, first, odesa)] == [Reason.NOT_MEANT, None, Reason.NOT_MEANT]
    assert effects.matches(company.brand.id, company.touchpoint.id, criteria, now=now) == (1, 3)


# ---- windows -----------------------------------------------------------------------------------------------------

ZONES = ["Europe/Kyiv", "America/New_York", "Australia/Lord_Howe", "Pacific/Chatham", "Africa/Casablanca", "UTC"]
START = datetime(2026, 1, 1, tzinfo=UTC)
hours = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@settings(max_examples=300)
@given(
    earliest=st.integers(0, 1_000_000).map(lambda minutes: START + timedelta(minutes=minutes)),
    zone=st.sampled_from(ZONES),
    week=st.tuples(hours, hours),
    weekend=st.one_of(st.none(), st.tuples(hours, hours)),
    weekdays=st.frozensets(st.integers(1, 7), min_size=1),
    closed=st.frozensets(st.dates(date(2026, 1, 1), date(2027, 12, 31)), max_size=30),
)
def test_nothing_leaves_outside_the_window_in_any_zone(earliest, zone, week, weekend, weekdays, closed) -> None:
    policy = Policy(
        window_from=week[0],
        window_until=week[1],
        weekend_from=weekend and weekend[0],
        weekend_until=weekend and weekend[1],
        weekdays=weekdays,
    )

    found = sending_time(earliest, policy, zone, closed=closed)

    assert found >= earliest
    assert inside(found, policy, zone, closed)
    assert sending_time(found, policy, zone, closed=closed) == found


def inside(moment: datetime, policy: Policy, zone: str, closed: frozenset[date]) -> bool:
    """Whether some day's window, taken from the wall clock of that zone, holds this moment."""
    local = moment.astimezone(ZoneInfo(zone))
    for day in (local.date() - timedelta(days=1), local.date()):
        begin, end = policy.hours(day.isoweekday())
        until = day if begin < end else day + timedelta(days=1)
        opens = datetime.combine(day, begin, ZoneInfo(zone)).astimezone(UTC)
        closes = datetime.combine(until, end, ZoneInfo(zone)).astimezone(UTC)
        if day.isoweekday() in policy.weekdays and day not in closed and opens <= moment < closes:
            return True
    return False


def test_weekends_have_hours_of_their_own() -> None:
    policy = Policy(weekend_from=time(11), weekend_until=time(18))
    saturday = datetime(2026, 11, 21, 6, tzinfo=UTC)

    assert sending_time(saturday, policy, "Europe/Kyiv") == datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_holidays_of_a_country_hold_in_its_regions(company: SimpleNamespace, now: datetime) -> None:
    country = company.regions.odesa
    with transaction() as session:
        company.regions.kyiv.parent_id = country.id
        session.add(Holiday(region_id=country.id, day=date(2026, 11, 20), name={"en": "Day off"}))
        session.add(Holiday(region_id=None, day=date(2026, 11, 21), name={"en": "Everywhere"}))
        bought = make.make_interaction(company, now=now)
    plan(now, bought)

    assert line(bought).send_at == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert organization.holidays(company.regions.kyiv.id) == {date(2026, 11, 20), date(2026, 11, 21)}


def test_two_months_of_holidays_are_a_mistake_and_stop_nothing() -> None:
    closed = {date(2026, 11, 1) + timedelta(days=day) for day in range(100)}

    assert sending_time(datetime(2026, 11, 20, 10, tzinfo=UTC), Policy(), "UTC", closed=closed).day == 20


# ---- the care for people -----------------------------------------------------------------------------------------


def test_staff_and_test_addresses_are_not_asked(company: SimpleNamespace, now: datetime) -> None:
    care(company, now, staff=["boss@shop.example", "@test.example"])
    with transaction():
        emails = (company.analyst.email, "boss@shop.example", "any@test.example", "guest@shop.example")
        bought = [
            make.make_interaction(company, now=now, customer=make.make_customer(company, now=now, email=email))
            for email in emails
        ]
    plan(now, *bought)

    assert [line(one).reason for one in bought] == [Reason.STAFF] * 3 + [None]


def test_a_company_may_ask_only_with_consent(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        bought = make.make_interaction(company, now=now)
    plan(now, bought)
    assert line(bought).state is InvitationState.PLANNED

    care(company, now, consent_only=True)
    plan(now, bought)

    assert line(bought).reason is Reason.NO_GROUND


@pytest.mark.parametrize(("mind", "reason"), [(True, Reason.ON_HOLD), (False, None)])
def test_an_open_case_stops_invitations_if_the_company_wants_it(
    company: SimpleNamespace, now: datetime, mind: bool, reason: Reason | None
) -> None:
    care(company, now, mind_cases=mind)
    with transaction():
        bought = make.make_interaction(company, now=now)
        db.session.add(Hold(customer_id=bought.customer_id, reason=HoldReason.OPEN_CASE, since=now))
    plan(now, bought)

    assert line(bought).reason is reason


def test_whoever_has_an_open_case_is_left_alone_until_it_ends(company: SimpleNamespace, at_now: datetime) -> None:
    with transaction():
        answer = make.make_response(company, now=at_now - timedelta(days=100), score=2)
        cases.look_at(answer.id, now=at_now)
        bought = make.make_interaction(company, now=at_now, customer=db.session.get_one(Customer, answer.customer_id))
    plan(at_now, bought)
    for _ in range(2):
        schedule.leave_alone(schedule.Beat())
    plan(at_now, bought)
    assert line(bought).reason is Reason.ON_HOLD

    with transaction() as session:
        session.execute(update(Case).values(state=State.CLOSED, settled_at=at_now, outcome=Outcome.SCORE_CHANGED))
    schedule.leave_alone(schedule.Beat())
    plan(at_now, bought)

    assert line(bought).state is InvitationState.PLANNED
    assert db.session.scalar(select(func.count()).select_from(Hold)) == 1


@pytest.mark.parametrize("later", [True, False])
def test_who_may_not_be_asked_yet_is_asked_later_or_never(company: SimpleNamespace, now: datetime, later: bool) -> None:
    care(company, now, ask_later=later)
    with transaction():
        bought = make.make_interaction(company, now=now)
        make_fact(bought.customer_id, company.survey.id, now - timedelta(days=88))
    plan(now, bought)

    assert line(bought).reason is Reason.QUARANTINE
    assert line(bought).again_at == (now + timedelta(days=2) if later else None)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    buys=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    beats=st.lists(st.integers(0, 120), min_size=2, max_size=8),
    other=st.integers(0, 40),
)
def test_no_two_invitations_within_the_quarantine(
    company: SimpleNamespace, now: datetime, buys: list[int], beats: list[int], other: int
) -> None:
    care(company, now, same_invited_days=20, same_answered_days=20, other_days=other)
    change(company, now, delay_hours=24, latest_days=30)
    with transaction():
        customer = make.make_customer(company, now=now)
        bought = [
            make.make_interaction(company, now=now, customer=customer, happened_at=now + timedelta(days=day))
            for day in buys
        ]
    for at in (now + timedelta(days=day, hours=2) for day in sorted(beats)):
        with transaction():
            policies.due_again(now=at)
        plan(at, *(one for one in bought if one.happened_at <= at))
        with transaction():
            letters.hand_over(queries.due(at, limit=20), without_mail=(), addresses=ADDRESSES, now=at)

    moments = sorted(db.session.scalars(select(ContactFact.at).where(ContactFact.customer_id == customer.id)))
    assert all(after - before >= timedelta(days=20) for before, after in zip(moments, moments[1:], strict=False))


# ---- changes -----------------------------------------------------------------------------------------------------


def test_what_a_change_would_do_is_what_it_does(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        days = (2, 9, 14, 25)
        bought = [make.make_interaction(company, now=now, happened_at=now - timedelta(days=day)) for day in days]
    plan(now, *bought)
    before = [line(one).send_at for one in bought]
    wanted = Policy(delay=timedelta(days=5), latest=timedelta(days=9))

    told = effects.of_policy(company.survey.id, wanted, without_mail=frozenset(), now=now)
    change(company, now, delay_hours=5 * 24, latest_days=9)
    plan(now, *bought)

    after = [line(one).send_at for one in bought]
    assert (told.move, told.held, told.stay) == (2, 1, 1)
    assert [new is None for new in after] == [False, False, False, True]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, True, False]


def test_a_chain_is_checked() -> None:
    week = timedelta(days=7)
    steps = [
        ChainStep(FIRST, Channel.EMAIL),
        ChainStep(2, Channel.EMAIL, timedelta(hours=23)),
        ChainStep(3, Channel.EMAIL, timedelta(days=2)),
        ChainStep(4, Channel.EXTERNAL, timedelta(days=5)),
    ]

    assert chain_faults(steps, valid=week) == {2: TOO_SOON, 3: SAME_CHANNEL, 4: LONGER_THAN_VALID}


FORM = {
    "delay_days": "3",
    "delay_more_hours": "0",
    "window_from": "09:00",
    "window_until": "20:00",
    "weekdays": ["1", "2"],
    "first_channel": "email",
    "latest_days": "14",
    "valid_days": "10",
}


def send(client: FlaskClient, company: SimpleNamespace, **over: object) -> tuple[int, str]:
    address = f"/surveys/{company.survey.id}/policy"
    token = csrf(client.get(address).get_data(as_text=True))
    answer = client.post(address, data=FORM | {"csrf_token": token} | over)
    return answer.status_code, answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"amount_from": "500", "amount_to": "100"}, "no purchase would be asked about"),
        ({"weekdays": []}, "Choose at least one day."),
        ({"weekend_from": "11:00"}, "Enter both times, or none."),
        ({"channel2": "email", "after2": "12"}, "after the link has stopped"),
        ({"channel2": "email", "after2": ""}, "At least 24 hours"),
        ({"channel2": "email", "after2": "2", "channel3": "email", "after3": "2"}, "only once"),
        ({"channel2": "sms", "after2": "2"}, "not set up yet"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(
    client: FlaskClient, company: SimpleNamespace, login, typed: dict[str, object], words: str
) -> None:
    status, page = send(login(client, company.admin), company, **typed)

    assert (status, words in page) == (422, True)
    assert db.session.get_one(InvitationPolicy, company.survey.id).delay_hours == 14 * 24
    assert db.session.scalar(select(func.count()).select_from(PolicyStep)) == 0


def test_units_outside_of_the_chosen_regions_contradict(client: FlaskClient, company: SimpleNamespace, login) -> None:
    place = {"regions": [str(company.regions.kyiv.id)], "units": [str(company.units.odesa.id)]}

    status, page = send(login(client, company.admin), company, **place)

    assert (status, "lies in the chosen regions" in page) == (422, True)


def test_a_reminder_with_a_faulty_text_is_refused(
    client: FlaskClient, company: SimpleNamespace, login, now: datetime
) -> None:
    with transaction() as session:
        texts.start_words(company.survey.id, 2, Channel.EMAIL, now=now)
        words = session.scalars(select(StepWords).where(StepWords.step == 2)).one()
        words.texts = words.texts | {"subject": words.texts["subject"] | {"uk": "{nothing}"}}

    status, page = send(login(client, company.admin), company, channel2="email", after2="3")

    assert (status, "missing or faulty" in page) == (422, True)


def test_what_is_planned_is_confirmed_before_it_moves(
    client: FlaskClient, company: SimpleNamespace, login, at_now: datetime
) -> None:
    with transaction():
        bought = make.make_interaction(company, now=at_now, happened_at=at_now - timedelta(days=10))
    plan(at_now, bought)
    login(client, company.admin)

    status, page = send(client, company, channel2="email", after2="3")
    assert (status, "1 planned letter moves" in page) == (200, True)
    assert db.session.get_one(InvitationPolicy, company.survey.id).delay_hours == 14 * 24
    seen = page.split('name="seen" type="hidden" value="')[1].split('"')[0]

    assert "1 planned letter moves" in send(client, company, after2="3", channel2="email", seen=seen, valid_days="9")[1]
    assert send(client, company, channel2="email", after2="3", seen=seen)[0] == 303
    db.session.rollback()
    assert db.session.get_one(InvitationPolicy, company.survey.id).follow_ups[0].delay_hours == 72
    assert f"/surveys/{company.survey.id}/letter?step=2" in client.get(f"/surveys/{company.survey.id}/policy").get_data(
        as_text=True
    )


def test_the_page_counts_what_matches(client: FlaskClient, company: SimpleNamespace, login, at_now: datetime) -> None:
    with transaction():
        make.make_interaction(company, now=at_now, amount=Decimal(50))
        make.make_interaction(company, now=at_now, amount=Decimal(500))

    status, page = send(login(client, company.admin), company, amount_from="100", count="1")

    assert (status, "Matches 1 of last month’s 2." in page) == (200, True)


# ---- pages -------------------------------------------------------------------------------------------------------


def test_the_care_for_people_is_set_on_its_page(client: FlaskClient, company: SimpleNamespace, login) -> None:
    token = csrf(login(client, company.admin).get("/contact-policy/").get_data(as_text=True))
    typed = {"same_invited_days": "60", "same_answered_days": "70", "other_days": "20", "refused_days": "400"}

    wrong = client.post("/contact-policy/", data=typed | {"staff": "no address", "csrf_token": token})
    assert wrong.status_code == 422
    client.post("/contact-policy/", data=typed | {"staff": "A@b.example\n@c.example", "csrf_token": token})

    row = db.session.get_one(ContactPolicy, company.pool.id)
    assert (row.same_invited_days, row.refused_days, row.ask_later) == (60, 400, False)
    assert row.staff == ["a@b.example", "@c.example"]


def test_a_copied_survey_takes_its_rule_and_the_words_of_its_reminders(company: SimpleNamespace, now: datetime) -> None:
    who = {"actor": by_user(company.admin.id), "now": now}
    criteria = Criteria(segments=frozenset({company.segment.id}), units=frozenset({company.units.kyiv.id})).to_json()
    rule = {"delay_hours": 48, "criteria": criteria, "wave": True, "wave_month": "2026-11", "wave_done_id": 7}
    chain = [ChainStep(3, Channel.EMAIL, timedelta(days=4))]
    words = {"subject": {"en": "Two words?"}, "body": {"en": "{name}\n\n[scale]\n\nThanks"}}
    with transaction():
        policies.change_policy(company.survey.id, rule, follow_ups=chain, **who)
        texts.edit(company.survey.id, words, step=3, **who)
        other = make_brand(company, now)
        to = {"touchpoint_id": company.touchpoint.id, **who}
        same = surveys.copy(company.survey.id, brand_id=company.brand.id, name="same", **to).id
        abroad = surveys.copy(company.survey.id, brand_id=other.id, name="abroad", **to).id
    db.session.rollback()

    for copied, kept in ((same, criteria), (abroad, {"segments": criteria["segments"]})):
        policy = db.session.get_one(InvitationPolicy, copied)
        assert (policy.delay_hours, policy.wave, policy.wave_month, policy.wave_done_id) == (48, True, "", 0)
        assert (policy.criteria, candidates.chain_of(policy)[1:]) == (kept, tuple(chain))
        assert written.letter(copied, 3) == written.letter(company.survey.id, 3)


def test_an_automation_is_counted_with_the_companys_own_care(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        customer = make.make_customer(company, now=now)
        for days in (20, 10):
            make.make_interaction(company, now=now, customer=customer, happened_at=now - timedelta(days=days))
        trial = make.make_source(company, now=now, is_test=True)  # counts nowhere
        make.make_interaction(company, now=now, source=trial, happened_at=now - timedelta(days=15))
        company.survey.state = SurveyState.PAUSED

    def asked() -> list[int]:
        found = [automations.policy(one, candidates.care_of(queries.contact_policy(pool_id))) for one in (letter, call)]
        here = company.touchpoint.id
        return effects.would_have_asked(company.brand.id, [(here, one) for one in found], now=now)

    letter, call = (one for one in automations.AUTOMATIONS if one.key in ("nps14", "phone"))
    pool_id = company.pool.id
    assert asked() == [1, 1]
    care(company, now, same_invited_days=5)
    assert asked() == [2, 2]
    care(company, now, consent_only=True)
    assert asked() == [0, 2]  # to be called, nobody needs an address


@pytest.mark.parametrize("one", automations.AUTOMATIONS, ids=lambda one: one.key)
def test_a_ready_made_automation_becomes_a_draft(
    client: FlaskClient, company: SimpleNamespace, login, at_now: datetime, one: automations.Automation
) -> None:
    with transaction():
        make.make_interaction(company, now=at_now)
    page = login(client, company.analyst).get("/surveys/automations/").get_data(as_text=True)
    assert "Last month it would have asked about 1 customer." in page
    assert "Each customer about every 3 months." in page

    answer = client.post(f"/surveys/automations/{one.key}", data={"csrf_token": csrf(page), "brand": company.brand.id})

    made = db.session.scalars(select(Survey).order_by(Survey.id.desc())).first()
    assert (answer.status_code, made.state) == (303, SurveyState.DRAFT)
    policy = db.session.get_one(InvitationPolicy, made.id)
    assert (policy.delay_hours, policy.wave, len(policy.follow_ups)) == (one.delay_hours, one.wave, len(one.follow_ups))
    assert client.get(answer.location).status_code == 200


def test_a_colleague_of_one_region_is_shown_its_numbers_only(
    client: FlaskClient, company: SimpleNamespace, login, at_now: datetime
) -> None:
    kyiv, odesa = company.regions.kyiv, company.regions.odesa
    with transaction() as session:
        session.add(UserRegion(user_id=company.analyst.id, region_id=kyiv.id))
        for region in (kyiv, odesa, odesa):
            make.make_interaction(company, now=at_now, region_id=region.id, happened_at=at_now - timedelta(days=2))
    plan(at_now, *db.session.scalars(select(Interaction)))
    change(company, at_now, criteria=Criteria(regions=frozenset({kyiv.id, odesa.id})).to_json())
    wanted, own = Policy(delay=timedelta(days=20)), Scope(frozenset({kyiv.id}))

    page = login(client, company.analyst).get(f"/surveys/{company.survey.id}/policy").text
    ready_made = client.get("/surveys/automations/").text
    told = [
        effects.of_policy(company.survey.id, wanted, without_mail=(), now=at_now, scope=seen)
        for seen in (own, EVERYTHING)
    ]

    assert "Matches 1 of last month’s 1." in page
    assert re.search(
        f'<input checked [^>]* name="regions" [^>]*value="{odesa.id}"', page
    )  # the rule of the company is shown, and saved, as it is
    assert "Last month it would have asked about 1 customer." in ready_made
    assert [one.move + one.held for one in told] == [1, 3]


# ---- waves -------------------------------------------------------------------------------------------------------


def test_everybody_has_one_turn_in_a_quarter() -> None:
    months = wave_months(Care())
    turns = [[wave_turn(id_, months, f"2026-{month:02d}") for month in (10, 11, 12)] for id_ in range(3000)]

    assert months == 3
    assert all(sum(one) == 1 for one in turns)
    assert all(900 < sum(one[month] for one in turns) < 1100 for month in range(3))


def test_a_wave_asks_its_share_once(company: SimpleNamespace, at_now: datetime) -> None:
    with transaction():
        for _ in range(30):
            make.make_interaction(company, now=at_now, undecided=False)
        make.make_customer(company, now=at_now)  # bought nothing
        survey = automations.switch_on(
            automations.of("wave"), company.brand, "en", actor=by_user(company.admin.id), now=at_now
        )
        surveys.publish(survey.id, actor=by_user(company.admin.id), now=at_now)
    for _ in range(2):
        schedule.make_waves(schedule.Beat())

    people = [id_ for id_ in db.session.scalars(select(Customer.id)) if wave_turn(id_, 3, "2026-11")]
    rows = select(Interaction.customer_id).join(Source).where(Source.kind == SourceKind.WAVE)
    asked = db.session.scalars(rows).all()
    assert sorted(asked) == [id_ for id_ in sorted(people) if id_ != max(db.session.scalars(select(Customer.id)))]
    assert waves.due(at_now) == []
    assert waves.due(at_now + timedelta(days=15)) == [survey.id]

    schedule.plan(schedule.Beat())
    planned = select(func.count()).where(Invitation.survey_id == survey.id)
    assert db.session.scalar(planned) == len(asked)
    assert db.session.scalar(select(func.count()).select_from(Message)) == 0


# ---- in short ----------------------------------------------------------------------------------------------------


def plan(now: datetime, *interactions: Interaction) -> None:
    with transaction():
        services.plan([one.id for one in interactions], without_mail=(), now=now)


def change(company: SimpleNamespace, now: datetime, **values: object) -> None:
    with transaction():
        policies.change_policy(company.survey.id, values, actor=by_user(company.admin.id), now=now)


def care(company: SimpleNamespace, now: datetime, **values: object) -> None:
    with transaction():
        policies.change_care(company.pool.id, values, actor=by_user(company.admin.id), now=now)


def make_brand(company: SimpleNamespace, now: datetime) -> Brand:
    like = {name: getattr(company.brand, name) for name in ("pool_id", "name", "phrase", "postal_address")}
    brand = Brand(**like, key="other", contact_email="b@other.example", created_at=now)
    db.session.add(brand)
    db.session.flush()
    return brand


def make_fact(customer_id: int | None, survey_id: int, at: datetime) -> None:
    db.session.add(ContactFact(customer_id=customer_id, kind="invited", survey_id=survey_id, at=at))
    db.session.flush()


def line(interaction: Interaction) -> Invitation:
    db.session.rollback()
    return db.session.scalars(select(Invitation).where(Invitation.interaction_id == interaction.id)).one()


def test_a_long_list_is_folded_and_says_what_is_ticked(
    client: FlaskClient, company: SimpleNamespace, login, at_now: datetime
) -> None:
    page = f"/surveys/{company.survey.id}/policy"
    login(client, company.analyst)
    assert "data-many" not in client.get(page).text
    with transaction() as session:
        about = {"pool_id": company.pool.id, "aliases": [], "created_at": at_now}
        session.add_all(Segment(key=f"s{n}", name={"en": f"Segment {n}"}, **about) for n in range(14))
    ticked = db.session.scalars(select(Segment.id).where(Segment.key == "s7")).one()
    change(company, at_now, criteria=Criteria(segments=frozenset({ticked})).to_json())

    lists = client.get(page).text.split("<details data-many")[1:]

    assert len(lists) == 1
    assert re.search(r"<summary[^>]*>.*Segment 7</span></summary>", lists[0])
    assert lists[0].count('name="segments"') == 15
