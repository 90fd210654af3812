"""amoCRM and Kommo: their calls bring several leads in PHP's brackets; leads and contacts are read by API version 4."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from npsapp.intake import portals, webhook
from npsapp.intake.portals import Foreign, Ids, NotAbout, Trouble, effective, numbers, pieces
from npsapp.intake.rules import DocumentKind, DocumentState
from npsapp.intake.webhook import Record
from npsapp.lib.tokens import same

WON, LOST = 142, 143  # the same in every pipeline
STATES = {WON: DocumentState.COMPLETED, LOST: DocumentState.CANCELLED}
MOST_AT_ONCE = 50  # ids in one address
ROWS = 250  # of a page, the most there is

Item = dict[str, Any]


class Portal:
    """One account, read with a long-lived token of its own integration."""

    def __init__(self, opened: Mapping[str, str], places: Mapping[str, str], meanings: Mapping[str, str]) -> None:
        self._address = portals.checked(opened.get("address", "")) + "/api/v4"
        self._token, self._account = opened.get("token", ""), opened.get("account", "")
        self._places, self._meanings = places, meanings

    def wanted(self, tree: Any) -> Ids:
        """The leads a call is about. Calls are not signed: the address they go to is the secret.

        :raise Foreign: when it comes from another account than the one written down.
        :raise NotAbout: when it is about no lead.
        """
        if self._account and not same(self._account, webhook.said(tree, "account.id")):
            raise Foreign()
        leads = tree.get("leads") if isinstance(tree, dict) else None
        if not isinstance(leads, dict):
            raise NotAbout()
        deleted = numbers(_ids(leads.get("delete")))
        read = numbers(id_ for action, items in leads.items() if action != "delete" for id_ in _ids(items))
        return Ids([id_ for id_ in read if id_ not in deleted], deleted)

    def records(self, ids: Sequence[int]) -> dict[int, Record]:
        """Leads with their contacts by their numbers; those the account does not have are missing. Asks the network."""
        found: dict[int, Record] = {}
        for piece in pieces(ids, MOST_AT_ONCE):
            found |= self._with_contacts(self._some("leads", piece, {"with": "contacts"}))
        return found

    def changed(self, since: datetime) -> Iterator[tuple[list[Record], datetime]]:
        """Leads changed since a moment, oldest change first, in pages with the moment each goes up to."""
        asked = {"filter[updated_at][from]": int(since.timestamp()), "order[updated_at]": "asc", "with": "contacts"}
        page: int | None = 1
        while page is not None:
            leads, more = self._page("leads", [*asked.items(), ("page", page)])
            if leads:
                yield list(self._with_contacts(leads).values()), _moment(leads[-1].get("updated_at")) or since
            page = page + 1 if leads and more else None

    def _with_contacts(self, leads: Iterable[Item]) -> dict[int, Record]:
        """Nobody's name and address is read before there is a purchase to ask about."""
        leads = list(leads)
        wanted = numbers(_contact(lead) for lead in leads if self._state(lead) == DocumentState.COMPLETED)
        people: dict[int, Item] = {}
        for piece in pieces(wanted, MOST_AT_ONCE):
            people |= {one["id"]: one for one in self._some("contacts", piece, {})}
        return {lead["id"]: self._record(lead, people.get(_contact(lead))) for lead in leads}

    def _state(self, lead: Item) -> str:
        return effective(_stage(lead), STATES.get(lead.get("status_id") or 0, DocumentState.OPEN), self._meanings)

    def _record(self, lead: Item, person: Item | None) -> Record:
        at = lead.get("closed_at") or lead.get("updated_at")
        record: Record = {
            "external_id": str(lead["id"]),
            "number": str(lead["id"]),
            "kind": DocumentKind.ORDER.value,
            "title": str(lead.get("name") or ""),
            "happened_at": moment.isoformat() if (moment := _moment(at)) else "",
            "amount": str(lead["price"]) if lead.get("price") is not None else "",
            "state": self._state(lead),
            "status": _stage(lead),
            "version": str(lead.get("updated_at") or ""),
        }
        if person:
            record["customer"] = _person(person)
        return record | webhook.mapped(lead | {"fields": _fields(lead)}, self._places)

    def _some(self, what: str, ids: Sequence[int], asked: Mapping[str, str]) -> list[Item]:
        return self._page(what, [*asked.items(), *(("filter[id][]", id_) for id_ in ids)])[0]

    def _page(self, what: str, asked: Sequence[tuple[str, Any]]) -> tuple[list[Item], bool]:
        """Rows of one page, and whether there are more."""
        url = f"{self._address}/{what}?{urlencode([*asked, ('limit', ROWS)])}"
        answer = portals.ask(url, headers={"Authorization": f"Bearer {self._token}"})
        if answer is None:
            return [], False
        rows = answer.get("_embedded", {}).get(what) if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise Trouble(host=portals.host(url), why="no list")
        there = [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), int)]
        return there, "next" in (answer.get("_links") or ())


def _ids(items: Any) -> Iterator[Any]:
    return (item.get("id") for item in items if isinstance(item, dict)) if isinstance(items, list) else iter(())


def _stage(lead: Item) -> str:
    """A status is known in its pipeline only: `3177727:142`."""
    return f"{lead.get('pipeline_id') or 0}:{lead.get('status_id') or 0}"


def _contact(lead: Item) -> int:
    several = [one for one in (lead.get("_embedded") or {}).get("contacts") or () if isinstance(one, dict)]
    main = next((one for one in several if one.get("is_main")), several[0] if several else {})
    return main.get("id") or 0


def _moment(unix: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(unix), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _person(contact: Item) -> Record:
    return {
        "external_id": str(contact["id"]),
        "name": str(contact.get("name") or ""),
        "is_company": False,
        "emails": _values(contact, "EMAIL"),
        "phones": _values(contact, "PHONE"),
    }


def _values(item: Item, code: str) -> list[str]:
    """What a built-in field of several values holds, mobile numbers first: they take an SMS."""
    fields = [one for one in _custom(item) if one.get("field_code") == code]
    values = [value for one in fields for value in one.get("values") or () if isinstance(value, dict)]
    values.sort(key=lambda value: value.get("enum_code") != "MOB")
    return [str(value["value"]) for value in values if value.get("value")]


def _fields(item: Item) -> dict[str, Any]:
    """The account's own fields by name and by number, so that a place can be `fields.Магазин`."""
    found: dict[str, Any] = {}
    for one in _custom(item):
        values = [value.get("value") for value in one.get("values") or () if isinstance(value, dict)]
        found[str(one.get("field_name"))] = found[str(one.get("field_id"))] = values
    return found


def _custom(item: Item) -> list[Item]:
    return [one for one in item.get("custom_fields_values") or () if isinstance(one, dict)]
