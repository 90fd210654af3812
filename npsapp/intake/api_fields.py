"""The fields of the JSON API, described once: what is read, what the OpenAPI document says and what its page shows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from npsapp.customers.rules import GroundKind
from npsapp.delivery.rules import Channel
from npsapp.intake.columns import Field
from npsapp.intake.rules import LONGEST_ID, DocumentKind, DocumentState
from npsapp.lib.texts import N_

CHANNELS = tuple(channel.value for channel in (Channel.EMAIL, Channel.SMS, Channel.PHONE))
_COLUMNS = {field.value: field for field in Field}


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    TEXTS = "texts"
    AMOUNT = "amount"
    MOMENT = "moment"
    YES_NO = "yes_no"
    BY_CHANNEL = "by_channel"
    PROPERTIES = "properties"


OBJECTS = frozenset({Kind.BY_CHANNEL, Kind.PROPERTIES})
_WORD = ["string", "number", "null"]
# Kind → what to send, and its JSON schema.
KINDS: dict[Kind, tuple[str, dict[str, Any]]] = {
    Kind.TEXT: (N_("a text or a number"), {"type": _WORD}),
    Kind.TEXTS: (N_("a text, or a list of texts"), {"type": [*_WORD, "array"], "items": {"type": _WORD}}),
    Kind.AMOUNT: (N_("a number, or a text such as 1234.50"), {"type": _WORD}),
    Kind.MOMENT: (N_("a text such as 2026-11-05T12:00:00 or 2026-11-05T12:00:00+02:00"), {"type": ["string", "null"]}),
    Kind.YES_NO: (N_("true or false"), {"type": ["boolean", "null"]}),
    Kind.BY_CHANNEL: (N_("an object with a value for each channel"), {"type": ["object", "null"]}),
    Kind.PROPERTIES: (N_("an object with at most 8 texts"), {"type": ["object", "null"], "maxProperties": 8}),
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """One field: its name (dots lead into objects), what it means and holds, an example, and its other names."""

    name: str
    words: str
    example: Any = None
    kind: Kind = Kind.TEXT
    also: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    longest: int | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All its names, the first of which counts that says something."""
        return (self.name, *self.also)

    @property
    def column(self) -> Field | None:
        """The column of a file that has one of its names; None: it is read by itself."""
        return next((_COLUMNS[name] for name in self.names if name in _COLUMNS), None)

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON schema, without words."""
        schema = dict(KINDS[self.kind][1])
        if self.kind is Kind.BY_CHANNEL:
            value = {"enum": list(self.choices)} if self.choices else {"type": "boolean"}
            return schema | {"properties": dict.fromkeys(CHANNELS, value)}
        schema |= {"maxLength": self.longest} if self.longest else {}
        return schema | ({"enum": [*self.choices, None]} if self.choices else {})


_K = Kind
PERSON = (
    Said("name", N_("Name as it stands on an envelope."), "Олена Коваль", also=("customer_name",)),
    Said("is_company", N_("A company is never addressed by name."), False, _K.YES_NO),
    Said("emails", N_("E-mail addresses, the preferred one first."), ["olena@example.com"], _K.TEXTS, ("email",)),
    Said("phones", N_("Phone numbers, best with the country's code."), ["+380671234567"], _K.TEXTS, ("phone",)),
    Said("language", N_("Language of the letters by its code: uk, ru, en, or another of the brand."), "uk"),
    Said("is_key", N_("Key customers are called first when something is wrong."), False, _K.YES_NO, ("key_customer",)),
    Said("consent", N_("true: agreed to letters by e-mail. false: refuses questions on any channel."), True, _K.YES_NO),
    Said("consents", N_("Yes or no to each channel; a refusal stays in force whatever is sent later."),
         {"email": True, "sms": True}, _K.BY_CHANNEL),
    Said("grounds", N_("On which legal ground each channel may be used, where it is not the customer's consent."),
         {"email": "contract"}, _K.BY_CHANNEL, choices=(GroundKind.CONTRACT.value, GroundKind.INTEREST.value)),
)  # fmt: skip
"""About the person, in `customer` of a purchase or as the body of a customer."""


def _of_customer(one: Said) -> Said:
    """A field of the person as a purchase has it: inside of `customer`, or flat as in files."""
    flat = one.also or ((one.name,) if one.name in _COLUMNS or one.kind in OBJECTS else ())
    inside = tuple(f"customer.{name}" for name in one.also if not name.startswith("customer"))
    return replace(one, name=f"customer.{one.name}", also=(*inside, *flat))


INTERACTION = (
    Said("external_id", N_("Identity of the document: its GUID. Without it, number and year are its identity."),
         "aaaa0001-77", longest=LONGEST_ID),
    Said("number", N_("Number of the receipt or order as people know it."), "БУ00-000077", longest=LONGEST_ID),
    Said("happened_at", N_("When it happened; without an offset in the connection's time zone."), "2026-11-05T12:00:00",
         _K.MOMENT, ("date",)),
    Said("kind", N_("Kind of the document."), "shipment", choices=tuple(kind.value for kind in DocumentKind)),
    Said("basis", N_("Number or id of its order: order, shipment and payment are asked about once."), "БУ00-000101"),
    Said("state", N_("How far it is; cancelled or returned takes back a letter that has not left."), "completed",
         choices=tuple(state.value for state in DocumentState)),
    Said("status", N_("Your own word for the state, instead of state.")),
    Said("brand", N_("Key or name of the brand; without it the connection's.")),
    Said("touchpoint", N_("Key or name of the touchpoint; without it the connection's.")),
    Said("unit", N_("Store, warehouse or branch, by its name."), "Київ, Лівий берег",
         also=("unit.name", "unit.id", "store.name", "store.id", "store", "department")),
    Said("region", N_("Region; without it the unit's."), "Київська обл.", also=("store.region",)),
    Said("performer", N_("Who served the customer: Name, or seller: Name; courier: Name.")),
    Said("manager", N_("The manager, as one more performer."), "Ірина Бондар"),
    Said("segment", N_("Segment of customers."), "retail"),
    Said("title", N_("What was bought, in a few words that the customer recognises."), "лоток DN 100"),
    Said("product_group", N_("Product group.")),
    Said("partner", N_("Partner.")),
    Said("amount", N_("Amount; a negative one is a return."), "19100.00", _K.AMOUNT),
    Said("currency", N_("Currency, three letters."), "UAH"),
    Said("properties", N_("Up to 8 properties to filter and split by."), {"delivery": "courier"}, _K.PROPERTIES),
    Said("customer.external_id", N_("The customer's id in your program, if it always means one person."), "2222-77",
         also=("customer.id", "customer_id"), longest=LONGEST_ID),
    *map(_of_customer, PERSON),
)  # fmt: skip
COLUMNS_BESIDE = tuple(Said(f"consent_{channel}", "", None, _K.YES_NO) for channel in CHANNELS)
"""Columns of files that `customer.consents` says in one field."""
CUSTOMER = (*PERSON, Said("region", N_("Region of the customer."), "Київська обл."))
CONSENT = (
    Said("external_id", N_("The customer's id in your program …"), "2222-77", also=("customer_id",)),
    Said("email", N_("… or the e-mail address …")),
    Said("phone", N_("… or the phone number it is about."), "+380671234567"),
    Said("channel", N_("Channel it is about."), "sms", choices=CHANNELS),
    Said("given", N_("false: the customer refuses. Without it true."), True, _K.YES_NO),
    Said("ground", N_("The legal ground; without it consent."), choices=tuple(kind.value for kind in GroundKind)),
    Said("who", N_("Who took it down: a person, a till, a form."), "till 4"),
    Said("at", N_("When it was given or refused."), "2026-11-05T12:00:00", _K.MOMENT),
    Said("how", N_("How: the words, the number of the paper."), "loyalty form 2026-03"),
)


def example(fields: Sequence[Said]) -> dict[str, Any]:
    """One record with the examples of its fields."""
    record: dict[str, Any] = {}
    for one in fields:
        group, _, last = one.name.rpartition(".")
        if one.example is not None:
            (record.setdefault(group, {}) if group else record)[last] = one.example
    return record


def unread(records: Iterable[Any], fields: Sequence[Said]) -> Iterator[str]:
    """The names in records, and in their objects, that stand for nothing here: most often they are misspelt."""
    names = {name for one in fields for name in one.names}
    groups = {name.split(".")[0] for name in names if "." in name}
    whole = {name for one in fields if one.kind in OBJECTS for name in one.names}
    for record in records:
        for name, value in record.items() if isinstance(record, Mapping) else ():
            if name not in names and name not in groups:
                yield name[:80]
            elif isinstance(value, Mapping) and name in groups - whole:
                yield from (f"{name}.{inner}"[:80] for inner in value if f"{name}.{inner}" not in names)
