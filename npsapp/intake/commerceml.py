"""CommerceML, as 1C and BAS write it: documents become rows, or the reason why one stands for no purchase.

All versions are read by local names: 2.03 to 2.10 and 3.x, with or without Контейнер. Names of elements stay Russian
in every country; values may be in any language. What is absent is left empty: it changes nothing that is known.
"""

import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from xml.etree.ElementTree import Element  # noqa: S405 - the type; reading is done by lib.xml_stream

from npsapp.intake import columns
from npsapp.intake.columns import LONGEST_NAME, plain_text
from npsapp.intake.rules import (
    EARLIEST,
    LONGEST_ID,
    LONGEST_PROPERTY,
    LONGEST_TITLE,
    MOST_PROPERTIES,
    DocumentKind,
    DocumentState,
    InteractionRow,
    Rejection,
    RejectReason,
    Setting,
)
from npsapp.lib import amounts, xml_stream
from npsapp.lib.tables import FileRefused
from npsapp.lib.texts import N_, Worded
from npsapp.lib.xml_stream import local_name

ROOT = "КоммерческаяИнформация"
DOCUMENT = "Документ"
SHOP_SERVICES = "ORDER_DELIVERY"  # a line of the goods that was not bought

Fields = Mapping[str, Element]
"""First child of each name."""


class Trigger(Worded):
    """What makes an order a completed purchase; chosen for the connection."""

    SHIPMENT = "shipment", N_("when it is shipped: its sale is posted, or it has the requisite “Отгружен” or its date")
    PAID = "paid", N_("when it is paid: it has the requisite “Оплачен” or the date of payment")
    ORDER = "order", N_("as soon as it is posted, shipped and paid or not")


# Operations by their words without blanks and case; what is not listed is no purchase.
_KINDS = {
    word: kind
    for kind, words in {
        DocumentKind.ORDER: ("", "заказтовара", "заказпокупателя", "заказклиента"),
        DocumentKind.SHIPMENT: ("отпусктовара", "реализациятоваров", "реализациятоваровиуслуг"),
        DocumentKind.RETAIL_SALE: ("розничнаяпродажа", "отчеторозничныхпродажах", "чекккм"),
        DocumentKind.RETURN: ("возвраттовара", "возвратналичныхденег", "возвратбезналичныхденег"),
        DocumentKind.PAYMENT: ("выплатаналичныхденег", "выплатабезналичныхденег", "эквайринговаяоперация"),
    }.items()
    for word in words
}
_SALES = (DocumentKind.ORDER, DocumentKind.SHIPMENT, DocumentKind.RETAIL_SALE)
_SHIPPED = ("датаотгрузкипо1с", "датаотгрузки")
_PAID = ("датаоплатыпо1с", "датаоплаты")
_STATES = frozenset({"пометкаудаления", "отменен", "проведен", "отгружен", "оплачен", "статусзаказа"})
# Requisites that are read elsewhere or tell nothing about a purchase; those about persons are no dimensions.
_NOT_PROPERTIES = re.compile(
    r"номер|дата|время|пометкаудаления|проведен|отменен|отгружен|оплачен|статус|склад|магазин|подразделение|менеджер"
    r"|ответственный|адрес|телефон|почт|mail|комментар|примечан|фио|имя|признаквозврата|сайт|ид$"
)
_PHONE_TYPES = re.compile(r"телефон|phone|моб")
_MAIL_TYPES = re.compile(r"почта$|пошта$|e-?mail")
_STATUS_CODE = re.compile(r"^\[\w{1,4}\]\s*")
_ONE_SEPARATOR = re.compile(r"(-?\d{1,3})([.,])(\d{3})")
_DECIMAL_SEPARATOR = re.compile(r"ЧРД\s*=\s*['\"]?([.,])")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")
_DAY = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}\.\d{1,2}\.\d{4}")


@dataclass(slots=True)
class _Buyer:
    """Whom a document was made out to; empty where nobody is known."""

    id: str = ""
    name: str = ""
    is_company: bool = False
    mails: list[str] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    """Both as they are written."""
    places: dict[str, str] = field(default_factory=dict)
    """Kind of a part of the address → its value."""


def rows(path: Path, setting: Setting) -> Iterator[InteractionRow | Rejection]:
    """The documents of a file in their order; the line of each is its number in the file.

    Customers' cards without a document (contragents.xml) give nothing: who bought nothing is not kept.
    Raises `FileRefused`, perhaps halfway: no CommerceML, broken off, a document type.
    """
    with path.open("rb") as file:
        name, attributes = xml_stream.root_of(file)
        if name != ROOT:
            raise not_commerceml(name)
        reader = _Reader(setting, attributes)
        for line, element in enumerate(xml_stream.elements(file, frozenset({DOCUMENT})), start=1):
            yield reader.row(line, element)


def not_commerceml(root: str) -> FileRefused:
    """The refusal of XML of another kind, by the name of its root."""
    words = N_("This is no CommerceML: the file begins with <%(name)s>.")
    return FileRefused(words, code="not_commerceml", name=root[:40])


class _Reader:
    """Reads the documents of one file."""

    def __init__(self, setting: Setting, attributes: Mapping[str, str]) -> None:
        self._setting = setting
        self._trigger = Trigger(setting.settings.get("trigger", Trigger.SHIPMENT))
        found = _DECIMAL_SEPARATOR.search(attributes.get("ФорматСуммы", ""))
        self._decimal = found[1] if found else ""
        made = amounts.moment(attributes.get("ДатаФормирования", ""), setting.zone)
        # Nothing is made after it came: the clock of a base that runs ahead for a day stops no later package.
        if made and setting.is_ahead(made, timedelta()):
            made = setting.now
        self._made = made.astimezone(UTC).isoformat() if made and made > EARLIEST else ""

    def row(self, line: int, element: Element) -> InteractionRow | Rejection:
        """The purchase or change that a document stands for, or why it stands for none."""
        fields = _fields(element)
        requisites = list(_pairs(fields.get("ЗначенияРеквизитов"), "Наименование"))
        said = {_folded(name): value for name, value in reversed(requisites) if value}
        number = (_text(fields, "Номер1С") or said.get("номерпо1с", "") or _text(fields, "Номер"))[:LONGEST_ID]
        kind = _kind(_text(fields, "ХозОперация"), said)
        basis = _text(fields, "Основание")[:LONGEST_ID]
        if kind not in _SALES and not (basis and kind is not DocumentKind.OTHER):
            return Rejection(line, RejectReason.NO_SALE, value=_text(fields, "ХозОперация")[:80])
        state = self._state(kind, fields, said)
        happened_at = self._happened_at(fields, said, shipped=state is DocumentState.COMPLETED)
        undated = happened_at is None
        if happened_at is None:
            written = _text(fields, "Дата1С") or _text(fields, "Дата")
            if written or not _says_a_state(fields, said):
                return Rejection(line, RejectReason.BAD_DATE if written else RejectReason.NO_DATE, value=written[:80])
            happened_at = self._setting.now
        external_id = _short_id(_text(fields, "Ид"))
        if not external_id and not number:
            return Rejection(line, RejectReason.NO_IDENTITY)
        row = InteractionRow(
            line, external_id or f"{number}|{happened_at.astimezone(self._setting.zone).year}", happened_at
        )
        row.numbered, row.number, row.kind, row.basis, row.state = not external_id, number, kind.value, basis, state
        row.made, row.undated = self._made, undated
        if undated and not external_id:
            row.basis = basis or number
        row.status_raw = _STATUS_CODE.sub("", said.get("статусзаказа", ""))[:LONGEST_NAME]
        self._add_amount(row, fields)
        self._add_buyer(row, _buyer(fields.get("Контрагенты")))
        self._add_dimensions(row, fields, said, _properties(requisites))
        return row

    def _state(self, kind: DocumentKind, fields: Fields, said: Mapping[str, str]) -> str:
        """How far a document says to be; empty when it does not speak of that."""
        if _yes(_text(fields, "ПометкаУдаления") or said.get("пометкаудаления", "")) or _yes(said.get("отменен", "")):
            return DocumentState.CANCELLED
        if columns.yes_or_no(said.get("проведен", "")) is False:
            return DocumentState.OPEN
        if kind is not DocumentKind.ORDER:
            return DocumentState.RETURNED if kind is DocumentKind.RETURN else DocumentState.COMPLETED
        if self._trigger is Trigger.ORDER:
            return DocumentState.COMPLETED
        word, dates = ("отгружен", _SHIPPED) if self._trigger is Trigger.SHIPMENT else ("оплачен", _PAID)
        done = columns.yes_or_no(said.get(word, ""))
        if done or (done is None and self._first_moment(said, dates)):
            return DocumentState.COMPLETED
        # A short notice about an order that is known, without buyer and sum or date, says nothing of its shipment.
        dated = "Дата" in fields or "Дата1С" in fields or "датапо1с" in said
        whole = "Контрагенты" in fields or ("Сумма" in fields and dated)
        return DocumentState.OPEN if done is False or whole else ""

    def _happened_at(self, fields: Fields, said: Mapping[str, str], *, shipped: bool) -> datetime | None:
        """The shipment, else the payment, else the document's own date; impossible dates count as missing."""
        day = _text(fields, "Дата1С") or said.get("датапо1с", "")
        own = _with_clock(day, _text(fields, "Время")), _with_clock(_text(fields, "Дата"), _text(fields, "Время"))
        later = self._first_moment(said, (*_SHIPPED, *_PAID)) if shipped else None
        return later or next(filter(None, map(self._moment, own)), None)

    def _first_moment(self, said: Mapping[str, str], names: Sequence[str]) -> datetime | None:
        return next(filter(None, (self._moment(said[name]) for name in names if name in said)), None)

    def _moment(self, text: str) -> datetime | None:
        found = amounts.moment(text, self._setting.zone) if text else None
        return found if found and found >= EARLIEST and not self._setting.is_ahead(found) else None

    def _add_amount(self, row: InteractionRow, fields: Fields) -> None:
        written = _text(fields, "Сумма")
        if not written:
            return
        if self._decimal and (found := _ONE_SEPARATOR.fullmatch("".join(written.split()))):
            written = found[1] + ("." if found[2] == self._decimal else "") + found[3]
        currency, amount = _text(fields, "Валюта"), amounts.amount(written)
        known = columns.currency(currency) if currency else ""
        if amount is not None and known is not None:
            row.amount, row.currency = str(amount), known

    def _add_buyer(self, row: InteractionRow, buyer: _Buyer) -> None:
        row.put_addresses("; ".join(buyer.mails), "; ".join(buyer.phones), self._setting.phone_country)
        row.customer_id = buyer.id if row.put_name(buyer.name) else ""
        row.person_kind = "company" if buyer.is_company else ""
        row.region = buyer.places.get("регион", "")[:LONGEST_NAME]
        if city := buyer.places.get("город") or buyer.places.get("населенныйпункт"):
            row.properties["Город"] = city[:LONGEST_PROPERTY]

    def _add_dimensions(
        self, row: InteractionRow, fields: Fields, said: Mapping[str, str], extra: dict[str, str]
    ) -> None:
        department = said.get("подразделение", "")
        store = _named(fields.get("Склады")) or _named(fields.get("Склад")) or said.get("склад") or said.get("магазин")
        row.unit = (store or department)[:LONGEST_NAME]
        if manager := said.get("менеджер") or said.get("ответственный"):
            row.performers = (("manager", manager[:LONGEST_NAME]),)
        row.title = _title(fields.get("Товары"))
        if store and department:
            extra = {"Подразделение": department} | extra
        for name, value in extra.items():
            if len(row.properties) < MOST_PROPERTIES and len(value) <= LONGEST_PROPERTY:
                row.properties.setdefault(name, value)


def _fields(element: Element) -> dict[str, Element]:
    return {local_name(child.tag): child for child in reversed(element)}


def _text(fields: Fields, name: str) -> str:
    found = fields.get(name)
    return _plain(found.text) if found is not None else ""


@lru_cache(maxsize=4096)  # most texts of a file are said again and again
def _plain(text: str | None) -> str:
    """A text as people read it; some programs escape twice."""
    if not text or text.isspace():
        return ""
    return plain_text(html.unescape(text) if "&" in text else text)


@lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    """A word of the format without blanks and case, as СтатусЗаказа = Статус заказа."""
    return "".join(local_name(name).split()).casefold().replace("ё", "е")


def _yes(text: str) -> bool:
    return bool(text) and columns.yes_or_no(text) is True


def _pairs(element: Element | None, name: str) -> Iterator[tuple[str, str]]:
    """Name and first value of every child: <…><Наименование|Тип/><Значение/></…>."""
    for child in () if element is None else element:
        label = value = ""
        for part in child:
            tag = local_name(part.tag)
            if tag == name:
                label = _plain(part.text)
            elif tag == "Значение":
                value = value or _plain(part.text)
        if label:
            yield label, value


def _properties(requisites: Sequence[tuple[str, str]]) -> dict[str, str]:
    return {name[:40]: value for name, value in requisites if value and not _is_known(name) and "@" not in value}


@lru_cache(maxsize=4096)
def _is_known(name: str) -> bool:
    return bool(_NOT_PROPERTIES.search(_folded(name)))


def _kind(operation: str, said: Mapping[str, str]) -> DocumentKind:
    kind = _KINDS.get(_folded(operation), DocumentKind.OTHER)
    return DocumentKind.RETURN if kind in _SALES and _yes(said.get("признаквозврата", "")) else kind


def _short_id(written: str) -> str:
    return written if len(written) <= LONGEST_ID else "~" + hashlib.sha256(written.encode()).hexdigest()[:32]


def _with_clock(day: str, clock: str) -> str:
    """The day with its time of day, which stands beside it or in both; an offset of a day alone says nothing."""
    found, time = _DAY.match(day), _CLOCK.search(clock) or _CLOCK.search(day[10:].partition("+")[0])
    if not found or len(day) > 16:  # a whole moment, perhaps with its own offset
        return day
    return f"{found[0]} {time[0]}" if time else found[0]


def _says_a_state(fields: Fields, said: Mapping[str, str]) -> bool:
    """Whether a document says how far it is, and so may change one that is known."""
    return "ПометкаУдаления" in fields or not _STATES.isdisjoint(said)


def _named(element: Element | None) -> str:
    """The name of a store: nested in one more level, beside an id, or as direct text."""
    if element is None:
        return ""
    fields = _fields(element)
    return _named(fields["Склад"]) if "Склад" in fields else _text(fields, "Наименование") or _plain(element.text)


def _title(goods: Element | None) -> str:
    """What was bought: the first of the goods."""
    for one in () if goods is None else goods:
        fields = _fields(one)
        if _text(fields, "Ид") != SHOP_SERVICES:
            return _text(fields, "Наименование")[:LONGEST_TITLE]
    return ""


def _buyer(partners: Element | None) -> _Buyer:
    """The buyer among a document's partners, else who pays or receives, else the first."""
    found: dict[str, Fields] = {}
    for partner in () if partners is None else partners:
        fields = _fields(partner)
        found.setdefault(_text(fields, "Роль"), fields)
    for role in ("Покупатель", "Плательщик", "Получатель", *found):
        if role in found:
            return _read_buyer(found[role])
    return _Buyer()


def _read_buyer(fields: Fields) -> _Buyer:
    buyer = _Buyer(_text(fields, "Ид")[:LONGEST_ID], is_company="ОфициальноеНаименование" in fields)
    parts = " ".join(filter(None, (_text(fields, part) for part in ("Фамилия", "Имя", "Отчество"))))
    own = _text(fields, "ПолноеНаименование") or parts
    buyer.name = own or _text(fields, "ОфициальноеНаименование") or _text(fields, "Наименование")
    contacts = list(_pairs(fields.get("Контакты"), "Тип"))
    for address in ("АдресРегистрации", "Адрес", "ЮридическийАдрес"):
        for kind, value in _pairs(fields.get(address), "Тип"):
            buyer.places.setdefault(_folded(kind), value)
            contacts.append((kind, value))  # some senders put them there
    _add_contacts(buyer, contacts)
    if buyer.is_company or not buyer.mails:
        for name, theirs in _representatives(fields.get("Представители")):
            _add_contacts(buyer, theirs)
            if buyer.is_company and not columns.nobody(name):
                buyer.name, buyer.is_company = name, False  # letters speak to a person
                break
    buyer.name = buyer.name[:LONGEST_NAME]
    return buyer


def _add_contacts(buyer: _Buyer, contacts: Sequence[tuple[str, str]]) -> None:
    """What stands for addresses and numbers; the types of contacts are free words."""
    for kind, value in contacts:
        if "@" in value or _MAIL_TYPES.search(_folded(kind)):
            buyer.mails.append(value)
        elif _PHONE_TYPES.search(_folded(kind)):
            buyer.phones.append(value)


def _representatives(element: Element | None) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Name and contacts of those who speak for a partner; older files have one more level."""
    for one in () if element is None else element:
        fields = _fields(one)
        fields = _fields(fields["Контрагент"]) if "Контрагент" in fields else fields
        yield _text(fields, "Наименование"), list(_pairs(fields.get("Контакты"), "Тип"))
