"""The network interface by which the nodes of a trial reach each other."""

from __future__ import annotations

import fcntl
import socket
import struct

__all__ = ["find_interface"]

_SIOCGIFADDR = 0x8915
_ANY_PORT = 9


def find_interface(address: str) -> str | None:
    """Name of this machine's interface on the way to an IPv4 address, its own included; None without a way.

    PyTorch's gloo takes the interface of what the host's own name resolves to, which is loopback on many
    machines; processes on other nodes then look for it on themselves.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, _ANY_PORT))  # sends nothing: a datagram socket only looks up its route
        except OSError:
            return None
        own = probe.getsockname()[0]
        return next((name for _, name in socket.if_nameindex() if _address_of(probe, name) == own), None)


def _address_of(probe: socket.socket, interface: str) -> str | None:
    """The first IPv4 address of an interface (netdevice(7))."""
    try:
        answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", interface.encode()))
    except OSError:
        return None
    return socket.inet_ntoa(answer[20:24])
