"""The engine says of a container of ours what it was asked for: a run record has no fault."""

from __future__ import annotations

from runner.jobs import EXECUTOR, Start

SCRIPT = (
    EXECUTOR
    + """
from dataclasses import asdict
from sallyport_runner.services.outputs import isolation

spec = ContainerSpec(**given)
executor.start(spec)
ended(spec.name)
inspected = executor.inspect(spec.name)
executor.remove(spec.name)
other = inspected | {"HostConfig": inspected["HostConfig"] | {"ReadonlyRootfs": False}}
print(json.dumps({
    "as asked": asdict(isolation.container(inspected, job="probe")),
    "changed": asdict(isolation.container(other, job="probe")),
}))
"""
)


def test_a_real_sandbox_is_as_asked(start: Start) -> None:
    found = start("pass", script=SCRIPT)
    assert found["as asked"]["faults"] == []
    isolation = found["as asked"]["isolation"]
    assert (isolation["network"], isolation["capabilities_dropped"]) == ("none", ["ALL"])
    assert found["changed"]["faults"] == ["read_only: asked true, found false."]
