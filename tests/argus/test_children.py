"""How `argus up` tells that a child is ready."""

import asyncio
import ssl
from pathlib import Path

import pytest

from argus.certificates import of_api, of_own_api
from argus.children import healthy
from argus.ports import LOOPBACK
from argus.settings import Settings
from tests.kafka.certificates import certificates


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    writer.close()


async def until_healthy(listens: ssl.SSLContext | None, asks: ssl.SSLContext | None) -> None:
    async with await asyncio.start_server(answer, LOOPBACK, 0, ssl=listens) as server:
        await asyncio.wait_for(healthy(LOOPBACK, server.sockets[0].getsockname()[1], asks), 20)


@pytest.mark.parametrize("with_tls", [False, True])
def test_a_child_is_healthy_with_a_certificate_and_without(with_tls: bool, tmp_path: Path) -> None:
    settings = Settings(api_cert_file=certificates(tmp_path).broker if with_tls else None)
    asyncio.run(until_healthy(of_api(settings), of_own_api(settings)))
