"""A worker, or the process that reads for it, dies with -9 in the middle of a package of 1C: another goes on, and
nothing is there twice."""

from pathlib import Path

import pytest

from npsapp import create_app
from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.intake import connections, services, staging, tasks
from npsapp.intake.models import SourceKind
from npsapp.lib.clock import utcnow
from tests.benchmarks import goods
from tests.crashes.invariants import ALWAYS
from tests.crashes.world import World, wait_until

pytestmark = pytest.mark.crash
DOCUMENTS = 6_000


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_worker_killed_while_a_package_is_applied_leaves_nothing_undone_and_nothing_twice(
    kind: str, tmp_path: Path
) -> None:
    world = World(tmp_path / "instance", kind)
    try:
        world.start()
        batch_id = _bring(world, tmp_path)
        _wait_for_rows(world, batch_id, DOCUMENTS // 10)
        (helper,) = world.helpers("worker")
        world.kill("worker")
        wait_until(lambda: not Path(f"/proc/{helper}").exists(), "the process that read for it is gone, too", 5)
        _assert_in_the_middle(world, batch_id)
        world.revive("worker")
        _wait_for_rows(world, batch_id, DOCUMENTS // 2)
        world.kill_helper("worker")
        _assert_in_the_middle(world, batch_id)
        wait_until(lambda: _state(world, batch_id) == "done", "the package is applied")

        counts = world.rows("SELECT rows, applied, accepted, rejected FROM import_batch WHERE id = :id", id=batch_id)
        assert counts == [(DOCUMENTS, DOCUMENTS, DOCUMENTS, 0)]
        there = "SELECT count(*), count(DISTINCT external_id) FROM interaction WHERE batch_id = :id"
        assert world.rows(there, id=batch_id) == [(DOCUMENTS, DOCUMENTS)]
        assert {name: found for name, sql in ALWAYS.items() if (found := world.rows(sql))} == {}
        assert world.all_live(), "the worker did not outlive its helper"
    finally:
        world.stop()


def _assert_in_the_middle(world: World, batch_id: int) -> None:
    left = world.value("SELECT applied FROM import_batch WHERE id = :id", id=batch_id)
    assert 0 < left < DOCUMENTS, "the kill came too late to be one"


def _bring(world: World, folder: Path) -> int:
    """A package that was sent whole; the heartbeat finds it."""
    path = folder / "orders.xml"
    goods.write_documents(path, documents=DOCUMENTS)
    app = create_app({"SQLALCHEMY_DATABASE_URI": world.uri}, instance_path=str(world.installation.folder))
    with app.app_context():
        with path.open("rb") as stream:
            stored = staging.store(stream, tasks.uploads(), most_bytes=tasks.most_bytes())
        with transaction():
            source, _secret = connections.add(SourceKind.ONEC, "1C", actor=PROGRAM, now=utcnow())
            batch_id = services.receive(source.id, stored, file_name="o.xml", format="commerceml", now=utcnow())
        db.session.remove()
        db.engine.dispose()
    return batch_id


def _state(world: World, batch_id: int) -> str:
    return str(world.value("SELECT state FROM import_batch WHERE id = :id", id=batch_id))


def _wait_for_rows(world: World, batch_id: int, rows: int) -> None:
    applied = "SELECT applied FROM import_batch WHERE id = :id"
    wait_until(lambda: (world.value(applied, id=batch_id) or 0) >= rows, f"{rows} rows are applied")
