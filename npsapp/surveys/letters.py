"""What the messages of a survey's steps say: their parts, what is wrong with them, how they read for one customer.

Pure. A letter is a subject, a text in the notation of `delivery.blocks`, and for those who want it HTML of their own;
a short message is one line with the link in it.
"""

import re
from collections.abc import Mapping, Sequence

from npsapp.delivery.blocks import Block, Kind, Words, parse
from npsapp.delivery.rules import Channel
from npsapp.lib.texts import N_, Worded, text_in
from npsapp.surveys import own_html
from npsapp.surveys.placeholders import EMPTY, PLACEHOLDERS, TOO_LONG, Values, fill, fill_line, text_fault
from npsapp.surveys.rules import Fault, Field, Texts

LETTER = "letter"  # stands where a question's key stands, for the texts of messages
PARTS: dict[Channel, tuple[str, ...]] = {Channel.EMAIL: ("subject", "body", "html"), Channel.SMS: ("sms",)}
"""The texts of a step's message; messages of other channels are not written here."""
PARAGRAPHS = {"body": 14, "html": 10}
"""Texts of several lines, and how many the editor shows."""
SUBJECT_MAX, BODY_MAX, SMS_MAX = 120, 4000, 300
LINK = "link"
_PICTURE = re.compile(r"[0-9a-f]{20}\.png")
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+")

SCALES = N_("The letter needs its scale exactly once: a line with nothing but [scale].")
PICTURE = N_(
    "A picture needs a file added on this page, and words for those who do not see it: [picture: file | words]."
)
BUTTON = N_("A button needs words and an address that begins with https://: [button: words | https://…].")
LINKS = N_("A short message needs its link exactly once: {link}.")


class Variant(Worded):
    """Of two texts that are compared; without a comparison there is only text A."""

    A = "a", N_("Text A")
    B = "b", N_("Text B")


def fields(texts: Mapping[str, Texts], channel: Channel = Channel.EMAIL) -> list[Field]:
    """The texts of a message (part → language → text) in the order of the editor."""
    return [(LETTER, part, texts.get(part, {})) for part in PARTS[channel]]


def faults(texts: Mapping[str, Texts], channel: Channel, languages: Sequence[str]) -> list[Fault]:
    """What is wrong with a message: texts missing in a language, too long, or not as the notation wants them."""
    return [
        Fault(LETTER, part, language, *fault)
        for part in PARTS[channel]
        for language in languages
        if (fault := _fault(part, texts.get(part, {}).get(language, "").strip()))
    ]


def _fault(part: str, text: str) -> tuple[str, str] | None:
    if part == "html":
        return own_html.fault(text) if text else None
    if not text:
        return EMPTY, ""
    if part == "body":
        return _body_fault(text)
    if part == "subject":
        return text_fault(text, at_most=SUBJECT_MAX, one_line=True)
    fault = text_fault(text, at_most=SMS_MAX, one_line=True, known={*PLACEHOLDERS, LINK})
    return fault or (None if text.count("{" + LINK + "}") == 1 else (LINKS, ""))


def _body_fault(text: str) -> tuple[str, str] | None:
    if len(text) > BODY_MAX:
        return TOO_LONG, str(BODY_MAX)
    blocks = parse(text)
    if [block.kind for block in blocks].count(Kind.SCALE) != 1:
        return SCALES, ""
    return next((fault for block in blocks if (fault := _block_fault(block))), None)


def _block_fault(block: Block) -> tuple[str, str] | None:
    if block.kind is Kind.PICTURE and not (len(block.words) == 2 and _PICTURE.fullmatch(block.words[0])):
        return PICTURE, ""
    if block.kind is Kind.BUTTON and not (len(block.words) == 2 and _ADDRESS.fullmatch(block.words[1])):
        return BUTTON, ""
    found = (text_fault(words, at_most=BODY_MAX) for words in block.texts)
    return next((fault for fault in found if fault), None)


def said(texts: Mapping[str, Texts], *, language: str, values: Values) -> Words:
    """The letter (part → language → text) for one customer, in one language."""
    blocks = parse(text_in(texts.get("body"), language))
    return Words(
        subject=fill_line(text_in(texts.get("subject"), language), values),
        blocks=tuple(block.said(lambda words: fill(words, values)) for block in blocks),
        html=own_html.fill(texts.get("html", {}).get(language, ""), values),
    )


def short_message(texts: Mapping[str, Texts], *, language: str, values: Values, link: str) -> str:
    """The short message for one customer, on one line."""
    return fill_line(text_in(texts.get("sms"), language), {**values, LINK: link})
