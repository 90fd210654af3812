"""Parts of short messages, and what gateways answer and report: tables, and properties of counting."""

import json

import pytest
from hypothesis import given, strategies as st

from npsapp.delivery.channels import gateways, kannel
from npsapp.delivery.channels.gateways import DEAD, NO, SMSC, TURBOSMS, Gate, News, Recipe, Short, Way
from npsapp.delivery.parts import BASIC, EXTENDED, count_parts

GATE = Gate("https://gate.example/send", "NPS", "us", "s&cr=t")
SHORT = Short(7, "380671234567", 'Скажіть "так"\n{secret}', "https://nps.example/sms/report/abc")


@pytest.mark.parametrize(
    ("text", "parts", "characters", "unicode"),
    [
        ("", 0, 0, False),
        ("a" * 160, 1, 160, False),
        ("a" * 161, 2, 161, False),
        ("a" * 306, 2, 306, False),
        ("a" * 307, 3, 307, False),
        ("€" * 80, 1, 160, False),
        ("€" * 81, 2, 162, False),
        ("€" * 153, 3, 306, False),  # an escape and its letter are never parted: 76 in each part
        ("я" * 70, 1, 70, True),
        ("я" * 71, 2, 71, True),
        ("я" * 134, 2, 134, True),
        ("я" * 135, 3, 135, True),
        ("😀" * 35, 1, 70, True),
        ("😀" * 67, 3, 134, True),  # 33 in each part
        ("Ωμέγα", 1, 5, True),  # only capital Greek letters are in the GSM table
        ("ΩΣΔ", 1, 3, False),
        ("`", 1, 1, True),
    ],
)
def test_a_text_takes_so_many_parts(text: str, parts: int, characters: int, unicode: bool) -> None:
    found = count_parts(text)

    assert (found.parts, found.characters, found.unicode) == (parts, characters, unicode)


@given(st.text(max_size=700))
def test_parts_hold_the_whole_text_and_none_is_needless(text: str) -> None:
    found = count_parts(text)
    alone, several = (70, 67) if found.unicode else (160, 153)

    assert found.unicode == any(one not in BASIC | EXTENDED for one in text)
    if found.unicode:
        assert found.characters == len(text.encode("utf-16-le", "surrogatepass")) // 2
    assert found.parts == 1 if 0 < found.characters <= alone else found.parts != 1
    assert found.characters <= max(alone, found.parts * several)
    assert found.parts <= 1 or found.characters > (found.parts - 1) * (several - 1)


@given(st.text(max_size=300), st.characters())
def test_a_longer_text_never_takes_fewer_parts(text: str, one: str) -> None:
    assert count_parts(text + one).parts >= count_parts(text).parts


# ---- Kannel ----------------------------------------------------------------------------------------------------------


def test_kannel_is_asked_without_a_secret_in_the_address() -> None:
    asked = kannel.ask(GATE, SHORT)

    assert (asked.method, asked.url) == ("POST", GATE.url)
    assert asked.headers["X-Kannel-Password"] == "s&cr=t"
    assert (asked.headers["X-Kannel-Coding"], asked.body.decode()) == ("2", SHORT.text)
    assert asked.headers["X-Kannel-DLR-Url"] == f"{SHORT.report_url}?status=%d&reply=%A"
    assert "s&cr=t" not in repr(asked) + repr(GATE)


@pytest.mark.parametrize(
    ("status", "body", "permanent", "ours"),
    [
        (403, "Authorization failed for sendsms", False, True),
        (400, "Empty receiver number not allowed, rejected", True, False),
        (503, "Temporal failure, try again later.", False, False),
        (404, "Unknown request.", False, True),
        (200, "<html>another program</html>", False, True),
    ],
)
def test_kannel_refuses_for_a_reason(status: int, body: str, permanent: bool, ours: bool) -> None:
    failure = kannel.read_answer(status, body).failure

    assert failure
    assert (failure.permanent, failure.ours) == (permanent, ours)


@pytest.mark.parametrize("body", ["0: Accepted for delivery", "3: Queued for later delivery"])
def test_kannel_takes_a_message(body: str) -> None:
    assert kannel.read_answer(202, body).failure is None


@pytest.mark.parametrize(
    ("status", "words", "news", "dead", "ours"),
    [
        ("8", "ACK/", News.ON_ITS_WAY, False, False),
        ("4", "", News.ON_ITS_WAY, False, False),
        ("1", "", News.DELIVERED, False, False),
        ("2", "id:1 stat:UNDELIV", News.NOT_DELIVERED, False, False),
        ("2", "id:1 stat:UNDELIV text:absent subscriber unknown", News.NOT_DELIVERED, True, False),
        ("16", "NACK/permfail bad number", News.NOT_DELIVERED, True, False),
        ("16", "NACK/11/Invalid Destination Address", News.NOT_DELIVERED, True, False),
        ("16", "NACK/no credit on account of number 7", News.NOT_DELIVERED, False, True),
        ("16", "NACK/69", News.NOT_DELIVERED, False, False),
    ],
)
def test_kannel_reports(status: str, words: str, news: News, dead: bool, ours: bool) -> None:
    report = kannel.read_report(status, words)

    assert report
    assert report.news is news
    assert (report.failure is not None and report.failure.status == DEAD) == dead
    assert (report.failure is not None and report.failure.ours) == ours


@pytest.mark.parametrize("status", ["", "0", "3", "-1", "²", "one", "99999999999999999999"])
def test_what_is_no_report_means_nothing(status: str) -> None:
    assert kannel.read_report(status, "") is None


# ---- providers by recipe ---------------------------------------------------------------------------------------------


def test_a_json_recipe_cannot_be_broken_by_what_a_customer_is_called() -> None:
    asked = gateways.ask(GATE, TURBOSMS, SHORT)

    assert asked.headers["Authorization"] == "Bearer s&cr=t"
    said = json.loads(asked.body)
    assert said == {"recipients": ["380671234567"], "sms": {"sender": "NPS", "text": SHORT.text}}


def test_a_form_recipe_encodes_its_fields() -> None:
    asked = gateways.ask(GATE, SMSC, SHORT)

    assert asked.method == "POST"
    assert b"apikey=s%26cr%3Dt&phones=380671234567&mes=%D0%A1" in asked.body
    assert asked.body.endswith(b"&id=7&charset=utf-8&fmt=3")


def test_a_recipe_in_the_address_holds_no_secret() -> None:
    recipe = Recipe(way=Way.QUERY, body="to={to}\nkey={secret}", accepted="ok")

    assert gateways.fault_of(recipe) == "body"
    assert gateways.fault_of(Recipe(way=Way.QUERY, body="to={to}", headers="Key: {secret}", accepted="ok")) == ""


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        (Recipe(body="{", accepted="x"), "body"),
        (Recipe(body="{}", accepted="(", headers=""), "accepted"),
        (Recipe(body="{}", accepted="x", headers="no colon"), "headers"),
        (Recipe(way=Way.FORM, body="no equals sign", accepted="x"), "body"),
        (TURBOSMS, ""),
        (SMSC, ""),
    ],
)
def test_a_faulty_recipe_is_found(recipe: Recipe, field: str) -> None:
    assert gateways.fault_of(recipe) == field


TURBO_OK = '{"response_code":801,"response_result":[{"phone":"380671234567","response_code":0,"message_id":"f83f"}]}'


@pytest.mark.parametrize(
    ("recipe", "status", "body", "ref", "permanent", "dead", "ours"),
    [
        (TURBOSMS, 200, TURBO_OK, "f83f", None, False, False),
        (TURBOSMS, 200, '{"response_code":103,"response_status":"REQUIRED_TOKEN"}', "", False, False, True),
        (TURBOSMS, 200, '{"response_result":[{"response_code":406,"response_status":"NOT_ALLOWED_RECIPIENT"}]}')
        + ("", True, True, False),
        (SMSC, 200, '{"id":7,"cnt":1}', "7", None, False, False),
        (SMSC, 200, '{"error":"no money","error_code":3}', "", False, False, True),
        (SMSC, 200, '{"error":"invalid number","error_code":7,"id":7}', "", True, True, False),
        (SMSC, 200, '{"error":"parameters","error_code":1}', "", True, False, False),
        (SMSC, 429, "slow down", "", False, False, False),
        (SMSC, 503, "", "", False, False, False),
        (SMSC, 302, "", "", False, False, True),
        (SMSC, 401, "", "", False, False, True),
        (SMSC, 200, "not JSON at all", "", True, False, False),
    ],
)
def test_a_gateway_answers(
    recipe: Recipe, status: int, body: str, ref: str, permanent: bool | None, dead: bool, ours: bool
) -> None:
    answer = gateways.read_answer(recipe, status, body)

    assert answer.ref == ref
    if permanent is None:
        assert answer.failure is None
        return
    assert answer.failure
    assert (answer.failure.permanent, answer.failure.ours) == (permanent, ours)
    assert (answer.failure.status == DEAD) == dead
    assert "380671234567" not in answer.failure.words


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_gateway_that_broke_off_may_have_taken_the_message(status: int) -> None:
    assert gateways.read_answer(SMSC, status, "").in_doubt


@pytest.mark.parametrize(
    ("status", "news", "dead"),
    [("1", News.DELIVERED, False), ("20", News.NOT_DELIVERED, False), ("3", News.NOT_DELIVERED, False)],
)
def test_a_gateway_reports(status: str, news: News, dead: bool) -> None:
    report = gateways.read_report(SMSC, {"id": "7", "status": status})

    assert report
    assert report.news is news
    assert (report.failure.status if report.failure else None) == (None if news is News.DELIVERED else NO)


def test_a_report_about_nothing_final_says_nothing() -> None:
    assert gateways.read_report(SMSC, {"id": "7", "status": "-1"}) is None
    assert gateways.read_report(SMSC, {}) is None
