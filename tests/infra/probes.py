"""Listeners and connection attempts between hosts that the tests made, and never to others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from testinfra.host import Host

LISTEN = "import socket,time; s=socket.create_server(('', {port})); time.sleep(600)"
PROBE = """
import socket
s = socket.socket(socket.AF_INET, socket.{kind})
s.settimeout(2)
try:
    s.connect(('{address}', {port}))
    s.send(b'x')
    print('through')
except OSError as error:
    print('refused', error)
"""


def address_of(host: Host, network: str) -> str:
    """Return the address of a host in one of the rig's networks, by its place in the subnet."""
    third = {"internet": "0", "dmz": "1", "secure": "2", "level4": "3"}[network]
    addresses = host.check_output("hostname -I").split()
    return next(str(each) for each in addresses if each.split(".")[2:3] == [third])


@contextmanager
def listening(host: Host, port: int) -> Iterator[None]:
    """Have a host listen on a port while the block runs."""
    unit = f"probe-{port}"
    program = LISTEN.format(port=port)
    host.check_output("systemd-run --quiet --collect --unit=%s python3 -c %s", unit, program)
    wait = f"until grep -q ':{port:04X} 00000000:0000' /proc/net/tcp; do sleep 0.1; done"
    host.check_output("timeout 10 sh -c %s", wait)
    try:
        yield
    finally:
        host.run("systemctl stop %s", unit)


def probe(
    host: Host, address: str, port: int, family: str = "AF_INET", kind: str = "SOCK_STREAM"
) -> str:
    """Try one connection and say how it ended."""
    program = PROBE.format(address=address, port=port, family=family, kind=kind)
    return str(host.check_output("python3 -c %s", program))


@contextmanager
def without_rules(*hosts: Host) -> Iterator[None]:
    """Take the firewall away from hosts while the block runs: the control of a refusal."""
    for host in hosts:
        host.check_output("sallyport-firewall off")
    try:
        yield
    finally:
        for host in hosts:
            host.check_output("sallyport-firewall apply")
