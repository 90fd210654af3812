"""What the pages show: a company with nothing yet, with one of everything, and with the longest names people have."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import current_app
from sqlalchemy import select

from npsapp.accounts.models import SavedFilter, User
from npsapp.audit.services import PROGRAM
from npsapp.cases import handling, queries as cases_due, services as cases
from npsapp.cases.models import Case, Cause
from npsapp.cases.rules import Outcome, Result, State as CaseState
from npsapp.customers.models import CustomerNote, Hold
from npsapp.customers.rules import HoldReason
from npsapp.db import db, transaction
from npsapp.delivery import pauses
from npsapp.delivery.incoming_models import Incoming, ReturnBox
from npsapp.delivery.models import Gateway, Sender, SenderRate, Suppression
from npsapp.delivery.rules import Channel, GatewayKind, PauseKind, State, Stop, SuppressionReason
from npsapp.intake import exchanges
from npsapp.intake.models import (
    BatchState,
    ImportBatch,
    InteractionPerformer,
    ReceivedBody,
    RejectedRow,
    SourceKind,
    SourceValue,
    ValueKind,
)
from npsapp.intake.received import CALLED
from npsapp.intake.rules import ReceivedState
from npsapp.intake.selections import Selection
from npsapp.intake.silence import Alarm
from npsapp.invitations import targets
from npsapp.invitations.models import InvitationStep
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.lib.refusals import Refused
from npsapp.organization.models import Holiday, Performer, Property, PropertyValue
from npsapp.permissions import Role
from npsapp.responses.days import mark_dirty
from npsapp.responses.models import (
    Basis,
    DisputedAnswer,
    LinkAct,
    LinkEvent,
    OldImport,
    PlaceNetwork,
    Response,
    Ruling,
    SetAside,
)
from tests import factories as make
from tests.pages import names, survey
from tests.pages.names import EMAIL, Speech, Words

STATES = (BatchState.UPLOADED, BatchState.STAGED, BatchState.REFUSED, BatchState.DONE)
ENDED = (InvitationState.EXPIRED, InvitationState.WITHDRAWN, InvitationState.NOT_MINE, InvitationState.HANDED_OVER)


def somebody(role: Role) -> User:
    """The first user with this role that there is."""
    user = db.session.scalars(select(User).where(User.role == role).order_by(User.id)).first()
    assert user, role
    return user


def one_of_everything(company: SimpleNamespace, now: datetime) -> None:
    """A row on every list and a page for every state."""
    with transaction():
        everything(company, now, count=1, speech=names.short())


def longest_names(company: SimpleNamespace, now: datetime) -> None:
    """A dozen rows on every list, and every name as long as people make them, in each of the languages."""
    speech = names.longest()
    named = [company.brand, company.survey, company.touchpoint, company.segment]
    with transaction():
        for row in (*named, *vars(company.regions).values(), *vars(company.units).values()):
            row.name = speech.next().name if isinstance(row.name, str) else speech.everywhere("{name:.25} {word}")
        for user in (company.admin, company.analyst, company.manager_kyiv, company.manager_odesa, company.support):
            user.name = f"{speech.next().name} {user.id}"
            user.email = f"{user.id}.{EMAIL}"
        company.sender.address = company.sender.reply_to = company.brand.contact_email = EMAIL
        company.brand.phrase = speech.everywhere("компанию «{name}»")
        company.brand.postal_address = speech.everywhere("{name}, {title}")
        everything(company, now, count=12, speech=speech)


def everything(company: SimpleNamespace, now: datetime, *, count: int, speech: Speech) -> None:
    """Rows of all kinds, `count` on each list. Needs a transaction."""
    survey.asked_further(company, now, speech)
    day = Holiday(day=now.date() + timedelta(days=3), name=speech.everywhere("{name}"))
    words = speech.next()
    seller = Performer(brand_id=company.brand.id, key="s", name=words.name, role=words.word, created_at=now)
    db.session.add_all([seller, day])
    db.session.flush()
    for number in range(count):
        answered(company, now, number, speech.next(), seller)
    for number in range(count):
        waiting(company, now, speech.next(), number, InvitationState.PLANNED, send_at=now + timedelta(days=number))
        reason = list(Reason)[number % len(Reason)]
        waiting(company, now, speech.next(), number, InvitationState.EXCLUDED, reason=reason, send_at=None)
        words = speech.next()
        message = make.make_message(company, now=now, subject=words.title, state=State.FAILED, error=words.said[:300])
        message.to_address, message.to_name = EMAIL, words.name
    for number, state in enumerate(ENDED):
        waiting(company, now, speech.next(), number, state)
    for number in range(2 * count):
        make.make_open_link(company, now=now, name=f"{speech.next().name} {number}", tablet=number % 2 == 1)
    imported(company, now, count, speech)
    asked_elsewhere(company, now, speech)
    declared(company, now, speech)
    called(company, now, count, speech)
    connected(company, now, count, speech)
    returned(company, now, count, speech)
    stopped(company, now, speech)
    kept(company, now, count, speech)
    pauses.pause(kind=PauseKind.EVERYTHING, ref_id=None, until=None, by_user_id=company.admin.id, now=now)
    worked(company, now, speech.next())
    month = now.date().replace(day=1)
    wanted = {(company.units.kyiv.id, month): 100_000, (company.units.odesa.id, month): 1}
    targets.set_targets(company.survey, wanted, actor=PROGRAM, now=now)
    letter(speech.next())


def bought(words: Words) -> dict[str, Any]:
    return {"title": words.title, "amount": Decimal("1234567.89"), "currency": "UAH", "number": f"ЗП-{words.word}"}


def person(words: Words, number: int) -> dict[str, Any]:
    return {"name": f"{words.name} {number}", "name_key": words.name.casefold(), "email": f"{number}.{EMAIL}"}


def answered(company: SimpleNamespace, now: datetime, number: int, words: Words, seller: Performer) -> None:
    customer = make.make_customer(company, now=now, **person(words, number), phone=f"+38067555{number:04d}")
    one = make.make_interaction(company, now=now, customer=customer, undecided=False, **bought(words))
    db.session.add(InteractionPerformer(interaction_id=one.id, performer_id=seller.id, role=words.word))
    invitation = make.make_invitation(company, now=now, interaction=one, state=InvitationState.ANSWERED)
    at = now - timedelta(days=number, hours=1)
    response = make.make_response(
        company, now=at, score=(2, 9, 0, 7)[number % 4], comment=words.said, invitation=invitation
    )
    response.contact_wanted = number % 2 == 0
    mark_dirty(response.survey_id, response.local_date, response.invitation_id)
    if number == 3:
        response.voided_at, response.void_reason = now, words.said[:200]
    db.session.add(DisputedAnswer(response_id=response.id, at=now, score=5, comment=words.said))
    db.session.add(CustomerNote(customer_id=customer.id, at=now, by_id=company.admin.id, text=words.said))
    db.session.add(Hold(customer_id=customer.id, reason=HoldReason.STAFF, source="customer", since=now))


def waiting(
    company: SimpleNamespace, now: datetime, words: Words, number: int, state: InvitationState, **over: Any
) -> None:
    customer = make.make_customer(company, now=now, **person(words, 100 + number))
    one = make.make_interaction(company, now=now, customer=customer, undecided=False, **bought(words))
    make.make_invitation(company, now=now, interaction=one, state=state, **over)


def declared(company: SimpleNamespace, now: datetime, speech: Speech) -> None:
    """Properties with values: filters of answers, divisions of reports."""
    for number in range(2):
        name = speech.everywhere(f"{number} {{name:.60}}")
        aliases = [speech.next().word]
        one = Property(pool_id=company.pool.id, key=f"p-{number}", name=name, aliases=aliases, created_at=now)
        db.session.add(one)
        db.session.flush()
        for key in ("a", "b"):
            text = f"{key} {speech.next().title}"[:80]
            db.session.add(PropertyValue(property_id=one.id, key=key, name=text, created_at=now))


def called(company: SimpleNamespace, now: datetime, count: int, speech: Speech) -> None:
    """Connections that other programs call, with bodies in every state."""
    for kind in CALLED:
        words = speech.next()
        settings = {"places": {"number": f"order.{words.word}"}, "items": ""}
        name = f"{words.name[:60]} {kind.value}"
        source = make.make_source(company, now=now, name=name, kind=kind, settings=settings)
        said = json.dumps({"order": {words.word: words.title, "mails": [words.word] * count, "at": now.isoformat()}})
        for state in ReceivedState:
            why = {"error": "%(host)s did not answer: %(why)s", "error_values": {"host": words.word, "why": "HTTP 500"}}
            body = ReceivedBody(
                source_id=source.id, at=now, content_type="application/json", body=said, state=state, due_at=now,
                attempts=count, **(why if state in (ReceivedState.FAILED, ReceivedState.RECEIVED) else {}),
            )  # fmt: skip
            db.session.add(body)
    db.session.flush()


def connected(company: SimpleNamespace, now: datetime, count: int, speech: Speech) -> None:
    """Connections that send by themselves, in trial and with everything that can be wrong."""
    for kind in (SourceKind.ONEC, SourceKind.API, SourceKind.FOLDER, SourceKind.MAILBOX):
        words = speech.next()
        name = f"{words.name[:60]} {kind.value}"
        source = make.make_source(company, now=now, name=name, kind=kind, live_at=None, alarm=Alarm.ADDRESSES.value)
        source.login, source.secret_digest = f"{kind.value}{source.id}", "0" * 64
        for number, word in enumerate(ValueKind):
            words = speech.next()
            value = SourceValue(source_id=source.id, kind=word, raw=words.word, shown=words.title, count=10**number)
            value.first_at = value.last_at = now
            db.session.add(value)
        for number in range(count):
            words = speech.next()
            why = Refused(f"{words.title}: {words.word}"[:200]) if number % 2 else None
            exchanges.note(source.id, words.title, why, now=now, count=10**6)
    db.session.flush()


def imported(company: SimpleNamespace, now: datetime, count: int, speech: Speech) -> None:
    source = make.make_source(company, now=now, name=speech.next().name, live_at=None)
    for state in STATES:
        words = speech.next()
        batch = ImportBatch(
            source_id=source.id, file_name=f"{words.title}.xlsx", stored_as="", sha256="0" * 64, size=9_876_543,
            state=state, columns={words.title: "", "Дата": "happened_at", words.word: "email"}, options={},
            unmapped={"region": {words.name: 12}}, error_values={}, rows=10_000, applied=9_000, accepted=8_000,
            rejected=count, created_by_id=company.admin.id, created_at=now,
            finished_at=now if state is BatchState.DONE else None,
            error="The file is empty." if state is BatchState.REFUSED else "",
        )  # fmt: skip
        db.session.add(batch)
        db.session.flush()
        for line in range(count):
            row = RejectedRow(
                batch_id=batch.id, line=line, reason="no_date", column="happened_at", value=speech.next().word
            )
            db.session.add(row)


def asked_elsewhere(company: SimpleNamespace, now: datetime, speech: Speech) -> None:
    """Files of a previous program, and an answer of it."""
    for state in STATES:
        words = speech.next()
        seen = {"counts": {"lines": 10**6, "answers": 9 * 10**5, "rejected": 3}, "sample": [[words.title, words.word]]}
        seen |= {"faults": [[2, "score", words.word]], "unknown": {"region": {words.name: 7}}}
        one = OldImport(
            programme=words.name, holds="answers", survey_id=company.survey.id, file_name=f"{words.title}.xlsx",
            stored_as="", size=9, state=state, columns={words.title: "", words.word: "property:score"}, seen=seen,
            rows=10**6, created_at=now, error="The file is empty." if state is BatchState.REFUSED else "",
            applied=1 if state is BatchState.DONE else 0, finished_at=now if state is BatchState.DONE else None,
        )  # fmt: skip
        db.session.add(one)
        db.session.flush()
    answer = make.make_response(company, now=now, score=2, comment=words.said)
    answer.old_import_id, answer.basis = one.id, Basis.IMPORTED


def stopped(company: SimpleNamespace, now: datetime, speech: Speech) -> None:
    """What mail health shows: providers and a sender that stopped, refusals of all kinds, letters that wait."""
    place = f"{names.ENGLISH.word}.example".lower()
    for cause, domain in zip(Stop, ("gmail.com", place, "*"), strict=True):
        rate = {"sender_id": company.sender.id, "domain": domain, "cause": cause, "words": speech.next().said[:300]}
        until = now + timedelta(hours=3)
        db.session.add(SenderRate(**rate, next_free_at=now, stops=1, stopped_until=until, told_at=now))
    for status in ("5.1.1", "5.2.2", "5.7.1", "4.7.0", "5.1.8", "5.3.4", "5.4.4", "5.6.0", "4.2.0", "", "5.0.0"):
        refused = {"domain": place, "status": status, "error": speech.next().said[:300]}
        make.make_message(company, now=now, state=State.FAILED, ended_at=now, **refused)
    make.make_message(company, now=now - timedelta(days=2), domain=place, attempts=3)


def returned(company: SimpleNamespace, now: datetime, count: int, speech: Speech) -> None:
    """What comes back to letters: mailboxes, replies, the stop list, and a file that waits to be put on it."""
    words = speech.next()
    server = {"host": f"imap.{words.word[:30]}.example", "user": EMAIL, "folder": words.name[:60]}
    db.session.add(ReturnBox(**server, said=words.said[:200], looked_at=now, count=123_456))
    for number, reason in enumerate(SuppressionReason):
        entry = {"since": now, "note": speech.next().said[:300], "until": now + timedelta(days=90) if number else None}
        db.session.add(Suppression(channel="email", address=f"{number}.{EMAIL}", reason=reason, **entry))
    for number, step in enumerate(db.session.scalars(select(InvitationStep).limit(count))):
        words = speech.next()
        letter = make.make_message(company, now=now, subject=words.title, state=State.SENT, sent_at=now)
        step.message_id = letter.id
        said = {"subject": words.title, "text": f"{words.said}\n\n> {words.title}", "sender": "ol…@zz.example"}
        db.session.add(Incoming(kind="reply", at=now, digest=str(number), message_id=letter.id, attachments=2, **said))
    waiting_file = {"entries": [["email", EMAIL]], "faults": [[2, words.name]], "left_out": 1, "brand_id": None}
    folder = Path(current_app.instance_path) / "stops"
    folder.mkdir(exist_ok=True)
    (folder / ("x" * 24)).write_text(json.dumps({**waiting_file, "reason": "by_hand", "until": "", "note": ""}))


def kept(company: SimpleNamespace, now: datetime, count: int, speech: Speech) -> None:
    """What colleagues have put by: selections, filters, networks of stores, marks set aside, a gateway for SMS."""
    for number in range(count):
        words = speech.next()
        selection = {"name": f"{words.name[:50]} {number}", "rule": {"unit_id": company.units.kyiv.id, "days": 365}}
        db.session.add(Selection(**selection, makes_key=number % 2 == 0, created_at=now))
        query = "group=detractor&comment=with&read=unread"
        own = {"user_id": company.admin.id, "path": "/answers/", "name": words.name[:60], "query": query}
        db.session.add(SavedFilter(**own))
        db.session.add(PlaceNetwork(unit_id=company.units.kyiv.id, network=f"192.0.{number}.0/24"))
        aside = {"key": f"{company.units.kyiv.id}:{number}", "reason": words.said[:300], "by_id": company.admin.id}
        db.session.add(SetAside(kind="place", at=now, **aside))
    for answer in db.session.scalars(select(Response).where(Response.invitation_id.is_not(None)).limit(count)):
        posted = {"act": LinkAct.POSTED, "network": "192.0.0.0/24", "agent": "chrome"}
        db.session.add(LinkEvent(invitation_id=answer.invitation_id, step_id=0, at=now, **posted))
        ruling = {"reason": speech.next().said[:300], "counts": False, "by_id": company.admin.id}
        db.session.add(Ruling(response_id=answer.id, at=now, **ruling))
    gate = {"url": f"https://{names.ENGLISH.word}.example/send".lower(), "kind": GatewayKind.KANNEL}
    sms = Sender(brand_id=company.brand.id, channel=Channel.SMS, name={}, address="VODOLAD-UKR", reply_to="")
    db.session.add(sms)
    db.session.flush()
    db.session.add(Gateway(sender_id=sms.id, **gate))
    for step in db.session.scalars(select(InvitationStep).order_by(InvitationStep.id).limit(1)):
        step.short_code = "Ab3dE7gH"


def worked(company: SimpleNamespace, now: datetime, words: Words) -> None:
    """Cases as they open, one of them tried and one settled."""
    for response_id in cases_due.responses_to_look_at(100):
        cases.look_at(response_id, now=now)
    cause = db.session.scalars(select(Cause.id).where(Cause.parent_id.is_not(None))).first()
    waiting_for = db.session.scalars(select(Case.id).where(Case.state == CaseState.NEW).order_by(Case.id)).all()
    me = company.admin.id
    for case_id in waiting_for[:2]:
        handling.record_attempt(case_id, result=Result.REACHED, note=words.said, by_id=me, now=now)
        handling.add_note(case_id, text=words.said, by_id=me, now=now)
    if len(waiting_for) > 1 and cause:
        text = words.said[:900]
        handling.settle(waiting_for[0], outcome=Outcome.SAVED, cause_id=cause, by_id=me, now=now, text=text)


def letter(words: Words) -> None:
    """One letter in the outbox."""
    said = EmailMessage()
    said["From"], said["To"], said["Subject"] = f'"{words.name}" <{EMAIL}>', EMAIL, words.title
    said.set_content(words.said)
    page = f"<!doctype html><html lang=ru><title>x</title><p style='word-break:break-word'>{words.said}"
    said.add_alternative(page, subtype="html")
    folder = Path(current_app.instance_path, "outbox")
    folder.mkdir(exist_ok=True)
    (folder / "20261120-100000-000000001.eml").write_bytes(bytes(said))
