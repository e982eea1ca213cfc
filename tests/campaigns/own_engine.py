"""A container engine of the campaign's own: it is stopped, killed and cut off like a host's.

`dockerd` and `containerd` keep everything below one folder, use no firewall, and share nothing but
the kernel with the engine of the machine. All processes are ended by their numbers.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.runner.moments import Late, until

NETWORK = "chaos-db"
SUBNET, GATEWAY, SINK = "10.213.77.0/24", "10.213.77.1", "10.213.77.254"
BRIDGE = "spchaos0"
DEFAULT, ADDRESS = "spchaos1", "10.213.78.1/24"
"""The engine's own default bridge: one that has none removes that of the machine's engine."""
PATIENCE = 120.0
NEVER = "0001-"
"""How a time begins that the engine does not know."""
_CONTAINERD = """
version = 2
root = "{folder}/containerd"
state = "{run}/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{run}/containerd.sock"
"""


class OwnEngine:
    """Engine and containerd below a folder; `run` is what a host loses when it goes down."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run = folder, folder / "run"
        self.running: dict[str, float] = {}
        """Until when a container had not ended, as the engine's disk says after it was killed."""
        self.unstarted: Counter[str] = Counter()
        """How often the container of a job was there and not started, as that disk says."""
        self.run.mkdir()
        (folder / "containerd.toml").write_text(
            _CONTAINERD.format(folder=folder, run=self.run), encoding="utf-8"
        )
        (folder / "daemon.json").write_text("{}", encoding="utf-8")
        self._containerd: subprocess.Popen[bytes] | None = None
        self._dockerd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for `DOCKER_HOST`."""
        return f"unix://{self.run}/docker.sock"

    def start(self, *, live: bool) -> None:
        """Start what does not run, and wait until the engine answers."""
        if self._containerd is None:
            self._containerd = self._popen(
                "containerd", f"--config={self.folder}/containerd.toml", "--log-level=warn"
            )
            until(
                (self.run / "containerd.sock").exists, "containerd is there", PATIENCE, pause=0.05
            )
        _ip("link", "add", DEFAULT, "type", "bridge")
        _ip("address", "add", ADDRESS, "dev", DEFAULT)
        (self.run / "docker.pid").unlink(missing_ok=True)
        self._dockerd = self._popen(
            "dockerd", f"--config-file={self.folder}/daemon.json",
            f"--data-root={self.folder}/data",
            f"--exec-root={self.run}/docker", f"--pidfile={self.run}/docker.pid",
            f"--host={self.url}", f"--containerd={self.run}/containerd.sock", f"--bridge={DEFAULT}",
            "--iptables=false", "--ip-masq=false", "--log-level=warn",
            f"--live-restore={str(live).lower()}",
        )  # fmt: skip
        until(self._answers, "the engine answers", PATIENCE, pause=0.1)

    def _popen(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "engine.log").open("ab") as log:
            return subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _answers(self) -> bool:
        words = ["docker", "--host", self.url, "info", "--format", "{{.ServerVersion}}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.returncode == 0 and bool(done.stdout.strip())

    def end(self, number: signal.Signals) -> None:
        """Stop or kill the engine; containerd goes on, as the distribution's unit lets it."""
        if self._dockerd is not None:
            self._dockerd.send_signal(number)
            self._dockerd.wait(PATIENCE)
            self._dockerd = None
            self._read_states()

    def power_cut(self) -> None:
        """End engine and containers at once; what the host kept in `/run` is gone."""
        for process in (self._dockerd, self._containerd):
            if process is not None:
                process.kill()
                process.wait(PATIENCE)
        self._dockerd = self._containerd = None
        self._read_states()
        until(self._no_shims, "the containers are gone", PATIENCE, pause=0.05)
        self._unmount(self.folder)
        shutil.rmtree(self.run)
        self.run.mkdir()

    def _read_states(self) -> None:
        """See which ends and starts the killed engine had not written down.

        It tells of an end before it does that, and of a start when the program already runs.
        """
        for place in self.folder.glob("data/containers/*/config.v2.json"):
            found = json.loads(place.read_text(encoding="utf-8"))
            if found["State"]["Running"]:
                self.running[place.parent.name] = time.time()
            elif found["State"]["StartedAt"].startswith(NEVER):
                self.unstarted[found["Config"]["Labels"].get("org.sallyport.job", "")] += 1

    def _no_shims(self) -> bool:
        """Kill the shims of this engine with all their children; return whether there were none."""
        parents = _parents()
        found = {pid for pid in parents if _is_shim(pid, str(self.run))}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return not found

    def _unmount(self, folder: Path) -> None:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
        places = [line.split(" ")[1] for line in lines]
        for place in sorted((one for one in places if one.startswith(f"{folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)

    def close(self) -> None:
        """End everything and remove the folder."""
        self.power_cut()
        for name in (BRIDGE, DEFAULT):
            _ip("link", "delete", name)
        shutil.rmtree(self.folder, ignore_errors=True)


def _ip(*words: str) -> None:
    """Change the network of the machine; what is there already, or gone, does no harm."""
    subprocess.run(["ip", *words], check=False, capture_output=True)


def _parents() -> dict[int, int]:
    """Return the parent of each process."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = place.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found[int(place.parent.name)] = int(text.rpartition(")")[2].split()[1])
    return found


def _is_shim(pid: int, run: str) -> bool:
    """Return whether a process is a shim of the containerd of this folder."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return False
    return "containerd-shim" in words[0] and any(word.startswith(run) for word in words)


@contextmanager
def own_engine() -> Iterator[OwnEngine]:
    """Give an engine that runs, with the network of database jobs; `DOCKER_HOST` names it."""
    engine = OwnEngine(Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp")))
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = engine.url
    try:
        engine.start(live=True)
        words = ["docker", "network", "create", f"--subnet={SUBNET}", f"--gateway={GATEWAY}"]
        words += [f"--opt=com.docker.network.bridge.name={BRIDGE}", NETWORK]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        yield engine
    finally:
        if before is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = before
        try:
            engine.close()
        except (Late, OSError) as error:
            print(f"{engine.folder} is left: {error}")
