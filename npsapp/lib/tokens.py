"""Random tokens, signed values and comparisons in constant time."""

import hmac
import json
import secrets
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode

TOKEN_BYTES = 18  # 144 bits: more than the 128 that method.md 5.3 asks for, 24 characters in a link


def new_token() -> str:
    """A random URL-safe token of 24 characters (144 bits)."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(value: str) -> str:
    """SHA-256 of a random token, for storing what must not be readable in the database. Hex, 64 characters."""
    return sha256(value.encode()).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def keyed(key: str, purpose: str, value: str) -> str:
    """HMAC-SHA256 of `value` for one purpose, hex."""
    return hmac.new(f"{purpose}:{key}".encode(), value.encode(), sha256).hexdigest()


class _Short(URLSafeSerializer):
    """Payloads are a few numbers: trying to compress them costs more than signing."""

    def dump_payload(self, obj: Any) -> bytes:
        return base64_encode(json.dumps(obj, separators=(",", ":")))


@lru_cache(maxsize=64)
def _serializer(keys: tuple[str, ...], purpose: str, timed: bool) -> URLSafeSerializer | URLSafeTimedSerializer:
    kind = URLSafeTimedSerializer if timed else _Short
    return kind(list(reversed(keys)), salt=f"npsapp.{purpose}")


def sign(keys: Sequence[str], purpose: str, payload: Any, *, timed: bool = False) -> str:
    """Sign a JSON-able payload with the newest key (`keys[0]`); `timed` puts the moment inside."""
    return str(_serializer(tuple(keys), purpose, timed).dumps(payload))


def read(keys: Sequence[str], purpose: str, value: str, *, max_age: int | None = None, timed: bool = False) -> Any:
    """The payload of a signed value, or None when it was altered, is too old (`max_age`, seconds) or foreign.

    All `keys` are accepted, so links in old letters outlive a change of the key.
    """
    serializer = _serializer(tuple(keys), purpose, timed)
    try:
        return (
            serializer.loads(value, max_age=max_age)
            if isinstance(serializer, URLSafeTimedSerializer)
            else (serializer.loads(value))
        )
    except BadSignature:
        return None
