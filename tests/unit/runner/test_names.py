"""Names in a signed request are judged by the shared grammar, and the reason reaches the author."""

from __future__ import annotations

import pytest
from tests.unit.runner.rig import Runner

from sallyport_common.protocol import ERROR_ACTION, StatusCode


@pytest.mark.parametrize(
    ("bad", "good", "sentence"),
    [
        ({"workspace": "-ws"}, {"workspace": "_ws"}, "A workspace's name has up to 100 letters"),
        ({"workspace": "a.b"}, {"workspace": "a-b"}, "A workspace's name has up to 100 letters"),
        ({"branch": "ma in"}, {"branch": "main"}, "The name of the branch must not contain spaces"),
        ({"repo": "https://github.com/demo-org"}, {}, "The URL needs https, a host, an organis"),
    ],
)
def test_a_request_with_a_bad_name_ends_with_the_rule(
    runner: Runner, sha: str, bad: dict[str, str], good: dict[str, str], sentence: str
) -> None:
    request = runner.request("a", sha, "make", **bad)
    runner.passes(2)
    job = runner.job(ERROR_ACTION, request)
    assert (job.code, job.problem[: len(sentence)]) == (StatusCode.INVALID_REQUEST, sentence)
    request = runner.request("b", sha, "make", **good)
    runner.passes(4)
    assert runner.job("make", request).code is StatusCode.SUCCEEDED
