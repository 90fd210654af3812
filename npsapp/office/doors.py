"""All doors of the office, hung onto its blueprint."""

from npsapp.office import (  # noqa: F401
    company,
    connections,
    customers,
    erasing,
    guard,
    health,
    hooks,
    hosts,
    imports,
    log,
    mailboxes,
    merging,
    old_answers,
    people,
    retention,
    selections,
    start,
    trials,
    visits,
    words,
)
from npsapp.office.blueprint import bp as bp
