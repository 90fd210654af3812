"""Rows for tests, with sensible defaults. Each function needs a transaction and flushes."""

from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

from npsapp.customers.models import ContactPoint, Customer, Ground
from npsapp.customers.rules import ContactKind, GroundKind
from npsapp.db import db
from npsapp.delivery import services as delivery
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, Purpose
from npsapp.intake.models import Interaction, Source, SourceKind
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.rules import InvitationState, StepState
from npsapp.lib.clock import local_date
from npsapp.lib.tokens import new_token
from npsapp.responses.models import Response, ResponseRevision
from npsapp.responses.open_models import OpenLink
from npsapp.responses.open_rules import Asks

_numbers = count(1)


def _save(row: Any) -> Any:
    db.session.add(row)
    db.session.flush()
    return row


def make_customer(company: SimpleNamespace, *, now: datetime, **over: Any) -> Customer:
    """A customer with an e-mail address, a phone and the ground "contract" for both."""
    number = next(_numbers)
    email = over.pop("email", f"customer{number}@example.com")
    phone = over.pop("phone", f"+38067{number:07d}")
    values = {"name": f"Олена Тестова {number}", "name_key": f"олена тестова {number}", "language": "uk"} | over
    customer = _save(Customer(pool_id=company.pool.id, created_at=now, **values))
    for kind, value, channel in ((ContactKind.EMAIL, email, Channel.EMAIL), (ContactKind.PHONE, phone, Channel.PHONE)):
        if value:
            point = _save(
                ContactPoint(pool_id=company.pool.id, customer_id=customer.id, kind=kind, value=value, created_at=now)
            )
            _save(Ground(contact_point_id=point.id, channel=channel, kind=GroundKind.CONTRACT, since=now))
    return customer


def make_source(company: SimpleNamespace, *, now: datetime, **over: Any) -> Source:
    """A live file source that writes to the outbox."""
    values = {
        "name": f"shop {next(_numbers)}",
        "kind": SourceKind.FILE,
        "brand_id": company.brand.id,
        "touchpoint_id": company.touchpoint.id,
        "timezone": "Europe/Kyiv",
        "currency": "UAH",
        "grounds": {"email": "contract"},
        "mapping": {},
        "live_at": now,
        "outbox_confirmed_at": now,
        "created_at": now,
    }
    return _save(Source(**(values | over)))


def make_interaction(company: SimpleNamespace, *, now: datetime, **over: Any) -> Interaction:
    """A purchase in Kyiv fifteen days before `now`."""
    source = over.pop("source", None) or make_source(company, now=now)
    customer = over.pop("customer", None) or make_customer(company, now=now)
    values = {
        "source_id": source.id,
        "external_id": f"id-{next(_numbers)}",
        "brand_id": company.brand.id,
        "touchpoint_id": company.touchpoint.id,
        "region_id": company.regions.kyiv.id,
        "unit_id": company.units.kyiv.id,
        "segment_id": company.segment.id,
        "customer_id": customer.id,
        "happened_at": now - timedelta(days=15),
        "number": f"БУ00-{next(_numbers):06d}",
        "title": "лоток водовідвідний",
        "properties": {},
        "accepted_at": now,
    }
    return _save(Interaction(**(values | over)))


def make_invitation(company: SimpleNamespace, *, now: datetime, **over: Any) -> Invitation:
    """An invitation whose letter left an hour before `now`; `invitation.steps[0].token` is its link."""
    interaction = over.pop("interaction", None) or make_interaction(company, now=now, undecided=False)
    values = {
        "interaction_id": interaction.id,
        "customer_id": interaction.customer_id,
        "survey_id": company.survey.id,
        "version_id": company.survey.version_id,
        "brand_id": interaction.brand_id,
        "touchpoint_id": interaction.touchpoint_id,
        "region_id": interaction.region_id,
        "segment_id": interaction.segment_id,
        "state": InvitationState.HANDED_OVER,
        "send_at": now - timedelta(hours=1),
        "latest_at": now + timedelta(days=13),
        "decided_at": now - timedelta(hours=2),
        "sent_at": now - timedelta(hours=1),
        "valid_until": now + timedelta(days=30),
        "language": "uk",
    }
    values |= over
    if values["sent_at"]:
        values.setdefault("sent_on", local_date(values["sent_at"], company.brand.timezone))
    invitation = _save(Invitation(**values))
    point = (
        db.session.query(ContactPoint).filter_by(customer_id=interaction.customer_id, kind=ContactKind.EMAIL).first()
    )
    _save(
        InvitationStep(
            invitation_id=invitation.id,
            number=1,
            channel=Channel.EMAIL,
            contact_point_id=point.id,
            token=new_token(),
            due_at=now - timedelta(hours=1),
            state=StepState.HANDED_OVER,
        )
    )
    db.session.refresh(invitation)
    return invitation


def make_response(company: SimpleNamespace, *, now: datetime, score: int = 3, **over: Any) -> Response:
    """A finished answer given at `now`."""
    invitation = over.pop("invitation", None) or make_invitation(company, now=now)
    interaction = invitation.interaction
    values = {
        "invitation_id": invitation.id,
        "interaction_id": interaction.id,
        "customer_id": interaction.customer_id,
        "survey_id": invitation.survey_id,
        "version_id": invitation.version_id,
        "brand_id": interaction.brand_id,
        "touchpoint_id": interaction.touchpoint_id,
        "region_id": interaction.region_id,
        "unit_id": interaction.unit_id,
        "segment_id": interaction.segment_id,
        "channel": Channel.EMAIL,
        "language": "uk",
        "score": score,
        "comment": "Решітка приїхала зламана.",
        "local_date": now.date(),
        "confirmed_at": now,
        "acted_at": now,
        "finished_at": now,
    }
    response = _save(Response(**(values | over)))
    _save(
        ResponseRevision(
            response_id=response.id,
            number=1,
            at=now,
            score=response.score,
            comment=response.comment,
            contact_wanted=response.contact_wanted,
        )
    )
    return response


def make_message(company: SimpleNamespace, *, now: datetime, **over: Any) -> Message:
    """A letter to a customer in Kyiv, queued at `now`; `over` may change its columns afterwards."""
    message = delivery.queue(
        purpose=over.pop("purpose", Purpose.INVITATION),
        to_address="petro@example.com",
        brand_id=company.brand.id,
        region_id=over.pop("region_id", company.regions.kyiv.id),
        language="uk",
        subject=over.pop("subject", "Ваше замовлення"),
        body="b",
        html="<p>b</p>",
        due_at=now,
        now=now,
    )
    for name, value in over.items():
        setattr(message, name, value)
    return _save(message)


def make_open_link(company: SimpleNamespace, *, now: datetime, **over: Any) -> OpenLink:
    """An open link of the store in Kyiv that asks for a number, which may stay empty."""
    values = {
        "token": f"open{next(_numbers):06d}",
        "name": "Постер біля входу",
        "survey_id": company.survey.id,
        "unit_id": company.units.kyiv.id,
        "asks": Asks.OPTIONAL,
        "created_at": now,
    }
    return _save(OpenLink(**(values | over)))
