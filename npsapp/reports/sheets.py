"""Sheets of QR codes for the wall, the counter and the scissors, drawn by a short-lived process."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from threading import Lock

MOST = 200
"""Codes in one file: some five seconds of drawing."""
PATIENCE_S = 120
_one_at_a_time = Lock()
GRIDS = {1: (1, 1), 4: (2, 2), 8: (2, 4)}
"""Codes on a page → columns and rows."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code with the words around it."""

    address: str
    brand: str
    question: str
    help: str
    place: str


def draw(codes: Sequence[Code], per_page: int) -> bytes:
    """The sheets as PDF, A4. The web process never loads matplotlib, which would stay in its memory."""
    asked = json.dumps([[astuple(code) for code in codes], per_page]).encode()
    program = [sys.executable, "-m", "npsapp.reports.paper"]
    with _one_at_a_time:
        done = subprocess.run(program, input=asked, stdout=subprocess.PIPE, timeout=PATIENCE_S, check=True)  # noqa: S603 - our own interpreter and module
    return done.stdout
