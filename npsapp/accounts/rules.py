"""Who may sign in, how often one may try, and what a password must be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from npsapp.lib.texts import N_


@dataclass(frozen=True)
class Limit:
    """After `tries` failures inside `within`, the next try has to wait `wait` from the last failure."""

    tries: int
    within: timedelta
    wait: timedelta


# Growing, but never longer than four hours: whoever knows an address of ours could otherwise lock its owner out
# for good. The way in that stays open for the owner is the letter that sets a new password.
ACCOUNT_LIMITS = (
    Limit(5, timedelta(minutes=15), timedelta(minutes=15)),
    Limit(10, timedelta(hours=2), timedelta(hours=1)),
    Limit(20, timedelta(hours=24), timedelta(hours=4)),
)
# An office sits behind one address, so it gets more tries than one account.
ADDRESS_LIMITS = (
    Limit(30, timedelta(minutes=15), timedelta(minutes=15)),
    Limit(60, timedelta(hours=2), timedelta(hours=1)),
    Limit(150, timedelta(hours=24), timedelta(hours=4)),
)
# Letters that set a password: one person may ask again after a typo, a machine may not flood a mailbox.
LETTER_LIMITS = (Limit(3, timedelta(minutes=15), timedelta(minutes=15)),)

OLDEST_ATTEMPT = max(limit.within + limit.wait for limit in ACCOUNT_LIMITS + ADDRESS_LIMITS)

PASSWORD_MIN = 10
PASSWORD_MAX = 200  # scrypt reads all of it: an upper bound keeps one login from costing a second
RESET_LETTER_S = 3600
WELCOME_LETTER_S = 7 * 24 * 3600  # a colleague's first letter may arrive before the weekend

# Without "stay signed in" the session ends with the browser, and on the server after a working day without use.
IDLE_AFTER = timedelta(hours=12)
REMEMBERED_FOR = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=10)  # how exact "last seen" is; every write costs the database's only writer

# The words that people add digits to; a whole leaked list would be slower and no kinder.
COMMON_PASSWORDS = frozenset(
    {
        "1234567890", "0123456789", "0987654321", "password", "password1", "password12", "password123", "passw0rd",
        "qwertyuiop", "qwerty123456", "qwerty12345", "1q2w3e4r5t", "1qaz2wsx3edc", "iloveyou12", "administrator",
        "adminadmin", "welcome123", "йцукенгшщз", "пароль1234", "пароль12345", "парольпароль", "npsappnpsapp",
    }
)  # fmt: skip


def wait_until(failures: Sequence[datetime], limits: Sequence[Limit], *, now: datetime) -> datetime | None:
    """The moment from which another try is allowed, or None when it is allowed now."""
    latest_first = sorted(failures, reverse=True)
    ends = [
        latest_first[0] + limit.wait
        for limit in limits
        if len(latest_first) >= limit.tries
        and latest_first[0] - latest_first[limit.tries - 1] <= limit.within
        and latest_first[0] + limit.wait > now
    ]
    return max(ends, default=None)


def password_problem(password: str, *, email: str = "") -> str | None:
    """What is wrong with a new password, as a sentence for its owner, or None.

    Length instead of classes of characters, as NIST SP 800-63B, section 5.1.1.2, advises.
    """
    folded = password.strip().casefold()
    if len(password.strip()) < PASSWORD_MIN:
        return N_("The password needs at least 10 characters.")
    if len(password) > PASSWORD_MAX:
        return N_("The password may have at most 200 characters.")
    if folded in COMMON_PASSWORDS or len(set(folded)) < 4:
        return N_("This password is easy to guess. Several words in a row are a good password.")
    if email and folded in {email.casefold(), email.casefold().split("@")[0]}:
        return N_("The password must not be the e-mail address.")
    return None


def safe_next(target: str | None) -> str | None:
    """The path to go to after signing in: only paths of this site, so that no link leads a colleague elsewhere."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return None
    if any(ord(char) < 32 or char == "\\" for char in target):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


def session_end(*, remember: bool, now: datetime) -> datetime:
    """When a session that starts now ends on the server unless it is used again."""
    return now + (REMEMBERED_FOR if remember else IDLE_AFTER)
