"""What letters that came back say: reports as they should be, bent ones, complaints, replies, and any bytes at all."""

import time

import pytest
from hypothesis import given, settings, strategies as st

from npsapp.delivery import bounces
from npsapp.delivery.bounces import Kind
from tests.delivery.returned import NAMES, letter

KEYS = ["a key for tests only, 1234"]
MARK = bounces.mark(KEYS[0], 12)
ID = "<aBcDeFgHiJkLmNoPqRsTuVwX@vodolad.example>"

SAID = {
    "postfix": (Kind.FAILED, "5.1.1"),
    "envelope_id": (Kind.FAILED, "5.2.1"),
    "headers_only": (Kind.FAILED, "5.1.1"),
    "exchange": (Kind.FAILED, "5.1.10"),
    "gmail": (Kind.FAILED, "5.1.1"),
    "mail_ru": (Kind.FAILED, "5.1.1"),
    "yandex_spam": (Kind.FAILED, "5.7.1"),
    "ukr_net": (Kind.FAILED, "5.1.1"),
    "full": (Kind.FAILED, "5.2.2"),
    "exim": (Kind.FAILED, "5.1.1"),
    "qmail": (Kind.FAILED, "5.1.1"),
    "wrong_charset": (Kind.FAILED, "5.0.0"),
    "action_missing": (Kind.FAILED, "5.1.2"),
    "delayed": (Kind.DELAYED, "4.4.1"),
    "delivered": (Kind.DELIVERED, "2.0.0"),
    "relayed": (Kind.AUTOMATIC, "2.0.0"),
    "vacation": (Kind.AUTOMATIC, ""),
    "out_of_office": (Kind.AUTOMATIC, ""),
    "read_receipt": (Kind.AUTOMATIC, ""),
    "own_letter": (Kind.AUTOMATIC, ""),
    "complaint": (Kind.COMPLAINT, ""),
    "not_spam": (Kind.AUTOMATIC, ""),
    "unsubscribe": (Kind.UNSUBSCRIBE, ""),
    "unsubscribe_in_subject": (Kind.UNSUBSCRIBE, ""),
    "reply_gmail": (Kind.REPLY, ""),
    "reply_outlook": (Kind.REPLY, ""),
}
UNNAMED = {"own_letter", "relayed"}


def read(name: str) -> bounces.Returned:
    return bounces.read(letter(name, mark=MARK, message_id=ID))


def test_there_is_a_letter_for_every_style() -> None:
    assert set(SAID) == set(NAMES)


@pytest.mark.parametrize("name", SAID)
def test_a_letter_is_what_it_is(name: str) -> None:
    found = read(name)

    assert (found.kind, found.status) == SAID[name]


@pytest.mark.parametrize("name", sorted(set(SAID) - UNNAMED))
def test_it_tells_which_of_our_letters_it_is_about(name: str) -> None:
    found = read(name)

    assert list(bounces.marked(KEYS, found.marks)) == [12] or ID in found.message_ids


def test_our_own_letter_in_the_mailbox_is_about_nothing() -> None:
    assert read("own_letter").message_ids == ("<first@vodolad.example>",)


def test_the_servers_words_are_kept_without_addresses() -> None:
    found = read("postfix")

    assert found.words == "550 5.1.1 <…>: Recipient address rejected: User unknown"


def test_what_a_person_wrote_stands_apart_from_what_is_quoted() -> None:
    found = read("reply_gmail")
    own, quoted = bounces.without_quotes(found.text)

    assert own == "Доброго дня! Решітка приїхала тріснута.\nПередзвоніть, будь ласка."
    assert quoted.startswith("пт, 20 лист. 2026 р.")
    assert (found.subject, found.sender, found.attachments) == ("Re: Ваше замовлення", "petro@example.com", 1)


def test_a_letter_in_html_only_and_an_old_encoding_is_read() -> None:
    own, quoted = bounces.without_quotes(read("reply_outlook").text)

    assert own == "Спасибо, всё хорошо.\nИван & Ко"
    assert "nps@vodolad.example" in quoted


def test_a_reply_that_only_quotes_is_shown_whole() -> None:
    assert bounces.without_quotes("> yes\n> no") == ("> yes\n> no", "")


def test_long_letters_are_cut() -> None:
    found = bounces.read(b"From: a@b.example\n\n" + b"word " * 100_000)

    assert len(found.text) == bounces.MOST_TEXT


def test_tokens_are_good_for_one_letter_and_outlive_a_change_of_the_key() -> None:
    old = bounces.mark("old", 5)
    number, mac = old.split(".")

    assert list(bounces.marked(["new", "old"], [old])) == [5]
    assert list(bounces.marked(["new"], [old])) == []
    assert list(bounces.marked(["old"], [f"6.{mac}", f"{number}.aaaaaaaa", f"5.{mac[:-1]}"])) == []


@pytest.mark.parametrize(
    ("address", "back"),
    [
        ("b+@bounce.example", f"b+{MARK}@bounce.example"),
        ("@bounce.example", f"b+{MARK}@bounce.example"),
        ("bounces@example.com", "bounces@example.com"),
    ],
)
def test_a_return_address_takes_the_token_in_where_it_can(address: str, back: str) -> None:
    assert bounces.return_address(address, MARK) == back


def test_a_token_survives_servers_that_change_case() -> None:
    found = bounces.read(
        letter("postfix", mark=MARK).upper().replace(b"MESSAGE/DELIVERY-STATUS", b"message/delivery-status")
    )

    assert list(bounces.marked(KEYS, found.marks)) == [12]


LINES = st.sampled_from(
    [
        b"Content-Type: multipart/report; boundary=B\r\n", b"Content-Type: message/delivery-status\n", b"\n", b"--B\n",
        b"--B--\n", b"Status: 5.1.1\n", b"Action: failed\n", b"Return-Path: <>\n", b"From: MAILER-DAEMON\n",
        b"From: @\n", b"Subject: =?utf-8?b?////?=\n", b"Content-Transfer-Encoding: base64\n",
        b"Content-Type: text/html; charset=x\n",
        b"Content-Type: message/rfc822\n", b"To: b+12.aaaaaaaa@x.example\n", b"Message-ID: <a@b>\n", b"\xff\xfe\0\n",
        b"Content-Type: message/feedback-report\n", b"Subject: unsubscribe 12.aaaaaaaa\n", b"<style><p>5.1.1", b" f\n",
    ]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=400), st.lists(LINES, max_size=25).map(b"".join)))
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_read_without_an_error_and_name_nobody(raw: bytes) -> None:
    found = bounces.read(raw)

    assert list(bounces.marked(KEYS, found.marks)) == []
    assert "\0" not in found.text + found.subject


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 5000,
        b"Content-Type: message/rfc822\n\n" * 5000,
        b"From: " + b"(" * 200_000,
        b"Subject: " + b"=?utf-8?q?" * 20_000,
        b"To: " + b"1." * 100_000,
        b"Content-Type: text/html\n\n" + b"<" * 250_000,
        b"Content-Type: text/html\n\n" + b"<style>" * 35_000,
        b"\n" + b"a" * 250_000 + b"@",
        b"\n" + b">" * 250_000,
        b"\n" + b"From: " * 40_000,
        b"References: " + b"<a@b>" * 50_000,
    ],
    ids=range(11),
)
def test_a_poisoned_letter_costs_little(raw: bytes) -> None:
    before = time.process_time()
    bounces.read(raw)

    assert time.process_time() - before < 2
