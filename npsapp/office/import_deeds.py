"""Deeds and numbers about an imported file that need several rooms: counting whom it would ask, going live, undoing."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import exists, select

from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.intake import queries as intake
from npsapp.intake import services
from npsapp.intake.models import ImportBatch, Interaction
from npsapp.intake.services import NotUndoable
from npsapp.invitations import policies, preview
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import Reason
from npsapp.lib.clock import local_date

LOOK_BACK = timedelta(days=28)  # two weeks of waiting and two more until it is too late: the usual policy


@dataclass(frozen=True)
class Outlook:
    """Whom a waiting file would ask."""

    asked: int
    today: int
    this_week: int
    too_old: int
    no_address: int
    others: list[tuple[Reason, int]]
    """Further reasons against, most frequent first."""
    live_from: date | None


def chosen_grounds(batch: ImportBatch) -> dict[str, str]:
    """The grounds chosen for the file, else the source's."""
    grounds: dict[str, str] = batch.options.get("grounds", batch.source.grounds)
    return grounds


def chosen_touchpoint(batch: ImportBatch) -> int | None:
    """The touchpoint chosen for the file, else the source's."""
    touchpoint_id: int | None = batch.options.get("touchpoint_id") or batch.source.touchpoint_id
    return touchpoint_id


def live_from(batch: ImportBatch, *, now: datetime) -> date | None:
    """From which day the source asks: its own, or, in trial, the chosen one or a proposal."""
    if not batch.source.in_trial:
        return batch.source.live_from
    if batch.options.get("live_from"):
        return date.fromisoformat(batch.options["live_from"])
    span = intake.staged_span(batch.id)
    proposal = local_date(now - LOOK_BACK, batch.source.timezone)
    return max(local_date(span.first, batch.source.timezone), proposal) if span.first else proposal


def outlook(batch: ImportBatch, *, now: datetime) -> Outlook:
    """Whom the waiting rows would ask if the source were live."""
    since = live_from(batch, now=now)
    found = preview.would_ask(
        batch.id,
        touchpoint_id=chosen_touchpoint(batch),
        grounds=chosen_grounds(batch),
        live_from=since,
        now=now,
    )
    apart = {Reason.TOO_OLD, Reason.NO_ADDRESS}
    return Outlook(
        asked=found.asked,
        today=found.today,
        this_week=found.this_week,
        too_old=found.reasons.get(Reason.TOO_OLD, 0),
        no_address=found.reasons.get(Reason.NO_ADDRESS, 0),
        others=[(reason, count) for reason, count in found.reasons.items() if reason not in apart],
        live_from=since,
    )


def go_live(
    source_id: int,
    *,
    since: date | None,
    first_day_cap: int | None,
    outbox_confirmed: bool,
    actor: Actor,
    now: datetime,
) -> bool:
    """Take a source live, and let what waited for that be decided again. Needs a transaction."""
    went = services.go_live(
        source_id,
        live_from=since,
        first_day_cap=first_day_cap,
        outbox_confirmed=outbox_confirmed,
        actor=actor,
        now=now,
    )
    policies.source_changed(source_id)
    return went


def undo(batch_id: int, *, actor: Actor, now: datetime) -> int:
    """Take a file's interactions out again, with the lines of the plan about them. Needs a transaction.

    :raise NotUndoable: when something was sent because of it.
    """
    policies.look_again(Interaction.batch_id == batch_id)
    left = exists().where(Invitation.interaction_id == Interaction.id, Interaction.batch_id == batch_id)
    if db.session.scalar(select(left)):
        raise NotUndoable()
    return services.undo(batch_id, actor=actor, now=now)


def undoable(batch_id: int) -> bool:
    """Whether nothing has been sent because of the file."""
    sent = exists().where(
        Invitation.interaction_id == Interaction.id,
        Interaction.batch_id == batch_id,
        Invitation.handed_over_at.is_not(None),
    )
    return not db.session.scalar(select(sent))
