"""The documents behind one interaction: an order, its shipments, payments and returns are one purchase, asked once."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from npsapp.intake.rules import DocumentKind, DocumentState, InteractionRow

# Whose facts (number, amount, customer) count first.
RANK = {
    kind: rank
    for rank, kind in enumerate(
        ("", DocumentKind.ORDER, DocumentKind.SHIPMENT, DocumentKind.RETAIL_SALE, DocumentKind.OTHER,
         DocumentKind.PAYMENT, DocumentKind.RETURN)
    )
}  # fmt: skip
HANDED_OVER = frozenset({DocumentKind.SHIPMENT, DocumentKind.RETAIL_SALE})
TAKEN_BACK = frozenset({DocumentState.CANCELLED, DocumentState.RETURNED})

Documents = Mapping[str, Mapping[str, Any]]
"""Id in the source → {"kind", "state", "at", "word"?, "amount"?, "made"?}, what is empty is left out."""


def purchase(rows: Iterable[InteractionRow]) -> Callable[[InteractionRow], str]:
    """Which purchase each of these rows is about: an order and its documents are about one."""
    rows = list(rows)
    named = {row.number: row.external_id for row in rows if row.kind and row.number and not row.basis}
    for row in rows:  # a return may name the shipment in the place of the order
        if row.kind == DocumentKind.SHIPMENT and row.number and row.basis:
            named.setdefault(row.number, named.get(row.basis, row.basis))
    return lambda row: named.get(row.basis, row.basis) or row.external_id


def takes_back(row: InteractionRow) -> bool:
    """Whether a row is no purchase, but the return or the end of the one it names."""
    return bool(row.basis) and (row.kind == DocumentKind.RETURN or (not row.kind and row.state in TAKEN_BACK))


def older(row: InteractionRow, documents: Documents) -> bool:
    """Whether a row comes from an older package than what is known of its document.

    Versions have no order, and a base may send an old package late; records that do not say when they were made
    count in the order in which they come.
    """
    return bool(row.made) and row.made < documents.get(row.external_id, {}).get("made", "")


def alike(one: Documents, other: Documents) -> bool:
    """Whether two say the same, apart from when it was said."""
    plain = [{id_: {**said, "made": ""} for id_, said in documents.items()} for documents in (one, other)]
    return plain[0] == plain[1]


def entry(row: InteractionRow, *, word: int | None = None) -> dict[str, dict[str, Any]]:
    """What is kept of the document of a row, by its id; nothing for rows that are no documents.

    `word` is the `SourceValue` of its status.
    """
    if not (row.kind or row.state or row.basis):
        return {}
    state = DocumentState.CANCELLED if row.cancelled and not row.state else row.state
    amount = row.amount if row.kind == DocumentKind.RETURN else ""
    said = {"kind": row.kind, "state": str(state), "at": row.happened_at.isoformat(), "word": word, "amount": amount}
    return {row.external_id: {name: value for name, value in (said | {"made": row.made}).items() if value}}


def together(before: Documents, new: Documents) -> dict[str, Any]:
    """The documents with what a record says of one of them; what it leaves unsaid stays."""
    return {**before, **{id_: {**before.get(id_, {}), **said} for id_, said in new.items()}}


def state_of(documents: Documents, amount: Decimal | None) -> str:
    """How far a purchase is by all its documents; `amount` is the purchase's.

    A cancelled order is cancelled. Goods that were handed over complete it, whatever the order says. Returns count
    when they make up the whole amount; payments tell nothing of the goods.
    """
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for one in documents.values():
        by_kind.setdefault(one.get("kind", ""), []).append(one)
    returns = [one for one in by_kind.pop(DocumentKind.RETURN, []) if _counts(one)]
    by_kind.pop(DocumentKind.PAYMENT, None)
    orders = _states([*by_kind.get("", []), *by_kind.get(DocumentKind.ORDER, [])])
    goods = _states(one for group in by_kind.values() for one in group)
    if taken_back := orders & TAKEN_BACK:
        return min(taken_back)
    if returns and _whole(returns, amount):
        return DocumentState.RETURNED
    for state in (DocumentState.COMPLETED, DocumentState.OPEN, *DocumentState):
        if state in goods:
            return str(state)
    return ""


def _states(documents: Any) -> set[str]:
    return {state for one in documents if (state := one.get("state", ""))}


def _counts(a_return: Mapping[str, Any]) -> bool:
    return a_return.get("state") not in (DocumentState.OPEN, DocumentState.CANCELLED)


def _whole(returns: list[Mapping[str, Any]], amount: Decimal | None) -> bool:
    given_back = [Decimal(one["amount"]) for one in returns if one.get("amount")]
    return not amount or len(given_back) < len(returns) or sum(map(abs, given_back)) >= amount


def moment_of(documents: Documents) -> datetime:
    """When the purchase happened: when the last goods were handed over, else the date of the order, else any."""

    def moments(kinds: Any) -> list[str]:
        return [one["at"] for one in documents.values() if one.get("kind", "") in kinds and _alive(one)]

    found = moments(HANDED_OVER) or moments(("", DocumentKind.ORDER)) or [one["at"] for one in documents.values()]
    return max(map(datetime.fromisoformat, found))


def _alive(document: Mapping[str, Any]) -> bool:
    return document.get("state") not in TAKEN_BACK
