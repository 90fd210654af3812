"""Links in letters that left long ago: what itsdangerous signed is read for ever, and the other way round."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st
from itsdangerous import BadSignature, URLSafeSerializer
from itsdangerous.encoding import base64_encode

from npsapp.lib import tokens

PURPOSES = "unsubscribe", "survey page", "right to edit", "password", "setup", "own address"
KEY = "a key for tests only, 1234"


class Before(URLSafeSerializer):
    """How values were signed in the first letters: without trying to compress them."""

    def dump_payload(self, obj: Any) -> bytes:
        return base64_encode(json.dumps(obj, separators=(",", ":")))


def before(keys: Sequence[str], purpose: str) -> Before:
    """The serializer of those days; it takes the newest key last."""
    return Before(list(reversed(keys)), salt=f"npsapp.{purpose}")


keys = st.lists(st.text(min_size=1).filter(str.isprintable), min_size=1, max_size=3, unique=True)
purposes = st.sampled_from(PURPOSES)
numbers = st.integers(-(2**63), 2**63)
payloads = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(keys, purposes, payloads)
def test_what_was_signed_before_is_read_and_the_old_way_reads_what_is_signed_now(
    some: list[str], purpose: str, payload: Any
):
    old, new = before(some, purpose).dumps(payload), tokens.sign(some, purpose, payload)

    assert old == new
    assert tokens.read(some, purpose, old) == payload
    assert before(some, purpose).loads(new) == payload


@given(keys, purposes, payloads)
def test_a_link_signed_with_an_older_key_is_read(some: list[str], purpose: str, payload: Any):
    for key in some:
        assert tokens.read(some, purpose, before([key], purpose).dumps(payload)) == payload


@given(keys, purposes, payloads, st.data())
def test_nothing_altered_is_read(some: list[str], purpose: str, payload: Any, data: st.DataObject):
    whole = tokens.sign(some, purpose, payload)
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.characters())
    assume(other != whole[at])
    cases = [whole[:at], whole[:-1], whole.replace(".", ""), "", ".", whole[:at] + other + whole[at + 1 :]]

    assert [tokens.read(some, purpose, one) for one in cases] == [None] * len(cases)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_value_of_another_purpose_or_key_is_refused_by_both(purpose: str):
    foreign = [tokens.sign([KEY], f"{purpose}2", [1, 2]), tokens.sign(["another key"], purpose, [1, 2])]

    for one in foreign:
        assert tokens.read([KEY], purpose, one) is None
        with pytest.raises(BadSignature):
            before([KEY], purpose).loads(one)


def test_a_link_of_a_letter_of_the_first_version_is_read():
    assert tokens.read([KEY], "unsubscribe", "WzcsMV0.tajrn3lOPzuOsmoAYiTmHcgLtTU") == [7, 1]
