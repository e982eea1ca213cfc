"""Whether a string is an address, a network or a place to listen at."""

from __future__ import annotations

import ipaddress
import re

UNUSABLE = ("is_loopback", "is_multicast", "is_unspecified", "is_link_local", "is_reserved")


def network(text: str) -> ipaddress.IPv4Network | None:
    """Return an IPv4 network in CIDR form whose host bits are zero, or None."""
    try:
        return ipaddress.IPv4Network(text) if "/" in text else None
    except ValueError:
        return None


def address(text: str) -> ipaddress.IPv4Address | None:
    """Return an IPv4 address, or None."""
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def usable(text: str) -> bool:
    """Return whether a string is the IPv4 address of another machine."""
    parsed = address(text)
    return parsed is not None and not any(getattr(parsed, name) for name in UNUSABLE)


def is_interface(text: str) -> bool:
    """Return whether a string is an IPv4 address inside its own network, as 10.0.0.1/24."""
    try:
        parsed = ipaddress.IPv4Interface(text)
    except ValueError:
        return False
    ends = (parsed.network.network_address, parsed.network.broadcast_address)
    return "/" in text and parsed.ip not in ends


def is_listen(text: str) -> bool:
    """Return whether a string is a port, or an address and a port, as nginx writes them."""
    match = re.fullmatch(r"(?:([0-9.]+):|\[([0-9A-Fa-f:.]+)\]:)?(\d{1,5})", text)
    if match is None or not 1 <= int(match[3]) <= 65535:
        return False
    return not (match[1] or match[2]) or is_peer(match[1] or match[2])


def is_peer(text: str) -> bool:
    """Return whether a string is an IPv4 or IPv6 address, or a network without host bits."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
