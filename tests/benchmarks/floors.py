"""The floors: the least a program could do for the same result. The only place of floors (decisions.md 40).

Answers: Flask, one Jinja template, SQLAlchemy Core, one INSERT, behind npsapp's own `serve`. Letters: the standard
library's email package and one smtplib connection. Rows: parsing the file, then `executemany` of the same table rows.
"""

import csv
import os
import smtplib
import sys
from datetime import UTC, datetime
from email.charset import BASE64, QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formataddr
from pathlib import Path
from typing import Any

from flask import Flask, render_template, request
from jinja2 import DictLoader
from sqlalchemy import JSON, Column, DateTime, Integer, MetaData, String, Table, create_engine, event, insert, select
from sqlalchemy.engine import Engine

from npsapp import driver, run
from npsapp.db import db
from npsapp.intake import commerceml
from npsapp.lib import xml_stream
from tests.benchmarks.ours import timed

# ---- answers -----------------------------------------------------------------------------------------------------

_PAGE = """<!doctype html><html lang="uk"><head><meta charset="utf-8"><title>{{ question }}</title></head><body>
<form method="post" action="{{ request.path }}"><input type="hidden" name="nonce" value="{{ token }}">
<h1>{{ question }}</h1>{% for score in range(11) %}<label><input type="radio" name="score" value="{{ score }}"
{%- if score == chosen %} checked{% endif %}>{{ score }}</label>{% endfor %}<button>{{ send }}</button></form>
<p>{{ rest }}</p></body></html>"""


def create_app() -> Flask:
    """The floor of the survey page, with the server, threads and PRAGMAs of npsapp (imported with `npsapp.db`)."""
    app = Flask(__name__)
    app.config.update(
        HOST="127.0.0.1",
        PORT=int(os.environ["NPSAPP_PORT"]),
        WEB_THREADS=8,
        MAX_CONTENT_LENGTH=2**20,
        TRUSTED_PROXIES=(),
    )
    app.cli.command("serve")(lambda: run.serve(app))
    app.jinja_env.loader = DictLoader({"page.html": _PAGE})
    answers = Table(
        "floor_answer", MetaData(), Column("id", Integer, primary_key=True), Column("token", String),
        Column("score", Integer), Column("at", DateTime(timezone=True)),
    )  # fmt: skip
    engine = create_engine(os.environ["NPSAPP_SQLALCHEMY_DATABASE_URI"], pool_size=9)
    event.listen(engine, "connect", _begin_as_libraries_do)
    answers.metadata.create_all(engine)
    rest = "x" * int(os.environ.get("FLOOR_BYTES", "0"))

    def page(token: str, chosen: int | None) -> str:
        return render_template("page.html", question="Як ви нас?", send="ok", token=token, chosen=chosen, rest=rest)

    @app.get("/r/<token>/<int:score>")
    def show(token: str, score: int) -> str:
        return page(token, score)

    @app.post("/r/<token>")
    def record(token: str) -> str:
        score = int(request.form["score"])
        with engine.begin() as connection:
            connection.execute(insert(answers), {"token": token, "score": score, "at": datetime.now(UTC)})
        return page(token, score)

    return app


def _begin_as_libraries_do(dbapi_connection: Any, _record: Any) -> None:
    """Let psycopg begin by itself, which costs less than the BEGIN that npsapp writes."""
    if not driver.is_sqlite(dbapi_connection):
        dbapi_connection.autocommit = False


# ---- letters -----------------------------------------------------------------------------------------------------


def letters(_label: str) -> None:
    """Build and send every letter that waits in the database; reading them is not counted."""
    engine = create_engine(os.environ["NPSAPP_SQLALCHEMY_DATABASE_URI"])
    message, sender = (db.metadata.tables[name] for name in ("message", "sender"))
    with engine.connect() as connection:
        rows = connection.execute(select(message)).mappings().all()
        who = connection.execute(select(sender.c.name, sender.c.address, sender.c.reply_to)).mappings().one()
    with timed() as say:
        with smtplib.SMTP(os.environ["NPSAPP_MAIL_SERVER"], int(os.environ["NPSAPP_MAIL_PORT"])) as server:
            for row in rows:
                server.sendmail(who["address"], [row["to_address"]], _letter(row, who))
        say(count=len(rows))


def _letter(row: Any, who: Any) -> bytes:
    letter = MIMEMultipart("alternative")
    letter["Subject"] = Header(row["subject"], "utf-8").encode()
    letter["From"] = formataddr((who["name"][row["language"]], who["address"]))
    letter["To"] = formataddr((row["to_name"], row["to_address"]))
    letter["Reply-To"], letter["Message-ID"] = who["reply_to"], row["message_id"]
    letter["Date"] = f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S +0000}"
    letter["List-Unsubscribe"] = f"<{row['unsubscribe_url']}>"
    charset = Charset("utf-8")
    charset.body_encoding = BASE64 if row["language"] in ("ru", "uk") else QP
    for kind in ("plain", "html"):
        part = MIMEText("", kind, "utf-8")
        del part["Content-Transfer-Encoding"]
        part.set_payload(row["body" if kind == "plain" else "html"], charset)
        letter.attach(part)
    return letter.as_bytes()


# ---- rows --------------------------------------------------------------------------------------------------------

WRITTEN = (
    "customer", "trusted_id", "contact_point", "ground", "segment", "unit", "performer", "interaction",
    "interaction_performer",
)  # fmt: skip
AT_ONCE = 10_000


def rows(file: str, like: str) -> None:
    """Parse the file, then write the rows that reading it left in the database `like`, with the bare driver."""
    source, target = create_engine(like), create_engine(os.environ["NPSAPP_SQLALCHEMY_DATABASE_URI"])
    tables = [table for table in db.metadata.sorted_tables if table.name != "audit_entry"]
    ready = {table.name: _rows_of(source, table) for table in tables}
    # What the rows point to lies there already, as it does for npsapp.
    _write(target, {table: ready[table.name] for table in tables if table.name not in WRITTEN}, checked_at_end=True)
    with timed() as say:
        parsed = _parsed(Path(file))
        for table in tables:
            for start in range(0, len(ready[table.name]) if table.name in WRITTEN else 0, AT_ONCE):
                _write(target, {table: ready[table.name][start : start + AT_ONCE]})
        say(parsed=parsed, written=sum(len(ready[name]) for name in WRITTEN))


def _parsed(file: Path) -> int:
    """How many rows or documents there are, read by the same parsers."""
    if file.suffix == ".xml":
        with file.open("rb") as stream:
            return sum(1 for _document in xml_stream.elements(stream, frozenset({commerceml.DOCUMENT})))
    with file.open(encoding="utf-8", newline="") as stream:
        return sum(1 for _row in csv.reader(stream, delimiter=";"))


def _rows_of(engine: Engine, table: Table) -> list[Any]:
    columns = ", ".join(_as_text(engine, column) for column in table.c)
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(f'SELECT {columns} FROM "{table.name}"')
        return list(cursor.fetchall())
    finally:
        connection.close()


def _as_text(engine: Engine, column: Column[Any]) -> str:
    json_there = isinstance(column.type, JSON) and engine.dialect.name == "postgresql"
    return f'"{column.name}"::text' if json_there else f'"{column.name}"'


def _write(engine: Engine, new: dict[Table, list[Any]], *, checked_at_end: bool = False) -> None:
    """Rows of some tables in one transaction; foreign keys are always checked, on request at its end only."""
    on_sqlite = engine.dialect.name == "sqlite"
    holders = {True: "?"} if on_sqlite else {True: "%s", False: "%s::json"}
    connection = engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE" if on_sqlite else "BEGIN")
    if checked_at_end:
        cursor.execute("PRAGMA defer_foreign_keys=ON" if on_sqlite else "SET LOCAL session_replication_role = replica")
    for table, ready in new.items():
        names = ", ".join(f'"{column.name}"' for column in table.c)
        values = ", ".join(holders[on_sqlite or not isinstance(column.type, JSON)] for column in table.c)
        if ready:
            cursor.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({values})', ready)  # noqa: S608
    connection.commit()
    connection.close()


PROGRAMS = {"letters": letters, "rows": rows}

if __name__ == "__main__":
    __import__("npsapp").create_app()  # all tables
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
