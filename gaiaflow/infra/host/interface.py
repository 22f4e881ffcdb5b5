"""The network interfaces of this machine."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import sys
from ipaddress import IPv4Address, IPv4Interface

# Requests of Linux, netdevice(7): an interface's address, and its mask.
_ADDRESS, _MASK = 0x8915, 0x891B


def network_of(address: str) -> str:
    """The IPv4 network that an address of this machine is in, as ``192.168.49.0/24``; empty if unknown."""
    if sys.platform != "linux" or ":" in address:
        return ""
    for _, name in socket.if_nameindex():
        with contextlib.suppress(OSError):  # one without an IPv4 address
            network = IPv4Interface(f"{_asked(name, _ADDRESS)}/{_asked(name, _MASK)}").network
            if IPv4Address(address) in network:
                return str(network)
    return ""


def _asked(name: str, request: int) -> IPv4Address:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        answer = fcntl.ioctl(probe, request, struct.pack("256s", name.encode()[:15]))
    return IPv4Address(answer[20:24])
