"""The pages of a step's words: pictures, HTML of one's own, SMS, the history, two texts."""

import re
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.delivery import senders
from npsapp.delivery.rules import Channel, GatewayKind
from npsapp.surveys import queries, texts
from npsapp.surveys.letters import Variant
from tests.browser import ONE_DATABASE
from tests.cast import csrf
from tests.factories import make_interaction
from tests.surveys.test_views import fields, filled

pytestmark = ONE_DATABASE
OWN = '<p>Good day, {{ name }}</p>{{ scale }}<a href="{{ unsubscribe }}">Stop</a>'


@pytest.fixture
def analyst(client: FlaskClient, company: SimpleNamespace, login) -> FlaskClient:
    return login(client, company.analyst)


@pytest.fixture
def url(company: SimpleNamespace) -> str:
    return f"/surveys/{company.survey.id}/letter"


def test_a_picture_is_added_without_losing_what_was_typed(
    analyst: FlaskClient, app: Flask, url: str, company: SimpleNamespace
) -> None:
    written = BytesIO()
    Image.new("RGB", (2000, 100), "#1F5FBF").save(written, "JPEG")
    data = filled(analyst, url) | {"do": "picture", "letter__subject__uk": "Ще не збережено"}

    answer = analyst.post(url, data=data | {"picture": (BytesIO(written.getvalue()), "own.jpg")})

    typed = fields(answer.text)
    (file,) = Path(app.instance_path, "logos").glob("*.png")
    assert answer.status_code == 200
    assert typed["letter__subject__uk"] == "Ще не збережено"
    assert typed["letter__body__en"].endswith(f"\n\n[picture: {file.name} | What the picture shows]")
    with Image.open(file) as kept:
        assert kept.size == (960, 48)
    assert queries.letter(company.survey.id)["subject"]["uk"].startswith("Ваше")
    assert analyst.post(url, data=typed).status_code == 303
    assert f'src="/logos/{file.name}"' in analyst.get(f"{url}/preview?show=en").text
    file.unlink()


def test_no_picture_is_added_when_none_was_chosen_or_it_is_none(analyst: FlaskClient, url: str) -> None:
    data = filled(analyst, url) | {"do": "picture"}

    assert "Choose a picture first." in analyst.post(url, data=data).text
    mine = {"letter__subject__uk": "Моє"}
    refused = analyst.post(url, data=data | mine | {"picture": (BytesIO(b"<svg onload='x'/>"), "own.svg")})
    assert "SVG files may carry scripts" in refused.text
    assert fields(refused.text)["letter__subject__uk"] == "Моє"


def test_html_of_ones_own_is_checked_and_shown_without_scripts(analyst: FlaskClient, url: str) -> None:
    data = filled(analyst, url) | {"letter__html__en": OWN + "\n<script>1</script>"}

    refused = analyst.post(url, data=data)
    assert refused.status_code == 422
    assert "2: &lt;script&gt;" in refused.text
    assert analyst.post(url, data=data | {"letter__html__en": OWN}).status_code == 303
    shown = analyst.get(f"{url}/preview?show=en")
    assert shown.text.startswith("<p>Good day, Olena</p>")
    assert "/r/preview/10" in shown.text
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert "Good day, Olena. One question" in analyst.get(f"{url}/preview?show=en&as=text").text
    assert "Олено Іванівно, добрий день" in analyst.get(f"{url}/preview?show=uk").text


def test_the_sms_of_a_step_is_written_and_its_parts_counted(
    analyst: FlaskClient, url: str, company: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "CHAINS", [lambda _id: [(2, Channel.SMS)]])
    sms = f"{url}?step=2&channel=sms"
    assert "Texts still missing:" in analyst.get(sms).text
    data = filled(analyst, sms)
    said = {f"letter__sms__{language}": "Порадите нас? {link}" for language in ("en", "ru", "uk")}

    faulty = analyst.post(sms, data=data | said | {"letter__sms__en": "Recommend us?"})
    shown = analyst.post(f"{url}/preview?step=2&channel=sms&show=uk", data=data | said).text

    assert "needs its link exactly once" in faulty.text
    assert "Порадите нас? http" in shown
    assert "1 частина" in shown
    assert analyst.post(sms, data=data | said).status_code == 303
    assert queries.letter(company.survey.id, 2, Channel.SMS)["sms"]["ru"] == "Порадите нас? {link}"
    assert "Texts still missing:" not in analyst.get(sms).text


def set_price(company: SimpleNamespace, now: datetime, price: str | None, currency: str = "UAH") -> None:
    sender = {"address": "VODOLAD", "username": ""}
    gateway = {"kind": GatewayKind.KANNEL, "url": "http://127.0.0.1:13013/", "price": price and Decimal(price)}
    about = {"secret": "", "keys": [], "actor": PROGRAM, "now": now}
    with transaction():
        senders.set_gateway(company.brand.id, sender, gateway | {"currency": currency}, **about)


@pytest.mark.parametrize(
    ("price", "currency", "one", "two"),
    [
        ("0.8", "UAH", "0.80\N{NO-BREAK SPACE}UAH per message", "1.60\N{NO-BREAK SPACE}UAH per message"),
        ("0.0085", "USD", "0.0085\N{NO-BREAK SPACE}USD per message", "0.017\N{NO-BREAK SPACE}USD per message"),
        ("0", "UAH", "0.00\N{NO-BREAK SPACE}UAH per message", "0.00\N{NO-BREAK SPACE}UAH per message"),
    ],
)
def test_beside_the_parts_stands_what_a_message_costs(
    analyst: FlaskClient,
    url: str,
    company: SimpleNamespace,
    now: datetime,
    price: str,
    currency: str,
    one: str,
    two: str,
) -> None:
    set_price(company, now, price, currency)
    typed = {"letter__sms__en": "Recommend us? {link}", "letter__sms__uk": "Порадите нас друзям? " * 3 + "{link}"}
    data = typed | {"csrf_token": csrf(analyst.get(url).text)}

    english, cyrillic = (
        analyst.post(f"{url}/preview?step=2&channel=sms&show={language}", data=data).text for language in ("en", "uk")
    )
    data["letter__sms__en"] = typed["letter__sms__uk"]
    longer = analyst.post(f"{url}/preview?step=2&channel=sms&show=en", data=data).text

    assert re.search(rf"1 part · \d+ places · Latin: 160 places in one part · {one}</p>", english)
    assert re.search(rf"2 parts · \d+ places · Cyrillic: 70 places in one part · {two}</p>", longer)
    assert re.search(r"2 частини .*\b" + two.split("\N{NO-BREAK SPACE}")[0].replace(".", ","), cyrillic)


def test_without_a_price_only_administrators_are_led_to_where_it_is_entered(
    client: FlaskClient, login, url: str, company: SimpleNamespace, now: datetime
) -> None:
    sms, there = f"{url}?step=2&channel=sms", f'href="/senders/{company.brand.id}/sms#price"'

    def led() -> list[bool]:
        return [there in login(client, user).get(sms).text for user in (company.analyst, company.admin)]

    assert led() == [False, True]
    assert "per message" not in client.get(f"{url}/preview?step=2&channel=sms&show=en").text
    set_price(company, now, None)
    assert led() == [False, True]
    assert "per message" not in client.get(f"{url}/preview?step=2&channel=sms&show=en").text
    assert there not in client.get(url).text
    assert 'id="price"' in client.get(f"/senders/{company.brand.id}/sms").text

    set_price(company, now, "0.8")
    assert led() == [False, False]


def test_with_a_real_purchase_an_sms_shows_its_cost_as_well(
    analyst: FlaskClient, url: str, company: SimpleNamespace, now: datetime
) -> None:
    set_price(company, now, "0.8")
    with transaction():
        bought = make_interaction(company, now=now)
        said = {"sms": {"en": "Recommend us? {link}"}}
        texts.edit(company.survey.id, said, step=2, channel=Channel.SMS, now=now, actor=PROGRAM)

    shown = analyst.get(f"{url}/real/{bought.id}?step=2&channel=sms&show=en")

    assert "Recommend us? http" in shown.text
    assert "0.80\N{NO-BREAK SPACE}UAH per message" in shown.text


def test_the_history_shows_what_a_save_changed_and_brings_it_back(
    analyst: FlaskClient, url: str, company: SimpleNamespace
) -> None:
    old = queries.words(company.survey.id)[Variant.A].id
    analyst.post(url, data=filled(analyst, url) | {"letter__subject__en": "Your purchase: one question"})

    page = analyst.get(f"{url}/history").text
    assert "Compared with version 1" in page
    assert "<ins>purchase</ins>" in page
    assert "<del>order[ of {date}]</del>" in page
    assert company.analyst.name in page
    first = analyst.get(f"{url}/history?words={old}").text
    answer = analyst.post(f"{url}/history/{old}/restore", data={"csrf_token": csrf(first)})
    assert answer.status_code == 303
    assert queries.letter(company.survey.id)["subject"]["en"] == "Your order[ of {date}]: one question"
    assert analyst.post(f"{url}/history/999/restore", data={"csrf_token": csrf(first)}).status_code == 404


def test_two_texts_are_begun_and_ended_on_the_page(analyst: FlaskClient, url: str, company: SimpleNamespace) -> None:
    token = {"csrf_token": csrf(analyst.get(url).text)}
    assert analyst.get(f"{url}?text=b").status_code == 404

    begun = analyst.post(f"{url}/compare?text=b", data=token)
    data = filled(analyst, begun.location) | {"letter__subject__uk": "Друга", "share": "20"}
    assert analyst.post(begun.location, data=data | {"share": "100"}).status_code == 422
    assert analyst.post(begun.location, data=data).status_code == 303

    words = queries.words(company.survey.id)
    assert (words[Variant.B].share, words[Variant.B].texts["subject"]["uk"]) == (20, "Друга")
    assert analyst.post(f"{url}/take-b", data=token).status_code == 303
    db.session.rollback()
    assert queries.letter(company.survey.id)["subject"]["uk"] == "Друга"
    assert list(queries.words(company.survey.id)) == [Variant.A]


def test_a_letter_changed_meanwhile_is_not_overwritten(
    analyst: FlaskClient, url: str, company: SimpleNamespace, now
) -> None:
    late = filled(analyst, url)
    with transaction():
        texts.edit(company.survey.id, {"subject": {"uk": "Інша"}}, now=now, actor=texts.audit.PROGRAM)

    answer = analyst.post(url, data=late | {"letter__subject__uk": "Моя"})

    assert answer.status_code in (302, 303, 409)
    assert queries.letter(company.survey.id)["subject"]["uk"] == "Інша"
