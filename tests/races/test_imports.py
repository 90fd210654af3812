"""The same file brought twice at the same moment: by two people, by two workers, by two commands."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from npsapp.audit.services import PROGRAM
from npsapp.customers.models import ContactPoint, Customer, Ground, TrustedId
from npsapp.db import transaction
from npsapp.intake import services, staging, tasks
from npsapp.intake.models import BatchState, ImportBatch, Interaction, Source, StagedPart
from npsapp.lib.clock import utcnow
from npsapp.organization.models import Unit
from tests.conftest import Backing
from tests.intake.files import csv_file, purchases
from tests.journeys.conftest import Installation
from tests.races.conftest import AtOnce, count, rows

ROWS = 60


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return csv_file(tmp_path, purchases(ROWS))


def upload(file: Path) -> int:
    with file.open("rb") as stream:
        stored = staging.store(stream, tasks.uploads(), most_bytes=tasks.most_bytes())
    now = utcnow()
    with transaction():
        source = services.get_or_create_source(name="till", actor=PROGRAM, now=now)
        batch = services.create_batch(source_id=source.id, file_name=file.name, stored=stored, actor=PROGRAM, now=now)
        return batch.id


def confirm(batch_id: int) -> None:
    with transaction():
        services.choose(batch_id, touchpoint_id=None, grounds={"email": "contract"})
        services.confirm(batch_id, actor=PROGRAM, now=utcnow())


def whole(file: Path) -> int:
    """What a command does: upload, read, confirm, apply."""
    batch_id = upload(file)
    tasks.stage_batch(batch_id)
    confirm(batch_id)
    tasks.apply_batch(batch_id)
    return batch_id


def assert_each_row_once(batches: int) -> None:
    assert count(Interaction) == count(Customer) == ROWS
    assert count(ContactPoint) == count(Ground) == ROWS
    assert (count(Source), count(Unit), count(StagedPart)) == (1, 2, 0)  # its unit is known in the company
    done = rows(ImportBatch)
    assert [one.state for one in done] == [BatchState.DONE] * batches
    assert sum(one.accepted for one in done) == ROWS
    assert sum(one.accepted + one.updated + one.unchanged for one in done) == ROWS * batches
    assert sum(one.rejected for one in done) == 0


def test_one_file_brought_by_three_at_once_is_taken_in_once(
    company: SimpleNamespace, file: Path, at_once: AtOnce, slow_commits: None
) -> None:
    assert all(isinstance(one, int) for one in at_once(*[lambda: whole(file)] * 3))

    assert_each_row_once(batches=3)


def test_people_in_two_files_at_once_are_found_and_not_made_twice(
    company: SimpleNamespace, tmp_path: Path, at_once: AtOnce, slow_commits: None
) -> None:
    folders = [tmp_path / name for name in "ab"]
    lines = purchases(ROWS)
    for folder, letter in zip(folders, "PQ", strict=True):
        folder.mkdir()
        csv_file(folder, [letter + line[1:] for line in lines])

    at_once(*(lambda folder=folder: whole(next(folder.iterdir())) for folder in folders))

    assert (count(Interaction), count(Customer), count(ContactPoint)) == (2 * ROWS, ROWS, ROWS)
    assert count(TrustedId) == 0


def test_one_upload_read_and_applied_by_two_workers_and_confirmed_by_two_people(
    company: SimpleNamespace, file: Path, at_once: AtOnce, slow_commits: None
) -> None:
    batch_id = upload(file)

    at_once(*[lambda: tasks.stage_batch(batch_id)] * 3)
    assert (sum(part.count for part in rows(StagedPart)), rows(ImportBatch)[0].rows) == (ROWS, ROWS)
    confirmed = at_once(*[lambda: confirm(batch_id)] * 2)
    at_once(*[lambda: tasks.apply_batch(batch_id)] * 3)

    assert sorted(type(one).__name__ for one in confirmed) == ["NoneType", "NotWaiting"]
    assert_each_row_once(batches=1)


@pytest.fixture
def installation(tmp_path: Path, backing: Backing) -> Installation:
    made = Installation(tmp_path / "instance", **backing.fresh())
    made.flask("db", "upgrade")
    return made


def test_two_commands_on_an_empty_installation_found_one_company(installation: Installation, file: Path) -> None:
    """And two beats from two processes, right afterwards, ask everybody once."""
    command = ("intake", "read", str(file), "--source", "till", "--live")

    run_together(installation, command, command)
    run_together(installation, ("beat",), ("beat",))

    numbers = "select (select count(*) from brand), (select count(*) from interaction), (select count(*) from customer)"
    assert [tuple(row) for row in installation.rows(numbers)] == [(1, ROWS, ROWS)]
    lines = "select count(*), count(distinct interaction_id) from invitation"
    assert [tuple(row) for row in installation.rows(lines)] == [(ROWS, ROWS)]


def run_together(installation: Installation, *commands: tuple[str, ...]) -> None:
    processes = [installation.start(*command) for command in commands]
    codes = [process.wait(120) for process in processes]
    assert codes == [0] * len(commands), installation.output()
