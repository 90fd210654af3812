"""The two things a server starts: `app` (any WSGI server) and `huey` (`huey_consumer wsgi.huey`)."""

from npsapp import create_app
from npsapp.worker import huey

app = create_app()

__all__ = ["app", "huey"]
