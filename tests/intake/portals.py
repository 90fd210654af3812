"""Stub portals, served over HTTP: they answer as Bitrix24 and amoCRM do, with the shapes of tests/data/crm."""

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

CRM = Path(__file__).parents[1] / "data" / "crm"


def shape(name: str) -> Any:
    """What a real portal answered."""
    return json.loads((CRM / name).read_text())


def form(name: str) -> bytes:
    """What a real portal sent."""
    return (CRM / name).read_bytes()


class Stub(ABC):
    """A portal whose rows tests change; `asked`: the paths it was asked for, `trouble`: what it answers instead."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.trouble: tuple[int, Any] | None = None
        self.headers: dict[str, str] = {}
        self.address = ""

    @abstractmethod
    def answer(self, path: str, query: dict[str, list[str]], body: Any, headers: Any) -> tuple[int, Any]:
        """Status and body of one request."""


class Bitrix24(Stub):
    """A portal whose incoming webhook is /rest/6/secret."""

    def __init__(self) -> None:
        super().__init__()
        self.deal = shape("bitrix24_crm_item_get_deal.json")["result"]["item"]
        self.contact = shape("bitrix24_crm_item_get_contact.json")["result"]["item"]
        self.company = {
            "id": 5,
            "title": "ТОВ Тест",
            "fm": [{"typeId": "EMAIL", "valueType": "WORK", "value": "firm@example.com"}],
        }
        self.items = {2: {7405: self.deal}, 3: {84: self.contact}, 4: {5: self.company}}

    def add(self, id_: int, **over: Any) -> None:
        """One more deal."""
        self.items[2][id_] = copy.deepcopy(self.deal) | {"id": id_} | over

    def answer(self, path: str, query: dict[str, list[str]], body: Any, headers: Any) -> tuple[int, Any]:
        method = path.removeprefix("/rest/6/secret/")
        if method == path:
            return 401, {"error": "INVALID_CREDENTIALS", "error_description": "Invalid request credentials"}
        return 200, {"time": {"start": 1794214801.1}, **getattr(self, method.replace(".", "_"))(body)}

    def batch(self, body: Any) -> dict[str, Any]:
        assert len(body["cmd"]) <= 50
        found: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, command in body["cmd"].items():
            asked = dict(parse_qsl(command.removeprefix("crm.item.get?")))
            item = self.items[int(asked["entityTypeId"])].get(int(asked["id"]))
            if item:
                found[name] = {"item": item}
            else:
                errors[name] = {"error": "NOT_FOUND", "error_description": "Element not found"}
        return {"result": {"result": found or [], "result_error": errors or []}}  # PHP writes {} as []

    def crm_item_list(self, body: Any) -> dict[str, Any]:
        since = body["filter"][">=updatedTime"]
        deals = sorted(self.items[2].values(), key=lambda one: (one["updatedTime"], one["id"]))
        there = [one for one in deals if one["updatedTime"] >= since]
        start = body["start"]
        following = {"next": start + 50} if len(there) > start + 50 else {}
        return {"result": {"items": there[start : start + 50]}, "total": len(there), **following}


class AmoCRM(Stub):
    """An account that knows the token `long-lived`."""

    def __init__(self) -> None:
        super().__init__()
        lead = shape("amocrm_lead_with_contacts.json")
        contact = shape("amocrm_contact.json")
        self.rows = {"leads": {lead["id"]: lead}, "contacts": {contact["id"]: contact}}

    def answer(self, path: str, query: dict[str, list[str]], body: Any, headers: Any) -> tuple[int, Any]:
        if headers.get("Authorization") != "Bearer long-lived":
            return 401, {"title": "Unauthorized", "status": 401}
        what = path.removeprefix("/api/v4/")
        rows = list(self.rows[what].values())
        if wanted := query.get("filter[id][]"):
            rows = [row for row in rows if str(row["id"]) in wanted]
        if since := query.get("filter[updated_at][from]"):
            rows = sorted(
                (row for row in rows if row["updated_at"] >= int(since[0])), key=lambda row: row["updated_at"]
            )
        page, limit = int(query.get("page", ["1"])[0]), int(query["limit"][0])
        shown = rows[(page - 1) * limit : page * limit]
        if not shown:
            return 204, None
        links = {"self": {}} | ({"next": {"href": "…"}} if len(rows) > page * limit else {})
        return 200, {"_page": page, "_links": links, "_embedded": {what: shown}}


@contextmanager
def served(stub: Stub) -> Iterator[Stub]:
    """The portal at a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stub))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stub.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(stub: Stub) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            parts = urlsplit(self.path)
            stub.asked.append(parts.path)
            status, found = stub.trouble or stub.answer(parts.path, parse_qs(parts.query), body, self.headers)
            text = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            for name, value in stub.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0" if status == 204 else str(len(text)))
            self.end_headers()
            if status != 204:
                self.wfile.write(text)

        def log_message(self, *_args: Any) -> None:
            pass

    return Handler
