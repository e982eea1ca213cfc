"""Write folders of small files in one task; a task for each costs half a second a host."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: managed_files
short_description: Write folders of small text files in one step
description:
  - Creates each root with its missing parents, and the folders between it and its files.
  - Writes the files whose text differs, each by one rename, with owner, group and mode.
  - Writes nothing at all when a name leads out of its root, or through a symbolic link.
  - Replaces a link in the place of a file; what the link points at stays as it is.
options:
  folders:
    description: What to write; a folder with no files is only created.
    type: list
    elements: dict
    required: true
    suboptions:
      root: {description: The folder., type: path, required: true}
      owner: {description: Owner of folders and files., type: str, default: root}
      group: {description: Group of folders and files., type: str, default: root}
      mode: {description: Mode of the files., type: str, default: "0644"}
      folder_mode: {description: Mode of root and folders below; kept when not given., type: str}
      files: {description: Text by name below root; null removes the file., type: dict, default: {}}
      exclusive: {description: Remove all other files in root., type: bool, default: false}
  check:
    description: Program and arguments that judge the result; if it fails, everything is put back.
    type: list
    elements: str
    default: []
  pending:
    description: >-
      Name of what must be restarted after a change. A change is remembered under it in
      /run/sallyport-pending, so that the next run finishes one that ended before its handlers:
      the task reports it again until O(applied) names it, or the host restarts.
    type: str
  applied:
    description: Name of what was restarted; forgets the changes that are pending under it.
    type: str
author: [Sallyport developers]
"""

EXAMPLES = """
- name: Write the settings
  sallyport.site.managed_files:
    folders:
      - {root: /etc/example, folder_mode: "0750", mode: "0640", files: {settings: "a=1"}}
    pending: example
  notify: [Restart example, Note that example was restarted]

# A handler, after the one that restarts it
- name: Note that example was restarted
  sallyport.site.managed_files:
    folders: []
    applied: example
"""

RETURN = """
paths:
  description: What was created, changed or removed, in this run and in those that it finishes.
  type: list
  returned: always
"""

SUBOPTIONS = {
    "root": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0644"},
    "folder_mode": {"type": "str"},
    "files": {"type": "dict", "default": {}},
    "exclusive": {"type": "bool", "default": False},
}
ARGUMENTS = {
    "folders": {"type": "list", "elements": "dict", "required": True, "options": SUBOPTIONS},
    "check": {"type": "list", "elements": "str", "default": []},
    "pending": {"type": "str"},
    "applied": {"type": "str"},
}
# It is empty after a restart of the host, when everything runs with what was written.
PENDING = Path("/run/sallyport-pending")


class RefusedError(Exception):
    """What was asked for cannot be done safely; the text says what is wrong."""


def draft(path: Path, content: bytes) -> Path:
    """Write content to a new file beside a path, for its owner alone; return its name."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as stream:
        stream.write(content)
    return Path(stream.name)


@dataclass(frozen=True)
class Former:
    """What stood in the place of a file: nothing, a link, or a file with its owner and mode."""

    path: Path
    link: str | None = None
    content: bytes | None = None
    status: os.stat_result | None = None

    @classmethod
    def of(cls, path: Path) -> Former:
        """Remember what is at a path."""
        if path.is_symlink():
            return cls(path, link=str(path.readlink()))
        if path.exists():
            return cls(path, content=path.read_bytes(), status=path.stat())
        return cls(path)

    def restore(self) -> None:
        """Put back what stood there."""
        if self.content is not None and self.status is not None:
            beside = draft(self.path, self.content)
            os.chown(beside, self.status.st_uid, self.status.st_gid)
            beside.chmod(self.status.st_mode & 0o7777)
            beside.replace(self.path)
            return
        self.path.unlink(missing_ok=True)
        if self.link is not None:
            self.path.symlink_to(self.link)


class Pending:
    """The paths that changed since something was restarted, kept until it is restarted again."""

    def __init__(self, name: str | None) -> None:
        if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise RefusedError(f"{name!r} must be a name of letters, digits, `.`, `_` and `-`")
        self._path = PENDING / name if name else None

    def paths(self) -> list[str]:
        """Return the paths that changed; a file that was cut short counts as a change."""
        if self._path is None or not self._path.exists():
            return []
        try:
            return [str(path) for path in json.loads(self._path.read_text())]
        except ValueError:
            return [str(self._path)]

    def add(self, path: str) -> None:
        """Remember a path that is about to change."""
        if self._path is not None:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            paths = [*dict.fromkeys([*self.paths(), path])]
            draft(self._path, json.dumps(paths).encode()).replace(self._path)

    def forget(self) -> bool:
        """Forget all paths; return whether there were any."""
        present = self._path is not None and self._path.exists()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        return present


def between(root: Path, name: str) -> list[Path]:
    """Return the folders between a root and its file, the outer ones first."""
    return [path for path in reversed((root / name).parents) if root in path.parents]


def check_names(folder: dict[str, Any]) -> None:
    """Raise RefusedError where a file would not be a string, or not be below its root."""
    root = Path(folder["root"])
    if not root.is_absolute() or (root.exists() and not root.is_dir()):
        raise RefusedError(f"root {root} must be the absolute path of a folder")
    for name, text in folder["files"].items():
        parts = PurePosixPath(name).parts
        if not parts or {"/", ".."} & set(parts):
            raise RefusedError(f"{name!r} must be a name below {root}, without `..`")
        if not isinstance(text, str | None):
            raise RefusedError(f"{root / name} must be given a string, not {type(text).__name__}")
        for path in between(root, name):
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                raise RefusedError(f"{path} must be a folder, not a link or a file")
        if (root / name).is_dir() and not (root / name).is_symlink():
            raise RefusedError(f"{root / name} is a folder and stays one")


class Writer:
    """Brings one folder and its files to what was asked for, and remembers what changed."""

    def __init__(self, module: AnsibleModule, pending: Pending) -> None:
        self._module = module
        self._pending = pending
        self.changed: list[str] = []
        self.diff: list[dict[str, str]] = []
        self._before: list[Former] = []

    def write(self, folder: dict[str, Any]) -> None:
        """Bring a folder and its files to what was asked for."""
        root = Path(folder["root"])
        below = {path for name in folder["files"] for path in between(root, name)}
        for path in [root, *sorted(below)]:
            self._make(path, folder)
        for name, text in folder["files"].items():
            if text is None:
                self._remove(iter([root / name]))
            else:
                self._put(root / name, text, folder)
        if folder["exclusive"]:
            listed = {root / name for name in folder["files"]}
            self._remove(path for path in sorted(root.glob("*")) if path not in listed)

    def _note(self, path: Path) -> None:
        """Report a change; called before it is made, so that a killed run leaves a trace."""
        self.changed.append(str(path))
        if not self._module.check_mode:
            self._pending.add(str(path))

    def _settle(self, path: Path, folder: dict[str, Any], mode: str) -> bool:
        wanted = {"owner": folder["owner"], "group": folder["group"], "mode": mode}
        common = self._module.load_file_common_arguments(wanted, path=str(path))
        return bool(self._module.set_fs_attributes_if_different(common, False))

    def _make(self, path: Path, folder: dict[str, Any]) -> None:
        mode = folder["folder_mode"]
        missing = not path.is_dir()
        if missing:
            self._note(path)
        if missing and not self._module.check_mode:
            for parent in [*reversed(path.parents), path]:
                if not parent.is_dir():
                    parent.mkdir()
                    parent.chmod(0o755)
        if missing and self._module.check_mode:
            return
        if mode and self._settle(path, folder, mode) and not missing:
            self._note(path)

    def _put(self, path: Path, text: str, folder: dict[str, Any]) -> None:
        former = Former.of(path)
        if former.content == text.encode():
            if self._settle(path, folder, folder["mode"]):
                self._note(path)
            return
        self._record(former, (former.content or b"").decode(errors="replace"), text)
        if not self._module.check_mode:
            self._replace(path, text, folder)

    def _replace(self, path: Path, text: str, folder: dict[str, Any]) -> None:
        """Write a string beside its place; it has owner and mode before it takes the place."""
        beside = draft(path, text.encode())
        try:
            self._settle(beside, folder, folder["mode"])
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def _record(self, former: Former, before: str, after: str) -> None:
        name = str(former.path)
        self._note(former.path)
        self._before.append(former)
        if self._module._diff:
            self.diff.append(
                {"before_header": name, "before": before, "after_header": name, "after": after}
            )

    def _remove(self, paths: Iterator[Path]) -> None:
        for path in paths:
            if path.is_file() or path.is_symlink():
                self._record(Former.of(path), "", "removed\n")
                if not self._module.check_mode:
                    path.unlink()

    def judge(self, check: list[str]) -> str | None:
        """Run the check if something changed; put every file back and say why if it fails."""
        if not check or not self.changed or self._module.check_mode:
            return None
        code, out, error = self._module.run_command(check)
        if code == 0:
            return None
        for former in reversed(self._before):
            former.restore()
        return f"{' '.join(check)} refused the result, which was put back: {error or out}"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        pending, applied = Pending(module.params["pending"]), Pending(module.params["applied"])
        for folder in module.params["folders"]:
            check_names(folder)
    except RefusedError as error:
        module.fail_json(msg=f"nothing was written: {error}")
    before = pending.paths()
    writer = Writer(module, pending)
    for folder in module.params["folders"]:
        writer.write(folder)
    refusal = writer.judge(module.params["check"])
    if refusal:
        if not before:
            pending.forget()
        module.fail_json(msg=refusal, paths=writer.changed)
    if not module.check_mode:
        applied.forget()
    changed = [*dict.fromkeys([*before, *writer.changed])]
    module.exit_json(changed=bool(changed), paths=changed, diff=writer.diff)


if __name__ == "__main__":
    main()
