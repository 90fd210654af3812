"""The numbers a monitoring system watches, in Prometheus' text format 0.0.4."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from npsapp.cases import queries as cases
from npsapp.delivery import queries as delivery
from npsapp.delivery.rules import State
from npsapp.intake.models import BatchState
from npsapp.operations import queries
from npsapp.permissions import EVERYTHING
from npsapp.pulse import queries as pulse
from npsapp.worker import huey

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Gauge:
    """One number, or one per value of a label; a number that is not known is left out."""

    name: str
    help: str
    values: Mapping[str, float | None]
    """Label value → number; without a label the key is empty."""
    label: str = ""

    def lines(self) -> Iterator[str]:
        yield f"# HELP npsapp_{self.name} {self.help}"
        yield f"# TYPE npsapp_{self.name} gauge"
        for value, number in self.values.items():
            label = f'{{{self.label}="{value}"}}' if self.label else ""
            if number is not None:
                yield f"npsapp_{self.name}{label} {number:g}"


def page(now: datetime) -> str:
    """All numbers as they stand now."""
    return "".join(f"{line}\n" for gauge in _gauges(now) for line in gauge.lines())


def _gauges(now: datetime) -> Iterator[Gauge]:
    sent, read = queries.messages(), queries.imports()
    total, lately = queries.answers(now)
    late = cases.overdue_count(EVERYTHING, now)
    yield Gauge("info", "The running version.", {version("npsapp"): 1}, "version")
    yield Gauge("heartbeat_age_seconds", "Since the last heartbeat.", _age(pulse.last_beat(), now))
    yield Gauge("messages", "Letters by state.", {one: sent.get(one, 0) for one in State}, "state")
    yield Gauge("oldest_due_message_age_seconds", "Since when a letter waits.", _age(queries.oldest_due(now), now))
    yield Gauge("sending_paused", "1 while letters to customers are paused.", {"": bool(delivery.pauses(now))})
    yield Gauge("answers", "All answers.", {"": total})
    yield Gauge("answers_last_day", "Answers of the last 24 hours.", {"": lately})
    yield Gauge("imports", "Imported files by state.", {one: read.get(one, 0) for one in BatchState}, "state")
    yield Gauge("cases_late", "Open cases past their deadline.", {"": late})
    yield Gauge("queue_length", "Jobs that wait for a worker.", {"": huey.pending_count()})


def _age(moment: datetime | None, now: datetime) -> dict[str, float | None]:
    return {"": (now - moment).total_seconds() if moment else None}
