"""Who is at work while processes die: customers who answer, and somebody of the staff who brings files."""

import http.client
import json
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from tests import cast
from tests.crashes.world import SOURCE, Violation, World, wait_until
from tests.responses.visitor import Page

FORM = "application/x-www-form-urlencoded"
NO_ANSWER = (OSError, http.client.HTTPException)
PATIENCE_S = 90.0
NOT_AGAIN_S = 0.1
CHANGES_EACH = 40  # a link takes a hundred


@dataclass
class Customers:
    """Everybody who has a link: what each was told to be saved, and what went wrong."""

    world: World
    said: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Token → the last score and words that the program confirmed."""
    wrong: list[str] = field(default_factory=list)
    troubles: int = 0
    """Pages that said "not saved yet" and kept what was typed."""

    def answer(self, token: str, score: int, words: str = "") -> None:
        """Open the link, press a number, and perhaps say why; try again until it is saved."""
        form = {"score": str(score), "nonce": self._open(token)}
        saved = self._send(token, form, {"saved"})
        self.said[token] = (score, "")
        if words:
            form = {**_kept(saved), "score": str(score), "comment": words, "final": "1", **_more(score)}
            self._send(token, form, {"thanks"})
            self.said[token] = (score, words)

    def waver(self, token: str, rng: random.Random, stop: threading.Event) -> None:
        """Answer, and then change one's mind again and again."""
        score = rng.randrange(11)
        form = {"score": str(score), "nonce": self._open(token), "comment": "one", "final": "1", **_more(score)}
        for number in range(CHANGES_EACH):
            saved = self._send(token, form, {"thanks"})
            self.said[token] = (int(form["score"]), form["comment"])
            if stop.wait(0.1 + rng.random() / 5):
                return
            words = {"score": str(rng.randrange(11)), "comment": f"change {number}"}
            form = {**_kept(saved), **words, "final": "1", **_more(rng.randrange(11))}

    def _open(self, token: str) -> str:
        def page() -> str:
            try:
                status, text, _headers = self.world.ask("GET", f"/r/{token}")
            except NO_ANSWER:
                return ""
            found = re.search(r'name="nonce" value="([^"]+)"', text)
            return found.group(1) if status == 200 and found else ""

        return self._patiently(page, f"the page of {token}")

    def _send(self, token: str, form: dict[str, str], wanted: set[str]) -> dict[str, Any]:
        """Post as the page's script does, until the answer is one of the wanted states."""

        def post() -> dict[str, Any]:
            try:
                status, text, _headers = self.world.ask(
                    "POST", f"/r/{token}", urlencode(form), Accept="application/json", Content_Type=FORM
                )
            except NO_ANSWER:
                return {}
            answer: dict[str, Any] = json.loads(text)
            if answer.get("state") in wanted:
                return answer
            self._judge(token, form, status, answer)
            return {}

        return self._patiently(post, f"the answer to {token}")

    def _judge(self, token: str, form: dict[str, str], status: int, answer: dict[str, Any]) -> None:
        """Not saved: then the page must say so and keep everything."""
        self.troubles += 1
        fields = answer | dict(answer.get("more", ()))
        kept = {name: fields.get(name) for name in form}
        if status != 503 or answer.get("state") != "trouble" or kept != form:
            self.wrong.append(f"{token}: {status} {answer.get('state')} kept {kept} of {form}")

    def _patiently(self, deed: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if done := deed():
                return done
            time.sleep(NOT_AGAIN_S)
        self.wrong.append(f"{what} never came")
        raise Violation(what)


def _more(rating: int) -> dict[str, str]:
    """What a form says of the further questions, whichever were asked after the score."""
    chosen = {"q.what": "rude"} if rating % 2 else {}
    return {"asked": "score service what how_late contact", "q.service": str(max(rating, 1)), **chosen}


def _kept(answer: dict[str, Any]) -> dict[str, str]:
    return {name: answer[name] for name in ("nonce", "edit")}


class Reader:
    """A visitor without script, who sees whole pages."""

    def __init__(self, world: World) -> None:
        self.world = world

    def open(self, path: str) -> Page:
        return Page(*self.world.ask("GET", path))

    def press(self, page: Page, **typed: str) -> Page:
        """Fill `typed` into the page's form and press its button."""
        form = page.form()
        return Page(*self.world.ask("POST", form.action, urlencode({**form.fields, **typed}), Content_Type=FORM))


class Crowd:
    """Threads that let every customer do something; `stop()` waits for all to be done with what they do."""

    def __init__(self, size: int, tokens: list[str], deed: Callable[[str], None]) -> None:
        self.stopping = threading.Event()
        self._tokens = list(tokens)
        self._deed = deed
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while not self.stopping.is_set():
            try:
                token = self._tokens.pop()
            except IndexError:
                return
            try:
                self._deed(token)
            except Violation:
                continue

    def stop(self) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)


class Clerk:
    """An administrator who uploads files and confirms them, and presses again when nobody answered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}

    def sign_in(self) -> None:
        token = cast.csrf(self.ask("GET", "/login")[1])
        fields = {"email": "olena@vodolad.example", "password": cast.PASSWORD, "csrf_token": token}
        assert self.ask("POST", "/login", urlencode(fields), FORM)[0] == 302

    def bring(self, file: Path) -> int:
        """Upload a file, wait until it is read, and confirm it; the id of its batch."""
        batch_id: int = wait_until(lambda: self._upload(file), f"{file.name} is uploaded")
        wait_until(lambda: self.state(batch_id) == "staged", f"{file.name} is read")
        wait_until(lambda: self._confirm(batch_id), f"{file.name} is confirmed")
        return batch_id

    def state(self, batch_id: int) -> str:
        return str(self.world.value("SELECT state FROM import_batch WHERE id = :id", id=batch_id) or "")

    def _upload(self, file: Path) -> int | None:
        """Once; whoever saw no answer looks into the list first."""
        if stored := self.of_file(file):
            return stored
        try:
            page = self.ask("GET", "/imports/new")[1]
            if "csrf_token" not in page:
                return None
            kind, body = _parts({"csrf_token": cast.csrf(page), "source": SOURCE}, file)
            status, _page, headers = self.ask("POST", "/imports/new", body, kind)
        except NO_ANSWER:
            return None
        if status != 302:
            return None
        batch_id = int(headers["Location"].rpartition("/")[2])
        if self.of_file(file) not in (batch_id, None):
            raise Violation(f"import {batch_id} was acknowledged and is not there")
        return batch_id

    def of_file(self, file: Path) -> int | None:
        found: int | None = self.world.value("SELECT max(id) FROM import_batch WHERE file_name = :name", name=file.name)
        return found

    def _confirm(self, batch_id: int) -> bool:
        if self.state(batch_id) in {"applying", "done"}:
            return True
        path = f"/imports/{batch_id}"
        try:
            status, page, _headers = self.ask("GET", path)
            if status != 200 or "csrf_token" not in page:
                return False
            touchpoint = self.world.value("SELECT min(id) FROM touchpoint")
            fields = {"csrf_token": cast.csrf(page), "touchpoint": touchpoint, "ground_email": "contract"}
            return self.ask("POST", f"{path}/confirm", urlencode(fields), FORM)[0] == 302
        except NO_ANSWER:
            return False

    def ask(
        self, method: str, path: str, body: bytes | str | None = None, kind: str = ""
    ) -> tuple[int, str, http.client.HTTPMessage]:
        """One request of the signed-in clerk: status, page, headers."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if kind:
            headers["Content_Type"] = kind
        answer = self.world.ask(method, path, body, **headers)
        for cookie in answer[2].get_all("Set-Cookie", []):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer


def _parts(fields: dict[str, str], file: Path) -> tuple[str, bytes]:
    """A form with a file, as browsers send it: its content type and body."""
    edge = uuid4().hex
    pieces = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'.encode()
    return f"multipart/form-data; boundary={edge}", b"".join(
        [*pieces, head, file.read_bytes(), f"\r\n--{edge}--\r\n".encode()]
    )
