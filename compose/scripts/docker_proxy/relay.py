"""Bytes between a client and the engine, for as long as both are there."""

import selectors
import socket
from contextlib import suppress
from io import BufferedIOBase

from .refusal import RefusedError

CHUNK = 65536
# For a client that does not read its answer; a task's log may be written slowly.
STALL_SECONDS = 600
# How long a client that was refused may go on sending, so that it reads the answer before the connection ends.
LINGER_SECONDS = 2
LARGEST_REST = 8 * 1024 * 1024


def pass_body(source: BufferedIOBase, engine: socket.socket, length: int) -> None:
    """Pass so many bytes on; an engine that answers before it has them all is heard.

    Raises:
        RefusedError: the client ends early.
    """
    while length:
        block = source.read(min(length, CHUNK))
        if not block:
            raise RefusedError("the request ends early")
        length -= len(block)
        try:
            engine.sendall(block)
        except (BrokenPipeError, ConnectionResetError):
            return


def pass_answer(engine: socket.socket, client: socket.socket, silence: "float | None") -> int:
    """Pass the answer on until one side closes; how many bytes it was.

    What the client sends meanwhile is thrown away.

    Args:
        silence: seconds that the engine may say nothing; None for no limit.
    """
    passed = 0
    client.settimeout(STALL_SECONDS)
    with selectors.DefaultSelector() as selector:
        selector.register(engine, selectors.EVENT_READ)
        selector.register(client, selectors.EVENT_READ)
        while events := selector.select(silence):
            ready = [key.fileobj for key, _ in events]
            if client in ready and not client.recv(CHUNK):
                break
            if engine in ready:
                block = engine.recv(CHUNK)
                if not block:
                    break
                client.sendall(block)
                passed += len(block)
    return passed


def linger(client: socket.socket) -> None:
    """Read what the client still sends: a connection that is closed over unread bytes loses the answer."""
    with suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        client.settimeout(LINGER_SECONDS)
        rest = LARGEST_REST
        while rest > 0 and (block := client.recv(CHUNK)):
            rest -= len(block)
