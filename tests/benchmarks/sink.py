"""An SMTP server that takes everything and keeps nothing, in a process of its own: it must not be the bottleneck."""

import asyncio
import sys

ANSWERS = {b"EHLO": b"250 sink\r\n", b"HELO": b"250 sink\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


class Sink(asyncio.Protocol):
    """One connection. Commands are answered in one write, however many arrived together."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer, self.in_data = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self._step():
            pass

    def _step(self) -> bool:
        end = self.buffer.find(b"\r\n.\r\n" if self.in_data else b"\r\n")
        if end < 0:
            return False
        word = self.buffer[:4].upper()
        if self.in_data:
            self.buffer, self.in_data = self.buffer[end + 5 :], False
            self.transport.write(b"250 taken\r\n")
            return True
        self.buffer, self.in_data = self.buffer[end + 2 :], word == b"DATA"
        self.transport.write(ANSWERS.get(word, b"250 ok\r\n"))
        if word == b"QUIT":
            self.transport.close()
        return True


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
