"""Nothing of another region is readable or writable: every route of the program, as every role, asked for its rows.

The routes are taken from the program itself, so that a new one is covered on the day it is made. Whoever sees one
region only gets the very same bytes whether or not the other region has any rows: no name, no number, no count.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.routing import Rule

from npsapp.accounts.models import User, UserRegion
from npsapp.audit.services import PROGRAM, by_user
from npsapp.cases import services as cases
from npsapp.cases.models import Case, Cause
from npsapp.customers import tags
from npsapp.customers.models import ContactPoint, Ground
from npsapp.db import db, is_sqlite, transaction
from npsapp.delivery import pauses, queries as post
from npsapp.delivery.incoming_models import Incoming
from npsapp.delivery.models import Suppression
from npsapp.delivery.rules import PauseKind, State
from npsapp.intake import selections
from npsapp.intake.models import BatchState, ImportBatch, RejectedRow
from npsapp.invitations import targets
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.organization.models import Holiday
from npsapp.permissions import Permission, Role, may
from npsapp.responses.models import DirtyDay, DisputedAnswer
from npsapp.surveys import queries as surveys
from npsapp.surveys.letters import Variant
from tests import factories as make
from tests.cast import csrf
from tests.conftest import CHEAP_HASH

ODESA_ONLY = ("Zorya", "Зоря", "ZZ-777", "0991234567", "зоряний")
"""What stands in rows of the other region and nowhere else."""
CHANGES_WITH_EVERY_REQUEST = re.compile(r'(name="csrf_token"[^>]*value="|csrf-token" content=")[^"]*')
LIMITED = {"analyst": Role.ANALYST, "manager": Role.MANAGER, "support": Role.SUPPORT}
EVERYWHERE = {"administrator": "admin", "analyst everywhere": "analyst", "support everywhere": "support"}
QUIET = {"audit_entry", "login_attempt", "user_session", "heartbeat"}
"""Tables in which every visitor leaves traces of the own visit."""

Rows = dict[str, dict[Any, tuple[Any, ...]]]


# ---- the rows ----------------------------------------------------------------------------------------------------


def answer_in(company: SimpleNamespace, region: str, now: datetime, **over: Any) -> Any:
    """A finished answer about a purchase in a region, with the named customer, number, title and words."""
    said, score = over.pop("comment", "Добре"), over.pop("score", 9)
    place = {"region_id": getattr(company.regions, region).id, "unit_id": getattr(company.units, region).id}
    customer = make.make_customer(company, now=now, region_id=place["region_id"], **over.pop("person", {}))
    bought = make.make_interaction(company, now=now, customer=customer, undecided=False, **place, **over)
    invitation = make.make_invitation(company, now=now, interaction=bought)
    return make.make_response(company, now=now, score=score, comment=said, invitation=invitation)


def waiting_in(company: SimpleNamespace, region: str, now: datetime, state: InvitationState, **over: Any) -> Any:
    """A line of the plan about a purchase in a region."""
    place = {"region_id": getattr(company.regions, region).id, "unit_id": getattr(company.units, region).id}
    bought = make.make_interaction(company, now=now, undecided=False, **place, **over.pop("bought", {}))
    later = now + timedelta(hours=20)
    values = {"sent_at": None, "valid_until": None, "send_at": later, "latest_at": later + timedelta(days=9)}
    line = make.make_invitation(company, now=now, interaction=bought, state=state, **{**values, **over})
    for step in line.steps:  # nothing has left yet
        db.session.delete(step)
    db.session.flush()
    return line


def kyiv(company: SimpleNamespace, now: datetime) -> None:
    """What everybody in these tests may see."""
    first = answer_in(company, "kyiv", now, score=3)
    for day in (now, now - timedelta(days=12)):  # not yet counted, so that reports read the answers themselves
        db.session.add(DirtyDay(survey_id=company.survey.id, local_date=day.date()))
    answer_in(company, "kyiv", now)
    waiting_in(company, "kyiv", now, InvitationState.PLANNED)
    waiting_in(company, "kyiv", now, InvitationState.EXCLUDED, reason=Reason.SUPPRESSED, send_at=None)
    make.make_message(company, now=now, state=State.FAILED)
    make.make_open_link(company, now=now)
    cases.look_at(first.id, now=now)


def odesa(company: SimpleNamespace, now: datetime) -> dict[str, Any]:
    """Rows of every kind in the other region; the ids by the names that routes have for them."""
    before = now - timedelta(days=12)
    person = {"name": "Zorya Secret", "name_key": "zorya secret", "email": "zorya@zz.example", "phone": "+380991234567"}
    bought = {"number": "ZZ-777001", "title": "зоряний лоток"}
    bad = answer_in(company, "odesa", before, score=1, comment="зоряний гнів", person=person, **bought)
    others = [answer_in(company, "odesa", now, score=score, comment="зоряний день") for score in (0, 6, 8, 10)]
    db.session.add(DisputedAnswer(response_id=bad.id, at=now, score=5, comment="зоряний спір"))
    for answer in (bad, *others):
        cases.look_at(answer.id, now=now)
    planned = [waiting_in(company, "odesa", now, InvitationState.PLANNED, bought=bought) for _ in range(3)]
    for reason in (Reason.SUPPRESSED, Reason.NO_GROUND):
        waiting_in(company, "odesa", now, InvitationState.EXCLUDED, reason=reason, send_at=None)
    tags.put(bad.customer_id, "зоряний друг", actor=PROGRAM, now=now)
    place = company.regions.odesa.id
    message = make.make_message(company, now=now, region_id=place, state=State.FAILED, to_address="zorya@zz.example")
    message.subject = "Zorya"
    holiday = Holiday(day=now.date() + timedelta(days=3), region_id=place, name={"en": "Zorya day"})
    source = make.make_source(company, now=now, name="Zorya till")
    stop = Suppression(channel="email", address="zorya@zz.example", reason="bounced", since=now)
    reply = Incoming(kind="reply", at=now, digest="z", message_id=message.id, region_id=place, text="зоряний лист")
    db.session.add_all([stop, reply])
    db.session.add(holiday)
    db.session.flush()
    pauses.pause(kind=PauseKind.REGION, ref_id=place, until=None, by_user_id=company.admin.id, now=now)
    wanted = {(company.units.odesa.id, now.date().replace(day=1)): 77_701}
    targets.set_targets(company.survey, wanted, actor=PROGRAM, now=now)
    batch = ImportBatch(
        source_id=source.id, file_name="Zorya.csv", stored_as="", sha256="0" * 64, size=9, state=BatchState.DONE,
        columns={}, options={}, unmapped={"region": {"Zorya": 2}}, error_values={}, rows=7, accepted=7,
        created_by_id=company.manager_odesa.id, created_at=now, finished_at=now,
    )  # fmt: skip
    db.session.add(batch)
    db.session.flush()
    db.session.add(RejectedRow(batch_id=batch.id, line=3, reason="no_date", value="Zorya"))
    case = db.session.scalars(select(Case).where(Case.customer_id == bad.customer_id)).one()
    return {
        "open_link_id": make.make_open_link(company, now=now, name="Zorya", unit_id=company.units.odesa.id).id,
        "response_id": bad.id,
        "case_id": case.id,
        "customer_id": bad.customer_id,
        "invitation_id": planned[0].id,
        "interaction_id": bad.interaction_id,
        "message_id": message.id,
        "suppression_id": stop.id,
        "box_id": 1,
        "sender_id": company.sender.id,
        "batch_id": batch.id,
        "source_id": source.id,
        "holiday_id": holiday.id,
        "deed": "pause",
        "pause_id": post.pauses(now)[-1].id,
        "user_id": company.manager_odesa.id,
        "region_id": place,
        "unit_id": company.units.odesa.id,
        "row_id": place,
        "kind": "regions",
        "brand_id": company.brand.id,
        "brand_key": company.brand.key,
        "survey_id": company.survey.id,
        "version_id": company.version.id,
        "turn": "take-b",
        "words_id": surveys.words(company.survey.id)[Variant.A].id,
        "ground_id": db.session.scalars(
            select(Ground.id).join(ContactPoint).where(ContactPoint.customer_id == bad.customer_id)
        ).first(),
        "external_id": "ZZ-777001",
        # Links are for whoever has them, and nobody here has any.
        "token": "x" * 24,
        "code": "x" * 10,
        "key": "x" * 24,
        "received_id": 1,
        "step_id": 1,
        "selection_id": company.selection.id,
        "merge_id": 1,
        "other_id": others[0].customer_id,
        "old_id": 1,
        "score": "3",
        "accent": "7a3b00",
        "fingerprint": "0" * 12,
        "filename": "css/base.css",
        "name": {"reports.picture": "region", "brand.logo": "0.png"},
    }


def form_of(ids: dict[str, Any], owner: int, cause: int) -> dict[str, Any]:
    """Fields of all forms at once, filled so that whoever may do a deed does it."""
    return {
        "ids": str(ids["response_id"]), "id": str(ids["message_id"]), "state": "read", "reason": "зоряний",
        "result": "no_answer", "said": "said", "note": "said", "text": "said", "outcome": "no_case",
        "cause": str(cause), "summary": "said", "owner": str(owner), "region": str(ids["region_id"]),
        "user": str(owner), "customer": str(ids["customer_id"]), "confirm": "y", "confirmed": "y",
        "name": "said", "address_as": "said", "language": "en", "deed": "count", "until": "2027-03-01",
        "hold": "by_hand", "other": str(ids["other_id"]),
        "tag": "said", "key": "yes", "why": "said",
    }  # fmt: skip


@pytest.fixture
def people(company: SimpleNamespace, at_now: datetime) -> SimpleNamespace:
    """The company with a colleague of Kyiv in every role, and rows in both regions."""
    with transaction() as session:
        for name, role in LIMITED.items():
            user = User(
                email=f"{name}.kyiv@vodolad.example", name=f"Kyiv {name}", role=role, language="en",
                timezone="Europe/Kyiv", password_hash=CHEAP_HASH, created_at=at_now,
            )  # fmt: skip
            session.add(user)
            session.flush()
            session.add(UserRegion(user_id=user.id, region_id=company.regions.kyiv.id))
        company.regions.odesa.name = {"en": "Zorya land", "ru": "Зорян край", "uk": "Зоряний край"}
        company.units.odesa.name = {"uk": "Зоряна крамниця"}
        rule = selections.Rule(region_id=company.regions.odesa.id, unit_id=company.units.odesa.id)
        by = by_user(company.admin.id)
        company.selection = selections.save(None, "There", rule, makes_key=False, actor=by, now=at_now)
        kyiv(company, at_now)
    before = dump()
    with transaction() as session:
        ids = odesa(company, at_now)
        cause = session.scalars(select(Cause.id).where(Cause.key == "delivery.late")).one()
    company.ids, company.before = ids, before
    company.form = form_of(ids, company.admin.id, cause)
    return company


def dump() -> Rows:
    """Every row of every table, by primary key."""
    db.session.rollback()
    found: Rows = {}
    for table in db.metadata.sorted_tables:
        keys = [column.name for column in table.primary_key]
        rows = db.session.execute(table.select()).mappings()
        found[table.name] = {tuple(row[key] for key in keys): tuple(map(repr, row.values())) for row in rows}
    db.session.rollback()
    return found


def added(now: Rows, before: Rows) -> dict[str, set[Any]]:
    """Keys of rows that were not there before."""
    return {name: set(rows) - set(before[name]) for name, rows in now.items()}


def remove(keys: dict[str, set[Any]]) -> None:
    """Delete rows, those that others refer to last."""
    postpone = "PRAGMA defer_foreign_keys=ON" if is_sqlite() else "SET LOCAL session_replication_role = replica"
    with transaction() as session:
        session.execute(text(postpone))
        for table in reversed(db.metadata.sorted_tables):
            for key in keys[table.name]:
                where = [column == value for column, value in zip(table.primary_key, key, strict=True)]
                session.execute(table.delete().where(*where))


# ---- the routes --------------------------------------------------------------------------------------------------


def values_for(rule: Rule, ids: dict[str, Any]) -> dict[str, Any]:
    """What stands in the address of a route for the other region's rows."""
    return {name: _value(rule, name, ids[name]) for name in rule.arguments}


def _value(rule: Rule, name: str, value: Any) -> Any:
    letter = "20261120-100000-000000001.eml"
    return value.get(rule.endpoint, letter) if isinstance(value, dict) else value


def addresses(app: Flask, ids: dict[str, Any], method: str) -> Iterator[tuple[str, Any]]:
    """The address of every route that takes the method, with its guard."""
    adapter = app.url_map.bind("localhost")
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if method in (rule.methods or ()) and set(rule.arguments) <= set(ids):
            guard = getattr(app.view_functions[rule.endpoint], "guard", "public")
            yield adapter.build(rule.endpoint, values_for(rule, ids), method=method), guard


def searches(ids: dict[str, Any]) -> list[str]:
    """Filters that name the other region, its people and its words."""
    given = [f"region={ids['region_id']}", f"owner={ids['user_id']}", "q=Zorya", "q=ZZ-777001", "q=0991234567"]
    return [*given, "tab=all", "tab=overdue", "show=held", "state=failed", "period=this_month", "after=999999"]


def enter(app: Flask, login: Any, user: Any) -> FlaskClient:
    """A browser in which that user is signed in; None: a visitor."""
    client = app.test_client()
    return login(client, user) if user else client


def who(company: SimpleNamespace, name: str) -> Any:
    """The user behind a name of these tests; None: nobody signed in."""
    if name in EVERYWHERE:
        return getattr(company, EVERYWHERE[name])
    return db.session.scalars(select(User).where(User.email == f"{name}.kyiv@vodolad.example")).first()


def read_all(app: Flask, client: FlaskClient, user: Any, ids: dict[str, Any]) -> dict[str, tuple[int, str, str]]:
    """What every GET route answers: status, where it leads, and the page without what changes every time."""
    role, found = user.role if user else None, {}
    for address, guard in addresses(app, ids, "GET"):
        asked = [address]
        if role and not re.search(r"\d|\.svg", address) and isinstance(guard, Permission) and may(role, guard):
            asked += [f"{address}?{search}" for search in searches(ids)]
        for one in asked:
            with client.get(one) as answer:
                page = CHANGES_WITH_EVERY_REQUEST.sub(r"\1", answer.get_data().decode(errors="replace"))
                found[one] = (answer.status_code, answer.headers.get("Location", ""), page)
    return found


def test_every_route_is_asked_for_rows_of_the_other_region(shared_app: Flask, people: SimpleNamespace) -> None:
    unknown = {
        f"{rule.rule}: say in `odesa()` what <{name}> is there"
        for rule in shared_app.url_map.iter_rules()
        for name in rule.arguments - people.ids.keys()
    }

    assert not unknown


# ---- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LIMITED, "nobody signed in"])
def test_pages_are_the_same_whether_or_not_the_other_region_has_rows(
    app: Flask, people: SimpleNamespace, login: Any, name: str
) -> None:
    user = who(people, name)
    client = enter(app, login, user)
    client.get("/")
    with_rows = dump()

    seen = read_all(app, client, user, people.ids)
    remove({**added(with_rows, people.before), "user_session": set(), "login_attempt": set()})
    unseen = read_all(app, client, user, people.ids)

    assert [address for address, (status, _to, _page) in seen.items() if status == 500] == []
    assert [told for address in seen for told in _differing(address, seen[address], unseen[address])] == []
    told = {
        (address, word) for address, one in seen.items() if "q=" not in address for word in ODESA_ONLY if word in one[2]
    }
    assert told == set()


def _differing(address: str, seen: tuple[int, str, str], unseen: tuple[int, str, str]) -> list[str]:
    """The first line in which two answers of an address differ."""
    if seen == unseen:
        return []
    lines = zip((*seen[:2], *seen[2].splitlines()), (*unseen[:2], *unseen[2].splitlines()), strict=False)
    return [f"{address}: {next((f'{one} / {other}' for one, other in lines if one != other), 'more lines')}"[:300]]


@pytest.mark.sqlite_only  # guards stand before the database
@pytest.mark.parametrize("name", [*LIMITED, *EVERYWHERE, "nobody signed in"])
def test_a_page_opens_for_whom_its_guard_names_and_for_nobody_else(
    app: Flask, people: SimpleNamespace, login: Any, name: str
) -> None:
    user = who(people, name)
    client = enter(app, login, user)
    token, wrong = token_of(client), []
    for method in ("GET", "POST"):
        for address, guard in addresses(app, people.ids, method):
            if guard == "public" or (user and (guard == "signed_in" or may(user.role, guard))):
                continue
            answer = client.open(address, method=method, data={"csrf_token": token})
            refused = answer.status_code == 403 if user else answer.headers.get("Location", "").startswith("/login")
            if not refused:
                wrong.append(f"{method} {address}: {answer.status_code}")

    assert wrong == []


# ---- writing -----------------------------------------------------------------------------------------------------


def token_of(client: FlaskClient) -> str:
    """A form token for this browser's session."""
    page = client.get("/profile")
    return csrf(page.text if page.status_code == 200 else client.get("/login").text)


@pytest.mark.sqlite_only  # every button takes a copy of all tables
@pytest.mark.parametrize("name", [*LIMITED, "nobody signed in"])
def test_no_button_changes_rows_of_the_other_region(app: Flask, people: SimpleNamespace, login: Any, name: str) -> None:
    user = who(people, name)
    before, changed = dump(), []
    theirs = added(before, people.before)
    client = None
    for address, _guard in addresses(app, people.ids, "POST"):
        if client is None or not client.get_cookie("session"):  # one of the buttons signs out
            client = enter(app, login, user)
            form = {**people.form, "csrf_token": token_of(client)}
        answer = client.post(address, data=form)
        now = dump()
        if answer.status_code == 500 or _touched(before, now, theirs):
            changed.append(f"{address}: {answer.status_code}, {_touched(before, now, theirs)}")
        before = now

    assert changed == []


def _touched(before: Rows, now: Rows, theirs: dict[str, set[Any]]) -> list[str]:
    """Rows of the other region that are changed or gone, and new rows that refer to one of them."""
    found = []
    for table in db.metadata.sorted_tables:
        rows, earlier = now[table.name], before[table.name]
        if table.name in QUIET:
            continue
        found += [f"{table.name} {key}" for key in theirs[table.name] if rows.get(key) != earlier.get(key)]
        for key in set(rows) - set(earlier):
            row = dict(zip(table.columns.keys(), rows[key], strict=True))
            for foreign in table.foreign_keys:
                if (foreign.column.table.name, row[foreign.parent.name]) in _keys(theirs):
                    found.append(f"a new row in {table.name}")
    return found


def _keys(theirs: dict[str, set[Any]]) -> set[tuple[str, str]]:
    return {(name, repr(key[0])) for name, keys in theirs.items() for key in keys if len(key) == 1}


@pytest.mark.sqlite_only  # every button takes a copy of all tables
def test_the_same_buttons_do_change_them_for_whoever_sees_all_regions(
    app: Flask, people: SimpleNamespace, login: Any
) -> None:
    """Or the test above would prove nothing: a form that is always refused leaves everything as it is."""
    client = enter(app, login, people.admin)
    form = {**people.form, "csrf_token": token_of(client)}
    idle, seen = [], {one for role in LIMITED.values() for one in Permission if may(role, one)}
    # What reopens or restores needs what went before it; two cases of one person cannot both be open.
    in_order = sorted(
        addresses(app, people.ids, "POST"), key=lambda one: re.search("reopen|restore|same", one[0]) is not None
    )
    for address, guard in in_order:
        if guard not in seen or not re.search(r"^/(answers|cases|customers|schedule|schedule/ledger)/\d", address):
            continue
        before = dump()
        answer = client.post(address, data=form)
        after = dump()
        if not any(before[name] != after[name] for name in before if name not in QUIET):
            idle.append(f"{address}: {answer.status_code}; fill in its fields in `form_of`")

    assert idle == []
