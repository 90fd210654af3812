"""Finding colleagues, and letting one go who holds cases and answers for regions."""

from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select

from npsapp.accounts import queries as accounts, services
from npsapp.accounts.models import Duty, User
from npsapp.accounts.rules import UserState
from npsapp.audit.models import AuditEntry
from npsapp.cases import services as cases
from npsapp.cases.models import Case
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.lib.refusals import Refused
from npsapp.office.people import let_go
from npsapp.permissions import Role
from tests import factories
from tests.cast import csrf


@pytest.fixture
def admin(client, company, login):
    return login(client, company.admin)


@pytest.fixture
def case(company, now):
    """An open case of the manager of Kyiv."""
    with transaction():
        response = factories.make_response(company, now=now, score=2)
        cases.look_at(response.id, now=now)
    return db.session.scalars(select(Case)).one()


def fresh(user):
    db.session.rollback()
    return db.session.get(User, user.id, populate_existing=True)


def leave(client, user, **fields):
    page = f"/users/{user.id}/leave"
    token = csrf(client.get(page).text)
    return client.post(page, data=fields | {"csrf_token": token}, headers={"Referer": f"http://localhost{page}"})


def owners():
    db.session.rollback()
    return dict(db.session.execute(select(Duty.region_id, Duty.user_id)).all())


def test_colleagues_are_found_by_name_address_role_and_state(admin, company, case, now):
    with transaction():
        db.session.get(User, company.support.id).name = "Ґанна Їжак"
        services.set_blocked(company.analyst, blocked=True, for_good=True, actor=services.audit.PROGRAM, now=now)

    def found(query=""):
        page = admin.get(f"/users/{query}").text
        return {user.id for user in accounts.users() if f'href="/users/{user.id}"' in page}

    everybody = {user.id for user in accounts.users()}
    assert found() == everybody - {company.analyst.id}, "whoever has left is not shown"
    assert found("?q=ґанна") == found("?q=PETRO@") == {company.support.id}
    assert found("?role=manager") == {company.manager_kyiv.id, company.manager_odesa.id}
    assert found("?state=retired") == {company.analyst.id}
    assert found("?q=%25") == set()
    assert f'href="/cases/?owner={company.manager_kyiv.id}">1</a>' in admin.get("/users/").text


def test_a_hundred_colleagues_are_shown_in_pages(admin, company, now):
    with transaction() as session:
        session.add_all(
            User(email=f"u{n}@x.example", name=f"User {n}", role=Role.SUPPORT, created_at=now) for n in range(100)
        )

    pages = [admin.get(f"/users/?page={number}").text for number in (1, 2, 3)]

    assert [page.count('class="lead"') for page in pages] == [50, 50, 5]
    assert "105 entries" in pages[0]


def test_the_page_names_what_has_to_be_handed_over(admin, company, case):
    page = admin.get(f"/users/{company.manager_kyiv.id}/leave").text

    assert "1 open case" in page
    assert "answers for Kyiv" in page
    takers = {user.id for user in accounts.users() if f'<option value="{user.id}"' in page}
    assert takers == {company.admin.id, company.support.id}, "who works on cases and sees Kyiv"


@pytest.mark.parametrize("to", ["", "analyst", "manager_odesa", "manager_kyiv", "999999"])
def test_a_manager_with_a_case_is_not_let_go_before_somebody_fit_takes_it(admin, company, case, to):
    chosen = getattr(company, to).id if hasattr(company, to) else to

    answer = leave(admin, company.manager_kyiv, to=str(chosen), how="block")

    assert answer.status_code == 303
    assert "still has open cases" in admin.get(answer.location).text
    assert fresh(company.manager_kyiv).is_active
    assert owners()[company.regions.kyiv.id] == company.manager_kyiv.id


def test_cases_and_regions_go_to_the_new_owner_with_the_block(app, admin, company, case, login):
    theirs = login(app.test_client(), company.manager_kyiv)

    leave(admin, company.manager_kyiv, to=str(company.support.id), how="block")

    assert theirs.get("/profile").status_code == 302, "signed out at once"
    assert fresh(company.manager_kyiv).state is UserState.BLOCKED
    assert owners()[company.regions.kyiv.id] == company.support.id
    moved = db.session.get(Case, case.id, populate_existing=True)
    assert (moved.owner_id, moved.owner_told_at) == (company.support.id, None)
    events = set(db.session.scalars(select(AuditEntry.event).where(AuditEntry.actor_id == company.admin.id)))
    assert {"user.blocked", "case.assigned", "setting.changed"} <= events


def test_a_region_alone_has_to_be_handed_over_too(admin, company):
    leave(admin, company.manager_odesa, how="retire")
    assert fresh(company.manager_odesa).is_active

    leave(admin, company.manager_odesa, to=str(company.admin.id), how="retire")
    assert fresh(company.manager_odesa).state is UserState.RETIRED
    assert owners()[company.regions.odesa.id] == company.admin.id


def test_who_has_left_gets_no_letter_and_can_be_taken_back(app, admin, company, login):
    leave(admin, company.support, how="retire")
    visitor = app.test_client()
    token = csrf(visitor.get("/password/forgot").text)
    visitor.post("/password/forgot", data={"email": company.support.email, "csrf_token": token})
    assert db.session.scalar(select(func.count()).select_from(Message)) == 0

    page = f"/users/{company.support.id}"
    admin.post(f"{page}/return", data={"csrf_token": csrf(admin.get(page).text)})

    assert fresh(company.support).state is UserState.ACTIVE
    assert login(visitor, company.support).get("/profile").status_code == 200


def test_the_last_administrator_stays(admin, company):
    answer = leave(admin, company.admin, to=str(company.support.id), how="retire")

    assert "This is the last administrator" in admin.get(answer.location).text
    assert fresh(company.admin).is_active


def test_two_administrators_who_block_each_other_at_once_leave_one(app, company, now):
    with transaction():
        db.session.get(User, company.analyst.id).role = Role.ADMINISTRATOR
    ids, start, refused = (company.admin.id, company.analyst.id), Barrier(2), []

    def block(user_id, to_id):
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    let_go(db.session.get(User, user_id), to_id=to_id, for_good=False, by_id=to_id)
            except Refused as refusal:
                refused.append(refusal.code)
            db.session.remove()

    both = [Thread(target=block, args=pair) for pair in (ids, ids[::-1])]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert refused == ["last_administrator"]
    assert sum(fresh(user).is_active for user in (company.admin, company.analyst)) == 1


def test_only_administrators_let_somebody_go(app, company, login):
    for who in (company.analyst, company.manager_kyiv, company.support):
        client = login(app.test_client(), who)
        token = csrf(client.get("/profile").text)
        answer = client.post(f"/users/{company.manager_odesa.id}/leave", data={"how": "block", "csrf_token": token})
        assert answer.status_code == 403
    assert fresh(company.manager_odesa).is_active
