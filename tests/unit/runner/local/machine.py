"""A researcher's machine: the command, a study's folder, and an image that is on the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.bench.runner import image

REGISTRY = f"sallyport.invalid/local-{os.getpid()}"
"""Of this process alone: another one that runs tests of local runs removes its own image."""
PROGRAM = str(Path(sys.executable).with_name("sallyport"))


def build_image(scratch: Path, registry: str = REGISTRY) -> str:
    """Build `python:v2` of a registry that does not exist: a shell that starts in /workspace.

    Who removes it needs a registry of its own: other tests of the process may use the first.
    """
    root = scratch / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/busybox").write_bytes(image.busybox(scratch))
    (root / "bin/busybox").chmod(0o755)
    for applet in image.APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    lines = ["FROM scratch", "COPY root /", "ENV PATH=/bin", "WORKDIR /workspace"]
    (scratch / "Dockerfile").write_text("\n".join(lines))
    name = f"{registry}/python:v2"
    command = ["docker", "build", "--quiet", "--label", image.LABEL, "--tag", name]
    subprocess.run([*command, str(scratch)], check=True, capture_output=True)
    return name


def shell(script: str, *needs: str, level: str = "moderately_sensitive", **outputs: str) -> Any:
    """Return an action that runs a line of shell; `outputs` has its patterns by name."""
    action = {"run": f"python:v2 sh -c '{script}'", "outputs": {level: outputs}}
    return action | ({"needs": list(needs)} if needs else {})


@dataclass(frozen=True)
class Study:
    """A folder with a project.yaml, and the command typed there."""

    root: Path

    def write(self, actions: Mapping[str, Any]) -> None:
        """Write project.yaml."""
        text = yaml.safe_dump({"version": "5", "actions": dict(actions)}, sort_keys=False)
        (self.root / "project.yaml").write_text(text)

    def command(self, *words: str) -> list[str]:
        """Return the command line of a local run."""
        return [PROGRAM, "run-local", *words]

    def type(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `sallyport` with these words."""
        return subprocess.run(
            [PROGRAM, *words],
            cwd=self.root,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            check=False,
        )

    @staticmethod
    def environment(**variables: str) -> dict[str, str]:
        """Return the environment of a researcher with our image."""
        return os.environ | {"SALLYPORT_REGISTRY": REGISTRY} | variables

    def run(self, *words: str) -> dict[str, Any]:
        """Run actions; return what the command says as JSON, with its exit code as `code`."""
        done = self.type("run-local", "--json", *words)
        assert done.stdout, done.stderr
        content: dict[str, Any] = json.loads(done.stdout)
        return content | {"code": done.returncode, "progress": done.stderr}


def statuses(content: Mapping[str, Any]) -> dict[str, str]:
    """Return how each action ended."""
    return {action["action"]: action["status"] for action in content["actions"]}


def containers(folder: str) -> list[str]:
    """Return the containers of a workspace, ended ones included."""
    words = ["docker", "ps", "-aq", "--filter", f"label=workspace={folder}"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
