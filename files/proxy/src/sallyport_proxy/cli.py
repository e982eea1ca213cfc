"""`sallyport-proxy`: checks the configuration and the log of decisions."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sallyport_common.errors import SallyportError, run_cli
from sallyport_proxy.policy import Policy
from sallyport_proxy.services.policy_file import load_policy
from sallyport_proxy.settings import Settings
from sallyport_proxy.storage.decisions import DecisionLog


def run() -> None:
    """Entry point of the console script."""
    sys.exit(run_cli(main))


def main(argv: Sequence[str]) -> int:
    """Run one command; raise SettingsError (exit 78) for bad configuration."""
    parser = argparse.ArgumentParser(prog="sallyport-proxy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check-config", help="print everything that may pass")
    check.add_argument("--policy", type=Path, help="look at this policy file and nothing else")
    commands.add_parser("verify-log", help="read the whole chain of decisions")
    options = parser.parse_args(argv)
    if options.command == "check-config":
        return _check_config(options.policy)
    return _verify_log(Settings.from_env(os.environ))


def _check_config(path: Path | None) -> int:
    if path:
        policy = load_policy(path)
    else:
        settings = Settings.from_env(os.environ)
        policy = load_policy(settings.policy, settings.secrets_directory)
    for line in allowed(policy):
        print(line)
    return 0


def allowed(policy: Policy) -> Iterator[str]:
    """Yield one line for each kind of request that may pass; all else is refused."""
    if policy.git:
        base = f"https://{policy.git.host}"
        for git_rule in policy.git.allow:
            name = f"{base}/{git_rule.org}/{git_rule.repo}[.git]"
            yield f"GET HEAD {name}/info/refs?service=git-upload-pack {_for(git_rule.clients)}"
            yield f"POST     {name}/git-upload-pack {_for(git_rule.clients)}"
    if policy.registry:
        base = f"https://{policy.registry.host}/v2"
        for rule in policy.registry.allow:
            reference = "DIGEST" if rule.digest_only else "TAG-OR-DIGEST"
            yield f"GET HEAD {base}/{rule.name}/manifests/{reference} {_for(rule.clients)}"
            yield f"GET HEAD {base}/{rule.name}/blobs/DIGEST {_for(rule.clients)}"
    if policy.archives:
        for archive in policy.archives.allow:
            base = f"https://{policy.archives.host}/{archive.name}"
            for suite in archive.suites:
                yield f"GET HEAD {base}/dists/{suite}/... {_for(archive.clients)}"
            yield f"GET HEAD {base}/pool/... {_for(archive.clients)}"


def _for(groups: tuple[str, ...]) -> str:
    return f"for {', '.join(groups)}" if groups else "for every client"


def _verify_log(settings: Settings) -> int:
    log = DecisionLog(settings.state_directory / "decisions", settings.log_rows, settings.log_files)
    verdicts = log.verify()
    for name, verdict in verdicts.items():
        print(f"{name}: {verdict.rows} rows, {verdict.fault or 'intact'}")
    if not all(verdict.intact for verdict in verdicts.values()):
        raise SallyportError("the log of decisions was changed; see the first bad row above")
    return 0
