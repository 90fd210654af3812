"""A message about a real purchase before it goes out: which purchases there are to look at, and how it reads.

Writes nothing; links in it lead nowhere.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import joinedload

from npsapp.customers import queries as customers
from npsapp.customers.models import Customer
from npsapp.db import db, within
from npsapp.delivery.rules import Channel
from npsapp.intake import queries as intake
from npsapp.intake.models import Interaction
from npsapp.invitations import queries, rendering
from npsapp.invitations.candidates import care_of, gather, policy_of
from npsapp.permissions import Scope
from npsapp.surveys import queries as surveys
from npsapp.surveys.models import StepWords, Survey

SHOWN = 5
LOOKED_AT = 100  # newest purchases that are decided about
MOST_BACK = 100_000  # rows among which they are looked for
SHORTEST_WORD = 2
PREVIEW = "preview"  # stands in links where a token would


@dataclass(frozen=True)
class Example:
    """A purchase to look at, and the language its customer is written to in."""

    interaction: Interaction
    language: str


def latest(survey: Survey, *, word: str, scope: Scope, now: datetime) -> list[Example]:
    """The last purchases of the scope: those found by name or number, else those the survey would ask about."""
    searched = len(word) >= SHORTEST_WORD
    newest = select(func.max(Interaction.id)).scalar_subquery()
    ids = db.session.scalars(
        select(Interaction.id)
        .where(*_of(survey, scope), _named(word) if searched else Interaction.id > newest - MOST_BACK)
        .order_by(Interaction.id.desc())
        .limit(SHOWN if searched else LOOKED_AT)
    ).all()
    policy = policy_of(queries.policy(survey.id), care_of(queries.contact_policy(survey.brand.pool_id)))
    asking = surveys.active_map().get((survey.brand_id, survey.touchpoint_id))
    trying: dict[int | None, Any] = {asking.id if asking else None: policy}
    found = gather(ids, count_planned=False, without_mail=(), now=now, trying=trying)
    meant = [one for one in found if searched or (one.candidate.meant and one.candidate.stop is None)]
    languages = {one.interaction.id: one.language for one in meant[-SHOWN:]}
    shown = select(Interaction).where(Interaction.id.in_(languages)).order_by(Interaction.id.desc())
    return [Example(one, languages[one.id]) for one in db.session.scalars(shown.options(*_WHOLE))]


_WHOLE = joinedload(Interaction.customer), joinedload(Interaction.unit), joinedload(Interaction.region)


def _of(survey: Survey, scope: Scope) -> tuple[ColumnElement[bool], ...]:
    about = Interaction.brand_id == survey.brand_id, Interaction.touchpoint_id == survey.touchpoint_id
    real = Interaction.customer_id.is_not(None), Interaction.cancelled_at.is_(None)
    return *about, *real, within(Interaction.region_id, scope)


def _named(word: str) -> ColumnElement[bool]:
    people = select(Customer.id).where(or_(*customers.known_as(word)))
    return or_(Interaction.customer_id.in_(people), intake.numbered(word))


def visible(survey: Survey, interaction_id: int, scope: Scope) -> Interaction | None:
    """One purchase such a survey asks about, if the scope reaches it."""
    here = Interaction.id == interaction_id, *_of(survey, scope)
    return db.session.scalars(select(Interaction).where(*here).options(*_WHOLE)).first()


def composed(
    survey: Survey, words: StepWords, interaction: Interaction, *, language: str, addresses: rendering.Addresses
) -> dict[str, Any]:
    """What the customer would get: subject, body and html; an SMS has a body only."""
    about: dict[str, Any] = {"language": language, "texts": words.texts}
    if words.channel is Channel.SMS:
        link = f"{survey.brand.site(addresses.public_url)}/s/abcdefghij"
        return {"body": rendering.short_message(interaction, link=link, **about)}
    version = survey.newest
    assert version  # noqa: S101 - every survey has one
    about |= {"token": PREVIEW, "contact_point_id": None, "addresses": addresses}
    return rendering.letter(interaction, version, **about)
