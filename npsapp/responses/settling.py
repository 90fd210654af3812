"""What links did is remembered, sweeps mark domains, and doubtful answers count or are dropped a day later.

Every function needs a transaction.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import delete

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import change, insert_many
from npsapp.invitations import services as invitations
from npsapp.responses import evidence, human, services
from npsapp.responses.human import Delays
from npsapp.responses.models import Basis, LinkAct, LinkEvent, SetAside, Sweep


def note_links(traces: Sequence[dict[str, Any]], *, window: timedelta) -> None:
    """Remember what links did (columns of LinkEvent): weak evidence, never an answer. Two scores within the window
    are a sweep.

    The audit hears of the first opening only.
    """
    opened = {trace["invitation_id"]: trace["at"] for trace in reversed(traces) if trace["act"] is LinkAct.OPENED}
    first = [(opened[id_], customer_id, id_) for id_, customer_id in evidence.never_opened(opened)]
    audit.by_customers(Event.INVITATION_OPENED, subject="invitation", did=first)
    insert_many(LinkEvent, traces)
    scored = [trace for trace in traces if trace["score"] is not None]
    if window and scored:
        since = min(trace["at"] for trace in scored) - window
        _note_sweeps({trace["invitation_id"] for trace in scored}, since, window)


def _note_sweeps(invitation_ids: Collection[int], since: datetime, window: timedelta) -> None:
    found = []
    acts = evidence.several_scores_since(invitation_ids, since)
    for id_, of_one in groupby(acts, key=lambda act: act.invitation_id):
        its = list(of_one)
        ways = (
            [(act.at, act.score) for act in its if act.act in kinds] for kinds in (evidence.OPENINGS, evidence.POSTS)
        )
        if any(human.is_sweep(way, window) for way in ways):
            found.append({"invitation_id": id_, "at": its[-1].at, "network": its[-1].network})
    if not found:
        return
    ids = [row["invitation_id"] for row in found]
    known, domains = evidence.swept_since(ids, since), evidence.domains(ids)
    new = [row for row in found if row["invitation_id"] not in known]
    insert_many(Sweep, [row | {"domain": domains.get(row["invitation_id"], "")} for row in new])


def settle(response_id: int, delays: Delays, *, stopped: Collection[int], now: datetime) -> Basis | None:
    """Count or drop an answer that nobody confirmed; None: it waits on, because promoting is stopped for its survey
    or somebody has confirmed it meanwhile."""
    case = evidence.doubtful(response_id)
    if case is None:
        return None
    response, invitation_id = case.response, case.response.invitation_id
    if invitation_id is not None:
        invitations.hold(invitation_id)
        case = evidence.doubtful(response_id)
    if case is None:
        return None
    if not human.is_promoted(case.waiting, delays):
        response.basis = Basis.DROPPED
        audit.record(Event.RESPONSE_DROPPED, actor=audit.PROGRAM, now=now, subject=("response", response.id))
    elif response.survey_id not in stopped:
        services.count(response, Basis.PROMOTED, zone=case.zone, now=now)
    return response.basis if response.basis is not Basis.PROVISIONAL else None


def forget_links(*, before: datetime, limit: int) -> int:
    """Delete what links did before a moment: weak evidence is not kept for ever. Gives how many acts."""
    change(delete(Sweep).where(Sweep.at < before))
    change(delete(SetAside).where(SetAside.at < before))
    return change(delete(LinkEvent).where(LinkEvent.id.in_(evidence.old_link_events(before).limit(limit))))
