"""The details of the audit log in words: whatever the services write, nobody reads the name of a column."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import npsapp
from npsapp.accounts.models import User
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.customers.models import Customer
from npsapp.customers.rules import Kept
from npsapp.db import transaction
from npsapp.delivery.incoming_models import ReturnBox
from npsapp.delivery.models import Gateway, Sender
from npsapp.i18n import LANGUAGES, speaking
from npsapp.intake.connections import USUAL
from npsapp.intake.models import Source, ValueKind
from npsapp.invitations.models import ContactPolicy, InvitationPolicy
from npsapp.invitations.quota_models import QuotaRule
from npsapp.invitations.rules import Reason
from npsapp.lib.texts import text_in
from npsapp.office import details, log
from npsapp.organization.models import Brand, Performer, Property, Region, Segment, Unit
from npsapp.responses.open_models import OpenLink
from npsapp.surveys.letters import PARTS
from npsapp.surveys.models import Touchpoint

WRITERS = {"record", "record_many", "_record", "_note", "note"}
SETTINGS = (Brand, Region, Unit, Performer, Segment, Property, Touchpoint, Sender, Gateway, ReturnBox, Source)
SETTINGS += (InvitationPolicy, ContactPolicy, QuotaRule, OpenLink)
UNSEEN = {
    "id", "pool_id", "created_at", "is_demo", "sender_id", "position", "looked_at", "said", "count", "mapping",
    "live_at", "live_from", "first_day_cap", "outbox_confirmed_at", "is_test", "login", "secret_digest", "meanings",
    "settings", "heard_at", "accepted_at", "alarm", "grounds_set_by_id", "token", "created_by_id", "wave_done_id",
}  # fmt: skip
"""Columns that no form changes; what changes them has its own event or writes nothing."""


def written() -> Iterator[str]:
    """The keys of details, as they stand in the code of those who write them."""
    for path in sorted(Path(npsapp.__file__).parent.rglob("*.py")):
        for function in (one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.FunctionDef)):
            calls = [one for one in ast.walk(function) if isinstance(one, ast.Call) and _name(one.func) in WRITERS]
            given = [word.value for call in calls for word in call.keywords if word.arg == "data"]
            names = {one.id for one in given if isinstance(one, ast.Name)}
            set_here = [one for one in ast.walk(function) if isinstance(one, ast.Assign)]
            given += [one.value for one in set_here if names & set(_targets(one))]
            for value in given:
                for one in (one for one in ast.walk(value) if isinstance(one, ast.Dict)):
                    yield from (key.value for key in one.keys if isinstance(key, ast.Constant))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _targets(one: ast.Assign) -> Iterator[str]:
    for target in one.targets:
        yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def test_every_detail_that_services_write_has_its_words(app):
    keys = set(written())

    assert {"outcome", "cause", "reasons", "kind", "until", "fields", "repaired", "first_day_cap"} <= keys
    assert keys <= details.keys("en").keys() | details.SILENT


def test_everything_a_line_is_about_has_its_word():
    code = "\n".join(path.read_text() for path in sorted(Path(npsapp.__file__).parent.rglob("*.py")))
    kinds = set(re.findall(r'subjects?(?:, \w+)* ?= ?\(?"(\w+)", ', code))

    assert {"retention", "case", "customer", "sender"} <= kinds
    assert kinds <= log.SUBJECTS.keys()


def test_every_setting_that_may_change_has_its_words(app):
    columns = {column.key for model in SETTINGS for column in model.__table__.columns}
    chosen = {key for settings in USUAL.values() for key in settings}
    parts = {part for parts in PARTS.values() for part in parts}

    assert columns - UNSEEN <= details.fields("en").keys()
    assert chosen | {kind.value for kind in ValueKind} <= details.fields("en").keys()
    for part in parts | {kind.value for kind in Kept}:
        assert details.lines({"fields": [part]}, {}) != [f"what changed: question “{part}”"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_code_stands_in_a_line(app, language):
    data = {
        "fields": ["timezone", "letter.subject.uk", "q1.wording.ru", "created"],
        "reasons": {Reason.NO_ADDRESS.value: 3, Reason.IN_TRIAL.value: 1200},
        "outcome": "not_saved",
        "until": "2026-12-01T10:00:00+00:00",
        "is_key": False,
        "hot": True,
        "kind": "everything",
        "cause": "by_hand",
        "to": 7,
        "grounds": {"email": "interest"},
        "scopes": ["interactions:write"],
        "message_id": 5,
    }
    with speaking(language):
        said = "; ".join(details.lines(data, {("user", 7): "Iryna"}))

    assert "Iryna" in said
    assert "2026" in said
    assert "T10" not in said
    assert not re.search(r"[a-z]_[a-z]|True|False|\.uk|interactions:write|message", said)
    if language != "en":
        assert not re.search(r"[a-z]{4,}", said.replace("Iryna", "").replace("q1", ""))


def test_what_is_not_known_is_still_readable(app):
    assert details.lines({"some_new_key": "word", "none_of_it": None}, {}) == ["some new key: word"]


def test_the_page_names_people_and_places(client, company, login, now):
    admin = login(client, company.admin)
    to = {"from": company.manager_kyiv.id, "to": company.admin.id}
    with transaction():
        audit.record(Event.CASE_ASSIGNED, actor=audit.PROGRAM, now=now, subject=("case", 1), data=to)
        data = {"role": "manager", "regions": [company.regions.kyiv.id]}
        audit.record(Event.USER_CREATED, actor=audit.PROGRAM, now=now, subject=("user", 1), data=data)

    page = admin.get("/audit/?actor=program").get_data(as_text=True)

    assert f"previous owner: {company.manager_kyiv.name}" in page
    assert f"new owner: {company.admin.name}" in page
    assert "role: Regional manager" in page
    assert f"regions: {text_in(company.regions.kyiv.name, 'en')}" in page


def test_columns_of_people_have_their_words(app):
    assert {"name", "address_as", "language"} <= {c.key for c in Customer.__table__.columns} & details.fields(
        "en"
    ).keys()
    assert {"name", "language", "timezone", "role"} <= {c.key for c in User.__table__.columns} & details.fields(
        "en"
    ).keys()
