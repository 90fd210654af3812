"""Jobs of the post office: one batch over one connection."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app

from npsapp.db import transaction
from npsapp.delivery import queries, services
from npsapp.delivery.channels import ChannelError, Fate, OpenChannel, Outgoing
from npsapp.delivery.channels.mail import open_channel
from npsapp.lib.clock import utcnow
from npsapp.worker import job


@job()
def send_batch(batch_id: str) -> None:
    """Send the letters of one stamped batch, then stamp the sender's next one.

    One short transaction per letter: it records what became of the letter before and marks the next as about to
    leave, while another travels. So a crash can repeat two letters of a connection, and none leaves without its mark.
    """
    ids = queries.in_batch(batch_id)
    first = queries.message(ids[0]) if ids else None
    if first is None:
        return
    sender_id = first.sender_id
    try:
        channel = open_channel(first.sender)
    except ChannelError as error:
        with transaction():
            services.put_back(batch_id, error.failure, now=utcnow())
        return
    try:
        whole = _send_all(channel, ids, batch_id)
    finally:
        channel.close()
    if whole:
        send_next(sender_id)


def send_next(sender_id: int) -> bool:
    """Stamp and enqueue a sender's next batch; False when there is nothing to send or no room. A door."""
    with transaction():
        per_minute, connections = _pace(sender_id)
        batch_id = services.stamp(
            sender_id, now=utcnow(), per_minute=per_minute, connections=connections, lease=_lease()
        )
    if batch_id:
        send_batch.enqueue(batch_id)
    return batch_id is not None


def start_sending(sender_id: int) -> None:
    """Stamp as many batches as the sender may have connections; each goes on by itself. Part of the heartbeat."""
    for _connection in range(_pace(sender_id)[1]):
        if not send_next(sender_id):
            return


def _pace(sender_id: int) -> tuple[int, int]:
    """Letters a minute and connections at once: the sender's own numbers, else those of the settings."""
    sender, config = queries.sender(sender_id), current_app.config
    per_minute = config["MAIL_PER_MINUTE"] if sender.per_minute is None else sender.per_minute
    return per_minute, config["MAIL_CONNECTIONS"] if sender.connections is None else sender.connections


@dataclass(frozen=True)
class Gone:
    """A letter that has travelled, and what went wrong on the way."""

    letter: Outgoing
    error: ChannelError | None = None

    @property
    def lost_connection(self) -> ChannelError | None:
        """The error after which the rest of the batch cannot follow."""
        return self.error if self.error and self.error.fate is not Fate.REFUSED else None


def _send_all(channel: OpenChannel, ids: list[int], batch_id: str) -> bool:
    """Send one after the other; False when the connection was lost and the rest was put back."""
    with ThreadPoolExecutor(1) as road:
        context = copy_context()  # the application's, for a connection that must be opened again
        before: Gone | None = None
        letter = _turn(None, ids[0], batch_id)
        for following in [*ids[1:], None]:
            travelling = road.submit(context.run, _send, channel, letter) if letter else None
            letter = _turn(before, following, batch_id)
            before = travelling.result() if travelling else None
            if before and (error := before.lost_connection):
                with transaction():
                    _record(before)
                    if letter:
                        _record(Gone(letter, ChannelError(Fate.NO_CONNECTION, error.failure)))
                    services.put_back(batch_id, error.failure, now=utcnow())
                return False
        _turn(before, None, batch_id)
    return True


def _turn(before: Gone | None, following: int | None, batch_id: str) -> Outgoing | None:
    """Record the one letter and mark the other as about to leave; gives that, if it may."""
    with transaction():
        if before:
            _record(before)
        if following is None:
            return None
        return services.start(following, batch_id=batch_id, now=utcnow(), lease=_lease())


def _send(channel: OpenChannel, letter: Outgoing) -> Gone:
    try:
        channel.send(letter)
    except ChannelError as error:
        return Gone(letter, error)
    return Gone(letter)


def _record(gone: Gone) -> None:
    letter, error, now = gone.letter, gone.error, utcnow()
    if error is None:
        services.record_sent(letter.id, now=now)
    elif error.fate is Fate.UNKNOWN:
        after = timedelta(seconds=current_app.config["MAIL_UNKNOWN_AFTER"])
        services.record_unknown(letter.id, error.failure, now=now, again_after=after)
    else:
        services.record_failure(letter.id, error.failure, now=now)


def _lease() -> timedelta:
    return timedelta(seconds=current_app.config["MAIL_LEASE"])
