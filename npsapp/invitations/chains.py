"""The chain of a policy: its steps, what is wrong with one, and whether its next step may go. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from npsapp.delivery.rules import Channel
from npsapp.lib.texts import N_

FIRST = 1
MOST_STEPS = 4  # the first and three follow-ups (decisions.md 23)
SHORTEST_DELAY = timedelta(hours=24)
READY = frozenset({Channel.EMAIL, Channel.EXTERNAL})
"""Channels whose messages can leave anywhere, SMS where the brand has a gateway; the others may be planned and saved,
but not published."""
CHANNELS = {
    Channel.EMAIL: N_("Letter"),
    Channel.SMS: N_("SMS"),
    Channel.PHONE: N_("Phone"),
    Channel.EXTERNAL: N_("Own app or messenger"),
}

TOO_SOON = N_("At least 24 hours must lie between two messages to one person.")
SAME_CHANNEL = N_("One channel may follow up only once.")
LONGER_THAN_VALID = N_("This step would come after the link has stopped taking answers.")
NO_TEXT = N_("The text of this step is missing or faulty. Write it on the page of its text.")
NOT_THERE = N_("This channel is not set up yet. Leave it out, or pause the survey first.")


@dataclass(frozen=True)
class ChainStep:
    """One message of a chain; a follow-up goes only to those who have not answered."""

    number: int
    channel: Channel
    delay: timedelta = timedelta()
    """After the step before; of the first one it is the policy's own delay, and zero here."""


LETTER = ChainStep(FIRST, Channel.EMAIL)


def chain_faults(steps: Iterable[ChainStep], *, valid: timedelta) -> dict[int, str]:
    """What is wrong with follow-ups: number of the step → wording."""
    found: dict[int, str] = {}
    seen: set[Channel] = set()
    since = timedelta()
    for step in steps:
        if step.number == FIRST:
            continue
        since += step.delay
        against = (
            (step.delay < SHORTEST_DELAY, TOO_SOON),
            (step.channel in seen, SAME_CHANNEL),
            (since >= valid, LONGER_THAN_VALID),
        )
        if wording := next((words for holds, words in against if holds), ""):
            found[step.number] = wording
        seen.add(step.channel)
    return found


def missing_channels(
    steps: Iterable[ChainStep], *, mobile_sms: bool, ready: Collection[Channel] = READY
) -> list[Channel]:
    """Channels a chain needs that are not there yet, each once."""
    needed = [step.channel for step in steps] + [Channel.SMS] * mobile_sms
    return [channel for channel in dict.fromkeys(needed) if channel not in ready]


def next_step(steps: Sequence[ChainStep], after: int) -> ChainStep | None:
    """The step that follows a number; numbers may have gaps."""
    return next((step for step in sorted(steps, key=lambda one: one.number) if step.number > after), None)
