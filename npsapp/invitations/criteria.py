"""Which purchases a survey asks about: its criteria, and whether one purchase meets them. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from npsapp.lib.texts import N_, Worded

CONTRADICTING_AMOUNTS = N_("The lower amount is higher than the upper one: no purchase would be asked about.")
UNIT_ELSEWHERE = N_("None of these places lies in the chosen regions: no purchase would be asked about.")


class Acquaintance(Worded):
    """Whether the customer bought before."""

    NEW = "new", N_("New: nothing earlier is known of them")
    RETURNING = "returning", N_("Returning: bought or came before")


@dataclass(frozen=True)
class Criteria:
    """An empty set, None or mapping asks nothing of a purchase."""

    segments: frozenset[int] = frozenset()
    regions: frozenset[int] = frozenset()
    """With everything below them, once read from the database."""
    units: frozenset[int] = frozenset()
    selections: frozenset[int] = frozenset()
    """Customers in one of them."""
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    acquaintance: Acquaintance | None = None
    properties: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Key → values of which it has one."""

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Criteria":
        """Read what `to_json` wrote."""

        def ids(name: str) -> frozenset[int]:
            return frozenset(stored.get(name, ()))

        def amount(name: str) -> Decimal | None:
            return Decimal(stored[name]) if stored.get(name) else None

        return cls(
            segments=ids("segments"),
            regions=ids("regions"),
            units=ids("units"),
            selections=ids("selections"),
            amount_from=amount("amount_from"),
            amount_to=amount("amount_to"),
            acquaintance=Acquaintance(stored["acquaintance"]) if stored.get("acquaintance") else None,
            properties={key: frozenset(values) for key, values in stored.get("properties", {}).items()},
        )

    def to_json(self) -> dict[str, Any]:
        """The JSON form; what asks nothing is left out."""
        sets = {name: sorted(getattr(self, name)) for name in ("segments", "regions", "units", "selections")}
        amounts = {
            name: str(value) for name in ("amount_from", "amount_to") if (value := getattr(self, name)) is not None
        }
        properties = {key: sorted(values) for key, values in sorted(self.properties.items())}
        written = sets | amounts | {"properties": properties, "acquaintance": self.acquaintance}
        return {name: value for name, value in written.items() if value}

    def met_by(self, purchase: Any, *, is_new: bool, inside: Collection[int] = ()) -> bool:
        """Whether a purchase (a row with these columns) of somebody `inside` these selections is meant.

        One without an amount meets no limit.
        """
        if self == ANY:
            return True
        return (
            (not self.segments or purchase.segment_id in self.segments)
            and (not self.regions or purchase.region_id in self.regions)
            and (not self.units or purchase.unit_id in self.units)
            and (not self.selections or not self.selections.isdisjoint(inside))
            and self._amount_fits(purchase.amount)
            and (self.acquaintance is None or is_new == (self.acquaintance is Acquaintance.NEW))
            and all((purchase.properties or {}).get(key) in values for key, values in self.properties.items())
        )

    def _amount_fits(self, amount: Decimal | None) -> bool:
        if self.amount_from is None and self.amount_to is None:
            return True
        if amount is None:
            return False
        low = self.amount_from is None or amount >= self.amount_from
        return low and (self.amount_to is None or amount <= self.amount_to)


ANY = Criteria()
