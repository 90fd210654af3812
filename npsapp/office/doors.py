"""All doors of the office, hung onto its blueprint."""

from npsapp.office import company, customers, health, hosts, imports, log, people, retention, start, trials, visits  # noqa: F401
from npsapp.office.blueprint import bp as bp
