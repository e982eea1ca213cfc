"""Study code that tries to get out. Exits 0 when every address is as it was said to be.

Runs inside a job's container: `probe.py --output FILE --closed HOST:PORT ... --open HOST:PORT ...`.
It has a listener of its own on loopback: `--open self` must succeed wherever it runs, and
`--closed self` must make it fail, so that a green probe means something.
"""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path

TIMEOUT = 2.0
QUERY = bytes.fromhex("12340100000100000000000004") + b"jobs\x09sallyport\x04test\0\0\1\0\1"
"""A DNS query for jobs.sallyport.test."""


def reachable(place: str) -> bool:
    """Return whether a TCP connection to `HOST:PORT` is accepted."""
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=TIMEOUT):
            return True
    except OSError:
        return False


def resolver_answers(address: str = "127.0.0.11") -> bool:
    """Return whether anything at the engine's usual resolver answers a raw query with a record."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(TIMEOUT)
        try:
            channel.sendto(QUERY, (address, 53))
            answer = channel.recv(512)
        except OSError:
            return False
    return int.from_bytes(answer[6:8], "big") > 0


def probe(expected: dict[str, list[str]]) -> list[tuple[str, str, str]]:
    """Return address, what was expected, what was found."""
    with socket.create_server(("127.0.0.1", 0)) as own:
        itself = f"127.0.0.1:{own.getsockname()[1]}"
        rows = [
            (place, state, "open" if reachable(itself if place == "self" else place) else "closed")
            for state, places in expected.items()
            for place in places
        ]
    return [*rows, ("resolver", "silent", "answers" if resolver_answers() else "silent")]


def main() -> int:
    """Probe everything and write one row per address."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--closed", nargs="*", default=[])
    parser.add_argument("--open", nargs="*", default=[])
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    rows = probe({"closed": options.closed, "open": options.open})
    text = "".join(f"{','.join(row)}\n" for row in [("place", "expected", "found"), *rows])
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")
    options.output.with_name("canary.txt").write_text("a name that project.yaml does not spell\n")
    sys.stdout.write(text)
    return int(any(expected != found for _place, expected, found in rows))


if __name__ == "__main__":
    sys.exit(main())
