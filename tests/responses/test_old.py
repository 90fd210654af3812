"""Old answers: a file of a previous program read, counted, taken over and taken out again."""

import io
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from npsapp import schedule
from npsapp.cases.models import Case
from npsapp.customers.models import ContactFact, ContactPoint, Customer, Ground, Hold
from npsapp.customers.rules import ContactKind
from npsapp.db import db, transaction
from npsapp.delivery import queries as post
from npsapp.delivery.models import Message
from npsapp.delivery.rules import SuppressionReason
from npsapp.intake.models import BatchState
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.reports import queries as reports
from npsapp.responses import services, tasks
from npsapp.responses.models import Basis, OldImport, Response
from npsapp.worker import collecting
from tests import cast, factories

ANSWERS = """Дата;Оценка;Комментарий;E-mail;Телефон;Регион;Отписан
01.11.2026;3;Долго везли;anna@example.com;;Київ;
02.10.2026 14:05;10;;;067 123 45 67;Нарнія;
03.10.2026;9;;;;;
05.10.2026;11;;bad@example.com;;;
06.10.2026;8;;oleh@example.com;;;да
"""


@pytest.fixture
def upload(client: FlaskClient, company: SimpleNamespace, at_now: datetime, login: Any):
    """`upload(text, …)`: the file, read through; with `confirm` taken over. Gives its row."""
    login(client, company.admin)

    def send(text: str, *, holds: str = "answers", programme: str = "Oprosnik", confirm: bool = True) -> OldImport:
        data = {
            "csrf_token": cast.csrf(client.get("/profile").get_data(as_text=True)),
            "file": (io.BytesIO(text.encode("cp1251")), "old.csv"),
            "programme": programme, "holds": holds, "survey": str(company.survey.id), "source": "",
        }  # fmt: skip
        with collecting() as run:
            place = client.post("/old-answers/new", data=data).location
            run()
        assert client.get(place).status_code == 200
        if confirm:
            press(client, f"{place}/confirm")
        return db.session.get_one(OldImport, int(place.rpartition("/")[2]), populate_existing=True)

    return send


def press(client: FlaskClient, path: str) -> Any:
    token = cast.csrf(client.get("/profile").get_data(as_text=True))
    with collecting() as run:
        answer = client.post(path, data={"csrf_token": token})
        run()
    return answer


def count(model: Any, *which: Any) -> int:
    db.session.rollback()  # what was read before may be older
    return db.session.scalar(select(func.count()).select_from(model).where(*which)) or 0


def planned_for(company: SimpleNamespace, email: str, now: datetime, days: int = 15) -> Invitation:
    """A purchase of whoever has this address, decided by a whole heartbeat."""
    point = db.session.scalars(select(ContactPoint).where(ContactPoint.value == email)).first()
    with transaction():
        customer = db.session.get(Customer, point.customer_id) if point else None
        if point:
            db.session.add(Ground(contact_point_id=point.id, channel="email", kind="contract", since=now))
        customer = customer or factories.make_customer(company, now=now, email=email)
        happened_at = now - timedelta(days=days)
        bought = factories.make_interaction(company, now=now, customer=customer, happened_at=happened_at).id
    schedule.run_steps(schedule.Beat())
    db.session.rollback()
    return db.session.scalars(select(Invitation).where(Invitation.interaction_id == bought)).one()


def test_answers_are_taken_over_once_and_marked_with_where_they_come_from(
    client: FlaskClient, company: SimpleNamespace, upload: Any
):
    one = upload(ANSWERS)
    page = client.get(f"/old-answers/{one.id}").get_data(as_text=True)

    assert (one.state, one.accepted, one.seen["counts"]["rejected"]) == (BatchState.DONE, 4, 1)
    assert "the score is not a whole number" in page
    assert "Нарнія" in page
    anna = db.session.scalars(select(Response).where(Response.score == 3)).one()
    assert (anna.region_id, anna.comment, anna.basis) == (company.regions.kyiv.id, "Долго везли", Basis.IMPORTED)
    assert str(anna.local_date) == "2026-11-01"
    assert count(ContactPoint, ContactPoint.kind == ContactKind.PHONE, ContactPoint.value == "+380671234567") == 1
    assert "old, from Oprosnik" in client.get("/answers/").get_data(as_text=True)
    assert "imported on" in client.get(f"/answers/{anna.id}").get_data(as_text=True)
    assert "Oprosnik" in client.get("/answers/export.csv").get_data(as_text=True)
    again = upload(ANSWERS)
    assert (again.accepted, again.seen["counts"]["known"]) == (0, 4)
    assert (count(Response), count(Hold), count(ContactFact)) == (4, 1, 3)


def test_reports_count_old_answers_only_where_they_are_asked_to(
    client: FlaskClient, company: SimpleNamespace, upload: Any, at_now
):
    upload(ANSWERS)
    with transaction():
        services.mark_dirty(company.survey.id, factories.make_response(company, now=at_now, score=10).local_date)

    def answers(**which: str) -> int:
        db.session.rollback()
        return sum(reports.counted(reports.Selection(**which)).by_score)

    assert (answers(), answers(old="with"), answers(old="only")) == (1, 5, 4)
    schedule.run_steps(schedule.Beat())
    assert (answers(), answers(old="with")) == (1, 5)
    shown = client.get("/answers/?old=without").get_data(as_text=True)
    assert "Oprosnik" not in shown


def test_old_answers_open_no_case_and_write_no_letter(company: SimpleNamespace, upload: Any):
    upload(ANSWERS)

    for _ in range(2):
        assert schedule.run_steps(schedule.Beat()) == []

    assert (count(Case), count(Message), count(Invitation)) == (0, 0, 0)
    assert count(Response, Response.read_at.is_(None)) == 0


def test_a_last_date_in_the_file_keeps_its_person_out_for_the_quarantine(company: SimpleNamespace, upload: Any, at_now):
    upload("E-mail;Last asked\nanna@example.com;2026-10-20\noleh@example.com;2026-06-01\n", holds="asked")

    recent, long_ago = (planned_for(company, f"{name}@example.com", at_now) for name in ("anna", "oleh"))

    assert recent.reason is Reason.QUARANTINE
    assert long_ago.state in (InvitationState.PLANNED, InvitationState.HANDED_OVER)


def test_whoever_unsubscribed_or_bounced_there_is_not_asked_here_until_it_is_undone(
    client: FlaskClient, company: SimpleNamespace, upload: Any, at_now: datetime
):
    before = planned_for(company, "anna@example.com", at_now, days=10)
    assert before.state is InvitationState.PLANNED
    bought = before.interaction_id
    gone = upload("E-mail;Date\nanna@example.com;2025-01-01\noleh@example.com;2025-01-01\n", holds="unsubscribed")
    upload("E-mail;Bounced\nivan@example.com;yes\nvira@example.com;no\n", holds="bounced")
    schedule.run_steps(schedule.Beat())
    db.session.rollback()

    assert (
        db.session.scalars(select(Invitation.reason).where(Invitation.interaction_id == bought)).one()
        is Reason.SUPPRESSED
    )
    assert planned_for(company, "oleh@example.com", at_now).reason is Reason.SUPPRESSED
    assert planned_for(company, "ivan@example.com", at_now).reason is Reason.SUPPRESSED
    assert planned_for(company, "vira@example.com", at_now).reason is None
    assert post.stops(["ivan@example.com"], now=at_now) == {"ivan@example.com": {SuppressionReason.BOUNCED}}
    assert press(client, f"/old-answers/{gone.id}/undo").status_code == 409  # the bounces came later
    press(client, f"/old-answers/{gone.id + 1}/undo")
    press(client, f"/old-answers/{gone.id}/undo")
    assert post.stops(["ivan@example.com", "oleh@example.com"], now=at_now) == {}
    assert count(Hold, Hold.lifted_at.is_(None)) == 0


def test_an_undone_import_leaves_nothing_that_counts(
    client: FlaskClient, company: SimpleNamespace, upload: Any, at_now
):
    one = upload(ANSWERS)

    press(client, f"/old-answers/{one.id}/undo")

    assert (count(Response), count(ContactFact, ContactFact.exempt.is_(False)), count(Customer)) == (0, 0, 3)
    assert planned_for(company, "anna@example.com", at_now).reason is None
    assert upload(ANSWERS).accepted == 4


def test_columns_with_names_of_their_own_are_explained_on_the_page(client: FlaskClient, upload: Any):
    one = upload("When;How likely;Who\n2026-10-01;9;anna@example.com\n2026-10-02;4;oleh@example.com\n", confirm=False)
    assert one.state is BatchState.REFUSED
    token = cast.csrf(client.get("/profile").get_data(as_text=True))
    words = {"column-0": "happened_at", "column-1": "property:score", "column-2": "email", "csrf_token": token}
    with collecting() as run:
        client.post(f"/old-answers/{one.id}/columns", data=words)
        run()

    press(client, f"/old-answers/{one.id}/confirm")

    assert [row.score for row in db.session.scalars(select(Response).order_by(Response.id))] == [9, 4]


def test_a_worker_that_died_in_the_middle_is_followed_by_one_that_finishes(
    company: SimpleNamespace, upload: Any, at_now: datetime, monkeypatch: pytest.MonkeyPatch
):
    lines = "".join(f"2026-10-01;{n % 11};a{n}@example.com\n" for n in range(1200))
    one = upload("Date;Score;E-mail\n" + lines, confirm=False)
    assert one.seen["counts"]["answers"] == 1200
    chunks, real = [], tasks.old.apply

    def dies(*args: Any, **options: Any) -> bool:
        chunks.append(1)
        return real(*args, **options) if len(chunks) != 2 else _killed()

    monkeypatch.setattr(tasks.old, "apply", dies)
    with transaction():
        tasks.old.move(one.id, BatchState.STAGED, state=BatchState.APPLYING)
    with pytest.raises(KeyboardInterrupt):
        tasks.apply_old(one.id)
    assert count(Response) == 500
    with collecting() as run:
        tasks.resume_old_answers(at_now + timedelta(hours=1))
        with transaction():
            db.session.get_one(OldImport, one.id).lease_until = None
        run()

    assert (count(Response), db.session.get_one(OldImport, one.id, populate_existing=True).accepted) == (1200, 1200)


def _killed() -> bool:
    raise KeyboardInterrupt
