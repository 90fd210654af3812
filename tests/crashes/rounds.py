"""Rounds of killing: at which moment whom, how long until all goes on, and what did not hold."""

import contextlib
import itertools
import random
import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.crashes import invariants
from tests.crashes.files import purchases
from tests.crashes.people import Clerk, Crowd, Customers
from tests.crashes.phases import PHASES, Phase, Round
from tests.crashes.world import CONNECTIONS, Violation, World, wait_until

ROWS = 20_000
LETTERS = 500
TEXTS = 100
QUIET_ROWS = 300
QUIET_LETTERS = 150
QUIET_TEXTS = 30
WAVERING = 3
LOSES_LETTERS = ("worker", "database")
INSIDE = ("importing", "planning")  # phases in which nothing leaves the installation


@dataclass(frozen=True)
class Kill:
    """Who dies in which phase, how far that is, how much later in seconds, and for how long."""

    phase: str
    victim: str
    at: float
    after_s: float
    away_s: float


@dataclass
class Tally:
    """What was seen of one phase × process × database."""

    kills: int = 0
    violations: int = 0
    repeated: int = 0
    """Letters that came again …"""
    unknown: int = 0
    """… and SMS that do not, of which nobody knows whether they arrived."""
    recovered_s: list[float] = field(default_factory=list)


Tallies = dict[tuple[str, str, str], Tally]


def drawn(rng: random.Random, phase: str, victims: Sequence[str]) -> list[Kill]:
    """Kills of one phase in random order, spread over its course."""
    order = rng.sample(victims, len(victims))
    share = 0.9 / len(order)
    return [
        Kill(phase, victim, (place + 0.1 + 0.8 * rng.random()) * share, 0.15 * rng.random(), 0.2 + rng.random())
        for place, victim in enumerate(order)
    ]


def shared_out(rng: random.Random, victims: Sequence[str]) -> dict[str, Sequence[str]]:
    """Who dies in which phase: each once in every one, but only in one of those inside the installation."""
    order = rng.sample(victims, len(victims))
    return dict.fromkeys(PHASES, victims) | dict(zip(INSIDE, (order[::2], order[1::2]), strict=True))


class Crashes:
    """Kills processes of one world round after round; `found` holds everything that did not hold."""

    def __init__(self, world: World, folder: Path, seed: int, tallies: Tallies) -> None:
        self.world = world
        self.folder = folder
        self.rng = random.Random(f"{seed}:{world.kind}")
        self.tallies = tallies
        self.customers = Customers(world)
        self.clerk = Clerk(world)
        self.found: list[str] = []
        self.lossy: list[tuple[float, float]] = []
        """When worker or database died and were back."""
        self._numbers = itertools.count(1)
        self._wavering: list[str] = []
        self._tally_of: dict[float, Tally] = {}
        self._seen: set[str | int] = set()
        """Repeated letters and SMS of unknown outcome that are counted already."""

    def quiet_round(self) -> None:
        """A small file without any kill: what it makes is what the counts of the other files are judged by."""
        self.clerk.sign_in()
        self._round(rows=QUIET_ROWS, letters=QUIET_LETTERS, texts=QUIET_TEXTS, kills={})

    def round(self, victims: Sequence[str], *, short: bool = False) -> None:
        """One file through all phases; in each every victim dies once (`short`: see `shared_out`)."""
        kills = shared_out(self.rng, victims) if short else dict.fromkeys(PHASES, victims)
        waver = partial(self.customers.waver, rng=self.rng, stop=threading.Event())
        tokens, self._wavering = self._wavering[:40], self._wavering[40:]
        crowd = Crowd(WAVERING, tokens, waver)
        waver.keywords["stop"] = crowd.stopping
        try:
            self._round(rows=ROWS, letters=LETTERS, texts=TEXTS, kills=kills, crowd=crowd)
        finally:
            crowd.stop()

    def unanswered(self) -> str:
        """The link of somebody who has not answered yet."""
        return next(token for token in self._wavering if token not in self.customers.said)

    def _round(
        self, *, rows: int, letters: int, texts: int, kills: Mapping[str, Sequence[str]], crowd: Crowd | None = None
    ) -> None:
        file = purchases(self.folder, next(self._numbers), rows=rows, letters=letters, texts=texts)
        round_ = Round(self.world, self.clerk, self.customers, file, self.rng)
        for phase in round_.phases():
            if phase.name == "answering":
                # Some keep their links for later: they change their minds while the next file is on its way.
                kept = len(round_.tokens) // (3 if kills else 1)
                self._wavering += round_.tokens[:kept]
                round_.tokens = round_.tokens[kept:] or [self._wavering.pop()]
            self._go_through(phase, drawn(self.rng, phase.name, kills[phase.name]) if kills else [])
        if crowd:
            crowd.stop()
        self._settle(file.counts, round_.batch_id)

    def _go_through(self, phase: Phase, kills: Sequence[Kill]) -> None:
        phase.start()
        for kill in kills:
            phase.come_to(kill.at)
            time.sleep(kill.after_s)
            self._kill(phase, kill)
        phase.come_to(1)
        phase.finish()

    def _kill(self, phase: Phase, kill: Kill) -> None:
        tally = self.tallies.setdefault((kill.phase, kill.victim, self.world.kind), Tally())
        died = time.time()
        self.world.kill(kill.victim)
        time.sleep(kill.away_s)
        stood, back = phase.progress(), time.time()
        self.world.revive(kill.victim)
        if kill.victim in LOSES_LETTERS:
            self.lossy.append((died, time.time()))
            self._tally_of[died] = tally
        wait_until(self.world.answers, f"the web process answers after the death of the {kill.victim}")
        moves = phase.driven_by_worker and kill.victim != "database"
        wait_until(
            lambda: self.world.beaten_since(back) or (moves and phase.progress() > stood),
            f"work goes on after the death of the {kill.victim}",
        )
        tally.kills += 1
        tally.recovered_s.append(time.time() - died)
        with self.world.snapshot() as connection:
            wrong = invariants.broken(connection)
        if not self.world.all_live():
            wrong.append(f"somebody else died with the {kill.victim}")
        self._note(wrong, kill)

    def _note(self, wrong: Sequence[str], kill: Kill | None = None) -> None:
        where = (
            f"{self.world.kind}, {kill.phase}, {kill.victim} killed: " if kill else f"{self.world.kind}, at the end: "
        )
        self.found += [where + one for one in wrong]
        if kill:
            self.tallies[kill.phase, kill.victim, self.world.kind].violations += len(wrong)

    def _settle(self, counts: dict[str, int], batch_id: int) -> None:
        """Wait until nothing is left to do, then ask for everything that must hold."""
        wrong: list[str] = []

        def nothing_left() -> bool:
            with self.world.snapshot() as connection:
                wrong[:] = invariants.broken(connection, done=True)
            if not self.world.gateway.all_heard():
                wrong.append("delivery reports that the program does not take")
            return not wrong

        with contextlib.suppress(Violation):
            wait_until(nothing_left, "everything is done", 30)
        (row,) = self.world.rows(
            "SELECT accepted, updated, unchanged, rejected FROM import_batch WHERE id = :id", id=batch_id
        )
        if dict(row._mapping) != counts:
            wrong.append(f"the file counts {dict(row._mapping)}, without kills {counts}")
        with self.world.snapshot() as connection:
            wrong += invariants.wrong_letters(connection, self.world.sink, self.lossy, most=CONNECTIONS)
            wrong += invariants.wrong_texts(connection, self.world.gateway, self.lossy, most=CONNECTIONS)
            wrong += invariants.unkept_answers(connection, self.customers.said)
            unknown = invariants.unknown_texts(connection, self.world.gateway)
        self._count(unknown)
        wrong += self.customers.wrong
        self.customers.wrong = []
        self._note(wrong)

    def _count(self, unknown: Mapping[int, tuple[float, float]]) -> None:
        """Put every new repeat, and every SMS of unknown outcome, to the kill that interrupted it."""
        for id_ in self.world.sink.repeated().keys() - self._seen:
            if tally := self._interrupted(self.world.sink.times[id_][0]):
                tally.repeated += 1
        for text in unknown.keys() - self._seen:
            if tally := self._interrupted(unknown[text][1]):
                tally.unknown += 1
        self._seen |= self.world.sink.repeated().keys() | unknown.keys()

    def _interrupted(self, moment: float) -> Tally | None:
        """What is counted of the kill about that moment, or of the last one before: a loss may be noticed later."""
        about = [died for died, back in self.lossy if invariants.during(moment, (died, back))]
        before = [died for died, _back in self.lossy if died <= moment]
        found = about[:1] or before[-1:]
        return self._tally_of[found[0]] if found else None


def table(tallies: Tallies) -> Iterator[str]:
    """Lines of the result: phase × process × database."""
    heading = f"{'phase':10} {'process':9} {'database':9} {'kills':>6} {'violations':>11}"
    yield f"{heading} {'repeated':>9} {'unknown':>8} {'recovered':>10}"
    for (phase, victim, kind), one in sorted(tallies.items()):
        middle = statistics.median(one.recovered_s) if one.recovered_s else 0.0
        counts = f"{one.kills:6} {one.violations:11} {one.repeated:9} {one.unknown:8}"
        yield f"{phase:10} {victim:9} {kind:9} {counts} {middle:8.1f} s"
    kills, violations, repeated, unknown = (
        sum(getattr(one, name) for one in tallies.values()) for name in ("kills", "violations", "repeated", "unknown")
    )
    yield f"{kills} kills, {repeated} letters repeated, {unknown} SMS of unknown outcome, {violations} violations"
