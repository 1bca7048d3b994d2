"""The network between a worker and its broker, so that it can be cut, slowed down, or lose the way back."""

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Self

from argus.ports import LOOPBACK, pick

CHUNK_BYTES = 64 * 1024
CHUNKS_UNDER_WAY = 256


class Proxy:
    """Passes bytes on between whoever connects to `address` and the target, in a thread of its own.

    `delay_s` is what each way takes. `cut` ends all connections and takes no new one; `lose_answers` keeps them,
    passes on what is asked, and keeps back what is answered, for good; `mend` is the end of either, and of the
    connections whose answers were lost."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or pick()
        self.address = f"{LOOPBACK}:{self.port}"
        self.delay_s = 0.0
        self.target_port = 0
        self._cut = False
        self._answers = True
        self._connections: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        self._cut = True
        self._loop.call_soon_threadsafe(self._drop)

    def lose_answers(self) -> None:
        self._answers = False

    def mend(self) -> None:
        lost, self._cut, self._answers = not self._answers, False, True
        if lost:
            self._loop.call_soon_threadsafe(self._drop)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._connected, LOOPBACK, self.port)

    async def _close(self) -> None:
        self._server.close()
        self._drop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self) -> None:
        for writer in self._connections:
            writer.transport.abort()

    async def _connected(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._connections.add(client)
        server: asyncio.StreamWriter | None = None
        try:
            if self._cut:
                return
            server_reader, server = await asyncio.open_connection(LOOPBACK, self.target_port)
            self._connections.add(server)
            ways = [
                asyncio.create_task(self._pass_on(client_reader, server, answers=False)),
                asyncio.create_task(self._pass_on(server_reader, client, answers=True)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # the target is away, and so is this connection
        finally:
            for writer in filter(None, (client, server)):
                self._connections.discard(writer)
                writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        """Until one end is closed. What is read is written when its time has come, in order."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_UNDER_WAY)

        async def write() -> None:
            while True:
                due, chunk = await under_way.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if not answers or self._answers:
                    writer.write(chunk)
                    await writer.drain()

        writing = asyncio.create_task(write())
        try:
            with contextlib.suppress(OSError):
                while chunk := await reader.read(CHUNK_BYTES):
                    await under_way.put((self._loop.time() + self.delay_s, chunk))
        finally:
            writing.cancel()
