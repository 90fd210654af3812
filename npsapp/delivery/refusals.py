"""What the refusals of mail servers mean (RFC 3463), in words, and what to do about each. Pure."""

import re
from datetime import timedelta

from npsapp.lib.texts import N_, Worded

SOFT_KILLS = 3
"""So many soft refusals of an address within `SOFT_WITHIN` mean that it is dead."""
SOFT_WITHIN = timedelta(days=30)


class Meaning(Worded):
    """What a refusal is about; `label` says it to people, `remedy` what to do."""

    DEAD = "dead", N_("The address does not exist")
    FULL = "full", N_("The mailbox is full")
    REPUTATION = "reputation", N_("The provider does not trust our letters")
    SLOW = "slow", N_("The provider asks us to slow down")
    SENDER = "sender", N_("Our own address was refused")
    SIZE = "size", N_("The letter is too big")
    ROUTE = "route", N_("The recipient’s server cannot be reached")
    CONTENT = "content", N_("The form of the letter was refused")
    BUSY = "busy", N_("The recipient’s server was busy")
    SILENT = "silent", N_("Our mail server did not answer")
    OTHER = "other", N_("Another reason")

    @property
    def remedy(self) -> str:
        return _REMEDIES[self]


_REMEDIES = {
    Meaning.DEAD: N_("Nothing to do: these addresses get no more letters. Correct them where they come from."),
    Meaning.FULL: N_("Nothing to do: after three times in 30 days such an address gets no more letters."),
    Meaning.REPUTATION: N_(
        "Letters to this provider have stopped. Look at “Can my mail arrive?”, put right what is wrong there, "
        "ask the provider to unblock you, then resume."
    ),
    Meaning.SLOW: N_("The program waits by itself. If this comes every day, enter a lower number for this provider."),
    Meaning.SENDER: N_("Check the address letters come from: your mail server must be allowed to send for it."),
    Meaning.SIZE: N_("Make the letter smaller, above all its pictures."),
    Meaning.ROUTE: N_("Usually the domain is mistyped or no longer used. Correct the addresses where they come from."),
    Meaning.CONTENT: N_("Look at the letter in its preview. If it is right, show these words to your mail provider."),
    Meaning.BUSY: N_("The program tried for about 30 hours. Try these letters again later."),
    Meaning.SILENT: N_("Check name, port, user and password of the mail server under Senders."),
    Meaning.OTHER: N_("The server’s own words say more. Your mail provider can explain them."),
}

_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"']+@[^\s<>()\[\]:;,\"']+")
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# What servers say that send no code of RFC 3463, or a code that says nothing; the first that fits.
_IN_WORDS = (
    ("7.1", r"spam|black ?list|block ?list|blocked|reputation|\brbl\b|dkim|dmarc|\bspf\b|polic|relay|not authori"),
    ("1.8", r"sender|helo|reverse|\bptr\b|client host"),
    ("2.2", r"quota|\bfull\b|insufficient (?:system )?storage|out of space"),
    ("2.1", r"(?:mailbox|recipient|user)\b.*(?:disabled|inactive|suspended)"),
    ("1.1", r"user unknown|unknown (?:user|recipient)|no such|n['o]t exist|not found|invalid (?:recipient|mailbox)"),
    ("7.0", r"too many|\brate\b|throttl|gr[ea]y ?list|try again later|too fast|slow down"),
)
_BARE = {421: "4.7.0", 552: "5.2.2"}


def enhanced_status(code: int, words: str) -> str:
    """The status code of RFC 3463 in an SMTP answer, else one that fits its words; "4.7.0" for a bare 421."""
    found = _ENHANCED.search(words)
    if found and found[0][2:] != "0.0" and int(found[1]) == code // 100:
        return found[0]
    lower, kind = words.lower(), "5" if code >= 500 else "4"
    for detail, pattern in _IN_WORDS:
        if re.search(pattern, lower) and not (kind == "5" and detail == "7.0"):
            return f"{kind}.{detail}"
    return _BARE.get(code, f"{kind}.0.0")


def without_addresses(words: str) -> str:
    """A server's words as they may be kept and shown: on one line, short, and with no address in them."""
    return _ADDRESS.sub("…", " ".join(words.split()))[:300]


def meaning_of(status: str) -> Meaning:
    """What an enhanced status code says; an empty one: nobody answered."""
    if not status:
        return Meaning.SILENT
    kind, _, detail = status.partition(".")
    if detail in ("1.7", "1.8"):
        return Meaning.SENDER
    if detail in ("2.3", "3.4"):
        return Meaning.SIZE
    if detail == "2.2":
        return Meaning.FULL
    if detail.startswith("7."):
        return Meaning.REPUTATION if kind == "5" else Meaning.SLOW
    if kind == "4":
        return Meaning.BUSY
    if detail in ("1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "2.1"):
        return Meaning.DEAD
    return {"4": Meaning.ROUTE, "6": Meaning.CONTENT}.get(detail[:1], Meaning.OTHER)


def is_soft(status: str) -> bool:
    """Whether a refusal may pass by itself: a full mailbox, or anything temporary."""
    return status.startswith("4.") or meaning_of(status) is Meaning.FULL


def kills_address(status: str, *, soft_before: int) -> bool:
    """Whether an address gets no more letters, after so many soft refusals within `SOFT_WITHIN` before this one."""
    return meaning_of(status) is Meaning.DEAD or (is_soft(status) and soft_before + 1 >= SOFT_KILLS)
