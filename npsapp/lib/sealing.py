"""Sealing secrets for storage: readable with the installation's key only, and with its older ones."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def seal(keys: Sequence[str], secret: str) -> str:
    """The secret as text that says nothing (Fernet: AES-128-CBC with HMAC-SHA256), made with the newest key."""
    return _box(keys).encrypt(secret.encode()).decode()


def unseal(keys: Sequence[str], sealed: str) -> str | None:
    """What was sealed with any of these keys; None when it was altered, or its key is gone."""
    try:
        return _box(keys).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _box(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(key: str) -> bytes:
    """A key of its own for sealing (RFC 5869), so that a leaked signature helps nobody to read."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"npsapp.sealing").derive(key.encode())
