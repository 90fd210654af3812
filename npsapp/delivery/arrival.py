"""Can letters of an address arrive? What its domain says in DNS, and what to enter there. Pure."""

import re
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

from npsapp.delivery import providers
from npsapp.lib.texts import N_, Worded

MOST_LOOKUPS = 10  # RFC 7208, 4.6.4: look-ups in one SPF check


class Level(Worded):
    """How a finding stands."""

    OK = "ok", N_("right")
    WARN = "warn", N_("better so")
    BAD = "bad", N_("wrong")
    UNKNOWN = "quiet", N_("not known")


class About(Worded):
    """What a finding is about."""

    FREE = "free", N_("Free mailbox")
    SPF = "spf", N_("SPF: which servers may send")
    DKIM = "dkim", N_("DKIM: the signature of the letters")
    DMARC = "dmarc", N_("DMARC: what others do with false letters")
    MX = "mx", N_("MX: where replies go")
    PTR = "ptr", N_("PTR: the name of the sending server")


@dataclass(frozen=True)
class Finding:
    """One sentence about a domain, and the record that mends it: where (`name`) and which TXT value (`record`)."""

    about: About
    level: Level
    words: str
    """A msgid with named places, filled from `values`."""
    values: dict[str, Any]
    name: str = ""
    record: str = ""


Found = list[str] | None
"""Values of a record, the empty list where there is none, None where nobody answered."""


@dataclass(frozen=True)
class Facts:
    """What was found out about the domain of an address and the server that sends for it."""

    domain: str
    txt: Found = None
    dmarc: Found = None
    dkim: dict[str, Found] = field(default_factory=dict)
    """TXT values by selector."""
    mx: Found = None
    host: str = ""
    """The mail server named for the sender."""
    addresses: tuple[str, ...] = ()
    """Its network addresses."""
    names: dict[str, Found] = field(default_factory=dict)
    """Reverse names, by address."""
    confirmed: frozenset[str] = frozenset()
    """Addresses whose reverse name leads back to them."""

    @property
    def answered(self) -> bool:
        """Whether any name server answered at all."""
        return any(one is not None for one in (self.txt, self.dmarc, self.mx, *self.dkim.values()))


def findings(facts: Facts) -> list[Finding]:
    """Everything worth saying, in the order of `About`; for a free mailbox only that."""
    free = providers.provider_of(facts.domain)
    if free:
        return [_say(About.FREE, Level.WARN, FREE_MAILBOX, provider=free.name, limit=free.free or FEW)]
    return [_spf(facts), *_dkim(facts), _dmarc(facts), _mx(facts), *_ptr(facts)]


FREE_MAILBOX = N_(
    "Letters come from a free mailbox at %(provider)s. It lets one send %(limit)s, its servers refuse letters that "
    "others send in its name, and customers trust a company’s own domain more. Use an address of your own domain."
)
FEW = N_("few letters a day")
SILENT = N_("No name server answered in time. Try again later.")


def _say(about: About, level: Level, words: str, name: str = "", record: str = "", **values: Any) -> Finding:
    return Finding(about, level, words, values, name, record)


def _spf(facts: Facts) -> Finding:
    say = partial(_say, About.SPF)
    if facts.txt is None:
        return say(Level.UNKNOWN, SILENT)
    records = [one for one in facts.txt if one.lower().split(" ")[0] == "v=spf1"]
    if not records:
        record = f"v=spf1 {_source(facts)} ~all"
        return say(Level.BAD, N_("There is no SPF record. Enter this one."), facts.domain, record)
    if len(records) > 1:
        words = N_("There are %(count)s SPF records, so none of them counts (RFC 7208). Keep one and join them in it.")
        return say(Level.BAD, words, count=len(records))
    terms = records[0].split()[1:]
    end = next((one for one in terms if one.lstrip("+-~?") == "all"), "")
    lookups = sum(bool(_LOOKUP.match(term.lstrip("+-~?"))) for term in terms)
    if end in ("all", "+all"):
        words = N_("The SPF record lets everybody send in your name. End it with ~all.")
        return say(Level.BAD, words, facts.domain, _ended(terms, "~all"))
    if lookups > MOST_LOOKUPS:
        words = N_("The SPF record needs %(count)s look-ups; more than 10 make it invalid. Take out what is not used.")
        return say(Level.BAD, words, count=lookups)
    if missing := _missing(facts, [term.lstrip("+") for term in terms]):
        words = N_("SPF does not name the server %(host)s that sends. Enter this record instead.")
        return say(Level.BAD, words, facts.domain, _ended([missing, *terms], end or "~all"), host=facts.host)
    if not end and "redirect=" not in records[0]:
        return say(Level.WARN, N_("The SPF record has no end. End it with ~all."), facts.domain, _ended(terms, "~all"))
    return say(Level.OK, N_("The SPF record stands."))


_LOOKUP = re.compile(r"(include:|exists:|redirect=|(a|mx|ptr)(?![a-z]))")


def _source(facts: Facts) -> str:
    """What an SPF record says of the server that sends."""
    known = [one.include for one in providers.PROVIDERS if one.include and _is_of(facts.host, one)]
    ips = [f"ip{6 if ':' in one else 4}:{one}" for one in facts.addresses]
    return f"include:{known[0]}" if known else " ".join(ips) or "mx"


def _is_of(host: str, provider: providers.Provider) -> bool:
    return any(host == one or host.endswith(f".{one}") for one in (*provider.domains, *provider.servers))


def _missing(facts: Facts, terms: list[str]) -> str:
    """What the record lacks for our server; empty when it is there, or may be behind a name we do not follow."""
    source = _source(facts)
    if source.startswith("include:"):
        return "" if source in terms or any(term.startswith("redirect=") for term in terms) else source
    named = any(_holds(term, one) for one in facts.addresses for term in terms)
    return "" if named or not facts.addresses or any(_LOOKUP.match(term) for term in terms) else source


def _holds(term: str, address: str) -> bool:
    """Whether `ip4:192.0.2.0/24` names an address; what cannot be read names nothing."""
    try:
        return term[:4] in ("ip4:", "ip6:") and ip_address(address) in ip_network(term[4:], strict=False)
    except ValueError:
        return False


def _ended(terms: list[str], end: str) -> str:
    return " ".join(["v=spf1", *(one for one in terms if one.lstrip("+-~?") != "all"), end])


def _dkim(facts: Facts) -> list[Finding]:
    words = N_("Ask your mail provider for the selector of DKIM and enter it above; then it is checked here.")
    found = [_key(f"{one}._domainkey.{facts.domain}", one, values) for one, values in facts.dkim.items()]
    return found or [_say(About.DKIM, Level.UNKNOWN, words)]


def _key(name: str, selector: str, values: Found) -> Finding:
    say = partial(_say, About.DKIM, selector=selector)
    if values is None:
        return say(Level.UNKNOWN, SILENT)
    keys = [_tags(one) for one in values if "p=" in one]
    if not keys:
        words = N_("Under the selector %(selector)s there is no key. Enter the one your mail provider shows you.")
        return say(Level.BAD, words, name, "v=DKIM1; k=rsa; p=…")
    if not keys[0]["p"]:
        return say(Level.BAD, N_("The key %(selector)s was withdrawn (p= is empty)."), name)
    if keys[0].get("k", "rsa") == "rsa" and len(keys[0]["p"]) < MIN_RSA:
        words = N_("The key %(selector)s is shorter than 1,024 bits; Gmail does not accept it. Make one of 2,048 bits.")
        return say(Level.BAD, words, name)
    if "y" in keys[0].get("t", "").split(":"):
        return say(Level.WARN, N_("The key %(selector)s is marked as a test (t=y). Take the mark away."), name)
    return say(Level.OK, N_("The key %(selector)s stands."))


MIN_RSA = 200  # characters of base64; a key of 1,024 bits has 216


def _tags(record: str) -> dict[str, str]:
    """`k=rsa; p=…` as pairs."""
    parts = (part.partition("=") for part in record.split(";"))
    return {"p": ""} | {name.strip().lower(): "".join(value.split()) for name, _sign, value in parts}


def _dmarc(facts: Facts) -> Finding:
    say, name = partial(_say, About.DMARC), f"_dmarc.{facts.domain}"
    record = f"v=DMARC1; p=%s; rua=mailto:dmarc@{facts.domain}"
    if facts.dmarc is None:
        return say(Level.UNKNOWN, SILENT)
    records = [_tags(one) for one in facts.dmarc if one.lower().startswith("v=dmarc1")]
    if not records:
        words = N_("There is no DMARC record; Gmail and Yahoo ask for one. Enter this one.")
        return say(Level.BAD, words, name, record % "none")
    if len(records) > 1 or records[0]["p"] not in ("none", "quarantine", "reject"):
        return say(Level.BAD, N_("The DMARC record cannot be read. Enter this one instead."), name, record % "none")
    if records[0]["p"] == "none":
        words = N_("DMARC only watches (p=none): enough to begin with. When its reports are clean, tighten it.")
        return say(Level.OK, words, name, record % "quarantine")
    return say(Level.OK, N_("The DMARC record stands."))


def _mx(facts: Facts) -> Finding:
    if facts.mx is None:
        return _say(About.MX, Level.UNKNOWN, SILENT)
    if not facts.mx or facts.mx == ["."]:
        words = N_("The domain takes no mail: replies are lost, and many servers refuse its letters.")
        return _say(About.MX, Level.BAD, words)
    return _say(About.MX, Level.OK, N_("Mail to the domain goes to %(servers)s."), servers=", ".join(facts.mx[:3]))


def _ptr(facts: Facts) -> list[Finding]:
    if not facts.addresses:
        words = N_("The public address of the server that sends is not known here; its owner answers for its name.")
        return [_say(About.PTR, Level.UNKNOWN, words)]
    return [_name(one, facts.names.get(one), back=one in facts.confirmed) for one in facts.addresses]


def _name(address: str, names: Found, *, back: bool) -> Finding:
    say = partial(_say, About.PTR, address=address, called=(names or [""])[0])
    if names is None:
        return say(Level.UNKNOWN, SILENT)
    if not names:
        words = N_("%(address)s has no reverse name. If letters leave from there, ask the server’s owner to set one.")
        return say(Level.BAD, words)
    if not back:
        words = N_("%(address)s is called %(called)s, but that name does not lead back. Enter an A or AAAA record.")
        return say(Level.WARN, words)
    return say(Level.OK, N_("%(address)s is called %(called)s, and that name leads back to it."))
