"""A disk or a database that takes nothing for a while loses no request and no job."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from tests.unit.runner.rig import Runner

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import JobRequest
from sallyport_runner.services.requests.admission import Admission

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (OSError(errno.ENOSPC, "full"), StatusCode.SUCCEEDED),
        (OperationalError("INSERT", {}, sqlite3.OperationalError("full")), StatusCode.SUCCEEDED),
        (OSError(errno.EBADF, "a fault of ours"), StatusCode.INTERNAL_ERROR),
    ],
)
def test_a_full_disk_refuses_no_request(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch, fault: Exception, code: StatusCode
) -> None:
    admit, faults = Admission.admit, [fault]

    def failing(self: Admission, request: JobRequest) -> bool:
        if faults:
            raise faults.pop()
        return admit(self, request)

    monkeypatch.setattr(Admission, "admit", failing)
    request = runner.request("a", sha, "make")
    runner.passes(4, seconds=10)
    assert [job.code for job in runner.store.jobs_of([request.identifier])] == [code]


def test_a_step_that_fails_is_made_good_by_the_next(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, faults = runner.store.change, [OperationalError("x", {}, sqlite3.Error("full"))] * 3

    def failing(*arguments: Any, **values: Any) -> None:
        if faults:
            raise faults.pop()
        change(*arguments, **values)

    monkeypatch.setattr(runner.store, "change", failing)
    runner.request("a", sha, "make")
    runner.inbox.requests()
    for _step in range(12):
        with contextlib.suppress(OperationalError):
            runner.loop.step()
        runner.now += 10
    assert not faults
    assert runner.job("make").code is StatusCode.SUCCEEDED
