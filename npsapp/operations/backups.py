"""Backups: the database, the instance's files and a manifest with checksums, in one folder; and back again."""

import hashlib
import json
import os
import platform
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import inspect, text

from npsapp.db import db, is_sqlite
from npsapp.lib.refusals import Refused
from npsapp.operations import postgres

FORMAT = 1
MANIFEST, DATABASE, INSTANCE = "manifest.json", "database", "instance"
LEFT_OUT = ("queue.db", "npsapp.db")  # the queue is made again; a database travels in a form of its own
CONFIG = "config.py"


class NotDone(Refused):
    """No backup was made, or none was read back; the sentence says why and what to do."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds, and where it comes from."""

    format: int
    made_at: str
    program: str
    python: str
    database: str
    """Name and version of the server, e.g. "sqlite 3.40.1"."""
    migration: str
    public_url: str
    files: dict[str, dict[str, int | str]]
    """Path inside the backup → size in bytes and SHA-256."""

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.made_at)


def make(target: Path, *, now: datetime) -> Manifest:
    """Write a backup into a new or empty folder; it bears its name only when it is complete. Refuses with NotDone."""
    target = target.resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise NotDone(f"{target} is not empty; name a new folder")
    if target.is_relative_to(_instance()):
        raise NotDone(f"{target} lies in the instance folder; a backup belongs elsewhere, best on another machine")
    found = migration()
    if not found:
        raise NotDone("the database has no tables yet: there is nothing to save")
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    try:
        _save_database(partial / DATABASE)
        _save_instance(partial / INSTANCE)
        manifest = Manifest(
            format=FORMAT,
            made_at=now.isoformat(),
            program=version("npsapp"),
            python=platform.python_version(),
            database=server(),
            migration=found,
            public_url=current_app.config["PUBLIC_URL"],
            files={str(path.relative_to(partial)): _told(path) for path in _files(partial)},
        )
        (partial / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False))
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def migration() -> str:
    """The migration the database stands at; empty without tables."""
    with db.engine.connect() as connection:
        return ",".join(MigrationContext.configure(connection).get_current_heads())


def server() -> str:
    """Name and version of the database server."""
    with db.engine.connect() as connection:
        numbers = connection.dialect.server_version_info or ()
    return f"{db.engine.dialect.name} {'.'.join(str(number) for number in numbers[:3])}"


def _instance() -> Path:
    return Path(current_app.instance_path).resolve()


def _save_database(file: Path) -> None:
    if not is_sqlite():
        postgres.dump(db.engine, file)
        return
    with closing(sqlite3.connect(str(db.engine.url.database), timeout=60)) as connection:
        connection.execute("VACUUM INTO ?", (str(file),))
    with closing(sqlite3.connect(file)) as copy:
        said = copy.execute("PRAGMA quick_check").fetchone()[0]
    if said != "ok":
        raise NotDone(f"the copy of the database is damaged: {said}")


def _save_instance(target: Path) -> None:
    """Copy keys, settings, logos, uploads, outbox; a file that goes away meanwhile was not needed any more."""
    target.mkdir(mode=0o700)
    for path in _files(_instance()):
        name = path.relative_to(_instance())
        if path.name.startswith((".", *LEFT_OUT)) or path.suffix == ".pyc":
            continue
        (target / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            shutil.copy2(path, target / name)
        except FileNotFoundError:
            continue


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _told(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def read(folder: Path) -> Manifest:
    """The manifest of a backup that is whole, unchanged and not newer than this program. Refuses with NotDone."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise NotDone(f"{folder} is no backup: {MANIFEST} cannot be read") from error
    scripts = ScriptDirectory(current_app.extensions["migrate"].directory)
    known = {script.revision for script in scripts.walk_revisions()}
    if manifest.format != FORMAT or manifest.migration not in known:
        raise NotDone(f"the backup was made by a newer program (npsapp {manifest.program}); install that one first")
    for name, told in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file() or _told(path) != told:
            raise NotDone(f"the backup is damaged: {name} is missing or was changed")
    return manifest


def write_back(folder: Path, manifest: Manifest, *, replace: bool) -> list[str]:
    """Put database and files of a backup in place of this installation's. Gives sentences worth telling.

    Refuses with NotDone: another kind of database, data that would be lost without `replace`, processes that run.
    """
    kind = manifest.database.split()[0]
    if kind != db.engine.dialect.name:
        raise NotDone(f"the backup is of a {kind} database; set NPSAPP_SQLALCHEMY_DATABASE_URI to one of that kind")
    if has_data() and not replace:
        raise NotDone("this installation holds data; --replace puts the backup in their place")
    db.session.remove()
    db.engine.dispose()
    if is_sqlite():
        _load_sqlite(folder / DATABASE, Path(str(db.engine.url.database)))
    else:
        if postgres.others_connected(db.engine):
            raise NotDone("somebody else is connected to the database: stop web and worker first")
        postgres.load(db.engine, folder / DATABASE)
    db.engine.dispose()
    return _load_instance(folder / INSTANCE)


def has_data() -> bool:
    """Whether somebody or some brand is in this installation's database."""
    if not inspect(db.engine).has_table("brand"):
        return False
    with db.engine.connect() as connection:
        return connection.execute(text('SELECT 1 FROM brand UNION ALL SELECT 1 FROM "user"')).first() is not None


def in_use(file: Path) -> bool:
    """Whether another process has an SQLite database open. If not, its WAL is ended until somebody opens it again."""
    with closing(sqlite3.connect(file, timeout=1)) as connection, suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode=DELETE")  # leaving WAL takes the file for oneself
        return False
    return True


def _load_sqlite(file: Path, target: Path) -> None:
    if target.exists() and in_use(target):  # a WAL must not be found beside another database
        raise NotDone("another process uses the database: stop web and worker first")
    fresh = target.with_name(f".{target.name}.restored")
    shutil.copyfile(file, fresh)
    fresh.chmod(0o600)
    os.replace(fresh, target)


def _load_instance(folder: Path) -> list[str]:
    """Files of the backup come back; settings that are here stay, for they tell this machine's addresses."""
    told = []
    for path in _files(folder):
        target = _instance() / path.relative_to(folder)
        if path.name == CONFIG and target.exists() and target.read_bytes() != path.read_bytes():
            target = target.with_name(f"{CONFIG}.restored")
            told.append(f"{CONFIG} was left as it is; that of the backup is {target}")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(path, target)
    if not (folder / "secret_key").exists():
        told.append("the backup holds no secret key: set NPSAPP_SECRET_KEY as it was, or the links in letters are void")
    return told
