"""The token in an unsubscribe link: (contact point, brand), signed, never expiring."""

from collections.abc import Sequence

from npsapp.lib import tokens

PURPOSE = "unsubscribe"


def unsubscribe_token(keys: Sequence[str], contact_point_id: int, brand_id: int) -> str:
    """The token for `/u/<token>`; `keys` are the instance's secret keys, newest first."""
    return tokens.sign(keys, PURPOSE, [contact_point_id, brand_id])


def read_token(keys: Sequence[str], token: str) -> tuple[int, int] | None:
    """(contact point id, brand id), or None when the token was altered or cut off."""
    payload = tokens.read(keys, PURPOSE, token)
    if not isinstance(payload, list) or len(payload) != 2:
        return None
    if not all(type(part) is int for part in payload):
        return None
    return payload[0], payload[1]
