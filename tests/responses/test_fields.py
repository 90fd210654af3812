"""What a POST's body says, read past Werkzeug: the same as Werkzeug reads."""

from dataclasses import replace
from operator import itemgetter
from urllib.parse import urlencode

from flask import Request
from hypothesis import given, strategies as st
from werkzeug.test import EnvironBuilder

from npsapp.responses.forms import MORE, MORE_MAX, Fields

NAMES = st.sampled_from(["score", "comment", "nonce", "final", "more", "x", f"{MORE}a", f"{MORE}b", "MORE"])
FORM = "application/x-www-form-urlencoded"


def posted(body: bytes, kind: str = FORM) -> Request:
    return Request(EnvironBuilder(method="POST", data=body, content_type=kind).get_environ())


def by_werkzeug(body: bytes) -> Fields:
    form = posted(body).form
    plain = {name: form[name] for name in vars(Fields()) if name in form and name != "more"}
    return Fields(**plain, more=tuple(pair for pair in form.items(multi=True) if pair[0].startswith(MORE))[:MORE_MAX])


def by_name(fields: Fields) -> Fields:
    """Werkzeug puts fields of one name side by side; only their own order means something."""
    return replace(fields, more=tuple(sorted(fields.more, key=itemgetter(0))))


@given(st.lists(st.tuples(NAMES, st.text(st.characters(codec="utf-8"), max_size=8))))
def test_pairs_are_read_as_werkzeug_reads_them(pairs):
    body = urlencode(pairs).encode()

    assert Fields.read(posted(body)) == Fields.read(posted(body, f"{FORM}; charset=UTF-8"))
    assert by_name(Fields.read(posted(body))) == by_name(by_werkzeug(body))


@given(
    st.lists(st.sampled_from([b"score", b"q.a", b"=", b"&", b"+", b"%", b"%FF", b"%D1%8", b";", b"\0", "ї".encode()]))
)
def test_whatever_else_is_sent_is_read_as_werkzeug_reads_it(pieces):
    assert by_name(Fields.read(posted(b"".join(pieces)))) == by_name(by_werkzeug(b"".join(pieces)))


def test_another_kind_of_form_is_werkzeugs():
    builder = EnvironBuilder(method="POST", data={"score": "7", "q.a": "b"}, content_type="multipart/form-data")

    assert Fields.read(Request(builder.get_environ())) == Fields(score="7", more=(("q.a", "b"),))
