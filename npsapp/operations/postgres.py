"""PostgreSQL's own programs: found in a version that fits the server, run without a password on the command line."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL, Engine

from npsapp.lib.refusals import Refused


class Failed(Refused):
    """A program of PostgreSQL is missing, too old, or failed; the sentence says which."""


def dump(engine: Engine, file: Path) -> None:
    """Write the whole database into one file in PostgreSQL's custom format, as of one moment."""
    _run("pg_dump", engine, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")


def load(engine: Engine, file: Path) -> None:
    """Replace all tables by those of a dump, in one transaction: all or nothing."""
    script, drop = file.with_suffix(".sql"), file.with_suffix(".drop.sql")
    try:
        _run("pg_restore", engine, "--no-owner", "--no-privileges", f"--file={script}", str(file), connect=False)
        drop.write_text(_drop_tables(engine))
        files = (f"--file={drop}", f"--file={script}")
        _run("psql", engine, "--single-transaction", "--set=ON_ERROR_STOP=1", "--quiet", "--output=/dev/null", *files)
    finally:
        script.unlink(missing_ok=True)
        drop.unlink(missing_ok=True)


def others_connected(engine: Engine) -> int:
    """How many other connections use this database: web and worker, if they still run."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(asked).scalar_one())


def _drop_tables(engine: Engine) -> str:
    asked = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
    with engine.connect() as connection:
        names = connection.exec_driver_sql(asked).scalars().all()
    return f"DROP TABLE {', '.join(names)} CASCADE;\n" if names else ""


def _run(name: str, engine: Engine, *words: str, connect: bool = True) -> None:
    url: URL = engine.url
    address = url.set(drivername="postgresql", password=None).render_as_string()
    command = [str(_program(name, engine)), *([f"--dbname={address}"] if connect else []), *words]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **({"PGPASSWORD": url.password} if url.password else {})}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603 - our own words
    if done.returncode:
        words_said = done.stderr.strip().splitlines() or ["without a word"]
        raise Failed(f"{name} failed: {words_said[-1]}")


def _program(name: str, engine: Engine) -> Path:
    """The newest program of that name; older than the server it could not read everything."""
    with engine.connect() as connection:
        needed = int((connection.dialect.server_version_info or (0,))[0])
    installed = [str(path) for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")]
    found = {_version(path): path for path in [*installed, shutil.which(name)] if path}
    if not found:
        raise Failed(f"{name} is not installed; on Debian: apt-get install postgresql-client")
    if max(found) < needed:
        raise Failed(f"{name} is of version {max(found)}, the server of {needed}: install postgresql-client-{needed}")
    return Path(found[max(found)])


def _version(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    number = re.search(r"(\d+)", said)
    return int(number.group(1)) if number else 0
