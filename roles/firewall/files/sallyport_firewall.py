#!/usr/bin/python3
"""Load the host's firewall from its policy file, as nftables tables of our own.

The policy is JSON: what is the default of each direction, which flows are let through, and which
database endpoints jobs may reach. Both tables are replaced in one transaction; nothing ever touches
the tables of the container engine or of anybody else.
"""

from __future__ import annotations

import argparse
import hashlib
import ipaddress
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

POLICY = Path("/etc/sallyport/firewall/policy.json")
BRIDGE = "jobrunner-db"
TABLES = ("sallyport", "sallyport_db")
DEFAULTS = {"input": ("deny",), "output": ("deny", "accept"), "forward": ("deny", "accept")}
BAD_POLICY, NOT_IN_FORCE = 78, 3
# Loaded at boot when the policy cannot be: nothing leaves, and ssh stays open for the repair.
CLOSED = {
    "defaults": {"input": "deny", "output": "deny", "forward": "deny"},
    "flows": [
        {"id": "repair", "direction": "in", "protocol": "tcp", "ports": [22], "addresses": ["any"]}
    ],
    "endpoints": [],
}
Policy = dict[str, Any]


class PolicyError(Exception):
    """The policy cannot be loaded; the text names every problem."""


class NotInForceError(Exception):
    """The kernel holds other rules than the policy stands for, or none."""


def address_problem(text: object) -> str | None:
    """Say what is wrong with an address or network, or None."""
    try:
        ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        return f"{text!r} is neither an address nor a network"
    return None


def flow_problems(flow: dict[str, Any]) -> Iterator[str]:
    """Say everything that is wrong with one flow."""
    if not re.fullmatch(r"[A-Za-z0-9 ._-]{1,32}", str(flow.get("id", ""))):
        yield "id must be 1 to 32 letters, digits, blanks, dots or hyphens"
    if flow.get("direction") not in ("in", "out"):
        yield "direction must be in or out"
    if flow.get("protocol") not in ("tcp", "udp"):
        yield "protocol must be tcp or udp"
    ports = flow.get("ports") or []
    if not ports or not all(type(port) is int and 0 < port < 65536 for port in ports):
        yield "ports must be a list of numbers from 1 to 65535, with at least one"
    addresses = flow.get("addresses") or []
    if not addresses:
        yield 'addresses must be given, or be ["any"]'
    yield from filter(None, (address_problem(text) for text in addresses if text != "any"))


def endpoint_problems(endpoint: dict[str, Any]) -> Iterator[str]:
    """Say everything that is wrong with one database endpoint."""
    try:
        ipaddress.IPv4Address(endpoint.get("address"))
    except ValueError:
        yield f"{endpoint.get('address')!r} is not one IPv4 address (the job network has no IPv6)"
    port = endpoint.get("port")
    if type(port) is not int or not 0 < port < 65536:
        yield "port must be a number from 1 to 65535"


def problems_of(policy: Policy) -> Iterator[str]:
    """Say everything that is wrong with a policy."""
    for name, choices in DEFAULTS.items():
        if policy.get("defaults", {}).get(name) not in choices:
            yield f"defaults.{name} must be {' or '.join(choices)}"
    for part, check in (("flows", flow_problems), ("endpoints", endpoint_problems)):
        for index, entry in enumerate(policy.get(part, [])):
            label = entry.get("id") or entry.get("name") or index
            yield from (f"{part} {label}: {problem}" for problem in check(entry))


def read(path: Path) -> Policy:
    """Return the policy of a file; raise PolicyError naming every problem at once."""
    try:
        policy = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PolicyError(f"{path}: {error}") from error
    if not isinstance(policy, dict):
        raise PolicyError(f"{path}: must hold one JSON object")
    problems = list(problems_of(policy))
    if problems:
        raise PolicyError("\n".join(f"{path}: {problem}" for problem in problems))
    return policy


def by_family(addresses: Sequence[str], side: str) -> Iterator[str]:
    """Give the match on peer addresses, once for each address family that occurs."""
    if "any" in addresses:
        yield ""
        return
    networks = {ipaddress.ip_network(text, strict=False) for text in addresses}
    v4 = ipaddress.collapse_addresses(net for net in networks if net.version == 4)
    v6 = ipaddress.collapse_addresses(net for net in networks if net.version == 6)
    for family, found in (("ip", list(v4)), ("ip6", list(v6))):
        texts = [str(net).removesuffix("/32").removesuffix("/128") for net in found]
        if texts:
            yield f"{family} {side} {{ {', '.join(texts)} }} "


def flow_rules(policy: Policy, direction: str) -> list[str]:
    """Return the rules that let the flows of one direction through."""
    side = "saddr" if direction == "in" else "daddr"
    rules = []
    for flow in policy["flows"]:
        if flow["direction"] == direction:
            ports = ", ".join(str(port) for port in sorted(set(flow["ports"])))
            match = f"{flow['protocol']} dport {{ {ports} }}"
            for peers in by_family(flow["addresses"], side):
                rules.append(f'{peers}{match} counter accept comment "{flow["id"]}"')
    return rules


def last_rules(policy: Policy, hook: str) -> list[str]:
    """Return what happens to the packets of a direction that no rule let through."""
    if policy["defaults"][hook] == "accept":
        return []
    verdict = "reject with icmpx type admin-prohibited" if hook == "output" else "drop"
    return [
        f'limit rate 10/minute burst 20 packets log prefix "sallyport refused {hook}: "',
        f'counter {verdict} comment "refused {hook}"',
    ]


def chain(policy: Policy, hook: str, rules: Sequence[str]) -> list[str]:
    """Return the lines of one base chain."""
    drop = "drop" if policy["defaults"][hook] == "deny" else "accept"
    body = [*rules, *last_rules(policy, hook)]
    head = f"type filter hook {hook} priority -5; policy {drop};"
    return [f"  chain {hook} {{", f"    {head}", *(f"    {rule}" for rule in body), "  }"]


def host_chains(policy: Policy) -> list[str]:
    """Return the chains for the host and for what it forwards."""
    neighbours = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept"
    known = "ct state established,related accept"
    # What jobs may do was decided in the table before this one; replies are all that goes back.
    incoming = ["iif lo accept", known, f'iifname "{BRIDGE}" accept', neighbours]
    outgoing = ["oif lo accept", known, neighbours]
    forwarded = [f'iifname "{BRIDGE}" accept', f'oifname "{BRIDGE}" {known}']
    return [
        *chain(policy, "input", [*incoming, *flow_rules(policy, "in")]),
        *chain(policy, "output", [*outgoing, *flow_rules(policy, "out")]),
        *chain(policy, "forward", forwarded),
    ]


def database_chains(policy: Policy) -> list[str]:
    """Return the set and the chains that hold jobs with database access to their endpoints.

    The chains come before the engine's own. There is no rule for established connections on the
    way out, so that one whose endpoint is gone ends at once.
    """
    pairs = sorted({f"{entry['address']} . {entry['port']}" for entry in policy["endpoints"]})
    elements = f" elements = {{ {', '.join(pairs)} }};" if pairs else ""
    allowed = f'iifname "{BRIDGE}" ip daddr . tcp dport @endpoints counter accept'
    return [
        f"  set endpoints {{ type ipv4_addr . inet_service;{elements} }}",
        "  chain forward {",
        "    type filter hook forward priority -10; policy accept;",
        f"    {allowed}",
        f'    iifname "{BRIDGE}" counter reject comment "refused job"',
        f'    oifname "{BRIDGE}" ct state established,related accept',
        f'    oifname "{BRIDGE}" counter drop comment "refused into job"',
        "  }",
        "  chain input {",
        "    type filter hook input priority -10; policy accept;",
        f"    {allowed}",
        f'    iifname "{BRIDGE}" counter drop comment "refused job to host"',
        "  }",
    ]


def digest_of(policy: Policy) -> str:
    """Return a digest of the rules that the policy stands for."""
    text = "\n".join(host_chains(policy) + database_chains(policy))
    return hashlib.sha256(text.encode()).hexdigest()


def render(policy: Policy) -> str:
    """Return the transaction that replaces both tables: declare, delete and define each."""
    mark = f'  comment "{digest_of(policy)}"'
    lines: list[str] = []
    for name, body in zip(TABLES, (host_chains(policy), database_chains(policy)), strict=True):
        table = f"table inet {name}"
        lines += [table, f"delete {table}", f"{table} {{", mark, *body, "}"]
    return "\n".join(lines) + "\n"


def load(rules: str) -> None:
    """Have nftables judge a transaction, then load it; raise PolicyError if it is refused."""
    judge(rules)
    subprocess.run(["/usr/sbin/nft", "--file", "-"], input=rules, text=True, check=True)


def judge(rules: str) -> None:
    """Have nftables judge a transaction; raise PolicyError if it is refused."""
    done = subprocess.run(
        ["/usr/sbin/nft", "--check", "--file", "-"],
        input=rules, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise PolicyError(f"nftables refuses the rules:\n{done.stderr.strip()}")


def live() -> list[dict[str, Any]]:
    """Return the rules of our tables that the kernel holds, in order."""
    done = subprocess.run(
        ["/usr/sbin/nft", "--json", "list", "ruleset", "inet"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = (entry.get("rule", {}) for entry in json.loads(done.stdout)["nftables"])
    return [rule for rule in found if rule.get("table") in TABLES]


def marks() -> dict[str, str]:
    """Return the digest that each loaded table carries; old versions show it in text only."""
    done = subprocess.run(
        ["/usr/sbin/nft", "--terse", "list", "ruleset", "inet"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    shape = r'^table inet (\w+) {\n\s*comment "([0-9a-f]{64})"$'
    return dict(re.findall(shape, done.stdout, re.MULTILINE))


def in_force(policy: Policy) -> bool:
    """Return whether the kernel holds both tables as the policy wants them."""
    present, wanted = marks(), digest_of(policy)
    return all(present.get(table) == wanted for table in TABLES)


def check(path: Path) -> str:
    """Judge a policy without loading it."""
    judge(render(read(path)))
    return "the policy is good"


def apply(path: Path) -> str:
    """Put the policy in force, unless it is already."""
    policy = read(path)
    if in_force(policy):
        return "unchanged"
    load(render(policy))
    return "applied"


def boot(path: Path) -> str:
    """Put the policy in force; where that fails and nothing is loaded, close the host."""
    try:
        return apply(path)
    except PolicyError:
        if TABLES[0] not in marks():
            load(render(CLOSED))
        raise


def confirmed(path: Path) -> Path:
    """Return where the last policy that was confirmed is kept."""
    return path.with_suffix(".confirmed.json")


def trial(path: Path) -> str:
    """Put the policy in force; after a minute the former one returns, unless confirmed."""
    check(path)
    if not in_force(read(path)):
        subprocess.run(
            ["/usr/bin/systemd-run", "--quiet", "--collect", "--on-active=60",
             "--unit=sallyport-firewall-revert", "/usr/local/sbin/sallyport-firewall", "revert"],
            check=True,
        )  # fmt: skip
    return apply(path)


def confirm(path: Path) -> str:
    """Keep the policy on trial; too late once the former one has returned."""
    done = subprocess.run(
        ["/usr/bin/systemctl", "stop", "sallyport-firewall-revert.timer"],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotInForceError("no policy is on trial: nobody confirmed it within a minute")
    shutil.copy2(path, confirmed(path))
    return "confirmed"


def revert(path: Path) -> str:
    """Go back to the policy that was confirmed last, or to none."""
    if not confirmed(path).exists():
        return off(path)
    shutil.copy2(confirmed(path), path)
    return apply(path)


def off(_path: Path) -> str:
    """Remove our tables, and nothing else."""
    load("".join(f"table inet {table}\ndelete table inet {table}\n" for table in TABLES))
    return "off"


def counters() -> Iterator[str]:
    """Give a line for each counted rule."""
    for rule in live():
        count = next((part["counter"] for part in rule["expr"] if "counter" in part), None)
        if count:
            label = rule.get("comment") or "database endpoints"
            yield f"{count['packets']:>10} packets {count['bytes']:>14} bytes  {label}"


def status(path: Path) -> str:
    """Show whether the policy is in force, and what was let through and refused."""
    if not in_force(read(path)):
        raise NotInForceError("NOT in force; `sallyport-firewall apply` loads the policy")
    return "\n".join(["in force", *counters()])


VERBS: dict[str, Callable[[Path], str]] = {
    "check": check, "apply": apply, "boot": boot, "trial": trial,
    "confirm": confirm, "revert": revert, "status": status, "off": off,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 78 for a policy that cannot be loaded, 3 for one that is not in force."""
    lines = "\n".join(f"  {name:8} {verb.__doc__}" for name, verb in VERBS.items())
    parser = argparse.ArgumentParser(
        description=str(__doc__).splitlines()[0],
        epilog=f"verbs:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=list(VERBS))
    parser.add_argument("--policy", type=Path, default=POLICY)
    given = parser.parse_args(arguments)
    try:
        answer = VERBS[given.verb](given.policy)
    except (PolicyError, NotInForceError) as error:
        sys.stderr.write(f"{error}\n")
        return BAD_POLICY if isinstance(error, PolicyError) else NOT_IN_FORCE
    sys.stdout.write(f"{answer}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
