"""The description of the API keeps its word: whatever JSON comes, the answer is one that is described."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings, strategies as st

from npsapp.intake import api_examples
from npsapp.intake.api_docs import OPERATIONS, document
from npsapp.intake.api_fields import CONSENT, CUSTOMER, INTERACTION, PERSON, Kind, example, unread
from npsapp.intake.api_rows import FIELDS
from npsapp.intake.columns import Field
from tests.intake.program import CONSENTS, CUSTOMERS, PROBLEM, PURCHASES, Program

ALLOWED = {200, 201, 401, 403, 409, 413, 422, 429}
QUIET = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20),
    st.sampled_from(["2026-11-05", "05.11.2026 10:15", "a@shop.example", "067 123 45 67", "\x00", "-5", "9" * 90]),
)  # fmt: skip
NAMES = st.text(max_size=9)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def record(fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with names of ours, of which some hold what they should and some anything."""
    names = sorted({name.split(".")[0] for one in fields for name in one.names})
    usual = example(fields)
    told = st.sampled_from(names).flatmap(
        lambda name: st.tuples(st.just(name), st.just(usual[name]) | ANYTHING if name in usual else ANYTHING)
    )
    return st.lists(told, max_size=9).map(dict)


def _purchase() -> st.SearchStrategy[Any]:
    """A purchase that is mostly right, with things put into it."""
    customer = record(PERSON)
    return st.tuples(record(FIELDS), customer).map(
        lambda parts: {**example(INTERACTION), "customer": parts[1], **parts[0]}
    )


def _check(answer: Any) -> None:
    assert answer.status_code in ALLOWED, (answer.status_code, answer.text)
    if answer.status_code < 300:
        assert answer.content_type == "application/json"
    else:
        assert answer.content_type == PROBLEM
        assert {"type", "title", "status", "detail", "code"} <= answer.json.keys()


@QUIET
@given(body=ANYTHING | st.lists(_purchase() | ANYTHING, max_size=4))
def test_whatever_is_sent_as_purchases_is_answered_as_described(program: Program, body: Any) -> None:
    answer = program.post(PURCHASES, body)

    _check(answer)
    if answer.status_code == 200:
        one = answer.json
        assert len(one["results"]) == one["accepted"] + one["updated"] + one["unchanged"] + len(one["rejected"])


@QUIET
@given(body=ANYTHING | record(CUSTOMER), external_id=st.text(st.characters(codec="utf-8"), max_size=90))
def test_whatever_is_sent_as_a_customer_is_answered_as_described(program: Program, body: Any, external_id: str) -> None:
    path = CUSTOMERS + "".join(f"%{byte:02X}" for byte in external_id.encode())
    answer = program.put(path, body)

    if answer.status_code not in (404, 405, 308):  # an empty id, or one with a slash, is another address
        _check(answer)


@QUIET
@given(body=ANYTHING | st.lists(record(CONSENT), max_size=5))
def test_whatever_is_sent_as_consents_is_answered_as_described(program: Program, body: Any) -> None:
    _check(program.post(CONSENTS, body))


@QUIET
@given(body=st.binary(max_size=200))
def test_whatever_bytes_are_sent_nothing_breaks(program: Program, body: bytes) -> None:
    _check(program.post(PURCHASES, body))


# ---- the document ----


def test_the_document_is_openapi_31_and_names_every_field_once(client: FlaskClient) -> None:
    answer = client.get("/api/v1/openapi.json")

    found = answer.json
    assert found["openapi"].startswith("3.1")
    steps = {"/api/v1/steps/due", "/api/v1/steps/{step_id}/result"}
    assert set(found["paths"]) == {PURCHASES, CUSTOMERS + "{external_id}", CONSENTS} | steps
    purchase = found["components"]["schemas"]["Interaction"]["properties"]
    assert set(purchase) == {one.name.split(".")[0] for one in INTERACTION}
    assert purchase["kind"]["enum"][:2] == ["order", "shipment"]
    assert set(purchase["customer"]["properties"]) == {"external_id", *(one.name for one in PERSON)}
    assert "Set-Cookie" not in answer.headers


def test_references_of_the_document_lead_somewhere() -> None:
    found = document("https://nps.example.com")
    text = json.dumps(found)
    for part in text.split('"$ref": "')[1:]:
        kind, name = part.split('"')[0].removeprefix("#/components/").split("/")
        assert name in found["components"][kind]


def test_every_column_of_a_file_is_a_field() -> None:
    assert {one.column for one in FIELDS if one.column} == set(Field)


def test_no_two_fields_have_the_same_name() -> None:
    for fields in (FIELDS, CUSTOMER, CONSENT):
        names = [name for one in fields for name in one.names]
        assert sorted(names) == sorted(set(names))


def test_names_of_columns_and_of_the_contract_are_all_read() -> None:
    flat = {field.value: "x" for field in Field}
    contract = {"basis": 1, "department": 1, "store": {"id": 1, "name": 1}, "customer": {"consent": 1, "emails": 1}}

    assert list(unread([flat | contract, 7], FIELDS)) == []


def test_examples_are_accepted_as_they_stand(program: Program) -> None:
    """What the page shows can be sent: the body of each curl line, and each field's example."""
    for one in OPERATIONS:
        assert all(said.example is None or said.kind in Kind for said in one.fields)
        path = one.path.replace("{external_id}", "2222-77")
        body = {one.lists[0]: [example(one.fields)]} if one.lists else example(one.fields)

        answer = program.client.open(path, method=one.method.upper(), json=body, headers={"X-Api-Key": program.secret})

        assert answer.status_code in {200, 201}, answer.json
        assert answer.json.get("rejected", []) == []
        assert answer.json["ignored_fields"] == []


def test_the_curl_line_sends_what_it_shows(program: Program) -> None:
    line = api_examples.curl("https://nps.example.com", "the key")
    body = line.split("-d '")[1].removesuffix("'")

    assert "'Authorization: Bearer the key'" in line
    assert program.post(PURCHASES, body.encode()).json["accepted"] == 1
    assert program.source.accepted_at is not None


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://nps.example.com", ['"nps.example.com", 443', "OpenSSL", '"/api/v1/interactions"']),
        ("http://10.0.0.5:8000/nps", ['"10.0.0.5", 8000', "Неопределено", '"/nps/api/v1/interactions"']),
    ],
)
def test_the_procedure_for_1c_has_the_address_and_the_key_in_it(url: str, parts: list[str]) -> None:
    text = api_examples.onec(url, "the key")

    assert all(part in text for part in [*parts, "Bearer the key"])
    assert "@" not in text
    for begin, end in (("Процедура ", "КонецПроцедуры"), ("Функция ", "КонецФункции"), ("Цикл\n", "КонецЦикла")):
        assert text.count(begin) == text.count(end)


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
def test_the_page_shows_every_field_and_needs_no_script(client: FlaskClient, language: str) -> None:
    page = client.get("/api/docs", headers={"Accept-Language": language})

    assert page.status_code == 200
    assert "<script" not in page.text
    for fields in (INTERACTION, CUSTOMER, CONSENT):
        assert all(f"<code>{one.name}</code>" in page.text for one in fields)
    assert "curl -X PUT" in page.text
    assert "Set-Cookie" not in page.headers
