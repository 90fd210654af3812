"""Reading what links did: for verdicts about doubtful answers, and for the page that explains them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, or_, select

from npsapp.db import db, one_of
from npsapp.delivery.models import Message
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.organization.models import Brand, Region
from npsapp.responses import human
from npsapp.responses.models import Basis, DisputedAnswer, LinkAct, LinkEvent, Response, Sweep

OPENINGS = (LinkAct.OPENED, LinkAct.PREFETCHED)
POSTS = (LinkAct.POSTED, LinkAct.GESTURE)


def never_opened(invitation_ids: Iterable[int]) -> Sequence[Any]:
    """Of these invitations those whose links nobody opened so far: (id, customer's id)."""
    opened = exists().where(LinkEvent.invitation_id == Invitation.id, LinkEvent.act == LinkAct.OPENED)
    these = select(Invitation.id, Invitation.customer_id).where(one_of(Invitation.id, invitation_ids), ~opened)
    return db.session.execute(these).all()


def old_link_events(before: datetime) -> Select[int]:
    """Ids of what links did before a moment."""
    return select(LinkEvent.id).where(LinkEvent.at < before)


def several_scores_since(invitation_ids: Collection[int], since: datetime) -> Sequence[LinkEvent]:
    """Acts with a score on links of those of the invitations that have several since then; usually none has."""
    its = one_of(LinkEvent.invitation_id, invitation_ids), LinkEvent.at >= since, LinkEvent.score.is_not(None)
    several = select(LinkEvent.invitation_id).where(*its).group_by(LinkEvent.invitation_id)
    ids = db.session.scalars(several.having(func.min(LinkEvent.score) < func.max(LinkEvent.score))).all()
    asked = select(LinkEvent).where(LinkEvent.invitation_id.in_(ids), *its[1:])
    return db.session.scalars(asked.order_by(LinkEvent.invitation_id, LinkEvent.at)).all() if ids else []


def domains(invitation_ids: Collection[int]) -> dict[int, str]:
    """Invitation → mail domain of its recipient."""
    asked = select(InvitationStep.invitation_id, Message.domain).join(InvitationStep.message)
    rows = db.session.execute(asked.where(one_of(InvitationStep.invitation_id, invitation_ids)))
    return {row.invitation_id: row.domain for row in rows}


def swept_since(invitation_ids: Collection[int], since: datetime) -> set[int]:
    """Those of the invitations with a known sweep from a moment on."""
    asked = select(Sweep.invitation_id).where(one_of(Sweep.invitation_id, invitation_ids), Sweep.at >= since)
    return set(db.session.scalars(asked))


# ---- answers that wait -----------------------------------------------------------------------------------------


def due(before: datetime, *, after: int, limit: int) -> list[int]:
    """Ids of provisional answers given before a moment."""
    waits = Response.doubt.is_not(None), Response.basis == Basis.PROVISIONAL, Response.voided_at.is_(None)
    asked = select(Response.id).where(*waits, Response.confirmed_at <= before, Response.id > after)
    return list(db.session.scalars(asked.order_by(Response.id).limit(limit)))


@dataclass(frozen=True)
class Doubtful:
    """A provisional answer with what its verdict goes by."""

    response: Response
    zone: str
    waiting: human.Waiting


def doubtful(response_id: int) -> Doubtful | None:
    """A provisional answer and its evidence; None: it waits no longer."""
    zone = func.coalesce(Region.timezone, Brand.timezone)
    asked = select(Response, zone).join(Brand, Brand.id == Response.brand_id).outerjoin(Response.region)
    asked = asked.where(Response.id == response_id, Response.basis == Basis.PROVISIONAL, Response.doubt.is_not(None))
    row = db.session.execute(asked.execution_options(populate_existing=True)).one_or_none()
    if row is None or row[0].doubt is None or row[0].invitation_id is None:
        return None
    response: Response = row[0]
    acts = of_invitation(response.invitation_id)
    letters = select(Message.sent_at, Message.domain).join(InvitationStep, InvitationStep.message_id == Message.id)
    sent = db.session.execute(letters.where(InvitationStep.invitation_id == response.invitation_id)).all()
    since = response.confirmed_at - human.SCANNED_FOR
    marked = or_(Sweep.invitation_id == response.invitation_id, Sweep.domain.in_({one.domain for one in sent} - {""}))
    others = DisputedAnswer.response_id == response.id, DisputedAnswer.score != response.score
    waiting = human.Waiting(
        doubt=row[0].doubt,
        score=response.score,
        page_at=response.page_at,
        sent=[one.sent_at for one in sent if one.sent_at],
        scanned=db.session.scalar(select(exists().where(marked, Sweep.at >= since))) or False,
        other_posted=db.session.scalar(select(exists().where(*others))) or False,
        traces=[trace(act) for act in acts if act.act in (*OPENINGS, *POSTS)],
    )
    return Doubtful(response, row[1], waiting)


def trace(act: LinkEvent) -> human.Trace:
    """An act as the rules know it."""
    kind = {"early": act.act is LinkAct.PREFETCHED, "posted": act.act in POSTS}
    return human.Trace(act.at, act.score, act.step_id, act.network, act.agent, **kind)


def of_invitation(invitation_id: int | None) -> Sequence[LinkEvent]:
    """What the links of an invitation did, in the order of time."""
    asked = select(LinkEvent).where(LinkEvent.invitation_id == invitation_id).order_by(LinkEvent.at, LinkEvent.id)
    return db.session.scalars(asked.limit(500)).all()


def sweeps_of(invitation_id: int | None) -> Sequence[Sweep]:
    """Sweeps over the links of an invitation."""
    return db.session.scalars(select(Sweep).where(Sweep.invitation_id == invitation_id).order_by(Sweep.at)).all()
