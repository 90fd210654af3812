"""What arrives late, twice, in parts or mistyped: nothing of it is lost, and nothing newer is overwritten."""

import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.customers.models import ContactPoint, Customer, Ground
from npsapp.db import db, transaction
from npsapp.intake import tasks
from npsapp.intake.models import BatchState, DocumentName, ImportBatch, Interaction, RejectedRow, Source
from npsapp.invitations import letters, services as invitations
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState, Reason
from tests.intake.files import csv_file
from tests.intake.program import CUSTOMERS, PURCHASES, Program, bought
from tests.intake.test_commerceml import FULL
from tests.intake.test_import import _confirm, _stage
from tests.intake.test_onec import Client, _work, address, base, client as onec_client  # noqa: F401 - fixtures

TEXT = FULL.read_text("utf-8-sig")
ORDER, SHIPMENT, PAYMENT, _open, _retail, CANCELLED, RETURN = re.findall(r"<Документ>.*?</Документ>", TEXT, re.S)
RETURN = RETURN.replace("<Сумма>650</Сумма>", "<Сумма>19100</Сумма>", 1)
MOYSKLAD = (
    "<Документ><Ид>{id}</Ид><Номер>{number}</Номер><Сумма>19100.00</Сумма><ЗначенияРеквизитов><ЗначениеРеквизита>"
    "<Наименование>ПометкаУдаления</Наименование><Значение>{gone}</Значение></ЗначениеРеквизита>"
    "</ЗначенияРеквизитов></Документ>"
)


@pytest.fixture
def shop(onec_client: Client, at_now: datetime) -> Client:  # noqa: F811
    """A 1C base whose buyers are asked."""
    with transaction():
        source = db.session.get_one(Source, onec_client.source.id)
        source.live_at, source.grounds, source.outbox_confirmed_at = at_now, {"email": "contract"}, at_now
    return onec_client


def send(shop: Client, now: datetime, *documents: str, made: str = "2026-11-05T21:30:00") -> ImportBatch:
    """A package with these documents arrives, and what it brings is planned."""
    head = TEXT[: TEXT.index("<Контейнер>")].replace("2026-11-05T21:30:00", made)
    content = f"{head}{''.join(documents)}</КоммерческаяИнформация>".encode()
    shop.sign_in()
    assert shop.send("orders.xml", content) == [b"success"]
    batch = _work()[-1]
    plan(now)
    assert batch.state is BatchState.DONE
    return batch


def plan(now: datetime) -> None:
    with transaction():
        letters.exclude_cancelled(now=now)
    ids = db.session.scalars(select(Interaction.id).where(Interaction.undecided)).all()
    db.session.rollback()
    with transaction():
        invitations.plan(ids, without_mail=frozenset(), now=now)


def the_only() -> Interaction:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Interaction)).one()


def decision() -> InvitationState | Reason:
    db.session.rollback()
    db.session.expire_all()
    found = db.session.scalars(select(Invitation)).one()
    return found.reason or found.state


def points() -> dict[str, str]:
    db.session.rollback()
    return dict(db.session.execute(select(ContactPoint.value, ContactPoint.fault)).all())


def rejects() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(RejectedRow.reason).order_by(RejectedRow.id)))


# ---- documents that name each other ----


def test_a_return_that_names_the_shipment_of_an_earlier_package_takes_the_invitation_back(shop: Client, now: datetime):
    send(shop, now, ORDER, SHIPMENT)
    assert decision() is InvitationState.PLANNED

    send(shop, now, RETURN)

    assert (the_only().number, the_only().state) == ("БУ00-000101", "returned")
    assert decision() is Reason.CANCELLED


@pytest.mark.parametrize("order", [[SHIPMENT], [ORDER, SHIPMENT], [SHIPMENT, ORDER], [ORDER, PAYMENT, SHIPMENT]])
def test_a_return_that_comes_first_waits_and_counts_when_its_purchase_comes(
    shop: Client, now: datetime, order: list[str]
):
    assert send(shop, now, RETURN).rejected == 1
    assert send(shop, now, RETURN).rejected == 1
    assert rejects() == ["purchase_unknown"] * 2

    for document in order:
        send(shop, now, document)

    assert the_only().state == "returned"
    assert decision() is Reason.CANCELLED
    assert db.session.scalars(select(DocumentName.id).where(DocumentName.interaction_id.is_(None))).all() == []


@pytest.mark.parametrize("documents", [[SHIPMENT, ORDER, RETURN], [RETURN, SHIPMENT, ORDER], [ORDER, RETURN, SHIPMENT]])
def test_in_one_package_the_order_of_documents_does_not_matter(shop: Client, now: datetime, documents: list[str]):
    send(shop, now, *documents)

    assert (the_only().number, the_only().state) == ("БУ00-000101", "returned")


def test_a_return_through_the_api_finds_its_purchase_by_the_shipments_id(program: Program):
    shipment = bought(1, kind="shipment", basis="O-1", number="S-1", state="completed")
    back = {"external_id": "r1", "kind": "return", "basis": "p1", "state": "returned", "happened_at": "2026-11-06"}
    answer = program.post(PURCHASES, [back])
    assert [one["code"] for one in answer.json["rejected"]] == ["purchase_unknown"]

    program.post(PURCHASES, [shipment])
    program.post(PURCHASES, [bought(2, kind="order", number="O-1")])

    assert (the_only().state, the_only().number) == ("returned", "O-1")
    assert program.post(PURCHASES, [back]).json["unchanged"] == 1


# ---- without a date ----


@pytest.mark.parametrize("id_", [re.search("<Ид>(.*?)</Ид>", ORDER)[1], ""])
def test_a_cancellation_without_a_date_takes_back_what_is_known(shop: Client, now: datetime, id_: str):
    send(shop, now, ORDER)
    before = the_only().happened_at

    send(shop, now, MOYSKLAD.format(id=id_, number="БУ00-000101", gone="true"))

    assert decision() is Reason.CANCELLED
    assert the_only().happened_at == before
    assert rejects() == []


def test_what_says_neither_a_date_nor_anything_of_a_known_purchase_is_rejected(shop: Client, now: datetime):
    send(shop, now, MOYSKLAD.format(id="x", number="77", gone="true"), "<Документ><Ид>y</Ид></Документ>")

    assert sorted(rejects()) == ["no_date", "no_date"]
    assert db.session.scalars(select(Interaction)).all() == []


def test_the_api_takes_a_state_without_a_date_for_what_it_knows(program: Program):
    program.post(PURCHASES, [bought(1)])

    answer = program.post(PURCHASES, [{"external_id": p, "state": "cancelled"} for p in ("p1", "p2")])

    assert [one["result"] for one in answer.json["results"]] == ["updated", "rejected"]
    assert answer.json["rejected"][0]["code"] == "no_date"
    assert the_only().cancelled_at is not None
    assert program.post(PURCHASES, [{"external_id": "p1"}]).json["rejected"][0]["code"] == "no_date"


# ---- older than what is known ----


def test_an_older_package_overwrites_nothing_newer_and_brings_what_is_new(shop: Client, now: datetime):
    newer = ORDER.replace("<Сумма>19100</Сумма>", "<Сумма>20000.00</Сумма>", 1)
    assert newer != ORDER
    send(shop, now, newer, made="2026-11-05T21:30:00")

    batch = send(shop, now, ORDER, SHIPMENT, made="2026-11-05T20:00:00")

    assert (batch.unchanged, batch.updated) == (1, 1)
    assert the_only().amount == 20000
    assert len(the_only().documents) == 2


def test_the_same_from_a_newer_package_is_unchanged_and_still_guards_against_an_older_one(shop: Client, now: datetime):
    changed = ORDER.replace("<Сумма>19100</Сумма>", "<Сумма>5.00</Сумма>", 1)
    send(shop, now, ORDER, made="2026-11-05T20:00:00")
    assert send(shop, now, ORDER, made="2026-11-05T22:00:00").unchanged == 1

    assert send(shop, now, changed, made="2026-11-05T21:00:00").unchanged == 1
    assert send(shop, now, changed, made="2026-11-05T23:00:00").updated == 1

    assert the_only().amount == 5


def test_a_base_whose_clock_ran_ahead_is_heard_when_it_is_right_again(shop: Client, now: datetime):
    changed = ORDER.replace("<Сумма>19100</Сумма>", "<Сумма>5.00</Сумма>", 1)
    send(shop, now, ORDER, made="2031-01-01T00:00:00")

    assert send(shop, now, changed, made="2027-11-20T12:00:00").updated == 1


# ---- mistyped addresses ----


def test_a_mistyped_address_is_kept_with_its_reason_until_a_good_one_comes(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path, client: FlaskClient, login: Any
):
    heading = "external_id;happened_at;email;phone;customer_name"
    lines = [
        "A1;05.11.2026 10:15;olena@gmail;067 123 45 67;Олена Коваль",
        "A2;05.11.2026 10:15;ivan.gmail.com;;Іван Бондар",
    ]
    batch = _batch(csv_file(tmp_path, lines, heading=heading), company, at_now)
    assert (batch.accepted, batch.rejected) == (2, 0)
    assert points() == {"olena@gmail": "email", "+380671234567": "", "ivan.gmail.com": "email"}
    plan_live(at_now)
    assert {one.reason for one in db.session.scalars(select(Invitation))} == {Reason.NO_ADDRESS}
    ivan = db.session.scalars(select(Customer.id).where(Customer.name == "Іван Бондар")).one()
    login(client, company.support)
    page = client.get(f"/customers/{ivan}").get_data(as_text=True)
    assert "ivan.gmail.com" in page
    assert "mailto:ivan" not in page
    assert "mistyped: not an e-mail address" in page

    assert _batch(csv_file(tmp_path, lines, heading=heading), company, at_now).unchanged == 2
    good = [
        line.replace("olena@gmail;", "olena@gmail.com;").replace("ivan.gmail.com", "ivan@gmail.com") for line in lines
    ]
    _batch(csv_file(tmp_path, good, heading=heading), company, at_now)

    assert points() == {"olena@gmail.com": "", "+380671234567": "", "ivan@gmail.com": ""}
    assert (
        db.session.scalars(select(ContactPoint.customer_id).where(ContactPoint.value == "ivan@gmail.com")).one() == ivan
    )
    plan_live(at_now)
    assert {one.state for one in db.session.scalars(select(Invitation))} == {InvitationState.PLANNED}


def _batch(path: Path, company: SimpleNamespace, now: datetime) -> ImportBatch:
    batch_id = _confirm(_stage(path, company, now), company, now, email="contract")
    tasks.apply_batch(batch_id)
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(ImportBatch, batch_id)


def plan_live(now: datetime) -> None:
    with transaction():
        for source in db.session.scalars(select(Source)):
            source.live_at, source.outbox_confirmed_at = now, now
    plan(now)
    db.session.expire_all()


def test_what_several_people_mistyped_alike_makes_them_no_person(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    lines = [f"A{n};05.11.2026 10:15;a@a;Покупець {n}" for n in (1, 2)]
    _batch(csv_file(tmp_path, lines, heading="external_id;happened_at;email;customer_name"), company, at_now)

    people = db.session.scalars(select(Interaction.customer_id)).all()
    assert len(set(people)) == 2
    assert None not in people


def test_the_api_tells_what_was_mistyped_and_the_retail_buyer_keeps_nothing(program: Program):
    mistyped = bought(1, customer={"emails": ["nobody@@nowhere"], "phones": ["12-34-5"]})
    nobody = bought(2, customer={"name": "Роздрібний покупець", "emails": ["a@a"]})

    answer = program.post(PURCHASES, [mistyped, nobody])

    assert answer.json["results"][0]["mistyped"] == ["nobody@@nowhere", "12-34-5"]
    assert "mistyped" not in answer.json["results"][1]
    assert points() == {"nobody@@nowhere": "email", "12-34-5": "phone"}
    assert program.put(CUSTOMERS + "c7", {"emails": ["x@@y"]}).json["mistyped"] == ["x@@y"]


# ---- several addresses, companies ----


def test_all_addresses_of_a_person_are_kept_each_with_its_grounds(program: Program):
    customer = {
        "external_id": "c1", "name": "Ірина", "emails": ["a@shop.example", "b@shop.example"],
        "phones": ["+380671234567", "+380671234568"], "consents": {"sms": True}, "grounds": {"phone": "interest"},
    }  # fmt: skip
    program.post(PURCHASES, [bought(1, customer=customer)])
    program.put(CUSTOMERS + "c1", {"emails": ["c@shop.example", "b@shop.example"], "grounds": {"email": "interest"}})

    rows = db.session.execute(select(ContactPoint.value, Ground.channel, Ground.kind).join(Ground.contact_point)).all()
    found = {(value, channel.value, kind.value) for value, channel, kind in rows}
    assert {value for value, *_ in found} == {*customer["emails"], *customer["phones"], "c@shop.example"}
    for number in customer["phones"]:
        assert {(number, "sms", "consent"), (number, "phone", "interest")} <= found
    assert ("a@shop.example", "email", "contract") in found
    assert ("c@shop.example", "email", "interest") in found
    assert len(set(db.session.scalars(select(ContactPoint.customer_id)))) == 1


def test_a_company_is_never_addressed_by_name(program: Program):
    program.post(PURCHASES, [bought(1, customer={"external_id": "c1", "name": "Олена Коваль", "is_company": True})])
    firm = db.session.scalars(select(Customer)).one()
    assert (firm.is_firm, firm.address_as) == (True, "")

    program.put(CUSTOMERS + "c1", {"is_company": False})

    db.session.rollback()
    db.session.expire_all()
    person = db.session.scalars(select(Customer)).one()
    assert not person.is_firm
    assert person.address_as
