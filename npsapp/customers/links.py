"""The token in an unsubscribe link: (contact point, brand), signed, never expiring."""

from collections.abc import Sequence
from functools import lru_cache

from npsapp.lib import tokens

PURPOSE = "unsubscribe"
TEST = 0  # in the place of the contact point: the letter was a test


def unsubscribe_token(keys: Sequence[str], contact_point_id: int | None, brand_id: int) -> str:
    """The token for `/u/<token>`; `keys` are the instance's secret keys, newest first. Tests have no contact point."""
    return _signed(tuple(keys), contact_point_id or TEST, brand_id)


@lru_cache(maxsize=128)
def _signed(keys: tuple[str, ...], contact_point_id: int, brand_id: int) -> str:
    """Kept: every page of a link has the same one."""
    return tokens.sign(keys, PURPOSE, [contact_point_id, brand_id])


def read_token(keys: Sequence[str], token: str) -> tuple[int, int] | None:
    """(contact point id, brand id), or None when the token was altered or cut off."""
    payload = tokens.read(keys, PURPOSE, token)
    if not isinstance(payload, list) or len(payload) != 2:
        return None
    if not all(type(part) is int for part in payload):
        return None
    return payload[0], payload[1]
