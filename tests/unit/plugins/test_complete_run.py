"""Options that would skip the check of the inventory end a run with the code of wrong options."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible import context
from ansible.module_utils.common.collections import ImmutableDict

from ansible_collections.sallyport.site.plugins.callback import complete_run


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"skip_tags": ["runner", "always"]}, "--skip-tags always"),
        ({"start_at_task": "Try the policy"}, "--start-at-task"),
        ({"step": True}, "--step"),
    ],
)
def test_an_option_that_skips_the_check_ends_the_run(
    options: dict[str, Any],
    option: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(options))
    with pytest.raises(SystemExit) as ended:
        complete_run.CallbackModule().v2_playbook_on_start(None)
    assert ended.value.code == complete_run.WRONG_OPTION
    assert f"{option} would skip the check of the inventory" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [{}, {"skip_tags": ["runner"]}, {"skip_tags": (), "start_at_task": None}]
)
def test_other_options_are_accepted(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(options))
    complete_run.CallbackModule().v2_playbook_on_start(None)
    assert capsys.readouterr().err == ""


def test_the_page_has_the_name_of_the_callback() -> None:
    page = yaml.safe_load(complete_run.DOCUMENTATION)
    assert f"sallyport.site.{page['name']}" == complete_run.CallbackModule.CALLBACK_NAME
