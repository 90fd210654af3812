"""The server's own time zone decides nothing: not what is stored, not what is shown, not what is due."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def walked(zone: str, folder: Path) -> dict[str, Any]:
    """The journey of `walk.py` in a process whose clock stands in that zone."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NPSAPP_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.clock.walk", str(folder)],
        cwd=ROOT,
        env=clean | {"TZ": zone},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return walked("Europe/Kyiv", tmp_path_factory.mktemp("home"))


def test_the_journey_keeps_to_the_customers_clock(at_home: dict[str, Any]) -> None:
    ((bought, _accepted),) = at_home["bought"]
    ((send_at, *_rest),) = at_home["asked"]
    ((local_date, *_moments),) = at_home["answers"]
    ((_from, _taken, _attempt, contact_by, *_more),) = at_home["cases"]

    assert bought == "2026-11-02 21:30:00+00:00"
    assert send_at == "2026-11-17 08:00:00+00:00"
    assert local_date == "2026-11-30"
    assert contact_by == "2026-12-01 16:00:00+00:00"  # 2 points are called on the same working day


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati"])
def test_a_server_ten_hours_behind_or_twelve_ahead_stores_and_shows_the_same(
    at_home: dict[str, Any], zone: str, tmp_path: Path
) -> None:
    away = walked(zone, tmp_path)

    pages, home_pages = away.pop("pages"), dict(at_home)["pages"]
    assert away == {name: value for name, value in at_home.items() if name != "pages"}
    assert [path for path in pages if pages[path] != home_pages[path]] == []
