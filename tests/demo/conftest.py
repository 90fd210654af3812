"""The drawn demo history: the whole one once for the tests of believability, small ones for the database."""

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import pytest
from flask import Flask

from npsapp.db import transaction
from npsapp.demo import loader, services
from npsapp.demo.asking import Correspondence
from npsapp.demo.casework import Desk
from npsapp.demo.history import INTERACTIONS, Answer, Happening, Past

DRAWN_AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SMALL = 1200


@dataclass(frozen=True)
class Story:
    """A whole history without passwords."""

    past: Past
    desk: Desk

    @property
    def now(self) -> datetime:
        return self.past.now

    @property
    def decided(self) -> list[Happening]:
        """Interactions about which the demo itself decided whether to ask."""
        return [one for one in self.past.happenings if one.decided_at]

    @property
    def answered(self) -> list[tuple[Happening, Answer]]:
        return [(one, one.answer) for one in self.past.happenings if one.answer]


def draw_story(*, now: datetime, seed: int, interactions: int = INTERACTIONS) -> Story:
    chance = Random(seed)
    past = Past(chance, now=now, interactions=interactions)
    Correspondence(chance, past)
    return Story(past, Desk(chance, past))


@pytest.fixture(
    scope="session",
    params=[DRAWN_AT, datetime(2027, 5, 17, 3, 30, tzinfo=UTC)],
    ids=["a Friday in November", "a night in May"],
)
def story(request: pytest.FixtureRequest) -> Story:
    """The full history as it looks at two very different moments."""
    return draw_story(now=request.param, seed=20)


@pytest.fixture(scope="session")
def drawn() -> loader.Drawn:
    """A small history with passwords, drawn once."""
    return loader.draw(now=DRAWN_AT, interactions=SMALL)


@pytest.fixture
def loaded(app: Flask, drawn: loader.Drawn) -> dict[str, int]:
    """The small demo company in the database."""
    with transaction():
        return services.load(drawn, now=DRAWN_AT)
