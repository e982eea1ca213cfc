"""Packages are installed in one transaction, whether or not the host knows the archive's lists."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.sallyport.site.plugins.action.install_packages import ActionModule

FAILED = {"failed": True, "msg": "No package matching 'nginx-light' is available"}
DONE = {"changed": True}
SAME = {"changed": False}


class Installer(ActionModule):
    """The action, with answers of the package module in place of a host's."""

    def __init__(
        self, arguments: dict[str, Any], answers: list[dict[str, Any]], check: bool
    ) -> None:
        self._task = SimpleNamespace(args=arguments, check_mode=check)
        self.answers = answers
        self.asked: list[dict[str, Any]] = []

    def install(self) -> dict[str, Any]:
        """Run the action without the parts that need a play."""
        return self.install_missing({})

    def _execute_module(self, **words: Any) -> dict[str, Any]:
        assert words["module_name"] == "ansible.builtin.apt"
        self.asked.append(words["module_args"])
        return self.answers.pop(0)


def installer(*answers: dict[str, Any], check: bool = False, **arguments: Any) -> Installer:
    """Return an action with these arguments, for a host that answers so."""
    return Installer(arguments or {"names": ["nginx-light", "git"]}, list(answers), check)


def test_everything_is_asked_for_at_once_and_lists_stay_as_they_are() -> None:
    action = installer(SAME, names=["nginx-light", "git", "git"])
    assert action.install() == SAME
    (asked,) = action.asked
    assert asked == {
        "name": ["git", "nginx-light"],
        "install_recommends": False,
        "update_cache": False,
    }


def test_lists_are_fetched_where_the_first_attempt_fails() -> None:
    action = installer(FAILED, DONE)
    assert action.install() == DONE
    assert [asked["update_cache"] for asked in action.asked] == [False, True]


def test_a_package_that_no_list_knows_stays_a_failure() -> None:
    action = installer(FAILED, FAILED)
    assert action.install() == FAILED
    assert len(action.asked) == 2


def test_check_mode_fetches_nothing_and_counts_an_unknown_package_as_a_change() -> None:
    action = installer(FAILED, check=True)
    assert action.install()["changed"]
    assert len(action.asked) == 1
    assert installer(SAME, check=True).install() == SAME


def test_check_mode_hides_no_other_failure() -> None:
    broken = {"failed": True, "msg": "dpkg was interrupted"}
    assert installer(broken, check=True).install() == broken


@pytest.mark.parametrize("arguments", [{"name": ["git"]}, {"names": ["git"], "state": "absent"}])
def test_other_arguments_are_refused(arguments: dict[str, Any]) -> None:
    action = installer(SAME, **arguments)
    with pytest.raises(AnsibleActionFail, match="takes `names`, a list of packages"):
        action.install()
    assert action.asked == []
    assert installer(SAME, names=["git"]).install() == SAME


@pytest.mark.parametrize("names", ["git", [], [""], [5]])
def test_what_is_no_list_of_packages_is_refused(names: Any) -> None:
    with pytest.raises(AnsibleActionFail, match="takes `names`, a list of packages"):
        installer(SAME, names=names).install()
    assert installer(SAME, names=["git"]).install() == SAME
