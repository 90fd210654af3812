"""The vocabulary of facts: `noun.past_verb`; also the names of webhook events."""

from enum import StrEnum

from npsapp.lib.texts import N_


class Event(StrEnum):
    """A fact worth a line in the audit log. `label` is its wording for people (an English msgid)."""

    label: str

    def __new__(cls, value: str, label: str) -> "Event":
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    SOURCE_CREATED = "source.created", N_("Source added")
    SOURCE_WENT_LIVE = "source.went_live", N_("Source went live")
    IMPORT_UPLOADED = "import.uploaded", N_("File uploaded")
    IMPORT_REFUSED = "import.refused", N_("File refused")
    IMPORT_APPLIED = "import.applied", N_("File imported")
    IMPORT_UNDONE = "import.undone", N_("Import undone")
    INVITATION_PLANNED = "invitation.planned", N_("Invitations planned")
    INVITATION_HELD_BACK = "invitation.held_back", N_("Invitations held back")
    INVITATION_SENT = "invitation.sent", N_("Invitation sent")
    INVITATION_OPENED = "invitation.opened", N_("Invitation opened")
    INVITATION_EXPIRED = "invitation.expired", N_("Invitations expired")
    INVITATION_WITHDRAWN = "invitation.withdrawn", N_("Invitation withdrawn")
    INVITATION_NOT_MINE = "invitation.not_mine", N_("Marked as not their purchase")
    MESSAGE_FAILED = "message.failed", N_("Message failed")
    MESSAGE_RETRIED = "message.retried", N_("Message queued again")
    SENDING_PAUSED = "sending.paused", N_("Sending paused")
    SENDING_SETTLED = "sending.settled", N_("Decided about letters that may have left")
    SENDING_RESUMED = "sending.resumed", N_("Sending resumed")
    RESPONSE_RECEIVED = "response.received", N_("Answer received")
    RESPONSE_CHANGED = "response.changed", N_("Answer changed")
    RESPONSE_DISPUTED = "response.disputed", N_("Answer disputed")
    RESPONSE_FINISHED = "response.finished", N_("Answer finished")
    RESPONSE_VOIDED = "response.voided", N_("Answer voided")
    RESPONSE_RESTORED = "response.restored", N_("Answer restored")
    RESPONSE_READ = "response.read", N_("Answer marked as read")
    CASE_OPENED = "case.opened", N_("Case opened")
    CASE_ASSIGNED = "case.assigned", N_("Case assigned")
    CASE_ACKNOWLEDGED = "case.acknowledged", N_("Case acknowledged")
    CASE_ATTEMPTED = "case.attempted", N_("Contact attempted")
    CASE_CONTACTED = "case.contacted", N_("Customer contacted")
    CASE_NOTED = "case.noted", N_("Note added to a case")
    CASE_JOINED = "case.joined", N_("Another answer joined a case")
    CASE_CHANGED = "case.changed", N_("Case changed")
    CASE_SETTLED = "case.settled", N_("Case settled")
    CASE_CLOSED = "case.closed", N_("Case closed")
    CASE_REOPENED = "case.reopened", N_("Case reopened")
    CUSTOMER_VIEWED = "customer.viewed", N_("Customer page opened")
    CUSTOMER_SEARCHED = "customer.searched", N_("Customers searched")
    CUSTOMER_UNSUBSCRIBED = "customer.unsubscribed", N_("Customer unsubscribed")
    CUSTOMER_RESUBSCRIBED = "customer.resubscribed", N_("Unsubscription taken back")
    ANSWERS_EXPORTED = "answers.exported", N_("Answers exported")
    CASES_EXPORTED = "cases.exported", N_("Cases exported")
    REPORT_EXPORTED = "report.exported", N_("Report exported")
    REJECTS_EXPORTED = "rejects.exported", N_("Rejected rows exported")
    DATA_EMPTIED = "data.emptied", N_("Personal data past its time taken out")
    USER_CREATED = "user.created", N_("User added")
    USER_CHANGED = "user.changed", N_("User changed")
    USER_BLOCKED = "user.blocked", N_("User blocked")
    USER_RETIRED = "user.retired", N_("User has left")
    USER_UNBLOCKED = "user.unblocked", N_("User unblocked")
    USER_LOGGED_IN = "user.logged_in", N_("Logged in")
    USER_LOGIN_FAILED = "user.login_failed", N_("Login failed")
    USER_LOGGED_OUT = "user.logged_out", N_("Logged out")
    USER_PASSWORD_SET = "user.password_set", N_("Password set")
    USER_PASSWORD_ASKED = "user.password_asked", N_("Password letter asked for")
    SESSION_REVOKED = "session.revoked", N_("Session ended")
    SETTING_CHANGED = "setting.changed", N_("Setting changed")
    SURVEY_PUBLISHED = "survey.published", N_("Survey published")
    SURVEY_PAUSED = "survey.paused", N_("Survey paused")
    DEMO_LOADED = "demo.loaded", N_("Demo company loaded")
    DEMO_REMOVED = "demo.removed", N_("Demo company removed")
    COMPANY_FOUNDED = "company.founded", N_("Company set up")
    CUSTOMER_NOTED = "customer.noted", N_("Note about a customer added")
    CUSTOMER_CHANGED = "customer.changed", N_("Customer changed")
    CUSTOMER_HELD = "customer.held", N_("Customer put on hold")
    CUSTOMER_RELEASED = "customer.released", N_("Hold of a customer lifted")
    GROUND_WITHDRAWN = "ground.withdrawn", N_("Ground withdrawn")
    TEST_SENT = "test.sent", N_("Test invitation sent")
