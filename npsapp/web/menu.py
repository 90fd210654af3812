"""The menu by job: what there is to do, and which of it the current user may do."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, request
from flask_login import current_user

from npsapp.lib.texts import N_
from npsapp.permissions import Permission
from npsapp.web.access import can


@dataclass(frozen=True)
class Entry:
    """One word of the menu; without a permission everybody who is signed in sees it."""

    word: str
    path: str
    permission: Permission | None = None

    @property
    def here(self) -> bool:
        """Whether the page shown belongs to this entry."""
        return request.path == self.path or (self.path != "/" and request.path.startswith(self.path.removesuffix("s/")))


JOBS = (
    Entry(N_("My day"), "/"),
    Entry(N_("Cases"), "/cases/", Permission.SEE_CASES),
    Entry(N_("Answers"), "/answers/", Permission.SEE_ANSWERS),
    Entry(N_("Reports"), "/reports/", Permission.SEE_REPORTS),
    Entry(N_("Customers"), "/customers/", Permission.SEE_CUSTOMERS),
    Entry(N_("Schedule"), "/schedule/", Permission.SEE_SCHEDULE),
)
SETTINGS = (
    Entry(N_("All settings"), "/settings/", Permission.ADMINISTER),
    Entry(N_("Imports"), "/imports/", Permission.IMPORT),
    Entry(N_("Connections"), "/connections/", Permission.ADMINISTER),
    Entry(N_("Surveys"), "/surveys/", Permission.EDIT_SURVEYS),
    Entry(N_("Open links and QR codes"), "/open-links/", Permission.OPEN_LINKS),
    Entry(N_("Leaving people alone"), "/contact-policy/", Permission.ADMINISTER),
    Entry(N_("Users"), "/users/", Permission.ADMINISTER),
    Entry(N_("Letters"), "/messages/", Permission.SEE_MESSAGES),
    Entry(N_("Mail health"), "/mail-health/", Permission.SEE_MESSAGES),
    Entry(N_("Senders"), "/senders/", Permission.ADMINISTER),
    Entry(N_("What comes back"), "/returns/", Permission.ADMINISTER),
    Entry(N_("Stop list"), "/suppressions/", Permission.ADMINISTER),
    Entry(N_("Outbox"), "/outbox/", Permission.ADMINISTER),
    Entry(N_("Grounds and retention"), "/retention/", Permission.ADMINISTER),
    Entry(N_("Audit log"), "/audit/", Permission.ADMINISTER),
)
_SHOWN_WHILE: dict[str, Callable[[], bool]] = {}


def init_app(app: Flask) -> None:
    """Give the menu to the base page and `can()` to all templates."""
    app.add_template_global(jobs, "menu_jobs")
    app.add_template_global(settings, "menu_settings")
    app.add_template_global(can)


def jobs() -> list[Entry]:
    """The daily work of the current user."""
    return _visible(JOBS)


def settings() -> list[Entry]:
    """What the current user may set up, without what a room hides for now."""
    return [entry for entry in _visible(SETTINGS) if entry.path not in _SHOWN_WHILE or _SHOWN_WHILE[entry.path]()]


def show_while(path: str, condition: Callable[[], bool]) -> None:
    """Let an entry stand in the menu only while the room it belongs to says so."""
    _SHOWN_WHILE[path] = condition


def _visible(entries: tuple[Entry, ...]) -> list[Entry]:
    if not current_user.is_authenticated:
        return []
    return [entry for entry in entries if entry.permission is None or can(entry.permission)]
