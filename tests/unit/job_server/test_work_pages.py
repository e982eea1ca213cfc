"""Pages of work: what will run, the graph, a job with its advice, history, backends, home."""

from __future__ import annotations

import re

import pytest
from tests.unit.job_server.rig import BOTH, Rig
from tests.unit.job_server.test_session_ends import later
from tests.unit.job_server.worlds import World

from sallyport_common.protocol import StatusCode
from sallyport_job_server.services import drawing
from sallyport_job_server.services.advice import advice

ENGINES = BOTH
CHAIN = """
version: '5'
actions:
  make:
    run: python:v2 python make.py
    outputs: {highly_sensitive: {d: output/highly.csv}}
  model:
    run: python:v2 python model.py
    needs: [make]
    outputs: {moderately_sensitive: {s: output/model.csv}}
  figure:
    run: python:v2 python figure.py
    needs: [make, model]
    outputs: {moderately_sensitive: {s: output/figure.svg}}
"""


def words(page: str) -> str:
    """Return the text of a page on one line."""
    plain = " ".join(re.sub("<[^>]+>", " ", page).split())
    return re.sub(r" (?=[,.])", "", plain)


def test_the_page_says_what_will_run_before_it_is_asked_for(rig: Rig) -> None:
    rig.study.commit(CHAIN)
    rita, page = rig.browser("rita"), "/workspaces/heart/run/"
    form = {"actions": ["figure"], "backend": "hospital", "sha": rig.study.sha, "note": "For Ann"}
    shown = rita.post(page, form | {"look": "true"}, page=page)
    assert shown.status_code == 200
    assert "3 actions run, in this order: make, model, figure." in words(shown.text)
    assert 'value="For Ann"' in shown.text
    request = rig.submit("make", "model")
    rig.report(request, "make", "succeeded")
    rig.report(request, "model", "running")
    fragment = rita.post(f"{page}plan/", form)
    assert words(fragment.text) == (
        "1 action runs, in this order: figure. 1 succeeded before and is not run again: make. "
        "1 runs already, for an earlier request: model."
    )
    forced = rita.post(f"{page}plan/", form | {"force": "true"})
    assert "2 actions run, in this order: make, figure." in words(forced.text)
    none = rita.post(f"{page}plan/", form | {"actions": []})
    assert "Nothing runs." in none.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"actions": ["mkae"]}, "There is no action &#39;mkae&#39;"), ({"backend": "x"}, "backend")],
)
def test_what_cannot_be_asked_for_is_said_where_it_was_chosen(
    rig: Rig, change: dict[str, object], sentence: str
) -> None:
    page, form = "/workspaces/heart/run/", {"actions": ["make"], "backend": "hospital"}
    answer = rig.browser("rita").post(page, form | {"look": "true"} | change, page=page)
    assert answer.status_code == 400
    assert sentence in answer.text


def test_actions_are_offered_by_stage_with_their_graph(rig: Rig) -> None:
    rig.study.commit(CHAIN)
    page = rig.browser("rita").get("/workspaces/heart/run/").text
    assert page.index("Stage 1") < page.index('value="make"') < page.index("Stage 2")
    assert page.index("Stage 2") < page.index('value="model"') < page.index("Stage 3")
    assert page.count("<rect") == 3
    assert page.count('<path d="M') == 3
    assert 'href="#action-model"' in page


def test_a_request_shows_its_graph_its_note_and_what_changed_since_the_one_before(
    rig: Rig,
) -> None:
    first_sha = rig.study.commit(CHAIN)
    first = rig.submit("make")
    second_sha = rig.study.commit(CHAIN + "# changed\n")
    rita, page = rig.browser("rita"), "/workspaces/heart/run/"
    form = {"actions": ["figure"], "backend": "hospital", "sha": second_sha, "note": "For Ann"}
    address = rita.post(page, form, page=page).headers["Location"]
    second = address.strip("/").rpartition("/")[2]
    for action, status in (("make", "succeeded"), ("model", "running"), ("figure", "pending")):
        rig.report(second, action, status)
    shown = rita.get(address).text
    assert f"/compare/{first_sha}...{second_sha}" in shown
    assert f"/job-requests/{first}/" in shown
    assert f"/commit/{second_sha}" in shown
    assert "For Ann" in shown
    assert 'class="node running"' in shown
    assert f'href="/jobs/{second}-model/" class="node running"' in shown
    assert "the same commit" in rita.get(rita.post(f"{address}rerun/").headers["Location"]).text
    assert "For Ann" in rita.get("/workspaces/heart/").text


def test_a_job_has_a_page_with_its_times_its_use_and_the_jobs_before(world: World) -> None:
    rig = world.rig
    used = {"cpu_mean": 50.0, "cpu_peak": 180.0, "mem_mb_mean": 100.0, "mem_mb_peak": 512.0}
    rig.report(
        world.request, "make", "failed", status_code="nonzero_exit", metrics=used,
        status_message="Job exited with an error", run_record="a" * 64,
    )  # fmt: skip
    later_request = rig.submit("make")
    rig.report(later_request, "make", "pending")
    rita = rig.browser("rita")
    page = rita.get(f"/jobs/{world.job}/").text
    said = words(page)
    assert "Job exited with an error" in said
    assert "The program itself ended with an error." in said
    assert "heart/metadata/make.log" in said
    assert "0.50 cores 1.80 cores" in said
    assert "100 MiB 512 MiB" in said
    assert "a" * 64 in said
    assert f"/jobs/{later_request}-make/" in page
    assert ">Cancel<" not in page
    assert ">Cancel<" in rita.get(f"/jobs/{later_request}-make/").text
    answer = rita.post(f"/jobs/{world.job}/rerun/")
    made = answer.headers["Location"].strip("/").rpartition("/")[2]
    assert rig.services.history.look(rig.people["rita"], made).request.requested_actions == ["make"]


def test_a_job_of_another_project_looks_like_a_missing_one(world: World) -> None:
    mallory = world.rig.browser("mallory")
    answers = [mallory.get(f"/jobs/{name}/") for name in (world.job, "none")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace(world.job, "none") == answers[1].text


@pytest.mark.parametrize("code", StatusCode)
def test_each_end_that_is_no_success_has_advice(code: StatusCode) -> None:
    failed = {
        StatusCode.DEPENDENCY_FAILED, StatusCode.NONZERO_EXIT, StatusCode.CANCELLED_BY_USER,
        StatusCode.UNMATCHED_PATTERNS, StatusCode.INTERNAL_ERROR, StatusCode.KILLED_BY_ADMIN,
        StatusCode.STALE_CODELISTS, StatusCode.INVALID_REQUEST, StatusCode.JOB_ERROR,
    }  # fmt: skip
    assert not advice("what a future runner says")
    assert code not in failed or advice(code).endswith(".")


def test_a_job_of_which_nothing_is_heard_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/jobs/{world.job}/"
    assert "Nothing was heard of it for" in world.rig.browser("rita").get(path).text
    later(monkeypatch, 0)
    monkeypatch.setattr("sallyport_job_server.services.clock.seconds_since", lambda _then: 5.0)
    assert "Nothing was heard" not in world.rig.browser("rita").get(path).text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 1), ("state=open", 1), ("state=failed", 0), ("backend=hospital", 1),
        ("backend=other", 0), ("person=rita", 1), ("person=nobody", 0), ("search=make", 1),
        ("since=2026-01-01&until=2999-01-01", 1), ("until=2026-01-01", 0),
    ],
)  # fmt: skip
def test_the_history_is_filtered_and_counted(world: World, query: str, found: int) -> None:
    page = world.rig.browser("rita").get(f"/workspaces/heart/?{query}").text
    assert f"{found} job request" in words(page)
    assert (f"/job-requests/{world.request}/" in page) is bool(found)


@pytest.mark.parametrize("query", ["state=done", "since=yesterday", "until=2026-13-01"])
def test_a_filter_that_is_wrong_is_refused_with_its_reason(world: World, query: str) -> None:
    answer = world.rig.browser("rita").get(f"/workspaces/heart/?{query}")
    assert answer.status_code == 400
    assert "is not a" in answer.text


def test_a_backend_shows_what_it_runs_of_ones_own_projects(world: World) -> None:
    rig = world.rig
    mine = words(rig.browser("rita").get("/backends/hospital/").text)
    assert "Jobs that run 1" in mine
    assert "make heart executing" in mine
    others = words(rig.browser("mallory").get("/backends/hospital/").text)
    assert "1 job of other projects runs." in others
    assert "heart" not in others


def test_a_paused_backend_is_told_on_every_page_of_its_people(world: World) -> None:
    rig = world.rig
    sentence = "It is paused: pending jobs wait."
    assert sentence not in rig.browser("rita").get("/settings/").text
    rig.call("GET", "/job-requests/", Flags='{"paused": {"v": "true"}}')
    for path in ("/", "/settings/", f"/job-requests/{world.request}/"):
        assert sentence in rig.browser("rita").get(path).text, path
    assert sentence not in rig.browser("mallory").get("/").text
    rig.call("GET", "/job-requests/", Flags='{"paused": {"v": null}}')
    assert sentence not in rig.browser("rita").get("/").text


def test_home_shows_ones_own_requests_apart_from_those_of_others(world: World) -> None:
    rita, cora = (words(world.rig.browser(name).get("/").text) for name in ("rita", "cora"))
    assert "Your job requests" in rita
    assert "Job requests of others" not in rita
    assert "Your job requests" not in cora
    assert "Job requests of others" in cora


def test_an_administrator_ends_a_backends_token(rig: Rig) -> None:
    ada = rig.browser("ada")
    assert rig.call("GET", "/job-requests/").status_code == 200
    page = ada.get("/staff/backends/").text
    found = re.findall(r'action="(/staff/backends/hospital/tokens/\d+/end/)".*?token (\w+)', page)
    path = next(path for path, scope in found if scope == "jobs")
    assert ada.post(path).status_code == 302
    assert rig.call("GET", "/job-requests/").status_code == 403
    assert rig.call("POST", "/releases/authorise", "review", json={"user": "rita"}).status_code
    assert [row.data for row in rig.audit("backend.token_end")] == [{"scope": "jobs"}]


def test_a_graph_is_drawn_in_stages_without_crossing_where_there_need_be_none() -> None:
    drawn = drawing.draw({"a": [], "b": [], "x": ["b"], "y": ["a"]})
    assert drawn
    place = {node.name: (node.x, node.y) for node in drawn.nodes}
    assert place["a"][0] == place["b"][0] < place["x"][0] == place["y"][0]
    assert place["y"][1] == place["a"][1] < place["b"][1] == place["x"][1]
    assert len(drawn.lines) == 2
    assert drawn.height >= place["x"][1] + drawing.HEIGHT


@pytest.mark.parametrize(
    "needs",
    [
        {}, {"a": []}, {"a": [], "b": []}, {"a": ["b"], "b": ["a"]},
        {f"a{number}": [f"a{number - 1}"] for number in range(drawing.MOST + 1)},
    ],
)  # fmt: skip
def test_a_graph_that_tells_nothing_is_not_drawn(needs: dict[str, list[str]]) -> None:
    assert drawing.draw(needs) is None


def test_long_names_are_cut_and_names_from_elsewhere_are_left_out() -> None:
    drawn = drawing.draw({"a" * 40: [], "b": ["a" * 40, "kept"]})
    assert drawn
    assert [len(node.label) for node in drawn.nodes] == [drawing.LONGEST_LABEL, 1]
    assert len(drawn.lines) == 1


def test_home_shows_nothing_of_a_project_that_somebody_left(world: World) -> None:
    rig = world.rig
    assert "/job-requests/" in rig.browser("rita").get("/").text
    rig.services.directory.set_member(rig.people["ada"], "cardiology", "rita", [])
    assert "/job-requests/" not in rig.browser("rita").get("/").text
