"""Loading the demo company, once, into a database without a company."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.db import db
from npsapp.demo.foundation import COLLEAGUES, SHOWN
from npsapp.demo.loader import Drawn, Loader
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization.models import Brand


class AlreadyLoaded(Refused):
    """The demo company is there; loading it again would change nothing."""

    code = "already_loaded"
    wording = N_("The demo company is already loaded; nothing was changed.")


class AnotherCompany(Refused):
    """The database holds a company of its own; invented customers have no business beside real ones."""

    code = "another_company"
    wording = N_("This database already holds a company. Load the demo company into an empty one.")


@dataclass(frozen=True)
class Login:
    """What somebody needs to sign in; the password is known nowhere else."""

    role: str
    name: str
    email: str
    password: str


@dataclass(frozen=True)
class Loaded:
    """What was written, and the logins to show: one of each role."""

    counts: dict[str, int]
    logins: tuple[Login, ...]


def is_loaded() -> bool:
    """Whether the demo company is in the database."""
    return db.session.scalar(select(Brand.id).where(Brand.is_demo).limit(1)) is not None


def was_removed() -> bool:
    """Whether the demo company was here once and is not any more: it does not come back by itself."""
    loaded_once = select(AuditEntry.id).where(AuditEntry.event == Event.DEMO_LOADED.value).limit(1)
    return db.session.scalar(loaded_once) is not None and not is_loaded()


def is_wanted() -> bool:
    """Whether a first start should load it: there is no company yet, and it was not removed before."""
    return db.session.scalar(select(Brand.id).limit(1)) is None and not was_removed()


def refuse_unless_empty() -> None:
    """May the demo company be loaded? Raises AlreadyLoaded or AnotherCompany."""
    if is_loaded():
        raise AlreadyLoaded
    if db.session.scalar(select(Brand.id).limit(1)) is not None:
        raise AnotherCompany


def load(drawn: Drawn, *, now: datetime) -> Loaded:
    """Write a drawn history, all of it or nothing; some seconds. Needs a transaction.

    :raise AlreadyLoaded: when the demo company is there already.
    :raise AnotherCompany: when the database holds another company.
    """
    refuse_unless_empty()
    counts = Loader(drawn, now=now).write()
    return Loaded(counts, tuple(_logins(drawn)))


def _logins(drawn: Drawn) -> Iterator[Login]:
    for one in COLLEAGUES:
        if one.email in SHOWN:
            yield Login(one.role.label, one.name, one.email, drawn.passwords[one.email])
