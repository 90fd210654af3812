"""Random tokens, signed values and comparisons in constant time."""

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1, sha256
from string import ascii_letters, digits
from typing import Any

CODE_LENGTH = 10
TOKEN_BYTES = 18  # 144 bits: more than the 128 that method.md 5.3 asks for, 24 characters in a link


def new_token() -> str:
    """A random URL-safe token of 24 characters (144 bits)."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_code() -> str:
    """A random code of ten letters and digits (59 bits), for links that people type or pay for by the letter."""
    return "".join(secrets.choice(ascii_letters + digits) for _ in range(CODE_LENGTH))


def digest(value: str) -> str:
    """SHA-256 of a random token, for storing what must not be readable in the database. Hex, 64 characters."""
    return sha256(value.encode()).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(errors="replace"), right.encode(errors="replace"))


def keyed(key: str, purpose: str, value: str) -> str:
    """HMAC-SHA256 of `value` for one purpose, hex."""
    return hmac.new(f"{purpose}:{key}".encode(), value.encode(), sha256).hexdigest()


@lru_cache(maxsize=64)
def _begun(key: str, purpose: str) -> hmac.HMAC:
    """What all signatures for a purpose begin with: looking the hash up costs more than hashing."""
    own = sha1(f"npsapp.{purpose}signer{key}".encode(), usedforsecurity=False).digest()
    return hmac.new(own, digestmod=sha1)


def _signature(key: str, purpose: str, payload: bytes) -> str:
    signature = _begun(key, purpose).copy()
    signature.update(payload)
    return _encoded(signature.digest()).decode()


def sign(keys: Sequence[str], purpose: str, payload: Any) -> str:
    """Sign a JSON-able payload with the newest key (`keys[0]`), as itsdangerous does: letters from before it was us
    who did it hold its signatures."""
    said = _encoded(_written(payload).encode())
    return f"{said.decode()}.{_signature(keys[0], purpose, said)}"


def read(keys: Sequence[str], purpose: str, value: str) -> Any:
    """The payload of a signed value, or None when it was altered or is foreign.

    All `keys` are accepted, so links in old letters outlive a change of the key.
    """
    said, _dot, signature = value.rpartition(".")
    payload, given = said.encode(errors="replace"), signature.encode(errors="replace")
    for key in keys:
        if hmac.compare_digest(given, _signature(key, purpose, payload).encode()):
            return json.loads(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    return None


_written = json.JSONEncoder(separators=(",", ":")).encode


def _encoded(raw: bytes) -> bytes:
    """As addresses can hold it, without the filling at its end."""
    return urlsafe_b64encode(raw).rstrip(b"=")
