"""Folders of files: what is asked for and nothing else, also when something is in the way."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.sallyport.site.plugins.modules import managed_files

ME, MINE = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
Run = Callable[..., dict[str, Any]]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of the host that is managed."""
    return tmp_path / "etc/example"


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The module on the managed folder; gives its answer."""

    def answer(
        files: dict[str, Any],
        check: list[str] | None = None,
        how: str = "",
        pending: str | None = None,
        applied: str | None = None,
        **folder: Any,
    ) -> dict[str, Any]:
        managed = {"root": str(root), "owner": ME, "group": MINE, "files": files} | folder
        arguments = {
            "folders": [managed],
            "check": check or [],
            "pending": pending,
            "applied": applied,
            "_ansible_check_mode": "check" in how,
            "_ansible_diff": "diff" in how,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            managed_files.main()
        return dict(json.loads(capsys.readouterr().out))

    return answer


def mode_of(path: Path) -> int:
    """Return the permission bits of a path."""
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_written_once(run: Run, root: Path) -> None:
    wanted = {"settings": "a=1\n", "units/one": "x"}
    first = run(wanted, folder_mode="0750")
    assert first["changed"]
    assert set(first["paths"]) == {
        str(root / name) for name in ("", "units", "settings", "units/one")
    }
    assert (root / "settings").read_text() == "a=1\n"
    again = run(wanted, folder_mode="0750")
    assert (again["changed"], again["paths"]) == (False, [])


def test_modes_are_those_that_were_asked_for_and_are_repaired(run: Run, root: Path) -> None:
    def modes() -> list[int]:
        return [mode_of(root), mode_of(root / "units"), mode_of(root / "units/one")]

    folder = {"folder_mode": "0750"}
    run({"units/one": "x"}, **folder)
    assert modes() == [0o750, 0o750, 0o644]
    (root / "units/one").chmod(0o666)
    root.chmod(0o777)
    repaired = run({"units/one": "x"}, **folder)
    assert set(repaired["paths"]) == {str(root), str(root / "units/one")}
    assert modes() == [0o750, 0o750, 0o644]


def test_a_folder_keeps_its_mode_where_none_is_asked_for(run: Run, root: Path) -> None:
    root.mkdir(parents=True, mode=0o700)
    assert run({"settings": "x"})["paths"] == [str(root / "settings")]
    assert mode_of(root) == 0o700


@needs_root
def test_a_strangers_file_gets_its_owner_back(run: Run, root: Path) -> None:
    run({"settings": "x"})
    os.chown(root / "settings", 65534, 65534)
    assert run({"settings": "x"})["paths"] == [str(root / "settings")]
    assert (root / "settings").stat().st_uid == os.geteuid()


def test_a_secret_was_never_readable_for_others(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has its mode before it takes its place, also where an open one stood."""
    run({"token": "old"})
    seen: list[int] = []
    replace = Path.replace

    def watched(path: Path, target: Path) -> Path:
        seen.append(mode_of(path))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", watched)
    run({"token": "new"})
    run({"token": "newer"}, mode="0440")
    assert seen == [0o644, 0o440]
    assert mode_of(root / "token") == 0o440


def test_check_mode_tells_and_writes_nothing(run: Run, root: Path) -> None:
    told = run({"settings": "a=1\n"}, how="check diff", folder_mode="0750")
    assert told["changed"]
    assert told["diff"][0]["after"] == "a=1\n"
    assert not root.exists()
    done = run({"settings": "a=1\n", "old": "x"}, folder_mode="0750")
    assert [path for path in told["paths"] if path not in done["paths"]] == []
    told = run({"settings": "a=2\n", "old": None}, how="check")
    assert told["paths"] == [str(root / "settings"), str(root / "old")]
    assert (root / "settings").read_text() == "a=1\n"
    assert (root / "old").exists()


def test_texts_are_told_only_to_those_who_ask_for_the_difference(run: Run, root: Path) -> None:
    assert run({"token": "hunter1"}).get("diff", []) == []
    assert "hunter" not in json.dumps(run({"token": "hunter2"})["paths"])
    (shown,) = run({"token": "hunter3"}, how="diff")["diff"]
    assert (shown["before"], shown["after"]) == ("hunter2", "hunter3")
    assert shown["before_header"] == str(root / "token")
    (gone,) = run({"token": None}, how="diff")["diff"]
    assert "hunter" not in gone["before"] + gone["after"]


def test_null_removes_a_file_and_leaves_others(run: Run, root: Path) -> None:
    run({"one": "1", "two": "2"})
    assert run({"one": None})["paths"] == [str(root / "one")]
    assert not run({"one": None})["changed"]
    assert [path.name for path in root.iterdir()] == ["two"]


def test_exclusive_removes_what_is_not_listed_folders_excepted(run: Run, root: Path) -> None:
    run({"one": "1", "two": "2", ".hidden": "3", "below/three": "4"})
    assert not run({"one": "1"})["changed"]
    gone = run({"one": "1"}, exclusive=True)
    assert set(gone["paths"]) == {str(root / "two"), str(root / ".hidden")}
    assert sorted(path.name for path in root.iterdir()) == ["below", "one"]
    assert not run({"one": "1"}, exclusive=True)["changed"]


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "..", ".", ""])
def test_a_name_that_leads_out_of_its_root_is_refused(run: Run, root: Path, name: str) -> None:
    refused = run({"first": "x", name: "x"})
    assert refused["failed"]
    assert refused["msg"].startswith(f"nothing was written: {name!r} must be a name below {root}")
    assert not root.parent.exists()
    assert run({"first": "x", "a/inside": "x"})["changed"]


@pytest.mark.parametrize("text", [5, ["x"], {"a": 1}])
def test_what_is_no_text_is_refused_and_not_told(run: Run, root: Path, text: Any) -> None:
    refused = run({"settings": text})
    kind = type(text).__name__
    assert refused["msg"].endswith(f"{root / 'settings'} must be given a string, not {kind}")
    assert run({"settings": "5"})["changed"]


def test_a_link_on_the_way_to_a_file_is_refused(run: Run, root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    root.mkdir(parents=True)
    (root / "below").symlink_to(tmp_path / "elsewhere")
    refused = run({"below/settings": "x"})
    assert refused["msg"].endswith(f"{root / 'below'} must be a folder, not a link or a file")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    (root / "below").unlink()
    assert run({"below/settings": "x"})["changed"]


def test_what_stands_in_the_way_is_named(run: Run, root: Path) -> None:
    root.parent.mkdir()
    root.write_text("a file")
    assert "must be the absolute path of a folder" in run({"settings": "x"})["msg"]
    root.unlink()
    run({"below/settings": "x"})
    assert run({"below": "x"})["msg"].endswith(f"{root / 'below'} is a folder and stays one")
    assert "not a link or a file" in run({"below/settings/more": "x"})["msg"]
    assert run({"below/more": "x"})["changed"]


@pytest.mark.parametrize("target", ["same", "other", "nothing", "folder"])
def test_a_link_in_the_place_of_a_file_gives_way(
    run: Run, root: Path, tmp_path: Path, target: str
) -> None:
    (tmp_path / "same").write_text("x")
    (tmp_path / "other").write_text("y")
    (tmp_path / "folder").mkdir()
    root.mkdir(parents=True)
    (root / "settings").symlink_to(tmp_path / target)
    (root / "gone").symlink_to(tmp_path / target)
    assert run({"settings": "x", "gone": None})["changed"]
    assert not (root / "settings").is_symlink()
    assert (root / "settings").read_text() == "x"
    assert [path.name for path in root.iterdir()] == ["settings"]
    assert ((tmp_path / "other").read_text(), (tmp_path / "folder").is_dir()) == ("y", True)


def test_a_check_that_fails_puts_everything_back(run: Run, root: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("t")
    run({"kept": "old", "secret": "s"})
    (root / "secret").chmod(0o400)
    (root / "link").symlink_to(tmp_path / "target")
    wanted = {"kept": "new", "secret": None, "link": "new", "made": "new"}
    refused = run(wanted, check=["sh", "-c", "echo no good >&2; exit 1"])
    assert refused["failed"]
    assert refused["msg"].endswith("refused the result, which was put back: no good\n")
    assert sorted(path.name for path in root.iterdir()) == ["kept", "link", "secret"]
    assert (root / "kept").read_text() == "old"
    assert (root / "link").is_symlink()
    assert ((root / "secret").read_text(), mode_of(root / "secret")) == ("s", 0o400)
    assert run(wanted, check=["true"])["changed"]
    assert sorted(path.name for path in root.iterdir()) == ["kept", "link", "made"]


def test_the_check_sees_changes_only(run: Run) -> None:
    run({"settings": "x"})
    assert not run({"settings": "x"}, check=["false"]).get("failed")
    assert not run({"settings": "y"}, check=["false"], how="check").get("failed")
    assert run({"settings": "y"}, check=["false"])["failed"]


@needs_root
def test_an_unknown_owner_leaves_nothing_behind(run: Run, root: Path) -> None:
    run({"settings": "x"})
    assert run({"settings": "y"}, owner="no-such-user")["failed"]
    assert [path.name for path in root.iterdir()] == ["settings"]
    assert (root / "settings").read_text() == "x"
    assert run({"settings": "y"})["changed"]


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where changes are remembered until something is restarted."""
    monkeypatch.setattr(managed_files, "PENDING", tmp_path / "pending")
    return tmp_path / "pending"


def test_a_change_is_reported_until_it_is_applied(run: Run, memory: Path) -> None:
    first = run({"settings": "a=1"}, pending="example")
    again = run({"settings": "a=1"}, pending="example")
    assert again["changed"]
    assert again["paths"] == first["paths"]
    assert mode_of(memory) == 0o700
    assert not run({"settings": "a=1"}, applied="example")["changed"]
    after = run({"settings": "a=1"}, pending="example")
    assert (after["changed"], after["paths"]) == (False, [])


@pytest.mark.usefixtures("memory")
def test_changes_of_several_runs_add_up(run: Run, root: Path) -> None:
    run({"settings": "a=1"}, applied="example")
    run({"settings": "a=2"}, pending="example")
    third = run({"settings": "a=2", "unit": "x"}, pending="example")
    assert third["paths"] == [str(root / "settings"), str(root / "unit")]


def test_check_mode_reports_what_is_pending_and_keeps_it(run: Run, memory: Path) -> None:
    assert run({"settings": "a=1"}, pending="example", how="check")["changed"]
    assert not memory.exists()
    run({"settings": "a=1"}, pending="example")
    assert run({"settings": "a=1"}, pending="example", how="check")["changed"]
    run({"settings": "a=1"}, applied="example", how="check")
    assert run({"settings": "a=1"}, pending="example")["changed"]


@pytest.mark.usefixtures("memory")
def test_a_result_that_is_refused_leaves_nothing_pending(run: Run) -> None:
    run({"settings": "a=1"})
    refused = run({"settings": "a=2"}, check=["false"], pending="example")
    assert refused["failed"]
    assert not run({"settings": "a=1"}, pending="example")["changed"]


def test_a_killed_run_leaves_its_change_pending(
    run: Run, root: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run({"settings": "a=1"})

    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(managed_files.Writer, "_replace", die)
    with pytest.raises(json.JSONDecodeError):
        run({"settings": "a=2"}, pending="example")
    monkeypatch.undo()
    monkeypatch.setattr(managed_files, "PENDING", memory)
    assert (root / "settings").read_text() == "a=1"
    assert run({"settings": "a=1"}, pending="example")["paths"] == [str(root / "settings")]


def test_a_memory_that_was_cut_short_counts_as_a_change(run: Run, memory: Path) -> None:
    memory.mkdir()
    (memory / "example").write_text('["/etc/exa')
    assert run({}, pending="example")["paths"][0] == str(memory / "example")


@pytest.mark.parametrize("name", ["../example", "", "a b"])
@pytest.mark.usefixtures("memory")
def test_the_name_of_what_is_pending_is_a_plain_name(run: Run, name: str) -> None:
    refused = run({"settings": "a=1"}, pending=name)
    assert refused["failed"]
    assert "must be a name of letters" in refused["msg"]
