"""Released files: announced, uploaded once, seen by members, published, removed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.job_server.rig import SITE, TOKENS, Rig, file_entry, file_list
from werkzeug.test import TestResponse

from sallyport_common.tokens import new_ulid
from sallyport_job_server.models import Operator
from sallyport_job_server.services.access_tokens import Wish

TABLE = b"group,count\nyoung,10\nold,25\n"
NAME = "output/table.csv"
LIMIT = 16 * 1024 * 1024  # said once more: the interface fixes it


@pytest.fixture(autouse=True)
def _has_run(request: pytest.FixtureRequest) -> None:
    """The backend has run something in the workspace, as each that releases from it has."""
    if "rig" in request.fixturenames:
        request.getfixturevalue("rig").has_run()


def create(rig: Rig, body: Any, *, user: str = "carl", scope: str = "publish") -> TestResponse:
    """Announce a release."""
    return rig.call("POST", "/releases/workspace/heart", scope, json=body, OS_User=user)


def upload(
    rig: Rig, release: str, name: str | None, data: bytes, *, user: str = "carl"
) -> TestResponse:
    """Upload a file."""
    headers = {"Authorization": TOKENS["publish"], "OS-User": user}
    if name:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return rig.app.test_client().post(
        f"/api/v2/releases/release/{release}", data=data, headers=headers, base_url=SITE
    )


def detail(answer: TestResponse) -> str:
    """Return the sentence of a refusal."""
    return str((answer.json or {})["detail"])


def released(rig: Rig, name: str = NAME, data: bytes = TABLE) -> str:
    """Release one file and return its id."""
    made = create(rig, file_list(file_entry(name, data), airlock_id=new_ulid()))
    return upload(rig, made.headers["Release-Id"], name, data).headers["File-Id"]


def test_a_release_is_announced_once_per_ulid(rig: Rig) -> None:
    wanted = new_ulid()
    body = file_list(file_entry(NAME, TABLE), airlock_id=wanted)
    for _ in range(2):
        answer = create(rig, body)
        assert answer.status_code == 201
        assert answer.headers["Release-Id"] == wanted
        assert (answer.json or {})["release_id"] == wanted
        assert (answer.json or {})["release_url"] == f"{SITE}/releases/{wanted}/"
    other = file_list(file_entry(NAME, b"other"), airlock_id=wanted)
    assert create(rig, other).status_code == 409
    without = file_list(file_entry(NAME, TABLE))
    assert create(rig, without).headers["Release-Id"] != create(rig, without).headers["Release-Id"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"size": LIMIT + 1}, "File is too large, it must be below 16.0Mb"),
        ({"name": "/etc/passwd"}, "'files[0].name' is not valid"),
        ({"name": "a/../b.csv"}, "'files[0].name' is not valid"),
        ({"name": ".hidden"}, "'files[0].name' is not valid"),
        ({"sha256": "x"}, "64 hexadecimal digits"),
        ({"date": "yesterday"}, "a time with an offset or Z"),
        ({"size": True}, "a number of bytes"),
        ({"url": None}, "'files[0].url'"),
        ({"metadata": 5}, "an object, or null"),
    ],
)
def test_a_bad_file_is_refused(rig: Rig, changes: dict[str, Any], sentence: str) -> None:
    answer = create(rig, file_list(file_entry(NAME, TABLE) | changes))
    assert answer.status_code == 400
    assert sentence in detail(answer)
    good = file_entry(NAME, TABLE) | {"size": LIMIT}
    assert create(rig, file_list(good)).status_code == 201


def test_a_bad_list_is_refused(rig: Rig) -> None:
    entry = file_entry(NAME, TABLE)
    bodies: list[Any] = [
        [],
        {"files": []},
        file_list(),
        file_list(entry, entry),
        {"files": [entry]},
    ]
    for body in bodies:
        assert create(rig, body).status_code == 400, body
    assert create(rig, file_list(entry)).status_code == 201


@pytest.mark.parametrize("names", [("d", "d/x.txt"), ("a/b/c.txt", "a/x", "a/b")])
def test_a_file_cannot_be_the_folder_of_another(rig: Rig, names: tuple[str, ...]) -> None:
    answer = create(rig, file_list(*(file_entry(name, TABLE) for name in names)))
    assert answer.status_code == 400
    assert "is listed as a file and as the folder of" in detail(answer)
    good = ("d/y.txt", "d/x.txt", "d.txt", "a/bc.txt", "a/b.txt")
    answer = create(rig, file_list(*(file_entry(name, TABLE) for name in good)))
    assert answer.status_code == 201


def test_only_checkers_of_the_backend_release(rig: Rig) -> None:
    body = file_list(file_entry(NAME, TABLE))
    for user in ("rita", "ada", "nobody", ""):
        assert create(rig, body, user=user).status_code == 403, user
    for scope in ("jobs", "review", "f" * 40):
        assert create(rig, body, scope=scope).status_code == 403, scope
    assert create(rig, body).status_code == 201
    missing = rig.call("POST", "/releases/workspace/nope", "publish", json=body, OS_User="carl")
    assert missing.status_code == 404


def test_an_upload_is_kept_once_with_the_sentences_of_the_api(rig: Rig) -> None:
    release = create(rig, file_list(file_entry(NAME, TABLE))).headers["Release-Id"]
    refusals = [
        (NAME, b"", "No data uploaded"),
        (None, TABLE, "Missing filename. Request should include"),
        ("output/x.csv", TABLE, f"File output/x.csv not requested in release {release}"),
        (NAME, b"other", "Contents of uploaded file does not match the file which"),
    ]
    for name, data, sentence in refusals:
        answer = upload(rig, release, name, data)
        assert answer.status_code == 400
        assert detail(answer).startswith(sentence)
    done = upload(rig, release, NAME, TABLE)
    assert done.status_code == 201
    assert done.headers["Location"] == f"{SITE}/api/v2/releases/file/{done.headers['File-Id']}"
    again = upload(rig, release, NAME, TABLE)
    assert again.status_code == 400
    assert detail(again) == (
        f"This version of '{NAME}' has already been uploaded from backend 'hospital'"
    )
    assert again.headers["File-Id"] == done.headers["File-Id"]
    assert upload(rig, new_ulid(), NAME, TABLE).status_code == 404
    assert upload(rig, release, NAME, b"x" * (LIMIT + 1)).status_code == 400


def test_an_upload_from_another_backend_is_refused(rig: Rig) -> None:
    other = "e" * 40
    rig.services.backends.ensure(Operator("test"), "clinic", "Clinic", "", {"publish": other})
    release = create(rig, file_list(file_entry(NAME, TABLE))).headers["Release-Id"]
    path = f"/api/v2/releases/release/{release}"
    headers = {
        "Authorization": other,
        "OS-User": "carl",
        "Content-Disposition": f'a; filename="{NAME}"',
    }
    client = rig.app.test_client()
    assert client.post(path, data=TABLE, headers=headers).status_code == 403
    rig.services.accounts.add_to_backend(rig.people["ada"], "clinic", "carl")
    answer = client.post(path, data=TABLE, headers=headers)
    assert detail(answer) == "Release is from backend hospital not clinic"
    assert upload(rig, release, NAME, TABLE).status_code == 201


@pytest.fixture
def clinic(rig: Rig) -> str:
    """Return the token of another backend, of which carl is a member too."""
    token = "e" * 40
    rig.services.backends.ensure(Operator("test"), "clinic", "Clinic", "", {"classic": token})
    rig.services.accounts.add_to_backend(rig.people["ada"], "clinic", "carl")
    return token


def test_a_backend_reviews_its_own_releases_only(rig: Rig, clinic: str) -> None:
    release = create(rig, file_list(file_entry(NAME, TABLE))).headers["Release-Id"]
    body = file_list(file_entry(NAME, TABLE, review={"status": "APPROVED"}))
    path = f"/releases/release/{release}/reviews"
    answer = rig.call("POST", path, clinic, json=body, OS_User="carl")
    assert answer.status_code == 400
    assert detail(answer) == "Release is from backend hospital not clinic"
    assert rig.call("POST", path, "review", json=body, OS_User="carl").status_code == 200


def test_a_backend_releases_from_workspaces_in_which_it_ran_something(
    rig: Rig, clinic: str
) -> None:
    body = file_list(file_entry(NAME, TABLE))
    answer = create(rig, body, scope=clinic)
    assert answer.status_code == 403
    assert detail(answer) == "The backend clinic has run nothing in the workspace heart."
    assert create(rig, body).status_code == 201


def test_members_read_a_file_and_strangers_do_not(rig: Rig) -> None:
    identifier = released(rig)
    path = f"/api/v2/releases/file/{identifier}"
    for user in ("rita", "cora", "carl"):
        answer = rig.browser(user).get(path)
        assert answer.data == TABLE, user
        assert answer.headers["Content-Disposition"] == 'inline; filename="table.csv"'
        assert answer.headers["Last-Modified"]
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert rig.browser("mallory").get(path).status_code == 404
    assert rig.browser().get(path).status_code == 403
    token = rig.services.access_tokens.create(rig.people["rita"], Wish("x"))
    client = rig.app.test_client()
    assert client.get(path, headers={"Authorization": f"rita:{token}"}).data == TABLE
    assert client.get(path, headers={"Authorization": f"rita:{token}x"}).status_code == 403


def test_nginx_sends_a_file_only_by_the_configured_prefix(rig: Rig) -> None:
    path = f"/api/v2/releases/file/{released(rig)}"
    browser = rig.browser("rita")
    right = browser.get(path, headers={"Releases-Redirect": "/releases-store"})
    assert right.headers["X-Accel-Redirect"].startswith("/releases-store/heart/releases/")
    wrong = browser.get(path, headers={"Releases-Redirect": "/etc"})
    assert "X-Accel-Redirect" not in wrong.headers
    assert wrong.data == TABLE


def test_a_file_that_was_not_uploaded_says_so(rig: Rig) -> None:
    release = create(rig, file_list(file_entry(NAME, TABLE))).headers["Release-Id"]
    rita = rig.browser("rita")
    entry = (rita.get(f"/api/v2/releases/release/{release}").json or {})["files"][0]
    assert rita.get(entry["url"]).json == "File not yet uploaded"
    assert "still being uploaded" in rita.get("/workspaces/heart/releases/").text
    assert "still being uploaded" in rita.get(f"/files/{entry['id']}/").text


def test_the_workspace_index_has_the_newest_version_of_each_file(rig: Rig) -> None:
    old, new = released(rig), released(rig, data=TABLE + b"x,1\n")
    other = released(rig, "output/text.txt", b"hello")
    files = (rig.browser("rita").get("/api/v2/releases/workspace/heart").json or {})["files"]
    found = {file["name"]: file["id"] for file in files}
    assert set(found) == {"hospital/output/table.csv", "hospital/output/text.txt"}
    assert found["hospital/output/text.txt"] == other
    assert found["hospital/output/table.csv"] in (old, new)
    assert set(files[0]) == {
        "name", "id", "url", "user", "date", "sha256", "size", "is_deleted", "backend",
        "metadata", "review",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "shown"),
    [
        (NAME, TABLE, '<td class="number">25</td>'),
        ("output/a.txt", b"<b>text</b>", "&lt;b&gt;text&lt;/b&gt;"),
        ("output/a.png", b"\x89PNG", '<img class="shown"'),
        ("output/a.html", b"<script>", "not shown here"),
        ("output/a.csv", b"\xff\xfe", "not in UTF-8"),
        ("output/b.csv", b"\n".join(b"1,2" for _ in range(600)), "Only the beginning"),
        ("output/c.csv", b"By age\n\nband;n\na;10\n", "<p>By age</p>"),
    ],
)
def test_a_file_is_shown_by_its_kind(rig: Rig, name: str, data: bytes, shown: str) -> None:
    identifier = released(rig, name, data)
    rita = rig.browser("rita")
    assert shown in rita.get(f"/files/{identifier}/").text
    kept = rita.get(f"/files/{identifier}/raw?download")
    assert kept.headers["Content-Disposition"].startswith("attachment")
    assert kept.data == data


def test_a_removed_file_is_gone_and_its_row_stays(rig: Rig) -> None:
    identifier = released(rig)
    rita, carl = rig.browser("rita"), rig.browser("carl")
    page = f"/files/{identifier}/"
    assert rita.post(f"{page}delete/", {}, "/settings/").status_code == 403
    assert rita.get(page).status_code == 200
    assert carl.post(f"{page}delete/", {}, page).status_code == 302
    assert rita.get(page).status_code == 410
    assert rita.get(f"{page}raw").status_code == 404
    assert rita.get(f"/api/v2/releases/file/{identifier}").status_code == 404
    files = (rita.get("/api/v2/releases/workspace/heart").json or {})["files"]
    assert files[0]["is_deleted"] is True
    assert "removed by carl" in rita.get("/workspaces/heart/releases/").text


def test_a_published_file_is_public_and_no_other(rig: Rig) -> None:
    chosen, other = released(rig), released(rig, "output/text.txt", b"hello")
    rita, paul, public = rig.browser("rita"), rig.browser("paul"), rig.browser()
    page, address = "/workspaces/heart/releases/", f"/cardiology/heart/published/{chosen}/"
    assert public.get(address).status_code == 404
    assert (
        rita.post("/workspaces/heart/snapshots/", {"file_ids": [chosen]}, page).status_code == 302
    )
    publish = "/workspaces/heart/snapshots/1/publish/"
    assert rita.post(publish, {}, page).status_code == 403
    assert public.get(address).status_code == 404
    assert paul.post(publish, {}, page).status_code == 302
    assert "<table" in public.get(address).text
    assert public.get(f"{address}raw").data == TABLE
    assert public.get(f"/cardiology/heart/published/{other}/").status_code == 404
    assert public.get(f"/other/heart/published/{chosen}/").status_code == 404


def test_snapshots_by_api(rig: Rig) -> None:
    identifier = released(rig)
    rita, paul, public = rig.browser("rita"), rig.browser("paul"), rig.browser()
    path, body = "/api/v2/workspaces/heart/snapshots", {"file_ids": [identifier]}
    assert rita.json(path, body).status_code == 403

    def token(browser: Any) -> str:
        page = browser.get("/settings/").text
        return str(page.partition('name="csrf_token" value="')[2].partition('"')[0])

    made = rita.json(path, body, **{"X-CSRF-Token": token(rita)})
    assert made.status_code == 201
    assert (made.json or {})["url"] == f"{SITE}{path}/1"
    assert (rita.json(path, body, **{"X-CSRF-Token": token(rita)}).json or {})["url"].endswith("/1")
    unknown = rita.json(path, {"file_ids": [new_ulid()]}, **{"X-CSRF-Token": token(rita)})
    assert unknown.status_code == 400
    assert public.get(f"{path}/1").status_code == 404
    assert rita.get(f"{path}/1").status_code == 200
    for _ in range(2):
        done = paul.json(f"{path}/1/publish", {}, **{"X-CSRF-Token": token(paul)})
        assert (done.status_code, done.data) == (200, b"")
    files = (public.get(f"{path}/1").json or {})["files"]
    assert public.get(files[0]["url"]).status_code == 200


def test_reviews_need_a_checker_and_the_same_files(rig: Rig) -> None:
    release = create(rig, file_list(file_entry(NAME, TABLE))).headers["Release-Id"]
    path = f"/releases/release/{release}/reviews"

    def post(entry: dict[str, Any], user: str = "carl") -> int:
        return rig.call("POST", path, "review", json=file_list(entry), OS_User=user).status_code

    good = file_entry(NAME, TABLE, review={"status": "APPROVED", "comments": {}})
    assert post(good | {"name": "x.csv"}) == 400
    assert post(good | {"sha256": "0" * 64}) == 400
    assert post(good | {"review": {"status": "MAYBE"}}) == 400
    assert post(good, user="rita") == 403
    assert post(good) == 200


@pytest.mark.parametrize(
    "path", ["/releases/workspace/heart/", "/releases/authenticate/", "/releases/file/x/"]
)
def test_release_endpoints_have_no_slash_at_the_end(rig: Rig, path: str) -> None:
    assert rig.call("POST", path, "classic", json={}).status_code == 404
