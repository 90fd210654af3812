"""The phases of one round, from a file to cases: what starts each, how far it is, and when it is over."""

import random
import threading
from collections.abc import Sequence
from functools import partial

from sqlalchemy.exc import DBAPIError

from tests.crashes.files import Purchases
from tests.crashes.people import Clerk, Crowd, Customers
from tests.crashes.world import World, wait_until

PHASES = ("importing", "planning", "sending", "answering", "reminding", "texting", "opening")
IDS = "SELECT v.id FROM invitation v JOIN interaction i ON i.id = v.interaction_id WHERE i.batch_id = :id"
OF_ROUND = f"s.invitation_id IN ({IDS})"
AT_ONCE = 6
WITH_WORDS = 5  # one customer in so many says why


class Round:
    """One file on its way through the program."""

    def __init__(self, world: World, clerk: Clerk, customers: Customers, file: Purchases, rng: random.Random) -> None:
        self.world = world
        self.clerk = clerk
        self.customers = customers
        self.file = file
        self.rng = rng
        self.batch_id = 0
        self.tokens: list[str] = []

    def phases(self) -> "list[Phase]":
        kinds = Importing, Planning, Sending, Answering, Reminding, Texting, Opening
        return [kind(self) for kind in kinds]

    def find_links(self, step: int = 1) -> Sequence[str]:
        """The links of this round's letters, as far as these have arrived; none when the database does not answer."""
        try:
            rows = self.world.rows(
                f"SELECT s.token FROM invitation_step s WHERE s.number = {step} AND {OF_ROUND} ORDER BY s.token",
                id=self.batch_id,
            )
        except DBAPIError:
            return []
        return [token for (token,) in rows if token in self.world.sink.links]


class Phase:
    """`progress()` goes from 0 to 1; a phase driven by the worker moves only while one lives."""

    driven_by_worker = True

    def __init__(self, round_: Round) -> None:
        self.round = round_
        self.world = round_.world

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    def start(self) -> None:
        """Begin, in the background."""

    def progress(self) -> float:
        """How much is done; nothing when the database does not answer."""
        raise NotImplementedError

    def come_to(self, progress: float) -> None:
        """Wait until so much is done."""
        wait_until(lambda: self.progress() >= progress, f"{self.name} comes to {progress:.0%}")

    def finish(self) -> None:
        """Called when the progress is 1."""

    def _count(self, sql: str) -> int:
        return int(self.world.value(sql, id=self.round.batch_id) or 0)


class Importing(Phase):
    """A file is uploaded, read, confirmed and applied."""

    def start(self) -> None:
        self._clerk = threading.Thread(target=self._bring, daemon=True)
        self._clerk.start()

    def _bring(self) -> None:
        self.round.clerk.bring(self.round.file.path)

    def progress(self) -> float:
        self.round.batch_id = self.round.batch_id or self.round.clerk.of_file(self.round.file.path) or 0
        read = self._count("SELECT rows FROM import_batch WHERE id = :id") / self.round.file.rows
        applied = self._count("SELECT applied FROM import_batch WHERE id = :id") / self.round.file.rows
        done = self._count("SELECT count(*) FROM import_batch WHERE id = :id AND state = 'done'")
        return 1.0 if done else min(0.4 * read + 0.6 * applied, 0.99)

    def finish(self) -> None:
        self._clerk.join()


class Planning(Phase):
    """Every purchase of the file gets its line."""

    def progress(self) -> float:
        lines = self._count(
            "SELECT count(*) FROM invitation v JOIN interaction i ON i.id = v.interaction_id WHERE i.batch_id = :id"
        )
        return lines / self.round.file.counts["accepted"]


class Sending(Phase):
    """Planned invitations become letters and SMS, and these leave."""

    def progress(self) -> float:
        of_file = (
            "SELECT count(*) FROM invitation v JOIN interaction i ON i.id = v.interaction_id "
            "WHERE i.batch_id = :id AND v."
        )
        asked = self.round.file.letters + self.round.file.texts
        queued = self._count(f"{of_file}handed_over_at IS NOT NULL") / asked
        sent = self._count(f"{of_file}sent_at IS NOT NULL") / asked
        arrived = len(self.round.find_links())
        return round(0.2 * queued + 0.7 * min(arrived / self.round.file.letters, 1.0) + 0.1 * sent, 6)

    def finish(self) -> None:
        self.round.tokens = list(self.round.find_links())


class Answering(Phase):
    """Customers press their numbers, several at once, some with words."""

    driven_by_worker = False

    def start(self) -> None:
        rng, customers = self.round.rng, self.round.customers
        self._answers = {
            token: (
                rng.choice((0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10)),
                "Довго чекали" if rng.random() * WITH_WORDS < 1 else "",
            )
            for token in self.round.tokens
        }
        deed = partial(self._answer, customers)
        self._crowd = Crowd(AT_ONCE, self.round.tokens, deed)

    def _answer(self, customers: Customers, token: str) -> None:
        customers.answer(token, *self._answers[token])

    def progress(self) -> float:
        said = self.round.customers.said
        return sum(said.get(token) == answer for token, answer in self._answers.items()) / len(self._answers)

    def finish(self) -> None:
        self._crowd.stop()


class Following(Phase):
    """Five days pass: whoever has not answered gets the next message of the chain."""

    number: int

    def start(self) -> None:
        planned = "AND s.state = 'planned' AND v.state = 'handed_over'"
        asked_by_letter = (
            "EXISTS (SELECT 1 FROM invitation_step f WHERE f.invitation_id = v.id AND f.number = 1 "
            "AND f.channel = 'email')"
        )
        self._expected = max(self._steps(f"{planned} AND {asked_by_letter}"), 1)
        letters = f"SELECT s.message_id FROM invitation_step s WHERE s.channel = 'email' AND {OF_ROUND}"
        for table, column, chosen in (
            ("message", "sent_at", f"id IN ({letters})"),
            ("customer", "claimed_at", f"id IN (SELECT v.customer_id FROM invitation v WHERE v.id IN ({IDS}))"),
            ("invitation_step", "due_at", f"state = 'planned' AND invitation_id IN ({IDS})"),
        ):
            earlier = f"{column} - interval '5 days'" if self.world.postgres else f"datetime({column}, '-5 days')"
            self.world.change(f"UPDATE {table} SET {column} = {earlier} WHERE {chosen}", id=self.round.batch_id)

    def _steps(self, condition: str) -> int:
        return self._count(
            "SELECT count(*) FROM invitation_step s JOIN invitation v ON v.id = s.invitation_id "
            f"LEFT JOIN message m ON m.id = s.message_id WHERE {OF_ROUND} AND s.number = {self.number} {condition}"
        )


class Reminding(Following):
    """Whoever has not answered the letter gets another one."""

    number = 2

    def progress(self) -> float:
        arrived = len(self.round.find_links(step=2)) / self._expected
        noted = self._steps("AND m.sent_at IS NOT NULL") / self._expected
        return min(round(0.9 * arrived + 0.1 * noted, 6), 1.0)


class Texting(Following):
    """Whoever has not answered the letters gets an SMS: it leaves, or nobody knows whether it left."""

    number = 3

    def progress(self) -> float:
        return min(self._steps("AND m.state IN ('sent', 'delivered', 'unknown')") / self._expected, 1.0)


class Opening(Phase):
    """A quarter of an hour passes: unhappy answers become cases."""

    _UNHAPPY = (
        "SELECT count(*) FROM response r JOIN interaction i ON i.id = r.interaction_id "
        "LEFT JOIN case_response c ON c.response_id = r.id WHERE i.batch_id = :id AND r.score < 7 AND c.case_id IS "
    )

    def start(self) -> None:
        self._expected = max(self._count(f"{self._UNHAPPY}NULL"), 1)
        shift = "acted_at - interval '15 minutes'" if self.world.postgres else "datetime(acted_at, '-15 minutes')"
        self.world.change(f"UPDATE response SET acted_at = {shift} WHERE finished_at IS NULL")

    def progress(self) -> float:
        left = self.world.value(f"{self._UNHAPPY}NULL", id=self.round.batch_id)
        return 0.0 if left is None else 1 - left / self._expected
