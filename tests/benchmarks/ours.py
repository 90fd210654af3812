"""What npsapp does, timed from inside a process of its own: one JSON object on the last line says how long it took."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from npsapp import create_app, schedule
from npsapp.audit.services import COMMAND
from npsapp.db import reading, transaction
from npsapp.delivery.models import Message
from npsapp.delivery.rules import State
from npsapp.intake import connections, services as intake, staging, tasks
from npsapp.intake.models import BatchState, ImportBatch, SourceKind
from npsapp.invitations.models import Invitation
from npsapp.lib.clock import utcnow
from npsapp.responses.models import Response
from npsapp.responses.services import mark_dirty
from npsapp.schedule import Beat
from npsapp.surveys import days
from npsapp.surveys.models import Tallied
from npsapp.worker import collecting
from tests import cast


@contextmanager
def timed() -> Iterator[Callable[..., None]]:
    """Wall and processor seconds of the block; the function given adds what else is worth saying."""
    said: dict[str, Any] = {}
    with measured(said):
        yield said.update
    print(json.dumps(said))


@contextmanager
def measured(said: dict[str, Any]) -> Iterator[None]:
    began, used = time.perf_counter(), time.process_time()
    yield
    cpu = time.process_time() - used
    said |= {"seconds": time.perf_counter() - began, "cpu": cpu, "kb": _most_kb()}


def _most_kb() -> int:
    """The peak of this process alone, see proc(5): `ru_maxrss` counts that of the process that started it as well."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def rows(file: str) -> None:
    """A file of purchases, a table or a package of 1C, taken in, the same file once more (`again`), and the same but
    for a blank line at its end (`read`): every row is read and compared.
    """
    first, again = _taken_in(file), _taken_in(file)
    with Path(file).open("ab") as stream:
        stream.write(b"\n")
    read = _taken_in(file)
    with Path(file).open("ab") as stream:
        stream.truncate(stream.tell() - 1)
    assert again["unchanged"] == read["unchanged"] == first["accepted"], (again, read)
    print(json.dumps({**first, "kb": read["kb"], "again": again, "read": read}))


def peak(file: str) -> None:
    """The same, taken in once."""
    print(json.dumps(_taken_in(file)))


def _taken_in(file: str) -> dict[str, Any]:
    """Read, check, confirm and apply, as `flask intake read` does."""
    said: dict[str, Any] = {}
    with measured(said):
        with Path(file).open("rb") as stream:
            stored = staging.store(stream, tasks.uploads(), most_bytes=tasks.most_bytes())
        now = utcnow()
        with transaction():
            source = intake.get_or_create_source(name="shop", actor=COMMAND, now=now)
            source.grounds = {"email": "contract", "phone": "contract"}
            options = {"unless_known": True} | ({"format": "commerceml"} if file.endswith(".xml") else {})
            batch_id = intake.create_batch(
                source_id=source.id, file_name="shop.csv", stored=stored, actor=COMMAND, now=now, **options
            ).id
        tasks.stage_batch(batch_id)
        with reading() as session:
            waits = session.get_one(ImportBatch, batch_id).state is BatchState.STAGED
        if waits:
            with transaction():
                intake.confirm(batch_id, actor=COMMAND, now=now)
            tasks.apply_batch(batch_id)
        with reading() as session:
            batch = session.get_one(ImportBatch, batch_id)
            said |= {name: getattr(batch, name) for name in ("accepted", "unchanged", "rejected")}
    return said


def letters() -> None:
    """Send every letter that waits: one beat's step `send`, and the batches that follow from it."""
    with timed() as say:
        with collecting() as run_all:
            schedule.send(Beat())
            run_all()
        with reading() as session:
            say(count=session.scalar(select(func.count()).where(Message.state == State.SENT)))


def decisions() -> None:
    """Decide about every interaction that waits: the beat's step `plan`."""
    with timed() as say:
        schedule.plan(Beat(budget_s=None))
        with reading() as session:
            say(count=session.scalar(select(func.count(Invitation.id))))


def recount() -> None:
    """Count every day with answers or invitations again, as the beat does."""
    with transaction() as session:
        for survey_id, day in session.execute(select(Response.survey_id, Response.local_date).distinct()).all():
            mark_dirty(survey_id, day)
        sent = select(Invitation.survey_id, Invitation.sent_on).where(Invitation.sent_on.is_not(None)).distinct()
        days.mark(Tallied.INVITATIONS, [(survey_id, day) for survey_id, day in session.execute(sent)])
    with timed():
        schedule.recount(Beat(budget_s=None))


def page(address: str) -> None:
    """Open a staff page twenty times as an administrator; the first time, which fills caches, is not counted."""
    client = create_app().test_client()  # another application: each page makes a context of its own, as on a server
    token = cast.csrf(client.get("/login").get_data(as_text=True))
    client.post("/login", data={"email": "olena@vodolad.example", "password": cast.PASSWORD, "csrf_token": token})
    took = []
    for _time in range(21):
        began = time.perf_counter()
        answer = client.get(address)
        took.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.status
    with timed() as say:
        say(median=sorted(took[1:])[10])


def bring(file: str) -> None:
    """A package of 1C lies there, sent whole; the heartbeat finds it."""
    with Path(file).open("rb") as stream:
        stored = staging.store(stream, tasks.uploads(), most_bytes=tasks.most_bytes())
    with transaction(), timed():
        source, _secret = connections.add(SourceKind.ONEC, "1C", actor=COMMAND, now=utcnow())
        intake.receive(source.id, stored, file_name="orders.xml", format="commerceml", now=utcnow())


PROGRAMS: dict[str, Callable[..., None]] = {
    "rows": rows,
    "peak": peak,
    "letters": letters,
    "decisions": decisions,
    "recount": recount,
    "page": page,
    "bring": bring,
}

if __name__ == "__main__":
    with create_app().app_context():
        PROGRAMS[sys.argv[1]](*sys.argv[2:])
