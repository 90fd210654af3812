"""Refused: the one base of every expected "cannot do that now"."""

import traceback
from typing import Any

from npsapp.lib.texts import underscored


def broken_at(error: Exception) -> str:
    """The kind of an unforeseen error and where it broke, without its own words: they may quote customers."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


class Refused(Exception):
    """A broken precondition a person can do something about.

    Subclasses stand beside the function that raises them. `code` is for machines, the name of the class if not
    given; `wording` is an English msgid with named placeholders, filled from `values` by the door after translating it.
    """

    wording = "This cannot be done now."

    def __init__(self, wording: str | None = None, *, code: str | None = None, **values: Any) -> None:
        self.wording = wording or type(self).wording
        self.code = code or underscored(type(self).__name__)
        self.values = values
        super().__init__(str(self))

    def __str__(self) -> str:
        return self.wording % self.values if self.values else self.wording
