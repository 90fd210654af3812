"""One purchase from the file to the report, at a pretended moment; prints what is stored and shown, for comparing."""

import json
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from npsapp import create_app, schedule
from npsapp.cases.models import Case
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.intake.models import Interaction, Source
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.lib import clock
from npsapp.responses import queries, rules, services
from npsapp.responses.models import Response
from npsapp.worker import collecting
from tests import cast
from tests.conftest import CHEAP_HASH, Browser

START = datetime.fromisoformat("2026-11-16T21:30:00+02:00")
ANSWERED = datetime.fromisoformat("2026-11-30T23:40:00+02:00")
AFTERWARDS = datetime.fromisoformat("2026-12-01T08:45:00+02:00")
PAGES = ("/", "/cases/", "/cases/1", "/answers/", "/schedule/", "/messages/", "/audit/", "/reports/?period=last_month")
FILES = ("/cases/export.csv?tab=all", "/answers/export.csv", "/reports/export.csv?period=last_month")
CSV = "external_id;happened_at;email;unit;region;customer_name\nA1;02.11.2026 23:30;o@shop.example;Порт;Odesa;Олена\n"
RANDOM = re.compile(r'csrf_token"[^>]*value="[^"]*|[A-Za-z0-9_-]{24,}|"/static/[^"]*')


def beat(at: datetime) -> None:
    with clock.pretend(at), collecting() as run_jobs:
        schedule.record_pulse()
        failed = schedule.run_steps(schedule.Beat(), after_each=run_jobs)
    if failed:
        raise SystemExit(f"steps failed: {failed}")


def stored(model: Any, *columns: str) -> list[list[str]]:
    db.session.rollback()
    return [
        [str(getattr(row, name)) for name in columns] for row in db.session.scalars(select(model).order_by(model.id))
    ]


def walk(folder: Path) -> dict[str, Any]:
    """Import, ask, answer on the last evening of the month, open the case, look at the pages next morning."""
    app = create_app({"SECRET_KEY": "a key for tests only, 1234", "TESTING": True}, instance_path=str(folder))
    app.test_client_class = Browser
    file = folder / "purchases.csv"
    file.write_text(CSV)
    with app.app_context():
        db.create_all()
        with transaction() as session:
            company = cast.found(session, password_hash=CHEAP_HASH, now=START)
        command = ["intake", "read", str(file), "--source", "till", "--live"]
        with clock.pretend(START):
            done = app.test_cli_runner().invoke(args=command)
        if done.exit_code:
            raise SystemExit(done.output)
        beat(START)
        beat(datetime.fromisoformat("2026-11-17T10:00:00+02:00"))
        with transaction() as session:
            token = session.scalars(select(InvitationStep.token)).one()
            said = services.Submission(rules.Said(2, "Погано"), "uk", True, False, ANSWERED)
            services.answer(queries.link(token), said, now=ANSWERED)
        beat(ANSWERED)
        beat(AFTERWARDS)
        shown = pages(app, company)
        return {
            "source": stored(Source, "timezone", "live_at"),
            "bought": stored(Interaction, "happened_at", "accepted_at"),
            "asked": stored(Invitation, "send_at", "latest_at", "handed_over_at", "sent_at", "valid_until", "state"),
            "letters": stored(Message, "purpose", "subject", "due_at", "sent_at", "useful_until", "state"),
            "answers": stored(Response, "local_date", "confirmed_at", "finished_at"),
            "cases": stored(Case, "clock_from", "acknowledge_by", "attempt_by", "contact_by", "settle_by", "due_at"),
            "pages": shown,
        }


def pages(app: Any, company: Any) -> dict[str, str]:
    """What the administrator sees and downloads."""
    client = app.test_client()
    with clock.pretend(AFTERWARDS):
        token = cast.csrf(client.get("/login").text)
        fields = {"email": company.admin.email, "password": cast.PASSWORD, "csrf_token": token}
        client.post("/login", data=fields)
        return {path: RANDOM.sub("", client.get(path).get_data(as_text=True)) for path in (*PAGES, *FILES)}


if __name__ == "__main__":
    print(json.dumps(walk(Path(sys.argv[1]))))
