"""Wording that is marked for translation where it stands and translated where it is shown."""

import re
from enum import StrEnum


def N_(message: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark `message` for extraction without translating it, so that pure rules can carry their labels."""
    return message


def underscored(name: str) -> str:
    """`UserRegion` as `user_region`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class Worded(StrEnum):
    """A base for stored codes with their wording beside them: `DONE = "done", N_("imported")`.

    `label` says it to people; it is a msgid.
    """

    label: str

    def __new__(cls, value: str, label: str = "") -> "Worded":
        member = str.__new__(cls, value)
        member._value_, member.label = value, label
        return member


def text_in(texts: dict[str, str] | None, language: str, *, fallback: str = "en") -> str:
    """The text in `language`, else in `fallback`, else whatever there is, else an empty string.

    `texts` is what people typed per language: `{"uk": "Київ", "ru": "Киев"}`.
    """
    if not texts:
        return ""
    for wanted in (language, fallback):
        if texts.get(wanted):
            return texts[wanted]
    return next((text for text in texts.values() if text), "")
