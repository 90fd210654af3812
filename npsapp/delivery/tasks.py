"""Jobs of the post office: one batch over one connection."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import current_app

from npsapp.db import meanwhile, reading, transaction
from npsapp.delivery import providers, queries, rates, services
from npsapp.delivery.channels import ChannelError, Fate, From, OpenChannel, Outgoing, Stays, mail, sms
from npsapp.delivery.rules import Channel
from npsapp.lib.clock import utcnow
from npsapp.worker import job

OPENED_BY = {Channel.EMAIL: mail.open_channel, Channel.SMS: sms.open_channel}
READ_TOGETHER = 20


@job()
def send_batch(batch_id: str) -> None:
    """Send the letters of one stamped batch, then stamp the sender's next one.

    One short transaction per letter: it records what became of the letter before and marks the next as about to
    leave. It is committed before the letter's content travels, and none is open while it does.
    """
    sender_id = 0
    try:
        with reading():
            ids = queries.in_batch(batch_id)
            first = queries.message(ids[0]) if ids else None
            if first is None:
                return
            one, sender_id = first.sender, first.sender_id
            sender = From(one.name, one.address, one.reply_to, one.bounce_address)
            channel = OPENED_BY[first.channel](one)
    except ChannelError as error:
        with transaction():
            rates.went_wrong(sender_id, "", error.failure, now=utcnow())
            services.put_back(batch_id, error.failure, now=utcnow())
        return
    try:
        whole = _send_all(channel, ids, batch_id, sender, Tally(sender_id))
    finally:
        channel.close()
    if whole:
        send_next(sender_id)


def send_next(sender_id: int) -> bool:
    """Stamp and enqueue a sender's next batch; False when there is nothing to send or no room. A door."""
    with transaction():
        per_minute, connections = _pace(sender_id)
        batch_id = rates.stamp(sender_id, now=utcnow(), per_minute=per_minute, connections=connections, lease=_lease())
    if batch_id:
        send_batch.enqueue(batch_id)
    return batch_id is not None


def start_sending(sender_id: int) -> None:
    """Stamp as many batches as the sender may have connections; each goes on by itself. Part of the heartbeat.

    What waits for a sender that stopped is handed to another of its brand first.
    """
    with transaction():
        rates.hand_over(sender_id, now=utcnow())
    for _connection in range(_pace(sender_id)[1]):
        if not send_next(sender_id):
            return


def _pace(sender_id: int) -> tuple[int, int]:
    """Letters a minute and connections at once: the sender's own numbers, else those of the settings."""
    sender, config = queries.sender(sender_id), current_app.config
    per_minute = config["MAIL_PER_MINUTE"] if sender.per_minute is None else sender.per_minute
    return per_minute, config["MAIL_CONNECTIONS"] if sender.connections is None else sender.connections


@dataclass
class Tally:
    """What the servers said in one batch, written down when one refuses and at the end: not with every letter."""

    sender_id: int
    well: set[str] = field(default_factory=set)
    """Domains that took a letter since then."""

    def accepted(self, letter: Outgoing) -> None:
        self.well.add(providers.domain_of(letter.to_address))

    def refused(self, letter: Outgoing, error: ChannelError, *, now: datetime) -> None:
        self.write(now=now)
        domain, refused = providers.domain_of(letter.to_address), error.fate is Fate.REFUSED
        if domain or error.failure.ours or not refused:  # a wrong phone number says nothing about the sender
            rates.went_wrong(self.sender_id, domain if refused else "", error.failure, now=now)

    def write(self, *, now: datetime) -> None:
        if self.well:
            rates.went_well(self.sender_id, self.well, now=now)
            self.well.clear()


def _send_all(channel: OpenChannel, ids: list[int], batch_id: str, sender: From, tally: Tally) -> bool:
    """Send one after the other; False when the connection was lost and the rest was put back."""
    sent, ref, stayed = 0, "", False
    with meanwhile(services.SENT, services.START) as note:
        for letter in _letters(ids, sender):
            now = utcnow()
            leaves = note(
                services.sent(sent, ref=ref, now=now),
                services.start(letter, batch_id=batch_id, now=now, lease=_lease()),
            )
            sent = 0
            try:
                if stayed and not leaves():  # in a pause all stay: the server need not hear of each
                    raise Stays
                ref = channel.send(letter, leaves) or ""
                sent, stayed = letter.id, False
                tally.accepted(letter)
            except Stays:
                stayed = True
                with transaction():
                    services.keep_back(letter.id, batch_id=batch_id, now=now)
            except ChannelError as error:
                if not _went_wrong(letter, error, batch_id, tally, started=leaves()):
                    return False
    with transaction():
        if sent:
            services.SENT.run(**services.sent(sent, ref=ref, now=utcnow()))
        tally.write(now=utcnow())
    return True


def _letters(ids: list[int], sender: From) -> Iterator[Outgoing]:
    """The letters of a batch, some read together: START looks whether they may still leave."""
    for at in range(0, len(ids), READ_TOGETHER):
        with reading():
            some = services.letters(ids[at : at + READ_TOGETHER], sender)
        yield from some


def _went_wrong(letter: Outgoing, error: ChannelError, batch_id: str, tally: Tally, *, started: bool) -> bool:
    """Note it, and whether it was about to leave at all; False: nor can the others leave, and they are put back."""
    with transaction():
        if started:
            _record(letter, error, now=utcnow())
        elif error.fate is Fate.REFUSED:
            services.keep_back(letter.id, batch_id=batch_id, now=utcnow())
        tally.refused(letter, error, now=utcnow())
        if error.fate is not Fate.REFUSED:
            services.put_back(batch_id, error.failure, now=utcnow())
    return error.fate is Fate.REFUSED


def _record(letter: Outgoing, error: ChannelError, *, now: datetime) -> None:
    if error.fate is Fate.UNKNOWN:
        after = timedelta(seconds=current_app.config["MAIL_UNKNOWN_AFTER"])
        services.record_unknown(letter.id, error.failure, now=now, again_after=after)
    else:
        services.record_failure(letter.id, error.failure, now=now)


def _lease() -> timedelta:
    return timedelta(seconds=current_app.config["MAIL_LEASE"])
