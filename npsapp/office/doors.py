"""All doors of the office, hung onto its blueprint."""

from npsapp.office import (  # noqa: F401
    company,
    customers,
    health,
    hosts,
    imports,
    log,
    people,
    retention,
    start,
    trials,
    visits,
)
from npsapp.office.blueprint import bp as bp
