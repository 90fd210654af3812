"""The files for systemd and nginx, and the steps of an upgrade, as README tells them."""

import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from npsapp.config import BY_NAME
from npsapp.intake.packages import MOST_PER_POST
from npsapp.lib.tables import MEGABYTE
from npsapp.lib.tokens import keyed
from tests.journeys.conftest import ROOT, Installation, wait_until
from tests.mailserver import free_port
from tests.operations.conftest import command, inside, seed

DEPLOY = ROOT / "npsapp" / "operations" / "deploy"
NAME = "nps.example.com"


@pytest.mark.parametrize("name", ["npsapp-web.service", "npsapp-worker.service"])
def test_systemd_accepts_the_units(tmp_path: Path, name: str) -> None:
    unit = (DEPLOY / name).read_text()
    # Its programs stand where this test runs; everything else is as shipped.
    (tmp_path / name).write_text(unit.replace("/opt/npsapp/.venv/bin/python", sys.executable))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, [line for line in done.stderr.splitlines() if name in line]) == (0, [])
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "ReadWritePaths=/var/lib/npsapp"} <= set(unit.splitlines())


def test_nginx_lets_the_largest_upload_and_the_largest_piece_of_a_package_through() -> None:
    assert f"client_max_body_size {MOST_PER_POST // MEGABYTE + 1}m;" in (DEPLOY / "nginx.conf").read_text()
    assert BY_NAME["UPLOAD_MEGABYTES"].default * MEGABYTE < MOST_PER_POST


@pytest.fixture
def front(install: Callable[..., Installation], tmp_path: Path) -> Iterator[SimpleNamespace]:
    """The shipped nginx file with other ports and a self-made certificate, before a real web process."""
    https, plain = free_port(), free_port()
    shop = install(PUBLIC_URL=f"https://{NAME}", TRUSTED_PROXIES="127.0.0.1", LOG_FORMAT="json")
    links = seed(shop).asked
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME} -addext subjectAltName=DNS:{NAME}"
    openssl = ["openssl", *words.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(openssl, check=True, capture_output=True)
    site = (DEPLOY / "nginx.conf").read_text()
    site = re.sub(r"listen \[::\].*", "", site)
    for shipped, here in (
        ("listen 80;", f"listen {plain};"),
        ("listen 443 ssl;", f"listen {https} ssl;"),
        ("/etc/ssl/npsapp/fullchain.pem", str(certificate)),
        ("/etc/ssl/npsapp/privkey.pem", str(key)),
        ("http://127.0.0.1:8000;", f"{shop.address};"),
    ):
        assert shipped in site
        site = site.replace(shipped, here)
    folders = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; user root; events {{}}"
        f" http {{ client_body_temp_path {tmp_path}/body; {folders} access_log {tmp_path}/access.log; {site} }}"
    )
    shop.serve()
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    nginx = subprocess.Popen(
        [program, "-c", str(tmp_path / "nginx.conf")], stderr=subprocess.PIPE, start_new_session=True
    )
    wait_until(lambda: _listens(https), "nginx listens")
    yield SimpleNamespace(shop=shop, links=links, https=https, plain=plain, certificate=certificate, folder=tmp_path)
    os.killpg(nginx.pid, signal.SIGTERM)
    assert nginx.wait(10) == 0
    assert nginx.stderr is not None
    nginx.stderr.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Https:
    """A browser that believes the self-made certificate, for the name it was made for only."""

    def __init__(self, front: SimpleNamespace, source: str = "127.0.0.1") -> None:
        self.context = ssl.create_default_context(cafile=str(front.certificate))
        self.port, self.source = front.https, source

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPSConnection(NAME, self.port, context=self.context, timeout=60)
        plain = socket.create_connection(("127.0.0.1", self.port), 60, source_address=(self.source, 0))
        connection.sock = self.context.wrap_socket(plain, server_hostname=NAME)
        connection.request(method, path, body, {"Host": NAME, "Accept-Language": "uk", **(headers or {})})
        answer = connection.getresponse()
        page = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, dict(answer.headers.items()), page

    def send(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> tuple[int, dict[str, str], str]:
        form = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.ask("POST", path, urlencode(fields).encode(), form)


@pytest.mark.journey
@pytest.mark.sqlite_only
def test_the_survey_is_answered_over_https_through_nginx(front: SimpleNamespace) -> None:
    customer = Https(front)

    status, headers, page = customer.ask("GET", f"/r/{front.links[0]}/4")
    assert (status, headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
    form = re.search(r"<form[\s\S]*?</form>", page)
    assert form
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form.group()))
    action = re.search(r'action="([^"#]*)', form.group())
    status, headers, _page = customer.send(
        action.group(1) if action else f"/r/{front.links[0]}", **{**hidden, "score": "4"}
    )
    assert status in (200, 302, 303)
    assert front.shop.rows("SELECT score FROM response") == [(4,)]
    assert headers.get("Location", "/").startswith(("/", f"https://{NAME}/"))

    # Whoever asks without TLS is sent to the same address with it.
    connection = http.client.HTTPConnection("127.0.0.1", front.plain, timeout=10)
    connection.request("GET", "/r/abc/4", headers={"Host": NAME})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}/r/abc/4")

    # Staff sign in with a cookie that travels over TLS only.
    status, headers, page = customer.ask("GET", "/login")
    assert "Secure" in headers["Set-Cookie"]

    # A wrong password counts against the visitor's own address, whatever the visitor claims.
    assert _guess(Https(front, "127.0.0.2"))[0] == 422
    secret = (front.shop.folder / "secret_key").read_text().strip()
    (counted,) = front.shop.rows("SELECT key FROM login_attempt WHERE key LIKE 'address:%'")
    assert counted == (f"address:{keyed(secret, 'throttle', '127.0.0.2')}",)

    # The largest file passes, one byte more than the limit does not reach the program.
    megabyte = 1024 * 1024
    kind = {"Content-Type": "application/octet-stream"}
    assert customer.ask("POST", "/login", b"x" * (39 * megabyte), kind)[0] == 400
    assert customer.ask("POST", "/login", b"", kind | {"Content-Length": str(121 * megabyte + 1)})[0] == 413

    # Nobody wrote the address of the link down.
    logs = [front.folder / "error.log", front.folder / "access.log"]
    said = front.shop.output() + "".join(path.read_text() for path in logs if path.exists())
    assert front.links[0] not in said
    assert '"route": "/r/<token>' in said


def _guess(browser: Https) -> tuple[int, dict[str, str], str]:
    _status, headers, page = browser.ask("GET", "/login")
    cookie = headers["Set-Cookie"].split(";")[0]
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    claimed = {"Cookie": cookie, "X-Forwarded-For": "9.9.9.9", "Referer": f"https://{NAME}/login"}
    return browser.send("/login", claimed, email="a@example.com", password="x", csrf_token=token.group(1))


@pytest.mark.journey
def test_the_steps_of_an_upgrade_lead_forward_and_back(install: Callable[..., Installation], tmp_path: Path) -> None:
    """README, Upgrading: stop, backup, new code, db upgrade, start; and back by restore."""
    shop = install()
    links = seed(shop).asked
    folder = tmp_path / "before"
    with inside(shop) as app:
        command(app, "db", "downgrade", "0001")  # an installation of the first release, with data
    with inside(shop) as app:
        command(app, "backup", str(folder))
        command(app, "db", "upgrade")
        command(app, "beat")
    shop.serve()
    customer = shop.visitor("uk")
    customer.open(f"/r/{links[0]}/3")
    customer.fill(score="3")
    assert shop.rows("SELECT score FROM response") == [(3,)]
    shop.stop()

    with inside(shop) as app:
        command(app, "restore", str(folder), "--replace")
    assert shop.rows("SELECT count(*) FROM response") == [(0,)]
    shop.serve()
    customer.open(f"/r/{links[0]}/8")
    customer.fill(score="8")
    assert shop.rows("SELECT score FROM response") == [(8,)]
