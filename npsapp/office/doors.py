"""All doors of the office, hung onto its blueprint."""

from npsapp.office import customers, imports, log, start
from npsapp.office.blueprint import bp
from npsapp.office.health import healthz

__all__ = ["bp", "customers", "healthz", "imports", "log", "start"]
