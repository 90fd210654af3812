"""Signing in, changing passwords and taking away rights at the same moment."""

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask

from npsapp.accounts import letters, queries, services, sessions
from npsapp.accounts.models import User, UserSession
from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.lib.clock import utcnow
from npsapp.permissions import Role
from tests.cast import csrf
from tests.conftest import CHEAP_HASH, PASSWORD
from tests.journeys.conftest import Visitor
from tests.races.conftest import AtOnce, change_user, count

NEW = "seven brown bears dancing"


def sign_in_proven(user_id: int) -> str:
    """What the login page does after the password was found right."""
    with transaction():
        sessions.still_proven(user_id, CHEAP_HASH)
        user = db.session.get_one(User, user_id)
        return sessions.begin_session(user, remember=True, agent="", now=utcnow())


def set_password(user_id: int, hashed: str) -> None:
    with transaction():
        services.set_password(db.session.get_one(User, user_id), hashed, actor=PROGRAM, now=utcnow())


def block(user_id: int) -> None:
    with transaction():
        services.set_blocked(db.session.get_one(User, user_id), blocked=True, actor=PROGRAM, now=utcnow())


@pytest.mark.parametrize("deed", ["password", "block"])
def test_no_session_that_the_old_password_began_outlives_its_change(
    company: SimpleNamespace, at_once: AtOnce, slow_commits: None, deed: str
) -> None:
    user_id = company.manager_kyiv.id
    for _round in range(4):
        change_user(company.manager_kyiv, password_hash=CHEAP_HASH, blocked_at=None)
        end = (lambda: set_password(user_id, "x")) if deed == "password" else (lambda: block(user_id))

        at_once(*[lambda: sign_in_proven(user_id)] * 3, end)

        assert count(UserSession, UserSession.user_id == user_id) == 0


def test_signing_in_again_and_again_during_a_password_change_ends_with_the_new_one_alone(
    company: SimpleNamespace, server: str, visit: Callable[[str], Visitor], at_once: AtOnce, slow_commits: None
) -> None:
    user_id, email, own = company.manager_kyiv.id, company.manager_kyiv.email, visit("manager_kyiv")
    own.open("/profile")
    done: list[bool] = []

    def change() -> str:
        try:
            return own.fill("/profile/password", current=PASSWORD, password=NEW, repeat=NEW)
        finally:
            done.append(True)

    def knock() -> int:
        tries = 0
        while not done:
            visitor = Visitor(server)
            visitor.open("/login")
            visitor.fill("/login", email=email, password=PASSWORD)
            tries += visitor.path == "/"
        return tries

    page, *tries = at_once(change, knock, knock)

    assert "The new password is set." in page
    assert all(isinstance(one, int) for one in tries)
    assert count(UserSession, UserSession.user_id == user_id) == 1
    own.open("/profile")
    assert own.path == "/profile"
    Visitor(server).sign_in(email, NEW)  # nobody is locked out


def test_of_two_password_changes_proven_by_the_same_password_one_counts(
    company: SimpleNamespace, visit: Callable[[str], Visitor], at_once: AtOnce, slow_commits: None
) -> None:
    both = visit("manager_kyiv"), visit("manager_kyiv")
    for one in both:
        one.open("/profile")

    at_once(
        *(
            lambda one=one, word=f"{NEW} {n}": one.fill(
                "/profile/password", current=PASSWORD, password=word, repeat=word
            )
            for n, one in enumerate(both)
        )
    )

    assert count(AuditEntry, AuditEntry.event == Event.USER_PASSWORD_SET) == 1
    assert count(UserSession, UserSession.user_id == company.manager_kyiv.id) == 1


def test_a_link_that_sets_a_password_works_once_also_when_pressed_twice_at_once(
    app: Flask, company: SimpleNamespace, server: str, at_once: AtOnce, slow_commits: None
) -> None:
    letter = letters.password_letter(company.support, keys=app.config["SECRET_KEYS"], public_url=server, now=utcnow())
    link = re.search(r"/password/reset/[\w.-]+", letter.body).group()  # type: ignore[union-attr]
    both = Visitor(server), Visitor(server)
    for one in both:
        one.open(link)

    at_once(*(lambda one=one: one.fill(password=NEW, repeat=NEW) for one in both))

    assert count(AuditEntry, AuditEntry.event == Event.USER_PASSWORD_SET) == 1


def test_wrong_passwords_tried_together_are_not_looked_at_more_often_than_one_by_one(
    company: SimpleNamespace, server: str, at_once: AtOnce, slow_commits: None
) -> None:
    many, email = [Visitor(server) for _ in range(12)], company.admin.email
    for one in many:
        one.open("/login")

    at_once(*(lambda one=one: one.fill("/login", email=email, password="guess") for one in many))

    assert sorted(one.status for one in many) == [422] * 5 + [429] * 7
    assert count(AuditEntry, AuditEntry.event == Event.USER_LOGIN_FAILED) == 5


@pytest.mark.parametrize(("page", "given"), [("", {"role": "support"}), ("/leave", {"how": "block"})])
def test_two_administrators_who_demote_or_block_each_other_leave_one(
    company: SimpleNamespace,
    visit: Callable[[str], Visitor],
    at_once: AtOnce,
    slow_commits: None,
    page: str,
    given: dict[str, str],
) -> None:
    change_user(company.analyst, role=Role.ADMINISTRATOR)
    taker = str(company.support.id)
    pair = visit("admin"), visit("analyst")
    others = [(f"/users/{one.id}{page}", one.name) for one in (company.analyst, company.admin)]
    for one, (path, _name) in zip(pair, others, strict=True):
        one.open(path)

    deeds = (
        lambda one=one, path=path, name=name: one.send(
            path, name=name, language="en", to=taker, csrf_token=csrf(one.page), **given
        )
        for one, (path, name) in zip(pair, others, strict=True)
    )
    at_once(*deeds)

    left = [one.id for one in queries.users() if one.is_active and one.role is Role.ADMINISTRATOR]
    assert len(left) == 1


def test_the_other_of_two_administrators_stays_also_without_pages(
    company: SimpleNamespace, at_once: AtOnce, slow_commits: None
) -> None:
    change_user(company.analyst, role=Role.ADMINISTRATOR)

    gave = at_once(*(lambda id_=id_: block(id_) for id_ in [company.admin.id, company.analyst.id]))

    assert sorted(type(one).__name__ for one in gave) == ["LastAdministrator", "NoneType"]


def test_a_colleague_added_twice_at_once_is_added_once(
    company: SimpleNamespace, at_once: AtOnce, slow_commits: None
) -> None:
    def add() -> None:
        with transaction():
            services.create_user(
                email="new@vodolad.example", name="New", role=Role.SUPPORT, language="en", password_hash="",
                region_ids=(), actor=PROGRAM, now=utcnow(),
            )  # fmt: skip

    gave = at_once(add, add)

    assert count(User, User.email == "new@vodolad.example") == 1
    assert sorted(type(one).__name__ for one in gave) == ["EmailTaken", "NoneType"]
