"""Hashing of passwords with scrypt: slow on purpose, so never inside a transaction."""

from werkzeug.security import check_password_hash, generate_password_hash

METHOD = "scrypt:32768:8:1"  # N = 2**15, r = 8: about 0.1 s and 32 MB

# Compared with when the account does not exist, so that the answer takes as long as for one that does. The
# password behind it was random and is known to nobody.
_NOBODY = (
    "scrypt:32768:8:1$HDc7yZmK6Q7hU1hK$8ca6cf87bcbc5773226e43ac15bd119fb49c66fd3b249495f3a13e082c5ee5b93974dfd60b65"
    "aa184c263d89b4a0e06967efac6eb61a15e445fa8c8aad7c65e5"
)


def hash_password(password: str) -> str:
    """The salted hash to store; takes about 0.1 s."""
    return generate_password_hash(password, method=METHOD)


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is the one behind `stored`; without a stored hash as slow as with one, and false."""
    right = check_password_hash(stored or _NOBODY, password)
    return right and bool(stored)
