"""Kannel's HTTP interface: what `sendsms` is asked and answers, and what its delivery reports say. Pure."""

import re

from npsapp.delivery.channels.gateways import DEAD, LATER, NO, Answer, Asked, Gate, News, Report, Short, words_of
from npsapp.delivery.parts import count_parts
from npsapp.delivery.rules import Failure

ACCEPTED, BAD_REQUEST, AWAY = 202, 400, 503
DELIVERED, NOT_DELIVERED, QUEUED, TAKEN, REFUSED = 1, 2, 4, 8, 16
ALL_REPORTS = DELIVERED | NOT_DELIVERED | QUEUED | TAKEN | REFUSED
STATUS, WORDS = "status", "reply"
"""Fields of a report; Kannel puts the values in for %d and %A."""
OURS = re.compile(r"(?i)credit|balance|account|password|auth|system.?id|source addr|throttl")
NUMBER = re.compile(r"(?i)number|destination|dest addr|subscriber|msisdn|recipient")


def ask(gate: Gate, short: Short) -> Asked:
    """The request that hands over one message. By POST with headers: addresses are written into logs.

    One number a request, because all numbers of one share one address for reports. Without `coding` 2 Cyrillic
    arrives as question marks.
    """
    said = {
        "Username": gate.username,
        "Password": gate.secret,
        "From": gate.name,
        "To": short.to,
        "Coding": "2" if count_parts(short.text).unicode else "0",
        "Charset": "UTF-8",
        "DLR-Mask": str(ALL_REPORTS),
        "DLR-Url": f"{short.report_url}?{STATUS}=%d&{WORDS}=%A",
    }
    headers = {"Content-Type": "text/plain; charset=UTF-8"} | {f"X-Kannel-{name}": text for name, text in said.items()}
    return Asked("POST", gate.url, headers, short.text.encode())


def read_answer(status: int, body: str) -> Answer:
    """What `sendsms` answers: 202 is taken, also "queued for later" while the operator is away."""
    words = words_of(status, body)
    if status == ACCEPTED:
        return Answer()
    if status == BAD_REQUEST:
        return Answer(failure=Failure(True, words, NO))
    # 403 is a wrong password; anything else but "later" is not Kannel, or another door of it.
    return Answer(failure=Failure(False, words, LATER, ours=status != AWAY))


def read_report(status: str, words: str) -> Report | None:
    """The meaning of a report; None for what we did not ask for.

    "Undelivered" is a phone that was off for days as well as one that is gone: only the operator's words tell.
    """
    kind, words = int(status) if status.isascii() and status.isdecimal() else 0, words_of(0, words).removeprefix("0 ")
    if kind in (QUEUED, TAKEN):
        return Report(News.ON_ITS_WAY)
    if kind == DELIVERED:
        return Report(News.DELIVERED)
    if kind not in (NOT_DELIVERED, REFUSED):
        return None
    ours = kind == REFUSED and OURS.search(words) is not None
    dead = not ours and NUMBER.search(words) is not None
    return Report(News.NOT_DELIVERED, Failure(True, words, DEAD if dead else NO, ours=ours))
