"""For some minutes, what a killed git leaves is planted in the copies of runner and proxy.

Runner and proxy are the real code over real git and HTTP: a study moves on, a leftover appears, the
runner fetches the new commit through the proxy. Each round must end with the commit checked out and
without the leftover. Run by `make campaign NAME=locks`; --count is the number of seconds.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.unit.proxy.conftest import start
from tests.unit.proxy.rig import Rig, Study, Upstreams, git, write_policy

from sallyport_runner.services.git import Code, Git
from sallyport_study.places import Repository

LEFTOVERS = (
    "shallow.lock", "packed-refs.lock", "HEAD.lock", "config.lock", "index.lock",
    "refs/heads/main.lock", "refs/heads/checked.lock", "refs/tags/fetched/{sha}.lock",
    "objects/pack/tmp_pack_x1", "objects/ab/tmp_obj_x1",
)  # fmt: skip
EMPTY = ("HEAD", "config", "refs/heads/main", "refs/heads/checked")
STUDY = Repository.parse("https://github.com/demo-org/demo-study")


class Rounds:
    """A forge, a proxy and a runner; `healed` counts the rounds by what was planted."""

    def __init__(self, folder: Path, rig: Rig, choose: random.Random) -> None:
        self._folder, self._rig, self._choose = folder, rig, choose
        self._mirror = rig.settings.state_directory / "mirrors/demo-org/demo-study.git"
        self._copy = folder / "repos/demo-org/demo-study.git"
        self._runner = self._start()
        self.healed: Counter[str] = Counter()

    def _start(self) -> Git:
        return Git(self._folder / "repos", self._rig.front.origins["git"], Path("/dev/null"), 60)

    def run(self, number: int) -> None:
        """Let the study move on, plant something in both copies, and fetch."""
        sha = self._rig.upstreams.study.commit(f"round {number}")
        if self._choose.random() < 0.3:
            self._runner = self._start()  # as after a restart
        name, planted = self._plant(sha)
        target = self._folder / f"out-{number}"
        target.mkdir()
        repository = self._runner.fetch(Code(STUDY, "main", sha))
        self._runner.check_out(repository, sha, target)
        if (target / "file.txt").read_text() != f"round {number}":
            raise AssertionError(f"round {number}: the wrong commit after {name}")
        left = [path for path in planted if path.suffix == ".lock" and path.exists()]
        if left:
            raise AssertionError(f"round {number}: {left} stayed")
        self.healed[name] += 1

    def _plant(self, sha: str) -> tuple[str, list[Path]]:
        copies = [path for path in (self._mirror, self._copy) if path.exists()]
        if self._choose.random() < 0.2:
            name = self._choose.choice(EMPTY)
            paths = [path / name for path in copies if (path / name).exists()]
        else:
            name = self._choose.choice(LEFTOVERS)
            paths = [path / name.format(sha=sha) for path in copies]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return name, paths


def main(seconds: int, seed: int) -> int:
    """Run rounds for so many seconds; print how many healed, by what was planted."""
    with tempfile.TemporaryDirectory(prefix="locks-") as name:
        folder = Path(name)
        Study(folder / "template").make()
        with Upstreams(folder / "upstreams", folder / "template") as upstreams:
            write_policy(folder / "policy.yml", upstreams)
            policy = (folder / "policy.yml").read_text().replace("10.77.1.0/24", "0.0.0.0/0")
            (folder / "policy.yml").write_text(policy)
            with start(folder, upstreams) as rig:
                rounds = Rounds(folder, rig, random.Random(seed))
                git("ls-remote", upstreams.study.bare)
                end, number = time.monotonic() + seconds, 0
                while time.monotonic() < end:
                    rounds.run(number)
                    number += 1
        print(f"{number} rounds healed in {seconds} s: {dict(sorted(rounds.healed.items()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
