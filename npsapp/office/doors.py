"""All doors of the office, hung onto its blueprint."""

from npsapp.office import company, customers, hosts, imports, log, people, retention, start, trials, visits
from npsapp.office.blueprint import bp
from npsapp.office.health import healthz

__all__ = [
    "bp",
    "company",
    "customers",
    "healthz",
    "hosts",
    "imports",
    "log",
    "people",
    "retention",
    "start",
    "trials",
    "visits",
]
