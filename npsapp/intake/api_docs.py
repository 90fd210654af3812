"""The description of the JSON API: an OpenAPI 3.1 document and its page, both made of `api_fields`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npsapp.intake import api_examples
from npsapp.intake.api_fields import CONSENT, CUSTOMER, INTERACTION, KINDS, Said, example
from npsapp.intake.api_rows import ConsentFault
from npsapp.intake.rules import RejectReason
from npsapp.lib.texts import N_
from npsapp.permissions import ApiScope
from npsapp.web.api import PROBLEM, PROBLEMS

KEY = "KEY"  # stands for the connection's
JSON = "application/json"
FRAME = Path(__file__).with_name("api_frame.json")
"""What does not depend on the fields: answers, headers, keys."""


@dataclass(frozen=True)
class Operation:
    """One thing a program may ask for; `lists`: the fields under which many records may be sent, if they may."""

    method: str
    path: str
    scope: ApiScope
    title: str
    words: str
    record: str
    fields: Sequence[Said]
    lists: tuple[str, ...] = ()

    @property
    def sample(self) -> dict[str, Any]:
        """A body that is accepted."""
        record = api_examples.purchase() if self.fields is INTERACTION else example(self.fields)
        return {self.lists[0]: [record]} if self.lists else record


OPERATIONS = (
    Operation(
        "post", "/api/v1/interactions", ApiScope.INTERACTIONS, N_("Send purchases"),
        N_("One purchase, a list, or an object with the list; up to 1,000. Each has its own result: one that is "
           "rejected does not stop the others. The same purchase sent again is updated or unchanged."),
        "Interaction", INTERACTION, ("interactions", "purchases"),
    ),
    Operation(
        "put", "/api/v1/customers/{external_id}", ApiScope.CUSTOMERS, N_("Send a customer"),
        N_("Adds or changes one person under your own id. What you leave out stays as it is."), "Customer", CUSTOMER,
    ),
    Operation(
        "post", "/api/v1/consents", ApiScope.CONSENTS, N_("Send consents and refusals"),
        N_("Who agreed to which channel, when and how, or who refuses. A refusal outweighs every later consent that "
           "a program sends."), "Consent", CONSENT, ("consents",),
    ),
)  # fmt: skip


def document(url: str) -> dict[str, Any]:
    """The OpenAPI document of the installation at this address."""
    found: dict[str, Any] = json.loads(FRAME.read_text(encoding="utf-8"))
    found["info"]["description"] = f"{url}/api/docs"
    found["servers"] = [{"url": url}]
    for one in OPERATIONS:
        found["paths"][one.path] = {one.method: _operation(one)}
        found["components"]["schemas"][one.record] = _schema(one.fields)
    return found


def _schema(fields: Sequence[Said]) -> dict[str, Any]:
    """The JSON schema of a record; fields it does not name are allowed and not read."""
    whole: dict[str, Any] = {"type": "object", "properties": {}}
    for one in fields:
        group, _, last = one.name.rpartition(".")
        into = whole["properties"]
        if group:
            into = into.setdefault(group, {"type": ["object", "null"], "properties": {}})["properties"]
        into[last] = one.schema | {"description": one.words}
    return whole


def _operation(one: Operation) -> dict[str, Any]:
    record = _ref("schemas", one.record)
    many = {"type": "array", "maxItems": 1000, "items": record}
    wrapped = [{"type": "object", "required": [name], "properties": {name: many}} for name in one.lists]
    body = {"anyOf": [*wrapped, many, record]} if one.lists else record
    done = _content(JSON, _ref("schemas", "Results" if one.lists else "CustomerResult"))
    statuses = sorted({status for status, *_words in PROBLEMS.values()})
    return {
        "summary": one.title,
        "description": f"{one.words} Scope: {one.scope.value}.",
        "operationId": one.record.lower(),
        "parameters": [_ref("parameters", "key" if one.lists else "external_id")],
        "requestBody": {"required": True} | _content(JSON, body, one.sample),
        "responses": {
            **{status: {"description": "Done"} | done for status in (("200",) if one.lists else ("200", "201"))},
            **{str(status): _refusal(status) for status in statuses},
        },
    }  # fmt: skip


def _refusal(status: int) -> dict[str, Any]:
    codes = (code for code, (of, *_words) in PROBLEMS.items() if of == status)
    return {"description": ", ".join(codes)} | _content(PROBLEM, _ref("schemas", "Problem"))


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _content(kind: str, schema: dict[str, Any], sample: Any = None) -> dict[str, Any]:
    return {"content": {kind: {"schema": schema} | ({"example": sample} if sample else {})}}


def shown(url: str) -> dict[str, Any]:
    """What the page shows, beside words of its own."""
    [answer] = document(url)["components"]["schemas"]["Results"]["examples"]
    return {
        "operations": [(one, _curl(url, one)) for one in OPERATIONS],
        "kinds": {kind: words for kind, (words, _schema) in KINDS.items()},
        "problems": PROBLEMS,
        "blanks": {"scope": ApiScope.INTERACTIONS.value, "most": 1000, "wanted": "…", "seconds": 5},
        "faults": {one.value: one.label for kind in (RejectReason, ConsentFault) for one in kind},
        "onec": api_examples.onec(url, KEY),
        "answer": json.dumps(answer, ensure_ascii=False, indent=2),
    }


def _curl(url: str, one: Operation) -> str:
    path = one.path.replace("{external_id}", "2222-77")
    return api_examples.curl(url, KEY, method=one.method, path=path, body=one.sample)
