"""The texts a new survey starts with, in three languages; from then on they belong to its editors.

They are contents, not interface: they are copied into the survey and never change under a customer's eyes. Names of
goods stand in the nominative, as shops write them, so in Russian and Ukrainian they go in quotes and never have to
follow a verb's case.
"""

import json
from pathlib import Path
from typing import Any

from npsapp.surveys.rules import SURVEY, Questionnaire, Texts

_TEXTS: dict[str, Any] = json.loads(Path(__file__).with_name("default_texts.json").read_text("utf-8"))

# What the preview fills in, so that an editor sees a real sentence.
SAMPLES: dict[str, dict[str, str]] = _TEXTS["samples"]

# What a company may be called in the question: noun → its label, and the accusative phrase with {name}, per language.
NOUNS: dict[str, dict[str, Texts]] = _TEXTS["nouns"]


def default_questionnaire(touchpoint_key: str) -> Questionnaire:
    """The questionnaire a new survey starts with: the score, why, and the offer to be contacted."""
    common = Questionnaire.from_json(_TEXTS["questionnaire"])
    return common.with_texts({(SURVEY, "naming"): _about(touchpoint_key)["naming"]})


def default_letter(touchpoint_key: str) -> dict[str, Texts]:
    """The texts of the first letter: part → language → text."""
    letter: dict[str, Texts] = _about(touchpoint_key)["letter"]
    return letter


def touchpoints() -> dict[str, Texts]:
    """The usual kinds of contact, for which there are words: key → name per language."""
    kinds: dict[str, dict[str, Any]] = _TEXTS["touchpoints"]
    return {key: one["name"] for key, one in kinds.items() if key}


def _about(touchpoint_key: str) -> dict[str, Any]:
    """How this kind of contact is spoken of; the words without a key suit every kind."""
    touchpoints: dict[str, dict[str, Any]] = _TEXTS["touchpoints"]
    return touchpoints.get(touchpoint_key, touchpoints[""])
