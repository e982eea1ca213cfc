"""Every call that the profile refuses, made in a job and where nothing refuses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from testinfra.host import Host

from runner import system_calls
from runner.jobs import Start
from sallyport_runner.profile import SECCOMP

PROGRAM = Path(system_calls.__file__).read_text(encoding="utf-8")
MARK = 99  # EADDRNOTAVAIL, which none of these calls answers by itself
PROFILE = "/run/marked-seccomp.json"
TERMINAL = "import os; print(os.isatty(0))"
Answers = dict[str, str]


def outside(host: Host, image: str, options: str) -> Answers:
    """Make the calls in a container with other options than a job's."""
    command = (
        f"docker run --rm --network=none --tmpfs=/workspace:mode=1777 {options} %s python3 -c %s"
    )
    return dict(json.loads(host.check_output(command, image, PROGRAM)))


@pytest.fixture(scope="module")
def job(start: Start) -> Answers:
    """What a job is answered."""
    return dict(json.loads(start(PROGRAM)["output"]))


@pytest.fixture(scope="module")
def unfiltered(host: Host, image: str) -> Answers:
    """What the kernel itself answers to an account with most capabilities of its host."""
    return outside(
        host,
        image,
        "--security-opt=seccomp=unconfined --security-opt=no-new-privileges=false"
        " --cap-add=SYS_ADMIN --cap-add=SYS_PTRACE --cap-add=NET_ADMIN",
    )


@pytest.fixture(scope="module")
def marked(host: Host, image: str) -> Answers:
    """What a profile answers that is a job's but for the number of its refusals."""
    profile = json.loads(SECCOMP.read_text("utf-8"))
    for rule in profile["syscalls"]:
        if rule.get("errnoRet") == 1:
            rule["errnoRet"] = MARK
    host.check_output("printf %%s %s > %s", json.dumps(profile), PROFILE)
    found = outside(host, image, f"--security-opt=seccomp={PROFILE} --user=10000:10000")
    host.check_output("rm %s", PROFILE)
    return found


@pytest.mark.parametrize("name", system_calls.NAMED)
def test_the_profile_itself_refuses_what_it_names(
    job: Answers, marked: Answers, unfiltered: Answers, name: str
) -> None:
    assert job[name] == "EPERM"
    assert marked[name] == "EADDRNOTAVAIL"
    assert unfiltered[name] != "EADDRNOTAVAIL"


@pytest.mark.parametrize("name", system_calls.UNNAMED)
def test_what_the_profile_does_not_name_is_refused(
    job: Answers, unfiltered: Answers, name: str
) -> None:
    assert job[name] in {"ENOSYS", "EPERM"}
    assert unfiltered[name] not in {"ENOSYS", "EPERM"}


@pytest.mark.parametrize("name", system_calls.ABSENT)
def test_libraries_are_sent_to_the_older_call(job: Answers, unfiltered: Answers, name: str) -> None:
    assert (job[name], unfiltered[name]) == ("ENOSYS", "EINVAL")


@pytest.mark.parametrize("name", system_calls.ALLOWED)
def test_a_call_of_the_same_shape_is_made(job: Answers, name: str) -> None:
    assert job[name] == "done"


@pytest.mark.parametrize("name", ["x32", "i386"])
def test_the_other_interfaces_of_the_processor_end_the_program(
    job: Answers, unfiltered: Answers, name: str
) -> None:
    assert job[name] == "signal 31"
    assert unfiltered[name] != "signal 31"


def test_a_job_has_no_terminal_to_type_into(host: Host, image: str, start: Start) -> None:
    """TIOCSTI and its like need one."""
    assert start(TERMINAL)["output"] == "False"
    assert host.check_output("docker run --rm --tty %s python3 -c %s", image, TERMINAL) == "True"
