"""Install packages in one transaction, on bare hosts and in check mode too.

Where the lists of the archive are missing or out of date, they are fetched and the installation is
tried again. In check mode, which fetches none, a package that no list knows counts as a change.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

UNKNOWN = "No package matching"


def packages(arguments: dict[str, Any]) -> list[str]:
    """Return the names that a task gives, each once; a string would be taken letter by letter."""
    names: Any = arguments.get("names")
    good = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    if set(arguments) != {"names"} or not good or not all(names):
        raise AnsibleActionFail("install_packages takes `names`, a list of packages")
    return sorted(set(names))


class ActionModule(ActionBase):
    """`install_packages: {names: [git, nginx-light]}`."""

    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Install what is missing."""
        super().run(tmp, task_vars)
        return self.install_missing(task_vars or {})

    def install_missing(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Install the packages, with fresh lists only where it fails without."""
        names = packages(self._task.args)
        result = self._install(names, task_vars, update=False)
        if result.get("failed") and not self._task.check_mode:
            result = self._install(names, task_vars, update=True)
        if self._task.check_mode and UNKNOWN in str(result.get("msg", "")):
            return {"changed": True, "msg": "to be installed once the package lists are fetched"}
        return result

    def _install(
        self, names: list[str], task_vars: dict[str, Any], *, update: bool
    ) -> dict[str, Any]:
        arguments = {"name": names, "install_recommends": False, "update_cache": update}
        return dict(
            self._execute_module(
                module_name="ansible.builtin.apt", module_args=arguments, task_vars=task_vars
            )
        )
