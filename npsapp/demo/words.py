"""Believable comments: sentences from words/*.txt, put together by group, cause and goods."""

import re
from functools import cache
from importlib.resources import files
from random import Random

from npsapp.demo.goods import GoodsForms

# Which reasons people give, by group and touchpoint, with weights; keys are sections of words/*.txt.
CAUSES: dict[str, dict[str, dict[str, int]]] = {
    "detractor": {
        "purchase": {
            "rude": 5,
            "price": 5,
            "no_call": 5,
            "wrong_item": 4,
            "stock": 4,
            "documents": 3,
            "broken": 2,
        },
        "delivery": {"delay": 9, "broken": 6, "wrong_item": 4, "rude": 2, "no_call": 2, "documents": 1},
        "service": {"workmanship": 9, "delay": 3, "no_call": 4, "rude": 2, "documents": 2},
        "warehouse": {"queue": 9, "broken": 2, "wrong_item": 3, "documents": 3, "stock": 2, "rude": 2},
    },
    "passive": {
        "purchase": {"pricey": 4, "information": 4, "range": 5, "small_flaw": 2},
        "delivery": {"small_flaw": 8, "pricey": 2, "information": 2},
        "service": {"small_flaw": 5, "pricey": 3, "information": 3},
        "warehouse": {"range": 4, "information": 3, "pricey": 2},
    },
    "promoter": {
        "purchase": {"advice": 8, "quality": 5, "fair_price": 3, "quick": 3},
        "delivery": {"courier": 7, "quick": 5, "quality": 4, "fair_price": 1},
        "service": {"work": 9, "advice": 3, "fair_price": 2},
        "warehouse": {"quick": 6, "quality": 4, "fair_price": 3},
    },
}

SHORT_SHARE = 0.13
CONTEXT_SHARE = 0.22
SECOND_CAUSE_SHARE = {"detractor": 0.22, "passive": 0.10, "promoter": 0.14}
ENDING_SHARE = 0.45
CARELESS_SHARE = 0.12
"""Typed on a phone: a small first letter and no full stop."""


@cache
def sentences(book: str) -> dict[str, tuple[str, ...]]:
    """Sections of building sentences of words/<book>.txt: a language, or what staff notes in one."""
    sections: dict[str, list[str]] = {}
    section: list[str] = []
    for line in files("npsapp.demo").joinpath("words", f"{book}.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            section.append(line)
    return {name: tuple(lines) for name, lines in sections.items()}


def choose_cause(chance: Random, *, group: str, touchpoint: str) -> str:
    """Why this customer is content or not; a section of words/*.txt."""
    weights = CAUSES[group][touchpoint]
    return chance.choices(list(weights), list(weights.values()))[0]


def comment(
    chance: Random, *, language: str, group: str, touchpoint: str, cause: str, goods: GoodsForms
) -> str:
    """One comment about the cause, of one to four sentences."""
    pool = sentences(language)
    if chance.random() < SHORT_SHARE:
        return chance.choice(pool[f"short_{group}"])
    parts = []
    if chance.random() < CONTEXT_SHARE and touchpoint != "service":
        parts.append(chance.choice(pool["context"]))
    parts.append(chance.choice(pool[cause]))
    if chance.random() < SECOND_CAUSE_SHARE[group]:
        second = choose_cause(chance, group=group, touchpoint=touchpoint)
        if second != cause:
            parts.append(chance.choice(pool[second]))
    if chance.random() < ENDING_SHARE:
        parts.append(chance.choice(pool[f"end_{group}"]))
    text = " ".join(_sentence(chance, part, goods) for part in parts)
    if chance.random() < CARELESS_SHARE:
        return text[0].lower() + text[1:].rstrip(".!")
    return text


class Commenter:
    """Writes comments and remembers the long ones, so that none is read twice."""

    LONG = 30
    TRIES = 25

    def __init__(self) -> None:
        self._written: set[str] = set()

    def write(
        self, chance: Random, *, language: str, group: str, touchpoint: str, cause: str, goods: GoodsForms
    ) -> str:
        """A comment nobody wrote before, or a short one, of which people do repeat themselves."""
        for _ in range(self.TRIES):
            text = comment(
                chance, language=language, group=group, touchpoint=touchpoint, cause=cause, goods=goods
            )
            if len(text) < self.LONG:
                return text
            if text not in self._written:
                self._written.add(text)
                return text
        return ""


def note(chance: Random, *, language: str, section: str) -> str:
    """What a manager ("ru" or "uk") writes into a case; an unknown section gives an empty note."""
    templates = sentences(f"notes_{language}").get(section)
    return _varied(chance, chance.choice(templates)) if templates else ""


def _varied(chance: Random, template: str) -> str:
    return re.sub(r"\{([^{}]*)\}", lambda found: chance.choice(found[1].split("|")), template)


def _sentence(chance: Random, template: str, goods: GoodsForms) -> str:
    text = _varied(chance, template)
    text = text.replace("<nom>", goods.nom).replace("<acc>", goods.acc).replace("<gen>", goods.gen)
    return text[0].upper() + text[1:]
