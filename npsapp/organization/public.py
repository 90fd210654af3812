"""What everybody may fetch of a brand: its logo, for letters and survey pages."""

from pathlib import Path

from flask import Response, current_app, send_from_directory

from npsapp.organization.logos import FOLDER
from npsapp.web.access import Room, public
from npsapp.web.assets import FOREVER

bp = Room("brand", __name__)


@bp.page("/logos/<name>", public)
def logo(name: str) -> Response:
    """A logo; its name is a hash of its content, so it may be kept for ever."""
    response = send_from_directory(Path(current_app.instance_path) / FOLDER, name, mimetype="image/png")
    response.headers["Cache-Control"] = FOREVER
    return response
