"""Plain `docker run`s with the very flags of a runner's job, read back from one of its containers.

A comparison with anything less would count the price of the sandbox as the runner's.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.runner.image import LABEL

_COUNTER = itertools.count(1)
_NOT_COMPARED = frozenset({"Binds", "Mounts", "ContainerIDFile", "AutoRemove", "ConsoleSize"})
"""Where the folder is, and what the command line client notes for itself."""
_EMPTY: tuple[Any, ...] = (None, [], {}, "", 0, False)


def inspect(name: str) -> dict[str, Any]:
    """Return all that the engine knows of a container."""
    words = ["docker", "container", "inspect", name]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout)[0])


def flags(container: dict[str, Any], folder: Path) -> list[str]:
    """Return the options of `docker run` that make a container like this one; no name, no mount.

    What a container was made with is compared with what these options make: see `differences`.
    """
    host, config = container["HostConfig"], container["Config"]
    words = [f"--network={host['NetworkMode']}", f"--ipc={host['IpcMode'] or 'private'}"]
    words += [f"--user={config['User']}"] if config["User"] else []
    words += [f"--workdir={config['WorkingDir']}"] if config["WorkingDir"] else []
    words += ["--init"] if host.get("Init") else []
    words += ["--read-only"] if host["ReadonlyRootfs"] else []
    words += [f"--env={variable}" for variable in config["Env"] or []]
    words += [f"--label={name}={value}" for name, value in (config["Labels"] or {}).items()
              if not name.startswith("org.sallyport.")]  # fmt: skip
    return words + list(_limits(host)) + list(_security(host, folder)) + list(_logging(host))


def mounts(container: dict[str, Any], copies: Path, volume: str) -> list[str]:
    """Return the options that mount copies of what is mounted into a running container."""
    words: list[str] = []
    for place, mount in enumerate(container["Mounts"]):
        read_only = "" if mount["RW"] else ",readonly"
        if mount["Type"] == "tmpfs":
            words.append(f"--mount=type=tmpfs,target={mount['Destination']}")
            continue
        source = str(copies / str(place))
        if mount["Type"] == "volume":
            source = f"{volume}-{place}"
            _run("docker", "volume", "create", f"--label={LABEL}", source)
        options = f"source={source},target={mount['Destination']}{read_only}"
        words.append(f"--mount=type={mount['Type']},{options}")
        copies.mkdir(exist_ok=True)
        if mount["Type"] == "bind":
            _run("cp", "--archive", mount["Source"], source)
    return words


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def _limits(host: dict[str, Any]) -> Iterator[str]:
    for option, key in (
        ("memory", "Memory"), ("memory-swap", "MemorySwap"), ("shm-size", "ShmSize"),
        ("pids-limit", "PidsLimit"), ("oom-score-adj", "OomScoreAdj"),
    ):  # fmt: skip
        if host.get(key):
            yield f"--{option}={host[key]}"
    if host.get("NanoCpus"):
        yield f"--cpus={host['NanoCpus'] / 1e9:g}"
    for limit in host.get("Ulimits") or []:
        yield f"--ulimit={limit['Name']}={limit['Soft']}:{limit['Hard']}"
    for target, options in (host.get("Tmpfs") or {}).items():
        yield f"--tmpfs={target}:{options}"


def _security(host: dict[str, Any], folder: Path) -> Iterator[str]:
    for capability in host.get("CapDrop") or []:
        yield f"--cap-drop={capability}"
    for option in host.get("SecurityOpt") or []:
        name, _, text = option.partition("=")
        if name == "seccomp" and text.startswith("{"):
            path = folder / "seccomp.json"
            path.write_text(text, encoding="utf-8")
            yield f"--security-opt=seccomp={path}"
        else:
            yield f"--security-opt={option}"


def _logging(host: dict[str, Any]) -> Iterator[str]:
    log = host["LogConfig"]
    yield f"--log-driver={log['Type']}"
    for name, value in (log.get("Config") or {}).items():
        yield f"--log-opt={name}={value}"


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the names of the limits in which two containers differ; their mounts may."""
    left, right = (_comparable(container) for container in (one, other))
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def _comparable(container: dict[str, Any]) -> dict[str, Any]:
    host = {
        name: value
        for name, value in container["HostConfig"].items()
        if name not in _NOT_COMPARED and value not in _EMPTY
    }
    restart = host.pop("RestartPolicy", {}).get("Name")
    host["Restart"] = restart or "no"  # the client writes the engine's default out
    host["SecurityOpt"] = sorted(_security_options(host.get("SecurityOpt") or []))
    config = container["Config"]
    host |= {name: config.get(name) for name in ("User", "WorkingDir", "Image")}
    host["Env"] = sorted(config["Env"] or [])
    return host


def _security_options(options: list[str]) -> Iterator[str]:
    """Give the options; a profile in one notation, because the client rewrites its JSON."""
    for option in options:
        name, _, text = option.partition("=")
        if name == "seccomp" and text.startswith("{"):
            yield f"seccomp={json.dumps(json.loads(text), sort_keys=True)}"
        else:
            yield option


@dataclass(frozen=True)
class Plain:
    """Starts containers that are like a runner's, without the runner."""

    image: str
    words: tuple[str, ...]

    def _command(self, program: str, *options: str) -> tuple[str, list[str]]:
        name = f"sallyport-bench-{os.getpid()}-{next(_COUNTER)}"
        words = ["docker", "run", *options, f"--name={name}", f"--label={LABEL}"]
        return name, [*words, *self.words, self.image, "sh", "-c", program]

    def seconds(self, program: str) -> float:
        """Return the seconds of one `docker run`; its container is removed after the clock."""
        name, words = self._command(program)
        begin = time.perf_counter()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begin
        remove(name)
        return seconds

    def like(self, container: dict[str, Any], program: str) -> list[str]:
        """Return in which limits a container of ours differs from the given one."""
        name, words = self._command(program)
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        try:
            return differences(container, inspect(name))
        finally:
            remove(name)

    def together(self, programs: list[str], workers: int) -> float:
        """Return the seconds of many, so many at a time, each removed as a runner removes it."""

        def one(program: str) -> None:
            words = self._command(program, "--rm")[1]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

        begin = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, programs))
        return time.perf_counter() - begin


def remove(*names: str) -> None:
    """Remove containers, running or not."""
    _run("docker", "container", "rm", "--force", "--volumes", *names)
