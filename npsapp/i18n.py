"""Which language now, and which languages there are."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

from babel import Locale, UnknownLocaleError
from babel.support import NullTranslations
from flask import g, has_app_context, has_request_context, request, session
from flask_babel import force_locale, get_locale, gettext
from flask_login import current_user

from npsapp.lib.texts import Worded

LANGUAGES: dict[str, str] = {"en": "English", "ru": "Русский", "uk": "Українська"}
"""What the program itself speaks; customers may be asked in further languages, whose words people type."""
DEFAULT_LANGUAGE = "en"
TYPED: list[Callable[[str], Mapping[str, str]]] = []
"""Who knows the words typed for such a language: msgid, or `form_key` of a plural → text."""


@cache
def language_name(code: str) -> str:
    """How a language calls itself, with a capital letter; the code itself when nobody knows it."""
    try:
        name = LANGUAGES.get(code) or Locale.parse(code).get_display_name(code) or code
    except (UnknownLocaleError, ValueError):
        return code
    return name[:1].upper() + name[1:]


def language_now() -> str:
    """The language of the current request or of the `speaking()` block, one of `LANGUAGES`."""
    locale = get_locale()
    return locale.language if locale and locale.language in LANGUAGES else DEFAULT_LANGUAGE


def words_of(codes: Iterable[Worded]) -> dict[str, str]:
    """Code → what people call it, in the language of now: for selections and filters."""
    return {one.value: gettext(one.label) for one in codes}


def exists(code: str) -> bool:
    """Whether there is a language with this code, of two or three letters."""
    return bool(re.fullmatch("[a-z]{2,3}", code)) and language_name(code) not in (code, code.capitalize())


def form_key(plural: str, language: str, count: int) -> str:
    """Under which key the form of a plural is typed that the language wants with this number."""
    return f"{plural}|{Locale.parse(language).plural_form(count)}"


class _Typed(NullTranslations):
    """The words typed for one language; what nobody typed is said in English."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language = language
        self.texts = {key: text for typed in TYPED for key, text in typed(language).items() if text}

    def ugettext(self, message: str) -> str:
        return self.texts.get(message, message)

    def ungettext(self, singular: str, plural: str, count: int) -> str:
        return self.texts.get(form_key(plural, self.language, count)) or (singular if count == 1 else plural)


@contextmanager
def speaking(language: str | None) -> Iterator[None]:
    """Run a block in that language: letters are written in the reader's, whoever causes them.

    Of a language the program does not speak, the typed words are read anew with each block.
    """
    code = language if language and exists(language) else DEFAULT_LANGUAGE
    with force_locale(code):
        if not has_app_context():
            yield
            return
        before, g.typed_words = g.get("typed_words"), None if code in LANGUAGES else _Typed(code)
        try:
            yield
        finally:
            g.typed_words = before


def first_spoken(wishes: Iterable[str | None], spoken: Collection[str], usual: str) -> str:
    """The first wish among the languages a brand speaks, else its usual one."""
    return next((wish for wish in wishes if wish and wish in spoken), usual)


def negotiate(wanted: Sequence[str] | None = None) -> str:
    """The visitor's language: `?lang=`, else what the browser asks for, else English."""
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        return asked
    return request.accept_languages.best_match(wanted or list(LANGUAGES)) or DEFAULT_LANGUAGE


def select_locale() -> Locale | str:
    """Flask-Babel's selector: `?lang=`, then the user's own, then the session's, then the browser's."""
    if not has_request_context():
        return DEFAULT_LANGUAGE
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        return asked
    if request.blueprint in PUBLIC_BLUEPRINTS:
        return negotiate()
    own = getattr(current_user, "language", None) or session.get("language")
    return own if own in LANGUAGES else negotiate()


# Pages of customers touch no session: they set no cookie.
PUBLIC_BLUEPRINTS = {"survey", "short", "open", "unsubscribe", "api", "sms"}


def select_timezone() -> str | None:
    """Flask-Babel's selector of the zone in which staff pages show times: the user's, set by `accounts`."""
    if not has_request_context() or request.blueprint in PUBLIC_BLUEPRINTS:
        return None
    return getattr(current_user, "timezone", None)
