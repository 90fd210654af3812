"""Bitrix24: its events bring the number of a deal only; the deal and its buyer are read over REST.

Words and limits of the portal: https://apidocs.bitrix24.com (crm.item.*, batch, outgoing webhooks).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from npsapp.intake import portals, webhook
from npsapp.intake.portals import Foreign, Ids, NotAbout, Trouble, effective, numbers, pieces
from npsapp.intake.rules import DocumentKind, DocumentState
from npsapp.intake.webhook import Record
from npsapp.lib.tokens import same

DEAL, CONTACT, COMPANY = 2, 3, 4  # entityTypeId
MOST_AT_ONCE = 50  # commands in a batch, rows of a list
BUSY = {"QUERY_LIMIT_EXCEEDED": timedelta(seconds=30), "OPERATION_TIME_LIMIT": timedelta(minutes=10)}
"""How long to leave the portal alone when it does not say itself."""
GONE = frozenset({"NOT_FOUND", "ERROR_NOT_FOUND", "100"})
STATES = {"S": DocumentState.COMPLETED, "F": DocumentState.CANCELLED, "P": DocumentState.OPEN}
"""By stageSemanticId."""

Item = dict[str, Any]


class Portal:
    """One portal, read with the address of an incoming webhook (its scope: crm)."""

    def __init__(self, opened: Mapping[str, str], places: Mapping[str, str], meanings: Mapping[str, str]) -> None:
        self._address = portals.checked(opened.get("address", ""))
        self._token = opened.get("token", "")
        self._places, self._meanings = places, meanings

    def wanted(self, tree: Any) -> Ids:
        """The deals an event is about: an outgoing webhook, or the robot "Webhook".

        :raise Foreign: when it does not carry the portal's own token.
        :raise NotAbout: when it is about no deal.
        """
        tree = tree if isinstance(tree, dict) else {}
        auth = tree.get("auth")
        given = auth.get("application_token") if isinstance(auth, dict) else None
        if self._token and not same(self._token, str(given)):
            raise Foreign()
        event = str(tree.get("event", ""))
        if event and not event.startswith("ONCRMDEAL"):
            raise NotAbout()
        found = numbers([webhook.said(tree, "data.FIELDS.ID | document_id[2]").removeprefix("DEAL_")])
        return Ids([], found) if event == "ONCRMDEALDELETE" else Ids(found)

    def records(self, ids: Sequence[int]) -> dict[int, Record]:
        """Deals with their buyers by their numbers; those the portal does not have are left out. Needs the network."""
        return self._with_buyers(self._items(DEAL, ids).values())

    def changed(self, since: datetime) -> Iterator[tuple[list[Record], datetime]]:
        """Deals changed since a moment, oldest change first, in pieces with the moment each goes up to."""
        start: int | None = 0
        while start is not None:
            answer = self._ask(
                "crm.item.list",
                entityTypeId=DEAL,
                filter={">=updatedTime": since.astimezone(UTC).isoformat(timespec="seconds")},
                order={"updatedTime": "ASC", "id": "ASC"},
                start=start,
            )
            items = _numbered(_dict(answer.get("result")).get("items"))
            if items:
                yield list(self._with_buyers(items).values()), _moment(items[-1].get("updatedTime")) or since
            following = answer.get("next")
            start = following if isinstance(following, int) and following > start else None

    def _with_buyers(self, deals: Iterable[Item]) -> dict[int, Record]:
        """Nobody's name and address is read before there is a purchase to ask about."""
        deals = list(deals)
        bought = [deal for deal in deals if self._state(deal) == DocumentState.COMPLETED]
        people = self._items(CONTACT, [_contact(deal) for deal in bought])
        firms = self._items(COMPANY, [deal.get("companyId") for deal in bought if _contact(deal) not in people])
        return {deal["id"]: self._record(deal, people, firms) for deal in deals}

    def _state(self, deal: Item) -> str:
        usual = STATES.get(deal.get("stageSemanticId") or "", DocumentState.OPEN)
        return effective(str(deal.get("stageId") or ""), usual, self._meanings)

    def _record(self, deal: Item, people: Mapping[int, Item], firms: Mapping[int, Item]) -> Record:
        record: Record = {
            "external_id": str(deal["id"]),
            "number": str(deal["id"]),
            "kind": DocumentKind.ORDER.value,
            "title": str(deal.get("title") or ""),
            "happened_at": str(deal.get("movedTime") or deal.get("closedate") or deal.get("updatedTime") or ""),
            "amount": str(deal["opportunity"]) if deal.get("opportunity") is not None else "",
            "currency": str(deal.get("currencyId") or ""),
            "state": self._state(deal),
            "status": str(deal.get("stageId") or ""),
            "version": str(deal.get("updatedTime") or ""),
        }
        if person := people.get(_contact(deal)):
            record["customer"] = _person(person)
        elif firm := firms.get(deal.get("companyId") or 0):
            record["customer"] = _firm(firm)
        return record | webhook.mapped(deal, self._places)

    def _items(self, kind: int, ids: Iterable[Any]) -> dict[int, Item]:
        """Objects of one kind by their numbers, fifty with one request."""
        found: dict[int, Item] = {}
        for piece in pieces(numbers(ids), MOST_AT_ONCE):
            commands = {f"i{id_}": "crm.item.get?" + urlencode({"entityTypeId": kind, "id": id_}) for id_ in piece}
            answer = _dict(self._ask("batch", halt=0, cmd=commands).get("result"))
            for error in _dict(answer.get("result_error")).values():
                self._complain(error)
            items = (_dict(one).get("item") for one in _dict(answer.get("result")).values())
            found |= {item["id"]: item for item in _numbered(items)}
        return found

    def _ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer = portals.ask(f"{self._address}/{method}", body=arguments)
        except Trouble as trouble:
            self._complain(trouble.answer, trouble)
            raise
        if not isinstance(answer, dict) or "result" not in answer:
            self._complain(answer)
            raise Trouble(host=portals.host(self._address), why="no result")
        return answer

    def _complain(self, answer: Any, trouble: Trouble | None = None) -> None:
        """Turn the portal's own word for what is wrong into trouble; something that is not there is none."""
        code = str(_dict(answer).get("error", "")).upper()
        if not code or code in GONE:
            return
        wait = BUSY.get(code, trouble.wait if trouble else None)
        timing = _dict(_dict(answer).get("time"))
        if code in BUSY and timing.get("operating_reset_at") and timing.get("start"):
            wait = timedelta(seconds=min(max(float(timing["operating_reset_at"]) - float(timing["start"]), 1), 3600))
        raise Trouble(wait=wait, host=portals.host(self._address), why=code[:60]) from None


def _dict(value: Any) -> dict[str, Any]:
    """An object; the portal writes an empty one as an empty list."""
    return value if isinstance(value, dict) else {}


def _dicts(values: Any) -> list[Item]:
    return [one for one in values or () if isinstance(one, dict)]


def _numbered(values: Any) -> list[Item]:
    return [one for one in _dicts(values) if isinstance(one.get("id"), int)]


def _contact(deal: Item) -> int:
    contact = deal.get("contactId") or next(iter(deal.get("contactIds") or ()), 0)
    return contact if isinstance(contact, int) else 0


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _person(contact: Item) -> Record:
    name = " ".join(filter(None, (str(contact.get(part) or "").strip() for part in ("name", "lastName"))))
    return {"external_id": str(contact["id"]), "name": name, "is_company": False, **_addresses(contact)}


def _firm(company: Item) -> Record:
    said = {"external_id": f"company-{company['id']}", "name": str(company.get("title") or ""), "is_company": True}
    return {**said, **_addresses(company)}


def _addresses(item: Item) -> dict[str, list[str]]:
    """Mobile numbers first: they take an SMS."""
    several = sorted(_dicts(item.get("fm")), key=lambda one: one.get("valueType") != "MOBILE")

    def of(kind: str) -> list[str]:
        return [str(one["value"]) for one in several if one.get("typeId") == kind and one.get("value")]

    return {"emails": of("EMAIL") or _filled(item.get("email")), "phones": of("PHONE") or _filled(item.get("phone"))}


def _filled(value: Any) -> list[str]:
    return [str(value)] if value else []
