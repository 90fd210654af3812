"""The details of a line of the audit log in words, so that nobody has to know how the program calls its columns."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from itertools import chain
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from npsapp.cases.rules import Outcome, Result
from npsapp.customers.rules import Kept
from npsapp.delivery.rules import Stop
from npsapp.delivery.suppressions import REASONS
from npsapp.i18n import LANGUAGES, language_name, language_now, speaking
from npsapp.invitations.rules import Reason
from npsapp.lib.texts import N_
from npsapp.office.forms import GROUND_WORDS
from npsapp.permissions import ApiScope, Role
from npsapp.reports.rules import PRESETS, Split
from npsapp.responses.guard import Kind as Mark
from npsapp.responses.human import Doubt
from npsapp.responses.rules import CHOICES
from npsapp.surveys.forms import LABELS
from npsapp.web.filters import day, moment, number

Named = Mapping[tuple[str, int | None], str]
"""(Kind of thing, id) → what its room calls it."""

THINGS = {
    "brand": "brand", "brand_id": "brand", "case": "case", "cause": "cause", "other_id": "customer", "owner": "user",
    "region": "region", "regions": "region", "response": "response", "segment": "segment", "source_id": "source",
    "survey": "survey", "touchpoint": "touchpoint", "user_id": "user", "from": "user", "to": "user",
    "selection": "selection",
}  # fmt: skip
"""Details that hold ids, and the kind of thing they are the ids of."""
SILENT = {"code", "ground_id", "merge_id", "message_id", "revision", "size", "step_id"}
"""Details that say nothing to people, or what stands on the page of the thing anyway."""
NOBODY = {"to": N_("nobody"), "user_id": N_("nobody"), "until": N_("for ever")}
"""What it means that nothing stands there; elsewhere it means nothing."""


OWNERS = {"from": N_("previous owner"), "to": N_("new owner")}
"""The same words stand for days in exports."""


def _labels(*kinds: type[StrEnum]) -> dict[str, str]:
    return {one.value: getattr(one, "label", "") for kind in kinds for one in kind}


# What each value is called, by the key it stands under.
VALUES: dict[str, dict[str, str]] = {
    **CHOICES,
    "by": {Split.REGION: N_("By region"), Split.SEGMENT: N_("By segment"), Split.MONTH: N_("By month")},
    "cause": {
        **_labels(Stop), "by_hand": N_("put there by hand"), "restored": N_("a backup was restored"),
        "moved": N_("the database was moved"),
    },
    "choice": {
        "later": N_("asked not to be asked for six months"), "no_letters": N_("no letters of this brand"),
        "nothing": N_("nothing of anybody here"),
    },
    "doubt": _labels(Doubt),
    "fields": _labels(Kept),
    "grounds": {
        **{one.value: words for one, words in GROUND_WORDS.items()},
        "email": N_("e-mail"), "phone": N_("phone"), "sms": N_("SMS"),
    },
    "kind": {
        **_labels(Kept, Mark), "everything": N_("everything"), "brand": N_("brand"), "region": N_("region"),
        "survey": N_("survey"), "sender": N_("sender of letters"), "complaint": N_("marked as spam"),
        "unsubscribe": N_("unsubscribed"), "automatic": N_("automatic answer"), "reply": N_("reply"),
    },
    "outcome": _labels(Outcome),
    "period": PRESETS,
    "reason": {one.value: words for one, words in REASONS.items()},
    "reasons": _labels(Reason),
    "result": _labels(Result),
    "role": _labels(Role),
    "scopes": _labels(ApiScope),
    "tab": {"waiting": N_("waiting"), "overdue": N_("overdue"), "settled": N_("settled"), "all": N_("all")},
}  # fmt: skip
VALUES["changed"] = VALUES["fields"]


@cache
def keys(language: str) -> dict[str, str]:
    """What each detail is called in a language."""
    return dict(_words(language).keys)


@cache
def fields(language: str) -> dict[str, str]:
    """What each column, setting and part of a text is called in a language, as far as its name tells."""
    return dict(_words(language).fields)


def _words(language: str) -> Any:
    with speaking(language):
        return current_app.jinja_env.get_template("office/details.html").make_module()


def things(data: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """What the details of a line name by an id: (kind of thing, id)."""
    for key, value in data.items():
        kind = data.get("kind") if key == "ref_id" else THINGS.get(key)
        values = value if isinstance(value, list) else [value]
        yield from ((str(kind), id_) for one in values if kind and (id_ := _id(one)))


def lines(data: Mapping[str, Any], named: Named) -> list[str]:
    """The details as "what: which", without what says nothing to people."""
    said = [(_key(key, value), _said(key, value, data, named)) for key, value in data.items() if key not in SILENT]
    return [_("%(what)s: %(which)s", what=what, which=which) for what, which in said if which]


def _id(value: Any) -> int:
    """An id, also as exports write it; 0 for anything else."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _key(key: str, value: Any) -> str:
    if key in OWNERS and not isinstance(value, str):
        return str(_(OWNERS[key]))
    return keys(language_now()).get(key) or key.replace("_", " ")


def _said(key: str, value: Any, data: Mapping[str, Any], named: Named) -> str:
    """One value, or several, in words; empty when it says nothing."""
    if isinstance(value, Mapping):
        return ", ".join(f"{_said(key, one, data, named)} – {_said(key, of, data, named)}" for one, of in value.items())
    if isinstance(value, list):
        if key == "ids":
            return number(len(value))
        said = (_field(one) if key in ("fields", "changed") else _said(key, one, data, named) for one in value)
        return ", ".join(dict.fromkeys(said))
    if value is None:
        return str(_(NOBODY[key])) if key in NOBODY else ""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return _one(key, value, data, named)


def _one(key: str, value: Any, data: Mapping[str, Any], named: Named) -> str:
    kind = data.get("kind") if key == "ref_id" else THINGS.get(key)
    if kind and value in (0, "0"):
        return str(_("none"))
    if kind and (id_ := _id(value)) and not _counted(key, data):
        return named.get((str(kind), id_), f"#{id_}")
    if words := VALUES.get(key, {}).get(value):
        return str(_(words))
    if isinstance(value, int | float):
        return number(value)
    return language_name(value) if key == "language" else _moment(value)


def _counted(key: str, data: Mapping[str, Any]) -> bool:
    """Regions that were counted, and not named."""
    return key == "regions" and isinstance(data[key], int)


def _moment(text: str) -> str:
    """A day or a moment as people write it; other text as it is."""
    try:
        return day(date.fromisoformat(text)) if len(text) == len("2026-11-03") else moment(datetime.fromisoformat(text))
    except ValueError:
        return text


def _field(name: str) -> str:
    """A column, or a text of a survey: "letter.subject.uk" is "Subject (Ukrainian)"."""
    if kept := VALUES["fields"].get(name):
        return str(_(kept))
    *parts, last = name.split(".")
    language = f" ({language_name(last)})" if parts and last in LANGUAGES else ""
    part = (parts[-1] if language and parts else last).partition("-")[0]
    labels = chain((fields(language_now()).get(part),), (words for (_kind, of), words in LABELS.items() if of == part))
    known = next((words for words in labels if words), None)
    if known is None and language_name(name) != name:
        return language_name(name)
    return str(known or _("question “%(key)s”", key=name)) + language
