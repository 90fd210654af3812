"""Believable comments and notes: sentences from words/*.txt, put together by group, cause and goods."""

import re
from collections.abc import Mapping
from random import Random

from npsapp.demo.company import CHANCES, TOUCHPOINTS, happens, pick, sections
from npsapp.demo.history import Happening


def choose_cause(chance: Random, one: Happening, group: str) -> str:
    """Why this customer is content or not; a section of words/*.txt."""
    return pick(chance, TOUCHPOINTS[one.touchpoint]["causes"][group])


def comment(chance: Random, one: Happening, *, group: str, cause: str) -> str:
    """One comment about the cause, of one to four sentences, in the customer's language."""
    pool = sections(one.language)
    if happens(chance, "short_comment"):
        return chance.choice(pool[f"short_{group}"])
    parts = [cause]
    if happens(chance, "context") and one.touchpoint != "service":
        parts.insert(0, "context")
    second = choose_cause(chance, one, group)
    if second != cause and chance.random() < CHANCES["groups"][group]["second_cause"]:
        parts.append(second)
    if happens(chance, "ending"):
        parts.append(f"end_{group}")
    forms = one.goods["forms"][one.language]
    text = " ".join(_sentence(chance, chance.choice(pool[part]), forms) for part in parts)
    return text[0].lower() + text[1:].rstrip(".!") if happens(chance, "careless") else text


def note(chance: Random, *, language: str, section: str) -> str:
    """What a manager ("ru" or "uk") writes into a case."""
    return _sentence(chance, chance.choice(sections(f"notes_{language}")[section]), {})


def _sentence(chance: Random, template: str, forms: Mapping[str, str]) -> str:
    varied = re.sub(r"\{([^{}]*)\}", lambda found: chance.choice(found[1].split("|")), template)
    text = re.sub(r"<(\w+)>", lambda found: forms[found[1]], varied)
    return text[0].upper() + text[1:]
