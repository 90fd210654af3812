"""Forty-two kills at random moments; the seed is printed, and CRASH_SEED repeats a run."""

import os
import time
from pathlib import Path

import pytest

from tests.crashes.people import Reader
from tests.crashes.phases import PHASES
from tests.crashes.rounds import Crashes, Tallies, table
from tests.crashes.world import World, wait_until

pytestmark = pytest.mark.crash
# Each six times, in each phase but one: eighteen kills on SQLite, twenty-four on PostgreSQL.
VICTIMS = {"sqlite": ("worker", "web", "database"), "postgres": ("worker", "web", "database", "queue")}
WORDS = "Довго чекали, і ніхто не вибачився"


@pytest.mark.parametrize("kind", VICTIMS)
def test_whatever_dies_nothing_is_lost_done_twice_or_left_half(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("CRASH_SEED") or time.time())
    with capsys.disabled():
        print(f"\ncrashes on {kind}: CRASH_SEED={seed}")
    tallies: Tallies = {}
    world = World(tmp_path / "instance", kind)
    crashes = Crashes(world, tmp_path, seed, tallies)
    try:
        world.start()
        crashes.quiet_round()
        assert crashes.found == []

        crashes.round(VICTIMS[kind], short=True)
        if world.postgres:
            _an_answer_waits_for_the_database(world, crashes)
    finally:
        with capsys.disabled():
            print(*table(tallies), *crashes.found, sep="\n")
        world.stop()

    assert crashes.found == []
    assert {phase for phase, _victim, _kind in tallies} == set(PHASES)
    assert {victim for phase, victim, _kind in tallies if phase == "texting"} == set(VICTIMS[kind])
    assert sum(one.kills for one in tallies.values()) == (len(PHASES) - 1) * len(VICTIMS[kind])


def _an_answer_waits_for_the_database(world: World, crashes: Crashes) -> None:
    """While PostgreSQL is away pages say so; the survey's keeps what was typed, and its button works later."""
    assert crashes.customers.troubles, "nobody posted while PostgreSQL was away"
    reader = Reader(world)
    page = reader.open(f"/r/{crashes.unanswered()}")
    world.kill("database")
    begun = time.monotonic()

    kept = reader.press(page, score="2", comment=WORDS, final="1", **{"q.service": "2"})
    health, (staff, page_of_staff, _headers) = reader.open("/healthz"), crashes.clerk.ask("GET", "/imports/")

    assert (kept.status, health.status, staff) == (503, 503, 500)
    assert time.monotonic() - begun < 5
    assert WORDS in kept.text
    assert "database" in health.text
    assert "Something broke on our side" in page_of_staff
    world.revive("database")
    wait_until(world.answers, "the web process answers")
    assert reader.press(kept).status == 200
    assert world.rows("SELECT score FROM response WHERE comment = :words", words=WORDS) == [(2,)]
