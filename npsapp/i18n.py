"""Which language now, and which languages there are."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from babel import Locale, UnknownLocaleError
from flask import has_request_context, request, session
from flask_babel import force_locale, get_locale, gettext
from flask_login import current_user

from npsapp.lib.texts import Worded

LANGUAGES: dict[str, str] = {"en": "English", "ru": "Русский", "uk": "Українська"}
DEFAULT_LANGUAGE = "en"


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


@contextmanager
def speaking(language: str | None) -> Iterator[None]:
    """Run a block in that language: letters are written in the reader's, whoever causes them."""
    with force_locale(language if language in LANGUAGES else DEFAULT_LANGUAGE):
        yield


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
