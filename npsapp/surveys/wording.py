"""The texts a new survey starts with, in three languages; from then on they belong to its editors.

They are contents, not interface: they are copied into the survey and never change under a customer's eyes. Names of
goods stand in the nominative, as shops write them, so in Russian and Ukrainian they go in quotes and never have to
follow a verb's case.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from npsapp.lib.texts import N_
from npsapp.surveys.rules import HAS_OPTIONS, SURVEY, Kind, Option, Question, Questionnaire, Scale, Texts

_TEXTS: dict[str, Any] = json.loads(Path(__file__).with_name("default_texts.json").read_text("utf-8"))

# What the preview fills in, so that an editor sees a real sentence.
SAMPLES: dict[str, dict[str, str]] = _TEXTS["samples"]


def sample(language: str) -> dict[str, str]:
    """Invented facts in that language, else in English."""
    return SAMPLES.get(language, SAMPLES["en"])


# What a company may be called in the question: noun → its label, and the accusative phrase with {name}, per language.
NOUNS: dict[str, dict[str, Texts]] = _TEXTS["nouns"]


# The questionnaires a new survey may start with.
WHY, THREE = "why", "three"
STARTS = {
    WHY: N_("NPS and why: recommendation, reason, please contact me"),
    THREE: N_("Three questions: recommendation, service from 1 to 10, what would make it a ten"),
}


def default_questionnaire(touchpoint_key: str, start: str = WHY) -> Questionnaire:
    """The questionnaire a new survey starts with: the score, why, and the offer to be contacted; or the three."""
    common = Questionnaire.from_json(_TEXTS["questionnaire"])
    named = common.with_texts({(SURVEY, "naming"): _about(touchpoint_key)["naming"]})
    return replace(named, questions=_three(common.questions)) if start == THREE else named


def _three(questions: tuple[Question, ...]) -> tuple[Question, ...]:
    """Recommendation, rating of the service, what would make it a ten; and whom to contact, and when."""
    recommend, why, contact = questions
    service = replace(new_question(Scale.TEN, "service"), texts=_TEXTS["questions"]["service"], required=True)
    return recommend, service, replace(why, texts=_TEXTS["questions"]["ten"]), replace(contact, details=True)


# What the editor can add: a kind, or the scale of a rating.
ADDABLE = {
    **{scale.value: scale.label for scale in Scale},
    **{kind.value: kind.label for kind in Kind if kind not in (Kind.RECOMMEND, Kind.RATING)},
}


def new_question(what: str, key: str) -> Question:
    """A question to start from; `what` is a kind, or the scale of a rating. :raise ValueError: for anything else."""
    if what in list(Scale):
        return Question(key, Kind.RATING, _TEXTS["questions"]["rating"], scale=Scale(what))
    kind = Kind(what)
    usual = Questionnaire.from_json(_TEXTS["questionnaire"]).question(kind)
    if usual:
        return replace(usual, key=key, details=kind is Kind.CONTACT)
    options = (Option("option1", {}), Option("option2", {})) if kind in HAS_OPTIONS else ()
    return Question(key, kind, {}, options=options)


def default_letter(touchpoint_key: str) -> dict[str, Texts]:
    """The texts of the first letter: part → language → text."""
    letter: dict[str, Texts] = _about(touchpoint_key)["letter"]
    return {"subject": letter["subject"], "body": _around_scale(letter["before"], letter["after"])}


def default_reminder(first: dict[str, Texts]) -> dict[str, Texts]:
    """The texts of a letter that reminds of the `first` one: part → language → text. It ends as that one does."""
    texts: dict[str, Texts] = _TEXTS["reminder"]
    ends = {language: text.partition(SCALE)[2].strip() for language, text in first["body"].items()}
    return {"subject": texts["subject"], "body": _around_scale(texts["before"], ends)}


def default_short_message() -> dict[str, Texts]:
    """The words of an SMS: part → language → text; with a short name and address they fit into one part."""
    return {"sms": _TEXTS["short"]}


SCALE = "[scale]"


def _around_scale(before: Texts, after: Texts) -> Texts:
    return {language: f"{text}\n\n{SCALE}\n\n{after.get(language, '')}".strip() for language, text in before.items()}


REGULAR = "regular"
"""The touchpoint of monthly waves: nothing has happened that one could name."""


def touchpoints() -> dict[str, Texts]:
    """The usual kinds of contact, for which there are words: key → name per language."""
    return {key: name for key, name in touchpoint_names().items() if key != REGULAR}


def touchpoint_names() -> dict[str, Texts]:
    """The same, with that of monthly waves."""
    kinds: dict[str, dict[str, Any]] = _TEXTS["touchpoints"]
    return {key: one["name"] for key, one in kinds.items() if key}


def _about(touchpoint_key: str) -> dict[str, Any]:
    """How this kind of contact is spoken of; the words without a key suit every kind."""
    touchpoints: dict[str, dict[str, Any]] = _TEXTS["touchpoints"]
    return touchpoints.get(touchpoint_key, touchpoints[""])
