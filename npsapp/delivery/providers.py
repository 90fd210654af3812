"""Known mailbox providers: their domains, what they take from one sender, and what they let their own users send."""

from dataclasses import dataclass

from npsapp.lib.texts import N_


@dataclass(frozen=True)
class Provider:
    """A mailbox provider. Its domains share one queue and one pace."""

    name: str
    domains: tuple[str, ...]
    """The first stands for all."""
    per_minute: int
    """Letters a minute from one sender to this provider, 0: no limit."""
    source: str = ""
    """Its rules for senders."""
    free: str = ""
    """What a free mailbox there may send a day (a msgid); empty: unknown."""
    include: str = ""
    """What its users' own domains name in SPF."""
    servers: tuple[str, ...] = ()
    """Where its mail servers stand, besides its domains."""


_GMAIL = "https://support.google.com/a/answer/81126"
_OUTLOOK = "https://sendersupport.olc.protection.outlook.com/pm/policies.aspx"
_YAHOO = "https://senders.yahooinc.com/best-practices/"
_APPLE = "https://support.apple.com/102322"
_MAIL_RU, _YANDEX = "https://postmaster.mail.ru/", "https://postoffice.yandex.ru/"
_GMX = "https://postmaster.gmx.net/"
_HUNDREDS, _DOZENS = N_("a few hundred letters a day"), N_("a few dozen letters a day")

# None of them publishes letters a minute: they publish how a new sender begins (slowly), and at what a day it counts as
# a bulk sender (Gmail, Yahoo, Outlook: 5,000). 60 a minute stays below that for 80 minutes of sending a
# day, and 30 is caution towards small ones that publish nothing.
PROVIDERS = (
    Provider("Gmail", ("gmail.com", "googlemail.com"), 60, _GMAIL, N_("500 letters a day"),
             "_spf.google.com", ("google.com",)),
    Provider("Outlook", ("outlook.com", "hotmail.com", "live.com", "msn.com", "hotmail.fr", "hotmail.co.uk"),
             60, _OUTLOOK, _HUNDREDS, "spf.protection.outlook.com", ("office365.com",)),
    Provider("Yahoo", ("yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "yahoo.co.uk", "yahoo.fr"), 60, _YAHOO,
             N_("500 letters a day")),
    Provider("iCloud", ("icloud.com", "me.com", "mac.com"), 60, _APPLE, N_("1,000 letters a day")),
    Provider("ukr.net", ("ukr.net",), 30, free=_HUNDREDS),
    Provider("i.ua", ("i.ua", "ua.fm", "email.ua", "3g.ua"), 30, free=_DOZENS),
    Provider("meta.ua", ("meta.ua",), 30, free=_DOZENS),
    Provider("bigmir)net", ("bigmir.net",), 30),
    Provider("Mail.ru", ("mail.ru", "bk.ru", "inbox.ru", "list.ru", "internet.ru", "xmail.ru"), 60, _MAIL_RU, _HUNDREDS,
             "_spf.mail.ru"),
    Provider("Yandex", ("yandex.ru", "ya.ru", "yandex.com", "yandex.ua", "yandex.by", "yandex.kz"), 60, _YANDEX,
             _HUNDREDS, "_spf.yandex.net", ("yandex.net",)),
    Provider("Rambler", ("rambler.ru", "lenta.ru", "autorambler.ru", "myrambler.ru", "ro.ru"), 30),
    Provider("Proton", ("proton.me", "protonmail.com", "pm.me"), 30, free=_HUNDREDS, include="_spf.protonmail.ch"),
    Provider("GMX", ("gmx.com", "gmx.net", "gmx.de", "web.de"), 30, _GMX, _HUNDREDS),
    Provider("Seznam", ("seznam.cz", "email.cz"), 30),
    Provider("WP", ("wp.pl", "o2.pl"), 30),
)  # fmt: skip
_BY_DOMAIN = {domain: provider for provider in PROVIDERS for domain in provider.domains}


def provider_of(domain: str) -> Provider | None:
    """Whose mailboxes a domain holds, when it is known."""
    return _BY_DOMAIN.get(domain)


def domain_of(address: str) -> str:
    """The domain an address is counted under, a provider's domains under its first; empty for a phone number."""
    domain = address.rpartition("@")[2].lower() if "@" in address else ""
    found = _BY_DOMAIN.get(domain)
    return found.domains[0] if found else domain


def usual_limit(domain: str) -> int:
    """Letters a minute from one sender, as long as nobody entered another number; 0: no limit."""
    found = _BY_DOMAIN.get(domain)
    return found.per_minute if found else 0


def name_of(domain: str) -> str:
    """What people call the provider: its name, else the domain."""
    found = _BY_DOMAIN.get(domain)
    return found.name if found else domain
