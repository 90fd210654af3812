"""Tries and sessions in the database."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from npsapp.accounts import queries, rules, sessions
from npsapp.accounts.models import LoginAttempt, User, UserSession
from npsapp.db import db, transaction
from npsapp.lib.tokens import digest


def claim(email="olena@vodolad.example", address="198.51.100.7"):
    return sessions.claim(email, address, key="a key for these tests")


def begin_try(now, **who):
    with transaction():
        sessions.begin_try(claim(**who), now=now)


def begin_session(user, now, *, remember=False):
    with transaction():
        return sessions.begin_session(
            db.session.get(User, user.id), remember=remember, agent="Mozilla/5.0 (Android 15) Firefox/140.0", now=now
        )


def test_tries_that_run_at_the_same_moment_are_counted_before_they_end(app, now):
    for _ in range(5):
        begin_try(now)

    with pytest.raises(sessions.TooManyTries) as refusal:
        begin_try(now)

    assert refusal.value.values["until"] == now + timedelta(minutes=15)


def test_a_refused_try_does_not_prolong_the_waiting(app, now):
    for _ in range(5):
        begin_try(now)
    with pytest.raises(sessions.TooManyTries):
        begin_try(now + timedelta(minutes=14))

    begin_try(now + timedelta(minutes=15))

    assert db.session.scalar(select(func.count()).select_from(LoginAttempt)) == 12


def test_tries_are_forgotten_after_a_day(app, now):
    begin_try(now)

    begin_try(now + rules.KEPT_FOR + timedelta(seconds=1), email="other@vodolad.example")

    assert db.session.scalar(select(func.count()).select_from(LoginAttempt)) == 2


def test_success_forgets_the_accounts_tries_but_not_the_addresss(company, now):
    begin_try(now)
    begin_try(now)

    with transaction():
        sessions.forget_tries(claim())

    kept = [key.split(":")[0] for key in db.session.scalars(select(LoginAttempt.key))]
    assert kept == ["address"]


def test_only_the_hash_of_the_token_is_kept_and_finds_the_session(company, now):
    token = begin_session(company.manager_kyiv, now)

    session = queries.session_of(digest(token), now=now)

    assert session.agent == "Firefox, Android"
    assert session.user.id == company.manager_kyiv.id
    assert queries.session_of(token, now=now) is None


def test_expired_sessions_are_cleared_away_with_the_next_sign_in(company, now):
    begin_session(company.admin, now)
    later = now + timedelta(days=1)

    begin_session(company.support, later)

    assert db.session.scalars(select(UserSession.user_id)).all() == [company.support.id]


def test_use_prolongs_a_session_but_not_a_remembered_one(company, now):
    short, long = begin_session(company.admin, now), begin_session(company.admin, now, remember=True)
    later = now + timedelta(hours=6)
    with transaction():
        for token in (short, long):
            sessions.seen(queries.session_of(digest(token), now=now).id, now=later)

    ends = dict(db.session.execute(select(UserSession.remember, UserSession.expires_at)).all())
    assert ends == {False: later + rules.IDLE_AFTER, True: now + rules.REMEMBERED_FOR}


def test_all_sessions_end_except_the_one_to_keep(company, now):
    kept = begin_session(company.admin, now)
    begin_session(company.admin, now)
    others = begin_session(company.support, now)

    with transaction():
        sessions.end_all(company.admin.id, keep_token=kept)

    left = set(db.session.scalars(select(UserSession.token_hash)))
    assert left == {digest(kept), digest(others)}
