"""Loading the demo company, once, into a database without a company."""

from datetime import datetime

from sqlalchemy import select

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.db import db
from npsapp.demo import loader
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization.models import Brand


class AlreadyLoaded(Refused):
    """The demo company is there; loading it again would change nothing."""

    wording = N_("The demo company is already loaded; nothing was changed.")


class AnotherCompany(Refused):
    """The database holds a company of its own; invented customers have no business beside real ones."""

    wording = N_("This database already holds a company. Load the demo company into an empty one.")


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


def load(drawn: loader.Drawn, *, now: datetime) -> dict[str, int]:
    """Write a drawn history, all of it or nothing; gives counts by kind of thing. Needs a transaction.

    May raise AlreadyLoaded or AnotherCompany.
    """
    refuse_unless_empty()
    return loader.write(drawn, now=now)
