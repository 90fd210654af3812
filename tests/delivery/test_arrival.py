"""Can my mail arrive? What records mean, asked of a real name server, and what the page says."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from flask import Flask
from flask.testing import FlaskClient

from npsapp.db import transaction
from npsapp.delivery import arrival, lookups, refusals
from npsapp.delivery.arrival import About, Facts, Level
from npsapp.delivery.models import Sender
from npsapp.delivery.refusals import Meaning
from tests.cast import csrf

IP = "93.184.216.34"
KEY = "v=DKIM1; k=rsa; p=" + "A" * 392
RUA = "rua=mailto:dmarc@vodolad.example"
RECORDS = {
    ("vodolad.example", "TXT"): [f'"v=spf1 ip4:{IP} ~all"', '"google-site-verification=x"'],
    ("_dmarc.vodolad.example", "TXT"): ['"v=DMARC1; p=none; rua=mailto:d@vodolad.example"'],
    ("mail._domainkey.vodolad.example", "TXT"): [f'"{KEY[:200]}" "{KEY[200:]}"'],
    ("vodolad.example", "MX"): ["20 b.vodolad.example.", "10 a.vodolad.example."],
    ("smtp.vodolad.example", "A"): [IP],
    ("34.216.184.93.in-addr.arpa", "PTR"): ["smtp.vodolad.example."],
}


class NameServer:
    """A name server of this machine; `silent` names get no answer."""

    def __init__(self) -> None:
        self.records, self.silent = dict(RECORDS), False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.where = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                wire, asker = self._socket.recvfrom(4096)
            except OSError:
                return
            if wire == b"stop":
                return
            if not self.silent:
                self._socket.sendto(self._answer(dns.message.from_wire(wire)).to_wire(), asker)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        (asked,) = query.question
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name, kind = asked.name.to_text(omit_final_dot=True).lower(), asked.rdtype.name
        values = self.records.get((name, kind))
        if values:
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *values))
        elif not any(known == name for known, _kind in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"stop", ("127.0.0.1", int(self.where.partition(":")[2])))
        time.sleep(0.01)
        self._socket.close()


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.stop()


def facts(**over: object) -> Facts:
    values = {
        "domain": "vodolad.example",
        "txt": [f"v=spf1 ip4:{IP} ~all"],
        "dmarc": ["v=DMARC1; p=quarantine"],
        "dkim": {"mail": [KEY]},
        "mx": ["a.vodolad.example"],
        "host": "smtp.vodolad.example",
        "addresses": (IP,),
        "names": {IP: ["smtp.vodolad.example"]},
        "confirmed": frozenset({IP}),
    }
    return Facts(**(values | over))  # type: ignore[arg-type]


def test_what_is_right_is_called_right() -> None:
    assert {one.level for one in arrival.findings(facts())} == {Level.OK}


@pytest.mark.parametrize(
    ("over", "about", "level", "record"),
    [
        ({"txt": []}, About.SPF, Level.BAD, f"v=spf1 ip4:{IP} ~all"),
        ({"txt": [], "addresses": ()}, About.SPF, Level.BAD, "v=spf1 mx ~all"),
        ({"txt": [], "host": "smtp.gmail.com"}, About.SPF, Level.BAD, "v=spf1 include:_spf.google.com ~all"),
        ({"txt": ["v=spf1 -all"], "host": "smtp.office365.com"}, About.SPF, Level.BAD,
         "v=spf1 include:spf.protection.outlook.com -all"),
        ({"txt": ["v=spf1 ip4:1.2.3.4 -all"]}, About.SPF, Level.BAD, f"v=spf1 ip4:{IP} ip4:1.2.3.4 -all"),
        ({"txt": ["v=spf1 ip4:93.184.216.0/24 -all"]}, About.SPF, Level.OK, ""),
        ({"txt": ["V=SPF1 include:_spf.other.example ~all"]}, About.SPF, Level.OK, ""),
        ({"txt": ["v=spf1 mx +all"]}, About.SPF, Level.BAD, "v=spf1 mx ~all"),
        ({"txt": ["v=spf1 mx"]}, About.SPF, Level.WARN, "v=spf1 mx ~all"),
        ({"txt": ["v=spf1"]}, About.SPF, Level.BAD, f"v=spf1 ip4:{IP} ~all"),
        ({"txt": ["v=spf1 ip4:999.1.1.1 ip4: -all"]}, About.SPF, Level.BAD, f"v=spf1 ip4:{IP} ip4:999.1.1.1 ip4: -all"),
        ({"txt": ["v=spf1 mx -all", "v=spf1 a -all"]}, About.SPF, Level.BAD, ""),
        ({"txt": ["v=spf1 " + "include:x " * 11 + "~all"]}, About.SPF, Level.BAD, ""),
        ({"txt": None}, About.SPF, Level.UNKNOWN, ""),
        ({"dkim": {}}, About.DKIM, Level.UNKNOWN, ""),
        ({"dkim": {"mail": []}}, About.DKIM, Level.BAD, "v=DKIM1; k=rsa; p=…"),
        ({"dkim": {"mail": ["v=DKIM1; p="]}}, About.DKIM, Level.BAD, ""),
        ({"dkim": {"mail": ["v=DKIM1; p=" + "A" * 128]}}, About.DKIM, Level.BAD, ""),
        ({"dkim": {"mail": ["v=DKIM1; k=ed25519; p=" + "A" * 44]}}, About.DKIM, Level.OK, ""),
        ({"dkim": {"mail": [KEY + "; t=y"]}}, About.DKIM, Level.WARN, ""),
        ({"dmarc": []}, About.DMARC, Level.BAD, f"v=DMARC1; p=none; {RUA}"),
        ({"dmarc": ["v=DMARC1; p=often"]}, About.DMARC, Level.BAD, f"v=DMARC1; p=none; {RUA}"),
        ({"dmarc": ["v=DMARC1; p=none"]}, About.DMARC, Level.OK, f"v=DMARC1; p=quarantine; {RUA}"),
        ({"mx": []}, About.MX, Level.BAD, ""),
        ({"mx": ["."]}, About.MX, Level.BAD, ""),
        ({"addresses": ()}, About.PTR, Level.UNKNOWN, ""),
        ({"names": {IP: []}}, About.PTR, Level.BAD, ""),
        ({"confirmed": frozenset()}, About.PTR, Level.WARN, ""),
        ({"domain": "ukr.net"}, About.FREE, Level.WARN, ""),
    ],
)  # fmt: skip
def test_each_record_has_its_finding_and_the_record_to_enter(
    over: dict[str, object], about: About, level: Level, record: str
) -> None:
    found = [one for one in arrival.findings(facts(**over)) if one.about is about]

    assert [(one.level, one.record) for one in found] == [(level, record)]
    assert all(one.words % one.values for one in found)


def test_name_servers_are_asked(names: NameServer) -> None:
    found = lookups.facts(
        "vodolad.example", selectors=["mail", "other"], host="smtp.vodolad.example", servers=[names.where], seconds=2
    )

    assert found.dkim == {"mail": [KEY], "other": []}
    assert found.mx == ["a.vodolad.example", "b.vodolad.example"]
    assert (found.addresses, found.confirmed) == ((IP,), {IP})
    assert {one.about for one in arrival.findings(found) if one.level is not Level.OK} == {About.DKIM}


def test_a_silent_name_server_costs_a_few_seconds_at_most(names: NameServer) -> None:
    names.silent = True
    began = time.monotonic()

    found = lookups.facts(
        "vodolad.example", selectors=["mail"], host="smtp.x.example", servers=[names.where], seconds=0.2
    )

    assert time.monotonic() - began < 3
    assert not found.answered
    assert {one.level for one in arrival.findings(found)} == {Level.UNKNOWN}


def test_the_page_says_what_to_enter(
    app: Flask, company: SimpleNamespace, client: FlaskClient, login: Callable[..., FlaskClient], names: NameServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(app.config, "DNS_SERVERS", (names.where,))
    monkeypatch.setitem(app.config, "MAIL_SERVER", "smtp.vodolad.example")
    url, sender_id = f"/sender/{company.sender.id}/arrival", company.sender.id
    login(client, company.admin)
    token = csrf(client.get(url).text)
    del names.records["_dmarc.vodolad.example", "TXT"]

    page = client.post(url, data={"selectors": "mail", "csrf_token": token}).text

    assert "The SPF record stands." in page
    assert "The key mail stands." in page
    assert "v=DMARC1; p=none; rua=mailto:dmarc@vodolad.example" in page
    assert "smtp.vodolad.example, and that name leads back" in page
    with transaction() as session:
        assert session.get_one(Sender, sender_id).selectors == "mail"
        session.get_one(Sender, sender_id).address = "shop@gmail.com"
    page = client.post(url, data={"selectors": "", "csrf_token": token}).text
    assert "free mailbox at Gmail" in page
    assert "500 letters a day" in page


@pytest.mark.parametrize(
    ("code", "words", "status", "meaning"),
    [
        (550, "5.1.1 The email account that you tried to reach does not exist", "5.1.1", Meaning.DEAD),
        (550, "5.2.1 mailbox disabled", "5.2.1", Meaning.DEAD),
        (550, "No such user here", "5.1.1", Meaning.DEAD),
        (550, "sorry, address doesn't exist", "5.1.1", Meaning.DEAD),
        (552, "5.2.2 over quota", "5.2.2", Meaning.FULL),
        (452, "mailbox full", "4.2.2", Meaning.FULL),
        (550, "5.7.26 unauthenticated", "5.7.26", Meaning.REPUTATION),
        (554, "Service unavailable; blocked using zen.spamhaus.org", "5.7.1", Meaning.REPUTATION),
        (550, "5.1.8 sender domain not found", "5.1.8", Meaning.SENDER),
        (553, "5.1.7 bad sender", "5.1.7", Meaning.SENDER),
        (421, "too many connections", "4.7.0", Meaning.SLOW),
        (421, "bye", "4.7.0", Meaning.SLOW),
        (550, "Sender domain not found", "5.1.8", Meaning.SENDER),
        (550, "your account was suspended", "5.0.0", Meaning.OTHER),
        (450, "corporate policy", "4.7.1", Meaning.SLOW),
        (451, "4.7.1 Greylisted", "4.7.1", Meaning.SLOW),
        (450, "4.2.0 busy", "4.2.0", Meaning.BUSY),
        (451, "local error", "4.0.0", Meaning.BUSY),
        (552, "5.3.4 too big", "5.3.4", Meaning.SIZE),
        (550, "5.4.4 no route", "5.4.4", Meaning.ROUTE),
        (554, "5.6.0 8bit", "5.6.0", Meaning.CONTENT),
        (554, "transaction failed", "5.0.0", Meaning.OTHER),
        (554, "5.0.0 spam detected", "5.7.1", Meaning.REPUTATION),
        (550, "see http://1.5.1.1/ for help", "5.0.0", Meaning.OTHER),
    ],
)
def test_answers_of_servers_have_a_meaning(code: int, words: str, status: str, meaning: Meaning) -> None:
    assert refusals.enhanced_status(code, words) == status
    assert refusals.meaning_of(status) is meaning
    assert meaning.remedy


def test_addresses_are_taken_out_of_a_servers_words() -> None:
    said = "550 5.1.1 <Olena.K@example.com>: user (olena.k@example.com) unknown\n at mx.example.com"

    assert refusals.without_addresses(said) == "550 5.1.1 <…>: user (…) unknown at mx.example.com"
