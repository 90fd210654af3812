"""Form bodies with names in brackets."""

import contextlib

import pytest
from hypothesis import given, strategies as st

from npsapp.lib import brackets


@pytest.mark.parametrize(
    ("body", "tree"),
    [
        ("a=1&b=", {"a": "1", "b": ""}),
        ("leads[status][0][id]=7&leads[status][0][price]=5", {"leads": {"status": [{"id": "7", "price": "5"}]}}),
        ("a[7][id]=2&a[3][id]=1", {"a": [{"id": "1"}, {"id": "2"}]}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a=1&a[b]=2", {"a": {"": "1", "b": "2"}}),
        ("a[b]=2&a=1", {"a": {"b": "2", "": "1"}}),
        ("%D0%BA%5B%D0%BB%5D=%D0%B4+%D0%B5", {"к": {"л": "д е"}}),
        ("a[b=1&c]=2", {"a[b": "1", "c]": "2"}),
    ],
)
def test_names_in_brackets_become_objects_and_lists(body: str, tree: object) -> None:
    assert brackets.parse(body) == tree


@pytest.mark.parametrize("body", ["", "no form", "a" + "[b]" * 40 + "=1", "&".join(f"a{n}=1" for n in range(6_000))])
def test_what_is_no_form_or_too_much_of_one_is_refused(body: str) -> None:
    with pytest.raises(brackets.NotAForm):
        brackets.parse(body)


@given(st.lists(st.tuples(st.text("ab[]0", max_size=30), st.text(max_size=3)), min_size=1))
def test_no_form_breaks_the_reader(pairs: list[tuple[str, str]]) -> None:
    with contextlib.suppress(brackets.NotAForm):
        brackets.nested(pairs)
