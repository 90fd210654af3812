"""The JSON API of purchases, customers and consents, asked over HTTP as an own program does."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from npsapp import schedule
from npsapp.customers.models import ContactPoint, Customer, Ground
from npsapp.customers.rules import GroundKind
from npsapp.db import db, transaction
from npsapp.delivery.rules import Channel
from npsapp.intake import exchanges
from npsapp.intake.models import ApiAnswer, ImportBatch, Interaction, RejectedRow
from npsapp.lib import clock
from tests.intake.program import CONSENTS, CUSTOMERS, PROBLEM, PURCHASES, Program, bought, connect

SAMPLE = {
    "external_id": "aaaa0001", "number": "БУ00-000077", "kind": "shipment", "basis": "БУ00-000101",
    "happened_at": "2026-11-05T12:00:00", "amount": "19100.00", "currency": "UAH", "state": "completed",
    "store": {"id": "4444", "name": "Магазин Київ-Лівий берег"}, "department": "Роздріб Київ",
    "manager": "Ірина Бондар", "region": "Київ",
    "customer": {"external_id": "2222", "name": "Олена Коваль", "is_company": False, "emails": ["olena@shop.example"],
                 "phones": ["+380671234567"], "consent": True},
}  # fmt: skip
"""As in the contract given to engineers."""


def purchases() -> list[Interaction]:
    db.session.rollback()
    db.session.expire_all()
    return db.session.query(Interaction).order_by(Interaction.id).all()


def grounds(value: str) -> set[tuple[Channel, GroundKind, bool]]:
    db.session.rollback()
    rows = db.session.execute(
        select(Ground.channel, Ground.kind, Ground.withdrawn_at).join(ContactPoint).where(ContactPoint.value == value)
    )
    return {(channel, kind, at is not None) for channel, kind, at in rows}


# ---- purchases ----


def test_the_contracts_sample_becomes_an_interaction(program: Program, company: SimpleNamespace) -> None:
    answer = program.post(PURCHASES, {"purchases": [SAMPLE]})

    assert answer.status_code == 200
    assert (answer.json["accepted"], answer.json["rejected"]) == (1, [])
    [one] = purchases()
    assert (one.number, one.amount, one.currency) == ("БУ00-000077", 19100, "UAH")
    assert (one.kind, one.state, one.region_id) == ("shipment", "completed", company.regions.kyiv.id)
    assert one.happened_at.isoformat() == "2026-11-05T10:00:00+00:00"  # the connection's zone is Kyiv
    assert one.unit.name["uk"] == "Магазин Київ-Лівий берег"
    assert one.customer.name == "Олена Коваль"
    assert (Channel.EMAIL, GroundKind.CONSENT, False) in grounds("olena@shop.example")


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: [one], lambda one: {"interactions": [one]}])
def test_one_object_a_list_and_a_wrapped_list_are_all_taken(program: Program, wrap: Any) -> None:
    answer = program.post(PURCHASES, wrap(bought(1)))

    assert answer.json["results"] == [{"index": 0, "external_id": "p1", "result": "accepted"}]
    assert len(purchases()) == 1


def test_the_columns_of_a_file_are_taken_as_fields(program: Program, company: SimpleNamespace) -> None:
    flat = {
        "external_id": "f1", "happened_at": "05.11.2026 10:15", "email": "flat@shop.example", "phone": "067 123 45 67",
        "customer_id": "77", "customer_name": "Петро", "unit": "Лівий берег", "performer": "seller: Оля",
        "amount": 12.5, "consent_sms": "так", "key_customer": "yes", "touchpoint": company.touchpoint.key,
    }  # fmt: skip

    answer = program.post(PURCHASES, flat)

    assert answer.json["accepted"] == 1, answer.json
    assert answer.json["ignored_fields"] == []
    [one] = purchases()
    assert one.amount == 12.5
    assert one.customer.is_key
    assert (Channel.SMS, GroundKind.CONSENT, False) in grounds("+380671234567")


def test_every_record_has_its_own_result_and_a_bad_one_stops_nobody(program: Program) -> None:
    bad = [
        bought(2, happened_at=None), bought(3, happened_at="soon"), bought(4, amount={"sum": 1}), "no object",
        bought(6, state="shipped"), bought(7, currency="?!"),
        {"happened_at": "2026-11-05"}, bought(8, properties={str(n): "x" for n in range(9)}),
        bought(9, customer={"emails": ["a@shop.example"], "consents": {"pigeon": True}}), bought(10, brand="nobody's"),
    ]  # fmt: skip

    answer = program.post(PURCHASES, [bought(1), *bad, bought(11)])

    assert answer.status_code == 200
    assert (answer.json["accepted"], len(answer.json["rejected"])) == (2, len(bad))
    told = [(one["code"], one.get("field", "")) for one in answer.json["rejected"]]
    assert told == [
        ("no_date", "happened_at"), ("bad_date", "happened_at"), ("wrong_type", "amount"), ("wrong_type", ""),
        ("unknown_word", "state"), ("bad_currency", "currency"), ("no_identity", ""),
        ("wrong_type", "properties"), ("unknown_word", "customer.consents"), ("unknown_brand", "brand"),
    ]  # fmt: skip
    assert [one["index"] for one in answer.json["results"]] == list(range(len(bad) + 2))
    assert all(one["message"] for one in answer.json["rejected"])
    assert "completed" in answer.json["rejected"][4]["expected"]
    assert [one.external_id for one in purchases()] == ["p1", "p11"]


def test_a_row_the_database_refuses_is_rejected_alone(program: Program) -> None:
    """A rule nobody foresaw: the whole list fails, is repeated one by one, and names that were new stay known."""
    program.post(PURCHASES, bought(0, title="once"))
    with db.engine.begin() as one:
        one.execute(text("CREATE UNIQUE INDEX unforeseen ON interaction (title) WHERE title = 'once'"))
    try:
        answer = program.post(PURCHASES, [bought(1, unit="Нова"), bought(2, title="once"), bought(3, unit="Нова")])
    finally:
        with db.engine.begin() as one:
            one.execute(text("DROP INDEX unforeseen"))

    assert [one["result"] for one in answer.json["results"]] == ["accepted", "rejected", "accepted"]
    assert answer.json["rejected"][0]["code"] == "not_writable"
    _before, first, third = purchases()
    assert first.unit_id == third.unit_id is not None


def test_what_is_sent_again_is_unchanged_or_updated_and_never_twice(program: Program) -> None:
    program.post(PURCHASES, [bought(1), bought(2)])

    again = program.post(PURCHASES, [bought(1), bought(2, amount="5"), bought(3), bought(3, amount="7")])

    assert [one["result"] for one in again.json["results"]] == ["unchanged", "updated", "accepted", "updated"]
    assert [one.amount for one in purchases()] == [None, 5, 7]


def test_absent_and_empty_fields_blank_nothing(program: Program) -> None:
    program.post(PURCHASES, bought(1, amount="10", title="лоток", unit="Склад 1"))

    answer = program.post(PURCHASES, bought(1, amount=None, title="", unit=None))

    assert answer.json["unchanged"] == 1
    assert purchases()[0].title == "лоток"


def test_cancelled_is_taken_back_and_completed_puts_it_back(program: Program) -> None:
    program.post(PURCHASES, bought(1, state="completed"))
    program.post(PURCHASES, bought(1, state="cancelled"))
    assert purchases()[0].cancelled_at is not None

    program.post(PURCHASES, bought(1, state="completed"))

    assert purchases()[0].cancelled_at is None


def test_order_shipment_and_payment_are_one_interaction(program: Program) -> None:
    order = bought(1, external_id="o1", number="N1", kind="order", state="open")
    shipment = bought(1, external_id="s1", number="N2", kind="shipment", basis="N1", state="completed")

    program.post(PURCHASES, [order, shipment])
    program.post(PURCHASES, bought(1, external_id="b1", number="N3", kind="payment", basis="N1", state="completed"))

    [one] = purchases()
    assert (one.number, one.state) == ("N1", "completed")


def test_one_import_stands_for_a_day_and_counts_all_of_it(program: Program) -> None:
    program.post(PURCHASES, [bought(1), bought(2, happened_at="")])
    program.post(PURCHASES, [bought(1), bought(3, customer={})])

    batch = db.session.query(ImportBatch).one()
    assert (batch.file_name, batch.state.value) == ("API 2026-11-20", "done")
    assert (batch.accepted, batch.unchanged, batch.rejected, batch.rows, batch.no_address) == (2, 1, 1, 4, 1)
    assert db.session.query(RejectedRow.reason, RejectedRow.column, RejectedRow.value).all() == [
        ("no_date", "happened_at", "")
    ]
    with clock.pretend(clock.utcnow() + timedelta(days=1)):
        program.post(PURCHASES, bought(4))
    assert db.session.query(ImportBatch).count() == 2


def test_a_connection_in_trial_takes_in_and_counts_and_the_page_shows_the_exchange(program: Program) -> None:
    program.post(PURCHASES, [bought(1), bought(2, amount="many")])

    assert program.source.in_trial
    assert program.source.heard_at == program.source.accepted_at == clock.utcnow()
    [one] = exchanges.newest(program.source_id)
    assert (one.what, one.count, one.failed) == ("Purchases by the API", 1, False)
    assert one.error % one.error_values == (
        "1 of 2 records were rejected; the answer to the program named each with the reason."
    )


def test_grounds_sent_with_a_purchase_count_before_the_connections_own(program: Program) -> None:
    person = {"emails": ["g@shop.example"], "phones": ["+380671112233"], "grounds": {"email": "interest"}}
    program.post(PURCHASES, bought(1, customer=person | {"consents": {"sms": True}}))

    assert grounds("g@shop.example") == {(Channel.EMAIL, GroundKind.INTEREST, False)}
    assert grounds("+380671112233") == {(Channel.SMS, GroundKind.CONSENT, False)}


def test_a_yes_without_a_channel_is_for_letters_and_a_no_for_everything(program: Program) -> None:
    yes = {"emails": ["yes@shop.example"], "phones": ["+380671112244"], "consent": True}
    no = {"emails": ["no@shop.example"], "phones": ["+380671112255"], "consent": False}
    program.post(PURCHASES, [bought(1, customer=yes), bought(2, customer=no)])

    assert grounds("yes@shop.example") == {(Channel.EMAIL, GroundKind.CONSENT, False)}
    assert grounds("+380671112244") == set()
    assert grounds("no@shop.example") == {(Channel.EMAIL, GroundKind.CONSENT, True)}
    assert {gone for _channel, _kind, gone in grounds("+380671112255")} == {True}


def test_misspelt_fields_are_named(program: Program) -> None:
    answer = program.post(PURCHASES, bought(1, ammount="5", customer={"emails": ["m@shop.example"], "nmae": "x"}))

    assert answer.json["accepted"] == 1
    assert answer.json["ignored_fields"] == ["ammount", "customer.nmae"]


@pytest.mark.parametrize(("language", "word"), [("uk", "Немає дати"), ("en", "The date is missing.")])
def test_reasons_come_in_the_language_the_program_asks_for(program: Program, language: str, word: str) -> None:
    answer = program.post(PURCHASES, {"external_id": "x"}, **{"Accept-Language": language})

    assert word in answer.json["rejected"][0]["message"]


def test_numbers_keep_what_was_written(program: Program) -> None:
    program.post(PURCHASES, b'{"external_id": 12345678901234567890123, "date": "2026-11-05", "amount": 0.10}')

    [one] = purchases()
    assert (one.external_id, str(one.amount)) == ("12345678901234567890123", "0.10")


# ---- the same request again ----


def test_an_idempotency_key_repeats_the_answer_for_a_day(program: Program) -> None:
    first = program.post(PURCHASES, bought(1), key="k-1")
    with transaction():
        db.session.delete(purchases()[0])

    assert program.post(PURCHASES, bought(1), key="k-1").json == first.json
    assert purchases() == []
    with clock.pretend(clock.utcnow() + timedelta(hours=24)):
        program.post(PURCHASES, bought(1), key="k-1")
    assert len(purchases()) == 1


def test_an_idempotency_key_stands_for_one_request_only(program: Program, client: FlaskClient, company: Any) -> None:
    program.post(PURCHASES, bought(1), key="k-1")

    other_body = program.post(PURCHASES, bought(2), key="k-1")
    other_path = program.post(CONSENTS, bought(1), key="k-1")
    elsewhere = connect(client, company, clock.utcnow(), "another").post(PURCHASES, bought(2), key="k-1")

    assert [other_body.status_code, other_path.status_code] == [422, 422]
    assert other_body.json["code"] == "reused_idempotency_key"
    assert other_body.json["errors"][0]["field"] == "Idempotency-Key"
    assert elsewhere.json["accepted"] == 1
    assert [one.external_id for one in purchases()] == ["p1", "p2"]


def test_a_request_that_was_refused_as_a_whole_leaves_its_key_free(program: Program) -> None:
    assert program.post(PURCHASES, b"{", key="k-1").status_code == 422

    assert program.post(PURCHASES, bought(1), key="k-1").json["accepted"] == 1


@pytest.mark.parametrize("key", [" ", "a b", "ключ".encode().decode("latin-1"), "x" * 201])
def test_an_idempotency_key_that_cannot_be_one_is_refused(program: Program, key: str) -> None:
    answer = program.post(PURCHASES, bought(1), key=key)

    assert (answer.status_code, answer.json["code"]) == (422, "bad_idempotency_key")


def test_answers_older_than_a_day_are_forgotten(program: Program, at_now: datetime) -> None:
    program.post(PURCHASES, bought(1), key="old")
    with clock.pretend(at_now + timedelta(hours=23)):
        program.post(PURCHASES, bought(1), key="young")

    with clock.pretend(at_now + timedelta(hours=24)):
        schedule.tidy(schedule.Beat())

    assert db.session.query(ApiAnswer.key).all() == [("young",)]


# ---- customers ----


def test_a_customer_is_put_with_several_addresses_and_follows_later_changes(program: Program, company: Any) -> None:
    first = program.put(CUSTOMERS + "77", {
        "name": "Олена", "emails": ["a@shop.example", "b@shop.example"], "phones": "067 123 45 67", "language": "uk",
        "region": "Київ", "consents": {"sms": True},
    })  # fmt: skip
    second = program.put(CUSTOMERS + "77", {"name": "Олена Коваль", "is_key": True})

    assert (first.status_code, first.json) == (
        201, {"external_id": "77", "result": "accepted", "ignored_fields": []},
    )  # fmt: skip
    assert (second.status_code, second.json["result"]) == (200, "updated")
    one = db.session.query(Customer).one()
    assert (one.name, one.language, one.is_key, one.region_id) == ("Олена Коваль", "uk", True, company.regions.kyiv.id)
    assert {point.value for point in one.contact_points} == {"a@shop.example", "b@shop.example", "+380671234567"}
    assert grounds("+380671234567") == {(Channel.SMS, GroundKind.CONSENT, False)}
    assert grounds("b@shop.example") == {(Channel.EMAIL, GroundKind.CONTRACT, False)}


def test_a_customers_new_address_lets_the_planner_look_again(program: Program) -> None:
    program.post(PURCHASES, bought(1, customer={"external_id": "c1"}))
    with transaction():
        db.session.query(Interaction).update({"undecided": False})

    program.put(CUSTOMERS + "c1", {"emails": ["late@shop.example"]})

    assert purchases()[0].undecided


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ([], "wrong_shape", ""), ({"emails": {"a": 1}}, "wrong_type", "emails"),
        ({"is_key": "perhaps"}, "wrong_type", "is_key"),
        ({"grounds": {"email": "because"}}, "bad_value", "grounds"),
    ],
)  # fmt: skip
def test_a_customer_that_cannot_be_read_is_refused_by_the_name_of_the_field(
    program: Program, body: Any, code: str, field: str
) -> None:
    answer = program.put(CUSTOMERS + "77", body)

    assert (answer.status_code, answer.content_type, answer.json["code"]) == (422, PROBLEM, code)
    assert [one["field"] for one in answer.json.get("errors", [])] == ([field] if field else [])
    assert db.session.query(Customer).count() == 0


def test_where_ids_are_no_persons_no_customer_is_put(client: FlaskClient, company: Any, at_now: datetime) -> None:
    program = connect(client, company, at_now, ids_are_persons=False)

    answer = program.put(CUSTOMERS + "77", {"name": "x"})

    assert (answer.status_code, answer.json["code"]) == (409, "not_persons")


# ---- consents ----


def test_a_consent_is_taken_down_with_its_proof(program: Program) -> None:
    answer = program.post(CONSENTS, {
        "phone": "+380671234567", "channel": "sms", "who": "till 4", "at": "2026-11-05T12:00:00", "how": "loyalty form",
    })  # fmt: skip

    assert answer.json["accepted"] == 1, answer.json
    assert grounds("+380671234567") == {(Channel.SMS, GroundKind.CONSENT, False)}
    assert db.session.query(Ground.proof).scalar() == "API; loyalty form; till 4; 2026-11-05T10:00+00:00"


def test_each_consent_has_its_own_result(program: Program) -> None:
    program.put(CUSTOMERS + "77", {"emails": ["e@shop.example"]})
    proof = {"at": "2026-11-05", "how": "form"}
    sent = [
        {"external_id": "77", "channel": "email", **proof}, {"external_id": "77", "channel": "sms", **proof},
        {"email": "new@shop.example", "channel": "email"}, {"email": "a@@b", "channel": "email", **proof},
        {"email": "new@shop.example", **proof}, {"channel": "email", **proof}, 7,
        {"email": "new@shop.example", "channel": "email", "ground": "contract"},
        {"email": "new@shop.example", "channel": "email", "given": False},
        {"email": "new@shop.example", "channel": "email", **proof}, {"external_id": "78", "channel": "email", **proof},
        {"email": "x@shop.example", "channel": "email", "at": "soon", "how": "form"},
    ]  # fmt: skip

    answer = program.post(CONSENTS, {"consents": sent})

    told = [one.get("code", one["result"]) for one in answer.json["results"]]
    assert told == ["accepted", "no_address", "no_proof", "bad_address", "no_channel", "no_address", "wrong_type",
                    "accepted", "accepted", "withdrawn", "no_address", "bad_date"]  # fmt: skip
    assert grounds("e@shop.example") == {
        (Channel.EMAIL, GroundKind.CONTRACT, False),
        (Channel.EMAIL, GroundKind.CONSENT, False),
    }
    assert {gone for *_, gone in grounds("new@shop.example")} == {True}


def test_a_consent_never_overrides_a_refusal_and_says_so(program: Program) -> None:
    refused = program.post(CONSENTS, {"email": "e@shop.example", "channel": "email", "given": False})
    later = {"email": "e@shop.example", "channel": "email", "at": "2026-11-19", "how": "form"}

    answer = program.post(CONSENTS, later)

    assert refused.json["accepted"] == 1
    assert answer.json["rejected"][0]["code"] == "withdrawn"
    assert {gone for *_, gone in grounds("e@shop.example")} == {True}


def test_the_same_consent_again_is_unchanged(program: Program) -> None:
    word = {"email": "e@shop.example", "channel": "email", "at": "2026-11-05", "how": "form"}
    no = {"email": "no@shop.example", "channel": "email", "given": False}
    program.post(CONSENTS, [word, no])

    assert program.post(CONSENTS, [word, no]).json["unchanged"] == 2
