"""The details of a line of the audit log in words, so that nobody has to know how the program calls its columns."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from flask_babel import gettext as _

from npsapp.cases.rules import Outcome, Result
from npsapp.customers.rules import Kept
from npsapp.delivery.rules import Stop
from npsapp.delivery.suppressions import REASONS
from npsapp.i18n import LANGUAGES, language_name
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

# What each detail is called.
KEYS = {
    "accepted": N_("new rows"), "answers": N_("answers"), "brand": N_("brand"), "brand_id": N_("brand"),
    "by": N_("divided"), "case": N_("case"), "cases": N_("cases"), "cause": N_("why"), "changed": N_("what changed"),
    "choice": N_("chosen"), "comment": N_("comment"), "count": N_("how many"), "customers": N_("customers"),
    "doubt": N_("in doubt"), "fields": N_("what changed"), "first_day_cap": N_("letters on the first day, at most"),
    "from": N_("from"), "grounds": N_("grounds"), "group": N_("group"), "hot": N_("on the same day"),
    "ids": N_("answers"), "interactions": N_("purchases and visits"), "is_key": N_("key customer"),
    "kind": N_("what"), "language": N_("language"), "live_from": N_("live from"), "old": N_("imported answers"),
    "open": N_("open links"), "other_id": N_("the other customer"), "outcome": N_("outcome"), "owner": N_("owner"),
    "performers": N_("performers"), "period": N_("period"), "read": N_("read or not"), "reason": N_("reason"),
    "reasons": N_("reasons"), "ref_id": N_("which"), "region": N_("region"), "regions": N_("regions"),
    "rejected": N_("rejected"), "removed": N_("removed"), "repaired": N_("purchases put right"),
    "response": N_("answer"), "result": N_("result"), "role": N_("role"), "rows": N_("rows"),
    "scopes": N_("the program may"), "score": N_("score"), "segment": N_("segment"),
    "selection": N_("selection of customers"), "sent": N_("sent after all"), "source_id": N_("source"),
    "state": N_("state"), "survey": N_("survey"), "tab": N_("list"), "tag": N_("tag"), "taken_back": N_("taken back"),
    "to": N_("until"), "touchpoint": N_("touchpoint"), "unchanged": N_("unchanged"),
    "units": N_("stores and warehouses"), "until": N_("until"), "updated": N_("updated"), "user_id": N_("user"),
    "value": N_("word"), "not yet decided about": N_("not yet decided about"), "held back": N_("held back"),
    "letters sent": N_("letters sent"), "answers with words": N_("answers with words"),
    "open cases": N_("open cases"),
}  # fmt: skip

OWNERS = {"from": N_("previous owner"), "to": N_("new owner")}
"""The same words stand for days in exports."""

# What each column, setting and part of a text is called, as far as its name tells.
FIELDS = {
    "accent": N_("accent colour"), "address": N_("address"), "address_as": N_("form of address"),
    "aliases": N_("other spellings in files"), "answers": N_("answers to further questions"),
    "archived": N_("put into the archive"), "ask_completed": N_("only completed orders are asked about"),
    "ask_later": N_("who may not be asked yet is asked later"), "asks": N_("what the page asks besides"),
    "bounce_address": N_("where undeliverable letters come back"), "brand_id": N_("brand"),
    "carry_days": N_("days for a second draw"), "channel": N_("channel"), "comment": N_("comment"),
    "confirmed": N_("looked at"), "connections": N_("connections at the same time"),
    "consent_only": N_("only with a consent"), "contact": N_("wish to be contacted"),
    "contact_email": N_("e-mail address for customers"), "country": N_("country of phone numbers"),
    "created": N_("added"), "criteria": N_("who is asked"), "currency": N_("currency"),
    "curve": N_("how customers are asked"), "delay_hours": N_("when the letter leaves"),
    "discount": N_("weight of yesterday’s invitations"), "done": N_("folder for letters that were read"),
    "draft": N_("back to a draft"), "encoding": N_("encoding of our answers"), "fallback_id": N_("fallback owner"),
    "fallback_owner": N_("fallback owner"), "first_channel": N_("first step"), "folder": N_("folder"),
    "follow_ups": N_("follow-ups"), "grounds": N_("grounds"), "group_colours": N_("colours by group"),
    "host": N_("server"), "hours_from": N_("hours"), "hours_until": N_("hours"), "html": N_("HTML"),
    "ids_are_persons": N_("one customer id is one person"), "items": N_("list of goods"), "key": N_("key"),
    "kind": N_("kind"), "language": N_("language"), "languages": N_("languages of customers"),
    "latest_days": N_("when it is too late to ask"), "link_template": N_("link to the order"), "logo": N_("logo"),
    "manager": N_("manager"), "manager_id": N_("manager"), "mind_cases": N_("who has an open case is not asked"),
    "mobile_sms": N_("SMS to those with only a mobile number"), "most_a_day": N_("most invitations on one day"),
    "most_share": N_("largest share of a day’s customers"), "name": N_("the name"),
    "networks": N_("networks of the store"), "on_holidays": N_("on holidays"), "order": N_("order of the questions"),
    "other_days": N_("pause after another touchpoint"), "parent_id": N_("region above"), "password": N_("password"),
    "paused": N_("taken back, paused"), "per_minute": N_("letters a minute, at most"),
    "phrase": N_("name in the question"), "picture": N_("picture"), "places": N_("which field is which"),
    "plain": N_("encryption"), "port": N_("port"), "postal_address": N_("postal address"),
    "price": N_("price of one part"), "prior_rate": N_("expected share of answers"),
    "prior_weight": N_("weight of the expectation"), "privacy": N_("words on the privacy page"),
    "property": N_("extra field"), "public_url": N_("own address of the survey pages"),
    "public_url_checked_at": N_("check of the own address"), "recipe": N_("how the gateway is asked"),
    "refused_days": N_("pause after a refusal"), "region_id": N_("region"), "regions": N_("regions"),
    "removed": N_("removed"), "reply_to": N_("where replies go"), "retired_at": N_("in use or not"),
    "role": N_("role"), "safety": N_("safety"), "same_answered_days": N_("pause after an answer"),
    "same_invited_days": N_("pause after an invitation"), "scopes": N_("rights of the key"), "score": N_("score"),
    "sealed": N_("password"), "security": N_("protection"), "segment": N_("segment"), "segment_id": N_("segment"),
    "selectors": N_("DKIM selectors"), "senders": N_("senders"), "share": N_("share of text B"),
    "staff": N_("addresses of colleagues"), "staff_letters": N_("what letters to colleagues show"),
    "status": N_("status"), "survey_id": N_("survey"), "tablet": N_("tablet of ours"), "targets": N_("targets"),
    "tidy": N_("what becomes of read letters"), "timezone": N_("time zone"), "touchpoint": N_("touchpoint"),
    "touchpoint_id": N_("touchpoint"), "trigger": N_("when an order counts as completed"),
    "unit": N_("store or department"), "unit_id": N_("store or warehouse"), "url": N_("address"),
    "user": N_("user name"), "user_id": N_("user"), "username": N_("user name"),
    "valid_days": N_("days the link takes answers"), "version": N_("version of the exchange"),
    "wave": N_("monthly wave"), "wave_month": N_("monthly wave"), "way": N_("protocol"), "weekdays": N_("weekdays"),
    "weekend_from": N_("hours at the weekend"), "weekend_until": N_("hours at the weekend"),
    "window_from": N_("hours"), "window_until": N_("hours"), "work_from": N_("working hours"),
    "work_until": N_("working hours"), "workdays": N_("working days"), "region": N_("region"),
    "performer": N_("employee"), "letter": N_("letter"), "option": N_("an option"),
    "low": N_("words at the lower end"), "high": N_("words at the upper end"), "wording": N_("the question"),
    "decline": N_("Answer “no call”"),
}  # fmt: skip


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
    return str(_(KEYS[key])) if key in KEYS else key.replace("_", " ").replace(".", " ")


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
    labels = chain((FIELDS.get(part),), (words for (_kind, of), words in LABELS.items() if of == part))
    known = next((words for words in labels if words), None)
    if known is None:
        return language_name(name) if language_name(name) != name else _question(name) + language
    return str(_(known)) + language if isinstance(known, str) else f"{known}{language}"


def _question(key: str) -> str:
    return str(_("question “%(key)s”", key=key))
