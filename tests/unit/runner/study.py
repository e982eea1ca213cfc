"""The study of the tests: a repository on the forge that the proxy stands for."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROJECT = """
version: 5
actions:
  make:
    run: python:v2 make.py
    outputs: {highly_sensitive: {raw: output/raw.csv}}
  table:
    run: python:v2 table.py
    needs: [make]
    outputs: {moderately_sensitive: {table: output/table.csv}}
  extract:
    run: ehrql:v1 generate-dataset d.py --output output/d.csv
    outputs: {highly_sensitive: {d: output/d.csv}}
"""


class Study:
    """A repository on the forge that the proxy stands for."""

    def __init__(self, forge: Path) -> None:
        self.path = forge / "demo-org" / "study"

    def make(self) -> str:
        """Make the repository and its first commit."""
        self.path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "uploadpack.allowAnySHA1InWant", "true")
        return self.commit({"project.yaml": PROJECT, "make.py": "pass\n"})

    @property
    def head(self) -> str:
        """The commit of the branch `main`."""
        return (self.path / ".git/refs/heads/main").read_text().strip()

    def git(self, *words: str) -> str:
        """Run git in the repository."""
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", *identity, "-C", str(self.path), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, files: dict[str, str]) -> str:
        """Commit files and return the commit."""
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")
