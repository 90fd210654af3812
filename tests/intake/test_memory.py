"""Reading and applying a file takes the same memory however long the file is."""

import gc
import tracemalloc
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from npsapp.audit.services import COMMAND
from npsapp.db import transaction
from npsapp.intake import applying, services, staging, tasks
from npsapp.intake.checking import _Seen
from npsapp.lib.tables import MEGABYTE
from tests.intake.files import csv_file, purchases

KILOBYTE = 1024


@pytest.fixture
def traced() -> Iterator[None]:
    """Count allocated bytes, with the usual sweep as far away as it is for a worker with much in memory."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


def test_chunks_leave_nothing_behind(
    company: SimpleNamespace, now: datetime, tmp_path: Path, traced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[int] = []
    apply_next = applying.apply_next

    def noting(*args: object, **options: object) -> int | None:
        left.append(gc.collect())
        return apply_next(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(applying, "apply_next", noting)
    monkeypatch.setattr(staging, "PART", 50)
    with csv_file(tmp_path, purchases(1_000)).open("rb") as stream:
        stored = staging.store(stream, tasks.uploads(), most_bytes=MEGABYTE)
    with transaction():
        source = services.get_or_create_source(name="shop", actor=COMMAND, now=now)
        batch_id = services.receive(source.id, stored, file_name="a.csv", format="", now=now)
    tasks.stage_batch(batch_id)
    tasks.apply_batch(batch_id)

    assert len(left) == 21
    assert sum(left[10:]) < 10 * len(left[10:]), left  # without a sweep 60 and more after each


def test_what_was_seen_of_a_file_is_not_kept_in_memory(traced: None) -> None:
    seen = _Seen()
    assert all(seen.agrees(f"БУ00-{n:06}|2026", f"03.11.2026, buyer{n}@shop.example") for n in range(1_000))
    before = tracemalloc.get_traced_memory()[0]

    assert all(seen.agrees(f"БУ00-{n:06}|2026", f"03.11.2026, buyer{n}@shop.example") for n in range(20_000))

    assert tracemalloc.get_traced_memory()[0] - before < 50 * KILOBYTE
    assert not seen.agrees("БУ00-000007|2026", "another day")
    assert [seen.times("the same"), seen.times("another"), seen.times("the same")] == [1, 1, 2]
