"""Signing in and out as a person does it, and everything that must not work."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from npsapp.accounts import sessions
from npsapp.accounts.models import LoginAttempt, User, UserSession
from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.lib import clock
from tests.cast import PASSWORD, csrf

WRONG = "wrong wrong wrong"


def try_login(client, email, password, **fields):
    address = fields.pop("address", "198.51.100.7")
    token = csrf(client.get("/login").get_data(as_text=True))
    data = {"email": email, "password": password, "csrf_token": token} | fields
    return client.post("/login", data=data, environ_base={"REMOTE_ADDR": address})


def post(client, page, url, **data):
    token = csrf(client.get(page).get_data(as_text=True))
    return client.post(url, data=data | {"csrf_token": token})


def events():
    return list(db.session.scalars(select(AuditEntry.event).order_by(AuditEntry.id)))


def cookie(client):
    found = client.get_cookie("session")
    return found.value if found else None


def test_a_colleague_signs_in_and_out(client, company, login):
    login(client, company.support)
    assert client.get("/profile").status_code == 200

    answer = post(client, "/profile", "/logout")

    assert answer.location == "/login"
    assert client.get("/profile").location == "/login?next=%2Fprofile"
    assert db.session.scalar(select(func.count()).select_from(UserSession)) == 0
    assert events()[-2:] == [Event.USER_LOGGED_IN, Event.USER_LOGGED_OUT]


def test_signing_in_leads_to_the_page_one_wanted(client, company):
    answer = try_login(client, company.support.email, PASSWORD, next="/profile?tab=1")

    assert answer.location == "/profile?tab=1"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(client, company, target):
    answer = try_login(client, company.support.email, PASSWORD, next=target)

    assert answer.status_code == 302
    assert answer.location == "/"


def test_somebody_signed_in_is_not_led_elsewhere_either(client, company, login):
    login(client, company.support)

    assert client.get("/login?next=https://evil.example/").location == "/"


def test_the_e_mail_address_may_be_typed_in_any_case(client, company):
    assert try_login(client, f"  {company.support.email.upper()} ", PASSWORD).status_code == 302


def test_a_wrong_password_and_an_unknown_address_look_alike(client, company):
    wrong = try_login(client, company.support.email, WRONG)
    unknown = try_login(client, "nobody@vodolad.example", WRONG)

    assert (wrong.status_code, unknown.status_code) == (422, 422)
    strip = re.compile(r'value="[^"]*"')
    assert strip.sub("", wrong.get_data(as_text=True)) == strip.sub("", unknown.get_data(as_text=True))


def test_without_its_token_the_form_does_nothing(client, company):
    client.get("/login")

    answer = client.post("/login", data={"email": company.support.email, "password": PASSWORD})

    assert answer.status_code == 400
    assert db.session.scalar(select(func.count()).select_from(UserSession)) == 0


@pytest.mark.parametrize("url", ["/logout", "/profile/password", "/profile", "/language"])
def test_deeds_in_the_profile_need_the_token(client, company, login, url):
    login(client, company.support)

    assert client.post(url).status_code == 400


def test_a_session_given_to_a_visitor_does_not_become_the_users(app, client, company):
    client.get("/login")
    planted = cookie(client)
    try_login(client, company.support.email, PASSWORD)

    thief = app.test_client()
    thief.set_cookie("session", planted)

    assert cookie(client) != planted
    assert thief.get("/profile").status_code == 302


def test_what_stood_in_the_visitors_cookie_is_gone_after_signing_in(client, company):
    with client.session_transaction() as before:
        before["left over"] = "x"
    try_login(client, company.support.email, PASSWORD)

    with client.session_transaction() as after:
        assert "left over" not in after


def test_the_cookie_is_useless_in_the_database(client, company, login):
    login(client, company.support)

    with client.session_transaction() as kept:
        token = kept["_user_id"]
    assert token not in db.session.scalars(select(UserSession.token_hash)).all()


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(client, company, at_now):
    for place in range(5):
        assert try_login(client, company.support.email, WRONG, address=f"198.51.100.{place}").status_code == 422

    answer = try_login(client, company.support.email, PASSWORD, address="203.0.113.1")

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) == 15 * 60
    assert "Next try" in answer.get_data(as_text=True)
    with clock.pretend(at_now + timedelta(minutes=15, seconds=1)):
        assert try_login(client, company.support.email, PASSWORD, address="203.0.113.1").status_code == 302


def test_unknown_accounts_are_throttled_like_known_ones(client, company, at_now):
    statuses = [try_login(client, "nobody@vodolad.example", WRONG).status_code for _ in range(6)]

    assert statuses == [422] * 5 + [429]


def count_try(app, number, address="198.51.100.7"):
    """A try of an account nobody has, counted as the page does, but without working out its hash."""
    who = sessions.claim(f"user{number}@vodolad.example", address, key=app.config["SECRET_KEY"])
    with transaction():
        sessions.begin_try(who, now=clock.utcnow())


def test_one_address_cannot_try_many_accounts(app, client, company, at_now):
    for number in range(28):
        count_try(app, number)
    statuses = [try_login(client, f"user{n}@vodolad.example", WRONG).status_code for n in (28, 29, 30)]

    assert statuses == [422, 422, 429]
    elsewhere = try_login(client, company.support.email, PASSWORD, address="203.0.113.1")
    assert elsewhere.status_code == 302


def test_owning_one_account_does_not_free_the_address(app, client, company, at_now):
    for n in range(30):
        if n % 4 == 0:
            try_login(client, company.support.email, PASSWORD)
            post(client, "/profile", "/logout")
        count_try(app, n)

    assert try_login(client, company.support.email, PASSWORD).status_code == 429


def test_the_right_password_forgets_the_wrong_ones_of_the_account(client, company, at_now):
    for _ in range(4):
        try_login(client, company.support.email, WRONG)
    assert try_login(client, company.support.email, PASSWORD).status_code == 302
    post(client, "/profile", "/logout")

    statuses = [try_login(client, company.support.email, WRONG).status_code for _ in range(5)]

    assert statuses == [422] * 5


def test_neither_address_nor_password_is_kept_of_a_failed_try(client, company):
    try_login(client, "nobody@vodolad.example", WRONG)

    kept = " ".join(db.session.scalars(select(LoginAttempt.key)))
    assert "nobody" not in kept
    assert "198.51.100.7" not in kept
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.event == Event.USER_LOGIN_FAILED)).one()
    assert (entry.actor_type, entry.subject_id, entry.data) == ("visitor", None, {})


def test_a_blocked_colleague_is_out_at_once_and_stays_out(client, company, login):
    login(client, company.support)
    with transaction():
        db.session.get(User, company.support.id).blocked_at = clock.utcnow()

    assert client.get("/profile").status_code == 302
    assert try_login(client, company.support.email, PASSWORD).status_code == 422


def test_a_user_without_a_password_cannot_sign_in_with_an_empty_one(client, company):
    with transaction():
        db.session.get(User, company.support.id).password_hash = ""

    assert try_login(client, company.support.email, "").status_code == 422
    assert try_login(client, company.support.email, PASSWORD).status_code == 422


def test_a_session_without_stay_signed_in_ends_twelve_hours_after_its_last_use(client, company, login, at_now):
    login(client, company.support)
    with clock.pretend(at_now + timedelta(hours=11)):
        assert client.get("/profile").status_code == 200
    with clock.pretend(at_now + timedelta(hours=22)):
        assert client.get("/profile").status_code == 200
    with clock.pretend(at_now + timedelta(hours=35)):
        assert client.get("/profile").status_code == 302


def test_stay_signed_in_lasts_thirty_days_and_no_longer(client, company, at_now):
    answer = try_login(client, company.support.email, PASSWORD, remember="y")

    assert "Expires=" in answer.headers["Set-Cookie"]
    with clock.pretend(at_now + timedelta(days=29)):
        assert client.get("/profile").status_code == 200
    with clock.pretend(at_now + timedelta(days=30, minutes=1)):
        assert client.get("/profile").status_code == 302


def test_without_it_the_cookie_ends_with_the_browser(client, company):
    answer = try_login(client, company.support.email, PASSWORD)

    set_cookie = answer.headers["Set-Cookie"]
    assert "Expires=" not in set_cookie
    assert "HttpOnly" in set_cookie
    assert "SameSite=Lax" in set_cookie


def test_opening_a_page_again_and_again_writes_its_use_at_most_every_five_minutes(client, company, login, at_now):
    login(client, company.support)

    seen = []
    for minutes in (1, 4, 6, 7):
        with clock.pretend(at_now + timedelta(minutes=minutes)):
            client.get("/profile")
        db.session.expire_all()
        seen.append(db.session.scalar(select(UserSession.seen_at)) - at_now)

    assert seen == [timedelta(0), timedelta(0), timedelta(minutes=6), timedelta(minutes=6)]


def test_a_page_costs_few_statements_to_know_who_is_there(app, client, company, login):
    login(client, company.manager_kyiv)
    statements = []

    def count(_conn, _cursor, statement, *_rest):
        if "user_session" in statement or "user_region" in statement or "below" in statement:
            statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        client.post("/language", data={})
    finally:
        event.remove(db.engine, "before_cursor_execute", count)

    assert len(statements) <= 2


# ---- passwords -------------------------------------------------------------------------------------------------


def ask_for_letter(client, email):
    token = csrf(client.get("/password/forgot").get_data(as_text=True))
    return client.post("/password/forgot", data={"email": email, "csrf_token": token})


def link_in(message):
    found = re.search(r"https?://[^/\s]+(/password/reset/\S+)", message.body)
    assert found, message.body
    return found.group(1)


def set_password(client, link, password, repeat=None):
    token = csrf(client.get(link).get_data(as_text=True))
    data = {"password": password, "repeat": repeat or password, "csrf_token": token}
    return client.post(link, data=data)


NEW = "drainage channel 2027"


def test_a_forgotten_password_is_set_by_letter(app, client, company):
    other = app.test_client()
    try_login(other, company.support.email, PASSWORD)
    ask_for_letter(client, company.support.email)
    letter = db.session.scalars(select(Message)).one()

    answer = set_password(client, link_in(letter), NEW)

    assert letter.to_address == company.support.email
    assert letter.purpose == "password"
    assert answer.location == "/login"
    assert other.get("/profile").status_code == 302, "all sessions end when the password changes"
    assert try_login(client, company.support.email, PASSWORD).status_code == 422
    assert try_login(client, company.support.email, NEW).status_code == 302


def test_the_link_works_only_once(client, company):
    ask_for_letter(client, company.support.email)
    link = link_in(db.session.scalars(select(Message)).one())
    set_password(client, link, NEW)

    assert client.get(link).status_code == 410
    assert client.post(link, data={"password": "another password", "repeat": "another password"}).status_code in (
        400,
        410,
    )
    assert try_login(client, company.support.email, NEW).status_code == 302


def test_the_link_works_for_an_hour(client, company, at_now):
    ask_for_letter(client, company.support.email)
    link = link_in(db.session.scalars(select(Message)).one())
    with clock.pretend(at_now + timedelta(minutes=59)):
        assert client.get(link).status_code == 200
    with clock.pretend(at_now + timedelta(minutes=61)):
        assert client.get(link).status_code == 410


def test_an_altered_link_says_nothing_about_anybody(client, company):
    ask_for_letter(client, company.support.email)
    link = link_in(db.session.scalars(select(Message)).one())

    altered = client.get(link[:-2] + "xx")
    invented = client.get("/password/reset/abc.def.ghi")

    assert (altered.status_code, invented.status_code) == (410, 410)
    assert company.support.email not in altered.get_data(as_text=True)


def test_asking_for_a_letter_does_not_tell_who_has_an_account(client, company):
    known = ask_for_letter(client, company.support.email)
    unknown = ask_for_letter(client, "stranger@vodolad.example")

    assert known.status_code == unknown.status_code == 200
    same = known.get_data(as_text=True).replace(company.support.email, "X")
    other = unknown.get_data(as_text=True).replace("stranger@vodolad.example", "X")
    strip = re.compile(r'name="csrf_token" value="[^"]*"')
    assert strip.sub("", same) == strip.sub("", other)
    assert db.session.scalar(select(func.count()).select_from(Message)) == 1


def test_nobody_can_flood_a_mailbox_with_letters(client, company, at_now):
    for _ in range(5):
        ask_for_letter(client, company.support.email)

    assert db.session.scalar(select(func.count()).select_from(Message)) == 3


def test_the_letter_is_written_in_its_readers_language(client, company):
    with transaction():
        db.session.get(User, company.support.id).language = "uk"

    ask_for_letter(client, company.support.email)

    letter = db.session.scalars(select(Message)).one()
    assert letter.language == "uk"
    assert 'lang="uk"' in letter.html


def test_a_locked_account_is_opened_by_its_owners_letter(client, company, at_now):
    for _ in range(5):
        try_login(client, company.support.email, WRONG)
    ask_for_letter(client, company.support.email)

    set_password(client, link_in(db.session.scalars(select(Message)).one()), NEW)

    assert try_login(client, company.support.email, NEW).status_code == 302


@pytest.mark.parametrize(("password", "repeat"), [("short", "short"), ("password", "password"), (NEW, NEW + "x")])
def test_a_bad_new_password_is_refused_with_words(client, company, password, repeat):
    ask_for_letter(client, company.support.email)
    link = link_in(db.session.scalars(select(Message)).one())

    answer = set_password(client, link, password, repeat)

    assert answer.status_code == 422
    assert client.get(link).status_code == 200, "the link still works"


# ---- profile ---------------------------------------------------------------------------------------------------


def test_changing_the_password_ends_the_other_sessions_and_keeps_this_one(app, client, company, login):
    login(client, company.support)
    other = login(app.test_client(), company.support)

    answer = post(client, "/profile", "/profile/password", current=PASSWORD, password=NEW, repeat=NEW)

    assert answer.status_code == 303
    assert client.get("/profile").status_code == 200
    assert other.get("/profile").status_code == 302


def test_the_password_is_not_changed_without_the_current_one(client, company, login):
    login(client, company.support)

    answer = post(client, "/profile", "/profile/password", current=WRONG, password=NEW, repeat=NEW)

    assert answer.status_code == 422
    assert try_login(client.application.test_client(), company.support.email, PASSWORD).status_code == 302


def test_guessing_the_current_password_is_throttled(client, company, login, at_now):
    login(client, company.support)

    before = company.support.password_hash
    for _ in range(5):
        post(client, "/profile", "/profile/password", current=WRONG, password=NEW, repeat=NEW)
    answer = post(client, "/profile", "/profile/password", current=PASSWORD, password=NEW, repeat=NEW)

    assert answer.status_code == 429
    assert "Too many" in answer.get_data(as_text=True)
    assert db.session.get(User, company.support.id, populate_existing=True).password_hash == before


def test_a_lost_phone_is_signed_out_from_the_profile(app, client, company, login):
    login(client, company.support)
    phone = app.test_client()
    login(phone, company.support)
    page = client.get("/profile").get_data(as_text=True)
    ends = re.findall(r'name="session" value="(\d+)"', page)

    post(client, "/profile", "/profile/sessions", session=ends[0])

    assert len(ends) == 1, "the own session is not offered"
    assert phone.get("/profile").status_code == 302
    assert client.get("/profile").status_code == 200


def test_nobody_ends_sessions_of_others(app, client, company, login):
    login(client, company.support)
    other = login(app.test_client(), company.analyst)
    theirs = db.session.scalar(select(UserSession.id).where(UserSession.user_id == company.analyst.id))

    post(client, "/profile", "/profile/sessions", session=theirs)

    assert other.get("/profile").status_code == 200


def test_name_and_language_are_changed_in_the_profile(client, company, login):
    login(client, company.support)

    post(client, "/profile", "/profile", name="Петро Іваненко", language="uk")

    user = db.session.get(User, company.support.id, populate_existing=True)
    assert (user.name, user.language) == ("Петро Іваненко", "uk")
    assert '<html lang="uk">' in client.get("/profile").get_data(as_text=True)
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.event == Event.USER_CHANGED)).one()
    assert entry.data == {"fields": ["language", "name"], "role": "support"}


def test_the_language_switch_works_before_and_after_signing_in(client, company, login):
    token = csrf(client.get("/login").get_data(as_text=True))
    answer = client.post("/language", data={"language": "ru", "next": "/login", "csrf_token": token})
    assert answer.location == "/login"
    assert '<html lang="ru">' in client.get("/login").get_data(as_text=True)

    login(client, company.support)
    post(client, "/profile", "/language", language="uk", next="//evil.example")

    assert db.session.get(User, company.support.id, populate_existing=True).language == "uk"
