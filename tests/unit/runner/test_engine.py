"""The executor speaks with an engine: every step may be repeated, every fault is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.engine import Engine, serve

from sallyport_runner.models import ContainerSpec, ContainerStatus, Mount, StoredImage, Usage
from sallyport_runner.services.executor import ImageError, TransientError
from sallyport_runner.services.outputs import isolation
from sallyport_runner.services.running.engine import DockerExecutor
from sallyport_study.catalogue import Catalogue, ImageEntry

DIGEST = "sha256:" + "a" * 64
IMAGE = f"proxy/python@{DIGEST}"
LABELS = {
    "org.sallyport.job": "x",
    "org.sallyport.attempt": "1",
    "org.sallyport.phase": "run",
    "org.sallyport.backend": "hospital",
}
SPEC = ContainerSpec(
    name="os-job-x",
    image=IMAGE,
    command=["a.py"],
    environment={"HOME": "/x"},
    labels=LABELS,
    mounts=[Mount(source="/srv/x", target="/workspace", read_only=False)],
    cpus=2.0,
    memory=8 * 1024**2,
    pids=10,
    tmp_size=4096,
    shm_size=2048,
    file_size=8192,
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Give an engine that holds the image."""
    with serve(tmp_path / "engine.sock") as made:
        made.images[IMAGE] = {"Id": "sha256:1", "Config": {"Labels": {"made": "before"}}}
        made.registry["proxy/python:v2"] = DIGEST
        yield made


@pytest.fixture
def executor(engine: Engine, tmp_path: Path) -> Iterator[DockerExecutor]:
    """Give an executor that talks to it."""
    assert engine
    made = DockerExecutor("proxy", 5, f"unix://{tmp_path}/engine.sock")
    yield made
    made._client.close()


def test_a_container_is_made_and_started_as_specified(
    engine: Engine, executor: DockerExecutor
) -> None:
    executor.start(SPEC)
    (made,) = engine.created
    host = made["HostConfig"]
    assert (made["Image"], made["Cmd"], made["User"]) == (IMAGE, ["a.py"], "10000:10000")
    assert made["Env"] == ["HOME=/x"]
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["Init"]) == ("none", True, True)
    assert (host["CapDrop"], host["PidsLimit"], host["NanoCpus"]) == (["ALL"], 10, 2 * 10**9)
    assert (host["Memory"], host["MemorySwap"]) == (8 * 1024**2, 8 * 1024**2)
    assert (host["IpcMode"], host["ShmSize"]) == ("private", 2048)
    (mount,) = host["Mounts"]
    assert (mount["Type"], mount["Source"], mount["ReadOnly"]) == ("bind", "/srv/x", False)
    status = executor.status("os-job-x")
    assert status is not None
    assert status.labels.pop(isolation.ASKED)
    assert status == ContainerStatus(name="os-job-x", labels=LABELS, state="running")


@pytest.mark.parametrize(
    ("state", "attempt", "again"),
    [
        ("running", "1", False),
        ("exited", "1", False),
        ("created", "1", True),
        ("running", "2", True),
        ("exited", "2", True),
    ],
)
def test_the_name_is_the_lock(
    engine: Engine, executor: DockerExecutor, state: str, attempt: str, again: bool
) -> None:
    engine.add("os-job-x", LABELS | {"org.sallyport.attempt": attempt}, state)
    executor.start(SPEC)
    assert len(engine.created) == again
    assert len(engine.containers) == 1
    assert ("DELETE containers/os-job-x" in engine.calls) == again


@pytest.mark.parametrize("phase", ["compile", "execute"])
def test_a_container_of_another_phase_is_no_obstacle(
    engine: Engine, executor: DockerExecutor, phase: str
) -> None:
    engine.add("os-job-x", LABELS | {"org.sallyport.phase": phase})
    executor.start(SPEC)
    assert engine.containers["os-job-x"]["Config"]["Labels"]["org.sallyport.phase"] == "run"


def test_an_image_that_went_away_before_the_start(engine: Engine, executor: DockerExecutor) -> None:
    engine.images.clear()
    with pytest.raises(ImageError, match="lacks the image"):
        executor.start(SPEC)


@pytest.mark.parametrize("digest", [None, DIGEST])
@pytest.mark.parametrize("held", [True, False])
def test_an_image_is_named_by_its_content(
    engine: Engine, executor: DockerExecutor, digest: str | None, held: bool
) -> None:
    if not held:
        engine.images.clear()
    image = executor.fetch_image("python:v2", digest)
    assert image.reference == IMAGE
    assert image.labels == {"made": "before" if held else "pulled"}
    assert ("POST images/create" in engine.calls) != held
    assert ("GET distribution/proxy/python:v2/json" in engine.calls) == (digest is None)


@pytest.mark.parametrize(
    ("repository", "place"),
    [("", "proxy.example/own/r"), ("team/r", "proxy.example/team/r"),
     ("quay.io/x/r", "proxy.example/quay.io/x/r")],
)  # fmt: skip
def test_an_image_of_the_site_is_asked_of_the_proxy_by_its_repository(
    engine: Engine, tmp_path: Path, repository: str, place: str
) -> None:
    own = Catalogue.of([ImageEntry(name="r", repository=repository)])
    executor = DockerExecutor("proxy.example/own", 5, f"unix://{tmp_path}/engine.sock", own)
    engine.registry[f"{place}:v1"] = DIGEST
    assert executor.fetch_image("r:v1", None).reference == f"{place}@{DIGEST}"
    assert f"GET distribution/{place}:v1/json" in engine.calls
    engine.images = {
        name: image(f"{name}@{DIGEST}") for name in (place, "proxy.example/other/r", "quay.io/x/r")
    }
    assert [one.reference for one in executor.images()] == [f"{place}@{DIGEST}"]
    executor._client.close()


def test_words_of_the_settings_replace_the_program_of_an_image(
    engine: Engine, executor: DockerExecutor
) -> None:
    executor.start(replace(SPEC, entrypoint=["Rscript", "--vanilla"]))
    executor.start(replace(SPEC, name="os-job-y"))
    own, plain = engine.created
    assert (own["Entrypoint"], own["Cmd"]) == (["Rscript", "--vanilla"], ["a.py"])
    assert not plain.get("Entrypoint")


def test_a_file_system_becomes_an_image(engine: Engine, executor: DockerExecutor) -> None:
    reference = executor.import_image(b"tar")
    assert reference in engine.images
    assert executor.remove_image(reference)
    assert reference not in engine.images


@pytest.mark.parametrize("digest", [None, "sha256:" + "b" * 64])
def test_an_image_that_the_registry_lacks(
    engine: Engine, executor: DockerExecutor, digest: str | None
) -> None:
    engine.registry.clear()
    with pytest.raises(ImageError, match="no image python:v2"):
        executor.fetch_image("python:v2", digest)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("name unknown", ImageError),
        ("manifest unknown: no such manifest", ImageError),
        ("the engine is unwell", TransientError),
    ],
)
def test_what_a_registry_lacks_is_known_by_the_words_of_the_engine(
    engine: Engine, executor: DockerExecutor, words: str, fault: type[Exception]
) -> None:
    engine.fault, engine.fault_words = 500, words
    with pytest.raises(fault, match=words):
        executor.fetch_image("python:v2", "sha256:" + "b" * 64)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ("unexpected EOF", TransientError),
        ("filesystem layer verification failed", TransientError),
        ("net/http: TLS handshake timeout", TransientError),
        ("manifest unknown: no such manifest", ImageError),
        ("proxy/python: not found", ImageError),
        ("denied: this repository is not allowed", ImageError),
    ],
)
def test_a_pull_that_breaks_off_is_tried_again_unless_it_was_refused(
    engine: Engine, executor: DockerExecutor, error: str, fault: type[Exception]
) -> None:
    engine.images.clear()
    engine.pull_error = error
    with pytest.raises(fault, match=error):
        executor.fetch_image("python:v2", None)


@pytest.mark.parametrize(
    ("state", "values", "expected"),
    [
        ("running", {"ExitCode": 0}, {"exit_code": None}),
        ("paused", {"ExitCode": 0}, {"exit_code": None}),
        ("created", {"ExitCode": 0}, {"exit_code": 0}),
        ("exited", {"ExitCode": 3}, {"exit_code": 3}),
        ("exited", {"ExitCode": 137, "OOMKilled": True}, {"exit_code": 137, "out_of_memory": True}),
        (
            "exited",
            {"ExitCode": 0, "FinishedAt": "1970-01-01T00:01:00.5Z"},
            {"exit_code": 0, "finished_at": 60.0},
        ),
        ("exited", {"ExitCode": 0, "FinishedAt": "0001-01-01T00:00:00Z"}, {"exit_code": 0}),
    ],
)
def test_what_is_said_of_a_container(
    engine: Engine,
    executor: DockerExecutor,
    state: str,
    values: dict[str, object],
    expected: dict[str, Any],
) -> None:
    engine.add("a", LABELS, state, **values)
    blank = ContainerStatus(name="a", labels=LABELS, state=state)
    found = executor.status("a")
    assert found == replace(blank, **expected)
    assert executor.list("hospital") == [found]
    assert executor.list("other") == []


def test_what_is_not_there_is_no_fault(engine: Engine, executor: DockerExecutor) -> None:
    assert executor.status("a") is None
    assert executor.usage("a") is None
    assert executor.inspect("a") == {}
    assert list(executor.logs("a")) == []
    executor.kill("a")
    executor.remove("a")
    assert engine.containers == {}


@pytest.mark.parametrize("call", ["kill", "remove"])
def test_what_goes_away_meanwhile_is_no_fault(
    engine: Engine, executor: DockerExecutor, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.add("a", LABELS)
    engine.lose_before = "containers/a/kill" if call == "kill" else "containers/a"
    if call == "remove":
        engine.lose_before = None
        monkeypatch.setattr(engine, "answer", _losing(engine))
    getattr(executor, call)("a")
    assert engine.containers == {}


def _losing(engine: Engine) -> Callable[..., tuple[int, object]]:
    known = engine.answer

    def answer(method: str, path: str, body: dict[str, object]) -> tuple[int, object]:
        if method == "DELETE":
            engine.containers.clear()
        return known(method, path, body)

    return answer


@pytest.mark.parametrize(("state", "killed"), [("running", True), ("exited", False)])
def test_only_what_lives_is_killed(
    engine: Engine, executor: DockerExecutor, state: str, killed: bool
) -> None:
    engine.add("a", LABELS, state, ExitCode=0)
    executor.kill("a")
    assert engine.containers["a"]["State"] == {"Status": "exited", "ExitCode": 137 if killed else 0}
    executor.remove("a")
    assert engine.containers == {}


def test_figures_and_networks(engine: Engine, executor: DockerExecutor) -> None:
    engine.add("a", LABELS)
    assert executor.usage("a") == Usage(cpu_seconds=2.5, memory=4096)
    assert executor.inspect("a")["Id"] == "a"
    engine.networks |= {"jobrunner-db-2"}
    assert not executor.network_exists("jobrunner-db")
    engine.networks |= {"jobrunner-db"}
    assert executor.network_exists("jobrunner-db")


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"usage": 4096}, 4096),
        ({"usage": 4096, "stats": {}}, 4096),
        ({"usage": 4096, "stats": {"total_inactive_file": 1000, "inactive_file": 9}}, 3096),
        ({"usage": 4096, "stats": {"inactive_file": 1000, "file": 2000, "shmem": 500}}, 3096),
        ({"usage": 4096, "stats": {"inactive_file": 5000}}, 0),
        ({"usage": 4096, "stats": None}, 4096),
        ({}, 0),
    ],
)
def test_memory_is_counted_without_page_cache(
    engine: Engine, executor: DockerExecutor, figures: dict[str, Any], expected: int
) -> None:
    engine.add("a", LABELS)
    engine.memory = figures
    assert executor.usage("a") == Usage(cpu_seconds=2.5, memory=expected)


def image(*digests: str, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return an image as the engine lists it."""
    return {
        "RepoDigests": list(digests),
        "RepoTags": list(tags),
        "Created": "1970-01-01T00:01:00Z",
        "Config": {"Labels": {}},
    }


def test_only_images_that_were_pulled_by_digest_are_ours(
    engine: Engine, executor: DockerExecutor
) -> None:
    ours, other = f"proxy/r@{DIGEST}", f"elsewhere/r@{DIGEST}"
    engine.images = {
        "ours": image(ours),
        "tagged": image(f"proxy/tagged@{DIGEST}", tags=("proxy/tagged:v1",)),
        "foreign": image(other),
        "both": image(f"proxy/both@{DIGEST}", other),
        "prefix": image(f"proxy2/r@{DIGEST}"),
        "built": image(),
    }
    assert executor.images() == [StoredImage(reference=ours, created=60.0)]
    assert executor.data_folder() == Path("/var/lib/docker")


@pytest.mark.parametrize("used", [True, False])
def test_an_image_that_a_container_uses_stays(
    engine: Engine, executor: DockerExecutor, used: bool
) -> None:
    engine.add("a", LABELS)
    engine.containers["a"]["Config"]["Image"] = IMAGE if used else "another"
    assert executor.remove_image(IMAGE) != used
    assert (IMAGE in engine.images) == used
    assert executor.remove_image("proxy/none@sha256:0")


CALLS: dict[str, Callable[[DockerExecutor], object]] = {
    "start": lambda executor: executor.start(SPEC),
    "status": lambda executor: executor.status("a"),
    "list": lambda executor: executor.list("hospital"),
    "usage": lambda executor: executor.usage("a"),
    "kill": lambda executor: executor.kill("a"),
    "remove": lambda executor: executor.remove("a"),
    "inspect": lambda executor: executor.inspect("a"),
    "logs": lambda executor: list(executor.logs("a")),
    "network": lambda executor: executor.network_exists("a"),
    "image": lambda executor: executor.fetch_image("python:v2", None),
    "images": lambda executor: executor.images(),
    "import image": lambda executor: executor.import_image(b"tar"),
    "remove image": lambda executor: executor.remove_image(IMAGE),
    "folder": lambda executor: executor.data_folder(),
}


@pytest.mark.parametrize("call", sorted(CALLS))
def test_an_unwell_engine_is_a_fault_that_may_pass(
    engine: Engine, executor: DockerExecutor, call: str
) -> None:
    engine.add("a", LABELS)
    engine.fault = 500
    with pytest.raises(TransientError, match="500: the engine is unwell"):
        CALLS[call](executor)


def test_an_engine_that_is_not_there_is_a_fault_that_may_pass(tmp_path: Path) -> None:
    calls = CALLS | {"ends": lambda executor: next(executor.ends("hospital"))}
    for name in sorted(calls):
        executor = DockerExecutor("proxy", 5, f"unix://{tmp_path}/none.sock")
        with pytest.raises(TransientError, match="the container engine is unavailable"):
            calls[name](executor)
