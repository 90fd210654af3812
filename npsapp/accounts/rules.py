"""Who may sign in, how often one may try, and what a password must be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from npsapp.lib.texts import N_, Worded
from npsapp.organization.rules import upwards


class UserState(Worded):
    """Whether somebody can sign in, and why not."""

    ACTIVE = "active", N_("active")
    INVITED = "invited", N_("no password yet")
    BLOCKED = "blocked", N_("blocked")
    RETIRED = "retired", N_("has left")


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
    Limit(20, timedelta(hours=20), timedelta(hours=4)),
)
# An office sits behind one address, so it gets more tries than one account.
ADDRESS_LIMITS = (
    Limit(30, timedelta(minutes=15), timedelta(minutes=15)),
    Limit(60, timedelta(hours=2), timedelta(hours=1)),
    Limit(150, timedelta(hours=20), timedelta(hours=4)),
)
# Letters that set a password: one person may ask again after a typo, a machine may not flood a mailbox.
LETTER_LIMITS = (Limit(3, timedelta(minutes=15), timedelta(minutes=15)),)

KEPT_FOR = max(limit.within + limit.wait for limit in ACCOUNT_LIMITS + ADDRESS_LIMITS)  # a day

PASSWORD_MIN = 8  # the least that NIST SP 800-63B, section 5.1.1.1, allows for a password people choose
PASSWORD_MAX = 200  # scrypt reads all of it: an upper bound keeps one login from costing a second
RESET_LASTS = timedelta(hours=1)
WELCOME_LASTS = timedelta(days=7)  # a colleague's first letter may arrive before the weekend

# Without "stay signed in" the session ends with the browser, and on the server after a working day without use.
IDLE_AFTER = timedelta(hours=12)
REMEMBERED_FOR = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=5)  # how exact "last seen" is; every write costs the database's only writer

# The words that people add digits to; a whole leaked list would be slower and no kinder.
COMMON_PASSWORDS = frozenset(Path(__file__).with_name("common_passwords.txt").read_text("utf-8").split())


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
        return N_("The password needs at least 8 characters.")
    if len(password) > PASSWORD_MAX:
        return N_("The password may have at most 200 characters.")
    if folded in COMMON_PASSWORDS or len(set(folded)) < 4:
        return N_("This password is easy to guess. Several words in a row are a good password.")
    if email and folded in {email.casefold(), email.casefold().split("@")[0]}:
        return N_("The password must not be the e-mail address.")
    return None


def safe_next(target: str | None) -> str | None:
    """The path to go to after signing in: only paths of this site, so that no link leads a colleague elsewhere."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return None
    return None if "\\" in target or any(ord(char) < 32 for char in target) else target


def session_end(*, remember: bool, now: datetime) -> datetime:
    """When a session that starts now ends on the server unless it is used again."""
    return now + (REMEMBERED_FOR if remember else IDLE_AFTER)


def network_of(address: str) -> str:
    """The part of a network address that one visitor cannot change at will: IPv4 whole, IPv6 its first 64 bits."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(parsed) if parsed.version == 4 else f"{int(parsed) >> 64:x}"


# Mark in the agent's words → name. Longest story first: Edge says "Chrome" as well, and Chrome says "Safari".
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "YaBrowser": "Yandex", "Firefox": "Firefox", "FxiOS": "Firefox"}
_BROWSERS |= {"CriOS": "Chrome", "Chrome": "Chrome", "Safari": "Safari"}
_SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows"}
_SYSTEMS |= {"Mac OS": "macOS", "Linux": "Linux"}


def device(agent: str) -> str:
    """Browser and system as their owner recognises them ("Firefox, Android"), or an empty string."""
    found = [next((name for mark, name in marks.items() if mark in agent), "") for marks in (_BROWSERS, _SYSTEMS)]
    return ", ".join(name for name in found if name)


def manager_of(region_id: int | None, *, parents: Mapping[int, int | None], managers: Mapping[int, int]) -> int | None:
    """Who answers for a region: its manager, else the nearest one above; None when there is none."""
    return next((managers[step] for step in upwards(region_id, parents) if step in managers), None)


def unmanaged(*, parents: Mapping[int, int | None], managers: Mapping[int, int]) -> list[int]:
    """The regions without regions inside that nobody answers for: their cases go to the fallback owner."""
    leaves = set(parents) - set(parents.values())
    found = (region_id for region_id in parents if region_id in leaves)
    return [one for one in found if manager_of(one, parents=parents, managers=managers) is None]
