"""An own program that is connected to the JSON API, for tests."""

import json
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask.testing import FlaskClient

from npsapp.audit.services import by_user
from npsapp.db import db, transaction
from npsapp.intake import connections
from npsapp.intake.models import Source, SourceKind

PURCHASES, CUSTOMERS, CONSENTS = "/api/v1/interactions", "/api/v1/customers/", "/api/v1/consents"
PROBLEM = "application/problem+json"


class Program:
    """An own program that is connected: its key, and requests with it."""

    def __init__(self, client: FlaskClient, source_id: int, secret: str) -> None:
        self.client, self.source_id, self.secret = client, source_id, secret

    def post(self, path: str, body: Any, *, key: str = "", **headers: str) -> Any:
        return self._ask("POST", path, body, {"Idempotency-Key": key} if key else {}, headers)

    def put(self, path: str, body: Any) -> Any:
        return self._ask("PUT", path, body, {}, {})

    def _ask(self, method: str, path: str, body: Any, *more: dict[str, str]) -> Any:
        sent = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        headers = {"Authorization": f"Bearer {self.secret}"}
        for one in more:
            headers |= one
        return self.client.open(path, method=method, data=sent, headers=headers)

    @property
    def source(self) -> Source:
        db.session.rollback()
        db.session.expire_all()
        return db.session.get_one(Source, self.source_id)


def connect(client: FlaskClient, company: SimpleNamespace, now: datetime, name: str = "till", **over: Any) -> Program:
    with transaction():
        chosen = {"grounds": {"email": "contract"}, "ask_completed": False} | over
        source, secret = connections.add(SourceKind.API, name, actor=by_user(company.admin.id), now=now, **chosen)
        source_id = source.id
    return Program(client, source_id, secret)


def bought(n: int, **over: Any) -> dict[str, Any]:
    """A purchase of its own customer."""
    customer = {"external_id": f"c{n}", "emails": [f"buyer{n}@shop.example"]}
    return {"external_id": f"p{n}", "happened_at": "2026-11-05T12:00:00", "customer": customer} | over
