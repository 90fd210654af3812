"""Migrations build exactly the tables of the models, go up and down, and never delete children."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import func, inspect, select, table, text

from npsapp import create_app
from npsapp.cases import services as cases
from npsapp.db import db, is_sqlite, transaction
from npsapp.invitations.models import Invitation
from npsapp.surveys.models import DirtyDay, StepWords, Tallied
from tests import cast, factories as make

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"
REVISIONS = sorted(VERSIONS.glob("*.py"))


@pytest.fixture(params=["sqlite", "postgres"])
def empty_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An application whose database has no tables."""
    settings = {"TESTING": True, "SECRET_KEY": "a key for tests only, 1234"}
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        settings["SQLALCHEMY_DATABASE_URI"] = server.database(f"empty_{uuid4().hex}")
    app = create_app(settings, instance_path=str(tmp_path / "instance"))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def test_migrations_are_numbered_sentences() -> None:
    names = [path.stem for path in REVISIONS]

    assert names
    assert [re.match(r"(\d{4})_[a-z0-9_]+$", name).group(1) for name in names] == [
        f"{number:04d}" for number in range(1, len(names) + 1)
    ]


def test_migrations_build_the_tables_of_the_models(empty_app: Flask) -> None:
    flask_migrate.upgrade()

    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_migrations_go_down_and_up_again(empty_app: Flask) -> None:
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision="base")

    assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}

    flask_migrate.upgrade()

    assert set(inspect(db.engine).get_table_names()) == set(db.metadata.tables) | {"alembic_version"}


def test_rows_survive_every_step_down_and_up_again(empty_app: Flask) -> None:
    """A row may lose what an older revision does not know, but it is never lost itself."""
    flask_migrate.upgrade()
    _fill()
    counted, said = _count(), _letters()
    assert sum(1 for rows in counted.values() if rows) > 25

    for _step in REVISIONS[1:]:
        flask_migrate.downgrade()
        before, counted = counted, _count()
        assert _lost(before, counted) == []
    for _step in REVISIONS[1:]:
        flask_migrate.upgrade(revision="+1")
        before, counted = counted, _count()
        assert _lost(before, counted) == []

    assert said == _letters() != []
    with db.engine.connect() as connection:
        for model in db.metadata.sorted_tables:
            connection.execute(model.select()).all()  # every value is one the models understand
    flask_migrate.downgrade(revision="base")
    flask_migrate.upgrade()
    assert not any(_count().values())


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 7, 1, 21, 30, tzinfo=UTC), date(2026, 7, 2)),
        (datetime(2026, 11, 20, 21, 30, tzinfo=UTC), date(2026, 11, 20)),
    ],
)
def test_invitations_of_an_older_program_get_the_day_of_their_brand(empty_app: Flask, moment: datetime, day: date):
    """21:30 UTC is the next day in Kyiv in summer only; what has not left has no day, but a segment."""
    flask_migrate.upgrade()
    _fill()
    with transaction() as session:
        sent, unsent = session.scalars(select(Invitation).order_by(Invitation.id))
        sent.sent_at, unsent.sent_at, segment_id = moment, None, sent.segment_id
    db.session.remove()

    flask_migrate.downgrade(revision="0028")
    flask_migrate.upgrade()

    rows = db.session.execute(select(Invitation.sent_on, Invitation.segment_id).order_by(Invitation.id)).all()
    assert rows == [(day, segment_id), (None, segment_id)]
    assert segment_id
    marked = select(DirtyDay.local_date).where(DirtyDay.tallied == Tallied.INVITATIONS)
    assert db.session.scalars(marked).all() == [day]


def _lost(before: dict[str, int], counted: dict[str, int]) -> list[str]:
    """Tables of both revisions that lost rows; what stood in a table that only one of them has may lie elsewhere."""
    return [name for name in sorted(before.keys() & counted) if counted[name] < before[name]]


def _fill() -> None:
    """The company of the tests with an answered invitation, a case, a letter, a file and what goes with them."""
    now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    with transaction() as session:
        company = cast.found(session, password_hash="x", now=now)
        response = make.make_response(company, now=now, score=2)
        make.make_invitation(company, now=now)
        make.make_message(company, now=now)
    with transaction():
        cases.look_at(response.id, now=now)
    db.session.remove()


def _letters() -> list[dict[str, dict[str, str]]]:
    """What letters say: not a word is lost on the way down and up."""
    with db.engine.connect() as connection:
        rows = connection.scalars(select(StepWords.__table__.c.texts)).all()
    return [{part: texts for part, texts in row.items() if any(texts.values())} for row in rows]


def _count() -> dict[str, int]:
    with db.engine.connect() as connection:
        names = inspect(connection).get_table_names()
        return {
            name: connection.scalar(select(func.count()).select_from(table(name))) or 0
            for name in names
            if name != "alembic_version"
        }


@pytest.mark.sqlite_only
def test_foreign_keys_hold_after_a_migration(empty_app: Flask) -> None:
    """Migrating switches them off on its connection, which must not go back into use."""
    flask_migrate.upgrade()

    with db.engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_changing_a_parent_table_keeps_its_children(empty_app: Flask, tmp_path: Path) -> None:
    """SQLite changes a table by copying and dropping it, which would cascade with foreign keys on."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako", "alembic.ini"):
        (folder / name).write_text((VERSIONS.parent / name).read_text())
    (folder / "versions" / "0001_make_two_tables.py").write_text(_TWO_TABLES)
    (folder / "versions" / "0002_widen_the_title.py").write_text(_WIDEN)
    flask_migrate.upgrade(directory=str(folder), revision="0001")
    with db.engine.begin() as connection:
        connection.execute(text("INSERT INTO parent (id, title) VALUES (1, 'a')"))
        connection.execute(text("INSERT INTO child (id, parent_id) VALUES (1, 1), (2, 1)"))

    flask_migrate.upgrade(directory=str(folder), revision="0002")

    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM child")).scalar() == 2
        if is_sqlite():
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []


_TWO_TABLES = '''
"""make two tables"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0001", None
def upgrade():
    op.create_table("parent", sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.String(300)))
    op.create_table("child", sa.Column("id", sa.Integer, primary_key=True),
                    sa.Column("parent_id", sa.Integer, sa.ForeignKey("parent.id", ondelete="CASCADE")))
def downgrade():
    pass
'''
_WIDEN = '''
"""widen the title"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    with op.batch_alter_table("parent") as batch:
        batch.alter_column("title", existing_type=sa.String(300), type_=sa.String(310))
def downgrade():
    pass
'''
