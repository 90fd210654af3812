"""What to enter on the other side of a connection, in the words of the people who do it there."""

from dataclasses import dataclass, field

from flask_babel import gettext as _

from npsapp.intake import api_examples, inbox
from npsapp.intake.models import Source, SourceKind

Labelled = list[tuple[str, str]]


@dataclass(frozen=True)
class Instructions:
    """Steps in order, what to enter where, and texts to copy whole."""

    steps: list[str] = field(default_factory=list)
    facts: Labelled = field(default_factory=list)
    examples: Labelled = field(default_factory=list)
    works: Labelled = field(default_factory=list)
    """Which generation of the other program gets there, and how."""


def instructions(source: Source, url: str, secret: str) -> Instructions:
    """How to connect the other program; `url` is where this program is, `secret` is empty unless just made."""
    shown = secret or _("shown once, when the connection was made")
    make = _MAKERS.get(source.kind)
    return make(source, url, shown) if make else Instructions()


def _onec(source: Source, url: str, secret: str) -> Instructions:
    return Instructions(
        steps=[
            _(
                "Look first which exchange this base has. With the exchange module of 1C-Bitrix customers come with "
                "e-mail and phone. The built-in exchange sends neither: then use a connection of the kind “Own program "
                "(API)”, a folder or a mailbox instead."
            ),
            _("In 1C or BAS open the synchronisation of data, “Exchange with a site”, and add an exchange."),
            _("Switch the exchange of orders on and the exchange of goods (catalog) off."),
            _("Enter address, user and password as they stand here, without blanks, and press “Check connection”."),
            _("Choose how often it runs, every hour for example, and let it run once by hand."),
            _("Come back to this page: the exchange stands below, with what was taken in and what was not."),
        ],
        facts=[
            (_("Address of the site"), f"{url}/1c/exchange/{source.key}"),
            (_("User"), source.login),
            (_("Password"), secret),
        ],
        works=[
            (
                _("Trade, Retail, ERP, small business on managed forms (УТ 11, КА, ERP, УНФ, Розница 2; BAS the same)"),
                _("HTTPS as above, with the exchange module of 1C-Bitrix."),
            ),
            (
                _("Older configurations on ordinary forms (УТ 10.3, УТП, УПП, УТ 2.3)"),
                _("A report saved as a file into a folder, or sent by mail; HTTPS where the exchange was added."),
            ),
            (_("Accounting only (Бухгалтерия, BAS Бухгалтерія)"), _("A report by mail or into a folder.")),
        ],
    )


def _api(_source: Source, url: str, secret: str) -> Instructions:
    key = secret if " " not in secret else "KEY"
    return Instructions(
        steps=[
            _("Send purchases as JSON to the address, one or up to 1,000 at once; sending them again does no harm."),
            _("Each one is answered with what became of it. The description names every field."),
        ],
        facts=[(_("Address"), f"{url}/api/v1/interactions"), (_("Key"), secret), (_("Description"), f"{url}/api/docs")],
        examples=[
            (_("Try it from a command line"), api_examples.curl(url, key)),
            (_("A procedure for 1C and BAS 8.3"), api_examples.onec(url, key)),
        ],
        works=[
            (_("1C and BAS on platform 8.3"), _("The procedure above, called by a scheduled job.")),
            (_("Platform 8.2 and older"), _("Without the newer protection of connections: use a folder or a mailbox.")),
        ],
    )


def _hook(source: Source, url: str, secret: str) -> Instructions:
    told = {
        SourceKind.BITRIX24: _("In Bitrix24 add an outgoing webhook for changed deals, with the address below."),
        SourceKind.AMOCRM: _("In amoCRM or Kommo add a webhook for changed leads, with the address below."),
    }
    usual = _("Let the other program call the address below whenever an order changes.")
    address = f"{url}/hooks/{source.key}"
    return Instructions(
        steps=[
            told.get(source.kind, usual),
            _("Then open “How it is read” above and fill it in."),
            _("Change one deal or order, and look here whether the call arrived."),
        ],
        facts=[(_("Address"), f"{address}/{secret}" if " " not in secret else address + "/…"), (_("Secret"), secret)],
        works=[
            (
                _("Programs that send headers"),
                _("The address without the secret, and the secret in a header X-Webhook-Secret."),
            )
        ],
    )


def _folder(source: Source, _url: str, _secret: str) -> Instructions:
    return Instructions(
        steps=[
            _("Let the nightly report be saved into the folder, as CSV, XLS, XLSX, ODS or XML of 1C."),
            _("A file is read once it has not changed for a minute, and is then moved aside."),
        ],
        facts=[(_("Folder on this server"), str(inbox.folder_of(source)))],
        works=[
            (_("Every 1C and BAS, also the oldest"), _("A report as a table with columns for date, customer, phone."))
        ],
    )


def _mailbox(_source: Source, _url: str, _secret: str) -> Instructions:
    return Instructions(
        steps=[
            _("Open “Mailbox and senders” above and enter the mailbox and whose attachments are read."),
            _("Let the other program send its report there as an attachment: CSV, XLS, XLSX or ODS."),
        ],
        works=[(_("Every 1C and BAS, also the oldest"), _("A report sent by mail on a schedule."))],
    )


_MAKERS = {
    SourceKind.ONEC: _onec,
    SourceKind.API: _api,
    SourceKind.BITRIX24: _hook,
    SourceKind.AMOCRM: _hook,
    SourceKind.WEBHOOK: _hook,
    SourceKind.FOLDER: _folder,
    SourceKind.MAILBOX: _mailbox,
}
