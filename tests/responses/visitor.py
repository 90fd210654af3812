"""A visitor without JavaScript: reads a page's forms and presses their buttons, over any HTTP client."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class Form:
    """One form of a page with what a browser would send."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    hidden: bool = False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text: list[str] = []
        self.heading = ""
        self._area = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._open.append(tag)
        if tag == "form":
            self.forms.append(Form(given["action"], hidden="hidden" in given))
        elif tag == "textarea":
            self._area = given["name"]
            self.forms[-1].fields[self._area] = ""
        elif tag == "input" and given.get("type") in ("radio", "checkbox"):
            self.forms[-1].choices.setdefault(given["name"], []).append(given["value"])
            if "checked" in given:
                self.forms[-1].fields[given["name"]] = given["value"]
        elif tag == "input" and given.get("name"):
            self.forms[-1].fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # A browser drops the line end after the opening tag.
            form = self.forms[-1]
            form.fields[self._area] = form.fields[self._area].removeprefix("\n")
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].fields[self._area] += data
        self.text.append(data)


@dataclass
class Page:
    """What came back."""

    status: int
    html: str
    headers: Any

    def __post_init__(self) -> None:
        reader = _Reader()
        reader.feed(self.html)
        self.forms = reader.forms
        self.text = " ".join(" ".join(reader.text).split())

    def form(self, ending: str = "") -> Form:
        """The visible form whose address ends so; the answer form by default."""
        found = [form for form in self.forms if not form.hidden and form.action.endswith(ending)]
        assert found, f"no form … {ending!r} on: {self.text}"
        return found[0]


class Visitor:
    """Opens pages and presses buttons with a Flask test client; follows nothing by itself."""

    def __init__(self, client: Any, **headers: str) -> None:
        self.client, self.headers = client, headers

    def open(self, path: str) -> Page:
        with self.client.get(path, headers=self.headers) as response:
            return Page(response.status_code, response.get_data(as_text=True), response.headers)

    def send(self, path: str, **fields: Any) -> Page:
        with self.client.post(path, data=fields, headers=self.headers) as response:
            return Page(response.status_code, response.get_data(as_text=True), response.headers)

    def press(self, page: Page, ending: str = "", **typed: Any) -> Page:
        """Fill `typed` into the form and press its button."""
        form = page.form(ending)
        return self.send(form.action, **{**form.fields, **typed})
