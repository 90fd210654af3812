"""What machines do with links, over HTTP: nothing of it counts, and the person's answer does, once."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from npsapp import schedule
from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.cases.models import Case
from npsapp.customers.models import ContactFact
from npsapp.customers.rules import FactKind
from npsapp.db import db, transaction
from npsapp.delivery.rules import State
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState
from npsapp.lib import clock
from npsapp.reports.models import DailyTally
from npsapp.responses.human import Doubt
from npsapp.responses.models import Basis, DirtyDay, DisputedAnswer, LinkAct, LinkEvent, Response, Sweep
from tests.factories import make_message, make_response
from tests.responses.visitor import Visitor

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
HEADLESS = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/140.0.0.0 Safari/537.36"
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def usual(app, monkeypatch):
    """The delays of a real installation."""
    for name, seconds in (("SOON", 60.0), ("FAST", 0.7), ("SWEEP", 60.0), ("PROMOTE", 86400.0)):
        monkeypatch.setitem(app.config, f"ANSWER_{name}", seconds)


@pytest.fixture
def link(company, invite, now) -> str:
    """The link of a letter that leaves at `now`."""
    invitation = invite(sent_at=now)
    with transaction():
        message = make_message(company, now=now, state=State.SENT, sent_at=now, domain="works.example")
        db.session.merge(invitation).steps[0].message_id = message.id
    return f"/r/{invitation.steps[0].token}"


class Hands:
    """Visits at given moments, by a program or a person, from a network."""

    def __init__(self, app, link: str, start) -> None:
        self.app, self.link, self.start = app, link, start

    def visitor(self, agent: str = PHONE, network: str = "203.0.113.7") -> Visitor:
        client = self.app.test_client()
        client.environ_base["REMOTE_ADDR"] = network
        return Visitor(client, **{"Accept-Language": "en", "User-Agent": agent})

    def opens(self, score, after, agent: str = PHONE, **where):
        with clock.pretend(self.start + after):
            return self.visitor(agent, **where).open(f"{self.link}/{score}?lang=en")

    def sends(self, page, after, agent: str = PHONE, network: str = "203.0.113.7", **typed):
        with clock.pretend(self.start + after):
            return self.visitor(agent, network).press(page, **typed)

    def answers(self, score, after, **typed):
        """As the page's script does after the first movement of a hand."""
        page = self.opens(score, after)
        return self.sends(page, after + 3 * SECOND, gesture="pointermove", **typed)

    def leaves(self, page, after, score):
        with clock.pretend(self.start + after):
            nonce = page.form().fields["nonce"]
            return self.visitor().send(f"{self.link}/left", score=score, nonce=nonce, lang="en")

    def sweep(self, after, agent: str = PHONE, network: str = "198.51.100.9"):
        for score in range(11):
            self.opens(score, after + score * SECOND / 10, agent, network=network)


@pytest.fixture
def hands(app, link, now) -> Hands:
    return Hands(app, link, now)


def beat(at) -> None:
    with clock.pretend(at):
        schedule.finish_answers(schedule.Beat())
        schedule.settle_answers(schedule.Beat())
        schedule.open_cases(schedule.Beat())
        schedule.recount(schedule.Beat())


def answer() -> Response | None:
    db.session.rollback()
    return db.session.scalars(select(Response)).one_or_none()


def state() -> InvitationState:
    db.session.rollback()
    return db.session.scalar(select(Invitation.state))


def tallied() -> dict[str, int]:
    rows = select(DailyTally.basis, func.sum(DailyTally.n)).group_by(DailyTally.basis)
    return {basis: int(n) for basis, n in db.session.execute(rows)}


def count(model, *where) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*where))


# ---- a person ----------------------------------------------------------------------------------------------------


def test_a_person_who_comes_an_hour_later_is_believed_at_once(hands):
    page = hands.answers(9, HOUR)

    assert page.form().fields["edit"]
    one = answer()
    assert (one.score, one.basis, one.doubt) == (9, Basis.CONFIRMED, None)
    assert state() is InvitationState.ANSWERED
    acts = db.session.scalars(select(LinkEvent.act).order_by(LinkEvent.id)).all()
    assert acts == [LinkAct.OPENED, LinkAct.GESTURE]
    assert db.session.scalars(select(LinkEvent.network).distinct()).all() == ["203.0.113.0/24"]


def test_who_is_quicker_than_the_minute_waits_and_is_confirmed_by_the_next_button(hands):
    saved = hands.answers(2, 20 * SECOND)

    assert "Your score is saved." in saved.text
    assert not saved.form().fields["edit"]
    one = answer()
    assert (one.basis, one.doubt) == (Basis.PROVISIONAL, Doubt.SOON)
    assert state() is InvitationState.HANDED_OVER
    assert not count(DirtyDay)
    assert not count(ContactFact, ContactFact.kind == FactKind.ANSWERED)
    beat(hands.start + HOUR)
    assert not count(Case)
    assert tallied() == {}

    thanks = hands.sends(saved, 2 * HOUR, comment="Too slow")
    assert "Thank you." in thanks.text
    one = answer()
    assert (one.score, one.comment, one.basis) == (2, "Too slow", Basis.CONFIRMED)
    assert one.confirmed_at == hands.start + 2 * HOUR
    assert state() is InvitationState.ANSWERED
    beat(hands.start + 3 * HOUR)
    assert count(Case) == 1
    assert tallied() == {"confirmed": 1}
    assert count(ContactFact, ContactFact.kind == FactKind.ANSWERED) == 1


def test_a_repeated_post_in_the_same_moment_confirms_nothing(hands):
    page = hands.opens(9, 20 * SECOND)
    hands.sends(page, 22 * SECOND)
    hands.sends(page, 22.2 * SECOND)

    assert answer().basis is Basis.PROVISIONAL
    hands.sends(page, 25 * SECOND, gesture="pointerdown")
    assert answer().basis is Basis.CONFIRMED


def test_changing_ones_mind_on_the_own_page_is_no_sweep(hands):
    page = hands.opens(9, HOUR)
    saved = hands.sends(page, HOUR + 3 * SECOND, score="7", gesture="choice")
    hands.sends(saved, HOUR + 20 * SECOND, score="6", comment="Well")

    one = answer()
    assert (one.score, one.basis, one.doubt) == (6, Basis.CONFIRMED, None)
    assert not count(Sweep)


def test_the_thanks_of_a_waiting_answer_can_be_changed_which_confirms_it(hands):
    saved = hands.answers(9, 20 * SECOND, final="1")
    with clock.pretend(hands.start + 40 * SECOND):
        page = hands.visitor().press(saved, "/change")

    assert page.form().fields["edit"]
    assert answer().basis is Basis.CONFIRMED


# ---- machines ----------------------------------------------------------------------------------------------------


def test_prefetching_all_eleven_links_records_no_answer_and_marks_the_domain(hands):
    with clock.pretend(hands.start + 5 * SECOND):
        for score in range(11):
            with hands.app.test_client().get(f"{hands.link}/{score}", headers={"Sec-Purpose": "prefetch"}):
                pass
            with hands.app.test_client().head(f"{hands.link}/{score}"):
                pass

    assert answer() is None
    assert count(LinkEvent, LinkEvent.act == LinkAct.PREFETCHED) == 22
    assert db.session.execute(select(Sweep.domain)).all() == [("works.example",)]


def test_at_a_marked_domain_a_gesture_counts_and_a_bare_post_waits(hands):
    hands.sweep(5 * SECOND)
    page = hands.opens(8, HOUR)
    saved = hands.sends(page, HOUR + 5 * SECOND)
    assert (answer().basis, answer().doubt) == (Basis.PROVISIONAL, Doubt.SCANNED)

    hands.sends(saved, HOUR + 20 * SECOND)
    assert answer().basis is Basis.CONFIRMED


def test_a_mark_ends_after_ninety_days(hands, app):
    with transaction():
        db.session.add(Sweep(invitation_id=0, domain="works.example", at=hands.start - 91 * DAY, network=""))
    hands.sends(hands.opens(8, HOUR), HOUR + 5 * SECOND)

    assert answer().basis is Basis.CONFIRMED


def test_a_person_after_a_sweep_and_a_posting_machine_counts_once(hands):
    hands.sweep(5 * SECOND)
    hands.sends(hands.opens(3, 8 * SECOND), 10 * SECOND)
    assert (answer().score, answer().basis) == (3, Basis.PROVISIONAL)

    page = hands.answers(9, HOUR)
    one = answer()
    assert (one.score, one.basis, page.form().fields["edit"] != "") == (9, Basis.CONFIRMED, True)
    assert [revision.score for revision in one.revisions] == [3, 9]
    beat(hands.start + 2 * DAY)
    assert tallied() == {"confirmed": 1}
    assert not count(Case)


def test_the_machine_that_waited_cannot_change_the_persons_answer(hands):
    first = hands.sends(hands.opens(3, 8 * SECOND), 10 * SECOND)
    hands.answers(9, HOUR)

    hands.sends(first, HOUR + 10 * SECOND, comment="bot")
    one = answer()
    assert (one.score, one.comment) == (9, "")
    assert [other.score for other in one.others] == [3]


def test_a_machine_that_repeats_the_click_with_another_score_changes_nothing(hands):
    fetched = hands.opens(3, 5 * SECOND, network="40.92.1.1")
    hands.answers(9, HOUR)
    for again in (3, 30):
        hands.sends(fetched, HOUR + again * SECOND, network="40.92.1.1", score="3")

    one = answer()
    assert (one.score, one.basis, one.revision) == (9, Basis.CONFIRMED, 1)
    assert count(DisputedAnswer) == 1
    beat(hands.start + 2 * DAY)
    assert tallied() == {"confirmed": 1}


def test_a_headless_browser_that_posts_is_never_counted(hands):
    saved = hands.sends(hands.opens(10, HOUR, HEADLESS), HOUR + 5 * SECOND, HEADLESS, gesture="submit")
    hands.sends(saved, HOUR + 9 * SECOND, HEADLESS, comment="Great service")

    assert (answer().basis, answer().doubt) == (Basis.PROVISIONAL, Doubt.SCANNER)
    beat(hands.start + HOUR + DAY + 10 * SECOND)
    assert answer().basis is Basis.DROPPED
    assert state() is InvitationState.HANDED_OVER, "the reminder asks again"
    hands.answers(4, 2 * DAY)
    assert (answer().score, answer().basis, answer().comment) == (4, Basis.CONFIRMED, "")


def test_a_form_sent_in_the_moment_of_its_page_waits(hands):
    hands.sends(hands.opens(10, HOUR), HOUR + 0.3 * SECOND)

    assert (answer().basis, answer().doubt) == (Basis.PROVISIONAL, Doubt.FAST)


def test_a_post_during_a_sweep_waits_and_is_dropped(hands):
    hands.sweep(HOUR)
    hands.sends(hands.opens(10, HOUR + 2 * SECOND), HOUR + 4 * SECOND, gesture="pointermove")

    assert answer().doubt is Doubt.SWEEP
    beat(hands.start + HOUR + DAY + 5 * SECOND)
    assert answer().basis is Basis.DROPPED


def test_of_two_doubtful_scores_neither_counts_until_a_person_says_so(hands):
    person = hands.opens(9, 20 * SECOND)
    machine = hands.opens(3, 5 * SECOND)
    hands.sends(person, 25 * SECOND, gesture="pointermove")
    hands.sends(machine, 26 * SECOND)
    assert (answer().score, answer().basis, [one.score for one in answer().others]) == (3, Basis.PROVISIONAL, [9])

    hands.sends(person, 5 * 60 * SECOND, gesture="pointerdown")
    assert (answer().score, answer().basis) == (9, Basis.CONFIRMED)


# ---- a day later -------------------------------------------------------------------------------------------------


def test_an_unconfirmed_answer_is_counted_a_day_later_and_its_case_begins_then(hands):
    hands.sends(hands.opens(2, 20 * SECOND), 25 * SECOND)
    beat(hands.start + DAY)
    assert answer().basis is Basis.PROVISIONAL

    later = hands.start + DAY + 30 * SECOND
    beat(later)
    one = answer()
    assert (one.basis, one.confirmed_at, state()) == (Basis.PROMOTED, later, InvitationState.ANSWERED)
    assert tallied() == {"promoted": 1}
    assert db.session.scalars(select(Case)).one().clock_from == later
    assert count(AuditEntry, AuditEntry.event == Event.RESPONSE_PROMOTED, AuditEntry.actor_type == "program") == 1


def test_looking_and_leaving_waits_and_counts_a_day_later(hands):
    page = hands.opens(9, HOUR)
    hands.leaves(page, HOUR + 10 * SECOND, "9")
    assert (answer().basis, answer().doubt, answer().score) == (Basis.PROVISIONAL, Doubt.OPENED, 9)
    assert state() is InvitationState.HANDED_OVER
    assert "You have answered" not in hands.opens(9, HOUR + 30 * SECOND).text

    beat(hands.start + HOUR + DAY + 60 * SECOND)
    assert answer().basis is Basis.PROMOTED


def test_looking_at_two_scores_is_dropped_and_asked_again(hands):
    page = hands.opens(9, HOUR)
    hands.leaves(page, HOUR + 10 * SECOND, "9")
    hands.opens(2, 5 * HOUR)

    beat(hands.start + HOUR + DAY + 60 * SECOND)
    assert answer().basis is Basis.DROPPED
    assert state() is InvitationState.HANDED_OVER
    assert tallied() == {}


def test_leaving_without_the_pages_nonce_or_after_an_answer_records_nothing(hands):
    page = hands.answers(9, HOUR)
    hands.leaves(page, HOUR + 20 * SECOND, "3")
    assert (answer().score, count(DisputedAnswer)) == (9, 0)

    with clock.pretend(hands.start + HOUR):
        assert hands.visitor().send(f"{hands.link}/left", score="3", nonce="forged").status in (200, 422)
    assert answer().score == 9


def test_not_my_purchase_after_a_machines_post_still_closes_the_link(hands):
    hands.sends(hands.opens(3, 8 * SECOND), 10 * SECOND)
    page = hands.opens(3, HOUR)
    with clock.pretend(hands.start + HOUR + 9 * SECOND):
        told = hands.visitor().press(page, "/not-mine")

    assert "Thank you for telling us." in told.text
    assert state() is InvitationState.NOT_MINE
    beat(hands.start + 3 * DAY)
    assert tallied() == {}


# ---- the index with and without ----------------------------------------------------------------------------------


def test_promoting_stops_where_it_moves_the_index_by_more_than_three_points(company, hands, now, client, login):
    with transaction():
        for number in range(30):
            make_response(company, now=now - DAY, score=10 if number % 2 else 0)
        for _ in range(3):
            made = {"basis": Basis.PROMOTED, "doubt": Doubt.SOON}
            make_response(company, now=now - DAY, score=10, **made)
        db.session.add(DirtyDay(survey_id=company.survey.id, local_date=(now - DAY).date()))
    hands.sends(hands.opens(9, 20 * SECOND), 25 * SECOND)
    beat(now)

    beat(now + DAY + 60 * SECOND)
    waiting = db.session.scalars(select(Response).where(Response.basis == Basis.PROVISIONAL)).all()
    assert [one.score for one in waiting] == [9]
    with clock.pretend(now + DAY):
        page = login(client, company.admin).get("/reports/").get_data(as_text=True)
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Confirmed: 30. Counted without confirmation: 3. NPS without them: 0." in words
    assert "No more of them are counted until the difference is smaller" in words
    assert "Not confirmed yet: 1" in words


# ---- what staff see ----------------------------------------------------------------------------------------------


def text_of(client, path: str) -> str:
    page = client.get(path).get_data(as_text=True)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_page_of_an_answer_says_why_it_waits_and_what_its_links_did(company, hands, client, login):
    hands.sweep(5 * SECOND)
    hands.sends(hands.opens(3, 30 * SECOND), 40 * SECOND)
    login(client, company.admin)
    words = text_of(client, f"/answers/{answer().id}")

    assert "Not counted yet: nobody has confirmed it." in words
    assert "Have a look whether the customer needs a call." in words
    assert "Several scores of the same letter were opened within a minute." in words
    assert "For 90 days answers of recipients at works.example need a confirmation." in words
    assert "198.51.100.0/24, phone or tablet" in words
    assert "198.51.100.9" not in words
    assert f'{answer().id}"' in client.get("/answers/?state=check").get_data(as_text=True)
    assert "No answers match" in text_of(client, "/answers/?state=promoted")


def test_whoever_may_counts_an_unconfirmed_answer_with_a_reason(company, hands, client, login):
    hands.sends(hands.opens(3, 8 * SECOND), 10 * SECOND)
    path = f"/answers/{answer().id}"
    page = login(client, company.admin).get(path).get_data(as_text=True)
    token = re.search(r'name="count-csrf_token"[^>]*value="([^"]+)"', page)[1]

    with clock.pretend(hands.start + HOUR):
        client.post(f"{path}/restore", data={"count-csrf_token": token, "count-reason": "He phoned us"})
    one = answer()
    assert (one.basis, state()) == (Basis.PROMOTED, InvitationState.ANSWERED)
    assert [(ruling.reason, ruling.counts, ruling.by_id) for ruling in one.rulings] == [
        ("He phoned us", True, company.admin.id)
    ]
    beat(hands.start + 2 * HOUR)
    assert tallied() == {"promoted": 1}
    assert count(Case) == 1


def test_a_voided_answer_leaves_a_note_in_its_case(company, now, client, login):
    with transaction():
        id_ = make_response(company, now=now, score=2).id
    beat(now)
    with transaction():
        db.session.scalars(select(Case)).one().state = "acknowledged"
    page = login(client, company.admin).get(f"/answers/{id_}").get_data(as_text=True)
    token = re.search(r'action="/answers/\d+/void"[\s\S]*?name="csrf_token"[^>]*value="([^"]+)"', page)[1]
    client.post(f"/answers/{id_}/void", data={"csrf_token": token, "reason": "A joke of a colleague"})

    beat(now + HOUR)
    notes = text_of(client, f"/cases/{db.session.scalars(select(Case.id)).one()}")
    assert "no longer counted" in notes or "not counted" in notes
    assert tallied() == {}
