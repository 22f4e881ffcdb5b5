"""Carry TCP connections from the cluster's gateway to the services on loopback: a process of its own.

``python -I -S forward.py FOLDER ADDRESS NETWORK PORT [PORT ...]`` listens there and connects to the same
ports of 127.0.0.1, until FOLDER is removed: what belongs to a project must not outlive it. Stdlib only.

Callers come from NETWORK, or from anywhere where it is empty. Linux takes packets for an address on each of its
interfaces, so that a neighbour of this machine could call as well.
"""

import asyncio
import contextlib
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

TARGET = "127.0.0.1"
CHUNK = 1 << 16
LOOK_SECONDS = 2
# What it prints once all ports are its own.
LISTENING = "listening"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, until its sender is done."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def _is_near(writer: asyncio.StreamWriter, network: str) -> bool:
    """Whether the caller is in the network; a link-local scope is no part of an address."""
    caller = str(writer.get_extra_info("peername")[0]).partition("%")[0]
    return not network or ip_address(caller) in ip_network(network)


async def _serve(port: int, network: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection; to a stranger, and where the service is down, it looks as if nothing listened."""
    if not _is_near(writer, network):
        writer.transport.abort()
        return
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


async def forward(folder: str, address: str, network: str, ports: list[int]) -> None:
    """Listen until the process is told to end, or the folder is gone."""
    servers = [
        await asyncio.start_server(lambda r, w, p=port: _serve(p, network, r, w), address, port)  # type: ignore[misc]
        for port in ports
    ]
    sys.stdout.write(f"{LISTENING}\n")
    sys.stdout.flush()
    while Path(folder).is_dir():
        await asyncio.sleep(LOOK_SECONDS)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(forward(sys.argv[1], sys.argv[2], sys.argv[3], [int(port) for port in sys.argv[4:]]))
