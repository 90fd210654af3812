"""Who may do what: permissions, roles, and what a user may see."""

from dataclasses import dataclass
from enum import StrEnum

from npsapp.lib.texts import N_


class Permission(StrEnum):
    """One deed or one kind of page."""

    SEE_ANSWERS = "see_answers"
    VOID_ANSWERS = "void_answers"
    SEE_CASES = "see_cases"
    WORK_CASES = "work_cases"
    ASSIGN_CASES = "assign_cases"
    SEE_REPORTS = "see_reports"
    EXPORT = "export"
    SEE_CUSTOMERS = "see_customers"
    SEE_SCHEDULE = "see_schedule"
    EDIT_SURVEYS = "edit_surveys"
    SEE_MESSAGES = "see_messages"
    IMPORT = "import"
    ADMINISTER = "administer"


class Role(StrEnum):
    """One role per user; what of it applies is limited by the user's scope."""

    ADMINISTRATOR = "administrator"
    ANALYST = "analyst"
    MANAGER = "manager"
    SUPPORT = "support"

    @property
    def label(self) -> str:
        return _ROLE_LABELS[self]


_ROLE_LABELS = {
    Role.ADMINISTRATOR: N_("Administrator"),
    Role.ANALYST: N_("Analyst"),
    Role.MANAGER: N_("Regional manager"),
    Role.SUPPORT: N_("Support desk"),
}

_P = Permission
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.ANALYST: frozenset(
        {_P.SEE_ANSWERS, _P.SEE_REPORTS, _P.EXPORT, _P.SEE_SCHEDULE, _P.EDIT_SURVEYS, _P.SEE_MESSAGES, _P.SEE_CASES}
    ),
    Role.MANAGER: frozenset(
        {
            _P.SEE_ANSWERS,
            _P.SEE_CASES,
            _P.WORK_CASES,
            _P.ASSIGN_CASES,
            _P.SEE_REPORTS,
            _P.EXPORT,
            _P.SEE_CUSTOMERS,
            _P.SEE_SCHEDULE,
        }
    ),
    Role.SUPPORT: frozenset({_P.SEE_ANSWERS, _P.SEE_CASES, _P.WORK_CASES, _P.SEE_CUSTOMERS, _P.SEE_SCHEDULE}),
}


@dataclass(frozen=True)
class Scope:
    """The regions whose rows a user may see; `regions is None` means all, also rows without a region."""

    regions: frozenset[int] | None = None

    @property
    def everything(self) -> bool:
        return self.regions is None

    def covers(self, region_id: int | None) -> bool:
        """Whether a row of that region is inside; rows without a region are seen by `everything` only."""
        return self.regions is None or region_id in self.regions


EVERYTHING = Scope(None)


def may(role: Role | str, permission: Permission) -> bool:
    """Whether a role carries a permission."""
    return permission in ROLE_PERMISSIONS[Role(role)]
