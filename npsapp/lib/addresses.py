"""E-mail addresses as people write them, checked for form only: nothing is asked of the network."""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

LONGEST = 254  # RFC 5321, 4.5.3.1.3: what fits into a path
LONGEST_LOCAL = 64  # RFC 5321, 4.5.3.1.1

_BETWEEN = re.compile(r"[;,\s|]+")
_BEFORE, _AFTER = "<>()[]\"'«»“”:", "<>()[]\"'«»“”:.,;"
# Addresses that shop systems make up where a customer gave none (seen in 1C-Bitrix and in field files).
_MADE_UP = re.compile(r"(?:no[-_.]?e?mail|без[-_.]?почты)[^@]*@.*|(?:net|нет|none|buyer\d{10,}[a-z]{0,2})@.*")
# The everyday form, which is not made up, and for which the full check (0.3 ms each) cannot come to another result:
# not too long, in no reserved domain.
_PLAIN = re.compile(
    r"(?!no[-_.]?e?mail|(?:net|none|buyer\d{10,}[a-z]{0,2})@)(?=[^@]{1,64}@.{1,63}$)"
    r"[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+(?!(?:invalid|localhost|onion|arpa)$)[a-z]{2,12}"
)
_WITHOUT_AT = re.compile(r"[a-z0-9_-]+[.a-z0-9_-]*\.[a-z]{2,}")


def normalise(text: str) -> str | None:
    """One address in lower case with the domain in its ASCII form, or None when no letter can be sent there.

    A local part outside ASCII is refused: most mail servers would bounce it. Addresses that shop systems make
    up for customers without one are none.
    """
    bare = _bare(text).removeprefix("mailto:")
    if not bare or len(bare) > LONGEST or "@" not in bare:
        return None
    return _checked(bare)


def addresses_in(cell: str) -> list[str]:
    """All addresses of a cell, in order, each once; what is no address is left out."""
    if _PLAIN.fullmatch(cell):
        return [cell]
    parts = _BETWEEN.split(cell) if _BETWEEN.search(cell) else (cell,)
    found = [normalise(part) for part in parts if "@" in part]
    return list(dict.fromkeys(address for address in found if address))


def masked(address: str) -> str:
    """Enough to recognise the own address or phone number, too little to learn somebody else's."""
    local, at, domain = address.partition("@")
    return f"{local[:2]}…{at}{domain}" if at else address and f"…{address[-4:]}"


def made_up(text: str) -> bool:
    """Whether a text says "the customer has no address": a dash, "нет", `noemail_17@shop.example`."""
    bare = _bare(text)
    return bool(_MADE_UP.fullmatch(bare)) if "@" in bare else not _WITHOUT_AT.fullmatch(bare)


def _bare(text: str) -> str:
    return text.strip().lstrip(_BEFORE).rstrip(_AFTER).lower()


@lru_cache(maxsize=10_000)
def _full_check(bare: str) -> str | None:
    try:
        checked = validate_email(bare, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    return checked.ascii_email.lower() if checked.ascii_email else None


def _checked(bare: str) -> str | None:
    if _PLAIN.fullmatch(bare):
        return bare
    if _MADE_UP.fullmatch(bare) or bare.find("@") > LONGEST_LOCAL:
        return None
    return _full_check(bare)
