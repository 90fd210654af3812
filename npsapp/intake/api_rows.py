"""Records of the JSON API become rows, persons and consents: read by `api_fields`, checked as files are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npsapp.customers.rules import GroundKind
from npsapp.customers.services import Incoming
from npsapp.delivery.rules import Channel
from npsapp.intake import columns
from npsapp.intake.api_fields import COLUMNS_BESIDE, CONSENT, CUSTOMER, INTERACTION, KINDS, Kind, Said
from npsapp.intake.checking import Checker
from npsapp.intake.columns import Field, plain_text
from npsapp.intake.documents import TAKEN_BACK
from npsapp.intake.rules import LONGEST_ID, MOST_PROPERTIES, InteractionRow, Rejection, RejectReason, Setting
from npsapp.lib import addresses, amounts, phones
from npsapp.lib.texts import N_, Worded

LONGEST_TEXT = 500  # characters that are read of any value
MOST_TEXTS = 5  # addresses of one kind
LONGEST_PROPERTY = (40, 160)  # its name, its value

FIELDS = (*INTERACTION, *COLUMNS_BESIDE)
_PLACE = {field: at for at, field in enumerate(Field)}
_NAME_OF = {one.column: one.name for one in FIELDS if one.column}
_ONE_WORD: dict[str, dict[str, bool]] = {"1": {"email": True}, "0": {"email": False, "sms": False, "phone": False}}


@dataclass(frozen=True)
class Fault:
    """A record that is not taken in: which (from 0), why, and the field at fault."""

    index: int
    reason: Worded
    field: str = ""
    wanted: str = ""
    """What to send instead, where the reason does not say it: a msgid."""
    column: str = ""
    """The column of a file the field stands for, or empty."""


class Unreadable(Exception):
    """A field has a type or a value that is not described."""

    def __init__(self, said: Said, reason: RejectReason = RejectReason.WRONG_TYPE, wanted: str = "") -> None:
        self.said, self.reason = said, reason
        self.wanted = wanted or (KINDS[said.kind][0] if reason is RejectReason.WRONG_TYPE else ", ".join(said.choices))
        super().__init__(said.name)


def each(records: Sequence[Any], read: Callable[[int, Mapping[str, Any]], Any]) -> Iterator[Any]:
    """What `read` makes of each record (from 0), or the fault that keeps it from that."""
    for index, record in enumerate(records):
        try:
            is_object = isinstance(record, Mapping)
            yield read(index, record) if is_object else Fault(index, RejectReason.WRONG_TYPE, wanted=N_("an object"))
        except Unreadable as error:
            column = error.said.column or ""
            yield Fault(index, error.reason, error.said.name, error.wanted, column)


# ---- purchases ----


def interactions(records: Sequence[Any], setting: Setting) -> Iterator[InteractionRow | Fault]:
    """A row for each record, its line counted from 1, or why there is none."""
    checker = Checker(_PLACE, len(_PLACE), setting, undated=True)
    return each(records, lambda index, record: _interaction(index, record, checker))


def _interaction(index: int, record: Mapping[str, Any], checker: Checker) -> InteractionRow | Fault:
    said = values(record, FIELDS)
    cells = [said.get(_NAME_OF.get(field, "")) or "" for field in _PLACE]
    if said["manager"]:
        cells[_PLACE[Field.PERFORMER]] += f"; manager: {said['manager'].replace(';', ',').replace(':', ' ')}"
    row = checker.check(index + 1, cells)
    if isinstance(row, Rejection):
        name = _NAME_OF.get(Field(row.column), "") if row.column else ""
        return Fault(index, row.reason, name, column=row.column)
    # What files have no columns for.
    row.kind, row.basis = plain_text(said["kind"] or ""), plain_text(said["basis"] or "")
    row.state, row.status_raw = said["state"] or "", plain_text(said["status"] or "")
    if row.undated and not row.state and not row.status_raw:
        return Fault(index, RejectReason.NO_DATE, "happened_at", column=Field.HAPPENED_AT)
    if row.state and not row.amount.startswith("-"):
        row.cancelled = row.state in TAKEN_BACK
    row.person_kind = {"1": "company", "0": "person"}.get(said["customer.is_company"] or "", "")
    row.properties, row.grounds = said["properties"] or {}, said["customer.grounds"] or {}
    row.consents = _consents(said, "customer.") | row.consents
    return row


def _consents(said: Mapping[str, Any], prefix: str = "") -> dict[str, bool]:
    """Yes or no by channel: each channel's own word, else the one word for all.

    A yes without a channel is a yes to letters only: SMS need a consent that was given for them. A no without a
    channel is a no on all.
    """
    return _ONE_WORD.get(said[f"{prefix}consent"], {}) | (said[f"{prefix}consents"] or {})


# ---- one field ----


def values(record: Mapping[str, Any], fields: Sequence[Said]) -> dict[str, Any]:
    """What a record says in each field: a text (yes and no as "1" and "0"), an object, or None: nothing.

    :raise Unreadable: when one is of another type, or none of the field's choices.
    """
    flat = dict(record)
    for name, inner in record.items():
        if isinstance(inner, Mapping):
            flat |= {f"{name}.{part}": found for part, found in inner.items()}
    return {one.name: _value(flat, one) for one in fields}


def _value(flat: Mapping[str, Any], said: Said) -> Any:
    for name in said.names:
        found = flat.get(name)
        if found is None or found == "":
            continue
        # An object may stand where other names lead into it: `store` and `store.name`.
        if not (isinstance(found, Mapping) and any(other.startswith(f"{name}.") for other in said.names)):
            return _READ.get(said.kind, _text)(found, said)
    return None


def _text(found: Any, said: Said) -> str:
    if not isinstance(found, str):
        raise Unreadable(said)
    if said.choices and found not in said.choices:
        raise Unreadable(said, RejectReason.UNKNOWN_WORD)
    return found[:LONGEST_TEXT]


def _texts(found: Any, said: Said) -> str:
    given = [_text(one, said) for one in found if one not in (None, "")] if isinstance(found, list) else None
    if given is None:
        return _text(found, said)
    return "; ".join(one[: LONGEST_TEXT // MOST_TEXTS] for one in given[:MOST_TEXTS])


def _yes_no(found: Any, said: Said) -> str:
    meant = found if isinstance(found, bool) else columns.yes_or_no(_text(found, said))
    if meant is None:
        raise Unreadable(said)
    return "1" if meant else "0"


def _by_channel(found: Any, said: Said) -> dict[str, Any]:
    """A consent (yes or no) or a ground for each channel that is named; null says nothing."""
    channels = said.schema["properties"]
    if not isinstance(found, Mapping):
        raise Unreadable(said)
    if found.keys() - channels.keys():
        raise Unreadable(said, RejectReason.UNKNOWN_WORD, ", ".join(channels))
    given = {name: one for name, one in found.items() if one is not None}
    return {name: _text(one, said) if said.choices else _yes_no(one, said) == "1" for name, one in given.items()}


def _properties(found: Any, said: Said) -> dict[str, str]:
    if not isinstance(found, Mapping) or len(found) > MOST_PROPERTIES:
        raise Unreadable(said)
    longest_name, longest = LONGEST_PROPERTY
    given = {name: one for name, one in found.items() if one not in (None, "")}
    texts = {name: str(one).lower() if isinstance(one, bool) else _text(one, said) for name, one in given.items()}
    return {plain_text(name)[:longest_name]: plain_text(text)[:longest] for name, text in texts.items()}


_READ = {Kind.TEXTS: _texts, Kind.YES_NO: _yes_no, Kind.BY_CHANNEL: _by_channel, Kind.PROPERTIES: _properties}


# ---- persons ----


@dataclass(frozen=True)
class Person:
    """What is said about a person, with consents and other grounds by channel."""

    incoming: Incoming
    region: str
    consents: Mapping[Channel, bool]
    grounds: Mapping[Channel, GroundKind]


def person(external_id: str, record: Mapping[str, Any], setting: Setting) -> Person:
    """The person a body describes.

    :raise Unreadable: when a field cannot be read.
    """
    said = values(record, CUSTOMER)
    text = {name: plain_text(found) if isinstance(found, str) else "" for name, found in said.items()}
    row = InteractionRow(0, "", setting.now)
    row.put_addresses(text["emails"], text["phones"], setting.phone_country)
    one = Incoming(
        external_id=external_id,
        name="" if columns.nobody(text["name"]) else text["name"][: columns.LONGEST_NAME],
        language=columns.language(text["language"]) or None,
        is_key={"1": True, "0": False}.get(text["is_key"]),
        is_company={"1": True, "0": False}.get(text["is_company"]),
        **row.reached,
    )
    return Person(
        one,
        text["region"],
        {Channel(name): word for name, word in _consents(said).items()},
        {Channel(name): GroundKind(kind) for name, kind in (said["grounds"] or {}).items()},
    )


# ---- consents ----


@dataclass(frozen=True)
class Consent:
    """A consent or a refusal: of a person with an id, or of an address."""

    index: int
    external_id: str
    address: str
    """Of the channel's kind, or empty: those the person has."""
    channel: Channel
    given: bool
    ground: GroundKind
    proof: str


class ConsentFault(Worded):
    """Why a consent is not taken down, and what to do about it."""

    NO_ADDRESS = "no_address", N_("No address for this channel is known. Send one, or first the person with one.")
    BAD_ADDRESS = "bad_address", N_("The address is not valid for this channel. Correct it.")
    NO_CHANNEL = "no_channel", N_("The channel is missing. Name it: email, sms or phone.")
    NO_PROOF = "no_proof", N_("A consent needs its proof: say when it was given (at) and how.")
    WITHDRAWN = "withdrawn", N_("The customer has refused. Only a colleague here can take down a later consent.")


def consents(records: Sequence[Any], setting: Setting) -> Iterator[Consent | Fault]:
    """A consent or refusal for each record, or why there is none."""
    return each(records, lambda index, record: _consent(index, record, setting))


def _consent(index: int, record: Mapping[str, Any], setting: Setting) -> Consent | Fault:
    said = {name: plain_text(found) for name, found in values(record, CONSENT).items()}
    if not said["channel"]:
        return Fault(index, ConsentFault.NO_CHANNEL, "channel")
    place = "email" if said["channel"] == Channel.EMAIL else "phone"
    country = setting.phone_country
    found = addresses.addresses_in(said[place]) if place == "email" else phones.numbers_in(said[place], country)
    if not found and (said[place] or not said["external_id"]):
        return Fault(index, ConsentFault.BAD_ADDRESS if said[place] else ConsentFault.NO_ADDRESS, place)
    at = amounts.moment(said["at"], setting.zone) if said["at"] else None
    if said["at"] and not at:
        return Fault(index, RejectReason.BAD_DATE, "at")
    given, ground = said["given"] != "0", GroundKind(said["ground"] or GroundKind.CONSENT)
    if given and ground is GroundKind.CONSENT and not (at and said["how"]):
        return Fault(index, ConsentFault.NO_PROOF, "how" if at else "at")
    proof = "; ".join(filter(None, ("API", said["how"], said["who"], at.isoformat(timespec="minutes") if at else "")))
    id_, address = said["external_id"][:LONGEST_ID], found[0] if found else ""
    return Consent(index, id_, address, Channel(said["channel"]), given, ground, proof)
