"""Selections: filters over customers and their purchases, saved under a name; whom one takes is always asked anew."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Select, false, func, or_, select, union
from sqlalchemy.orm import Mapped, mapped_column

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import care, tags
from npsapp.customers.models import Customer
from npsapp.db import Numbered, added, db, one_of, within
from npsapp.intake.models import Interaction
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.permissions import EVERYTHING, Scope


class NameTaken(Refused):
    """Two selections of one name cannot be told apart."""

    wording = N_("There is a selection of this name already.")


@dataclass(frozen=True)
class Rule:
    """What somebody must fulfil, all of it; None and empty ask for nothing. Amounts are in `currency`.

    Purchases count if nobody cancelled them, happened in the last `days`, and fit region (with all below it), unit,
    segment, touchpoint and `amount_from` each; turnover, number and `top` are over those that count.
    """

    region_id: int | None = None
    unit_id: int | None = None
    segment_id: int | None = None
    touchpoint_id: int | None = None
    days: int | None = None
    amount_from: str | None = None
    turnover_from: str | None = None
    currency: str = ""
    purchases_from: int | None = None
    top: int | None = None
    """Only so many, those with the highest turnover."""
    tag: str = ""
    key_only: bool = False

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Rule":
        """What `as_json` wrote; names this version does not know are left out."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in document.items() if name in known})

    def as_json(self) -> dict[str, Any]:
        """Only what asks for something."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def about_money(self) -> bool:
        """Whether amounts are compared: then they must be of one currency."""
        return bool(self.amount_from or self.turnover_from or self.top)

    @property
    def about_purchases(self) -> bool:
        return bool(self.as_json().keys() - {"tag", "key_only", "currency"})


class Selection(Numbered):
    """A filter under a name; customers come and go as they fulfil its rule."""

    name: Mapped[str] = mapped_column(unique=True)
    rule: Mapped[dict[str, Any]]
    """A `Rule` as JSON."""
    makes_key: Mapped[bool] = mapped_column(default=False)
    """Whether everybody in it is a key customer; looked at daily."""
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    @property
    def asks(self) -> Rule:
        return Rule.from_json(self.rule)


def saved() -> Sequence[Selection]:
    """All selections by name."""
    return db.session.scalars(select(Selection).order_by(Selection.name)).all()


def people(rule: Rule, *, now: datetime, scope: Scope = EVERYTHING, only: Collection[int] | None = None) -> Select[Any]:
    """Ids of the customers a rule takes, by purchases of the scope; of merged people, whoever stands for them.

    `only`: among these customers, all who were merged included.
    """
    standing = func.coalesce(Customer.merged_into_id, Customer.id).label("id")
    found: Select[Any] = select(standing).where(*_about_person(rule, scope)).group_by(standing)
    if only is not None:
        found = found.where(one_of(Customer.id, only))
    if not rule.about_purchases:
        return found
    turnover = func.sum(Interaction.amount)
    found = found.join(Interaction, Interaction.customer_id == Customer.id).where(*_about_purchase(rule, now))
    found = found.where(within(Interaction.region_id, scope))
    if rule.turnover_from:
        found = found.having(turnover >= Decimal(rule.turnover_from))
    if rule.purchases_from:
        found = found.having(func.count() >= rule.purchases_from)
    if rule.top:
        best = found.having(turnover > 0).order_by(turnover.desc(), standing).limit(rule.top).subquery()
        found = select(best.c.id)
    return found


def _about_person(rule: Rule, scope: Scope) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool]] = [Customer.emptied_at.is_(None)]
    if rule.tag:
        asked.append(Customer.id.in_(tags.tagged(rule.tag, scope)))
    if rule.key_only:
        asked.append(Customer.is_key.is_(True))
    return asked


def _about_purchase(rule: Rule, now: datetime) -> list[ColumnElement[bool]]:
    same = {Interaction.unit_id: rule.unit_id, Interaction.segment_id: rule.segment_id}
    same |= {Interaction.touchpoint_id: rule.touchpoint_id}
    asked = [Interaction.cancelled_at.is_(None), *(column == value for column, value in same.items() if value)]
    if rule.region_id:
        asked.append(Interaction.region_id.in_(organization.subtree_ids([rule.region_id])))
    if rule.days:
        asked.append(Interaction.happened_at >= now - timedelta(days=rule.days))
    if rule.about_money:
        asked.append(Interaction.currency == rule.currency)
    if rule.amount_from:
        asked.append(Interaction.amount >= Decimal(rule.amount_from))
    return asked


def members(selection_id: int, *, now: datetime) -> ColumnElement[bool]:
    """The condition that a customer, or whoever stands for them, is in a selection; nobody is in one that is gone."""
    selection = db.session.get(Selection, selection_id)
    if selection is None:
        return false()
    inside = people(selection.asks, now=now).scalar_subquery()
    return or_(Customer.id.in_(inside), Customer.merged_into_id.in_(inside))


def memberships(selection_ids: Collection[int], person: Mapping[int, int], *, now: datetime) -> dict[int, set[int]]:
    """In which of these selections each person is; `person`: id of a customer → id of whoever stands for them."""
    found: dict[int, set[int]] = {}
    for one in db.session.scalars(select(Selection).where(Selection.id.in_(selection_ids))) if selection_ids else ():
        # The best of all cannot be told from a part of them; whoever else fulfils a rule does so alone.
        inside = people(one.asks, now=now, only=None if one.asks.top else person)
        for id_ in person.keys() & set(db.session.scalars(inside)):
            found.setdefault(id_, set()).add(one.id)
    return found


# ---- changing; all of it needs a transaction -----------------------------------------------------------------------


def save(selection_id: int | None, name: str, rule: Rule, *, makes_key: bool, actor: Actor, now: datetime) -> Selection:
    """Add a selection or change one. Refuses with NameTaken."""
    same = select(Selection.id).where(Selection.name == name, Selection.id != (selection_id or 0))
    if db.session.scalar(same):
        raise NameTaken
    one = db.session.get_one(Selection, selection_id) if selection_id else None
    one = one or Selection(created_at=now, created_by_id=actor.id)
    one.name, one.rule, one.makes_key = name, rule.as_json(), makes_key
    added(one)
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("selection", one.id))
    keep_key_customers(now=now)
    return one


def delete(selection_id: int, *, actor: Actor, now: datetime) -> None:
    """Forget a selection; what it narrowed shows nobody from then on."""
    one = db.session.get(Selection, selection_id)
    if one:
        db.session.delete(one)
        db.session.flush()
        audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("selection", selection_id))
        keep_key_customers(now=now)


def keep_key_customers(*, now: datetime) -> None:
    """Make everybody a key customer whom a rule takes, and nobody whom none takes any more."""
    rules = [people(one.asks, now=now).subquery() for one in saved() if one.makes_key]
    nobody = select(Customer.id).where(false())
    care.keep_keys(union(*(select(one.c.id) for one in rules)) if rules else nobody)
