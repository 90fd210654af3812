"""Delivery reports of SMS gateways, and those that never came. Needs a transaction."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, literal, select, update

from npsapp.db import UtcDateTime, change, db
from npsapp.delivery import queries, rates, services
from npsapp.delivery.channels import gateways, kannel
from npsapp.delivery.channels.gateways import News, Recipe, Report
from npsapp.delivery.channels.sms import OF_SENDER
from npsapp.delivery.models import Gateway, Message
from npsapp.delivery.rules import Channel, Failure, GatewayKind, State

REPORT_WITHIN = timedelta(hours=48)
"""A phone that is off gets its SMS within so many hours, or not at all."""
_STATES = {News.ON_ITS_WAY: State.SENT, News.DELIVERED: State.DELIVERED, News.NOT_DELIVERED: State.SENT}
NOT_REPORTED = (State.QUEUED, State.CLAIMED, State.SENDING, State.UNKNOWN)


def take(kind: str, id_: int, said: Mapping[str, str], *, now: datetime) -> None:
    """A gateway called the address of one message, or of a sender (`channels.sms.OF_SENDER`), with these fields."""
    gateway = db.session.get(Gateway, id_) if kind == OF_SENDER else None
    recipe = Recipe.of(gateway.recipe) if gateway else None
    ref = said.get(recipe.report_ref, "") if recipe else ""
    message = _known_as(id_, ref) if kind == OF_SENDER else queries.message(id_)
    gateway = db.session.get(Gateway, message.sender_id) if message else None
    if message is None or gateway is None:
        return
    if gateway.kind is GatewayKind.KANNEL:
        report = kannel.read_report(said.get(kannel.STATUS, ""), said.get(kannel.WORDS, ""))
    else:
        report = gateways.read_report(Recipe.of(gateway.recipe), said)
    if report:
        settle(message.id, report, now=now)


def _known_as(sender_id: int, ref: str) -> Message | None:
    its = Message.gateway_ref == ref, Message.gateway_ref != "", Message.sender_id == sender_id
    return db.session.scalars(select(Message).where(*its).order_by(Message.id.desc()).limit(1)).first()


def settle(message_id: int, report: Report, *, now: datetime) -> bool:
    """What a report says, as far as it is news: reports come twice and in any order, and a final state stays.

    It also settles an SMS of unknown outcome, and takes back one that was to be tried again. A fault of ours stops the
    sender; that SMS may be tried again by hand. False: nothing new.
    """
    failure = report.failure or Failure(False, "")
    states = NOT_REPORTED if report.news is News.ON_ITS_WAY else (*NOT_REPORTED, State.SENT)
    at = literal(now, UtcDateTime())
    left = {
        "state": State.FAILED if failure.ours else _STATES[report.news],
        "sent_at": func.coalesce(Message.sent_at, at),
        "ended_at": func.coalesce(Message.ended_at, at),
        "batch_id": "",
        "lease_until": None,
        "recheck": False,
        "error": failure.words,
        "status": failure.status,
    }
    its = Message.id == message_id, Message.channel == Channel.SMS, Message.state.in_(states)
    if not change(update(Message).where(*its).values(left)):
        return False
    message = queries.message(message_id)
    if failure.ours and message:
        rates.went_wrong(message.sender_id, "", failure, now=now)
    elif report.news is News.NOT_DELIVERED:
        services.record_bounced(message_id, status=failure.status, words=failure.words, now=now)
    return True


def give_up_waiting(*, now: datetime) -> int:
    """SMS that a gateway took and never reported about are unknown; a late report still settles them."""
    gates = db.session.scalars(select(Gateway)).all()
    reporting = [one.sender_id for one in gates if one.kind is GatewayKind.KANNEL or Recipe.of(one.recipe).reports]
    silent = Message.channel == Channel.SMS, Message.state == State.SENT, Message.sent_at < now - REPORT_WITHIN
    if not reporting:
        return 0
    values = {"state": State.UNKNOWN, "error": "no report from the gateway"}
    return change(update(Message).where(*silent, Message.sender_id.in_(reporting)).values(values))
