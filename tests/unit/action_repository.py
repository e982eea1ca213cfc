"""A reusable action in a real repository, as tests of several components need one."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

ACTION = "run: python:v2 python main.py --fit\n"


@dataclass(frozen=True)
class ActionRepository:
    """A repository below the folder of an organisation."""

    path: Path

    def git(self, *words: str) -> str:
        """Run git in the repository."""
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", *identity, "-C", str(self.path), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, action: str | bytes | None, tag: str = "", *, annotated: bool = False) -> str:
        """Commit an action.yaml, or none, with a tag; return the commit."""
        file = self.path / "action.yaml"
        file.unlink(missing_ok=True)
        if action is not None:
            file.write_bytes(action if isinstance(action, bytes) else action.encode())
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", tag or "x")
        if tag:
            self.git("tag", *(["--annotate", "-m", tag] if annotated else []), tag)
        return self.git("rev-parse", "HEAD")

    def aside(self, tag: str, action: str = ACTION) -> str:
        """Tag a commit that is on no branch, as somebody can who may not merge."""
        self.git("checkout", "--quiet", "--detach")
        commit = self.commit(f"# {tag}\n{action}", tag)
        self.git("checkout", "--quiet", "main")
        return commit


def make_action(organisation: Path, name: str = "cox") -> ActionRepository:
    """Make a repository with the tags v1 and v2, the latter annotated, both on main."""
    made = ActionRepository(organisation / name)
    made.path.mkdir(parents=True)
    made.git("init", "--quiet", "--initial-branch=main", "--template=")
    made.git("config", "uploadpack.allowAnySHA1InWant", "true")
    (made.path / "main.py").write_text("print('fitted')\n")
    made.commit(ACTION, "v1")
    made.commit(f"# Fits a model.\n{ACTION}", "v2", annotated=True)
    made.commit(f"# Not released.\n{ACTION}")
    return made
