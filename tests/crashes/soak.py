"""`make soak KILLS=300`: rounds of kills until each pair of phase and process had so many; prints what was found."""

import argparse
import tempfile
import time
import traceback
from pathlib import Path

from tests.crashes.phases import PHASES
from tests.crashes.rounds import Crashes, Tallies, table
from tests.crashes.world import World

KINDS = ("sqlite", "postgres")
ROUNDS_EACH = 3  # then a fresh installation, on the other database


def main() -> None:
    """Take the databases in turns; an installation in which something did not hold is kept for a look."""
    given = _arguments()
    tallies: Tallies = {}
    found: list[str] = []
    seed, begun = given.seed, time.monotonic()
    until = begun + 60 * given.minutes
    while not _enough(tallies, given.kills) and time.monotonic() < until:
        for kind in given.on:
            seed += 1
            rounds = min(ROUNDS_EACH, -(-given.kills // len(given.on)))
            found += _installation(kind, seed, rounds, tallies, until)
            print(*table(tallies), sep="\n", flush=True)
    print(*found, sep="\n")
    print(f"{(time.monotonic() - begun) / 60:.0f} minutes; {len(found)} violations")
    raise SystemExit(bool(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="of each pair of phase and process")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no further round after so many")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--on", nargs="+", choices=KINDS, default=KINDS)
    return parser.parse_args()


def _enough(tallies: Tallies, kills: int) -> bool:
    """Whether every process that both databases have died often enough in every phase."""
    wanted = [(phase, victim) for phase in PHASES for victim in ("worker", "web", "database")]
    return all(
        sum(one.kills for (phase, victim, _kind), one in tallies.items() if (phase, victim) == pair) >= kills
        for pair in wanted
    )


def _installation(kind: str, seed: int, rounds: int, tallies: Tallies, until: float) -> list[str]:
    folder = Path(tempfile.mkdtemp(prefix=f"npsapp-crashes-{kind}-"))
    world = World(folder / "instance", kind)
    print(f"{kind}, seed {seed}, {folder}", flush=True)
    found = []
    try:
        world.start()
        crashes = Crashes(world, folder, seed, tallies)
        found = crashes.found
        crashes.quiet_round()
        for _round in range(rounds):
            if time.monotonic() < until:
                crashes.round(world.victims)
    except Exception:
        found.append(f"{kind}, seed {seed}: {traceback.format_exc()}")
    finally:
        world.stop()
    for one in found:
        print(one, flush=True)
    return [f"seed {seed}: {one}" for one in found]


if __name__ == "__main__":
    main()
