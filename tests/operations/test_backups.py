"""Backups read back: the journey goes on, nothing leaves twice by itself, and nothing is lost by mistake."""

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from npsapp.audit.services import COMMAND
from npsapp.customers import erasing
from npsapp.db import transaction
from npsapp.lib import clock
from npsapp.office import erasing as office
from tests.journeys.conftest import Installation
from tests.mailserver import MailServer
from tests.operations.conftest import command, inside, seed

ADMIN, MANAGER, PASSWORD = "olena@vodolad.example", "andriy@vodolad.example", "correct horse battery"
WAITING = "SELECT count(*) FROM message WHERE state = 'queued' AND purpose = 'invitation'"


@pytest.mark.journey
def test_a_restored_installation_goes_on_where_the_backup_was_made(
    install: Callable[..., Installation], mail_server: MailServer, tmp_path: Path
) -> None:
    mail = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(mail_server.port)}
    shop = install(**mail)
    tokens = seed(shop).asked
    for name in ("uploads/a1b2", "outbox/letter.eml", "logos/brand.png"):
        (shop.folder / name).parent.mkdir(exist_ok=True)
        (shop.folder / name).write_text(name)
    folder = tmp_path / "backups" / "monday"

    said = shop.flask("backup", str(folder))

    assert re.search(r"saved \d+ files, \d+\.\d MB", said)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {"database", "instance/secret_key", "instance/uploads/a1b2", "instance/outbox/letter.eml"} <= set(
        manifest["files"]
    )
    assert not [name for name in manifest["files"] if "queue" in name or "npsapp.db" in name]
    assert folder.stat().st_mode & 0o077 == 0

    # Another machine, another address: read back into an empty installation.
    clone = install(**mail)
    said = clone.flask("restore", str(folder))
    assert "letters to customers are paused" in said
    assert (clone.folder / "secret_key").read_bytes() == (shop.folder / "secret_key").read_bytes()
    assert (clone.folder / "uploads/a1b2").read_text() == "uploads/a1b2"
    beat(clone)
    clone.serve()
    assert mail_server.letters == []

    # A link from a letter of the old installation works; the answer becomes a case of the region's manager.
    customer = clone.visitor("uk")
    customer.open(f"/r/{tokens[0]}/3")
    customer.fill(score="3")
    customer.fill(comment="Зламана решітка")
    assert "Дякуємо" in customer.page
    beat(clone)
    manager = clone.visitor()
    manager.sign_in(MANAGER, PASSWORD)
    assert "/cases/" in manager.open("/cases/")
    assert re.search(r'href="/cases/\d+"', manager.page)

    # Letters that may have left: one is decided as sent, those planned earlier leave after all.
    admin = clone.visitor()
    admin.sign_in(ADMIN, PASSWORD)
    assert "/schedule/doubt" in admin.open("/schedule/")
    page = admin.open("/schedule/doubt")
    assert "restored from a backup" in page
    batches = re.findall(r'name="day" value="([\d-]+)"', page)
    assert len(set(batches)) == 2
    earlier, today = sorted(set(batches))
    decide(admin, today, send=False)
    decide(admin, earlier, send=True)
    assert "Nothing is in doubt" in admin.page
    admin.open("/schedule/")
    admin.fill("/schedule/resume/1")
    beat(clone)
    told = [letter["To"] for letter in mail_server.letters]
    planned = clone.rows("SELECT count(*) FROM invitation WHERE state = 'planned'")[0][0]
    assert clone.rows(WAITING) == [(0,)]
    assert len([one for one in told if "customer" in one]) + planned == 2, told
    assert not [one for one in told if "petro@" in one], "taken as sent, it does not leave again"


def beat(installation: Installation) -> None:
    with inside(installation) as app:
        command(app, "beat")


def decide(admin: Any, day: str, *, send: bool) -> None:
    forms = re.findall(r'<form[^>]*action="/schedule/doubt"[\s\S]*?</form>', admin.page)
    form = next(one for one in forms if f'value="{day}"' in one and ('value="send"' in one) == send)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    admin.send("/schedule/doubt", **fields)
    assert admin.status == 200
    assert "decided" in admin.page


def test_a_backup_and_a_restore_refuse_what_would_lose_something(
    install: Callable[..., Installation], tmp_path: Path
) -> None:
    shop = install()
    seed(shop)
    folder = tmp_path / "backup"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with inside(shop) as app:
        assert "is not empty" in command(app, "backup", str(tmp_path / "full"), fails=True)
        assert "instance folder" in command(app, "backup", str(shop.folder / "backup"), fails=True)
        command(app, "backup", str(folder))
    with shop.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE customer SET name = 'Later'")
    (shop.folder / "config.py").write_text("MAIL_TIMEOUT = 7\n")

    with inside(shop) as app:
        assert "--replace" in command(app, "restore", str(folder), fails=True)
        with shop.engine.connect() as connection:  # as web and worker hold one
            connection.exec_driver_sql("SELECT 1 FROM brand")
            assert "stop web and worker" in command(app, "restore", str(folder), "--replace", fails=True)
    assert shop.rows("SELECT DISTINCT name FROM customer") == [("Later",)]

    with inside(shop) as app:
        command(app, "restore", str(folder), "--replace")
    assert shop.rows("SELECT count(*) FROM customer WHERE name = 'Later'") == [(0,)]
    assert shop.rows("SELECT cause, kind FROM pause") == [("restored", "everything")]
    assert (shop.folder / "config.py").read_text() == "MAIL_TIMEOUT = 7\n"


def test_who_was_erased_after_the_backup_is_erased_again(install: Callable[..., Installation], tmp_path: Path) -> None:
    shop = install()
    seed(shop)
    folder = tmp_path / "backup"
    with inside(shop) as app:
        command(app, "backup", str(folder))
        first, second = shop.rows("SELECT id, name FROM customer ORDER BY id LIMIT 2")
        with transaction():
            erasing.begin(first[0], actor=COMMAND, now=clock.utcnow())
        office.erase(first[0])
        said = command(app, "restore", str(folder), "--replace")
    assert "again when the worker runs: 1 of" in said
    name = f"SELECT name FROM customer WHERE id = {first[0]}"
    assert shop.rows(name) == [(first[1],)]

    with inside(shop) as app:
        command(app, "beat")

    assert shop.rows(name) == [("",)]
    assert shop.rows(f"SELECT name FROM customer WHERE id = {second[0]}") == [(second[1],)]


@pytest.mark.sqlite_only
def test_a_damaged_or_newer_backup_is_refused_before_anything_is_touched(
    install: Callable[..., Installation], tmp_path: Path
) -> None:
    shop = install()
    folder = tmp_path / "backup"
    with inside(shop) as app:
        _refuses_what_is_not_whole(app, shop, folder)


def _refuses_what_is_not_whole(app: Flask, shop: Installation, folder: Path) -> None:
    command(app, "backup", str(folder))
    before = (shop.folder / "npsapp.db").read_bytes()
    manifest = (folder / "manifest.json").read_text()

    assert "is no backup" in command(app, "restore", str(folder.parent), fails=True)
    (folder / "manifest.json").write_text(re.sub(r'"migration": "\d+"', '"migration": "9999"', manifest))
    assert "newer program" in command(app, "restore", str(folder), fails=True)
    (folder / "manifest.json").write_text(manifest.replace("instance/secret_key", "../../secret_key"))
    assert "damaged" in command(app, "restore", str(folder), fails=True)
    (folder / "manifest.json").write_text(re.sub(r'"sqlite [\d.]+"', '"postgresql 15.1"', manifest))
    assert "is of a postgresql database" in command(app, "restore", str(folder), fails=True)
    (folder / "manifest.json").write_text(manifest)
    with sqlite3.connect(folder / "database") as copy:
        copy.execute("PRAGMA user_version = 7")
    copy.close()
    assert "damaged: database" in command(app, "restore", str(folder), fails=True)

    assert (shop.folder / "npsapp.db").read_bytes() == before


def test_an_installation_without_tables_has_nothing_to_save(tmp_path: Path) -> None:
    with inside(Installation(tmp_path / "instance")) as app:
        assert "no tables yet" in command(app, "backup", str(tmp_path / "backup"), fails=True)
    assert not list(tmp_path.glob("backup*"))
