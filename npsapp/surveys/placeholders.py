"""Placeholders in texts that people edit: {title} is replaced, and words in square brackets may fall out.

The syntax is the smallest that lets one sentence work with and without a name or a title:

- `{date}` is replaced by its value, once; a value is never read again, so it cannot bring placeholders of its own.
- `[, {place}]` falls out when {place} is empty.
- `[bought {title}|made a purchase]` takes the first alternative whose placeholders all have a value.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import TypeAlias

from babel.dates import format_date

from npsapp.lib.texts import N_

PLACEHOLDERS: dict[str, str] = {
    "name": N_("How the customer is addressed. Empty when it is not known, and always for firms."),
    "title": N_("What was bought or done, at most 120 characters. May be empty."),
    "number": N_("The number of the receipt or order. May be empty."),
    "date": N_("The day of the purchase or visit in words, for example 3 November."),
    "place": N_("The shop, warehouse or region. May be empty."),
    "brand": N_("The name of the brand."),
    "company": N_("The brand as it stands in the question, in the accusative case."),
}

_PLACEHOLDER = re.compile(r"\{([^{}\[\]|]*)\}")
_WITH_STOP = re.compile(_PLACEHOLDER.pattern + r"(\.?)")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_SPACES = re.compile(r"[ \t]{2,}")
STOPS = (".", "!", "?", "…")

Values: TypeAlias = Mapping[str, str]


# Wordings of what can be wrong with one text; %(detail)s is filled in by whoever shows them.
EMPTY = N_("This text is missing. It is needed in every language.")
TOO_LONG = N_("This text is too long: at most %(detail)s characters.")
UNKNOWN_PLACEHOLDER = N_("There is no placeholder %(detail)s. The list of placeholders is on this page.")
BRACKETS = N_("A bracket is not closed, stands inside another one, or has no placeholder in it.")
LINE_BREAK = N_("This text must stand on one line.")


def fill(text: str, values: Values) -> str:
    """The text with its placeholders replaced. Plain text, not HTML: templates escape it."""
    chosen = _OPTIONAL.sub(lambda match: _alternative(match, values), text)
    filled = _WITH_STOP.sub(lambda match: _value(match, values), chosen)
    lines = (_SPACES.sub(" ", line).strip() for line in filled.splitlines())
    return "\n".join(lines).strip()


def fill_line(text: str, values: Values) -> str:
    """As `fill`, on one line: for subjects of letters and headings."""
    return " ".join(fill(text, values).split())


def _value(placeholder: re.Match[str], values: Values) -> str:
    """The value, with the full stop that follows it unless it brings its own ("12 pcs.")."""
    value = values.get(placeholder[1], "{" + placeholder[1] + "}")
    return value if value.endswith(STOPS) else value + placeholder[2]


def _alternative(optional: re.Match[str], values: Values) -> str:
    """The first alternative that can be said. Its placeholders stay in place: they are filled in one later pass."""
    if not _PLACEHOLDER.search(optional[1]):
        return optional[0]
    for alternative in optional[1].split("|"):
        if all(values.get(match[1]) for match in _PLACEHOLDER.finditer(alternative)):
            return alternative
    return ""


def text_fault(
    text: str, *, at_most: int, one_line: bool = False, known: Collection[str] = PLACEHOLDERS.keys()
) -> tuple[str, str] | None:
    """The wording of a text's first fault and its detail, or None. An empty text is no fault here."""
    if len(text) > at_most:
        return TOO_LONG, str(at_most)
    if one_line and len(text.splitlines()) > 1:
        return LINE_BREAK, ""
    for name in _PLACEHOLDER.findall(text):
        if name not in known:
            return UNKNOWN_PLACEHOLDER, "{" + name + "}"
    if any(not _PLACEHOLDER.search(match[1]) for match in _OPTIONAL.finditer(text)):
        return BRACKETS, ""
    # What is left after the well-formed parts went must hold no bracket at all.
    left = _OPTIONAL.sub("", _PLACEHOLDER.sub("", text))
    return (BRACKETS, "") if re.search(r"[\[\]{}]", left) else None


_WITH_YEAR = {"ru": "d MMMM y 'года'", "uk": "d MMMM y 'року'"}


def spoken_day(day: date, language: str, *, today: date) -> str:
    """A day as people say it: "3 November", "3 ноября", "3 листопада"; with the year when it is not this year's."""
    pattern = "d MMMM" if day.year == today.year else _WITH_YEAR.get(language, "d MMMM y")
    return str(format_date(day, pattern, locale=language))
