"""The token in an unsubscribe link: (contact point, brand), signed, never expiring."""

from collections.abc import Sequence

from npsapp.lib import tokens

PURPOSE = "unsubscribe"
TEST = 0  # in the place of the contact point: the letter was a test


def unsubscribe_token(keys: Sequence[str], contact_point_id: int | None, brand_id: int) -> str:
    """The token for `/u/<token>`; `keys` are the instance's secret keys, newest first. Tests have no contact point."""
    return tokens.sign(keys, PURPOSE, [contact_point_id or TEST, brand_id])


def read_token(keys: Sequence[str], token: str) -> tuple[int, int] | None:
    """(contact point id, brand id), or None when the token was altered or cut off."""
    payload = tokens.read(keys, PURPOSE, token)
    if not isinstance(payload, list) or len(payload) != 2:
        return None
    if not all(type(part) is int for part in payload):
        return None
    return payload[0], payload[1]
