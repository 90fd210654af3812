"""What to enter on the other side of a connection. How it is done there stands in the pages' `how.html`."""

from dataclasses import dataclass, field

from flask_babel import gettext as _

from npsapp.intake import api_examples, inbox
from npsapp.intake.models import Source, SourceKind
from npsapp.intake.received import CALLED

Labelled = list[tuple[str, str]]


@dataclass(frozen=True)
class Instructions:
    """What to enter where, and texts to copy whole."""

    facts: Labelled = field(default_factory=list)
    examples: Labelled = field(default_factory=list)


def instructions(source: Source, url: str, secret: str) -> Instructions:
    """How to connect the other program; `url` is where this program is, `secret` is empty unless just made."""
    shown = secret or _("shown once, when the connection was made")
    if source.kind is SourceKind.ONEC:
        address = (_("Address of the site"), f"{url}/1c/exchange/{source.key}")
        return Instructions([address, (_("User"), source.login), (_("Password"), shown)])
    if source.kind is SourceKind.API:
        facts = [(_("Address"), f"{url}/api/v1/interactions"), (_("Key"), shown), (_("Description"), f"{url}/api/docs")]
        key = secret or "KEY"
        command = (_("Try it from a command line"), api_examples.curl(url, key))
        return Instructions(facts, [command, (_("A procedure for 1C and BAS 8.3"), api_examples.onec(url, key))])
    if source.kind in CALLED:
        return Instructions([(_("Address"), f"{url}/hooks/{source.key}/{secret or '…'}"), (_("Secret"), shown)])
    if source.kind is SourceKind.FOLDER:
        return Instructions([(_("Folder on this server"), str(inbox.folder_of(source)))])
    return Instructions()
