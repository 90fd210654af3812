"""Where the SMS of the crash runs arrive: a gateway that counts what it takes, and reports until it is heard."""

import threading
import time
import urllib.request
from collections import Counter
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from npsapp.delivery.channels.gateways import Recipe, Way
from tests.crashes.sink import SHORT_LINK
from tests.kannel import listen
from tests.mailserver import free_port

SLOWNESS_S = 0.012  # an SMS is on its way for a moment, so that some are when a process dies
REPORTED = 4  # one in so many is reported
NOT_AGAIN_S = 0.2
RECIPE = Recipe(
    way=Way.QUERY,
    body="id={id}\nto={to}\ntext={text}\nreport={report}",
    accepted="^ok$",
    report_status="status",
    delivered="^delivered$",
)


class Gateway:
    """An HTTP gateway that outlives every kill; of every SMS it remembers our id, the phone, the link and the time."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/send"
        self.times: dict[int, list[float]] = {}
        """Our id of the message → when it was handed over."""
        self.links: dict[str, int] = {}
        """Code of the short link → our id."""
        self.phones: Counter[str] = Counter()
        self.heard: set[int] = set()
        """Messages whose report of delivery the program has taken."""
        self._told: dict[int, str] = {}
        self._server: ThreadingHTTPServer | None = None
        self._stopping = threading.Event()
        self._reporter = threading.Thread(target=self._report, daemon=True)

    def start(self) -> None:
        self._server = listen(self.port, self._take)
        self._reporter.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def all_heard(self) -> bool:
        """Whether the program has taken every report."""
        return self._told.keys() <= self.heard

    def _take(self, path: str) -> str:
        said = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        id_ = int(said["id"])
        self.times.setdefault(id_, []).append(time.time())
        self.phones[said["to"]] += 1
        if found := SHORT_LINK.search(said["text"]):
            self.links.setdefault(found.group(1), id_)
        if id_ % REPORTED == 0:
            self._told[id_] = f"{said['report']}?status=delivered"
        time.sleep(SLOWNESS_S)
        return "ok"

    def _report(self) -> None:
        """Report deliveries, again and again while nobody takes them."""
        while not self._stopping.wait(NOT_AGAIN_S):
            for id_ in list(self._told.keys() - self.heard):
                try:
                    with urllib.request.urlopen(self._told[id_], timeout=10):
                        self.heard.add(id_)
                except OSError:
                    break  # the web process or its database is away
