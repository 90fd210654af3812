"""The fixed words of customers' pages and letters, for languages that the program does not speak itself.

They are read off the pages, so that a new sentence is asked for by itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.extract import extract_from_file
from flask import current_app
from flask_babel import get_translations
from sqlalchemy import select

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import added, db, put
from npsapp.i18n import LANGUAGES, TYPED, form_key, speaking
from npsapp.lib.texts import N_
from npsapp.surveys.models import FixedWords
from npsapp.surveys.placeholders import EMPTY
from npsapp.surveys.rules import Fault

FIXED = "fixed"  # stands where a question's key stands
ROOMS = Path(__file__).parent.parent
SAID: list[str] = []
"""What rooms downstream tell a customer who sent something they cannot take."""
PLACES: Mapping[str, tuple[str, ...]] = {
    N_("Survey page"): (
        *("responses/survey.html", "responses/ask.html", "surveys/further.html", "responses/thanks.html"),
        *("responses/disputed.html", "responses/closed.html", "responses/not_mine.html", "responses/own_work.html"),
        "responses/pages.py",
    ),
    N_("Letter"): ("delivery/mail/invitation.html", "delivery/mail/invitation.txt"),
    N_("Unsubscribing"): ("customers/layout.html", "customers/unsubscribe.html"),
    N_("Privacy page"): ("customers/privacy.html",),
}
LONGEST = 1000
WRONG = N_("Keep the words with a percent sign as they are: %(detail)s. Leave out < > & and straight quotes.")
_UNSAFE = re.compile(r'%\(\w+\)s|[%<>&"]')
_FORMS = (*range(1, 30), 100, 1_000_000)  # numbers that show every form of a plural in every language


@dataclass(frozen=True)
class Asked:
    """One text that a language needs."""

    key: str
    place: str
    """A msgid."""
    message: str
    plural: str = ""
    count: int = 0
    """Of a form of a plural, the first number it stands with."""

    @property
    def original(self) -> str:
        return self.plural if self.count > 1 else self.message

    def said_in(self, language: str) -> str:
        """The same in one of the program's languages."""
        with speaking(language):
            known = get_translations()
        if self.plural:
            return str(known.ungettext(self.message, self.plural, self.count))
        return str(known.ugettext(self.message))


@cache
def asked(language: str) -> tuple[Asked, ...]:
    """Every text that a language needs, each once, in the order of the places. Needs an application."""
    if not language or language in LANGUAGES:
        return ()
    found: dict[str, Asked] = {}
    for place, files in PLACES.items():
        said = [pair for file in files for pair in _messages(file)]
        said += [(words, "") for words in SAID if "responses/ask.html" in files]
        for one in (form for pair in said for form in _forms(place, *pair, language)):
            found.setdefault(one.key, one)
    return tuple(found.values())


def _messages(file: str) -> Iterator[tuple[str, str]]:
    """The sentences of a file, each with its plural or an empty string."""
    if file.endswith(".py"):
        for _line, words, _comments, _context in extract_from_file("python", ROOMS / file):
            yield _pair(words, False)
        return
    environment: Any = current_app.jinja_env
    for _line, function, words in environment.extract_translations(environment.loader.get_source(environment, file)[0]):
        yield _pair(words, function == "ngettext")


def _pair(words: Any, counts: bool) -> tuple[str, str]:
    """Arguments of a call: the words alone, or also a plural and what is put in."""
    return (words, "") if isinstance(words, str) else (words[0], words[1] if counts else "")


def _forms(place: str, message: str, plural: str, language: str) -> Iterator[Asked]:
    if not plural:
        yield Asked(message, place, message)
    for count in _FORMS if plural else ():
        yield Asked(form_key(plural, language, count), place, message, plural, count)


def typed(language: str) -> dict[str, str]:
    """What was typed: key → text."""
    return db.session.scalar(select(FixedWords.texts).where(FixedWords.language == language)) or {}


TYPED.append(typed)


def missing(languages: Iterable[str]) -> dict[str, int]:
    """How many texts are missing, of each language the program does not speak itself."""
    further = [language for language in languages if language not in LANGUAGES]
    known = {language: typed(language) for language in further}
    return {language: sum(not known[language].get(one.key) for one in asked(language)) for language in further}


def faults(languages: Iterable[str]) -> list[Fault]:
    """The same, as what stands in the way of publishing."""
    return [Fault(FIXED, "", one, EMPTY) for one, count in missing(languages).items() for _each in range(count)]


def placeholders(text: str) -> list[str]:
    """What a text must have in common with its original, and what it must not have at all."""
    return sorted(set(_UNSAFE.findall(text)))


def save(language: str, texts: Mapping[str, str], *, actor: audit.Actor, now: datetime) -> list[str]:
    """Keep the words of a language; gives the names of what changed. Needs a transaction."""
    row = db.session.scalars(select(FixedWords).where(FixedWords.language == language)).first()
    row = row or added(FixedWords(language=language, texts={}))
    changed = put(row, {"texts": {key: text for key, text in texts.items() if text}})
    if changed:
        fields = {"fields": [language]}
        audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("words", row.id), data=fields)
    return changed
