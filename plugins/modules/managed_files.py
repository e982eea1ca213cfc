"""Write folders of small files in one task; a task for each costs half a second a host."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: managed_files
short_description: Write folders of small text files in one step
description:
  - Creates each root with its missing parents, and the folders between it and its files.
  - Writes the files whose text differs, each by one rename, and sets owner, group and mode.
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
author: [Sallyport]
"""

EXAMPLES = """
- name: Write the settings
  managed_files:
    folders:
      - {root: /etc/example, folder_mode: "0750", mode: "0640", files: {settings: "a=1"}}
"""

RETURN = """
paths:
  description: What was created, changed or removed.
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


class Writer:
    """Brings one folder and its files to what was asked for, and remembers what changed."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self.changed: list[str] = []
        self.diff: list[dict[str, str]] = []
        self._before: list[tuple[Path, bytes | None]] = []

    def write(self, folder: dict[str, Any]) -> None:
        """Bring a folder and its files to what was asked for."""
        root = Path(folder["root"])
        for path in self._folders(root, folder["files"]):
            self._make(path, folder)
        for name, text in folder["files"].items():
            if text is None:
                self._remove(iter([root / name]))
            else:
                self._put(root / name, text, folder)
        if folder["exclusive"]:
            listed = {root / name for name in folder["files"]}
            self._remove(path for path in sorted(root.glob("*")) if path not in listed)

    @staticmethod
    def _folders(root: Path, files: dict[str, str]) -> list[Path]:
        below = {parent for name in files for parent in (root / name).parents}
        return [root, *sorted(path for path in below if root in path.parents)]

    def _settle(self, path: Path, folder: dict[str, Any], mode: str) -> bool:
        wanted = {"owner": folder["owner"], "group": folder["group"], "mode": mode}
        common = self._module.load_file_common_arguments(wanted, path=str(path))
        return bool(self._module.set_fs_attributes_if_different(common, False))

    def _make(self, path: Path, folder: dict[str, Any]) -> None:
        mode = folder["folder_mode"]
        missing = not path.is_dir()
        if missing and not self._module.check_mode:
            for parent in [*reversed(path.parents), path]:
                if not parent.is_dir():
                    parent.mkdir()
                    parent.chmod(0o755)
        if (
            (missing and self._module.check_mode)
            or (mode and self._settle(path, folder, mode))
            or missing
        ):
            self.changed.append(str(path))

    def _put(self, path: Path, text: str, folder: dict[str, Any]) -> None:
        present = path.read_bytes() if path.is_file() else None
        if present != text.encode():
            self._record(path, (present or b"").decode(errors="replace"), text)
            self._before.append((path, present))
            if not self._module.check_mode:
                with tempfile.NamedTemporaryFile(dir=self._module.tmpdir, delete=False) as stream:
                    stream.write(text.encode())
                self._settle(Path(stream.name), folder, folder["mode"])
                self._module.atomic_move(stream.name, str(path))
                self._settle(path, folder, folder["mode"])
        elif self._settle(path, folder, folder["mode"]):
            self.changed.append(str(path))

    def _record(self, path: Path, before: str, after: str) -> None:
        self.changed.append(str(path))
        name = str(path)
        self.diff.append(
            {"before_header": name, "before": before, "after_header": name, "after": after}
        )

    def _remove(self, paths: Iterator[Path]) -> None:
        for path in paths:
            if path.is_file() or path.is_symlink():
                self._record(path, "", "removed\n")
                self._before.append((path, path.read_bytes()))
                if not self._module.check_mode:
                    path.unlink()

    def judge(self, check: list[str]) -> str | None:
        """Run the check if something changed; put everything back and say why if it fails."""
        if not check or not self.changed or self._module.check_mode:
            return None
        code, out, error = self._module.run_command(check)
        if code == 0:
            return None
        for path, content in reversed(self._before):
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        return f"{' '.join(check)} refused the result, which was put back: {error or out}"


def main() -> None:
    """Run the module."""
    folders = {"type": "list", "elements": "dict", "required": True, "options": SUBOPTIONS}
    check = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={"folders": folders, "check": check}, supports_check_mode=True
    )
    writer = Writer(module)
    for folder in module.params["folders"]:
        writer.write(folder)
    refusal = writer.judge(module.params["check"])
    if refusal:
        module.fail_json(msg=refusal, paths=writer.changed)
    module.exit_json(changed=bool(writer.changed), paths=writer.changed, diff=writer.diff)


if __name__ == "__main__":
    main()
