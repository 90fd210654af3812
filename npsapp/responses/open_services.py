"""What is done with open links: answering, and what staff do with them. Every function needs a transaction."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import delete, select

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries as customers, services as people
from npsapp.db import change, db, insert_unless_there, put
from npsapp.lib import phones
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization.models import Unit
from npsapp.responses import open_queries as queries, open_rules as rules, services
from npsapp.responses.further import ADDRESS
from npsapp.responses.models import Response
from npsapp.responses.open_models import OpenLink, OpenRate
from npsapp.responses.open_rules import Asks, Reference
from npsapp.responses.queries import Link
from npsapp.responses.rules import NotAScore
from npsapp.surveys.models import Survey

SUBJECT = "open_link"


class OtherBrand(Refused):
    """A store and a survey of two brands."""

    wording = N_("The store belongs to another brand than the survey.")


def answer(
    link: Link, submission: services.Submission, *, key: str, typed: str, network: str, most: int, now: datetime
) -> services.Answered:
    """Store what the page with this key says, the first time as a new answer.

    `most` answers an hour are taken from a network, on a tablet more; 0: no limit. What was typed is looked for in
    the brand's pool, and nobody is told whether it was found. May raise NoReference, TooMany, Closed, NotAScore.
    """
    said, new = submission.said, link.response_id is None
    details = (said.more or {}).get(ADDRESS, "")
    reference = rules.reference_from(typed or details, phones.country_of_zone(link.zone))
    if new and said.score is None:
        raise NotAScore
    response = None if new else db.session.get_one(Response, link.response_id)
    wants_a_call = submission.final and said.contact and not (response and response.customer_id)
    if not reference.text and (wants_a_call or (new and link.asks is Asks.REQUIRED)):
        raise rules.NoReference
    if response is None:
        _count(link, network, most * (rules.TABLET_TIMES if link.tablet else 1), now)
        who = _who(link, reference, submission.language, now)
        values = {name: getattr(link, name) for name in link._fields} | who
        own = {"open_link_id": link.open_link_id, "open_key": key, "reference": who["reference"]}
        return services.confirm(SimpleNamespace(**values), submission, now=now, **own)
    if reference.text:
        put(response, _who(link, reference, submission.language, now))
    return services.correct(response, submission, now=now)


def _count(link: Link, network: str, most: int, now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    values = {"open_link_id": link.open_link_id, "network": network, "hour": hour, "answers": 1}
    more = (
        insert_unless_there(OpenRate)
        .values(**values)
        .on_conflict_do_update(
            index_elements=["open_link_id", "network", "hour"],
            set_={"answers": OpenRate.answers + 1},
            where=OpenRate.answers < most if most else None,
        )
    )
    if db.session.scalar(more.returning(OpenRate.answers)) is None:
        raise rules.TooMany


def forget_rates(*, now: datetime) -> None:
    """Networks are remembered for a day."""
    change(delete(OpenRate).where(OpenRate.hour < now - timedelta(days=1)))


def _who(link: Link, reference: Reference, language: str, now: datetime) -> dict[str, Any]:
    """Whose answer it is, by the number of a purchase, else by phone; a number nobody had makes a new customer."""
    found = queries.interaction(link.brand_id, link.region_id, reference.text) if reference.text else None
    if found:
        return {"interaction_id": found.id, "customer_id": found.customer_id, "reference": reference.text}
    nobody: dict[str, Any] = {"interaction_id": None, "customer_id": None, "reference": reference.text}
    if not reference.phone:
        return nobody
    known = queries.with_phone(link.pool_id, reference.phone)
    person = customers.current(known) if known else None
    new = people.Incoming(phone=reference.phone, language=language, region_id=link.region_id)
    ids = [person.id] if person else people.find_or_create([new], pool_id=link.pool_id, source_id=None, now=now)
    return nobody | {"customer_id": ids[0], "reference": ""}


# ---- what staff do ---------------------------------------------------------------------------------------------


def make(columns: dict[str, Any], unit_ids: Sequence[int | None], *, actor: Actor, now: datetime) -> list[int]:
    """One new link for each of the units; `None` stands for a link without one. May raise OtherBrand."""
    _refuse_strangers(db.session.get_one(Survey, columns["survey_id"]), unit_ids)
    links = [
        OpenLink(**columns | {"unit_id": id_}, token=_token(), created_at=now, created_by_id=actor.id)
        for id_ in unit_ids
    ]
    db.session.add_all(links)
    db.session.flush()
    _record(Event.SETTING_CHANGED, [link.id for link in links], actor, now, fields=["created"])
    return [link.id for link in links]


def _refuse_strangers(survey: Survey, unit_ids: Iterable[int | None]) -> None:
    brands = select(Unit.brand_id).where(Unit.id.in_([id_ for id_ in unit_ids if id_]))
    if set(db.session.scalars(brands)) - {survey.brand_id}:
        raise OtherBrand


def _token() -> str:
    return "".join(secrets.choice(rules.TOKEN_SIGNS) for _sign in range(rules.TOKEN_LENGTH))


def alter(link: OpenLink, columns: dict[str, Any], *, actor: Actor, now: datetime) -> list[str]:
    """Set columns of a link; gives the names of those that changed. May raise OtherBrand.

    Another place is that of answers to come: each answer keeps the one it was given for.
    """
    _refuse_strangers(link.survey, [columns.get("unit_id")])
    changed = put(link, columns)
    if changed:
        _record(Event.SETTING_CHANGED, [link.id], actor, now, fields=changed)
    return changed


def _record(event: Event, ids: Iterable[int], actor: Actor, now: datetime, **data: Any) -> None:
    audit.record_many(event, actor=actor, now=now, subjects=[(SUBJECT, id_, data) for id_ in ids])
