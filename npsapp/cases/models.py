"""Cases with their attempts and notes, root causes, and the letters staff got about them."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.accounts.models import User
from npsapp.cases import rules
from npsapp.cases.rules import Kind, Outcome, Result, State, Step
from npsapp.customers.models import Customer
from npsapp.db import Base, Numbered, code
from npsapp.intake.models import Interaction
from npsapp.organization.models import Brand, Region, Unit
from npsapp.responses.models import Response
from npsapp.responses.rules import Group, classify

_OPEN = text("state NOT IN ('settled','closed')")


class Cause(Numbered):
    """A root cause from a two-level list."""

    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[dict[str, str]]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("cause.id"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    retired_at: Mapped[datetime | None]


class Case(Numbered):
    """One task to contact one customer; always has an owner."""

    __table_args__ = (
        Index("uq_case_open", "customer_id", "kind", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_case_due", "state", "due_at", "score"),
        Index("ix_case_owner", "owner_id", "state", "due_at"),
        Index("ix_case_region", "region_id", "state", "due_at"),
        Index("ix_case_opened", "opened_at", "id"),
        Index("ix_case_settled", "settled_at", "id"),
    )

    kind: Mapped[Kind] = mapped_column(code(Kind, "kind"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    brand_id: Mapped[int] = mapped_column(ForeignKey("brand.id"))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    state: Mapped[State] = mapped_column(code(State, "state"), default=State.NEW)
    score: Mapped[int]
    """Lowest score of the answers in it that still stand."""
    hot: Mapped[bool] = mapped_column(default=False)
    """Score 0-3 or a key customer: the same working day, and the owner is told at once."""
    opened_at: Mapped[datetime]
    clock_from: Mapped[datetime]
    """Confirmation of the answer: the clock starts here."""
    due_at: Mapped[datetime]
    """The next deadline that counts now; sorts the list."""
    acknowledge_by: Mapped[datetime]
    attempt_by: Mapped[datetime]
    contact_by: Mapped[datetime]
    settle_by: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    first_attempt_at: Mapped[datetime | None]
    contacted_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    call_back_at: Mapped[datetime | None]
    """The customer asked to be called then."""
    cause_id: Mapped[int | None] = mapped_column(ForeignKey("cause.id"), index=True)
    outcome: Mapped[Outcome | None] = mapped_column(code(Outcome, "outcome"))
    outcome_text: Mapped[str] = mapped_column(Text, default="")
    joined_id: Mapped[int | None] = mapped_column(ForeignKey("case.id"), index=True)
    """The case in which it goes on, since both customers were found to be one person."""
    owner_told_at: Mapped[datetime | None]
    """When a letter about it left for the owner; None: still to be told."""
    customer: Mapped[Customer | None] = relationship()
    brand: Mapped[Brand] = relationship()
    region: Mapped[Region | None] = relationship()
    unit: Mapped[Unit | None] = relationship()
    owner: Mapped[User] = relationship(foreign_keys=[owner_id])
    settled_by: Mapped[User | None] = relationship(foreign_keys=[settled_by_id])
    cause: Mapped[Cause | None] = relationship()
    answers: Mapped[list[Response]] = relationship(
        secondary="case_response", order_by=Response.id.desc(), viewonly=True
    )
    """Newest first."""

    @property
    def group(self) -> Group:
        """The group of the score, for its badge."""
        return classify(self.score)

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return rules.is_open(self.state)

    @property
    def step(self) -> Step | None:
        """The next act; None when the case has ended."""
        return rules.STEP_DUE.get(self.state)

    @property
    def is_key(self) -> bool:
        """Whether it is about a key customer."""
        return bool(self.customer and self.customer.is_key)

    @property
    def name(self) -> str:
        """The customer's name, empty when it is not known."""
        return self.customer.name if self.customer else ""

    @property
    def answer(self) -> Response | None:
        """The newest answer."""
        return self.answers[0] if self.answers else None

    @property
    def bought(self) -> Interaction | None:
        """What the newest answer is about."""
        return self.answer.interaction if self.answer else None

    def overdue(self, now: datetime) -> bool:
        """Whether its next deadline has passed."""
        return self.is_open and self.due_at <= now

    def addresses(self, kind: str) -> list[str]:
        """The customer's addresses of a kind that are right and nobody has disowned, oldest first."""
        points = self.customer.contact_points if self.customer else []
        known = [point for point in points if point.kind == kind and point.not_mine_at is None and not point.fault]
        return [point.value for point in sorted(known, key=lambda point: point.id)]


class CaseResponse(Base):
    """An answer that opened or joined a case, and up to which revision it was looked at."""

    response_id: Mapped[int] = mapped_column(ForeignKey("response.id"), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"), index=True)
    looked_at_revision: Mapped[int]
    case: Mapped[Case] = relationship()


class CaseAttempt(Numbered):
    """One try to reach the customer."""

    __table_args__ = (Index("ix_case_attempt_case", "case_id", "at"),)

    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"))
    at: Mapped[datetime]
    by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    result: Mapped[Result] = mapped_column(code(Result, "result"))
    note: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[User] = relationship()


class CaseNote(Numbered):
    """A note by staff, or by the program (then `by_id` is empty)."""

    __table_args__ = (Index("ix_case_note_case", "case_id", "at"),)

    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"))
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    text: Mapped[str] = mapped_column(Text)
    by: Mapped[User | None] = relationship()


class StaffLetter(Numbered):
    """A bundled letter to a member of staff: at most one an hour, one morning list a day."""

    __table_args__ = (UniqueConstraint("user_id", "kind", "slot"), Index("ix_staff_letter_user", "user_id", "at"))

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    kind: Mapped[str]
    """`hot`, `bundle` or `morning`."""
    slot: Mapped[str]
    """What makes it unique: the local day of a morning list, a random name otherwise."""
    at: Mapped[datetime]
    day: Mapped[date] = mapped_column(Date)
