"""The load generator, in a process of its own: visitors who open a survey page and answer it.

`python -m tests.benchmarks.load PORT CLIENTS FILE SECONDS` uses up the tokens in FILE, one visit each, for so long at
most, and prints JSON.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlencode

_NONCE = re.compile(rb'name="nonce" value="([^"]*)"')
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_HEADERS = (
    "Host: 127.0.0.1\r\nAccept: text/html\r\nAccept-Language: uk\r\nUser-Agent: Mozilla/5.0 (X11) Firefox/140\r\n"
)
_FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


class Visitor:
    """One browser after the other over one kept connection."""

    def __init__(self, port: int, tokens: Iterator[str]) -> None:
        self.port, self.tokens = port, tokens
        self.took: list[float] = []
        self.size = 0

    async def run(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        for token in self.tokens:
            page = await self._ask(f"GET /r/{token}/9", b"")
            nonce = _NONCE.search(page)
            assert nonce, page[:2000].decode()
            self.size = len(page)
            form = {"nonce": nonce[1].decode(), "edit": "", "lang": "uk", "final": "", "shown": "", "score": "9"}
            await self._ask(f"POST /r/{token}", urlencode(form).encode())
        self.writer.close()

    async def _ask(self, what: str, body: bytes) -> bytes:
        began = time.perf_counter()
        extra = f"{_FORM}Content-Length: {len(body)}\r\n" if body else ""
        self.writer.write(f"{what} HTTP/1.1\r\n{_HEADERS}{extra}\r\n".encode() + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head[:20], head.decode()
        length = _LENGTH.search(head)
        assert length, head.decode()
        page = await self.reader.readexactly(int(length[1]))
        self.took.append(time.perf_counter() - began)
        return page


async def main(port: int, clients: int, file: Path, limit_s: float) -> None:
    began = time.perf_counter()
    tokens = takewhile(lambda _token: time.perf_counter() - began < limit_s, file.read_text().split())
    visitors = [Visitor(port, tokens) for _ in range(clients)]
    await asyncio.gather(*(visitor.run() for visitor in visitors))
    seconds = time.perf_counter() - began
    took = sorted(one for visitor in visitors for one in visitor.took)
    said = {"median": took[len(took) // 2], "p99": took[int(len(took) * 0.99)], "worst": took[-1]}
    print(json.dumps({"visits": len(took) / 2 / seconds, "bytes": visitors[0].size, **said}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])))
