"""Sealing secrets for storage: readable with the installation's key only, and with its older ones."""

import base64
from collections.abc import Sequence
from importlib import import_module
from typing import Any


def seal(keys: Sequence[str], secret: str) -> str:
    """The secret as text that says nothing (Fernet: AES-128-CBC with HMAC-SHA256), made with the newest key."""
    return str(_box(keys).encrypt(secret.encode()).decode())


def unseal(keys: Sequence[str], sealed: str) -> str | None:
    """What was sealed with any of these keys; None when it was altered, or its key is gone."""
    try:
        return str(_box(keys).decrypt(sealed.encode()).decode())
    except _library("fernet").InvalidToken:
        return None


def _box(keys: Sequence[str]) -> Any:
    fernet = _library("fernet")
    return fernet.MultiFernet([fernet.Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(key: str) -> bytes:
    """A key of its own for sealing (RFC 5869), so that a leaked signature helps nobody to read."""
    hashes, kdf = _library("hazmat.primitives.hashes"), _library("hazmat.primitives.kdf.hkdf")
    return bytes(kdf.HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"npsapp.sealing").derive(key.encode()))


def _library(part: str) -> Any:
    """Loaded with the first secret: it takes 6 MB, and most processes never meet one."""
    return import_module(f"cryptography.{part}")
