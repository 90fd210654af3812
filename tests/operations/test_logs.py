"""Log lines: what they tell, and that nobody's data are in them."""

import io
import json
import logging
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from npsapp.lib.tokens import new_token
from npsapp.operations.logs import Lines
from tests.journeys.conftest import Installation
from tests.mailserver import MailServer
from tests.operations.conftest import seed

SECRETS = ("Свiтлана-Секретна", "sekret@example.com", "+380 67 765 43 21", "380677654321", "тайный комментарий")


def written(logger: logging.Logger, as_json: bool, deed) -> str:  # type: ignore[no-untyped-def]
    """What the logger writes while `deed` runs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines(as_json=as_json))
    logger.addHandler(handler)
    try:
        deed()
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.from_regex(r"[a-zA-Z0-9._+]{1,20}", fullmatch=True),
    host=st.from_regex(r"[a-z]{1,10}(\.[a-z]{2,6}){1,2}", fullmatch=True),
    phone=st.from_regex(r"\+?380[ -]?[0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{2}", fullmatch=True),
    before=st.sampled_from(["", "to ", "<", "address=", "('", "/r/"]),
    as_json=st.booleans(),
)
def test_addresses_phones_and_tokens_never_reach_a_line(
    name: str, host: str, phone: str, before: str, as_json: bool
) -> None:
    token = new_token()
    log = logging.getLogger("tests.logs")

    def fail() -> None:
        log.error("refused %s%s@%s and %s on /r/%s/9", before, name, host, phone, token)
        try:
            raise ValueError(f"{name}@{host} {phone} {token}")
        except ValueError:
            log.exception("it failed")

    said = written(log, as_json, fail)

    assert f"@{host}" not in said
    assert phone not in said
    assert token not in said
    assert "ValueError" in said
    assert "test_logs.py" in said


def test_a_line_is_one_line_and_reads_back() -> None:
    log = logging.getLogger("tests.logs")

    said = written(log, True, lambda: log.error("two\nlines", extra={"fields": {"route": "/r/<token>", "ms": 1.5}}))

    assert said.count("\n") == 1
    assert {"event": "two\nlines", "route": "/r/<token>", "ms": 1.5, "level": "error"}.items() <= json.loads(
        said
    ).items()
    said = written(log, False, lambda: log.error("two\nlines", extra={"fields": {"status": 200}}))
    assert said.count("\n") == 1
    assert re.search(r'^at=\S+ level=error logger=tests\.logs event="two\\nlines" status=200$', said)


@pytest.mark.journey
def test_a_whole_journey_leaves_nobodys_data_in_the_logs(install, mail_server: MailServer, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Secrets stand in names, comments, files, passwords, links and addresses; servers and pages fail on the way."""
    name, email, phone, digits, words = SECRETS
    shop: Installation = install(
        LOG_FORMAT="json",
        LOG_LEVEL="debug",
        METRICS_TOKEN="geheim-metrics-token",
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=str(mail_server.port),
        MAIL_PER_MINUTE="0",
    )
    tokens = seed(shop).asked
    mail_server.refuse["petro@example.com"] = "550 5.1.1 petro@example.com is unknown"
    shop.serve()
    visitor = shop.visitor("uk")
    visitor.open(f"/r/{tokens[0]}/2")
    visitor.fill(score="2")
    visitor.fill(comment=f"{words}, {name}, {phone}, {email}")
    assert visitor.status == 200
    visitor.open(f"/r/{tokens[0]}x/2")
    visitor.open(f"/nowhere/{tokens[0]}")
    assert visitor.status == 404
    staff = shop.visitor()
    staff.open("/login")
    staff.fill("/login", email=email, password=f"{words} password")
    staff.sign_in("olena@vodolad.example", "correct horse battery")
    staff.open(f"/customers/?q={digits}")
    staff.open("/metrics")
    file = tmp_path / "secret.csv"
    file.write_text(f"number;date;customer;email;phone\nA-1;01.11.2026;{name};{email};{phone}\nA-2;nonsense;{name};;\n")
    output = [
        shop.flask("intake", "read", str(file), "--source", "shop", "--live", "--sender", "shop@example.com"),
        shop.flask("beat"),
    ]
    with shop.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE response RENAME TO elsewhere")
    visitor.open(f"/r/{tokens[1]}/2")
    visitor.send(f"/r/{tokens[1]}", score="2", comment=f"{words} {email}")
    assert visitor.status == 503
    output.append(shop.output())
    said = "\n".join(output[1:])

    lines = [json.loads(line) for line in shop.output().splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["event"] == "request"]
    assert {"/r/<token>/<score>", "/login", "none"} <= {line["route"] for line in requests}, requests
    assert all({"method", "route", "status", "ms", "request"} <= line.keys() for line in requests)
    assert len({line["request"] for line in requests}) == len(requests)
    broken = [line for line in lines if "error" in line]
    assert any("no such table: response" in line["error"] or "42P01" in line["error"] for line in broken)
    planted = [*SECRETS, *tokens, "petro@example.com", "correct horse", "geheim", "password", "vodolad.example"]
    assert [secret for secret in planted if secret in said or secret.encode("unicode-escape").decode() in said] == []


def test_a_wrong_level_stops_the_start(tmp_path: Path) -> None:
    shop = Installation(tmp_path / "instance", LOG_LEVEL="chatty")

    said = shop.flask("doctor", fails=True)

    assert "NPSAPP_LOG_LEVEL" in said
    assert "debug, info, warning, error" in said
