"""Letters as text with blocks, HTML of one's own, short messages: what is wrong with them, and how they read."""

import re

import pytest

from npsapp.delivery.blocks import Block, Kind, parse
from npsapp.delivery.parts import count_parts
from npsapp.delivery.rules import Channel
from npsapp.surveys import letters, own_html, wording
from npsapp.surveys.rules import LANGUAGES
from tests.surveys.test_rules import TOUCHPOINTS, facts


def body_fault(text: str) -> str:
    texts = {"subject": {"en": "One question"}, "body": {"en": text}}
    found = letters.faults(texts, Channel.EMAIL, ["en"])
    return " ".join(one.wording % {"detail": one.detail} for one in found)


@pytest.mark.parametrize("touchpoint", TOUCHPOINTS)
def test_the_default_messages_are_complete(touchpoint: str) -> None:
    first = wording.default_letter(touchpoint)

    assert letters.faults(first, Channel.EMAIL, LANGUAGES) == []
    assert letters.faults(wording.default_reminder(first), Channel.EMAIL, LANGUAGES) == []
    assert letters.faults(wording.default_short_message(), Channel.SMS, LANGUAGES) == []


@pytest.mark.parametrize(
    ("language", "subject", "before", "after"),
    [
        (
            "en",
            "Your order of 3 November: one question",
            "Good day, Olena. One question about your purchase of 3 November, Odesa: a sample purchase.",
            (
                "You received this letter because you bought a sample purchase from us on 3 November. "
                'No more such letters: "Unsubscribe".'
            ),
        ),
        (
            "ru",
            "Ваш заказ от 3 ноября: один вопрос",
            ("Елена Ивановна, здравствуйте. Один вопрос о вашей покупке от 3 ноября, Одесса: пример покупки."),
            (
                "Вы получили это письмо, потому что 3 ноября купили у нас «пример покупки». "
                "Не хотите таких писем — нажмите «Отписаться»."
            ),
        ),
        (
            "uk",
            "Ваше замовлення від 3 листопада: одне запитання",
            ("Олено Іванівно, добрий день. Одне запитання про вашу покупку від 3 листопада, Одеса: приклад покупки."),
            (
                "Ви отримали цей лист, бо 3 листопада придбали в нас «приклад покупки». "
                "Не хочете таких листів — натисніть «Відписатися»."
            ),
        ),
    ],
)
def test_the_letter_reads_as_designed(language: str, subject: str, before: str, after: str) -> None:
    said = letters.said(wording.default_letter("purchase"), language=language, values=facts(language))

    assert (said.subject, said.html) == (subject, "")
    assert said.blocks == (Block(Kind.TEXT, (before,)), Block(Kind.SCALE), Block(Kind.TEXT, (after,)))


def test_a_letter_without_a_language_falls_back_to_english() -> None:
    texts = wording.default_letter("purchase") | {"subject": {"en": "One question"}}

    assert letters.said(texts, language="uk", values=facts("uk")).subject == "One question"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_usual_sms_fits_into_one_part(language: str) -> None:
    link = "https://nps.example.com/s/abcdefgh"

    said = letters.short_message(wording.default_short_message(), language=language, values=facts(language), link=link)

    assert said.endswith(link)
    assert count_parts(said).parts == 1


def test_lines_of_their_own_are_blocks() -> None:
    text = "# Good day[, {name}]\nOne line\nand another\n\n[scale]\n[button: Our shop | https://a.example/?a=1|2]\n"
    text += "[picture: 0123456789abcdef0123.png | A lion ]\n[signature: Olena | Head[, {place}|]]\n[signature]\n# \n#no"

    assert parse(text) == [
        Block(Kind.HEADING, ("Good day[, {name}]",)),
        Block(Kind.TEXT, ("One line\nand another",)),
        Block(Kind.SCALE),
        Block(Kind.BUTTON, ("Our shop", "https://a.example/?a=1|2")),
        Block(Kind.PICTURE, ("0123456789abcdef0123.png", "A lion")),
        Block(Kind.SIGNATURE, ("Olena", "Head[, {place}|]")),
        Block(Kind.SIGNATURE),
        Block(Kind.TEXT, ("#\n#no",)),
    ]


def test_a_value_brings_no_blocks_and_no_placeholders() -> None:
    texts = {"subject": {"en": "{title}"}, "body": {"en": "{title}\n[scale]"}}

    said = letters.said(texts, language="en", values=facts("en", title="[scale] {name}\n# x"))

    assert said.subject == "[scale] {name} # x"
    assert [block.kind for block in said.blocks] == [Kind.TEXT, Kind.SCALE]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "missing"),
        ("No scale", "exactly once"),
        ("[scale]\n[scale]", "exactly once"),
        ("[scale]\n[sclae]", "bracket"),
        ("[scale]\n{nmae}", "no placeholder {nmae}"),
        ("[scale]\n{name.__class__}", "no placeholder {name.__class__}"),
        ("[scale]\n# Good day, {nmae}", "{nmae}"),
        ("[scale]\n[button: Shop | javascript:alert(1)]", "A button needs"),
        ("[scale]\n[button: https://a.example]", "A button needs"),
        ("[scale]\n[picture: ../../secret.png | x]", "A picture needs"),
        ("[scale]\n[picture: 0123456789abcdef0123.png]", "A picture needs"),
        ("[scale]\n" + "x" * 4000, "at most"),
    ],
)
def test_a_fault_of_a_letter_is_named(text: str, words: str) -> None:
    assert words in body_fault(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Recommend us? {link}", ""),
        ("Recommend us?", "exactly once"),
        ("{link} {link}", "exactly once"),
        ("{lnik} {link}", "{lnik}"),
        ("x" * 300 + "{link}", "too long"),
        ("Two\nlines {link}", "one line"),
    ],
)
def test_a_short_message_needs_its_link(text: str, words: str) -> None:
    found = letters.faults({"sms": {"en": text}}, Channel.SMS, ["en"])

    assert bool(found) == bool(words)
    assert all(words in one.wording + one.detail for one in found)


# ---- HTML of one's own -----------------------------------------------------------------------------------------

GOOD = """<html><head><style>p { color: #1B2430 }</style></head><body><p style="margin:0">Good day, {{ name }}.</p>
{{ scale }}<img src="https://a.example/a.png" alt="{{ title }}"><!--[if mso]><table><tr><td><![endif]-->
<a href="{{ unsubscribe }}">Stop</a> <a href="{{privacy}}">Privacy</a></body></html>"""


def test_html_of_ones_own_may_stand_in_a_letter() -> None:
    assert own_html.fault(GOOD) is None


@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        ("<script>alert(1)</script>", "4: <script>"),
        ("\n<p onclick='x'>", "5: <p onclick=…>"),
        ("<a href='javascript:x'>", "<a href=…>"),
        ("<a href='&#106;avascript:x'>", "<a href=…>"),
        ("<a href='https://a.example/?n={{ name }}'>", "<a href=…>"),
        ("<form action='https://a.example'>", "<form>"),
        ("<iframe src='https://a.example'>", "<iframe>"),
        ("<svg onload=x>", "<svg>"),
        ("<meta http-equiv='refresh' content='0'>", "<meta http-equiv=…>"),
        ("<style>@import 'https://a.example'</style>", "<style>"),
        ("<p style='background:url(https://a.example)'>", "<p style=…>"),
        ("<!--> <script>x</script> -->", "<!-- … -->"),
        ("<![CDATA[<script>]]>", "<![ … ]>"),
        ("<img src='https://a.example/a.png'>", "<img>"),
        ("{{ nmae }}", "4: {{ nmae }}"),
        ("{{ name.__class__ }}", "{{ name.__class__ }}"),
        ("{{ scale|safe }}", "{{ scale|safe }}"),
        ("{% include 'x' %}{{ config }}", "{{ config }}"),
        ("{{ scale }}", "{{ scale }}"),
    ],
)
def test_what_may_not_stand_in_html_is_named_with_its_line(bad: str, detail: str) -> None:
    fault = own_html.fault(GOOD + "\n" + bad)

    assert fault is not None
    assert detail in fault[1]


def test_html_needs_a_link_to_stop() -> None:
    assert own_html.fault(GOOD.replace("{{ unsubscribe }}", "https://a.example")) == (own_html.NEEDED_LINK, "")


def test_values_are_escaped_in_html_and_read_once() -> None:
    said = own_html.fill(GOOD, facts("en", name="<b>{{ scale }}", title='"onerror="x'))

    assert "Good day, &lt;b&gt;&#123;&#123; scale }}." in said
    assert re.findall(r"\{\{ ?\w+ ?\}\}", said) == ["{{ scale }}", "{{ unsubscribe }}", "{{privacy}}"]
    assert 'alt="&#34;onerror=&#34;x"' in said
