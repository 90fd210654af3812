"""Who may do what: permissions, roles, and what a user may see."""

from dataclasses import dataclass

from npsapp.lib.texts import N_, Worded


class Permission(Worded):
    """One deed or one kind of page; its wording continues "may"."""

    SEE_ANSWERS = "see_answers", N_("read answers")
    VOID_ANSWERS = "void_answers", N_("leave answers out of the numbers")
    SEE_CASES = "see_cases", N_("see cases")
    WORK_CASES = "work_cases", N_("own cases and work on them")
    ASSIGN_CASES = "assign_cases", N_("hand cases to others")
    SEE_REPORTS = "see_reports", N_("see reports")
    EXPORT = "export", N_("download tables")
    SEE_CUSTOMERS = "see_customers", N_("find customers and see their names and addresses")
    EDIT_CUSTOMERS = "edit_customers", N_("note down, correct and leave alone customers")
    ENTER_VISITS = "enter_visits", N_("enter visits by hand")
    SEE_SCHEDULE = "see_schedule", N_("see who is asked when, and who is not")
    EDIT_SURVEYS = "edit_surveys", N_("change surveys, their letters and rules")
    SEE_MESSAGES = "see_messages", N_("see which letters left")
    IMPORT = "import", N_("import files")
    OPEN_LINKS = "open_links", N_("make links and QR codes for people without an invitation")
    ADMINISTER = "administer", N_("set up company, users, mail and everything else")


class ApiScope(Worded):
    """What a key of the JSON API may do; its wording continues "may"."""

    INTERACTIONS = "interactions:write", N_("send purchases")
    CUSTOMERS = "customers:write", N_("send customers")
    CONSENTS = "consents:write", N_("send consents and refusals")
    STEPS = "steps:write", N_("fetch invitations with names and addresses to send them itself")


USUAL_SCOPES = (ApiScope.INTERACTIONS, ApiScope.CUSTOMERS, ApiScope.CONSENTS)
"""What a key may do until an administrator chooses: it brings data, and gets none."""


class Role(Worded):
    """One role per user; what of it applies is limited by the user's scope."""

    ADMINISTRATOR = "administrator", N_("Administrator")
    ANALYST = "analyst", N_("Analyst")
    MANAGER = "manager", N_("Regional manager")
    SUPPORT = "support", N_("Support desk")


_P = Permission
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.ANALYST: frozenset(
        {
            *(_P.SEE_ANSWERS, _P.SEE_REPORTS, _P.EXPORT, _P.SEE_SCHEDULE, _P.SEE_CASES),
            *(_P.EDIT_SURVEYS, _P.SEE_MESSAGES, _P.OPEN_LINKS),
        }
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
            _P.EDIT_CUSTOMERS,
            _P.ENTER_VISITS,
            _P.SEE_SCHEDULE,
            _P.OPEN_LINKS,
        }
    ),
    Role.SUPPORT: frozenset(
        {_P.SEE_ANSWERS, _P.SEE_CASES, _P.WORK_CASES, _P.SEE_CUSTOMERS, _P.EDIT_CUSTOMERS, _P.SEE_SCHEDULE}
    ),
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
