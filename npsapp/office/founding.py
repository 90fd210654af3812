"""Setting up one's own company: the company, its people, who answers for what; and the demo leaves by the same act."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from npsapp.accounts import queries as accounts, services as accounts_services
from npsapp.accounts.models import User
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.invitations import policies
from npsapp.lib.addresses import normalise
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.office import removal
from npsapp.organization import queries as organization, services as organization_services
from npsapp.organization.models import Region
from npsapp.permissions import Role
from npsapp.surveys import founding as surveys

SETUP = "setup"
SETUP_LASTS = timedelta(days=1)


class Founded(Refused):
    """There is a company already; it is changed on the pages of the settings."""

    wording = N_("This company is set up already. Change it under Settings, Company.")


@dataclass(frozen=True)
class Person:
    """Somebody who works here."""

    name: str
    email: str


@dataclass(frozen=True)
class Place:
    """A region, and who answers for it; None: nobody yet."""

    name: str
    manager: Person | None = None


@dataclass(frozen=True)
class Plan:
    """Everything the page asks for."""

    company: surveys.Company
    delay_days: int
    administrator: Person
    places: Sequence[Place]
    fallback: Person | None = None
    """Who takes what nobody else can; None: the administrator."""


def is_open() -> bool:
    """Whether a company may be set up: there is none, only the demo, or one that a file made and nobody named."""
    return all(one.is_demo for one in organization.brands()) or surveys.unfinished() is not None


def wants_setup() -> bool:
    """Whether this installation waits for the one who sets it up: nobody can sign in."""
    return is_open() and not accounts.users()


def found(plan: Plan, *, password_hash: str, actor: Actor, now: datetime) -> User:
    """Write the company, then remove the demo if it is there; gives the administrator. Needs a transaction.

    In this order, on SQLite nothing new gets a number that the demo had, which an old link may still carry.
    May raise Founded, and whatever `accounts.create_user` and `removal.remove_demo` refuse.
    """
    if not is_open():
        raise Founded
    survey = surveys.found(plan.company, actor=actor, now=now)
    policies.create_policy(survey.id, delay_hours=plan.delay_days * 24)
    team = _Team(survey.brand.pool_id, survey.brand.language, actor, now)
    administrator = team.add(plan.administrator, Role.ADMINISTRATOR, password_hash=password_hash)
    for place in plan.places:
        team.place(place)
    fallback = team.add(plan.fallback, Role.SUPPORT) if plan.fallback else administrator
    accounts_services.set_duty(survey.brand.pool_id, None, fallback.id, actor=actor, now=now)
    for user in team.users.values():
        user.timezone = survey.brand.timezone
    db.session.flush()
    audit.record(Event.COMPANY_FOUNDED, actor=audit.by_user(administrator.id), now=now)
    if removal.counts() is not None:
        removal.remove_demo(actor=audit.by_user(administrator.id), now=now)
    return administrator


@dataclass
class _Team:
    """Adds regions and people; whoever is named twice is one person."""

    pool_id: int
    language: str
    actor: Actor
    now: datetime

    def __post_init__(self) -> None:
        self.users: dict[str, User] = {}

    def add(self, who: Person, role: Role, *, region_id: int | None = None, password_hash: str = "") -> User:
        key = normalise(who.email) or who.email
        if key not in self.users:
            self.users[key] = accounts_services.create_user(
                email=who.email,
                name=who.name,
                role=role,
                language=self.language,
                password_hash=password_hash,
                region_ids=[region_id] if region_id else [],
                actor=self.actor,
                now=self.now,
            )
        elif region_id and self.users[key].role is Role.MANAGER:
            user = self.users[key]
            regions = user.region_ids | {region_id}
            accounts_services.change_user(
                user, name=user.name, language=user.language, region_ids=regions, actor=self.actor, now=self.now
            )
        return self.users[key]

    def place(self, place: Place) -> None:
        names = dict.fromkeys(("en", "ru", "uk"), place.name)
        region = organization_services.create(Region, pool_id=self.pool_id, name=names, now=self.now)
        if place.manager:
            user = self.add(place.manager, Role.MANAGER, region_id=region.id)
            accounts_services.set_duty(self.pool_id, region.id, user.id, actor=self.actor, now=self.now)
