"""Responses with their history, disputed answers, what links did, and days to be recounted."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.accounts.models import User
from npsapp.customers.models import Customer
from npsapp.db import Base, Numbered, code
from npsapp.delivery.rules import Channel
from npsapp.intake.models import BatchState, Interaction
from npsapp.invitations.models import Invitation
from npsapp.lib.texts import N_, Worded
from npsapp.organization.models import Region, Segment, Unit
from npsapp.responses.human import Doubt
from npsapp.responses.open_models import OpenLink
from npsapp.responses.rules import Group, classify
from npsapp.surveys.models import DirtyDay as DirtyDay, Survey, Touchpoint


class Basis(StrEnum):
    """How sure we are that a person chose the score; reports count confirmed and promoted."""

    CONFIRMED = "confirmed"
    PROMOTED = "promoted"
    PROVISIONAL = "provisional"
    """Perhaps a machine's: shown apart until a person confirms it, or a day has passed."""
    DROPPED = "dropped"
    """Nobody confirmed it, and something speaks for a machine: kept, shown, not counted."""
    IMPORTED = "imported"
    """Given to another program before this one; counted where a report is asked to."""


class LinkAct(Worded):
    """What was done with a link."""

    OPENED = "opened", N_("Opened")
    PREFETCHED = "prefetched", N_("Fetched ahead of opening, by a program")
    POSTED = "posted", N_("Sent, without a hand seen on the page")
    GESTURE = "gesture", N_("Sent after a movement of a hand on the page")
    LEFT = "left", N_("Looked at for some seconds and left")
    REFUSED = "refused", N_("Refused: a signed-in colleague opened a question about the own work")


DOUBTED = "doubt IS NOT NULL"


def _index_of_those(column: str, *, unique: bool = False) -> Index:
    """Of the answers that have it: most have not, and every answer would be written into it."""
    there = text(f"{column} IS NOT NULL")
    return Index(f"ix_response_{column}", column, unique=unique, sqlite_where=there, postgresql_where=there)


class Response(Numbered):
    """One customer's answer. Its dimensions are fixed at creation; a unit that moves takes nothing with it."""

    __table_args__ = (
        CheckConstraint("score BETWEEN 0 AND 10", name="score_0_to_10"),
        CheckConstraint("(voided_at IS NULL) = (void_reason = '')", name="voided_has_a_reason"),
        Index("ix_response_newest", "confirmed_at", "id"),
        Index("ix_response_region", "region_id", "confirmed_at", "id"),
        Index("ix_response_day", "survey_id", "local_date"),
        Index("ix_response_customer", "customer_id"),
        Index("ix_response_unfinished", "finished_at", "acted_at"),
        Index("ix_response_doubted", "basis", "local_date", sqlite_where=text(DOUBTED), postgresql_where=text(DOUBTED)),
        _index_of_those("old_key", unique=True),
        _index_of_those("open_key", unique=True),
        _index_of_those("old_import_id"),
        _index_of_those("open_link_id"),
    )

    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitation.id"), unique=True)
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id"), index=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("survey_version.id"))
    brand_id: Mapped[int] = mapped_column(ForeignKey("brand.id"))
    touchpoint_id: Mapped[int] = mapped_column(ForeignKey("touchpoint.id"))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segment.id"))
    channel: Mapped[Channel | None] = mapped_column(code(Channel, "channel"))
    """How its question travelled; None: by no message, the customer came by an open link."""
    language: Mapped[str]
    score: Mapped[int]
    comment: Mapped[str] = mapped_column(Text, default="")
    """The customer's own words, at most 5,000 characters."""
    contact_wanted: Mapped[bool | None]
    """True "please contact me", False "no call needed", None: said nothing."""
    basis: Mapped[Basis] = mapped_column(code(Basis, "basis"), default=Basis.CONFIRMED)
    doubt: Mapped[Doubt | None] = mapped_column(code(Doubt, "doubt"))
    """Why it was not believed at first; None: it was."""
    page_at: Mapped[datetime | None]
    """When the page was made that sent it, by which the same page is known again."""
    test: Mapped[bool] = mapped_column(default=False)
    revision: Mapped[int] = mapped_column(default=1)
    """Counts changes of score or comment."""
    local_date: Mapped[date] = mapped_column(Date)
    """Day of the first confirmation in the region's zone; reports go by it."""
    confirmed_at: Mapped[datetime]
    acted_at: Mapped[datetime]
    """The last thing the customer did."""
    finished_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str] = mapped_column(default="")
    read_at: Mapped[datetime | None]
    read_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    """Who of the staff looked at it first; a changed answer becomes unread again."""
    old_import_id: Mapped[int | None] = mapped_column(ForeignKey("old_import.id"))
    """The file of old answers that brought it."""
    old_key: Mapped[str | None]
    """Which answer of which program that was: the same one is never taken in twice."""
    open_link_id: Mapped[int | None] = mapped_column(ForeignKey("open_link.id"))
    open_key: Mapped[str | None]
    """Which opening of the link's page gave it: a page answers once, however often it is sent."""
    reference: Mapped[str] = mapped_column(default="")
    """The order number that was typed there; a phone number stands with the customer."""
    open_link: Mapped[OpenLink | None] = relationship()
    old_import: Mapped["OldImport | None"] = relationship()
    invitation: Mapped[Invitation | None] = relationship()
    interaction: Mapped[Interaction | None] = relationship()
    customer: Mapped[Customer | None] = relationship()
    region: Mapped[Region | None] = relationship()
    unit: Mapped[Unit | None] = relationship()
    segment: Mapped[Segment | None] = relationship()
    touchpoint: Mapped[Touchpoint] = relationship()
    read_by: Mapped[User | None] = relationship()
    revisions: Mapped[list["ResponseRevision"]] = relationship(order_by="ResponseRevision.number", viewonly=True)
    values: Mapped[list["AnswerValue"]] = relationship(order_by="AnswerValue.id", viewonly=True)
    others: Mapped[list["DisputedAnswer"]] = relationship(order_by="DisputedAnswer.id", viewonly=True)
    """Answers of other pages with the same link."""
    rulings: Mapped[list["Ruling"]] = relationship(order_by="Ruling.id", viewonly=True)

    @property
    def group(self) -> Group:
        return classify(self.score)

    @property
    def disputed(self) -> bool:
        """Whether an answer of another page waits for its visitor's word."""
        return any(other.applied_at is None for other in self.others)


class OldImport(Numbered):
    """One file of a previous program: answers, unsubscribes, bounces, and when people were last asked."""

    programme: Mapped[str]
    """What answered before: its name as people call it."""
    holds: Mapped[str]
    """A value of `responses.old.Holds`: what a line of the file means."""
    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"))
    source_id: Mapped[int | None] = mapped_column(ForeignKey("source.id"))
    """The connection whose customer ids the file has."""
    file_name: Mapped[str]
    stored_as: Mapped[str]
    """In instance/uploads/."""
    size: Mapped[int]
    state: Mapped[BatchState] = mapped_column(code(BatchState, "state"), default=BatchState.UPLOADED)
    columns: Mapped[dict[str, str]] = mapped_column(default=dict)
    """Heading as written → what it means; "" is ignored."""
    seen: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What reading it found: counts, first rejected lines, unknown names, first values of the columns."""
    rows: Mapped[int] = mapped_column(default=0)
    applied: Mapped[int] = mapped_column(default=0)
    accepted: Mapped[int] = mapped_column(default=0)
    """Answers it brought."""
    error: Mapped[str] = mapped_column(default="")
    error_values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    lease_until: Mapped[datetime | None]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    survey: Mapped[Survey] = relationship()

    @property
    def mark(self) -> str:
        """What stands as source on everything it brought to other rooms."""
        return f"old:{self.id}"


class ResponseRevision(Numbered):
    """One state of an answer; revision 1 is the first."""

    __table_args__ = (UniqueConstraint("response_id", "number"),)

    response_id: Mapped[int] = mapped_column(ForeignKey("response.id", ondelete="CASCADE"))
    number: Mapped[int]
    at: Mapped[datetime]
    score: Mapped[int]
    comment: Mapped[str] = mapped_column(Text)
    contact_wanted: Mapped[bool | None]
    more: Mapped[dict[str, Any] | None]
    """Answers to further questions (`surveys.filling.More`), where this state says something about them."""


class AnswerValue(Numbered):
    """The answer to a further question: a row for each chosen option, else one. Reports group by them."""

    __table_args__ = (
        Index("ix_answer_value_response", "response_id", "question_key"),
        CheckConstraint("coalesce(CAST(number AS TEXT), option, text) IS NOT NULL", name="says_something"),
    )

    response_id: Mapped[int] = mapped_column(ForeignKey("response.id", ondelete="CASCADE"))
    question_key: Mapped[str]
    number: Mapped[int | None]
    option: Mapped[str | None]
    """Key of the chosen option."""
    text: Mapped[str | None] = mapped_column(Text)


class DisputedAnswer(Numbered):
    """An answer from a page without the right to edit; shown to staff, not applied."""

    response_id: Mapped[int] = mapped_column(ForeignKey("response.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    score: Mapped[int]
    comment: Mapped[str] = mapped_column(Text, default="")
    more: Mapped[dict[str, Any] | None]
    applied_at: Mapped[datetime | None]
    """When the visitor pressed "change my answer"."""


class LinkEvent(Numbered):
    """What a link did: weak evidence, kept 90 days, written in its own short transaction, dropped under load."""

    __table_args__ = (Index("ix_link_event_invitation", "invitation_id", "at"), Index("ix_link_event_at", "at"))

    invitation_id: Mapped[int]
    step_id: Mapped[int]
    at: Mapped[datetime]
    act: Mapped[LinkAct] = mapped_column(code(LinkAct, "act"))
    score: Mapped[int | None]
    network: Mapped[str]
    """Prefix only: /24 of IPv4, /48 of IPv6."""
    agent: Mapped[str]
    """Class of the browser or program, not its full name."""


class Sweep(Numbered):
    """Several scores of one invitation within a minute: a machine opens the links of that domain. Kept 90 days."""

    __table_args__ = (Index("ix_sweep_invitation", "invitation_id", "at"), Index("ix_sweep_domain", "domain", "at"))

    invitation_id: Mapped[int]
    domain: Mapped[str]
    """Of the recipient; empty where no letter was sent."""
    at: Mapped[datetime]
    network: Mapped[str]


class Ruling(Numbered):
    """What somebody of the staff decided about an answer, and why."""

    response_id: Mapped[int] = mapped_column(ForeignKey("response.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    counts: Mapped[bool]
    """Whether it is counted from then on."""
    reason: Mapped[str]
    by: Mapped[User | None] = relationship()


class PlaceNetwork(Base):
    """A network of a store, entered by hand: answers from there are marked."""

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id", ondelete="CASCADE"), primary_key=True)
    network: Mapped[str] = mapped_column(primary_key=True)
    """A prefix as `LinkEvent.network` has it."""
    unit: Mapped[Unit] = relationship()


class SetAside(Numbered):
    """A mark of the gaming guard that somebody looked into and found harmless. Kept as long as link events."""

    __table_args__ = (UniqueConstraint("kind", "key"),)

    kind: Mapped[str]
    key: Mapped[str]
    """What the mark is about (see `guard.Mark`)."""
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    reason: Mapped[str]
    by: Mapped[User | None] = relationship()
