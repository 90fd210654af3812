"""Letters in HTML of one's own: what may stand in it, and its placeholders `{{ name }}`. Pure.

Only names are replaced: an expression, an attribute or a filter is an unknown name. What the post office fills in
(`OF_THE_POST`) stays in place.
"""

import re
from html.parser import HTMLParser

from markupsafe import escape

from npsapp.lib.texts import N_
from npsapp.surveys.placeholders import PLACEHOLDERS, TOO_LONG, Values

HTML_MAX = 60_000
OF_THE_POST = ("scale", "unsubscribe", "privacy")
TAGS = frozenset(
    re.findall(
        r"\w+",
        "html head title meta style body table thead tbody tfoot tr td th div p span a img br hr h1 h2 h3 h4 h5 h6 b "
        "strong i em u s small sup sub ul ol li blockquote center font pre address",
    )
)
ADDRESSES = ("href", "src", "background")
_NAME = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_GOOD = re.compile(r"(?:https?://|mailto:|tel:|#)(?!.*\{\{)|\{\{\s*(?:unsubscribe|privacy)\s*\}\}$", re.IGNORECASE)
_BAD_STYLE = re.compile(r"@import|url\s*\(|expression\s*\(|behavior\s*:|</", re.IGNORECASE)

NOT_ALLOWED = N_("This may not stand in a letter (line: what): %(detail)s")
NO_SUCH_NAME = N_("There is no placeholder with that name (line: what): %(detail)s")
NEEDED = N_("The HTML of a letter needs %(detail)s exactly once.")
NEEDED_LINK = N_('The HTML of a letter needs a link to stop: <a href="{{ unsubscribe }}">.')
NO_ALT = N_('A picture needs words for those who do not see it, alt="…" (line: what): %(detail)s')


def fill(text: str, values: Values) -> str:
    """The HTML with its placeholders replaced by escaped text, once: a value brings no placeholders of its own."""

    def value(found: re.Match[str]) -> str:
        name = found[1].strip()
        if name in OF_THE_POST:
            return found[0]
        return str(escape(values.get(name, ""))).replace("{", "&#123;")

    return _NAME.sub(value, text)


def fault(text: str) -> tuple[str, str] | None:
    """The wording of the first thing that may not be, and its detail; None: it may be sent."""
    if len(text) > HTML_MAX:
        return TOO_LONG, str(HTML_MAX)
    for found in _NAME.finditer(text):
        if found[1].strip() not in (*PLACEHOLDERS, *OF_THE_POST):
            return NO_SUCH_NAME, f"{text.count(chr(10), 0, found.start()) + 1}: {found[0]}"
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if reader.found:
        return reader.found[0]
    if [name.strip() for name in _NAME.findall(text)].count("scale") != 1:
        return NEEDED, "{{ scale }}"
    return None if reader.can_stop else (NEEDED_LINK, "")


class _Reader(HTMLParser):
    """Reads a letter tag by tag and notes what may not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.can_stop = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self._note(NOT_ALLOWED, f"<{tag}>")
        for name, value in attrs:
            if not _allowed(tag, name, value or ""):
                self._note(NOT_ALLOWED, f"<{tag} {name}=…>")
        if tag == "img" and not any(name == "alt" for name, _value in attrs):
            self._note(NO_ALT, "<img>")
        self.can_stop |= tag == "a" and "unsubscribe" in (dict(attrs).get("href") or "")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style" and _BAD_STYLE.search(data):
            self._note(NOT_ALLOWED, "<style>")

    def handle_comment(self, data: str) -> None:
        if re.search(r"<\s*/?\s*(script|iframe|object|embed|form)|^-?>", data, re.IGNORECASE):
            self._note(NOT_ALLOWED, "<!-- … -->")

    def unknown_decl(self, data: str) -> None:
        self._note(NOT_ALLOWED, "<![ … ]>")

    def _note(self, wording: str, what: str) -> None:
        self.found.append((wording, f"{self.getpos()[0]}: {what}"))


def _allowed(tag: str, name: str, value: str) -> bool:
    if name.startswith("on") or name == "http-equiv":
        return False
    if name in ADDRESSES:
        return bool(_GOOD.match(value.strip()))
    if name == "style":
        return not _BAD_STYLE.search(value) and "{{" not in value
    return "{{" not in value or name in ("alt", "title")
