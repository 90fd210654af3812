"""The survey page over HTTP, without scripts: what opening shows, what pressing records."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.customers.models import ContactPoint
from npsapp.db import db, transaction
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState
from npsapp.lib import clock
from npsapp.responses.models import DisputedAnswer, LinkEvent, Response, ResponseRevision
from tests.responses.visitor import Visitor

WHY = {
    "en": {
        3: "We are very sorry. What went wrong, and how can we put it right?",
        8: "What should we do to make it a ten next time?",
        10: "What did you like most?",
    },
    "ru": {
        3: "Нам очень жаль. Что пошло не так и как нам это исправить?",
        8: "Что нам сделать, чтобы в следующий раз было десять?",
        10: "Что вам понравилось больше всего?",
    },
    "uk": {
        3: "Нам дуже прикро. Що було не так і як нам це виправити?",
        8: "Що нам зробити, щоб наступного разу було десять?",
        10: "Що вам сподобалося найбільше?",
    },
}


def responses():
    db.session.rollback()
    return db.session.scalars(select(Response)).all()


def count(model):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model))


def events():
    db.session.rollback()
    return db.session.scalars(select(AuditEntry.event).order_by(AuditEntry.id)).all()


# ---- opening ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", range(11))
def test_opening_a_link_preselects_its_score_and_records_nothing(visitor, link, score):
    page = visitor.open(f"{link}/{score}")

    assert page.status == 200
    assert page.form().fields["score"] == str(score)
    assert page.form().choices["score"] == [str(number) for number in range(11)]
    assert not responses()


def test_opening_without_a_score_preselects_none(visitor, link):
    assert "score" not in visitor.open(link).form().fields


def test_the_page_names_brand_purchase_and_ends_of_the_scale(visitor, link):
    page = visitor.open(f"{link}?lang=en")

    assert "How likely are you to recommend Vodolad to a friend or colleague?" in page.text
    assert "5 November" in page.text
    assert "лоток водовідвідний" in page.text
    assert 'aria-label="0 – would never recommend"' in page.html
    assert "10 – will tell everyone" in page.text


def test_survey_pages_are_private_and_set_no_cookie(visitor, link):
    for page in (visitor.open(f"{link}/9"), visitor.press(visitor.open(f"{link}/9")), visitor.open("/r/" + "x" * 24)):
        assert "Set-Cookie" not in page.headers
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in page.headers["X-Robots-Tag"]
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_pages_hold_nothing_the_content_policy_would_block(visitor, link):
    why = visitor.press(visitor.open(f"{link}/9"))
    for page in (visitor.open(f"{link}/9"), why, visitor.press(why)):
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|<script(?! src=)", page.html)


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
def test_a_page_with_style_and_script_weighs_less_than_20_kilobytes(visitor, link, language):
    page = visitor.open(f"{link}/9?lang={language}")

    parts = re.findall(r'(?:href|src)="([^"]+\.(?:css|js)[^"]*)"', page.html)
    assert len(parts) == 2
    weight = sum(len(visitor.open(part).html.encode()) for part in parts) + len(page.html.encode())
    assert weight < 20_000, weight


def test_the_style_is_kept_for_a_year_under_its_own_name_only(visitor, link):
    address = re.search(r'href="(/r/style/[^"]+)"', visitor.open(link).html)[1]

    assert "max-age=31536000" in visitor.open(address).headers["Cache-Control"]
    assert visitor.open(address).headers["Content-Type"].startswith("text/css")
    stale = re.sub(r"-\w+\.css", "-000000000000.css", address)
    assert visitor.open(stale).headers["Cache-Control"] == "no-cache"
    assert visitor.open("/r/style/nonsense-000000000000.css").headers["Cache-Control"] == "no-cache"


def test_opening_leaves_a_trace_without_identity_and_one_line_in_the_log(client, link):
    agent = {"User-Agent": "Mozilla/5.0 (iPhone) Mobile"}
    for score in (3, 9):
        client.get(f"{link}/{score}", headers=agent, environ_base={"REMOTE_ADDR": "203.0.113.77"}).close()

    db.session.rollback()
    traces = db.session.scalars(select(LinkEvent)).all()
    assert [(one.act.value, one.score, one.network, one.agent) for one in traces] == [
        ("opened", 3, "203.0.113.0/24", "phone"),
        ("opened", 9, "203.0.113.0/24", "phone"),
    ]
    assert events().count(Event.INVITATION_OPENED) == 1


def test_head_and_prefetch_are_marked_and_open_nothing(client, link):
    client.head(f"{link}/9").close()
    client.get(f"{link}/9", headers={"Sec-Purpose": "prefetch;prerender"}).close()

    db.session.rollback()
    assert {one.act.value for one in db.session.scalars(select(LinkEvent))} == {"prefetched"}
    assert Event.INVITATION_OPENED not in events()
    assert not responses()


# ---- links that lead nowhere -----------------------------------------------------------------------------------

WRONG_LINKS = ["x", "x" * 24, "%00", "../etc", "ж" * 24, "a" * 5000, "' OR 1=1 --"]


@pytest.mark.parametrize("wrong", WRONG_LINKS)
def test_an_unknown_link_gets_a_friendly_page(visitor, company, wrong):
    for page in (visitor.open(f"/r/{wrong}"), visitor.send(f"/r/{wrong}", score="9", nonce="x")):
        assert page.status == 404
        assert "Set-Cookie" not in page.headers


def test_the_page_of_a_wrong_link_says_nothing_about_anybody(visitor, invite, at_now):
    token = invite().steps[0].token
    unsent = invite(state=InvitationState.PLANNED).steps[0].token
    altered = token[:-1] + ("A" if token[-1] != "A" else "B")

    pages = [visitor.open(f"/r/{wrong}") for wrong in ("y" * 24, altered, unsent)]
    texts = {page.text for page in pages}
    assert len(texts) == 1
    assert "This link does not work. Check that it was copied whole." in texts.pop()
    assert {page.status for page in pages} == {404}


@pytest.mark.parametrize("score", ["11", "-1", "7.5", "abc", "07", "٣", "9999999999"])
def test_a_score_in_the_address_that_is_none_is_refused(visitor, link, score):
    assert visitor.open(f"{link}/{score}").status == 404
    assert not responses()


@pytest.mark.parametrize(
    ("headers", "query", "language"),
    [
        ({"Accept-Language": "uk,en;q=0.5"}, "", "uk"),
        ({"Accept-Language": "ru-RU,ru;q=0.9"}, "", "ru"),
        ({"Accept-Language": "fr"}, "", "en"),
        ({"Accept-Language": "ru"}, "?lang=uk", "uk"),
        ({}, "?lang=tlh", "en"),
    ],
)
def test_a_wrong_link_speaks_the_visitors_language(client, company, headers, query, language):
    page = Visitor(client, **headers).open("/r/" + "x" * 24 + query)

    assert f'<html lang="{language}">' in page.html


@pytest.mark.parametrize(
    "over", [{"state": InvitationState.EXPIRED}, {"state": InvitationState.WITHDRAWN}, {"valid_until": "past"}]
)
def test_a_closed_survey_says_where_to_write(visitor, invite, now, at_now, over):
    over = {**over, "valid_until": now - timedelta(seconds=1)} if "valid_until" in over else over
    link = f"/r/{invite(**over).steps[0].token}"

    page = visitor.open(f"{link}/9?lang=en")
    assert page.status == 410
    assert "This survey is closed." in page.text
    assert "hello@vodolad.example" in page.text
    assert visitor.send(link, score="9", nonce="x").status == 410
    assert not responses()


# ---- answering -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
@pytest.mark.parametrize("score", [3, 8, 10])
def test_the_whole_way_without_scripts(visitor, link, language, score):
    why = visitor.press(visitor.open(f"{link}/{score}?lang={language}"))
    assert why.status == 200
    assert WHY[language][score] in why.text
    assert responses()[0].score == score
    assert responses()[0].finished_at is None

    thanks = visitor.press(why, comment="Довго чекали…", contact="1")
    assert thanks.status == 200
    (answer,) = responses()
    assert (answer.score, answer.comment, answer.contact_wanted) == (score, "Довго чекали…", True)
    assert answer.finished_at is not None
    assert answer.language == language
    assert answer.channel == "email"


def test_the_second_page_offers_what_was_chosen_first(visitor, link):
    why = visitor.press(visitor.open(link), score="4")

    assert why.form().fields["score"] == "4"
    assert why.form().fields["final"] == "1"
    assert not why.form().fields["comment"]


def test_score_and_words_in_one_go_are_final(visitor, link):
    thanks = visitor.press(visitor.open(f"{link}/2"), comment="Broken.", final="")

    (answer,) = responses()
    assert (answer.score, answer.comment) == (2, "Broken.")
    assert answer.finished_at is not None
    assert "Thank you" in thanks.text or "Дякуємо" in thanks.text


def test_the_final_button_without_words_is_final_too(visitor, link):
    visitor.press(visitor.press(visitor.open(f"{link}/9")))

    (answer,) = responses()
    assert answer.comment == ""
    assert answer.finished_at is not None
    assert answer.revision == 1


def test_a_call_is_promised_to_those_who_will_be_called(visitor, link):
    why = visitor.press(visitor.open(f"{link}/3?lang=en"))

    assert "You will be called within two working days." in visitor.press(why).text
    assert "You will be called" not in visitor.press(why, contact="0").text
    assert "You will be called" not in visitor.press(why, score="8", contact="1").text


@pytest.mark.parametrize("kept", ["edit", "nonce"])
def test_words_without_a_score_belong_to_the_stored_one(visitor, link, kept):
    page = visitor.open(f"{link}/3")
    why = visitor.press(page)

    sent = visitor.send(link, **{kept: (why if kept == "edit" else page).form().fields[kept]}, comment="Only words")
    assert sent.status == 200
    assert [(one.score, one.comment) for one in responses()] == [(3, "Only words")]


def test_words_without_a_score_from_another_page_take_no_part(visitor, link, now):
    visitor.press(visitor.open(f"{link}/3"))
    with clock.pretend(now + timedelta(minutes=1)):
        nonce = visitor.open(link).form("/change").fields["nonce"]
        sent = visitor.send(link, nonce=nonce, comment="Only words")

    assert sent.status == 422
    assert [(one.score, one.comment) for one in responses()] == [(3, "")]
    assert not count(DisputedAnswer)


def test_an_answer_marks_the_invitation_and_is_remembered(visitor, link):
    visitor.press(visitor.open(f"{link}/9"), comment="Fine.")

    assert {Event.RESPONSE_RECEIVED, Event.RESPONSE_FINISHED} <= set(events())
    invitation = db.session.scalar(select(Invitation))
    assert invitation.state is InvitationState.ANSWERED


@pytest.mark.parametrize(("score", "status"), [("", 422), ("11", 400), ("-1", 400), ("7.5", 400), ("９", 400)])
def test_a_wrong_score_is_refused_with_a_sentence_and_the_text_is_kept(visitor, link, score, status):
    page = visitor.press(visitor.open(f"{link}?lang=en"), score=score, comment="My words")

    assert page.status == status
    assert "Please choose a number from 0 to 10." in page.text
    assert page.form().fields["comment"] == "My words"
    assert not responses()


def test_too_many_words_do_not_cost_the_score(visitor, link):
    page = visitor.press(visitor.open(f"{link}/2?lang=en"), comment="я" * 5001)

    assert page.status == 422
    assert "5001" in page.text
    assert page.form().fields["comment"] == "я" * 5001
    (answer,) = responses()
    assert (answer.score, answer.comment, answer.finished_at) == (2, "", None)
    assert visitor.press(page, comment="я" * 5000).status == 200
    assert len(responses()[0].comment) == 5000


@pytest.mark.parametrize(
    "words", ["<script>alert(1)</script>", "{{ 7*7 }}", "\u202eтекст", "👩‍👩‍👧 שלום", "a & b \"c\" 'd'"]
)
def test_words_of_any_kind_are_stored_as_they_are_and_shown_escaped(visitor, link, words):
    thanks = visitor.press(visitor.open(f"{link}/9"), comment=words)
    again = visitor.press(thanks, "/change")

    assert responses()[0].comment == words
    assert again.form().fields["comment"] == words
    assert "<script>alert" not in again.html


def test_a_body_too_large_is_refused(visitor, link):
    page = visitor.open(f"{link}/9")

    assert visitor.press(page, comment="x" * 400_000).status == 413
    assert not responses()


# ---- the page's nonce ------------------------------------------------------------------------------------------


def test_a_post_without_the_pages_nonce_records_nothing_and_keeps_the_choice(visitor, link):
    page = visitor.send(f"{link}/9", score="9", comment="Words", lang="en")

    assert page.status == 422
    assert "Please press the button once more." in page.text
    assert page.form().fields["score"] == "9"
    assert page.form().fields["comment"] == "Words"
    assert not responses()
    assert visitor.press(page).status == 200
    assert responses()[0].comment == "Words"


def test_an_altered_nonce_and_one_of_another_link_count_as_none(visitor, link, invite):
    other = visitor.open(f"/r/{invite().steps[0].token}").form().fields["nonce"]
    own = visitor.open(link).form().fields["nonce"]

    for wrong in ("", other, own[:-1], own + "x", "я", "null"):
        assert visitor.send(link, score="9", nonce=wrong).status == 422
    assert not responses()


def test_a_page_left_open_for_three_days_asks_to_press_once_more(visitor, link, now):
    page = visitor.open(f"{link}/9")

    with clock.pretend(now + timedelta(days=3)):
        again = visitor.press(page)
    assert again.status == 422
    assert not responses()
    with clock.pretend(now + timedelta(days=3, minutes=1)):
        assert visitor.press(again).status == 200
    assert responses()[0].score == 9


# ---- changing, disputing ---------------------------------------------------------------------------------------


def test_opening_an_answered_link_shows_the_score_and_until_when_it_can_be_changed(visitor, link):
    visitor.press(visitor.open(f"{link}/9"), comment="Secret words")

    page = visitor.open(f"{link}?lang=en")
    assert page.status == 200
    assert "You have answered: 9." in page.text
    assert "You can change it until 20 December." in page.text
    assert "Secret words" not in page.html


def test_pressing_change_opens_the_answer_without_showing_its_words_to_strangers(visitor, link):
    visitor.press(visitor.open(f"{link}/9"), comment="Secret words")

    page = visitor.press(visitor.open(link), "/change")
    assert page.form().fields["score"] == "9"
    assert "Secret words" not in page.html
    visitor.press(page, score="4")
    (answer,) = responses()
    assert (answer.score, answer.comment, answer.revision) == (4, "Secret words", 2)


def test_strangers_get_the_words_neither_by_pressing_change_twice_nor_by_a_dispute(visitor, link):
    first = visitor.press(visitor.open(f"{link}/9"), comment="Secret words")
    change = visitor.press(visitor.open(link), "/change")
    after_change = visitor.press(change, score="4")
    disputed = visitor.press(visitor.open(link), "/change").form().fields | {"edit": "", "score": "2", "comment": ""}
    dispute = visitor.send(link, **disputed)
    applied = visitor.press(dispute, "/change")
    seen = [change, after_change, dispute, applied]
    seen += [visitor.send(f"{link}/change", **page.form().fields) for page in (change, after_change, applied)]

    assert [page.status for page in seen] == [200] * len(seen)
    assert not [page.text for page in seen if "Secret words" in page.html]
    assert [answer.comment for answer in responses()] == ["Secret words"]
    assert "Secret words" in visitor.press(first, "/change").html


def test_a_link_with_another_score_offers_that_one_for_the_change(visitor, link):
    visitor.press(visitor.open(f"{link}/9"))

    answered = visitor.open(f"{link}/3")
    assert responses()[0].score == 9
    assert visitor.press(answered, "/change").form().fields["score"] == "3"
    assert responses()[0].score == 9


def test_the_page_that_answered_may_change_and_every_state_is_kept(visitor, link):
    why = visitor.press(visitor.open(f"{link}/9"))
    thanks = visitor.press(why, comment="Good")
    again = visitor.press(thanks, "/change")
    visitor.press(again, score="5", comment="Not so good", contact="0")

    (answer,) = responses()
    history = db.session.scalars(select(ResponseRevision).order_by(ResponseRevision.number)).all()
    assert [(one.number, one.score, one.comment, one.contact_wanted) for one in history] == [
        (1, 9, "", None),
        (2, 9, "Good", None),
        (3, 5, "Not so good", False),
    ]
    assert answer.revision == 3
    assert events().count(Event.RESPONSE_CHANGED) == 2
    assert not count(DisputedAnswer)


def test_words_that_were_shown_can_be_deleted(visitor, link):
    thanks = visitor.press(visitor.open(f"{link}/9"), comment="Oops")
    visitor.press(visitor.press(thanks, "/change"), comment="")

    assert responses()[0].comment == ""


def test_an_answer_from_another_browser_is_kept_apart_until_its_owner_says_so(visitor, link):
    page = visitor.open(f"{link}/3?lang=en")
    visitor.press(visitor.open(f"{link}/9"), comment="Great")

    disputed = visitor.press(page, comment="Awful")
    assert disputed.status == 200
    assert "You have answered: 9." in disputed.text
    assert "Great" not in disputed.html
    (answer,) = responses()
    assert (answer.score, answer.comment) == (9, "Great")
    assert Event.RESPONSE_DISPUTED in events()

    visitor.press(disputed, "/change")
    (answer,) = responses()
    assert (answer.score, answer.comment, answer.revision) == (3, "Awful", 2)
    assert db.session.scalar(select(DisputedAnswer)).applied_at is not None


def test_the_same_disputed_answer_again_is_kept_once(visitor, link):
    page = visitor.open(f"{link}/3")
    visitor.press(visitor.open(f"{link}/9"))

    for _ in range(3):
        visitor.press(page)
    assert count(DisputedAnswer) == 1


def test_words_are_put_to_the_disputed_score_that_came_before_them(visitor, link):
    page = visitor.open(f"{link}/3")
    visitor.press(visitor.open(f"{link}/9"))

    visitor.press(page)
    visitor.press(page, comment="late")
    visitor.press(page, comment="late, too")
    kept = db.session.scalars(select(DisputedAnswer.comment).order_by(DisputedAnswer.id)).all()
    assert kept == ["late", "late, too"]


def test_a_link_passed_around_fills_no_table(visitor, link):
    page = visitor.open(f"{link}/3")
    visitor.press(visitor.open(f"{link}/9"))

    for number in range(30):
        visitor.press(page, comment=f"words {number}")
    assert count(DisputedAnswer) == 20
    assert responses()[0].score == 9


def test_a_disputed_answer_of_another_invitation_cannot_be_applied(visitor, link, invite):
    page = visitor.open(f"{link}/3")
    visitor.press(visitor.open(f"{link}/9"))
    number = visitor.press(page).form("/change").fields["disputed"]
    other = f"/r/{invite().steps[0].token}"
    visitor.press(visitor.open(f"{other}/8"))

    visitor.press(visitor.open(other), "/change", disputed=number)
    assert sorted(answer.score for answer in responses()) == [8, 9]


def test_a_right_to_edit_of_another_invitation_is_none(visitor, link, invite):
    right = visitor.press(visitor.open(f"/r/{invite().steps[0].token}/8")).form().fields["edit"]
    page = visitor.open(f"{link}/3")
    visitor.press(visitor.open(f"{link}/9"))

    visitor.press(page, edit=right)
    assert sorted(answer.score for answer in responses()) == [8, 9]


def test_a_double_click_is_one_answer_and_leads_on(visitor, link):
    page = visitor.open(f"{link}/9")
    visitor.press(page)
    second = visitor.press(page)

    assert second.form().fields["edit"]
    visitor.press(second, comment="Words")
    (answer,) = responses()
    assert (answer.comment, answer.revision) == ("Words", 2)
    assert not count(DisputedAnswer)


def test_the_answer_cannot_be_changed_after_the_link_has_closed(visitor, link, now):
    thanks = visitor.press(visitor.open(f"{link}/9"), comment="Good")

    with clock.pretend(now + timedelta(days=31)):
        assert visitor.press(thanks, "/change").status == 410
        assert visitor.open(link).status == 410


# ---- languages -------------------------------------------------------------------------------------------------


def test_the_page_speaks_the_customers_language_whatever_the_browser_says(visitor, link):
    assert '<html lang="uk">' in visitor.open(link).html


def test_changing_the_language_keeps_the_chosen_score(visitor, link):
    page = visitor.open(f"{link}/7")
    address = re.search(r'href="([^"]+lang=ru)"', page.html)[1]

    other = visitor.open(address)
    assert '<html lang="ru">' in other.html
    assert other.form().fields["score"] == "7"
    visitor.press(other)
    assert responses()[0].language == "ru"


def test_changing_the_language_after_a_post_keeps_the_words_and_records_nothing(visitor, link):
    why = visitor.press(visitor.open(f"{link}/7"))
    other = visitor.press(why, comment="Half a sente", switch="en")

    assert WHY["en"][8] in other.text
    assert other.form().fields["comment"] == "Half a sente"
    assert responses()[0].comment == ""
    visitor.press(other, comment="Half a sentence")
    assert (responses()[0].comment, responses()[0].language) == ("Half a sentence", "en")


# ---- not mine --------------------------------------------------------------------------------------------------


def test_not_my_purchase_takes_no_score_marks_the_address_and_closes(visitor, link):
    page = visitor.press(visitor.open(f"{link}/9?lang=en"), "/not-mine")

    assert page.status == 200
    assert "Thank you for telling us." in page.text
    assert not responses()
    assert db.session.scalar(select(Invitation.state)) is InvitationState.NOT_MINE
    assert db.session.scalars(select(ContactPoint.not_mine_at).where(ContactPoint.not_mine_at.is_not(None))).all()
    assert "Thank you for telling us." in visitor.open(f"{link}?lang=en").text
    assert Event.INVITATION_NOT_MINE in events()


def test_not_my_purchase_can_be_taken_back(visitor, link):
    told = visitor.press(visitor.open(link), "/not-mine")
    asked = visitor.press(told, "/mine")

    assert asked.form().choices["score"]
    assert not db.session.scalars(select(ContactPoint.id).where(ContactPoint.not_mine_at.is_not(None))).all()
    visitor.press(asked, score="9")
    assert responses()[0].score == 9


def test_a_score_after_not_my_purchase_is_not_taken(visitor, link):
    page = visitor.open(f"{link}/9")
    visitor.press(page, "/not-mine")

    visitor.press(page)
    assert not responses()


def test_not_my_purchase_without_the_pages_nonce_changes_nothing(visitor, link):
    assert visitor.send(f"{link}/not-mine").status == 422
    assert db.session.scalar(select(Invitation.state)) is InvitationState.HANDED_OVER


def test_not_my_purchase_takes_back_the_score_the_same_page_had_saved(visitor, link):
    page = visitor.open(f"{link}/9?lang=en")
    visitor.press(page)

    told = visitor.press(page, "/not-mine")
    assert "Thank you for telling us." in told.text
    (answer,) = responses()
    assert answer.voided_at is not None
    assert "Thank you for telling us." in visitor.open(f"{link}?lang=en").text
    visitor.press(page, score="3")
    assert [(one.score, one.revision) for one in responses()] == [(9, 1)]
    assert Event.RESPONSE_VOIDED in events()


def test_taking_it_back_counts_the_score_again(visitor, link):
    page = visitor.open(f"{link}/9?lang=en")
    visitor.press(page)
    again = visitor.press(visitor.press(page, "/not-mine"), "/mine")

    assert "You have answered: 9." in again.text
    assert responses()[0].voided_at is None
    assert db.session.scalar(select(Invitation.state)) is InvitationState.ANSWERED


def test_not_my_purchase_from_another_page_does_not_touch_an_answer(visitor, link, now):
    visitor.press(visitor.open(f"{link}/9"))
    with clock.pretend(now + timedelta(minutes=5)):
        nonce = visitor.open(link).form("/change").fields["nonce"]
        page = visitor.send(f"{link}/not-mine", nonce=nonce, lang="en")

    assert "You have answered: 9." in page.text
    assert responses()[0].voided_at is None
    assert db.session.scalar(select(Invitation.state)) is InvitationState.ANSWERED


# ---- trouble ---------------------------------------------------------------------------------------------------


def test_when_nothing_can_be_saved_the_words_stay_on_the_page(visitor, link):
    page = visitor.open(f"{link}/9?lang=en")
    _rename("response", "response_gone")
    try:
        broken = visitor.press(page, comment="Long & thoughtful <words>")
    finally:
        _rename("response_gone", "response")

    assert broken.status == 503
    assert "Your answer is not saved yet." in broken.text
    assert broken.form().fields["comment"] == "Long & thoughtful <words>"
    assert broken.form().fields["score"] == "9"
    assert visitor.press(broken).status == 200
    assert responses()[0].comment == "Long & thoughtful <words>"


def _rename(old: str, new: str) -> None:
    db.session.rollback()
    with transaction() as session:
        session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


# ---- the script's dialogue -------------------------------------------------------------------------------------


def as_script(client, link, **fields):
    answer = client.post(link, data=fields, headers={"Accept": "application/json"})
    return answer.status_code, answer.get_json()


def test_the_script_saves_changes_and_finishes(client, visitor, link):
    nonce = visitor.open(f"{link}/9").form().fields["nonce"]

    status, saved = as_script(client, link, score="9", nonce=nonce, gesture="pointerdown")
    assert (status, saved["state"]) == (200, "saved")
    status, changed = as_script(client, link, score="2", nonce=nonce, edit=saved["edit"], gesture="choice")
    assert (status, changed["state"]) == (200, "saved")
    status, done = as_script(
        client, link, score="2", nonce=nonce, edit=saved["edit"], comment="Bad", contact="", final="1", lang="en"
    )
    assert (status, done["state"]) == (200, "thanks")
    assert done["thanks"].startswith("Thank you.")
    assert done["promise"] == "You will be called within two working days."
    (answer,) = responses()
    assert (answer.score, answer.comment, answer.revision) == (2, "Bad", 3)


def test_the_script_gets_a_fresh_nonce_when_its_own_is_stale(client, link):
    status, again = as_script(client, link, score="9", nonce="stale")
    assert (status, again["state"]) == (422, "again")

    status, saved = as_script(client, link, score="9", nonce=again["nonce"])
    assert (status, saved["state"]) == (200, "saved")


def test_the_script_hears_of_disputes_closing_and_wrong_scores(client, visitor, link, now):
    nonce = visitor.open(f"{link}/9").form().fields["nonce"]
    assert as_script(client, link, score="12", nonce=nonce)[1]["state"] == "wrong"
    as_script(client, link, score="9", nonce=nonce)

    assert as_script(client, link, score="4", nonce=nonce)[1]["state"] == "disputed"
    with clock.pretend(now + timedelta(days=31)):
        status, closed = as_script(client, link, score="4", nonce=nonce)
    assert (status, closed["state"]) == (410, "closed")
    status, unknown = as_script(client, "/r/" + "x" * 24, score="4")
    assert (status, unknown["state"]) == (404, "unknown")


def test_the_browser_that_answered_reads_its_answer_back_and_no_other_does(client, visitor, link):
    thanks = visitor.press(visitor.press(visitor.open(f"{link}/9")), comment="Mine", contact="0")
    right = thanks.form("/change").fields["edit"]

    status, opened = as_script(client, f"{link}/change", edit=right)
    assert (status, opened["state"]) == (200, "open")
    assert (opened["score"], opened["comment"], opened["contact"]) == ("9", "Mine", "0")
    for wrong in ("forged", ""):
        _status, refused = as_script(client, f"{link}/change", edit=wrong)
        assert refused["state"] == "again"
        assert "Mine" not in refused.values()
    assert responses()[0].revision == 2
