"""Carry TCP connections from the cluster's gateway to the services on loopback: a process of its own.

``python -I -S forward.py ADDRESS PORT [PORT ...]`` listens there and connects to the same ports of
127.0.0.1. Stdlib only.
"""

import asyncio
import contextlib
import sys

TARGET = "127.0.0.1"
CHUNK = 1 << 16


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, until its sender is done."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _serve(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection; a service that is down looks to the pod as if nothing listened."""
    try:
        back, forth = await asyncio.open_connection(TARGET, port)
    except OSError:
        writer.transport.abort()
        return
    try:
        await asyncio.gather(_copy(reader, forth), _copy(back, writer))
    finally:
        forth.close()
        writer.close()


async def forward(address: str, ports: list[int]) -> None:
    """Listen until the process is told to end."""
    servers = [
        await asyncio.start_server(lambda r, w, p=port: _serve(p, r, w), address, port)  # type: ignore[misc]
        for port in ports
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(forward(sys.argv[1], [int(port) for port in sys.argv[2:]]))
