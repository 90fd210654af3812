"""The post office at work: taking letters in, stamping batches, and remembering what became of each."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from zlib import crc32

from sqlalchemy import String, Table, bindparam, or_, select, type_coerce, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import Ready, UtcDateTime, change, db, insert_many, one_of
from npsapp.delivery import providers, queries, rates, refusals
from npsapp.delivery.channels import From, Outgoing
from npsapp.delivery.models import Message, Suppression
from npsapp.delivery.refusals import Meaning
from npsapp.delivery.rules import Channel, Failure, Purpose, State, Stop, SuppressionReason, retry_at
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_, text_in
from npsapp.lib.tokens import new_token

CYRILLIC = {"ru", "uk"}
LOOK_AGAIN_AFTER = timedelta(hours=1)
SMS_LOOK_AGAIN_AFTER = timedelta(minutes=10)  # the evening comes, and nobody wants one then

_NOT_AGAIN = or_(Message.channel == Channel.SMS, Message.repeats > 0)  # whatever becomes of this try

# The two statements that every letter costs, built once and past the mapper: building them took longer than running.
_MESSAGE = cast(Table, Message.__table__)
_NOW: Any = bindparam("now", type_=UtcDateTime)
_NEEDED = (
    *("id", "created_at", "purpose", "language", "brand_id", "survey_id", "to_name", "to_address"),
    *("subject", "body", "html", "message_id", "unsubscribe_url", "refers_to"),
)
# Not as columns with an index: PostgreSQL looked through every message of the state for the one with this number.
_plain_state = type_coerce(_MESSAGE.c.state, String).concat("")
START = Ready(
    update(_MESSAGE)
    .where(_MESSAGE.c.id == bindparam("message"), _MESSAGE.c.batch_id.concat("") == bindparam("batch"))
    .where(_MESSAGE.c.to_address == bindparam("address"))
    .where(_plain_state == State.CLAIMED.value, or_(_MESSAGE.c.useful_until.is_(None), _MESSAGE.c.useful_until >= _NOW))
    .where(~queries.is_paused(_NOW), ~queries.is_suppressed(_NOW))
    .values(state=State.SENDING, lease_until=bindparam("lease", type_=UtcDateTime))
    .returning(_MESSAGE.c.id)
)
SENT = Ready(
    update(_MESSAGE)
    .where(
        _MESSAGE.c.id == bindparam("message"),
        or_(*(_MESSAGE.c.state == state for state in (State.SENDING, State.UNKNOWN))),
    )
    .values(
        {"state": State.SENT, "sent_at": _NOW, "ended_at": _NOW, "lease_until": None, "batch_id": "", "error": ""}
        | {"attempts": _MESSAGE.c.attempts + 1, "gateway_ref": bindparam("ref")}
    )
)


class NoSender(Refused):
    """The brand has no sender address, so it cannot write."""

    wording = N_("The brand has no sender address. Enter one under Settings, Company.")


class NotFailed(Refused):
    """Only a failed message can be queued again."""

    wording = N_("Only failed messages can be sent again.")


def queue(
    *,
    purpose: Purpose,
    to_address: str,
    brand_id: int,
    language: str,
    subject: str,
    body: str,
    html: str,
    due_at: datetime,
    now: datetime,
    to_name: str = "",
    to_user_id: int | None = None,
    region_id: int | None = None,
    survey_id: int | None = None,
    unsubscribe_url: str = "",
    useful_until: datetime | None = None,
    channel: Channel = Channel.EMAIL,
    refers_to: str = "",
    sender_id: int | None = None,
) -> Message:
    """Take in one letter. It leaves at `due_at`, never after `useful_until`. Flushes; refuses with NoSender."""
    able = [queries.sender(sender_id)] if sender_id else queries.working(brand_id, channel, now)
    if not able:
        raise NoSender
    sender = able[crc32(to_address.encode()) % len(able)]  # a customer hears from the same one, as long as it works
    domain = providers.domain_of(to_address)
    message = Message(
        purpose=purpose,
        channel=channel,
        sender_id=sender.id,
        brand_id=brand_id,
        region_id=region_id,
        survey_id=survey_id,
        to_user_id=to_user_id,
        to_address=to_address,
        to_name=_one_line(to_name),
        language=language,
        subject=_one_line(subject),
        body=body,
        html=html,
        unsubscribe_url=unsubscribe_url,
        message_id=f"<{new_token()}@{sender.address.rpartition('@')[2]}>",
        refers_to=refers_to,
        created_at=now,
        due_at=due_at,
        useful_until=useful_until,
        domain=domain,
        lane=domain if providers.usual_limit(domain) else "",
    )
    db.session.add(message)
    db.session.flush()
    return message


def _one_line(text: str) -> str:
    """Header text without line breaks: whatever a file or customer wrote, it stays one header."""
    return " ".join(text.split())


def cancel(message_id: int) -> bool:
    """Take a letter back while it still waits, also in a batch; False when it already left or is leaving."""
    changed = change(
        update(Message)
        .where(Message.id == message_id, Message.state.in_((State.QUEUED, State.CLAIMED)))
        .values(state=State.CANCELLED, recheck=False, batch_id="", lease_until=None)
    )
    return bool(changed)


def requeue(message_id: int, *, actor: Actor, now: datetime) -> None:
    """Try a failed letter again from the beginning of the calendar. Refuses with NotFailed."""
    changed = change(
        update(Message)
        .where(Message.id == message_id, Message.state == State.FAILED, Message.to_address != "")
        .values(state=State.QUEUED, due_at=now, attempts=0, batch_id="", useful_until=None)
    )
    if not changed:
        raise NotFailed
    audit.record(Event.MESSAGE_RETRIED, actor=actor, now=now, subject=("message", message_id))


def take_back(*, now: datetime, unknown_after: timedelta) -> int:
    """Return what dead workers left behind. Gives the number of messages moved.

    1. claimed past its lease: nothing had happened, back to the queue.
    2. sending past its lease: it may have left, so its outcome is unknown.
    3. unknown long enough: a letter is sent once more, with the same Message-ID, and counted as a repeat. An SMS
       never is, nor a letter a second time: these count as sent.
    4. past its useful time and still waiting: expired.
    """
    late = Message.lease_until < now
    moves = (
        (Message.state == State.CLAIMED, late, {"state": State.QUEUED, "batch_id": "", "lease_until": None}),
        ((Message.state == State.SENDING) & _NOT_AGAIN, late, _taken_as_sent(now)),
        (
            Message.state == State.SENDING,
            late,
            {"state": State.UNKNOWN, "batch_id": "", "lease_until": now + unknown_after},
        ),
        (
            (Message.state == State.UNKNOWN) & (Message.repeats == 0) & (Message.channel == Channel.EMAIL),
            late,
            {"state": State.QUEUED, "due_at": now, "repeats": 1, "lease_until": None},
        ),
        (
            Message.state == State.QUEUED,
            Message.useful_until < now,
            {"state": State.EXPIRED, "recheck": False, "ended_at": now},
        ),
    )
    moved = 0
    for state, when, values in moves:
        moved += change(update(Message).where(state, when).values(**values))
    return moved


def _taken_as_sent(now: datetime) -> dict[str, Any]:
    """What becomes of a message that may have left and is not repeated: it counts as sent; a report settles it."""
    return {"state": State.UNKNOWN, "batch_id": "", "lease_until": None, "sent_at": now}


def ask_for_another_look(*, now: datetime, waited: timedelta = LOOK_AGAIN_AFTER) -> None:
    """Mark customers' letters that waited for over an hour: the room that wrote them decides again first."""
    db.session.execute(
        update(Message)
        .where(
            Message.state == State.QUEUED,
            Message.purpose.not_in(queries.TO_STAFF),
            Message.recheck.is_(False),
            or_(
                Message.due_at < now - waited,
                (Message.channel == Channel.SMS) & (Message.due_at < now - SMS_LOOK_AGAIN_AFTER),
            ),
        )
        .values(recheck=True)
    )


def release(message_id: int, *, now: datetime) -> None:
    """The room that wrote it looked again: it may leave."""
    db.session.execute(
        update(Message).where(Message.id == message_id, Message.recheck.is_(True)).values(recheck=False, due_at=now)
    )


def leave_again(message_id: int, *, now: datetime) -> None:
    """A letter that may have left from another copy of this database leaves once more, as if it were due only now."""
    db.session.execute(
        update(Message).where(Message.id == message_id, Message.state == State.QUEUED).values(due_at=now)
    )


def letters(message_ids: Sequence[int], sender: From) -> list[Outgoing]:
    """What is written in messages, in the order of their numbers given here."""
    wanted = select(*(_MESSAGE.c[name] for name in _NEEDED)).where(one_of(_MESSAGE.c.id, message_ids))
    found = {row.id: row for row in db.session.execute(wanted)}
    return [_outgoing(found[one], sender) for one in message_ids if one in found]


def start(letter: Outgoing, *, batch_id: str, now: datetime, lease: timedelta) -> dict[str, Any]:
    """The values of `START`, about to send: the last look before the letter travels. It returns no row when the letter
    must not, is somebody else's, or was emptied since it was read; nothing else changes its words.

    Committed before the letter leaves, so that a killed worker leaves the truth behind.
    """
    return {"message": letter.id, "batch": batch_id, "address": letter.to_address, "now": now, "lease": now + lease}


def keep_back(message_id: int, *, batch_id: str, now: datetime) -> None:
    """A letter that did not start stays here, unless it is somebody else's."""
    mine = Message.id == message_id, Message.batch_id == batch_id, Message.state == State.CLAIMED
    stops = queries.is_paused(now).label("paused"), queries.is_suppressed(now).label("suppressed")
    row = db.session.execute(select(Message.useful_until, Message.to_address, *stops).where(*mine)).one_or_none()
    if row:
        db.session.execute(update(Message).where(*mine).values(_stopped(row, now)))


def _stopped(row: Any, now: datetime) -> dict[str, Any]:
    """What becomes of a letter that stays here after all."""
    if row.useful_until and row.useful_until < now:
        return {"state": State.EXPIRED, "ended_at": now}
    if row.suppressed:
        return {"state": State.CANCELLED, "error": "suppressed"}
    if not row.to_address:
        return {"state": State.CANCELLED}
    return {"state": State.QUEUED, "batch_id": "", "recheck": row.paused}


def letter_name(created_at: datetime, message_id: int) -> str:
    """What a letter's file in the outbox is called, without its ending."""
    return f"{created_at:%Y%m%d-%H%M%S}-{message_id:09d}"


def _outgoing(message: Any, sender: From) -> Outgoing:
    return Outgoing(
        id=message.id,
        name=letter_name(message.created_at, message.id),
        from_name=text_in(sender.name, message.language),
        from_address=sender.address,
        reply_to=sender.reply_to,
        to_name=message.to_name,
        to_address=message.to_address,
        subject=message.subject,
        body=message.body,
        html=message.html,
        message_id=message.message_id,
        unsubscribe_url=message.unsubscribe_url,
        refers_to=message.refers_to,
        cyrillic=message.language in CYRILLIC,
        bounce_address=sender.bounce_address,
        feedback_id=f"{message.survey_id or 0}:{message.brand_id}:{message.purpose}:npsapp",
    )


def sent(message_id: int, *, now: datetime, ref: str = "") -> dict[str, Any]:
    """The values of `SENT`: the server accepted it, under an id of its own. A beat may have called it unknown
    meanwhile: the acceptance wins."""
    return {"message": message_id, "now": now, "ref": ref}


def record_failure(message_id: int, failure: Failure, *, now: datetime) -> None:
    """The letter was not accepted: failed for good, or queued for the next date of the calendar."""
    message = db.session.get(Message, message_id, populate_existing=True)
    if message is None or message.state not in (State.SENDING, State.CLAIMED):
        return
    message.attempts += 1
    message.error, message.status = failure.words, failure.status
    message.batch_id, message.lease_until = "", None
    again = None if failure.permanent else retry_at(message.attempts, now=now)
    if again:
        message.state, message.due_at = State.QUEUED, again
        message.recheck = message.channel is Channel.SMS and message.purpose.to_customer  # not at night
    else:
        _refuse(message, State.FAILED, now=now)


def record_bounced(message_id: int, *, status: str, words: str, now: datetime) -> bool:
    """A letter that was accepted came back: `status` as RFC 3463 writes it, `words` as the server wrote them.

    False when it had not left, or was known to have come back.
    """
    message = db.session.get(Message, message_id, populate_existing=True)
    left = (State.SENDING, State.UNKNOWN, State.SENT, State.DELIVERED)
    if message is None or message.state not in left:
        return False
    message.status, message.error = status, refusals.without_addresses(words)
    message.batch_id, message.lease_until = "", None
    _refuse(message, State.BOUNCED, now=now)
    if refusals.meaning_of(status) is Meaning.REPUTATION:
        rates.stop_domain(message.sender_id, message.domain, cause=Stop.REPUTATION, words=message.error, now=now)
    return True


def _refuse(message: Message, state: State, *, now: datetime) -> None:
    """Refused for good, at once or later: the address may be dead (method.md 5.2)."""
    soft = queries.soft_refusals(message.to_address, now=now) if refusals.is_soft(message.status) else 0
    message.state, message.ended_at, message.recheck = state, now, False
    audit.record(Event.MESSAGE_FAILED, actor=audit.PROGRAM, now=now, subject=("message", message.id))
    if message.purpose.to_customer and refusals.kills_address(message.status, soft_before=soft):
        suppress(channel=message.channel, address=message.to_address, reason=SuppressionReason.BOUNCED, now=now)


def record_unknown(message_id: int, failure: Failure, *, now: datetime, again_after: timedelta) -> None:
    """The connection died while the letter was travelling: it may or may not have arrived."""
    message = db.session.get(Message, message_id, populate_existing=True)
    if message is None or message.state is not State.SENDING:
        return
    message.state, message.batch_id, message.lease_until = State.UNKNOWN, "", now + again_after
    message.error, message.attempts = failure.words, message.attempts + 1
    if message.channel is Channel.SMS or message.repeats:
        message.lease_until, message.sent_at = None, now
    db.session.flush()


def put_back(batch_id: str, failure: Failure, *, now: datetime) -> None:
    """No connection: every letter of the batch waits for its next date."""
    for message_id in queries.in_batch(batch_id):
        record_failure(message_id, failure, now=now)


def suppress(
    *,
    channel: Channel,
    address: str,
    reason: SuppressionReason,
    now: datetime,
    brand_id: int | None = None,
    until: datetime | None = None,
) -> None:
    """Do not write to an address any more (for one brand, or for all)."""
    db.session.add(
        Suppression(channel=channel, address=address, brand_id=brand_id, reason=reason, since=now, until=until)
    )
    db.session.flush()


def suppress_many(stops: Iterable[tuple[str, SuppressionReason]], *, sources: Sequence[str], now: datetime) -> None:
    """Do not write to these e-mail addresses any more, because the last of `sources` said so; none of them twice."""
    wanted = dict.fromkeys(stops)
    told = one_of(Suppression.address, {address for address, _ in wanted}), Suppression.lifted_at.is_(None)
    known = select(Suppression.address, Suppression.reason).where(*told, Suppression.source.in_(sources))
    new = [stop for stop in wanted if stop not in {(row.address, row.reason) for row in db.session.execute(known)}]
    same = {"channel": Channel.EMAIL, "brand_id": None, "since": now, "until": None, "lifted_at": None}
    rows = [{"address": address, "reason": reason} for address, reason in new]
    insert_many(Suppression, rows, source=sources[-1], **same)


def lift_all_of(source: str, *, now: datetime) -> None:
    """Take back everything a source said about addresses."""
    mine = Suppression.source == source, Suppression.lifted_at.is_(None)
    change(update(Suppression).where(*mine).values(lifted_at=now))


def lift_suppression(
    *, channel: Channel, address: str, brand_id: int | None, reason: SuppressionReason, now: datetime
) -> int:
    """Take back suppressions of one reason; gives how many were in force."""
    return change(
        update(Suppression)
        .where(
            Suppression.channel == channel,
            Suppression.address == address,
            Suppression.reason == reason,
            Suppression.lifted_at.is_(None),
            or_(Suppression.brand_id == brand_id, Suppression.brand_id.is_(None)),
        )
        .values(lifted_at=now)
    )
