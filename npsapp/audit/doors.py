"""Who acts, where somebody is signed in."""

from flask_login import current_user

from npsapp.audit.services import Actor, by_user


def me() -> Actor:
    """The user who sent this request."""
    return by_user(current_user.id)
