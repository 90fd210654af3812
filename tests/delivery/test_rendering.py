"""How letters to customers are laid out: both parts, styles in the tags, light enough, readable without pictures."""

import email
import email.policy
import re
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from npsapp.db import transaction
from npsapp.delivery import rendering
from npsapp.delivery.blocks import Words, parse
from npsapp.delivery.channels import Outgoing
from npsapp.delivery.channels.mail import compose
from npsapp.surveys import letters, wording
from tests.browser import ONE_DATABASE
from tests.surveys.test_rules import facts

pytestmark = ONE_DATABASE
PICTURE = "0123456789abcdef0123.png"
BODY = f"""# Thank you, Olena
First line
second line & more

[scale]

[button: Our shop | https://shop.example/?a=1&b=2]
[picture: {PICTURE} | Our new store]
[signature: Olena | Head of service]
Small print."""


def words(body: str = BODY, html: str = "") -> Words:
    return Words("One question", tuple(parse(body)), html)


def made(company: SimpleNamespace, said: Any, language: str = "en") -> rendering.Letter:
    link = "https://nps.example/r/" + "x" * 24
    scale = rendering.Scale("How likely <are> you?", "0 – never", "10 – gladly", link)
    addresses = {"unsubscribe_url": "https://nps.example/u/t?a=1&b=2", "privacy_url": "https://nps.example/privacy/v"}
    about = {"scale": scale, "logo": "0a.png", "site": "https://nps.example"}
    return rendering.invitation(company.brand, language=language, words=said, **about, **addresses)


def test_every_block_stands_in_both_parts(company: SimpleNamespace) -> None:
    letter = made(company, words())

    for said in ("Thank you, Olena", "Our shop", "Our new store", "Head of service", "Small print.", "10 – gladly"):
        assert said in letter.html
        assert said in letter.body
    assert "First line<br>second line &amp; more</p>" in letter.html
    assert "First line\nsecond line & more\n" in letter.body
    assert 'href="https://shop.example/?a=1&amp;b=2"' in letter.html
    assert "Our shop: https://shop.example/?a=1&b=2" in letter.body
    assert "[Our new store]" in letter.body
    for score in range(11):
        assert f'href="https://nps.example/r/{"x" * 24}/{score}"' in letter.html
        assert f": https://nps.example/r/{'x' * 24}/{score}\n" in letter.body
    assert letter.body.index("/10") < letter.body.index("Small print.") < letter.body.index("Unsubscribe: ")


def test_blocks_stand_in_the_order_they_were_written(company: SimpleNamespace) -> None:
    letter = made(company, words("After\n\n[signature]\n\n[scale]\n\n# Last"))

    for part in (letter.html, letter.body):
        assert part.index("After") < part.index("/r/xxx") < part.rindex("Last")
    assert "\nVodolad\n" in letter.body


def test_styles_stand_in_the_tags_and_pictures_have_words(company: SimpleNamespace) -> None:
    html = made(company, words()).html

    assert not re.search(r"<style|<link|@media|class=", html)
    assert all('alt="' in tag for tag in re.findall(r"<img[^>]*>", html))
    assert f'src="https://nps.example/logos/{PICTURE}"' in html
    assert "display:inline-block;width:42px" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    colours = re.findall(r'style="([^"]*\bcolor:#[^"]*)"', html)
    assert colours  # every text says its colour itself, so that no program guesses it
    for cell in re.findall(r'<a href="[^"]*/r/[^"]*"[^>]*style="([^"]*)"', html):
        assert "color:#0E141B" in cell
        assert "background:#FFFFFF" in cell
        assert "border:1px solid" in cell  # seen also where colours are turned round


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
def test_the_usual_letter_is_light_on_the_wire(company: SimpleNamespace, app: Flask, language: str) -> None:
    """As SMTP carries it: all headers, both parts, both encodings."""
    said = letters.said(wording.default_letter("purchase"), language=language, values=facts(language))
    letter = made(company, said, language)

    arrived = on_the_wire(letter, cyrillic=language != "en")

    assert len(arrived) < 25_000
    assert len(arrived) <= rendering.weight(letter)
    message = email.message_from_bytes(arrived, policy=email.policy.default)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message.get_body(("plain",)).get_content().split() == letter.body.split()


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
def test_the_fullest_letter_stays_under_60_kb(company: SimpleNamespace, app: Flask, language: str) -> None:
    """The longest text the editor takes, with the longest names in the longest alphabet."""
    body = ("Щ" * 160 + "\n\n") * 24 + "[scale]"
    assert len(body) <= letters.BODY_MAX

    letter = made(company, words(body), language)

    assert len(on_the_wire(letter, cyrillic=True)) <= rendering.weight(letter) < 60 * 1024


def on_the_wire(letter: rendering.Letter, *, cyrillic: bool) -> bytes:
    values = dict.fromkeys(Outgoing.__dataclass_fields__, "") | vars(letter)
    values |= {"id": 7, "cyrillic": cyrillic, "from_address": "nps@vodolad.example", "to_address": "a@b.example"}
    values |= {"from_name": "Водолад", "to_name": "Олена", "message_id": "<1@vodolad.example>"}
    return compose(Outgoing(**values)).as_bytes()


def test_html_of_ones_own_gets_the_scale_and_the_links(company: SimpleNamespace) -> None:
    own = '<p>{{scale}}</p><a href="{{ unsubscribe }}">stop</a> <a href="{{ privacy }}">p</a> &#123;{ scale }}'

    letter = made(company, words(html=own))

    assert letter.html.startswith("<p>")
    assert "How likely &lt;are&gt; you?" in letter.html
    assert letter.html.count("/r/" + "x" * 24) == 11
    assert '<a href="https://nps.example/u/t?a=1&amp;b=2">stop</a>' in letter.html
    assert letter.html.endswith("&#123;{ scale }}")
    assert "Thank you, Olena" in letter.body


def test_a_brand_with_group_colours_has_them_in_its_cells(company: SimpleNamespace) -> None:
    with transaction():
        company.brand.group_colours = True

    html = made(company, words()).html

    assert html.count("background:#D55E00") == 7
    assert html.count("background:#009E73") == 2
