"""Form bodies with names in PHP's brackets (`leads[status][0][id]=7`), read as nested objects and lists."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_

DEEPEST = 12
MOST_FIELDS = 5_000
ITSELF = ""
"""The key of a value whose name also has a subtree: `a=1&a[b]=2` is `{"a": {"": "1", "b": "2"}}`."""

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_INSIDE = re.compile(r"\[([^\[\]]*)\]")


class NotAForm(Refused):
    """The body is no form, or deeper or larger than any we know."""

    wording = N_("The body cannot be read as a form.")


def parse(body: str) -> dict[str, Any]:
    """A body of type application/x-www-form-urlencoded as nested objects; numbered keys become lists, in their order.

    :raise NotAForm: when it has no named value, more than 5,000, or one deeper than 12 levels.
    """
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise NotAForm() from error
    if not pairs or "=" not in body:
        raise NotAForm()
    return nested(pairs)


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Names in brackets with their values as nested objects."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _put(tree, _steps(name), value)
    return {name: _with_lists(value) for name, value in tree.items()}


def _steps(name: str) -> list[str]:
    found = _NAME.fullmatch(name)
    steps = [found[1], *_INSIDE.findall(found[2])] if found else [name]
    if len(steps) > DEEPEST:
        raise NotAForm()
    return steps


def _put(tree: dict[str, Any], steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        key = step or str(len(tree))
        if not isinstance(tree.get(key), dict):
            tree[key] = {ITSELF: tree[key]} if key in tree else {}
        tree = tree[key]
    last = steps[-1] or str(len(tree))
    if isinstance(tree.get(last), dict):
        tree[last][ITSELF] = value
    else:
        tree[last] = value


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isascii() and key.isdigit() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=lambda key: (len(key), key))]
    return {key: _with_lists(inner) for key, inner in value.items()}
