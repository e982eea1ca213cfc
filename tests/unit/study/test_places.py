"""One grammar for the names of studies, compared with git's own."""

from __future__ import annotations

import random
import subprocess

import pytest

from sallyport_study import places
from sallyport_study.places import InvalidNameError, Repository

SEED = 20261129
PIECES = [
    "a", "b", "main", "feature", "refs", "heads", "HEAD", "lock", ".lock", "a.b", "1", "_",
    ".", "..", "/", "//", "@", "{", "}", "@{", "-", "+", "#", "~", "^", ":", "?", "*", "[", "]",
    "\\", " ", "\t", "\x01", "\x7f", "é", "日本", "\u00a0", "'", '"', "$", "(", ";", "&", "|", "%",
    "<", ">", "!", "=", ",",
]  # fmt: skip


def accepts(check: object, text: str) -> bool:
    """Return whether one of the checks accepts a string."""
    assert callable(check)
    try:
        check(text)
    except InvalidNameError:
        return False
    return True


def git_accepts(branch: str) -> bool:
    """Return whether git takes a string as the name of a branch."""
    command = ["git", "check-ref-format", "--branch", branch]
    return subprocess.run(command, cwd="/", capture_output=True, check=False).returncode == 0


@pytest.mark.live
def test_branches_are_those_of_git() -> None:
    choose = random.Random(SEED)
    names = {"".join(choose.choices(PIECES, k=choose.randint(1, 5))) for _ in range(2500)}
    verdicts = {name: git_accepts(name) for name in names}
    assert len(names) > 2000
    assert 300 < sum(verdicts.values()) < len(names) - 300, "both verdicts are well represented"
    differ = [name for name, verdict in verdicts.items()
              if accepts(places.check_branch, name) != verdict]  # fmt: skip
    assert differ == []


@pytest.mark.parametrize(
    "text",
    [
        "main",
        "feature+x",
        "fix/#12",
        "user@x",
        "größe",
        "日本",
        "_x",
        "1",
        "a.b-c_d/e",
        "@",
        "x.lo",
    ],
)
def test_ordinary_branches_and_tags(text: str) -> None:
    assert places.check_branch(text) == places.check_tag(text) == text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "must not be empty"),
        ("x" * 245, "longer than 244 bytes"),
        ("é" * 123, "longer than 244 bytes"),
        ("a\udcff", "not valid Unicode"),
        ("a b", "must not contain spaces"),
        ("a\n", "must not contain spaces"),
        ("a:b", "must not contain spaces"),
        ("-x", "must not start with '-'"),
        ("/a", "must not start or end with '/'"),
        ("a//b", "must not start or end with '/'"),
        ("a..b", "must not contain '..'"),
        ("a@{1}", "must not contain '..' or '@{'"),
        ("a.", "must not end with '.'"),
        (".hidden", "a part that starts with '.'"),
        ("a/b.lock/c", "ends with '.lock'"),
        ("HEAD", "must not be 'HEAD'"),
    ],
)
def test_a_bad_branch_is_named_with_its_rule(text: str, part: str) -> None:
    with pytest.raises(InvalidNameError) as caught:
        places.check_branch(text)
    assert part in str(caught.value)
    with pytest.raises(InvalidNameError, match="The name of the tag"):
        places.check_tag(text)


OWNERS = {
    "a": True, "A-b-9": True, "x" * 39: True, "mona_acme": True, "0day": True,
    "": False, "x" * 40: False, "-a": False, "a-": False, "a--b": False, "my.org": False,
    "a__b": False, "_a": False, "a_": False, "a b": False, "é": False, "a\n": False,
}  # fmt: skip
NAMES = {
    ".github": True, "study": True, "a.b-c_D": True, "x" * 100: True, "-x": True, "...": True,
    "_": True, "git": True,
    "": False, ".": False, "..": False, "x" * 101: False, "a b": False, "a\n": False, "é": False,
    "x.git.git": False, "a%20": False,
}  # fmt: skip


@pytest.mark.parametrize(("owner", "valid"), OWNERS.items())
def test_owners_are_those_of_github(owner: str, valid: bool) -> None:
    assert accepts(places.check_owner, owner) is valid
    assert accepts(Repository.parse, f"https://github.com/{owner}/study") is valid
    assert accepts(Repository.from_path, f"{owner}/study") is valid


@pytest.mark.parametrize(("name", "valid"), NAMES.items())
def test_repositories_are_those_of_github(name: str, valid: bool) -> None:
    assert accepts(Repository.parse, f"https://github.com/demo-org/{name}") is valid
    assert accepts(Repository.from_path, f"code.example/demo-org/{name}") is valid


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://github.com/demo-org/study", "demo-org/study"),
        ("https://github.com/demo-org/study.git/", "demo-org/study"),
        ("https://code.example/demo-org/study.git", "code.example/demo-org/study"),
        ("https://localhost/demo-org/study", "localhost/demo-org/study"),
    ],
)
def test_a_url_has_one_canonical_form_and_one_path_at_the_proxy(url: str, path: str) -> None:
    repository = Repository.parse(url)
    assert repository.path == path
    assert Repository.parse(repository.url) == Repository.from_path(path) == repository
    assert Repository.from_path(f"{path}.git") == repository


@pytest.mark.parametrize(
    "url",
    [
        "", "/srv/study", "demo-org/study", "http://github.com/demo-org/study",
        "ssh://github.com/demo-org/study", "git@github.com:demo-org/study",
        "https://user@github.com/demo-org/study", "https://github.com:443/demo-org/study",
        "https://GITHUB.com/demo-org/study", "https://github.com/demo-org",
        "https://github.com/demo-org/study/more", "https://github.com/demo-org/study//",
        "https://github.com/demo-org/study?x", "https://github.com/demo-org/study#x",
        "https://github.com/demo-org/study\n", "https://github..com/demo-org/study",
        "https://.github.com/demo-org/study", "https://" + "a." * 100 + "a/demo-org/study",
    ],
)  # fmt: skip
def test_other_urls_are_rejected(url: str) -> None:
    assert not accepts(Repository.parse, url)
    assert accepts(Repository.parse, "https://github.com/demo-org/study")


def test_the_public_forge_has_no_second_path() -> None:
    assert not accepts(Repository.from_path, "github.com/demo-org/study")
    assert not accepts(Repository.from_path, "study")
    assert accepts(Repository.from_path, "demo-org/study")


def test_forges_ignore_the_case_of_an_organisation() -> None:
    repository = Repository.parse("https://github.com/Demo-Org/study")
    assert repository.belongs_to(("demo-org",))
    assert not repository.belongs_to(("demo-orga", "other"))


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (places.check_commit, "a" * 40, ["", "a" * 39, "A" * 40, "a" * 40 + "\n", "HEAD"]),
        (places.check_workspace, "Heart_1-b", ["", "-a", "a" * 101, "a.b", "a/b", "a\n", "é"]),
    ],
)
def test_commits_and_workspaces(check: object, good: str, bad: list[str]) -> None:
    assert accepts(check, good)
    assert not any(accepts(check, text) for text in bad)
